-- grain: release_id, platform, window_start_date, allocation_rule, scope, figure,
--        estimator, category, task_rank
-- why: how much a figure leans on one task: without each of the largest, and the range
--      over leaving out any one
with

without_task as (

    select * from {{ ref('int_scope_figures_without_task') }}
    where label_kind = 'named'

),

final as (

    select
        samples.release_id,
        samples.platform,
        samples.window_start_date,
        figures.allocation_rule,
        figures.scope,
        figures.figure,
        figures.estimator,
        figures.category,
        without_task.task_rank,
        without_task.omitted_task_id as task_id,
        tasks.task_key,
        100 * (figures.scope_conversation_count - without_task.scope_conversation_count)
        / nullif(figures.scope_conversation_count, 0) as task_share_pct,
        figures.share_pct,
        without_task.share_pct as share_without_pct,
        without_task.share_pct - figures.share_pct as change_pct_points,
        without_task.bound_low_pct,
        without_task.bound_high_pct,
        without_task.any_omission_low_pct,
        without_task.any_omission_high_pct,
        without_task.task_count,
        without_task.status,
        without_task.missing_facet,
        samples.is_simulated
    from without_task
    inner join {{ ref('int_scope_figures') }} as figures
        using (sample_id, allocation_rule, scope, figure, estimator, category)
    inner join {{ ref('int_tasks') }} as tasks
        on without_task.omitted_task_id = tasks.task_id
    inner join {{ ref('int_samples') }} as samples using (sample_id)

)

select * from final
