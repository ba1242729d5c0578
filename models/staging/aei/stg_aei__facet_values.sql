{{ config(
    pre_hook=["{{ forget_rejected_rows('B_long') }}"],
    post_hook=["{{ stop_on_rejected_rows('B_long') }}"]
) }}
-- depends_on: {{ ref('input_checks') }}
with

release_files as (

    select *
    from {{ ref('stg_aei__release_files') }}
    where layout = 'B_long' and is_loaded

),

geography_levels as (

    select * from {{ ref('geography_levels') }}

),

source as (

    -- Row numbers follow the file: the header is row 1. The reader keeps file order.
    -- The columns by name: a file may hold more of them, of any name.
    select
        source_file_path,
        {{ layout_columns('B_long') | join(',\n        ') }},
        row_number() over () as scan_position
    from {{ source('aei', 'raw_rows') }}

),

-- One scan runs through all files: each file's rows count from its own first.
first_rows as (

    select
        source_file_path,
        min(scan_position) as first_scan_position
    from source
    group by source_file_path

),

renamed as (

    select
        release_files.sample_id,
        release_files.release_id,
        release_files.platform,
        release_files.taxonomy_version,
        release_files.count_basis,
        release_files.relative_path,
        2 + source.scan_position - first_rows.first_scan_position as row_number,

        -- text as published
        source.geography,
        source.geo_id,
        source.date_start,
        source.date_end,
        source.platform_and_product,
        source.facet,
        source.level as level_text,
        source.variable,
        source.cluster_name,
        source.value as value_text,

        -- the parts of an intersection: the split is at the last `::`
        coalesce(geography_levels.geo_level, 'unknown') as geo_level,
        case
            when source.facet like '%::%' then split_part(source.facet, '::', 1)
            else source.facet
        end as base_facet,
        case
            when source.facet like '%::%' then split_part(source.facet, '::', -1)
        end as attribute_facet,
        case
            when source.facet like '%::%' and source.cluster_name like '%::%'
                then regexp_extract(source.cluster_name, '^((?s).*)::((?s).*)$', 1)
            else source.cluster_name
        end as base_cluster_name,
        case
            when source.facet like '%::%'
                then regexp_extract(source.cluster_name, '^((?s).*)::((?s).*)$', 2)
        end as category,
        -- `onet_task::task_success` has `onet_task_task_success_count`, and so on;
        -- totals of a geography have `usage_count` and `usage_pct`.
        case
            when starts_with(source.variable, replace(source.facet, '::', '_') || '_')
                then substr(
                    source.variable, length(replace(source.facet, '::', '_')) + 2
                )
            when starts_with(source.variable, 'usage_') then substr(source.variable, 7)
            else source.variable
        end as measure,

        -- numbers
        case
            when regexp_full_match(source.level, '[0-9]+(\.0+)?')
                then try_cast(try_cast(source.level as double) as integer)
        end as level,
        -- A plain decimal number or nothing: no NaN, no 1,234, no spaces, no 1e400.
        case
            when
                regexp_full_match(
                    source.value, '-?[0-9]+(\.[0-9]*)?([eE][-+]?[0-9]+)?'
                )
                and isfinite(try_cast(source.value as double))
                then try_cast(source.value as double)
        end as value
    from source
    inner join first_rows on source.source_file_path = first_rows.source_file_path
    inner join release_files on source.source_file_path = release_files.file_path
    left join geography_levels on source.geography = geography_levels.geography

)

select * from renamed
