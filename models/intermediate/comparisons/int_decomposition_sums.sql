-- grain: pair_number, figure, estimator, category
-- why: what two sides have in common, summed: their shares over shared units, each at
--      the weights of the other, and the range that suppressed cells leave to the parts
with

pairs as (

    select * from {{ ref('int_comparison_pairs') }}

),

scope_tasks as (

    select * from {{ ref('int_scope_tasks') }}

),

ratios as (

    select * from {{ ref('int_task_ratios') }}
    where label_kind = 'named' and base > 0

),

-- Tasks in the scope of both sides: they weigh there what the allocation rule says.
shared_tasks as (

    select
        pairs.pair_number,
        pairs.sample_id,
        pairs.baseline_sample_id,
        new.task_id,
        new.weight,
        new.conversation_count,
        old.conversation_count as baseline_conversation_count,
        new.conversation_count
        / nullif({{ exact_sum('new.conversation_count', 'over pair') }}, 0) as part,
        old.conversation_count
        / nullif({{ exact_sum('old.conversation_count', 'over pair') }}, 0)
            as baseline_part
    from pairs
    inner join scope_tasks as new using (sample_id, allocation_rule, scope)
    inner join scope_tasks as old
        on
            pairs.baseline_sample_id = old.sample_id
            and pairs.baseline_allocation_rule = old.allocation_rule
            and pairs.baseline_scope = old.scope
            and new.task_id = old.task_id
    where pairs.unit_kind = 'task'
    window pair as (partition by pairs.pair_number)

),

sample_pairs as (

    select distinct
        sample_id,
        baseline_sample_id
    from pairs
    where unit_kind = 'task'

),

-- A task once for each pair of samples, whatever scopes it is in.
task_pairs as (

    select
        sample_pairs.sample_id,
        sample_pairs.baseline_sample_id,
        new.task_id,
        new.figure,
        new.estimator,
        new.category,
        coalesce(new.numerator, 0) as numerator,
        new.base,
        new.numerator_low,
        new.numerator_high,
        coalesce(old.numerator, 0) as baseline_numerator,
        old.base as baseline_base,
        old.numerator_low as baseline_numerator_low,
        old.numerator_high as baseline_numerator_high
    from sample_pairs
    inner join ratios as new using (sample_id)
    inner join ratios as old
        on
            sample_pairs.baseline_sample_id = old.sample_id
            and new.task_id = old.task_id
            and new.figure = old.figure
            and new.estimator = old.estimator
            and new.category = old.category

),

side_units as (

    select
        scope_tasks.sample_id,
        scope_tasks.allocation_rule,
        scope_tasks.scope,
        main_use_cases.main_use_case,
        ratios.figure,
        ratios.estimator,
        ratios.category,
        count(*) as task_count,
        {{ exact_sum('scope_tasks.conversation_count') }} as conversation_count,
        coalesce({{ exact_sum('scope_tasks.weight * ratios.numerator') }}, 0)
            as numerator,
        {{ exact_sum('scope_tasks.weight * ratios.base') }} as base,
        {{ exact_sum('scope_tasks.weight * ratios.numerator_low') }} as numerator_low,
        {{ exact_sum('scope_tasks.weight * ratios.numerator_high') }}
            as numerator_high
    from scope_tasks
    inner join {{ ref('int_task_main_use_cases') }} as main_use_cases
        using (sample_id, task_id)
    inner join ratios using (sample_id, task_id)
    group by
        scope_tasks.sample_id, scope_tasks.allocation_rule, scope_tasks.scope,
        main_use_cases.main_use_case, ratios.figure, ratios.estimator, ratios.category

),

units as (

    select
        shared_tasks.pair_number,
        task_pairs.figure,
        task_pairs.estimator,
        task_pairs.category,
        1 as task_count,
        1 as baseline_task_count,
        shared_tasks.conversation_count,
        shared_tasks.baseline_conversation_count,
        shared_tasks.part,
        shared_tasks.baseline_part,
        shared_tasks.weight * task_pairs.base as base,
        shared_tasks.weight * task_pairs.baseline_base as baseline_base,
        task_pairs.numerator / task_pairs.base as rate,
        task_pairs.baseline_numerator / task_pairs.baseline_base as baseline_rate,
        task_pairs.numerator_low / task_pairs.base as rate_low,
        task_pairs.numerator_high / task_pairs.base as rate_high,
        task_pairs.baseline_numerator_low / task_pairs.baseline_base
            as baseline_rate_low,
        task_pairs.baseline_numerator_high / task_pairs.baseline_base
            as baseline_rate_high
    from shared_tasks
    inner join task_pairs using (sample_id, baseline_sample_id, task_id)
    union all by name
    select
        pairs.pair_number,
        new.figure,
        new.estimator,
        new.category,
        new.task_count,
        old.task_count as baseline_task_count,
        new.conversation_count,
        old.conversation_count as baseline_conversation_count,
        new.conversation_count
        / {{ exact_sum('new.conversation_count', 'over pair') }} as part,
        old.conversation_count
        / {{ exact_sum('old.conversation_count', 'over pair') }} as baseline_part,
        new.base,
        old.base as baseline_base,
        new.numerator / new.base as rate,
        old.numerator / old.base as baseline_rate,
        new.numerator_low / new.base as rate_low,
        new.numerator_high / new.base as rate_high,
        old.numerator_low / old.base as baseline_rate_low,
        old.numerator_high / old.base as baseline_rate_high
    from pairs
    inner join side_units as new using (sample_id, allocation_rule, scope)
    inner join side_units as old
        on
            pairs.baseline_sample_id = old.sample_id
            and pairs.baseline_allocation_rule = old.allocation_rule
            and pairs.baseline_scope = old.scope
            and new.main_use_case = old.main_use_case
            and new.figure = old.figure
            and new.estimator = old.estimator
            and new.category = old.category
    where pairs.unit_kind = 'main_use_case'
    window
        pair as (
            partition by
                pairs.pair_number, new.figure, new.estimator, new.category
        )

),

final as (

    select
        pair_number,
        figure,
        estimator,
        category,
        count(*) as shared_unit_count,
        cast(sum(task_count) as bigint) as shared_task_count,
        cast(sum(baseline_task_count) as bigint) as baseline_shared_task_count,
        {{ exact_sum('conversation_count') }} as shared_conversation_count,
        {{ exact_sum('baseline_conversation_count') }}
            as baseline_shared_conversation_count,
        100 * {{ weighted_mean('base', 'rate') }} as shared_pct,
        100 * {{ weighted_mean('baseline_base', 'baseline_rate') }}
            as baseline_shared_pct,
        100 * {{ weighted_mean('baseline_base', 'rate') }} as at_baseline_weights_pct,
        100 * {{ weighted_mean('base', 'baseline_rate') }} as baseline_at_weights_pct,
        100 * {{ exact_sum(
            '(part + baseline_part) / 2 * (rate_low - baseline_rate_high)'
        ) }} as within_bound_low,
        100 * {{ exact_sum(
            '(part + baseline_part) / 2 * (rate_high - baseline_rate_low)'
        ) }} as within_bound_high,
        100 * {{ exact_sum(
            '(part - baseline_part) / 2 * case when part > baseline_part '
            ~ 'then rate_low + baseline_rate_low '
            ~ 'else rate_high + baseline_rate_high end'
        ) }} as composition_bound_low,
        100 * {{ exact_sum(
            '(part - baseline_part) / 2 * case when part > baseline_part '
            ~ 'then rate_high + baseline_rate_high '
            ~ 'else rate_low + baseline_rate_low end'
        ) }} as composition_bound_high
    from units
    group by pair_number, figure, estimator, category

)

select * from final
