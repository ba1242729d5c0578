-- grain: release_id, platform, window_start_date
-- why: what a figure of a sample may be compared with: window, count basis, plans,
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

-- A flat release is several files of one sample.
gathered as (

    select
        windows.sample_id,
        windows.release_id,
        windows.platform,
        windows.window_start_date,
        any_value(windows.window_end_date) as window_end_date,
        left(any_value(release_files.schema_family), 1) as schema_family,
        any_value(release_files.taxonomy_version) as taxonomy_version,
        any_value(release_files.count_basis) as count_basis,
        any_value(release_files.product_label) as product_label,
        string_agg(
            release_files.relative_path, ', ' order by release_files.relative_path
        )
            as relative_path,
        any_value(release_files.licence) as licence,
        any_value(release_files.citation) as citation,
        any_value(release_files.dataset_revision) as dataset_revision,
        any_value(release_files.sample_count) as sample_count,
        any_value(release_files.sample_source) as sample_source,
        case
            when count(distinct release_files.file_status) = 1
                then any_value(release_files.file_status)
            else 'mixed'
        end as file_status,
        bool_or(release_files.is_loaded) as is_loaded,
        bool_and(release_files.is_simulated) as is_simulated,
        coalesce(bool_or(windows.is_own_data), false) as is_own_data
    from {{ ref('int_sample_windows') }} as windows
    inner join release_files using (relative_path)
    group by
        windows.sample_id, windows.release_id, windows.platform,
        windows.window_start_date

),

final as (

    select
        gathered.release_id,
        gathered.platform,
        gathered.window_start_date,
        gathered.window_end_date,
        {{ window_label('gathered.window_start_date', 'gathered.window_end_date') }}
            as window_label,
        gathered.schema_family,
        gathered.taxonomy_version,
        gathered.count_basis,
        gathered.product_label,
        gathered.relative_path,
        gathered.licence,
        gathered.citation,
        gathered.dataset_revision,
        case
            when gathered.is_loaded and gathered.count_basis <> 'percent_only'
                then
                    coalesce(gathered.sample_count, geography_totals.conversation_count)
        end as sample_count,
        gathered.sample_source,
        geography_totals.named_task_count,
        gathered.file_status,
        gathered.is_loaded,
        gathered.is_simulated,
        gathered.is_own_data
    from gathered
    left join geography_totals using (sample_id)

)

select * from final
