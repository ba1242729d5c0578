-- grain: taxonomy_version, task_key, onet_soc_code
-- why: the one door between tasks and occupations; a statement can stand under up
--      to 34 occupations, and a naive join to the statements counts its
--      conversations as often
with

task_holders as (

    select
        taxonomy_version,
        task_key,
        onet_soc_code
    from {{ ref('stg_reference__task_holders') }}

),

education_subsectors as (

    select * from {{ ref('education_subsectors') }}

),

-- One occupation can list one statement under two O*NET Task IDs.
holder_codes as (

    select distinct
        taxonomy_version,
        task_key,
        onet_soc_code
    from task_holders

),

final as (

    select
        holder_codes.taxonomy_version,
        holder_codes.task_key,
        holder_codes.onet_soc_code,
        substr(holder_codes.onet_soc_code, 1, 2) as soc_major_group,
        coalesce(education_subsectors.education_subsector, 'not_education')
            as education_subsector
    from holder_codes
    left join education_subsectors
        on starts_with(
            holder_codes.onet_soc_code, education_subsectors.soc_code_prefix
        )

)

select * from final
