-- grain: release_id, platform, geo_level, geo_id, facet, level, cluster_name
-- why: count and percentage of a published cell side by side, for every facet that
--      the marts use; a later family of files joins the cell tables here, as one
--      more branch
-- depends_on: {{ ref('stg_aei__input_problems') }}
with

facet_values as (

    select * from {{ ref('stg_aei__facet_values') }}

),

facets as (

    select * from {{ ref('facets') }}
    where is_in_marts

),

final as (

    select
        facet_values.release_id,
        facet_values.platform,
        facet_values.taxonomy_version,
        facet_values.count_basis,
        facet_values.geo_level,
        facet_values.geo_id,
        facet_values.facet,
        facet_values.base_facet,
        facet_values.attribute_facet,
        facet_values.level,
        facet_values.cluster_name,
        facet_values.base_cluster_name,
        facet_values.category,
        any_value(base_facets.facet_kind) as facet_kind,
        max(facet_values.value) filter (where facet_values.measure = 'count')
            as conversation_count,
        max(facet_values.value) filter (where facet_values.measure = 'pct')
            as published_pct,
        facet_values.is_simulated
    from facet_values
    inner join facets as base_facets on facet_values.base_facet = base_facets.facet
    left join facets as attribute_facets
        on facet_values.attribute_facet = attribute_facets.facet
    where
        facet_values.attribute_facet is null
        or attribute_facets.facet_kind = 'category'
    group by all

)

select * from final
