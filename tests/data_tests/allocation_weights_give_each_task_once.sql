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
    rules.allocation_rule,
    0 as weight_sum,
    'the rule ' || rules.allocation_rule
    || ' gives no task to any group: has it a branch in int_task_allocations?'
        as sentence
from {{ ref('dim_allocation_rules') }} as rules
anti join {{ ref('bridge_task_allocations') }} using (allocation_rule)
where
    rules.allocates_tasks
    and exists (select 1 from {{ ref('bridge_task_allocations') }})
