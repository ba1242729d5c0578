-- grain: task_id, allocation_rule, soc_major_group, education_subsector
-- why: from a task to its occupation groups, by each rule, with weights to multiply
--      with
with

allocations as (

    select * from {{ ref('int_task_allocations') }}

),

tasks as (

    select * from {{ ref('int_tasks') }}

),

final as (

    select
        allocations.task_id,
        allocations.allocation_rule,
        allocations.soc_major_group,
        allocations.education_subsector,
        allocations.weight,
        tasks.is_simulated
    from allocations
    inner join tasks on allocations.task_id = tasks.task_id

)

select * from final
