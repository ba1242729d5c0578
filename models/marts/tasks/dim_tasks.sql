-- grain: task_id
-- why: every task of a loaded taxonomy, published or not, with its holders
with

tasks as (

    select * from {{ ref('int_tasks') }}

),

holder_codes as (

    select * from {{ ref('int_task_holder_codes') }}

),

scope_weights as (

    select * from {{ ref('int_scope_weights') }}
    where scope = 'education'

),

allocations as (

    select * from {{ ref('int_task_allocations') }}

),

scopes as (

    select * from {{ ref('scopes') }}
    where scope = 'education'

),

holders as (

    select
        holder_codes.taxonomy_version,
        holder_codes.task_key,
        count(*) as holder_code_count,
        count(*) filter (
            where holder_codes.soc_major_group = scopes.soc_major_group
        ) as education_code_count,
        count(distinct holder_codes.soc_major_group) as soc_major_group_count,
        min(holder_codes.onet_soc_code) as lowest_onet_soc_code,
        min(holder_codes.onet_soc_code) filter (
            where holder_codes.soc_major_group = scopes.soc_major_group
        ) as lowest_education_onet_soc_code
    from holder_codes
    cross join scopes
    group by holder_codes.taxonomy_version, holder_codes.task_key

),

subsectors as (

    select
        allocations.taxonomy_version,
        allocations.task_key,
        allocations.education_subsector
    from allocations
    inner join scopes on allocations.soc_major_group = scopes.soc_major_group
    where allocations.allocation_rule = 'any_holder'

),

education_weights as (

    select
        task_id,
        max(weight) filter (where allocation_rule = 'any_holder') as any_holder_weight,
        max(weight) filter (where allocation_rule = 'equal_split')
            as equal_split_weight,
        max(weight) filter (where allocation_rule = 'lowest_code')
            as lowest_code_weight,
        max(weight) filter (where allocation_rule = 'exclusive') as exclusive_weight
    from scope_weights
    group by task_id

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
        coalesce(education_weights.equal_split_weight, 0)
            as education_equal_split_weight,
        education_weights.any_holder_weight is not null as is_education_any_holder,
        education_weights.equal_split_weight is not null as is_education_equal_split,
        education_weights.lowest_code_weight is not null as is_education_lowest_code,
        education_weights.exclusive_weight is not null as is_education_exclusive,
        tasks.is_pseudo_task,
        tasks.is_simulated
    from tasks
    left join holders
        on
            tasks.taxonomy_version = holders.taxonomy_version
            and tasks.task_key = holders.task_key
    left join subsectors
        on
            tasks.taxonomy_version = subsectors.taxonomy_version
            and tasks.task_key = subsectors.task_key
    left join education_weights on tasks.task_id = education_weights.task_id

)

select * from final
