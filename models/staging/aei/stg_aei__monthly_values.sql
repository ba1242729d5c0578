{{ config(
    pre_hook=["{{ forget_rejected_rows('C_monthly') }}"],
    post_hook=["{{ stop_on_rejected_rows('C_monthly') }}"]
) }}
-- grain: relative_path, row_number
-- why: a row of the monthly layout (family C) under the names of the long one: a metric
--      id is a facet, a label and a measure; countries get their alpha-2 key
-- depends_on: {{ ref('input_checks') }}
with

{{ numbered_rows('monthly_rows', 'C_monthly') }},

renamed as (

    select
        -- a file holds several months, and each is a sample
        numbered.release_id || ' ' || numbered.platform || ' ' || numbered.date_start
            as sample_id,
        numbered.relative_path,
        numbered.row_number,

        -- text as published
        numbered.date_start,
        numbered.date_end,
        numbered.geo_id as published_geo_id,
        numbered.category_name,
        numbered.hierarchy_level as level_text,
        numbered.metric_id,
        numbered.node_name,
        numbered.node_external_id,
        numbered.value as value_text,

        -- place
        case numbered.geo_level
            when 'subregion' then 'country-state' else numbered.geo_level
        end as geography,
        case
            when numbered.geo_level in ('global', 'country') then numbered.geo_level
            when numbered.geo_level = 'subregion' then 'region'
            else 'unknown'
        end as geo_level,
        case
            when numbered.geo_level = 'country'
                then coalesce(countries.country_code, numbered.geo_id)
            else numbered.geo_id
        end as geo_id,

        -- Everything of a place (overall) is a facet of its own; of a node it is an
        -- attribute.
        case
            when numbered.category_name <> 'overall' then numbered.category_name
            when metrics.facet = 'geography_total'
                then
                    case numbered.geo_level
                        when 'subregion' then 'country-state' else 'country'
                    end
            else coalesce(nullif(metrics.facet, ''), numbered.category_name)
        end as base_facet,
        case
            when numbered.category_name <> 'overall' then nullif(metrics.facet, '')
        end as attribute_facet,
        case
            when numbered.category_name = 'overall' then metrics.label
            else numbered.node_external_id
        end as base_cluster_name,
        case
            when numbered.category_name <> 'overall' and metrics.facet <> ''
                then metrics.label
        end as category,
        coalesce(metrics.measure, numbered.metric_id) as measure,
        -- a place has no share of itself, and a node no usage
        metrics.metric_id is not null
        and case
            when numbered.category_name = 'overall'
                then coalesce(metrics.facet, '') <> ''
            else coalesce(metrics.facet, '') <> 'geography_total'
        end as is_known_metric,

        -- numbers
        {{ whole_level('numbered.hierarchy_level') }} as level,
        {{ plain_number('numbered.value') }} as value,
        -- this layout rounds to two decimals
        cast(0.005 as double) as half_unit_pct
    from numbered
    left join {{ ref('monthly_metrics') }} as metrics using (metric_id)
    left join {{ ref('stg_reference__countries') }} as countries
        on numbered.geo_id = countries.country_alpha_3_code

)

select * from renamed
