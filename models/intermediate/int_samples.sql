-- grain: sample_id
-- why: a sample is a release on a platform in a window: one key for everything behind
--      it
with

release_files as (

    select * from {{ ref('stg_aei__release_files') }}
    where file_role = 'raw' and copy_status = 'current' and is_loaded

),

final as (

    select
        sample_id,
        release_id,
        platform,
        schema_family,
        facet_set,
        taxonomy_version,
        count_basis,
        window_start_date,
        window_end_date,
        -- What the release says its percentages are of; NULL where nobody says.
        sample_count,
        is_simulated
    from release_files

)

select * from final
