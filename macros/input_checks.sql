{#- The columns that a file of a layout must have, by family (raw files) or role
    (reference files), as the data guide describes the families. -#}
{% macro layout_columns(layout=none) -%}
    {%- set layouts = {
        'B_long': [
            'geo_id', 'geography', 'date_start', 'date_end', 'platform_and_product',
            'facet', 'level', 'variable', 'cluster_name', 'value'
        ],
        'C_monthly': [
            'date_start', 'date_end', 'geo_id', 'geo_level', 'category_name',
            'hierarchy_level', 'metric_id', 'value', 'node_name', 'node_external_id'
        ],
        'A_task_shares': ['task_name', 'pct'],
        'A_task_patterns': [
            'task_name', 'feedback_loop', 'directive', 'task_iteration', 'validation',
            'learning', 'filtered'
        ],
        'A_patterns': ['interaction_type', 'pct'],
        'onet_task_statements': ['O*NET-SOC Code', 'Title', 'Task ID', 'Task'],
        'iso_country_codes': ['iso_alpha_2', 'iso_alpha_3', 'country_name'],
        'working_age_population': [
            'iso_alpha_3', 'year', 'working_age_pop', 'country_code'
        ]
    } -%}
    {{ return(layouts[layout] if layout else layouts) }}
{%- endmacro %}


{#- SQL: an odd number of quotation marks in bytes that are UTF-8 text, or in their last
    line; bytes that are no text count as odd. -#}
{% macro has_open_quotes(content, last_line=false) -%}
    {%- set text = "try(decode(" ~ content ~ "))" -%}
    {%- if last_line -%}
        {%- set text = "split_part(trim(" ~ text ~ ", chr(10) || chr(13)), chr(10), -1)" -%}
    {%- endif -%}
    coalesce(
        (length({{ text }}) - length(replace({{ text }}, '"', ''))) % 2 = 1, true
    )
{%- endmacro %}


{#- SQL: what lies in place of a file's own bytes, by its first line; NULL for a file that
    may be what it should be. -#}
{% macro stand_in(header_line, byte_count) -%}
    case
        when starts_with({{ header_line }}, 'version https://git-lfs')
            then 'a pointer of Git LFS'
        when regexp_matches({{ header_line }}, '^\s*<')
            then 'a web page (' || left({{ header_line }}, 60) || ')'
        when {{ byte_count }} = 0 then 'an empty file'
    end
{%- endmacro %}


{#- Files that can't be read as what the manifest says they are, each in one line. The
    reader takes column names whatever their case, so two that differ in it are one too
    many. -#}
{% macro refused_files(release_files) -%}
    {%- set field = '"(?:[^"]|"")*"|[^",]*' %}
    with loaded as (
        select
            *,
            {{ stand_in('header_line', 'observed_byte_count') }} as stand_in
        from {{ release_files }}
        where is_loaded
    )
    select
        relative_path,
        1 as row_number,
        null as column_name,
        format(
            '{} of {:,} bytes in place of the file of {:,} bytes of release {}',
            stand_in, observed_byte_count, manifest_byte_count, release_id
        ) as observed,
        'refused_files' as check_name
    from loaded
    where stand_in is not null
    union all
    {%- for layout, columns in layout_columns().items() %}
    select
        relative_path, 1, string_agg(column_name, ', '),
        'the header ' || left(any_value(header_line), 120),
        'refused_files'
    from loaded, unnest({{ columns }}) as needed (column_name)
    where layout = '{{ layout }}' and header_line is not null and stand_in is null
        and (
            not regexp_full_match(header_line, '({{ field }})(,({{ field }}))*')
            or list_filter(
                list_transform(
                    regexp_extract_all(header_line, '{{ field }}'),
                    lambda name: trim(name, '"')
                ),
                lambda name: lower(name) = lower(column_name)
            ) <> [column_name]
        )
    group by relative_path
    union all
    {%- endfor %}
    select
        relative_path, null, null,
        'a quotation mark that is opened and not closed before the file ends',
        'rejected_rows'
    from loaded
    where ends_in_quotes and stand_in is null
    union all
    select
        '{{ data_root() | replace("'", "''") }}', null, null,
        'no raw file of ' || string_agg(
            distinct 'release_' || release_id, ', ' order by 'release_' || release_id
        ) filter (where not is_simulated),
        'no_release_files'
    from {{ release_files }}
    where file_role = 'raw'
    having count(*) filter (where is_loaded) = 0
{%- endmacro %}


{#- Post-hook: stop on rows that the reader could not split into the columns of the
    header. With --empty nothing is read; for Spark DuckDB has read them before. -#}
{% macro stop_on_rejected_rows(name) -%}
    {%- if flags.EMPTY or target.type == 'spark' or env_var('AEI_SPARK_TAKEN', '') -%}
        {{- return('select 1') -}}
    {%- endif -%}
    {{- stop_on_unreadable("
        select
            release_files.relative_path,
            rejected.line as row_number,
            null as column_name,
            lower(any_value(rejected.error_type)) || ' in the line '
            || left(any_value(rejected.csv_line), 120) as observed,
            'rejected_rows' as check_name
        from " ~ name ~ "_rejected_rows as rejected
        inner join " ~ name ~ "_rejected_scans as scans using (scan_id, file_id)
        inner join " ~ ref('stg_aei__release_files') ~ " as release_files
            on release_files.file_path = scans.file_path and release_files.is_loaded
        group by all
    ") -}}
{%- endmacro %}


{#- Pre-hooks: rejects of an earlier run in the same process. -#}
{% macro forget_rejected_rows(name) -%}
    {%- if target.type == 'spark' -%}
        {{- return('select 1') -}}
    {%- endif -%}
    drop table if exists {{ name }}_rejected_rows;
    drop table if exists {{ name }}_rejected_scans
{%- endmacro %}
