-- grain: one row per release, platform, place, facet, task and category, unsuppressed
-- why: what a published release hides; task is empty outside the world and category is
--      empty for onet_task
select
    run.release_id,
    '{platform}' as platform,
    place.geography,
    place.geo_id,
    coalesce(category.facet, measure.facet, 'onet_task') as facet,
    case
        when cell.place_kind = 0 or cell.facet_no = 0 then node.label
        else ''
    end as task,
    coalesce(category.label, measure.parts::varchar, '') as category,
    sum(cell.n)::bigint as conversations
from cell
inner join run on cell.run_no = run.run_no
inner join place
    on cell.place_kind = place.place_kind and cell.place_no = place.place_no
inner join node
    on
        cell.task_no = node.task_no
        and cell.style = node.style
        and node.base = 'onet_task'
left join category
    on cell.facet_no = category.facet_no and cell.code = category.code
left join measure
    on cell.facet_no = measure.facet_no and cell.code = measure.code
group by all
