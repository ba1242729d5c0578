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
    {{ is_below_threshold(
        if_counted('geography_totals.conversation_count'), 'task_cells.geo_level'
    ) }} as is_below_threshold,
    anomalies.geo_id is not null as is_anomalous,
    samples.is_simulated
from {{ ref('int_task_cells') }} as task_cells
inner join {{ ref('int_samples') }} as samples using (sample_id)
inner join {{ ref('int_geography_totals') }} as geography_totals
    using (sample_id, geo_level, geo_id)
left join {{ ref('anomalous_geographies') }} as anomalies
    on
        samples.release_id = anomalies.release_id
        and task_cells.geo_level = anomalies.geo_level
        and task_cells.geo_id = anomalies.geo_id
