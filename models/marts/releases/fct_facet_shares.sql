-- grain: release_id, platform, geo_level, geo_id, facet, level, category
-- why: the published base facets and geography totals as they are, with the base
--      that their percentage has, for everything that needs no task
with

facet_cells as (

    select * from {{ ref('int_facet_cells') }}
    where attribute_facet is null

),

based as (

    select
        *,
        case
            when facet_kind = 'geography_total' and facet = 'country'
                then sum(conversation_count) over (
                    partition by release_id, platform, facet, level
                )
            when facet_kind = 'geography_total'
                then sum(conversation_count) over (
                    partition by
                        release_id, platform, facet, level,
                        case
                            when facet = 'country-state'
                                then split_part(geo_id, '-', 1)
                        end
                )
            else sum(conversation_count) over (
                partition by release_id, platform, geo_level, geo_id, facet, level
            )
        end as base_conversation_count
    from facet_cells

),

final as (

    select
        release_id,
        platform,
        geo_level,
        geo_id,
        facet,
        level,
        case when facet_kind = 'geography_total' then 'all' else cluster_name end
            as category,
        conversation_count,
        base_conversation_count,
        100 * conversation_count / nullif(base_conversation_count, 0) as share_pct,
        published_pct,
        case
            when cluster_name = 'not_classified' then 'residual' else 'observed'
        end as status,
        is_simulated
    from based

)

select * from final
