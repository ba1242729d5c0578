-- grain: taxonomy_version, task_key
-- why: every task of a taxonomy and its two pseudo-tasks get their id here, once
with

task_holders as (

    select * from {{ ref('stg_reference__task_holders') }}

),

facet_values as (

    select distinct
        taxonomy_version,
        is_simulated
    from {{ ref('stg_aei__facet_values') }}

),

statements as (

    select
        taxonomy_version,
        task_key,
        min(task_statement) as task_statement,
        count(distinct onet_task_id) as onet_task_id_count,
        bool_and(is_simulated) as is_simulated,
        false as is_pseudo_task
    from task_holders
    group by taxonomy_version, task_key

),

pseudo_tasks as (

    select
        facet_values.taxonomy_version,
        pseudo.task_key,
        pseudo.task_statement,
        0 as onet_task_id_count,
        facet_values.is_simulated,
        true as is_pseudo_task
    from facet_values
    cross join (
        values
        ('none', '(pseudo-task: the classifier answered that no task fits)'),
        (
            'not_classified',
            '(pseudo-task: filtered for privacy, or not classifiable)'
        )
    ) as pseudo (task_key, task_statement)

),

final as (

    select
        md5(taxonomy_version || '::' || task_key) as task_id,
        taxonomy_version,
        task_key,
        task_statement,
        onet_task_id_count,
        is_pseudo_task,
        is_simulated
    from statements
    union all
    select
        md5(taxonomy_version || '::' || task_key) as task_id,
        taxonomy_version,
        task_key,
        task_statement,
        onet_task_id_count,
        is_pseudo_task,
        is_simulated
    from pseudo_tasks

)

select * from final
