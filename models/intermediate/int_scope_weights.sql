-- grain: allocation_rule, scope, task_id
-- why: a scope is a weight on published tasks; education, its subsectors, the major
--      groups and the baselines are read from seeds, so that no estimator knows a SOC
--      code
{%- set only_rules = var('only_allocation_rules') %}
with

published_tasks as (

    -- A task has a cell in each sample and place that publishes it.
    select distinct task_id from {{ ref('int_task_cells') }}
    where facet = 'onet_task'

),

tasks as (

    select tasks.*
    from {{ ref('int_tasks') }} as tasks
    inner join published_tasks using (task_id)

),

allocations as (

    select allocations.*
    from {{ ref('int_task_allocations') }} as allocations
    inner join published_tasks using (task_id)

),

allocation_rules as (

    select * from {{ ref('allocation_rules') }}
    where allocates_tasks or allocation_rule = 'not_applicable'

),

-- The groups of a ranking are scopes too, named by their code.
scopes as (

    select * from {{ ref('scopes') }}
    union all by name
    select
        soc_major_group as scope,
        'major_group' as scope_kind,
        soc_major_group
    from {{ ref('soc_major_groups') }}

),

group_weights as (

    select
        allocations.allocation_rule,
        scopes.scope,
        scopes.scope_kind,
        allocations.task_id,
        {{ exact_sum('allocations.weight') }} as weight
    from allocations
    inner join scopes
        on
            allocations.soc_major_group = scopes.soc_major_group
            and (
                scopes.education_subsector is null
                or allocations.education_subsector = scopes.education_subsector
            )
    group by
        allocations.allocation_rule, scopes.scope, scopes.scope_kind,
        allocations.task_id

),

excluded_weights as (

    select
        allocations.allocation_rule,
        excluded_groups.scope,
        allocations.task_id,
        {{ exact_sum('allocations.weight') }} as weight
    from allocations
    inner join {{ ref('scope_excluded_groups') }} as excluded_groups
        using (soc_major_group)
    group by allocations.allocation_rule, excluded_groups.scope, allocations.task_id

),

-- What is left of a task outside the excluded groups; under any_holder groups overlap,
-- so a task with holders in two of them would otherwise weigh less than nothing. A
-- baseline without excluded groups does not depend on a rule and stands once.
baseline_weights as (

    select
        allocation_rules.allocation_rule,
        scopes.scope,
        scopes.scope_kind,
        tasks.task_id,
        greatest(1.0 - coalesce(excluded_weights.weight, 0), 0) as weight
    from scopes
    inner join allocation_rules
        on
            scopes.depends_on_rule = allocation_rules.allocates_tasks
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
    scope_kind,
    task_id,
    weight
from final
-- Nine ninths of a task leave a hair above nothing, not a part of it.
where
    weight > 1e-9
{%- if only_rules %}
    and allocation_rule in ('{{ (only_rules + ["not_applicable"]) | join("', '") }}')
    {%- endif %}
