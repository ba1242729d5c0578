{#- The ten columns of the long layout (data guide, family B). -#}
{% macro raw_columns() -%}
    {{ return([
        'geo_id', 'geography', 'date_start', 'date_end', 'platform_and_product',
        'facet', 'level', 'variable', 'cluster_name', 'value'
    ]) }}
{%- endmacro %}


{#- Files that can't be read as what the manifest says they are. -#}
{% macro refused_files(release_files) -%}
    select
        relative_path as file,
        1 as row_number,
        column_name,
        'the header ' || left(header_line, 120) as observed,
        'a comma-separated header with the column ' || column_name as expected,
        'Fetch the file again (make fetch); a web page or another delimiter saved as .csv looks like this.' as advice
    from {{ release_files }},
        unnest({{ raw_columns() }}) as needed (column_name)
    where is_loaded and file_role = 'raw' and header_line is not null
        and not list_contains(
            list_transform(
                string_split(header_line, ','), lambda name: trim(name, ' "')
            ),
            column_name
        )
    union all
    select
        '{{ data_root() | replace("'", "''") }}', null, null,
        'no raw release file of the manifest',
        'at least one of ' || string_agg(relative_path, ', ' order by relative_path)
            filter (where not is_simulated),
        'Set AEI_DATA_DIR to a folder laid out as the public dataset, or unset it to use the project''s own simulated release.'
    from {{ release_files }}
    where file_role = 'raw'
    having count(*) filter (where is_loaded) = 0
{%- endmacro %}


{#- Rows that the reader could not split into the columns of the header. -#}
{% macro rejected_rows() -%}
    select
        release_files.relative_path as file,
        rejected.line as row_number,
        null as column_name,
        lower(any_value(rejected.error_type)) || ' in the line ' || left(any_value(rejected.csv_line), 120) as observed,
        'a UTF-8 line with as many fields as the header' as expected,
        'The file is cut off or damaged here; fetch it again (make fetch).' as advice
    from aei_rejected_rows as rejected
    inner join aei_rejected_scans as scans using (scan_id, file_id)
    inner join {{ ref('stg_aei__release_files') }} as release_files
        on release_files.file_path = scans.file_path and release_files.is_loaded
    group by all
{%- endmacro %}
