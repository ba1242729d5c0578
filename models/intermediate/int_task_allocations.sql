-- grain: task_id, allocation_rule, soc_major_group, education_subsector
-- why: the readings of "an education task" as rows with weights, so that every
--      estimator runs once over a column; a rule is a row of its seed and a line of
--      the case below
with

allocation_rules as (

    select allocation_rule from {{ ref('allocation_rules') }}

),

-- A task's part in a group and subsector, with what the rules ask about it.
parts as (

    select
        task_id,
        soc_major_group,
        education_subsector,
        count(*) as part_code_count,
        min(onet_soc_code) as part_lowest_code,
        min(min(onet_soc_code)) over task_group as group_lowest_code,
        min(min(onet_soc_code)) over task as task_lowest_code,
        sum(count(*)) over task as task_code_count,
        min(soc_major_group) over task = max(soc_major_group) over task
            as is_single_group
    from {{ ref('int_task_holder_codes') }}
    group by task_id, soc_major_group, education_subsector
    window
        task as (partition by task_id),
        task_group as (partition by task_id, soc_major_group)

),

weighted as (

    select
        parts.task_id,
        allocation_rules.allocation_rule,
        parts.soc_major_group,
        parts.education_subsector,
        case allocation_rules.allocation_rule
            when 'equal_split' then parts.part_code_count / parts.task_code_count
            when 'any_holder'
                then cast(parts.part_lowest_code = parts.group_lowest_code as integer)
            when 'lowest_code'
                then cast(parts.part_lowest_code = parts.task_lowest_code as integer)
            when 'exclusive'
                then
                    cast(
                        parts.is_single_group
                        and parts.part_lowest_code = parts.group_lowest_code
                        as integer
                    )
        end as weight
    from parts
    cross join allocation_rules

),

final as (

    select * from weighted
    where weight > 0

)

select * from final
