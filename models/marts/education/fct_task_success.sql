-- grain: release_id, platform, allocation_rule, scope, estimator
-- why: how often the model judged its own answer a success, by two estimators that
--      treat folded cells differently, and the range for all tasks of the scope
with

scope_tasks as (

    select * from {{ ref('int_scope_tasks') }}

),

success_cells as (

    select * from {{ ref('int_task_cells') }}
    where facet = 'task_success' and geo_level = 'global'

),

intervals as (

    select * from {{ ref('int_scope_intervals') }}
    where figure = 'success'

),

task_success as (

    select
        release_id,
        platform,
        task_id,
        sum(conversation_count) filter (where category = 'yes') as yes_count,
        sum(conversation_count) filter (where category = 'no') as no_count,
        sum(minimum_conversation_count) filter (where category = 'yes')
            as minimum_yes_count,
        sum(maximum_conversation_count) filter (where category = 'yes')
            as maximum_yes_count,
        bool_or(status = 'not_in_copy') as is_not_in_copy
    from success_cells
    group by release_id, platform, task_id

),

scope_success as (

    select
        scope_tasks.release_id,
        scope_tasks.platform,
        scope_tasks.allocation_rule,
        scope_tasks.scope,
        any_value(scope_tasks.is_simulated) as is_simulated,
        count(*) as task_count,
        count(task_success.yes_count) as task_with_success_count,
        count(*) filter (where task_success.is_not_in_copy) as task_not_in_copy_count,
        sum(scope_tasks.conversation_count) as scope_conversation_count,
        sum(scope_tasks.conversation_count) filter (
            where task_success.yes_count is not null
        ) as with_success_conversation_count,
        sum(scope_tasks.weight * task_success.yes_count) as yes_count,
        sum(
            scope_tasks.conversation_count
            * task_success.yes_count
            / (task_success.yes_count + coalesce(task_success.no_count, 0))
        ) as weighted_task_share,
        sum(scope_tasks.weight * task_success.minimum_yes_count) as minimum_yes_count,
        sum(scope_tasks.weight * task_success.maximum_yes_count) as maximum_yes_count
    from scope_tasks
    inner join task_success
        on
            scope_tasks.release_id = task_success.release_id
            and scope_tasks.platform = task_success.platform
            and scope_tasks.task_id = task_success.task_id
    group by
        scope_tasks.release_id, scope_tasks.platform, scope_tasks.allocation_rule,
        scope_tasks.scope

),

estimates as (

    select
        *,
        'published_yes' as estimator,
        100 * yes_count / nullif(with_success_conversation_count, 0) as success_pct
    from scope_success
    union all
    select
        *,
        'yes_over_answered' as estimator,
        100 * weighted_task_share / nullif(with_success_conversation_count, 0)
            as success_pct
    from scope_success

),

final as (

    select
        estimates.release_id,
        estimates.platform,
        estimates.allocation_rule,
        estimates.scope,
        estimates.estimator,
        estimates.task_count,
        estimates.task_with_success_count,
        estimates.task_not_in_copy_count,
        intervals.effective_task_count,
        estimates.yes_count,
        estimates.with_success_conversation_count as base_conversation_count,
        estimates.scope_conversation_count,
        estimates.success_pct,
        {{ task_interval_columns(
            'estimates.success_pct', 'estimates.task_not_in_copy_count > 0'
        ) }},
        100 * estimates.minimum_yes_count
        / nullif(estimates.scope_conversation_count, 0) as bound_low_pct,
        100 * estimates.maximum_yes_count
        / nullif(estimates.scope_conversation_count, 0) as bound_high_pct,
        case
            when
                estimates.success_pct is null
                and estimates.task_not_in_copy_count > 0
                then 'not_in_copy'
            when estimates.task_not_in_copy_count > 0 then 'partial_copy'
            when estimates.success_pct is null then 'none_visible'
            else 'visible'
        end as status,
        estimates.is_simulated
    from estimates
    left join intervals
        on
            estimates.release_id = intervals.release_id
            and estimates.platform = intervals.platform
            and estimates.allocation_rule = intervals.allocation_rule
            and estimates.scope = intervals.scope
            and estimates.estimator = intervals.estimator

)

select * from final
