-- grain: release_id, platform, facet, geo_level
-- why: what the loaded files hold of each facet, whether or not a mart uses it;
--      only the finest level, because coarser levels hold the same conversations
--      again
-- depends_on: {{ ref('stg_aei__input_problems') }}
with

facet_values as (

    select * from {{ ref('stg_aei__facet_values') }}
    where level = 0

),

final as (

    select
        release_id,
        platform,
        facet,
        geo_level,
        count(distinct geo_id || '::' || cluster_name) as cell_count,
        count(distinct geo_id) as geography_count,
        count(distinct geo_id || '::' || base_cluster_name) as unit_count,
        -- Numeric facets count the records behind a statistic: no partition to sum.
        sum(value) filter (
            where
            measure = 'count'
            and coalesce(nullif(category, ''), nullif(cluster_name, ''), geo_id)
            not in ('not_classified', 'NONE')
            -- what a country has outside its published regions
            and geo_id not like '%-not_classified'
        ) as covered_conversation_count
    from facet_values
    group by release_id, platform, facet, geo_level

)

select * from final
