-- grain: release_id, platform, allocation_rule, scope, figure, estimator, category
-- why: percentile intervals of the task figures from a bootstrap that draws tasks,
--      not conversations: would the figure hold with other tasks of this kind?
-- noqa: disable=LT02
with

scope_tasks as (

    select * from {{ ref('int_scope_tasks') }}
    where {{ is_listed_rule('allocation_rule', 'interval_allocation_rules') }}

),

components as (

    select * from {{ ref('int_task_components') }}

),

-- Most tasks have the same weights in all scopes. Sums are linear in the weight, so
-- such tasks are drawn and summed once, as a stratum; strata are added up by scope.
task_strata as (

    select
        release_id,
        platform,
        task_id,
        md5(
            string_agg(
                allocation_rule || ':' || scope || ':' || weight,
                ',' order by allocation_rule, scope
            )
        ) as stratum
    from scope_tasks
    group by release_id, platform, task_id

),

stratum_scopes as (

    select
        scope_tasks.release_id,
        scope_tasks.platform,
        task_strata.stratum,
        scope_tasks.allocation_rule,
        scope_tasks.scope,
        any_value(scope_tasks.weight) as weight
    from scope_tasks
    inner join task_strata
        on
            scope_tasks.release_id = task_strata.release_id
            and scope_tasks.platform = task_strata.platform
            and scope_tasks.task_id = task_strata.task_id
    group by
        scope_tasks.release_id, scope_tasks.platform, task_strata.stratum,
        scope_tasks.allocation_rule, scope_tasks.scope

),

task_ids as (

    -- A task stands in several releases and platforms.
    select distinct task_id from components

),

replicates as (

    select unnest(range(1, {{ var('bootstrap_replicate_count') }} + 1)) as replicate

),

-- One weight per task and replicate: the same in every scope, release and platform.
draws as (

    select
        task_ids.task_id,
        replicates.replicate,
        {{ poisson_one(hash_unit(
            "'" ~ var('bootstrap_seed') ~ ":' || task_ids.task_id || ':' "
            ~ "|| replicates.replicate"
        )) }} as draw_count
    from task_ids
    cross join replicates

),

stratum_sums as (

    select
        components.release_id,
        components.platform,
        task_strata.stratum,
        draws.replicate,
        {% for column in task_ratio_columns() -%}
        sum(draws.draw_count * components.{{ column }}) as {{ column }}
        {{- ',' if not loop.last }}
        {% endfor %}
    from components
    inner join task_strata
        on
            components.release_id = task_strata.release_id
            and components.platform = task_strata.platform
            and components.task_id = task_strata.task_id
    inner join draws on components.task_id = draws.task_id
    where draws.draw_count > 0
    group by
        components.release_id, components.platform, task_strata.stratum,
        draws.replicate

),

replicate_sums as (

    select
        stratum_sums.release_id,
        stratum_sums.platform,
        stratum_scopes.allocation_rule,
        stratum_scopes.scope,
        stratum_sums.replicate,
        {% for column in task_ratio_columns() -%}
        sum(stratum_scopes.weight * stratum_sums.{{ column }}) as {{ column }}
        {{- ',' if not loop.last }}
        {% endfor %}
    from stratum_sums
    inner join stratum_scopes
        on
            stratum_sums.release_id = stratum_scopes.release_id
            and stratum_sums.platform = stratum_scopes.platform
            and stratum_sums.stratum = stratum_scopes.stratum
    group by
        stratum_sums.release_id, stratum_sums.platform,
        stratum_scopes.allocation_rule, stratum_scopes.scope, stratum_sums.replicate

),

effective_tasks as (

    select
        scope_tasks.release_id,
        scope_tasks.platform,
        scope_tasks.allocation_rule,
        scope_tasks.scope,
        {% for column in task_ratio_columns() -%}
        pow(sum(scope_tasks.weight * components.{{ column }}), 2)
        / nullif(sum(pow(scope_tasks.weight * components.{{ column }}, 2)), 0)
            as {{ column }}
        {{- ',' if not loop.last }}
        {% endfor %}
    from scope_tasks
    inner join components
        on
            scope_tasks.release_id = components.release_id
            and scope_tasks.platform = components.platform
            and scope_tasks.task_id = components.task_id
    group by
        scope_tasks.release_id, scope_tasks.platform, scope_tasks.allocation_rule,
        scope_tasks.scope

),

final as (

    {% for ratio in task_ratios() -%}
    {%- set share = (
        'replicate_sums.' ~ ratio.numerator
        ~ ' / nullif(replicate_sums.' ~ ratio.denominator ~ ', 0)'
    ) -%}
    select
        replicate_sums.release_id,
        replicate_sums.platform,
        replicate_sums.allocation_rule,
        replicate_sums.scope,
        '{{ ratio.figure }}' as figure,
        '{{ ratio.estimator }}' as estimator,
        '{{ ratio.category }}' as category,
        any_value(effective_tasks.{{ ratio.denominator }}) as effective_task_count,
        100 * quantile_cont({{ share }}, 0.025) as interval_low_pct,
        100 * quantile_cont({{ share }}, 0.975) as interval_high_pct
    from replicate_sums
    inner join effective_tasks
        on
            replicate_sums.release_id = effective_tasks.release_id
            and replicate_sums.platform = effective_tasks.platform
            and replicate_sums.allocation_rule = effective_tasks.allocation_rule
            and replicate_sums.scope = effective_tasks.scope
    where effective_tasks.{{ ratio.denominator }} is not null
    group by
        replicate_sums.release_id, replicate_sums.platform,
        replicate_sums.allocation_rule, replicate_sums.scope
    {{ 'union all' if not loop.last }}
    {% endfor %}

)

select * from final
