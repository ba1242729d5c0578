-- equal_split and lowest_code give every task away exactly once.
select
    task_id,
    allocation_rule,
    sum(weight) as weight_sum,
    'the weights of a task should sum to 1 under ' || allocation_rule as sentence
from {{ ref('bridge_task_allocations') }}
where allocation_rule in ('equal_split', 'lowest_code')
group by task_id, allocation_rule
having abs(sum(weight) - 1) > 1e-9
