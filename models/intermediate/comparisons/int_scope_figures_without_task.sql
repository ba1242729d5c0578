-- grain: sample_id, allocation_rule, scope, figure, estimator, category, task_rank
-- why: each figure without each of its largest tasks, and the range over leaving out
--      any one task: what is taken away is what int_scope_figures summed
with

scope_tasks as (

    -- To leave out a pseudo-task would be another scope.
    select
        scope_tasks.*,
        row_number() over (
            partition by
                scope_tasks.sample_id, scope_tasks.allocation_rule, scope_tasks.scope
            order by
                scope_tasks.conversation_count desc nulls last,
                scope_tasks.task_id asc
        ) as task_rank
    from {{ ref('int_scope_tasks') }} as scope_tasks
    inner join {{ ref('int_tasks') }} as tasks using (task_id)
    where not tasks.is_pseudo_task

),

-- Joined twice: the tasks that are shown are few of all that the range is over.
without_task as not materialized (

    select
        figures.sample_id,
        figures.allocation_rule,
        figures.scope,
        figures.figure,
        figures.estimator,
        figures.category,
        figures.label_kind,
        scope_tasks.task_rank,
        scope_tasks.task_id as omitted_task_id,
        figures.task_count - 1 as task_count,
        figures.task_not_in_copy_count
        - cast(ratios.is_not_in_copy as integer) as task_not_in_copy_count,
        case
            when
                figures.task_not_in_copy_count > cast(ratios.is_not_in_copy as integer)
                then figures.missing_facet
        end as missing_facet,
        figures.scope_conversation_count
        - scope_tasks.weight * ratios.task_count as scope_conversation_count,
        -- Where no other task publishes the category nothing is known: not zero.
        case
            when
                figures.label_kind = 'residual'
                or figures.task_with_cell_count
                > cast(ratios.cell_count is not null as integer)
                then
                    figures.numerator
                    - scope_tasks.weight * coalesce(ratios.numerator, 0)
        end as numerator,
        -- What is left of sums of thirds is never quite zero.
        case
            when figures.base * (1 - 1e-9) > scope_tasks.weight * ratios.base
                then figures.base - scope_tasks.weight * ratios.base
        end as base,
        figures.numerator_low
        - scope_tasks.weight * ratios.numerator_low as numerator_low,
        figures.numerator_high
        - scope_tasks.weight * ratios.numerator_high as numerator_high
    from scope_tasks
    inner join {{ ref('int_task_ratios') }} as ratios using (sample_id, task_id)
    inner join {{ ref('int_scope_figures') }} as figures
        on
            scope_tasks.sample_id = figures.sample_id
            and scope_tasks.allocation_rule = figures.allocation_rule
            and scope_tasks.scope = figures.scope
            and ratios.figure = figures.figure
            and ratios.estimator = figures.estimator
            and ratios.category = figures.category

),

ranges as (

    select
        sample_id,
        allocation_rule,
        scope,
        figure,
        estimator,
        category,
        100 * min(numerator / base) as any_omission_low_pct,
        100 * max(numerator / base) as any_omission_high_pct
    from without_task
    group by sample_id, allocation_rule, scope, figure, estimator, category

),

final as (

    select
        without_task.*,
        100 * without_task.numerator / without_task.base as share_pct,
        {{ if_counted('100 * without_task.numerator_low / without_task.base') }}
            as bound_low_pct,
        {{ if_counted('100 * without_task.numerator_high / without_task.base') }}
            as bound_high_pct,
        ranges.any_omission_low_pct,
        ranges.any_omission_high_pct,
        case
            when without_task.task_count = 0 then 'no_task_left'
            when
                without_task.numerator is null
                and without_task.task_not_in_copy_count > 0
                then 'not_in_copy'
            when without_task.task_not_in_copy_count > 0 then 'partial_copy'
            when without_task.numerator is null or without_task.base is null
                then 'none_visible'
            else 'visible'
        end as status
    from without_task
    inner join ranges
        using (sample_id, allocation_rule, scope, figure, estimator, category)
    inner join {{ ref('int_samples') }} as samples using (sample_id)
    where without_task.task_rank <= {{ var('omitted_task_count') }}
    union all by name
    -- Of a facet that this copy lacks nothing is known without a task either.
    select
        figures.sample_id,
        figures.allocation_rule,
        figures.scope,
        figures.figure,
        figures.estimator,
        figures.category,
        figures.label_kind,
        scope_tasks.task_rank,
        scope_tasks.task_id as omitted_task_id,
        figures.status,
        figures.missing_facet
    from {{ ref('int_scope_figures') }} as figures
    inner join scope_tasks using (sample_id, allocation_rule, scope)
    where
        figures.status = 'not_in_copy'
        and figures.task_count is null
        and scope_tasks.task_rank <= {{ var('omitted_task_count') }}

)

select * from final
