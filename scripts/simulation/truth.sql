-- grain: one row per release, platform, place, facet, task and category, unsuppressed
-- why: what a published release hides; task is empty outside the world and category is
--      empty for onet_task
select
    run.release_id,
    '{platform}' as platform,
    place.geography,
    place.geo_id,
    coalesce(category.facet, measure.facet, 'onet_task') as facet,
    if(place_kind = 0 or facet_no = 0, task_label.label, '') as task,
    coalesce(category.label, measure.parts::varchar, '') as category,
    sum(n)::bigint as conversations
from cell
inner join run using (run_no)
inner join place using (place_kind, place_no)
inner join task_label using (task_no)
left join category using (facet_no, code)
left join measure using (facet_no, code)
group by all
