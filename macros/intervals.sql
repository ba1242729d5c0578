{#- Wilson score interval of a share of whole conversations, in percent. `side` is -1 for
    the lower and 1 for the upper end. Source: E. B. Wilson, JASA 22 (1927). -#}
{% macro wilson_pct(successes, trials, side) -%}
    {%- set z = var('interval_z') -%}
    100 * (
        ({{ successes }}) / nullif({{ trials }}, 0)
        + {{ z * z / 2 }} / nullif({{ trials }}, 0)
        + ({{ side }}) * {{ z }} * sqrt(
            greatest(
                ({{ successes }}) / nullif({{ trials }}, 0)
                * (1 - ({{ successes }}) / nullif({{ trials }}, 0)),
                0
            ) / nullif({{ trials }}, 0)
            + {{ z * z / 4 }} / nullif(({{ trials }}) * ({{ trials }}), 0)
        )
    ) / (1 + {{ z * z }} / nullif({{ trials }}, 0))
{%- endmacro %}


{#- The four interval columns, shown where the reason is NULL. -#}
{% macro interval_columns(low, high, kind, reason) -%}
    case when {{ reason }} is null then {{ low }} end as interval_low_pct,
        case when {{ reason }} is null then {{ high }} end as interval_high_pct,
        case when {{ reason }} is null then {{ kind }} end as interval_kind,
        {{ reason }} as interval_missing_reason
{%- endmacro %}


{#- The interval columns of a share of whole conversations of one complete cell. -#}
{% macro wilson_interval_columns(successes, trials, reason) -%}
    {{ interval_columns(
        wilson_pct(successes, trials, -1),
        wilson_pct(successes, trials, 1),
        "'wilson_95'",
        reason
    ) }}
{%- endmacro %}


{#- The interval columns of a figure that rests on tasks, from the joined int_scope_figures
    and int_scope_intervals. -#}
{% macro task_interval_columns() -%}
    {{ interval_columns(
        'intervals.interval_low_pct',
        'intervals.interval_high_pct',
        'intervals.interval_kind',
        "case when figures.task_count is null and figures.status like 'not_%' "
        ~ "then figures.status "
        ~ "when figures.task_count is null then 'percent_only' "
        ~ "when figures.label_kind = 'residual' then 'residual' "
        ~ "when figures.share_pct is null then 'none_visible' "
        ~ "when figures.task_not_in_copy_count > 0 then 'partial_copy' "
        ~ "when intervals.interval_kind is null then 'too_few_tasks' end"
    ) }}
{%- endmacro %}


{#- What is left of a whole without a task; NULL where it is next to nothing. -#}
{% macro rest_of(part, whole) -%}
    case
            when {{ whole }} - {{ part }} > 1e-7 * {{ whole }}
                then {{ whole }} - {{ part }}
        end
{%- endmacro %}


{#- Sums over the tasks of a ratio of which its delete-one-task jackknife error is made:
    of what a task adds to the numerator and to the base, each in percent of what is left
    of the base without the task. -#}
{% macro delete_one_sums(part, base, rest, name) -%}
    {%- set part = '100 * (' ~ part ~ ') / ' ~ rest -%}
    {%- set base = '100 * (' ~ base ~ ') / ' ~ rest -%}
    {{ exact_sum('pow(' ~ part ~ ', 2)') }} as squares_{{ name }},
        {{ exact_sum(part ~ ' * ' ~ base) }} as products_{{ name }}
{%- endmacro %}


{#- The error of a ratio, in percent, from those sums and the sum of squares of the base
    alone. Without a task the ratio moves by (ratio * base - part) / rest. -#}
{% macro delete_one_error(ratio, task_count, base_squares, name) -%}
    sqrt(
        ({{ task_count }} - 1) / {{ task_count }} * abs(
            squares_{{ name }}
            - 2 * ({{ ratio }}) * products_{{ name }}
            + pow({{ ratio }}, 2) * {{ base_squares }}
        )
    )
{%- endmacro %}


{#- The columns of the band, from the joined int_uncertainty. `figures`: the relation of
    the bounds. -#}
{% macro uncertainty_columns(figures) -%}
    uncertainty.uncertainty_low_pct,
        uncertainty.uncertainty_high_pct,
        uncertainty.uncertainty_kind,
        uncertainty.uncertainty_coverage_pct,
        case
            when {{ figures }}.bound_low_pct is null then 'no_bounds'
            when {{ figures }}.task_count is null then 'percent_only'
            when uncertainty.uncertainty_kind is null then 'too_few_tasks'
        end as uncertainty_missing_reason
{%- endmacro %}


{#- A number of conversations, or NULL where the release publishes percentages only: a
    count is never made up from a percentage. -#}
{% macro if_counted(count) -%}
    case when samples.count_basis <> 'percent_only' then {{ count }} end
{%- endmacro %}


{#- The CTEs behind a mart of one task figure: its sums, or what a release publishes. -#}
{% macro task_figure_ctes(figure) -%}
published as (

    -- by the release itself, of everybody and of SOC major group 25
    select
        * exclude (geo_level, geo_id),
        case scope when 'education' then 'published' else 'not_applicable' end
            as allocation_rule,
        'all_conversations' as estimator
    from {{ ref('int_published_figures') }}
    where
        figure = '{{ figure }}'
        and geo_level = 'global'
        and status <> 'unpublished'
    union all by name
    select * exclude (is_of_tasks)
    from {{ ref('int_missing_figures') }}
    where figure = '{{ figure }}' and not is_of_tasks

),

figures as (

    -- What a release publishes itself of everybody is better than the sum of its tasks.
    select computed.* from {{ ref('int_scope_figures') }} as computed
    anti join published using (sample_id, allocation_rule, scope, estimator)
    where computed.figure = '{{ figure }}'
    union all by name
    select * from published

)
{%- endmacro %}


{#- Their join. -#}
{% macro task_figure_joins() -%}
from figures
    inner join {{ ref('int_samples') }} as samples using (sample_id)
    inner join {{ ref('estimators') }} as estimators using (figure, estimator)
    left join {{ ref('int_scope_intervals') }} as intervals
        using (sample_id, allocation_rule, scope, figure, estimator, category)
    left join {{ ref('int_uncertainty') }} as uncertainty
        using (sample_id, allocation_rule, scope, figure, estimator, category)
{%- endmacro %}
