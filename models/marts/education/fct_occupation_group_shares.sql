-- grain: release_id, platform, window_start_date, allocation_rule, share_base,
--        soc_major_group
-- why: "one of the largest groups" is a ranking and needs the other groups
with

shares as (

    select * from {{ ref('int_scope_shares') }}
    where scope_kind = 'major_group'

),

samples as (

    select * from {{ ref('int_samples') }}

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
        case
            when shares.share_pct is not null
                then
                    rank() over (
                        partition by
                            shares.sample_id, shares.allocation_rule, shares.share_base
                        order by shares.share_pct desc nulls last
                    )
        end as share_rank,
        samples.is_simulated
    from shares
    inner join samples on shares.sample_id = samples.sample_id

)

select * from final
