{#- What differs on Spark. Everything else is one SQL, translated when it is compiled
    (scripts/spark/dialect.py); docs/scale.md says how the two are run. -#}

{#- The place of a row among the files that were read: on Spark it came with the row. -#}
{% macro scan_position() -%}
    {{- return(adapter.dispatch('scan_position')()) -}}
{%- endmacro %}

{% macro default__scan_position() -%}
    row_number() over ()
{%- endmacro %}

{% macro spark__scan_position() -%}
    scan_position
{%- endmacro %}


{#- The types of a contract, as Spark calls them. -#}
{% macro spark__cast(field, type) -%}
    cast({{ field }} as {{ 'string' if type | lower == 'varchar' else type }})
{%- endmacro %}


{#- What DuckDB gives to Spark: the seeds, the list of files, and what lies in the files
    and in own conversations, row by row as text. -#}
{% macro _given() -%}
    {%- set given = [] -%}
    {%- for node in graph.nodes.values() -%}
        {%- if node.resource_type == 'seed' or node.name == 'stg_aei__release_files' -%}
            {%- do given.append({
                'name': node.schema ~ '.' ~ node.alias, 'node': node, 'source': none
            }) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- for node in graph.sources.values() if node.identifier != 'file_contents' -%}
        {%- do given.append({
            'name': node.schema ~ '.' ~ node.identifier, 'node': none, 'source': node
        }) -%}
    {%- endfor -%}
    {{- return(given) -}}
{%- endmacro %}


{#- Statements of DuckDB that write it as Parquet, a folder for each table. -#}
{% macro give_to_spark(folder) -%}
    {%- if execute -%}
        {%- for each in _given() %}
            {%- set relation = source(each.source.source_name, each.source.name)
                if each.source else api.Relation.create(
                    each.node.database, each.node.schema, each.node.alias
                ) %}
copy (
    select *{% if each.source and each.source.schema in ('aei', 'reference') %},
        row_number() over () as scan_position{% endif %}
    from {{ relation }}
) to '{{ folder }}/{{ each.name }}' (format parquet, per_thread_output true);
        {%- endfor %}
    {%- endif -%}
{%- endmacro %}


{#- On run start: the same folders as tables of Spark. -#}
{% macro take_from_duckdb() -%}
    {%- if execute and target.type == 'spark' -%}
        {%- for each in _given() -%}
            {%- set parts = each.name.split('.') -%}
            {%- do run_query('create schema if not exists ' ~ parts[0]) -%}
            {%- do run_query(
                'create table if not exists ' ~ each.name ~ " using parquet location '"
                ~ env_var('AEI_SPARK_INPUT') ~ '/' ~ each.name ~ "'"
            ) -%}
            {%- do adapter.cache_added(
                api.Relation.create(schema=parts[0], identifier=parts[1], type='table')
            ) -%}
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}
