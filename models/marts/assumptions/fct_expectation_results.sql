-- grain: run_id, expectation_id, release_id, platform
-- why: what was asked of the data before these marts were published, and earlier
with

expectation_results as (

    select * from {{ source('validation', 'expectation_results') }}

),

latest_runs as (

    select max_by(run_id, run_at) as run_id
    from expectation_results

),

final as (

    select
        expectation_results.run_id,
        expectation_results.run_at,
        expectation_results.expectation_id,
        expectation_results.release_id,
        expectation_results.platform,
        expectation_results.assumption_id,
        expectation_results.expectation,
        expectation_results.boundary,
        expectation_results.severity,
        expectation_results.observed,
        expectation_results.expected,
        expectation_results.example_rows,
        expectation_results.sentence,
        expectation_results.unexpected_count,
        expectation_results.is_success,
        expectation_results.run_id = latest_runs.run_id as is_latest_run
    from expectation_results
    cross join latest_runs

)

select * from final
