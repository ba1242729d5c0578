-- grain: release_id, platform, window_start_date, geo_level, geo_id, task_id, facet,
--        category
-- why: the additive atom of every figure, public so that anyone can aggregate it anew
with

task_cells as (

    select * from {{ ref('int_task_cells') }}

),

samples as (

    select * from {{ ref('int_samples') }}

),

final as (

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
        samples.is_simulated
    from task_cells
    inner join samples on task_cells.sample_id = samples.sample_id

)

select * from final
