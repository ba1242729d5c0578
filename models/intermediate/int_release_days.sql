-- grain: release_day
-- why: MetricFlow asks every project with metrics for a table of days; these are the
--      days of the loaded releases' windows, and no metric uses them
with

releases as (

    select * from {{ ref('int_release_files') }}
    where file_role = 'raw' and is_loaded

),

days as (

    -- Platforms of a release share their days.
    select distinct
        unnest(
            generate_series(window_start_date, window_end_date, interval 1 day)
        ) as release_day
    from releases

),

final as (

    select cast(release_day as date) as release_day
    from days

)

select * from final
