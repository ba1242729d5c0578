-- grain: taxonomy_version, task_key, allocation_rule, soc_major_group,
--        education_subsector
-- why: the four readings of "an education task" as rows with weights, so that every
--      estimator runs once over a column instead of four times over a model
with

holder_codes as (

    select * from {{ ref('int_task_holder_codes') }}

),

task_codes as (

    select
        taxonomy_version,
        task_key,
        count(*) as code_count,
        min(onet_soc_code) as lowest_code,
        count(distinct soc_major_group) as group_count
    from holder_codes
    group by taxonomy_version, task_key

),

-- One row per group a task has a holder in, with the lowest code of that group.
task_groups as (

    select
        taxonomy_version,
        task_key,
        soc_major_group,
        min_by(education_subsector, onet_soc_code) as lowest_code_subsector
    from holder_codes
    group by taxonomy_version, task_key, soc_major_group

),

any_holder as (

    select
        taxonomy_version,
        task_key,
        'any_holder' as allocation_rule,
        soc_major_group,
        lowest_code_subsector as education_subsector,
        1.0 as weight
    from task_groups

),

equal_split as (

    select
        holder_codes.taxonomy_version,
        holder_codes.task_key,
        'equal_split' as allocation_rule,
        holder_codes.soc_major_group,
        holder_codes.education_subsector,
        count(*) / any_value(task_codes.code_count) as weight
    from holder_codes
    inner join task_codes
        on
            holder_codes.taxonomy_version = task_codes.taxonomy_version
            and holder_codes.task_key = task_codes.task_key
    group by
        holder_codes.taxonomy_version, holder_codes.task_key,
        holder_codes.soc_major_group, holder_codes.education_subsector

),

lowest_code as (

    select
        holder_codes.taxonomy_version,
        holder_codes.task_key,
        'lowest_code' as allocation_rule,
        holder_codes.soc_major_group,
        holder_codes.education_subsector,
        1.0 as weight
    from holder_codes
    inner join task_codes
        on
            holder_codes.taxonomy_version = task_codes.taxonomy_version
            and holder_codes.task_key = task_codes.task_key
            and holder_codes.onet_soc_code = task_codes.lowest_code

),

exclusive as (

    select
        task_groups.taxonomy_version,
        task_groups.task_key,
        'exclusive' as allocation_rule,
        task_groups.soc_major_group,
        task_groups.lowest_code_subsector as education_subsector,
        1.0 as weight
    from task_groups
    inner join task_codes
        on
            task_groups.taxonomy_version = task_codes.taxonomy_version
            and task_groups.task_key = task_codes.task_key
    where task_codes.group_count = 1

),

final as (

    select * from any_holder
    union all
    select * from equal_split
    union all
    select * from lowest_code
    union all
    select * from exclusive

)

select * from final
