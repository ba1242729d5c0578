-- grain: release_id, platform, window_start_date, allocation_rule, share_base,
--        soc_major_group
-- why: "one of the largest groups" is a ranking and needs the other groups
with

shares as (

    select * from {{ ref('int_scope_shares') }}
    where scope_kind = 'major_group'

),

uncertainty as (

    select * from {{ ref('int_uncertainty') }}
    where figure = 'share_global'

),

banded as (

    select
        shares.*,
        {{ uncertainty_columns('shares') }}
    from shares
    left join uncertainty
        on
            shares.sample_id = uncertainty.sample_id
            and shares.allocation_rule = uncertainty.allocation_rule
            and shares.scope = uncertainty.scope
            and shares.share_base = uncertainty.estimator

),

-- A band wholly above another is of a larger group; all else is open.
ranks as (

    select
        own.sample_id,
        own.allocation_rule,
        own.share_base,
        own.scope,
        1 + count(*) filter (
            where others.uncertainty_low_pct > own.uncertainty_high_pct
        ) as rank_low,
        count(*) - count(*) filter (
            where others.uncertainty_high_pct < own.uncertainty_low_pct
        ) as rank_high
    from banded as own
    inner join banded as others using (sample_id, allocation_rule, share_base)
    where own.uncertainty_low_pct is not null
    group by own.sample_id, own.allocation_rule, own.share_base, own.scope

),

final as (

    select
        samples.release_id,
        samples.platform,
        samples.window_start_date,
        shares.allocation_rule,
        shares.share_base,
        shares.scope as soc_major_group,
        shares.task_count,
        shares.effective_task_count,
        {{ if_counted('shares.conversation_count') }} as conversation_count,
        {{ if_counted('shares.base_conversation_count') }} as base_conversation_count,
        shares.share_pct,
        {{ wilson_interval_columns(
            'shares.conversation_count',
            'shares.base_conversation_count',
            'shares.interval_missing_reason'
        ) }},
        shares.bound_low_pct,
        shares.bound_high_pct,
        shares.uncertainty_low_pct,
        shares.uncertainty_high_pct,
        shares.uncertainty_kind,
        shares.uncertainty_coverage_pct,
        shares.uncertainty_missing_reason,
        case
            when shares.share_pct is not null
                then
                    rank() over (
                        partition by
                            shares.sample_id, shares.allocation_rule, shares.share_base
                        order by shares.share_pct desc nulls last
                    )
        end as share_rank,
        ranks.rank_low,
        ranks.rank_high,
        samples.is_simulated
    from banded as shares
    inner join {{ ref('int_samples') }} as samples using (sample_id)
    left join ranks using (sample_id, allocation_rule, share_base, scope)

)

select * from final
