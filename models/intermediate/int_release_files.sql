-- grain: release_id, file_role, relative_path, copy_status
-- why: the files of the manifest with what became of their rows, for marts: every row
--      of a loaded file is staged, and the checks name those that are kept out of the
--      marts
-- depends_on: {{ ref('int_input_problems') }}
with

release_files as (

    -- Without what the loader alone asks of a file.
    select * exclude (file_path, layout, header_line, ends_in_quotes, is_present)
    from {{ ref('stg_aei__release_files') }}
    {% if has_own_conversations() %}
        union all by name
        select * from {{ ref('stg_conversations__samples') }}
    {% endif %}

),

-- One row of a flat file can be several cells.
row_counts as (

    select
        relative_path,
        count(distinct row_number) as row_count
    from {{ ref('int_facet_values') }}
    group by relative_path

),

set_aside as (

    select
        relative_path,
        count(distinct row_number) as row_count
    from {{ ref('int_facet_values') }}
    where not is_usable
    group by relative_path

),

final as (

    select
        release_files.*,
        case when release_files.is_loaded then row_counts.row_count end as row_count,
        case
            when release_files.is_loaded and row_counts.row_count > 0
                then coalesce(set_aside.row_count, 0)
        end as set_aside_row_count
    from release_files
    left join row_counts using (relative_path)
    left join set_aside using (relative_path)

)

select * from final -- noqa: AM04
