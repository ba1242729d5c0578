-- grain: release_id, platform, window_start_date, geo_level, geo_id,
--        allocation_rule, share_base, scope
-- why: how much of the use is education, by which definition, with the range that the
--      unseen conversations leave open
with

shares as (

    select * from {{ ref('int_scope_shares') }}
    where scope_kind <> 'major_group'

),

uncertainty as (

    select * from {{ ref('int_uncertainty') }}
    where starts_with(figure, 'share_')

),

final as (

    select
        samples.release_id,
        samples.platform,
        samples.window_start_date,
        shares.geo_level,
        shares.geo_id,
        shares.allocation_rule,
        shares.share_base,
        shares.scope,
        shares.task_count,
        shares.effective_task_count,
        {{ if_counted('shares.conversation_count') }} as conversation_count,
        {{ if_counted('shares.base_conversation_count') }} as base_conversation_count,
        {{ if_counted('shares.unseen_conversation_count') }}
            as unseen_conversation_count,
        shares.share_pct,
        {{ wilson_interval_columns(
            'shares.conversation_count',
            'shares.base_conversation_count',
            'shares.interval_missing_reason'
        ) }},
        shares.bound_low_pct,
        shares.bound_high_pct,
        {{ uncertainty_columns('shares') }},
        shares.status,
        places.is_below_threshold,
        places.is_anomalous,
        samples.is_simulated
    from shares
    inner join {{ ref('int_samples') }} as samples using (sample_id)
    inner join {{ ref('int_geography_totals') }} as places
        using (sample_id, geo_level, geo_id)
    left join uncertainty
        on
            shares.sample_id = uncertainty.sample_id
            and shares.geo_level = uncertainty.geo_level
            and shares.geo_id = uncertainty.geo_id
            and shares.allocation_rule = uncertainty.allocation_rule
            and shares.scope = uncertainty.scope
            and shares.share_base = uncertainty.estimator

)

select * from final
