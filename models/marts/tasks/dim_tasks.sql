-- grain: task_id
-- why: every task of a loaded taxonomy, published or not, with its holders; its part
--      in education under each rule is in bridge_task_allocations
with

allocations as (

    select * from {{ ref('int_task_allocations') }}
    where allocation_rule = 'any_holder'

),

education as (

    select soc_major_group from {{ ref('scopes') }}
    where scope = 'education'

),

holders as (

    select
        holder_codes.task_id,
        count(*) as holder_code_count,
        count(education.soc_major_group) as education_code_count,
        count(distinct holder_codes.soc_major_group) as soc_major_group_count,
        min(holder_codes.onet_soc_code) as lowest_onet_soc_code,
        min(holder_codes.onet_soc_code) filter (
            where education.soc_major_group is not null
        ) as lowest_education_onet_soc_code
    from {{ ref('int_task_holder_codes') }} as holder_codes
    left join education using (soc_major_group)
    group by holder_codes.task_id

),

subsectors as (

    select
        allocations.task_id,
        allocations.education_subsector
    from allocations
    inner join education using (soc_major_group)

),

final as (

    select
        tasks.task_id,
        tasks.taxonomy_version,
        tasks.task_key,
        tasks.task_statement,
        holders.lowest_onet_soc_code,
        holders.lowest_education_onet_soc_code,
        coalesce(subsectors.education_subsector, 'not_education')
            as education_subsector,
        tasks.onet_task_id_count,
        coalesce(holders.holder_code_count, 0) as holder_code_count,
        coalesce(holders.education_code_count, 0) as education_code_count,
        coalesce(holders.soc_major_group_count, 0) as soc_major_group_count,
        subsectors.task_id is not null as is_education,
        tasks.is_pseudo_task,
        tasks.is_simulated
    from {{ ref('int_tasks') }} as tasks
    left join holders using (task_id)
    left join subsectors using (task_id)

)

select * from final
