-- grain: release_id, platform, allocation_rule, scope, estimator, pattern
-- why: how people work with the model in a scope, by three estimators that treat
--      suppressed cells differently, with the range those cells leave open
with

scope_tasks as (

    select * from {{ ref('int_scope_tasks') }}

),

pattern_cells as (

    select * from {{ ref('int_task_cells') }}
    where facet = 'collaboration' and geo_level = 'global'

),

patterns as (

    select * from {{ ref('interaction_patterns') }}

),

intervals as (

    select * from {{ ref('int_scope_intervals') }}
    where figure = 'pattern'

),

-- What a task publishes of the named patterns, once per task.
task_patterns as (

    select
        pattern_cells.release_id,
        pattern_cells.platform,
        pattern_cells.task_id,
        sum(pattern_cells.conversation_count) filter (where patterns.is_named_pattern)
            as named_pattern_count,
        sum(pattern_cells.conversation_count) filter (
            where pattern_cells.category <> 'not_classified'
        ) as published_count,
        bool_or(pattern_cells.status = 'not_in_copy') as is_not_in_copy
    from pattern_cells
    inner join patterns on pattern_cells.category = patterns.pattern
    group by
        pattern_cells.release_id, pattern_cells.platform, pattern_cells.task_id

),

scope_totals as (

    select
        scope_tasks.release_id,
        scope_tasks.platform,
        scope_tasks.allocation_rule,
        scope_tasks.scope,
        any_value(scope_tasks.is_simulated) as is_simulated,
        count(*) as task_count,
        count(*) filter (where task_patterns.named_pattern_count > 0)
            as task_with_pattern_count,
        count(*) filter (where task_patterns.is_not_in_copy)
            as task_not_in_copy_count,
        sum(scope_tasks.conversation_count) as conversation_count,
        sum(scope_tasks.conversation_count) filter (
            where task_patterns.named_pattern_count > 0
        ) as with_pattern_conversation_count,
        sum(scope_tasks.weight * task_patterns.named_pattern_count)
            as named_pattern_count,
        sum(
            scope_tasks.conversation_count
            - scope_tasks.weight * coalesce(task_patterns.published_count, 0)
        ) as unpublished_count
    from scope_tasks
    inner join task_patterns
        on
            scope_tasks.release_id = task_patterns.release_id
            and scope_tasks.platform = task_patterns.platform
            and scope_tasks.task_id = task_patterns.task_id
    group by
        scope_tasks.release_id, scope_tasks.platform, scope_tasks.allocation_rule,
        scope_tasks.scope

),

scope_patterns as (

    select
        scope_tasks.release_id,
        scope_tasks.platform,
        scope_tasks.allocation_rule,
        scope_tasks.scope,
        pattern_cells.category as pattern,
        patterns.is_named_pattern,
        count(*) filter (where pattern_cells.status = 'observed')
            as task_publishing_pattern_count,
        -- Nothing where no task of the scope publishes the pattern: not zero.
        sum(scope_tasks.weight * pattern_cells.conversation_count) as pattern_count,
        sum(scope_tasks.weight * pattern_cells.minimum_conversation_count)
            as minimum_count,
        sum(scope_tasks.weight * pattern_cells.maximum_conversation_count)
            as maximum_count,
        -- The task's share of the pattern among its published patterns, weighted by
        -- the task's conversations; tasks without a published pattern drop out.
        sum(
            scope_tasks.conversation_count
            * pattern_cells.conversation_count
            / nullif(task_patterns.named_pattern_count, 0)
        ) as weighted_task_share
    from scope_tasks
    inner join pattern_cells
        on
            scope_tasks.release_id = pattern_cells.release_id
            and scope_tasks.platform = pattern_cells.platform
            and scope_tasks.task_id = pattern_cells.task_id
    inner join patterns on pattern_cells.category = patterns.pattern
    inner join task_patterns
        on
            pattern_cells.release_id = task_patterns.release_id
            and pattern_cells.platform = task_patterns.platform
            and pattern_cells.task_id = task_patterns.task_id
    group by
        scope_tasks.release_id, scope_tasks.platform, scope_tasks.allocation_rule,
        scope_tasks.scope, pattern_cells.category, patterns.is_named_pattern

),

joined as (

    select
        scope_patterns.*,
        scope_totals.task_count,
        scope_totals.task_with_pattern_count,
        scope_totals.task_not_in_copy_count,
        scope_totals.conversation_count as scope_conversation_count,
        scope_totals.with_pattern_conversation_count,
        scope_totals.named_pattern_count,
        scope_totals.unpublished_count,
        scope_totals.is_simulated
    from scope_patterns
    inner join scope_totals
        on
            scope_patterns.release_id = scope_totals.release_id
            and scope_patterns.platform = scope_totals.platform
            and scope_patterns.allocation_rule = scope_totals.allocation_rule
            and scope_patterns.scope = scope_totals.scope

),

estimates as (

    select
        *,
        'task_renormalised' as estimator,
        with_pattern_conversation_count as conversation_count,
        with_pattern_conversation_count as base_conversation_count,
        100 * weighted_task_share
        / nullif(with_pattern_conversation_count, 0) as share_pct,
        cast(null as double) as bound_low_pct,
        cast(null as double) as bound_high_pct
    from joined
    where is_named_pattern
    union all by name
    select
        *,
        'pooled' as estimator,
        pattern_count as conversation_count,
        named_pattern_count as base_conversation_count,
        100 * pattern_count / nullif(named_pattern_count, 0) as share_pct,
        cast(null as double) as bound_low_pct,
        cast(null as double) as bound_high_pct
    from joined
    where is_named_pattern
    union all by name
    select
        *,
        'all_conversations' as estimator,
        case
            when pattern = 'not_classified' then unpublished_count else pattern_count
        end as conversation_count,
        scope_conversation_count as base_conversation_count,
        100
        * case
            when pattern = 'not_classified' then unpublished_count else pattern_count
        end
        / nullif(scope_conversation_count, 0) as share_pct,
        100 * case when pattern <> 'not_classified' then minimum_count end
        / nullif(scope_conversation_count, 0) as bound_low_pct,
        100 * case when pattern <> 'not_classified' then maximum_count end
        / nullif(scope_conversation_count, 0) as bound_high_pct
    from joined

),

final as (

    select
        estimates.release_id,
        estimates.platform,
        estimates.allocation_rule,
        estimates.scope,
        estimates.estimator,
        estimates.pattern,
        estimates.task_count,
        estimates.task_with_pattern_count,
        estimates.task_publishing_pattern_count,
        intervals.effective_task_count,
        estimates.conversation_count,
        estimates.base_conversation_count,
        coalesce(estimates.pattern_count, 0) as published_pattern_count,
        estimates.share_pct,
        {{ task_interval_columns(
            'estimates.share_pct',
            'estimates.task_not_in_copy_count > 0',
            "estimates.pattern = 'not_classified'"
        ) }},
        estimates.bound_low_pct,
        estimates.bound_high_pct,
        100 * estimates.unpublished_count
        / nullif(estimates.scope_conversation_count, 0) as suppressed_pct,
        case
            when estimates.task_not_in_copy_count > 0 then 'partial_copy'
            when estimates.share_pct is null then 'none_visible'
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
            and estimates.pattern = intervals.category

)

select * from final
