-- grain: release_id, platform, geo_level, geo_id, facet, level, category
-- why: the published base facets and geography totals as they are, with the base
--      that their percentage has, for everything that needs no task
with

facet_cells as (

    select * from {{ ref('int_facet_cells') }}
    where attribute_facet is null

),

releases as (

    select * from {{ ref('dim_releases') }}

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
        based.release_id,
        based.platform,
        based.geo_level,
        based.geo_id,
        based.facet,
        based.level,
        case
            when based.facet_kind = 'geography_total' then 'all'
            else based.cluster_name
        end as category,
        based.conversation_count,
        based.base_conversation_count,
        100 * based.conversation_count / nullif(based.base_conversation_count, 0)
            as share_pct,
        {{ wilson_interval_columns(
            'based.conversation_count',
            'based.base_conversation_count',
            "case when releases.count_basis <> 'conversations' then 'per_million_counts' "
            ~ "when based.cluster_name = 'not_classified' then 'residual' end"
        ) }},
        based.published_pct,
        case
            when based.cluster_name = 'not_classified' then 'residual' else 'observed'
        end as status,
        based.is_simulated
    from based
    inner join releases
        on
            based.release_id = releases.release_id
            and based.platform = releases.platform

)

select * from final
