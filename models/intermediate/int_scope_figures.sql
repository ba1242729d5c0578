-- grain: sample_id, allocation_rule, scope, figure, estimator, category
-- why: the ratios of the tasks summed over scopes: share, bounds and counts of every
--      task figure, once, and why a sample has none of a figure
with

-- A task, and what is left of its scope without it.
scope_tasks as (

    select
        *,
        {{ rest_of(
            'conversation_count',
            exact_sum(
                'conversation_count',
                'over (partition by sample_id, allocation_rule, scope)'
            )
        ) }} as rest_count
    from {{ ref('int_scope_tasks') }}

),

summed as (

    select
        scope_tasks.sample_id,
        scope_tasks.allocation_rule,
        scope_tasks.scope,
        ratios.figure,
        ratios.estimator,
        ratios.category,
        any_value(ratios.label_kind) as label_kind,
        count(*) as task_count,
        count(*) filter (where ratios.has_named_cell) as task_with_named_count,
        count(ratios.cell_count) as task_with_cell_count,
        count(*) filter (where ratios.is_not_in_copy) as task_not_in_copy_count,
        {{ exact_sum('scope_tasks.weight * ratios.task_count') }}
            as scope_conversation_count,
        -- Nothing where no task of the scope publishes the category: not zero.
        {{ exact_sum('scope_tasks.weight * ratios.cell_count') }} as published_count,
        {{ exact_sum('scope_tasks.weight * ratios.unpublished_count') }}
            as unpublished_count,
        {{ exact_sum('scope_tasks.weight * ratios.numerator') }} as numerator,
        nullif({{ exact_sum('scope_tasks.weight * ratios.base') }}, 0) as base,
        {{ exact_sum('scope_tasks.weight * ratios.numerator_low') }} as numerator_low,
        {{ exact_sum('scope_tasks.weight * ratios.numerator_high') }}
            as numerator_high,
        pow({{ exact_sum('scope_tasks.weight * ratios.base') }}, 2)
        / nullif({{ exact_sum('pow(scope_tasks.weight * ratios.base, 2)') }}, 0)
            as effective_task_count,
        {{ exact_sum(
            'pow(100 * scope_tasks.weight * ratios.base / scope_tasks.rest_count, 2)'
        ) }} as base_squares,
        {{ delete_one_sums(
            'scope_tasks.weight * ratios.numerator_low',
            'scope_tasks.weight * ratios.base',
            'scope_tasks.rest_count',
            'low'
        ) }},
        {{ delete_one_sums(
            'scope_tasks.weight * ratios.numerator_high',
            'scope_tasks.weight * ratios.base',
            'scope_tasks.rest_count',
            'high'
        ) }}
    from scope_tasks
    inner join {{ ref('int_task_ratios') }} as ratios using (sample_id, task_id)
    group by
        scope_tasks.sample_id, scope_tasks.allocation_rule, scope_tasks.scope,
        ratios.figure, ratios.estimator, ratios.category

),

computed as (

    select
        summed.*,
        100 * summed.numerator / summed.base as share_pct,
        -- What a folded cell can hold is known in conversations, not in percent.
        {{ if_counted('100 * summed.numerator_low / summed.base') }} as bound_low_pct,
        {{ if_counted('100 * summed.numerator_high / summed.base') }} as bound_high_pct,
        {{ delete_one_error(
            'summed.numerator_low / summed.base',
            'summed.task_count',
            'summed.base_squares',
            'low'
        ) }} as error_low_pct,
        {{ delete_one_error(
            'summed.numerator_high / summed.base',
            'summed.task_count',
            'summed.base_squares',
            'high'
        ) }} as error_high_pct,
        100 * summed.unpublished_count / nullif(summed.scope_conversation_count, 0)
            as unpublished_pct,
        case
            when summed.numerator is null and summed.task_not_in_copy_count > 0
                then 'not_in_copy'
            when summed.task_not_in_copy_count > 0 then 'partial_copy'
            when summed.numerator is null or summed.base is null then 'none_visible'
            else 'visible'
        end as status,
        case
            when summed.task_not_in_copy_count > 0
                then 'onet_task::' || estimators.facet
        end as missing_facet
    from summed
    inner join {{ ref('int_samples') }} as samples using (sample_id)
    inner join {{ ref('estimators') }} as estimators using (figure, estimator)

),

final as (

    select
        * exclude (
            base_squares, squares_low, products_low, squares_high, products_high
        )
    from computed
    union all by name
    select
        sample_id,
        allocation_rule,
        scope,
        figure,
        estimator,
        category,
        label_kind,
        status,
        missing_facet
    from {{ ref('int_missing_figures') }}
    where is_of_tasks

)

select * from final
