-- equal_split and lowest_code give every task away exactly once, and no rule nothing.
select
    task_id,
    allocation_rule,
    sum(weight) as weight_sum,
    'the weights of a task should sum to 1 under ' || allocation_rule as sentence
from {{ ref('bridge_task_allocations') }}
where allocation_rule in ('equal_split', 'lowest_code')
group by task_id, allocation_rule
having abs(sum(weight) - 1) > 1e-9
union all
select
    null as task_id,
    allocation_rule,
    0 as weight_sum,
    'the rule ' || allocation_rule || ' gives no task to any group: has it a branch in '
    || 'int_task_allocations?' as sentence
from {{ ref('dim_allocation_rules') }}
where
    allocates_tasks
    and allocation_rule not in (
        select allocation_rule from {{ ref('bridge_task_allocations') }}
    )
    and exists (select 1 from {{ ref('bridge_task_allocations') }})
