{{ config(materialized='view') }}
-- grain: relative_path, check_name
-- why: what the checks found in files that load all the same, one row a file and
--      check, for fct_expectation_results and the summary of a build
with

problems as (

    select * from {{ ref('int_input_problems') }}
    where not stops_the_build

),

final as (

    select
        release_id,
        platform,
        relative_path,
        check_name,
        any_value(problem_kind) as problem_kind,
        min(row_number) as row_number,
        min_by(column_name, coalesce(row_number, 0)) as column_name,
        min_by(observed, coalesce(row_number, 0)) as observed,
        min_by(expected, coalesce(row_number, 0)) as expected,
        case any_value(problem_kind)
            when 'damage'
                then
                    'The official file differs from what we assumed; the rows load, '
                    || 'and the cells that they touch say so in their status.'
            else
                'What this project does not know is kept out of the marts. '
                || any_value(advice)
        end as sentence,
        count(*) as problem_count
    from problems
    group by release_id, platform, relative_path, check_name

)

select * from final
