-- grain: sample_id, geo_level, geo_id, facet, level, cluster_name
-- why: count and percentage of a published cell side by side, pivoted once, with the
--      base that the release gives the percentage; what the published countries leave
--      open of the sample is a cell too
with

facet_values as (

    select * from {{ ref('int_facet_values') }}
    where value is not null

),

facets as (

    select * from {{ ref('facets') }}
    where is_in_marts

),

samples as (

    select * from {{ ref('int_samples') }}

),

pivoted as (

    select
        facet_values.sample_id,
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
        any_value(facet_values.relative_path) as relative_path,
        min(facet_values.row_number) as row_number,
        -- A statistic that we don't know leaves the cell itself as it is.
        coalesce(
            bool_and(facet_values.is_usable)
            filter (where facet_values.measure in ('count', 'pct')),
            false
        ) as is_usable,
        any_value(facet_values.check_name)
        filter (where facet_values.measure in ('count', 'pct')) as row_check_name,
        bool_or(facet_values.measure not in ('count', 'pct')) as has_other_measure
    from facet_values
    inner join facets as base_facets on facet_values.base_facet = base_facets.facet
    left join facets as attribute_facets
        on facet_values.attribute_facet = attribute_facets.facet
    where
        facet_values.attribute_facet is null
        or attribute_facets.facet_kind = 'category'
    group by
        facet_values.sample_id, facet_values.geo_level, facet_values.geo_id,
        facet_values.facet, facet_values.base_facet, facet_values.attribute_facet,
        facet_values.level, facet_values.cluster_name,
        facet_values.base_cluster_name, facet_values.category

),

-- A percentage is of what the release says: an intersection's of its task, a region's
-- of its country, a country's and a global facet's of the sample, never of the rows
-- that happen to be published.
based as (

    select
        pivoted.*,
        case
            when pivoted.attribute_facet is not null
                then max(pivoted.conversation_count) filter (
                    where pivoted.attribute_facet is null
                ) over (
                    partition by
                        pivoted.sample_id, pivoted.geo_level, pivoted.geo_id,
                        pivoted.base_facet, pivoted.level, pivoted.base_cluster_name
                )
            when pivoted.facet = 'country' or pivoted.geo_level = 'global'
                then samples.sample_count
            when pivoted.facet_kind = 'geography_total'
                then max(pivoted.conversation_count) filter (
                    where pivoted.facet = 'country'
                ) over (
                    partition by
                        pivoted.sample_id,
                        pivoted.facet_kind,
                        case
                            when pivoted.facet = 'country' then pivoted.geo_id
                            when pivoted.facet = 'state_us' then 'US'
                            -- Regions of no country lie in none.
                            when pivoted.geo_id like '%-%'
                                then split_part(pivoted.geo_id, '-', 1)
                        end
                )
            else max(pivoted.conversation_count) filter (
                where pivoted.facet_kind = 'geography_total'
            ) over (
                partition by pivoted.sample_id, pivoted.geo_level, pivoted.geo_id
            )
        end as stated_base_count,
        samples.count_basis
    from pivoted
    inner join samples on pivoted.sample_id = samples.sample_id

),

unpublished as (

    select
        based.sample_id,
        'country' as geo_level,
        'unpublished' as geo_id,
        'country' as facet,
        'country' as base_facet,
        0 as level,
        '' as cluster_name,
        '' as base_cluster_name,
        'geography_total' as facet_kind,
        any_value(based.stated_base_count) - sum(based.conversation_count)
            as conversation_count,
        any_value(based.stated_base_count) as stated_base_count,
        any_value(based.count_basis) as count_basis,
        true as is_usable
    from based
    where based.facet = 'country'
    group by based.sample_id
    -- Each rounded count may hide half a unit.
    having
        any_value(based.stated_base_count) - sum(based.conversation_count)
        > case
            when any_value(based.count_basis) = 'per_million' then count(*) / 2.0
            else 0
        end

),

final as (

    select * from based
    union all by name
    select * from unpublished

)

select * from final
