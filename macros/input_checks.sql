{#- SQL: the header of bytes that are no UTF-8 text somewhere behind it, where it is plain
    itself: then the reader names the line. DuckDB writes other bytes as \xNN. -#}
{% macro with_readable_header(content) -%}
    {%- set line = "regexp_extract(" ~ content ~ "::varchar, '^(?:\\\\xEF\\\\xBB\\\\xBF)?(.*?)(?:\\\\x0D)?\\\\x0A', 1)" -%}
    {%- set line = "replace(" ~ line ~ ", '\\x22', '\"')" -%}
    case
        when {{ line }} = '' or contains({{ line }}, '\x') then '(not UTF-8 text)'
        else {{ line }}
    end
{%- endmacro %}


{#- SQL: an odd number of quotation marks in bytes that are UTF-8 text, or in their last
    line. A last line that is no text may have been cut in a letter, and counts as odd;
    of a whole file that is none the reader names the line. -#}
{% macro has_open_quotes(content, last_line=false) -%}
    {%- set text = "try(decode(" ~ content ~ "))" -%}
    {%- if last_line -%}
        {%- set text = "split_part(trim(" ~ text ~ ", chr(10) || chr(13)), chr(10), -1)" -%}
    {%- endif -%}
    coalesce(
        (length({{ text }}) - length(replace({{ text }}, '"', ''))) % 2 = 1,
        {{ last_line }}
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
    {%- for layout, columns in var('layouts').items() %}
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


{#- Post-hook: stop on values of a reference list in another form than the var list_forms
    says, and on a key that stands in two rows of a file. -#}
{% macro stop_on_malformed_list(layout) -%}
    {%- if flags.EMPTY or target.type == 'spark' or env_var('AEI_SPARK_TAKEN', '') -%}
        {{- return('select 1') -}}
    {%- endif -%}
    {%- set found = [] -%}
    {%- for name, form in var('list_forms')[layout].items() -%}
        {%- set column = adapter.quote(name) -%}
        {%- do found.append(
            "select relative_path, row_number, '" ~ name ~ "' as column_name, "
            ~ "'\"' || left(" ~ column ~ ", 80) || '\"' as observed from numbered "
            ~ "where not regexp_full_match(" ~ column ~ ", '" ~ form ~ "')"
        ) -%}
    {%- endfor -%}
    {%- for key in var('list_keys')[layout] -%}
        {%- set columns = '"' ~ key | join('", "') ~ '"' -%}
        {%- do found.append(
            "select relative_path, max(row_number), '" ~ key | join(', ') ~ "', "
            ~ "'\"' || concat_ws(', ', " ~ columns ~ ") || '\" in ' || count(*) "
            ~ "|| ' rows, first in row ' || min(row_number) from numbered "
            ~ "group by relative_path, " ~ columns ~ " having count(*) > 1"
        ) -%}
    {%- endfor -%}
    {{- stop_on_unreadable(
        "with " ~ numbered_rows(layout, layout, source_name='reference')
        ~ "select *, 'malformed_lists' as check_name from ("
        ~ found | join(' union all ') ~ ")"
    ) -}}
{%- endmacro %}


{#- Pre-hooks: rejects of an earlier run in the same process. -#}
{% macro forget_rejected_rows(name) -%}
    {%- if target.type == 'spark' -%}
        {{- return('select 1') -}}
    {%- endif -%}
    drop table if exists {{ name }}_rejected_rows;
    drop table if exists {{ name }}_rejected_scans
{%- endmacro %}
