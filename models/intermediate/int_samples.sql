-- grain: sample_id
-- why: a sample is a release on a platform in a window: one key for everything behind
--      it
with

windows as (

    select * from {{ ref('int_sample_windows') }}
    where is_loaded

),

final as (

    select
        sample_id,
        release_id,
        platform,
        any_value(facet_set) as facet_set,
        any_value(taxonomy_version) as taxonomy_version,
        any_value(count_basis) as count_basis,
        window_start_date,
        any_value(window_end_date) as window_end_date,
        -- What the release says its percentages are of; NULL where nobody says.
        any_value(sample_count) as sample_count,
        bool_and(is_simulated) as is_simulated,
        bool_or(is_own_data) as is_own_data
    from windows
    group by sample_id, release_id, platform, window_start_date

)

select * from final
