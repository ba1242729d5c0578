{#- Schemas are named as configured (marts, intermediate, ...), without the target's
    name in front: BI users see `marts.fct_education_shares`. -#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ custom_schema_name | trim if custom_schema_name else target.schema }}
{%- endmacro %}
