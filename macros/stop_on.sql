{#- Post-hook: stop the build when the query returns a row. The query gives columns
    file, row_number, column_name, observed, expected, advice, priority (1 first),
    check_name. The message names the first ten rows; the model is rolled back and everything behind it is skipped. -#}
{% macro stop_on(query) -%}
    {%- if execute -%}
        {%- set problems = run_query(
            "select file, row_number, column_name, observed, expected, advice, check_name, "
            ~ "count(*) over () as problem_count from (" ~ query ~ ") "
            ~ "order by priority, file, row_number nulls first, column_name limit 10"
        ) -%}
        {%- if problems.rows | length > 0 -%}
            {%- set total = problems.rows[0]['problem_count'] | int -%}
            {%- set lines = [
                'The input was refused; nothing was published. '
                ~ (total ~ ' problems, the first 10:' if total > 10 else total ~ ' problem(s):')
            ] -%}
            {%- for problem in problems.rows -%}
                {%- do lines.append(
                    '- file ' ~ problem['file']
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
    {%- endif -%}
    select 1
{%- endmacro %}
