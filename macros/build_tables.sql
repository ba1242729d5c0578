{#- On run start: the tables that scripts fill between the steps of a build, empty where
    nobody has yet, so that plain dbt commands find their sources. Their columns are those
    of the sources' YAML. -#}
{% macro build_tables() -%}
    {%- if execute and target.type == 'duckdb'
        and flags.WHICH in ('build', 'run', 'test', 'seed', 'snapshot') %}
        {%- do run_query("create schema if not exists validation") %}
        {%- for source in graph.sources.values() if source.schema == 'validation' %}
            {%- set columns = [] %}
            {%- for column in source.columns.values() %}
                {%- do columns.append(column.name ~ ' ' ~ column.data_type) %}
            {%- endfor %}
            {%- do run_query(
                'create table if not exists validation.' ~ source.name
                ~ ' (' ~ columns | join(', ') ~ ')'
            ) %}
        {%- endfor %}
    {%- endif %}
{%- endmacro %}
