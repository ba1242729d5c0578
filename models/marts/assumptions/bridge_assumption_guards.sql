-- grain: assumption_id, guard_kind, guard_name
-- why: which checks stand behind an assumption, whatever tool runs them
with

listed_guards as (

    select
        assumption_id,
        guard_kind,
        guard_name
    from {{ ref('sampling_assumption_guards') }}

),

expectation_results as (

    select
        assumption_id,
        expectation_id
    from {{ ref('fct_expectation_results') }}
    where is_latest_run

),

expectations as (

    select
        assumption_id,
        'expectation' as guard_kind,
        expectation_id as guard_name
    from expectation_results
    -- once for all releases and platforms it was asked on
    group by assumption_id, expectation_id

),

final as (

    select * from listed_guards
    union all
    select * from expectations

)

select
    assumption_id,
    guard_kind,
    guard_name
from final
