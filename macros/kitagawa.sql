{#- Columns `composition_change` and `within_change` of a sum over units that two sides
    have in common, in the unit of the rates: what the change of weights moves at rates
    of both sides, and what the change of rates moves at weights of both sides, each the
    mean of both orders. They add up to the change of the weighted mean of these units.
    Weights need not sum to one. Source: E. M. Kitagawa, JASA 50 (1955). -#}
{% macro kitagawa_columns(old_weight, old_rate, new_weight, new_rate) -%}
    {%- set both = old_rate ~ ' + ' ~ new_rate -%}
    {%- set step = new_rate ~ ' - ' ~ old_rate -%}
    (
            {{ _weighted_mean(new_weight, both) }}
            - {{ _weighted_mean(old_weight, both) }}
        ) / 2 as composition_change,
        (
            {{ _weighted_mean(new_weight, step) }}
            + {{ _weighted_mean(old_weight, step) }}
        ) / 2 as within_change
{%- endmacro %}


{% macro _weighted_mean(weight, rate) -%}
    sum({{ weight }} * ({{ rate }})) / nullif(sum({{ weight }}), 0)
{%- endmacro %}
