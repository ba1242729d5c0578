-- grain: release_id, platform, geo_level, geo_id, task_id, facet, category
-- why: the additive atom of every figure, public so that anyone can aggregate it
--      anew
with

task_cells as (

    select * from {{ ref('int_task_cells') }}

),

final as (

    select
        release_id,
        platform,
        geo_level,
        geo_id,
        task_id,
        facet,
        category,
        conversation_count,
        minimum_conversation_count,
        maximum_conversation_count,
        published_pct,
        status,
        is_simulated
    from task_cells

)

select * from final
