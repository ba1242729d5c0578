{#- SQL: the allocation rule is one of the var's, or the var is empty. -#}
{% macro is_listed_rule(column, variable) -%}
    {%- if var(variable) -%} {{ column }} in ('{{ var(variable) | join("', '") }}')
    {%- else -%} true {%- endif -%}
{%- endmacro %}


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


{#- A number in [0, 1) from a text: the first 32 bits of its md5, so that every engine and
    every run draws the same. -#}
{% macro hash_unit(text) -%}
    {{ return(adapter.dispatch('hash_unit')(text)) }}
{%- endmacro %}

{% macro default__hash_unit(text) -%}
    (('0x' || substr(md5({{ text }}), 1, 8))::ubigint / 4294967296.0)
{%- endmacro %}

{% macro spark__hash_unit(text) -%}
    (cast(conv(substr(md5({{ text }}), 1, 8), 16, 10) as bigint) / 4294967296.0)
{%- endmacro %}


{#- A Poisson(1) count from a number in [0, 1): the weight of a task in a replicate of the
    bootstrap. The thresholds are the cumulated probabilities of 0 to 8. -#}
{% macro poisson_one(unit) -%}
    case
        {%- set state = namespace(p=0.36787944117144233, cumulated=0.36787944117144233) %}
        {%- for k in range(9) %}
        when {{ unit }} < {{ state.cumulated }} then {{ k }}
        {%- set state.p = state.p / (k + 1) %}
        {%- set state.cumulated = state.cumulated + state.p %}
        {%- endfor %}
        else 9
    end
{%- endmacro %}


{#- The ratios that rest on tasks: a numerator and a denominator, each a sum over the tasks
    of a scope of a column of int_scope_components. One list for every kind of interval. -#}
{% macro task_ratios() -%}
    {%- set ratios = [] -%}
    {%- set patterns = var('named_patterns') -%}
    {%- set use_cases = var('named_use_cases') -%}
    {%- for label in patterns -%}
        {%- set column = label | replace(' ', '_') -%}
        {%- do ratios.append({'figure': 'pattern', 'estimator': 'task_renormalised',
            'category': label, 'numerator': 'pattern_weighted_' ~ column,
            'denominator': 'pattern_task_count'}) -%}
        {%- do ratios.append({'figure': 'pattern', 'estimator': 'pooled',
            'category': label, 'numerator': 'pattern_' ~ column,
            'denominator': 'pattern_named'}) -%}
    {%- endfor -%}
    {%- for label in patterns + ['none'] -%}
        {%- do ratios.append({'figure': 'pattern', 'estimator': 'all_conversations',
            'category': label, 'numerator': 'pattern_' ~ (label | replace(' ', '_')),
            'denominator': 'conversation_count'}) -%}
    {%- endfor -%}
    {%- do ratios.append({'figure': 'success', 'estimator': 'published_yes',
        'category': 'yes', 'numerator': 'success_yes',
        'denominator': 'success_task_count'}) -%}
    {%- do ratios.append({'figure': 'success', 'estimator': 'yes_over_answered',
        'category': 'yes', 'numerator': 'success_weighted_yes',
        'denominator': 'success_task_count'}) -%}
    {%- for label in use_cases -%}
        {%- do ratios.append({'figure': 'use_case', 'estimator': 'with_residual',
            'category': label, 'numerator': 'use_case_' ~ label,
            'denominator': 'conversation_count'}) -%}
        {%- do ratios.append({'figure': 'use_case', 'estimator': 'without_residual',
            'category': label, 'numerator': 'use_case_' ~ label,
            'denominator': 'use_case_named'}) -%}
        {%- do ratios.append({'figure': 'use_case', 'estimator': 'task_renormalised',
            'category': label, 'numerator': 'use_case_weighted_' ~ label,
            'denominator': 'use_case_task_count'}) -%}
    {%- endfor -%}
    {{ return(ratios) }}
{%- endmacro %}


{#- The columns behind task_ratios(), each once. -#}
{% macro task_ratio_columns() -%}
    {%- set columns = [] -%}
    {%- for ratio in task_ratios() -%}
        {%- for column in [ratio.numerator, ratio.denominator] -%}
            {%- if column not in columns -%}{%- do columns.append(column) -%}{%- endif -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(columns) }}
{%- endmacro %}


{#- Why a task figure has no interval; NULL where it has one. -#}
{% macro task_interval_reason(share, is_partial, is_residual='false') -%}
    case
        when {{ is_residual }} then 'residual'
        when {{ share }} is null then 'none_visible'
        when {{ is_partial }} then 'partial_copy'
        when intervals.interval_kind is null then 'too_few_tasks'
    end
{%- endmacro %}


{#- The four interval columns, shown where the reason is NULL. -#}
{% macro interval_columns(low, high, kind, reason) -%}
    case when {{ reason }} is null then {{ low }} end as interval_low_pct,
        case when {{ reason }} is null then {{ high }} end as interval_high_pct,
        case when {{ reason }} is null then {{ kind }} end as interval_kind,
        {{ reason }} as interval_missing_reason
{%- endmacro %}


{#- The interval columns of a figure that rests on tasks, from the joined CTE intervals. -#}
{% macro task_interval_columns(share, is_partial, is_residual='false') -%}
    {{ interval_columns(
        'intervals.interval_low_pct',
        'intervals.interval_high_pct',
        'intervals.interval_kind',
        task_interval_reason(share, is_partial, is_residual)
    ) }}
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


{#- Why a share of a group of tasks has no Wilson interval; NULL where it has one. -#}
{% macro share_interval_reason(visible, unseen, allocation_rule) -%}
    case
        when {{ visible }} is null then 'none_visible'
        when releases.count_basis <> 'conversations' then 'per_million_counts'
        when {{ unseen }} > 0 then 'suppressed_cells'
        when {{ allocation_rule }} = 'equal_split' then 'fractional_allocation'
    end
{%- endmacro %}
