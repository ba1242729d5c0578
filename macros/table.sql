{#- A table made beside the old one, and put in its place by one statement: what fails
    leaves the old table as it was. dbt-duckdb's own renames twice and drops afterwards,
    for foreign keys and remote catalogs, which are not used here. -#}
{% materialization table, adapter='duckdb', supported_languages=['sql', 'python'] %}
    {%- set existing = load_cached_relation(this) -%}
    {%- set target_relation = this.incorporate(type='table') -%}
    {%- set made = make_intermediate_relation(target_relation) -%}
    {{ drop_relation_if_exists(load_cached_relation(made)) }}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {% call statement('main', language=model.language) -%}
        {{ create_table_as(False, made, compiled_code, model.language) }}
    {%- endcall %}
    {% call statement('put_in_place') -%}
        {%- if existing %}
drop {{ existing.type }} if exists {{ existing }} cascade;
        {%- endif %}
alter table {{ made }} rename to {{ adapter.quote(this.identifier) }};
    {%- endcall %}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {%- do persist_docs(target_relation, model) %}
    {{ adapter.commit() }}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}


{#- The comments of a table and its columns in one statement. A contract holds the
    columns, so that nobody has to ask for them first. -#}
{% macro duckdb__persist_docs(relation, model, for_relation, for_columns) -%}
    {%- set comments %}
        {%- if for_relation and config.persist_relation_docs() and model.description %}
comment on {{ relation.type }} {{ relation }}
is {{ duckdb_escape_comment(model.description) }};
        {%- endif %}
        {%- if for_columns and config.persist_column_docs() %}
            {%- for column in model.columns.values() if column.description %}
comment on column {{ relation }}.{{ adapter.quote(column.name) }}
is {{ duckdb_escape_comment(column.description) }};
            {%- endfor %}
        {%- endif %}
    {%- endset %}
    {%- if comments | trim %}
        {%- do run_query(comments) %}
    {%- endif %}
{%- endmacro %}
