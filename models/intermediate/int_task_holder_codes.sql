-- grain: task_id, onet_soc_code
-- why: the one door between tasks and occupations; a statement can stand under up to
--      34 occupations, and a naive join to the statements counts its conversations as
--      often
with

-- One occupation can list one statement under two O*NET Task IDs.
holder_codes as (

    select distinct
        tasks.task_id,
        task_holders.onet_soc_code
    from {{ ref('stg_reference__task_holders') }} as task_holders
    inner join {{ ref('int_tasks') }} as tasks using (taxonomy_version, task_key)

),

final as (

    select
        holder_codes.task_id,
        holder_codes.onet_soc_code,
        substr(holder_codes.onet_soc_code, 1, 2) as soc_major_group,
        coalesce(education_subsectors.education_subsector, 'not_education')
            as education_subsector
    from holder_codes
    left join {{ ref('education_subsectors') }} as education_subsectors
        on starts_with(
            holder_codes.onet_soc_code, education_subsectors.soc_code_prefix
        )

)

select * from final
