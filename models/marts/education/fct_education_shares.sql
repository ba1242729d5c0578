-- grain: release_id, platform, geo_level, geo_id, allocation_rule, share_base, scope
-- why: how much of the use is education, by which definition, with the range that the
--      unseen conversations leave open
with

shares as (

    select * from {{ ref('int_scope_shares') }}
    where scope_kind <> 'major_group'

),

samples as (

    select * from {{ ref('int_samples') }}

),

anomalies as (

    select * from {{ ref('anomalous_geographies') }}

),

final as (

    select
        samples.release_id,
        samples.platform,
        shares.geo_level,
        shares.geo_id,
        shares.allocation_rule,
        shares.share_base,
        shares.scope,
        shares.task_count,
        shares.effective_task_count,
        shares.conversation_count,
        shares.base_conversation_count,
        shares.unseen_conversation_count,
        shares.share_pct,
        {{ wilson_interval_columns(
            'shares.conversation_count',
            'shares.base_conversation_count',
            'shares.interval_missing_reason'
        ) }},
        shares.bound_low_pct,
        shares.bound_high_pct,
        case
            when shares.is_contradicted then 'contradicted'
            when shares.share_pct is null then 'none_visible'
            else 'visible'
        end as status,
        {{ is_below_threshold('shares.place_conversation_count', 'shares.geo_level') }}
            as is_below_threshold,
        anomalies.geo_id is not null as is_anomalous,
        samples.is_simulated
    from shares
    inner join samples on shares.sample_id = samples.sample_id
    left join anomalies
        on
            samples.release_id = anomalies.release_id
            and shares.geo_level = anomalies.geo_level
            and shares.geo_id = anomalies.geo_id

)

select * from final
