{#- CTEs of a staging model that reads files of one layout: `release_files`, and
    `numbered`, the rows as text with their sample's facts and row_number as in the file
    (the header is row 1). The reader keeps file order, and one scan runs through all
    files. Columns by name: a file may hold more of them, of any name. -#}
{% macro numbered_rows(source_table, layout, name='numbered', source_name='aei') -%}
{{ name }}_source as (

    select
        source_file_path,
        {% for column in var('layouts')[layout] -%}
        {{ adapter.quote(column) if ' ' in column else column }},
        {% endfor -%}
        {{ scan_position() }} as scan_position
    from {{ source(source_name, source_table) }}

),

{{ name }}_first_rows as (

    select
        source_file_path,
        min(scan_position) as first_scan_position
    from {{ name }}_source
    group by source_file_path

),

{{ name }} as (

    select
        release_files.* exclude (file_path),
        source.* exclude (source_file_path, scan_position),
        2 + source.scan_position - first_rows.first_scan_position as row_number
    from {{ name }}_source as source
    inner join {{ name }}_first_rows as first_rows
        on source.source_file_path = first_rows.source_file_path
    inner join (
        select
            file_path, sample_id, release_id, platform, taxonomy_version, count_basis,
            relative_path
        from {{ ref('stg_aei__release_files') }}
        where layout = '{{ layout }}' and is_loaded
    ) as release_files on source.source_file_path = release_files.file_path

)
{%- endmacro %}


{#- A plain decimal number or NULL: no NaN, no 1,234, no spaces, no 1e400. -#}
{% macro plain_number(column) -%}
    case
            when
                regexp_full_match({{ column }}, '-?[0-9]+(\.[0-9]*)?([eE][-+]?[0-9]+)?')
                and isfinite(try_cast({{ column }} as double))
                then try_cast({{ column }} as double)
        end
{%- endmacro %}


{#- A whole level, 0 as well as 0.0, or NULL. -#}
{% macro whole_level(column) -%}
    case
            when regexp_full_match({{ column }}, '[0-9]+(\.0+)?')
                then try_cast(try_cast({{ column }} as double) as integer)
        end
{%- endmacro %}


{#- Whether a code of a place is of a country of the country list, or of none; any is
    where the copy has no list. -#}
{% macro is_of_listed_country(geography, geo_id) -%}
    (
        {{ geography }} not in ('country', 'country-state')
        or length(split_part({{ geo_id }}, '-', 1)) <> 2
        or split_part({{ geo_id }}, '-', 1) in (
            select country_code from {{ ref('stg_reference__countries') }}
        )
        or (select count(*) from {{ ref('stg_reference__countries') }}) = 0
    )
{%- endmacro %}
