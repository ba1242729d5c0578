-- grain: release_id, platform, window_start_date, geo_level, geo_id, task_id, facet,
--        category
-- why: the additive atom of every figure, public so that anyone can aggregate it anew
select
    samples.release_id,
    samples.platform,
    samples.window_start_date,
    task_cells.geo_level,
    task_cells.geo_id,
    task_cells.task_id,
    task_cells.facet,
    task_cells.category,
    {{ if_counted('task_cells.conversation_count') }} as conversation_count,
    {{ if_counted('task_cells.minimum_conversation_count') }}
        as minimum_conversation_count,
    {{ if_counted('task_cells.maximum_conversation_count') }}
        as maximum_conversation_count,
    task_cells.published_pct,
    task_cells.status,
    places.is_below_threshold,
    places.is_anomalous,
    samples.is_simulated
from {{ ref('int_task_cells') }} as task_cells
inner join {{ ref('int_samples') }} as samples using (sample_id)
inner join {{ ref('int_geography_totals') }} as places
    using (sample_id, geo_level, geo_id)
