-- grain: release_id, platform, geo_level, geo_id, allocation_rule, share_base, scope
-- why: how much of the use is education, by which definition, with the range that
--      the unseen conversations leave open
with

geography_totals as (

    select * from {{ ref('int_geography_totals') }}
    where task_node_count > 0

),

task_cells as (

    select * from {{ ref('int_task_cells') }}
    where facet = 'onet_task'

),

scope_weights as (

    select * from {{ ref('int_scope_weights') }}

),

scopes as (

    select * from {{ ref('scopes') }}
    where scope_kind in ('education', 'subsector')

),

allocation_rules as (

    select * from {{ ref('allocation_rules') }}

),

releases as (

    select * from {{ ref('dim_releases') }}

),

anomalies as (

    select * from {{ ref('anomalous_geographies') }}

),

visible as (

    select
        task_cells.release_id,
        task_cells.platform,
        task_cells.geo_level,
        task_cells.geo_id,
        scope_weights.allocation_rule,
        scope_weights.scope,
        count(*) as task_count,
        sum(scope_weights.weight * task_cells.conversation_count)
            as conversation_count,
        pow(sum(scope_weights.weight * task_cells.conversation_count), 2)
        / nullif(sum(pow(scope_weights.weight * task_cells.conversation_count, 2)), 0)
            as effective_task_count
    from task_cells
    inner join scope_weights on task_cells.task_id = scope_weights.task_id
    inner join scopes on scope_weights.scope = scopes.scope
    group by all

),

share_bases as (

    select
        *,
        'all_conversations' as share_base,
        conversation_count as base_conversation_count,
        conversation_count as bound_base_conversation_count
    from geography_totals
    union all
    -- The unseen conversations may be of named tasks: they widen this base too.
    select
        *,
        'named_tasks' as share_base,
        named_task_conversation_count as base_conversation_count,
        named_task_conversation_count + unseen_conversation_count
            as bound_base_conversation_count
    from geography_totals

),

final as (

    select
        share_bases.release_id,
        share_bases.platform,
        share_bases.geo_level,
        share_bases.geo_id,
        allocation_rules.allocation_rule,
        share_bases.share_base,
        scopes.scope,
        coalesce(visible.task_count, 0) as task_count,
        visible.effective_task_count,
        visible.conversation_count,
        share_bases.base_conversation_count,
        share_bases.unseen_conversation_count,
        100 * visible.conversation_count
        / nullif(share_bases.base_conversation_count, 0) as share_pct,
        {{ wilson_interval_columns(
            'visible.conversation_count',
            'share_bases.base_conversation_count',
            share_interval_reason(
                'visible.conversation_count',
                'share_bases.unseen_conversation_count',
                'allocation_rules.allocation_rule'
            )
        ) }},
        100 * coalesce(visible.conversation_count, 0)
        / nullif(share_bases.bound_base_conversation_count, 0) as bound_low_pct,
        100 * (
            coalesce(visible.conversation_count, 0)
            + share_bases.unseen_conversation_count
        ) / nullif(share_bases.bound_base_conversation_count, 0) as bound_high_pct,
        case
            when visible.conversation_count is not null then 'visible'
            else 'none_visible'
        end as status,
        coalesce(
            share_bases.conversation_count < case share_bases.geo_level
                when 'country' then {{ var('country_threshold_conversations') }}
                when 'region' then {{ var('region_threshold_conversations') }}
            end,
            false
        ) as is_below_threshold,
        anomalies.geo_id is not null as is_anomalous,
        share_bases.is_simulated
    from share_bases
    cross join allocation_rules
    cross join scopes
    inner join releases
        on
            share_bases.release_id = releases.release_id
            and share_bases.platform = releases.platform
    left join visible
        on
            share_bases.release_id = visible.release_id
            and share_bases.platform = visible.platform
            and share_bases.geo_level = visible.geo_level
            and share_bases.geo_id = visible.geo_id
            and allocation_rules.allocation_rule = visible.allocation_rule
            and scopes.scope = visible.scope
    left join anomalies
        on
            share_bases.release_id = anomalies.release_id
            and share_bases.geo_level = anomalies.geo_level
            and share_bases.geo_id = anomalies.geo_id

)

select * from final
