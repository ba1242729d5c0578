-- grain: release_id, platform, allocation_rule, scope, share_base, top_k
-- why: how few tasks a figure of a scope rests on
with

scope_tasks as (

    select * from {{ ref('int_scope_tasks') }}

),

geography_totals as (

    select * from {{ ref('int_geography_totals') }}
    where geo_level = 'global'

),

ranked as (

    select
        *,
        row_number() over (
            partition by release_id, platform, allocation_rule, scope
            order by conversation_count desc nulls last, task_id asc
        ) as task_rank,
        sum(conversation_count) over (
            partition by release_id, platform, allocation_rule, scope
        ) as scope_conversation_count
    from scope_tasks

),

top_ks as (

    select unnest({{ var('concentration_top_ks') }}) as top_k

),

concentrations as (

    select
        ranked.release_id,
        ranked.platform,
        ranked.allocation_rule,
        ranked.scope,
        top_ks.top_k,
        any_value(ranked.is_simulated) as is_simulated,
        count(*) as task_count,
        any_value(ranked.scope_conversation_count) as scope_conversation_count,
        sum(ranked.conversation_count) filter (where ranked.task_rank <= top_ks.top_k)
            as conversation_count,
        1 / nullif(
            sum(
                pow(ranked.conversation_count / ranked.scope_conversation_count, 2)
            ),
            0
        ) as effective_task_count
    from ranked
    cross join top_ks
    group by
        ranked.release_id, ranked.platform, ranked.allocation_rule, ranked.scope,
        top_ks.top_k

),

share_bases as (

    select
        *,
        'scope' as share_base,
        scope_conversation_count as base_conversation_count
    from concentrations
    union all by name
    select
        concentrations.*,
        'all_conversations' as share_base,
        geography_totals.conversation_count as base_conversation_count
    from concentrations
    inner join geography_totals
        on
            concentrations.release_id = geography_totals.release_id
            and concentrations.platform = geography_totals.platform

),

final as (

    select
        release_id,
        platform,
        allocation_rule,
        scope,
        share_base,
        top_k,
        task_count,
        conversation_count,
        base_conversation_count,
        100 * conversation_count / nullif(base_conversation_count, 0) as share_pct,
        effective_task_count,
        is_simulated
    from share_bases

)

select * from final
