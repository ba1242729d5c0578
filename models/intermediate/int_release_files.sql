-- grain: release_id, file_role, relative_path, copy_status
-- why: the files of the manifest with what became of their rows, for marts: every row
--      of a loaded file is staged, and the checks name those that are kept out of the
--      marts
-- depends_on: {{ ref('int_input_problems') }}
with

release_files as (

    select * from {{ ref('stg_aei__release_files') }}
    {% if has_own_conversations() %}
        union all by name
        select * from {{ ref('stg_conversations__samples') }}
    {% endif %}

),

row_counts as (

    select
        relative_path,
        -- one row of a flat file can be several cells
        count(distinct row_number) as row_count,
        count(distinct row_number) filter (where not is_usable) as set_aside_row_count
    from {{ ref('int_facet_values') }}
    group by relative_path

),

final as (

    select
        release_files.sample_id,
        release_files.release_id,
        release_files.platform,
        release_files.file_role,
        release_files.relative_path,
        release_files.copy_status,
        release_files.schema_family,
        release_files.facet_set,
        release_files.taxonomy_version,
        release_files.count_basis,
        release_files.product_label,
        release_files.licence,
        release_files.citation,
        release_files.dataset_revision,
        release_files.manifest_sha256,
        release_files.observed_sha256,
        release_files.window_start_date,
        release_files.window_end_date,
        release_files.manifest_byte_count,
        release_files.observed_byte_count,
        release_files.sample_count,
        release_files.sample_source,
        release_files.file_status,
        release_files.is_simulated,
        release_files.is_loaded,
        case when release_files.is_loaded then row_counts.row_count end as row_count,
        case when release_files.is_loaded then row_counts.set_aside_row_count end
            as set_aside_row_count
    from release_files
    left join row_counts using (relative_path)

)

select * from final
