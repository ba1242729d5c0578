-- grain: release_id, platform
-- why: what a figure of a release may be compared with: window, count basis, plans,
--      taxonomy, and whether the loaded copy is the official one
with

release_files as (

    select * from {{ ref('int_release_files') }}
    where file_role = 'raw' and copy_status = 'current'

),

geography_totals as (

    select * from {{ ref('int_geography_totals') }}
    where geo_level = 'global'

),

final as (

    select
        release_files.release_id,
        release_files.platform,
        release_files.schema_family,
        release_files.taxonomy_version,
        release_files.count_basis,
        release_files.product_label,
        release_files.relative_path,
        release_files.licence,
        release_files.citation,
        release_files.dataset_revision,
        release_files.window_start_date,
        release_files.window_end_date,
        case
            when release_files.is_loaded
                then
                    coalesce(
                        release_files.sample_count, geography_totals.conversation_count
                    )
        end as sample_count,
        release_files.sample_source,
        geography_totals.named_task_count,
        release_files.file_status,
        release_files.is_loaded,
        release_files.is_simulated
    from release_files
    left join geography_totals on release_files.sample_id = geography_totals.sample_id

)

select * from final
