-- grain: task_id, allocation_rule, soc_major_group, education_subsector
-- why: from a task to its occupation groups, by each rule, with weights to multiply
--      with
select
    allocations.task_id,
    allocations.allocation_rule,
    allocations.soc_major_group,
    allocations.education_subsector,
    allocations.weight,
    tasks.is_simulated
from {{ ref('int_task_allocations') }} as allocations
inner join {{ ref('int_tasks') }} as tasks using (task_id)
