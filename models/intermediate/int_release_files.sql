-- grain: release_id, file_role, relative_path, copy_status
-- why: the files of the manifest with what became of their rows, for marts: every row of a
--      loaded file is staged, and the checks name those that are kept out of the marts
with

release_files as (

    select * from {{ ref('stg_aei__release_files') }}

),

row_counts as (

    select
        relative_path,
        count(*) as row_count,
        count(*) filter (where not is_usable) as set_aside_row_count
    from {{ ref('int_facet_values') }}
    group by relative_path

),

final as (

    select
        release_files.* exclude (file_path, header_line, is_present),
        case when release_files.is_loaded then row_counts.row_count end as row_count,
        case when release_files.is_loaded then row_counts.set_aside_row_count end
            as set_aside_row_count
    from release_files
    left join row_counts on release_files.relative_path = row_counts.relative_path

)

select * from final
