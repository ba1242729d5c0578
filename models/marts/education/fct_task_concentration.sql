-- grain: release_id, platform, window_start_date, allocation_rule, scope,
--        share_base, top_k
-- why: how few tasks a figure of a scope rests on
with

geography_totals as (

    select * from {{ ref('int_geography_totals') }}
    where geo_level = 'global'

),

ranked as (

    select
        *,
        row_number() over (
            partition by sample_id, allocation_rule, scope
            order by conversation_count desc nulls last, task_id asc
        ) as task_rank
    from {{ ref('int_scope_tasks') }}

),

top_ks as (

    select unnest({{ var('concentration_top_ks') }}) as top_k

),

concentrations as (

    select
        ranked.sample_id,
        ranked.allocation_rule,
        ranked.scope,
        top_ks.top_k,
        count(*) as task_count,
        {{ exact_sum('ranked.conversation_count') }} as scope_conversation_count,
        {{ exact_sum(
            'ranked.conversation_count',
            'filter (where ranked.task_rank <= top_ks.top_k)'
        ) }} as conversation_count,
        pow({{ exact_sum('ranked.conversation_count') }}, 2)
        / nullif({{ exact_sum('pow(ranked.conversation_count, 2)') }}, 0)
            as effective_task_count
    from ranked
    cross join top_ks
    group by
        ranked.sample_id, ranked.allocation_rule, ranked.scope, top_ks.top_k

),

based as (

    select
        concentrations.*,
        share_bases.share_base,
        case share_bases.share_base
            when 'scope' then concentrations.scope_conversation_count
            else geography_totals.conversation_count
        end as base_conversation_count,
        -- All tasks of a scope are 100% of it, whatever they are: no concentration.
        case
            when concentrations.top_k <= concentrations.task_count then 'visible'
            else 'fewer_tasks'
        end as status
    from concentrations
    cross join (
        values ('scope'), ('all_conversations')
    ) as share_bases (share_base)
    inner join geography_totals using (sample_id)

),

final as (

    select
        samples.release_id,
        samples.platform,
        samples.window_start_date,
        based.allocation_rule,
        based.scope,
        based.share_base,
        based.top_k,
        based.task_count,
        {{ if_counted('based.conversation_count') }} as conversation_count,
        {{ if_counted('based.base_conversation_count') }} as base_conversation_count,
        case
            when based.status = 'visible'
                then
                    100 * based.conversation_count
                    / nullif(based.base_conversation_count, 0)
        end as share_pct,
        based.effective_task_count,
        based.status,
        samples.is_simulated
    from based
    inner join {{ ref('int_samples') }} as samples using (sample_id)

)

select * from final
