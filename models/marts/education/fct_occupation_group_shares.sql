-- grain: release_id, platform, allocation_rule, share_base, soc_major_group
-- why: "one of the largest groups" is a ranking and needs the other groups
with

geography_totals as (

    select * from {{ ref('int_geography_totals') }}
    where geo_level = 'global' and task_node_count > 0

),

task_cells as (

    select * from {{ ref('int_task_cells') }}
    where facet = 'onet_task' and geo_level = 'global'

),

tasks as (

    select * from {{ ref('int_tasks') }}

),

releases as (

    select * from {{ ref('dim_releases') }}

),

allocations as (

    select * from {{ ref('int_task_allocations') }}

),

-- A task can lie in two subsectors of one group: its parts are one task.
group_weights as (

    select
        taxonomy_version,
        task_key,
        allocation_rule,
        soc_major_group,
        sum(weight) as weight
    from allocations
    group by taxonomy_version, task_key, allocation_rule, soc_major_group

),

group_counts as (

    select
        task_cells.release_id,
        task_cells.platform,
        group_weights.allocation_rule,
        group_weights.soc_major_group,
        count(*) as task_count,
        sum(group_weights.weight * task_cells.conversation_count) as conversation_count,
        pow(sum(group_weights.weight * task_cells.conversation_count), 2)
        / nullif(sum(pow(group_weights.weight * task_cells.conversation_count, 2)), 0)
            as effective_task_count
    from task_cells
    inner join tasks on task_cells.task_id = tasks.task_id
    inner join group_weights
        on
            tasks.taxonomy_version = group_weights.taxonomy_version
            and tasks.task_key = group_weights.task_key
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
        group_counts.allocation_rule,
        share_bases.share_base,
        group_counts.soc_major_group,
        group_counts.task_count,
        group_counts.effective_task_count,
        group_counts.conversation_count,
        share_bases.base_conversation_count,
        100 * group_counts.conversation_count
        / nullif(share_bases.base_conversation_count, 0) as share_pct,
        {{ wilson_interval_columns(
            'group_counts.conversation_count',
            'share_bases.base_conversation_count',
            share_interval_reason(
                'group_counts.conversation_count',
                'share_bases.unseen_conversation_count',
                'group_counts.allocation_rule'
            )
        ) }},
        100 * group_counts.conversation_count
        / nullif(share_bases.bound_base_conversation_count, 0) as bound_low_pct,
        100
        * (group_counts.conversation_count + share_bases.unseen_conversation_count)
        / nullif(share_bases.bound_base_conversation_count, 0) as bound_high_pct,
        rank() over (
            partition by
                share_bases.release_id, share_bases.platform,
                group_counts.allocation_rule, share_bases.share_base
            order by group_counts.conversation_count desc nulls last
        ) as share_rank,
        share_bases.is_simulated
    from share_bases
    inner join group_counts
        on
            share_bases.release_id = group_counts.release_id
            and share_bases.platform = group_counts.platform
    inner join releases
        on
            share_bases.release_id = releases.release_id
            and share_bases.platform = releases.platform

)

select * from final
