-- grain: sample_id, geo_level, geo_id, allocation_rule, scope, share_base
-- why: how much of the use falls to the tasks of a scope, with the range that unseen
--      conversations leave open: once for education, its subsectors and all major
--      groups; and as the release publishes it itself, with its rounding
with

geography_totals as (

    select * from {{ ref('int_geography_totals') }}
    where task_node_count > 0

),

samples as (

    select * from {{ ref('int_samples') }}

),

task_cells as (

    select * from {{ ref('int_task_cells') }}
    where facet = 'onet_task'

),

published_shares as (

    select * from {{ ref('int_published_shares') }}

),

scope_weights as (

    select * from {{ ref('int_scope_weights') }}
    where scope_kind in ('education', 'subsector', 'major_group')

),

allocation_rules as (

    select * from {{ ref('allocation_rules') }}

),

visible as (

    select
        task_cells.sample_id,
        task_cells.geo_level,
        task_cells.geo_id,
        scope_weights.allocation_rule,
        scope_weights.scope,
        scope_weights.scope_kind,
        count(*) as task_count,
        sum(scope_weights.weight * task_cells.conversation_count)
            as conversation_count,
        pow(sum(scope_weights.weight * task_cells.conversation_count), 2)
        / nullif(sum(pow(scope_weights.weight * task_cells.conversation_count, 2)), 0)
            as effective_task_count
    from task_cells
    inner join scope_weights on task_cells.task_id = scope_weights.task_id
    -- The ranking of the groups is of the whole sample.
    where scope_weights.scope_kind <> 'major_group' or task_cells.geo_level = 'global'
    group by
        task_cells.sample_id, task_cells.geo_level, task_cells.geo_id,
        scope_weights.allocation_rule, scope_weights.scope, scope_weights.scope_kind

),

scopes as (

    -- each rule and scope once, not once a task
    select distinct
        allocation_rule,
        scope,
        scope_kind
    from scope_weights

),

-- A place without a visible task of a scope has a row too: absent is not zero.
asked as (

    select
        geography_totals.sample_id,
        geography_totals.geo_level,
        geography_totals.geo_id,
        scopes.allocation_rule,
        scopes.scope,
        scopes.scope_kind
    from geography_totals
    cross join scopes
    where scopes.scope_kind <> 'major_group'
    union
    select
        sample_id,
        geo_level,
        geo_id,
        allocation_rule,
        scope,
        scope_kind
    from visible

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

joined as (

    select
        asked.*,
        share_bases.share_base,
        coalesce(visible.task_count, 0) as task_count,
        visible.effective_task_count,
        visible.conversation_count,
        share_bases.base_conversation_count,
        share_bases.bound_base_conversation_count,
        share_bases.unseen_conversation_count,
        share_bases.conversation_count as place_conversation_count,
        share_bases.is_residual,
        samples.count_basis,
        allocation_rules.is_fractional,
        -- An official file may count more in a place than it says the place has.
        coalesce(visible.conversation_count, 0)
        > share_bases.base_conversation_count + 1e-6 as is_contradicted
    from asked
    inner join share_bases
        on
            asked.sample_id = share_bases.sample_id
            and asked.geo_level = share_bases.geo_level
            and asked.geo_id = share_bases.geo_id
    inner join samples on asked.sample_id = samples.sample_id
    inner join allocation_rules
        on asked.allocation_rule = allocation_rules.allocation_rule
    left join visible
        on
            asked.sample_id = visible.sample_id
            and asked.geo_level = visible.geo_level
            and asked.geo_id = visible.geo_id
            and asked.allocation_rule = visible.allocation_rule
            and asked.scope = visible.scope

),

computed as (

    select
        * exclude (
            bound_base_conversation_count, is_residual, count_basis, is_fractional
        ),
        case
            when not is_contradicted
                then 100 * conversation_count / nullif(base_conversation_count, 0)
        end as share_pct,
        case
            when not is_contradicted and count_basis <> 'percent_only'
                then
                    100 * coalesce(conversation_count, 0)
                    / nullif(bound_base_conversation_count, 0)
        end as bound_low_pct,
        case
            when not is_contradicted and count_basis <> 'percent_only'
                then
                    100 * (coalesce(conversation_count, 0) + unseen_conversation_count)
                    / nullif(bound_base_conversation_count, 0)
        end as bound_high_pct,
        case
            when is_contradicted then 'contradicted'
            when conversation_count is null then 'none_visible'
            else 'visible'
        end as status,
        case
            when is_contradicted then 'contradicted'
            when conversation_count is null then 'none_visible'
            when count_basis = 'percent_only' then 'percent_only'
            when is_residual then 'residual'
            when count_basis <> 'conversations' then 'per_million_counts'
            when unseen_conversation_count > 0 then 'suppressed_cells'
            when is_fractional then 'fractional_allocation'
        end as interval_missing_reason
    from joined

),

final as (

    select * from computed
    union all by name
    select * from published_shares

)

select * from final -- noqa: AM04
