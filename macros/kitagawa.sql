{#- The difference of two weighted means over units that two sides have in common, split
    into composition (other weights) and within (other rates). Four means say it all: of
    each side, and of each side's rates at the other's weights. Each order of the split
    takes one side as the reference (Blinder, Journal of Human Resources 8, 1973; Oaxaca,
    International Economic Review 14, 1973); the mean of both is E. M. Kitagawa, JASA 50
    (1955). Parts add up to the difference. -#}
{% macro weighted_mean(weight, rate) -%}
    {{ exact_sum(weight ~ ' * (' ~ rate ~ ')') }} / nullif({{ exact_sum(weight) }}, 0)
{%- endmacro %}


{% macro kitagawa_composition(new, old, new_at_old_weights, old_at_new_weights) -%}
    ({{ old_at_new_weights }} - {{ old }} + {{ new }} - {{ new_at_old_weights }}) / 2
{%- endmacro %}


{% macro kitagawa_within(new, old, new_at_old_weights, old_at_new_weights) -%}
    ({{ new }} - {{ old_at_new_weights }} + {{ new_at_old_weights }} - {{ old }}) / 2
{%- endmacro %}


{#- Columns `composition_change` and `within_change` of units that are joined, in the unit
    of the rates. -#}
{% macro kitagawa_columns(old_weight, old_rate, new_weight, new_rate) -%}
    {%- set means = [
        weighted_mean(new_weight, new_rate), weighted_mean(old_weight, old_rate),
        weighted_mean(old_weight, new_rate), weighted_mean(new_weight, old_rate)
    ] -%}
    {{ kitagawa_composition(*means) }} as composition_change,
        {{ kitagawa_within(*means) }} as within_change
{%- endmacro %}


{#- The columns of int_decompositions (`split`) and int_decomposition_uncertainty
    (`uncertainty`) that say how sure a gap and its parts are. -#}
{% macro decomposition_ranges() -%}
    {%- for part in ('gap', 'composition', 'within') %}
        split.{{ part }}_bound_low,
        split.{{ part }}_bound_high,
        split.{{ part }}_interval_low,
        split.{{ part }}_interval_high,
    {%- endfor %}
        split.bound_missing_reason,
        split.interval_kind,
        split.interval_missing_reason,
        split.effective_task_count,
        uncertainty.gap_uncertainty_low,
        uncertainty.gap_uncertainty_high,
        uncertainty.uncertainty_kind,
        uncertainty.uncertainty_coverage_pct,
        case
            when split.bound_missing_reason is not null then 'no_bounds'
            when uncertainty.uncertainty_kind is null then 'too_few_tasks'
        end as uncertainty_missing_reason
{%- endmacro %}
