{#- On run start: the table that scripts/validation fills, empty where nobody has yet, so
    that plain dbt commands find their source. Its columns are the promise between the
    two; what they mean stands in _validation__sources.yml. -#}
{% macro expectation_results_table() -%}
    {%- if execute and flags.WHICH in ('build', 'run', 'test', 'seed', 'snapshot') %}
        {%- do run_query("create schema if not exists validation") %}
        {%- do run_query("
            create table if not exists validation.expectation_results (
                run_id varchar,
                run_at timestamp,
                expectation_id varchar,
                assumption_id varchar,
                expectation varchar,
                boundary varchar,
                release_id varchar,
                platform varchar,
                severity varchar,
                is_success boolean,
                observed varchar,
                expected varchar,
                unexpected_count bigint,
                example_rows varchar,
                sentence varchar
            )
        ") %}
    {%- endif %}
{%- endmacro %}
