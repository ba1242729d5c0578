{#- Post-hook of the gate: stop the build when a row of the relation says so. The message
    names the first ten problems, what repeats one sentence only once; the model is
    rolled back and everything behind it is skipped. -#}
{% macro stop_on(relation) -%}
    {%- if execute -%}
        {{- _refuse(run_query("
            with stopping as (
                select * from " ~ relation ~ " where stops_the_build
                qualify row_number() over (
                    partition by relative_path, check_name, observed
                    order by row_number
                ) = 1
            )
            select *, count(*) over () as problem_count from stopping
            order by priority, relative_path, row_number nulls first, column_name
            limit 10
        ")) -}}
    {%- endif -%}
    select 1
{%- endmacro %}


{#- The same for what can't be read at all: a query with the columns relative_path,
    row_number, column_name, observed, check_name; the rest is said by input_checks. -#}
{% macro stop_on_unreadable(query) -%}
    {%- if execute -%}
        {{- _refuse(run_query("
            select
                found.*, input_checks.expected, input_checks.advice,
                count(*) over () as problem_count
            from (" ~ query ~ ") as found
            inner join " ~ ref('input_checks') ~ " as input_checks
                on found.check_name = input_checks.check_name
            order by relative_path, row_number nulls first, column_name
            limit 10
        ")) -}}
    {%- endif -%}
    select 1
{%- endmacro %}


{% macro _refuse(problems) -%}
    {%- if problems.rows | length > 0 -%}
        {%- set total = problems.rows[0]['problem_count'] | int -%}
        {%- set lines = [
            'The input was refused; nothing was published. '
            ~ (total ~ ' problems, the first 10:' if total > 10 else total ~ ' problem(s):')
        ] -%}
        {%- for problem in problems.rows -%}
            {%- do lines.append(
                '- file ' ~ problem['relative_path']
                ~ (', row ' ~ (problem['row_number'] | int) if problem['row_number'] is not none else '')
                ~ (', column ' ~ problem['column_name'] if problem['column_name'] is not none else '')
                ~ ': found ' ~ problem['observed']
                ~ '; expected ' ~ problem['expected']
                ~ '. ' ~ problem['advice']
                ~ ' [' ~ problem['check_name'] ~ ']'
            ) -%}
        {%- endfor -%}
        {%- do exceptions.raise_compiler_error(lines | join('\n')) -%}
    {%- endif -%}
{%- endmacro %}
