-- Education, the outside and the unseen together are every node of the sample.
with

groups as (

    select
        release_id,
        platform,
        window_start_date,
        allocation_rule,
        use_case,
        sum(conversation_count) as groups_count,
        sum(group_conversation_count) as groups_base
    from {{ ref('fct_education_by_use_case') }}
    -- without the facet there is nothing to sum
    where task_count is not null
    group by release_id, platform, window_start_date, allocation_rule, use_case

)

select
    groups.release_id,
    groups.platform,
    groups.window_start_date,
    groups.allocation_rule,
    groups.use_case,
    groups.groups_count,
    nodes.conversation_count as nodes_count,
    groups.groups_base,
    nodes.base_conversation_count as nodes_base,
    'the groups should sum to the scope all_with_pseudo' as sentence
from groups
left join {{ ref('fct_use_case_shares') }} as nodes
    on
        groups.release_id = nodes.release_id
        and groups.platform = nodes.platform
        and groups.window_start_date = nodes.window_start_date
        and groups.use_case = nodes.use_case
        and nodes.scope = 'all_with_pseudo'
        and nodes.estimator = 'all_conversations'
where
    abs(coalesce(groups.groups_count, 0) - coalesce(nodes.conversation_count, 0)) > 1e-6
    or coalesce(abs(groups.groups_base - nodes.base_conversation_count) > 1e-6, true)
