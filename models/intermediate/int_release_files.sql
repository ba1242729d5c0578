{{ config(materialized='view') }}
-- grain: release_id, file_role, relative_path, copy_status
-- why: marts describe the files without reaching into staging
with

release_files as (

    select * from {{ ref('stg_aei__release_files') }}

),

final as (

    select
        release_id,
        platform,
        file_role,
        relative_path,
        copy_status,
        schema_family,
        facet_set,
        taxonomy_version,
        count_basis,
        product_label,
        licence,
        citation,
        manifest_sha256,
        observed_sha256,
        window_start_date,
        window_end_date,
        manifest_byte_count,
        observed_byte_count,
        file_status,
        is_simulated,
        is_loaded
    from release_files

)

select * from final
