{{ config(
    pre_hook=["{{ forget_rejected_rows('B_long') }}"],
    post_hook=["{{ stop_on_rejected_rows('B_long') }}"]
) }}
-- depends_on: {{ ref('input_checks') }}
with

{{ numbered_rows('raw_rows', 'B_long') }},

renamed as (

    select
        numbered.sample_id,
        numbered.release_id,
        numbered.platform,
        numbered.taxonomy_version,
        numbered.count_basis,
        numbered.relative_path,
        numbered.row_number,

        -- text as published
        numbered.geography,
        numbered.geo_id,
        numbered.date_start,
        numbered.date_end,
        numbered.platform_and_product,
        numbered.facet,
        numbered.level as level_text,
        numbered.variable,
        numbered.cluster_name,
        numbered.value as value_text,

        -- the parts of an intersection: the split is at the last `::`
        coalesce(geography_levels.geo_level, 'unknown') as geo_level,
        case
            when numbered.facet like '%::%' then split_part(numbered.facet, '::', 1)
            else numbered.facet
        end as base_facet,
        case
            when numbered.facet like '%::%' then split_part(numbered.facet, '::', -1)
        end as attribute_facet,
        case
            when numbered.facet like '%::%' and numbered.cluster_name like '%::%'
                then regexp_extract(numbered.cluster_name, '^((?s).*)::((?s).*)$', 1)
            else numbered.cluster_name
        end as base_cluster_name,
        case
            when numbered.facet like '%::%'
                then regexp_extract(numbered.cluster_name, '^((?s).*)::((?s).*)$', 2)
        end as category,
        -- `onet_task::task_success` has `onet_task_task_success_count`, and so on;
        -- totals of a geography have `usage_count` and `usage_pct`.
        case
            when
                starts_with(
                    numbered.variable, replace(numbered.facet, '::', '_') || '_'
                )
                then substr(
                    numbered.variable, length(replace(numbered.facet, '::', '_')) + 2
                )
            when starts_with(numbered.variable, 'usage_')
                then substr(numbered.variable, 7)
            else numbered.variable
        end as measure,

        -- numbers
        {{ whole_level('numbered.level') }} as level,
        {{ plain_number('numbered.value') }} as value
    from numbered
    left join {{ ref('geography_levels') }} as geography_levels using (geography)

)

select * from renamed
