-- grain: allocation_rule, scope, task_id
-- why: a scope is a weight on tasks; education, its subsectors and the baselines
--      are read from seeds, so that no estimator knows a SOC code
with

tasks as (

    select * from {{ ref('int_tasks') }}

),

allocations as (

    select * from {{ ref('int_task_allocations') }}

),

scopes as (

    select * from {{ ref('scopes') }}

),

excluded_groups as (

    select * from {{ ref('scope_excluded_groups') }}

),

allocation_rules as (

    select allocation_rule from {{ ref('allocation_rules') }}

),

group_weights as (

    select
        allocations.allocation_rule,
        scopes.scope,
        tasks.task_id,
        sum(allocations.weight) as weight
    from allocations
    inner join tasks
        on
            allocations.taxonomy_version = tasks.taxonomy_version
            and allocations.task_key = tasks.task_key
    inner join scopes
        on
            allocations.soc_major_group = scopes.soc_major_group
            and (
                scopes.education_subsector is null
                or allocations.education_subsector = scopes.education_subsector
            )
    group by allocations.allocation_rule, scopes.scope, tasks.task_id

),

excluded_weights as (

    select
        allocations.allocation_rule,
        excluded_groups.scope,
        tasks.task_id,
        sum(allocations.weight) as weight
    from allocations
    inner join tasks
        on
            allocations.taxonomy_version = tasks.taxonomy_version
            and allocations.task_key = tasks.task_key
    inner join excluded_groups
        on allocations.soc_major_group = excluded_groups.soc_major_group
    group by allocations.allocation_rule, excluded_groups.scope, tasks.task_id

),

-- What is left of a task outside the excluded groups; under any_holder groups overlap,
-- so a task with holders in two of them would otherwise weigh less than nothing.
baseline_weights as (

    select
        allocation_rules.allocation_rule,
        scopes.scope,
        tasks.task_id,
        greatest(1.0 - coalesce(excluded_weights.weight, 0), 0) as weight
    from scopes
    cross join allocation_rules
    cross join tasks
    left join excluded_weights
        on
            allocation_rules.allocation_rule = excluded_weights.allocation_rule
            and scopes.scope = excluded_weights.scope
            and tasks.task_id = excluded_weights.task_id
    where
        scopes.scope_kind = 'baseline'
        and (scopes.includes_pseudo_tasks or not tasks.is_pseudo_task)

),

final as (

    select * from group_weights
    union all
    select * from baseline_weights

)

select
    allocation_rule,
    scope,
    task_id,
    weight
from final
-- Nine ninths of a task leave a hair above nothing, not a part of it.
where
    weight > 1e-9
    and {{ is_listed_rule('allocation_rule', 'only_allocation_rules') }}
