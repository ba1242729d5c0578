-- grain: release_id, platform, allocation_rule, scope, figure, estimator, category
-- why: intervals of the task figures for scopes that rest on few tasks:
--      delete-one-task jackknife error, logit scale, t quantile at the effective
--      number of tasks less one
-- noqa: disable=LT02
with

scope_tasks as (

    select * from {{ ref('int_scope_tasks') }}
    where {{ is_listed_rule('allocation_rule', 'interval_allocation_rules') }}

),

components as (

    select * from {{ ref('int_task_components') }}

),

t_quantiles as (

    select * from {{ ref('student_t_quantiles') }}

),

t_limits as (

    select max(degrees_of_freedom) as most_degrees_of_freedom from t_quantiles

),

ratios as (

    {% for ratio in task_ratios() -%}
    select
        scope_tasks.release_id,
        scope_tasks.platform,
        scope_tasks.allocation_rule,
        scope_tasks.scope,
        scope_tasks.task_id,
        '{{ ratio.figure }}' as figure,
        '{{ ratio.estimator }}' as estimator,
        '{{ ratio.category }}' as category,
        scope_tasks.weight * components.{{ ratio.numerator }} as numerator,
        scope_tasks.weight * components.{{ ratio.denominator }} as denominator
    from scope_tasks
    inner join components
        on
            scope_tasks.release_id = components.release_id
            and scope_tasks.platform = components.platform
            and scope_tasks.task_id = components.task_id
    where components.{{ ratio.denominator }} > 0
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

totals as (

    select
        release_id,
        platform,
        allocation_rule,
        scope,
        figure,
        estimator,
        category,
        count(*) as task_count,
        sum(numerator) as numerator,
        sum(denominator) as denominator,
        pow(sum(denominator), 2) / sum(pow(denominator, 2)) as effective_task_count
    from ratios
    group by release_id, platform, allocation_rule, scope, figure, estimator, category

),

jackknifed as (

    select
        totals.release_id,
        totals.platform,
        totals.allocation_rule,
        totals.scope,
        totals.figure,
        totals.estimator,
        totals.category,
        any_value(totals.task_count) as task_count,
        any_value(totals.effective_task_count) as effective_task_count,
        any_value(totals.numerator) / any_value(totals.denominator) as share,
        sqrt(
            (any_value(totals.task_count) - 1.0) / any_value(totals.task_count)
            * sum(
                pow(
                    (totals.numerator - ratios.numerator)
                    / nullif(totals.denominator - ratios.denominator, 0)
                    - totals.numerator / totals.denominator,
                    2
                )
            )
        ) as standard_error
    from totals
    inner join ratios
        on
            totals.release_id = ratios.release_id
            and totals.platform = ratios.platform
            and totals.allocation_rule = ratios.allocation_rule
            and totals.scope = ratios.scope
            and totals.figure = ratios.figure
            and totals.estimator = ratios.estimator
            and totals.category = ratios.category
    group by
        totals.release_id, totals.platform, totals.allocation_rule, totals.scope,
        totals.figure, totals.estimator, totals.category

),

-- An interval on the logit scale stays inside 0 to 100; a share of 0 or 100 has none.
scaled as (

    select
        jackknifed.*,
        ln(jackknifed.share / (1 - jackknifed.share)) as logit,
        t_quantiles.quantile_975 * jackknifed.standard_error
        / (jackknifed.share * (1 - jackknifed.share)) as half_width
    from jackknifed
    cross join t_limits
    inner join t_quantiles
        on
            greatest(
                1,
                least(
                    t_limits.most_degrees_of_freedom,
                    floor(jackknifed.effective_task_count - 1)
                )
            ) = t_quantiles.degrees_of_freedom
    where jackknifed.share > 0 and jackknifed.share < 1 and jackknifed.task_count > 1

),

final as (

    select
        release_id,
        platform,
        allocation_rule,
        scope,
        figure,
        estimator,
        category,
        effective_task_count,
        100 / (1 + exp(-(logit - half_width))) as interval_low_pct,
        100 / (1 + exp(-(logit + half_width))) as interval_high_pct
    from scaled

)

select * from final
