-- grain: sample_id, allocation_rule, scope, task_id
-- why: the published tasks of each scope with their weighted conversations: the frame
--      on which patterns, success, use case and concentration are computed
with

scope_weights as (

    select * from {{ ref('int_scope_weights') }}
    where scope_kind <> 'major_group'

),

task_cells as (

    select * from {{ ref('int_task_cells') }}
    where facet = 'onet_task' and geo_level = 'global'

),

platforms as (

    select
        task_cells.sample_id,
        task_cells.task_id,
        count(*) over (
            partition by samples.release_id, task_cells.task_id
        ) as platform_count
    from task_cells
    inner join {{ ref('int_samples') }} as samples using (sample_id)

),

final as (

    select
        task_cells.sample_id,
        scope_weights.allocation_rule,
        scope_weights.scope,
        task_cells.task_id,
        scope_weights.weight,
        scope_weights.weight * task_cells.conversation_count as conversation_count
    from task_cells
    inner join scope_weights using (task_id)
    inner join {{ ref('scopes') }} as scopes on scope_weights.scope = scopes.scope
    inner join platforms using (sample_id, task_id)
    where not scopes.is_both_platforms_only or platforms.platform_count > 1

)

select * from final
