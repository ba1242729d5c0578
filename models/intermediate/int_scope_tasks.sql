-- grain: release_id, platform, allocation_rule, scope, task_id
-- why: the published tasks of each scope with their weighted conversations: the
--      frame on which patterns, success, use case and concentration are computed
with

scope_weights as (

    select * from {{ ref('int_scope_weights') }}

),

task_cells as (

    select * from {{ ref('int_task_cells') }}
    where facet = 'onet_task' and geo_level = 'global'

),

scopes as (

    select * from {{ ref('scopes') }}

),

task_platforms as (

    select
        release_id,
        task_id,
        count(*) as platform_count
    from task_cells
    group by release_id, task_id

),

final as (

    select
        task_cells.release_id,
        task_cells.platform,
        scope_weights.allocation_rule,
        scope_weights.scope,
        task_cells.task_id,
        scope_weights.weight,
        task_cells.conversation_count as task_conversation_count,
        scope_weights.weight * task_cells.conversation_count as conversation_count,
        task_cells.is_simulated
    from task_cells
    inner join scope_weights on task_cells.task_id = scope_weights.task_id
    inner join scopes on scope_weights.scope = scopes.scope
    inner join task_platforms
        on
            task_cells.release_id = task_platforms.release_id
            and task_cells.task_id = task_platforms.task_id
    where not scopes.is_both_platforms_only or task_platforms.platform_count > 1

)

select * from final
