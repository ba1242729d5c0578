-- grain: task_id
-- why: every task of a taxonomy and its two pseudo-tasks get their id here, once
with

samples as (

    select
        taxonomy_version,
        bool_and(is_simulated) as is_simulated
    from {{ ref('int_samples') }}
    where taxonomy_version is not null
    group by taxonomy_version

),

statements as (

    select
        taxonomy_version,
        task_key,
        min(task_statement) as task_statement,
        count(distinct onet_task_id) as onet_task_id_count,
        false as is_pseudo_task,
        bool_and(is_simulated) as is_simulated
    from {{ ref('stg_reference__task_holders') }}
    group by taxonomy_version, task_key

),

pseudo_tasks as (

    select
        samples.taxonomy_version,
        pseudo.task_key,
        pseudo.task_statement,
        0 as onet_task_id_count,
        true as is_pseudo_task,
        samples.is_simulated
    from samples
    cross join (
        values
        ('none', '(pseudo-task: the classifier answered that no task fits)'),
        (
            'not_classified',
            '(pseudo-task: filtered for privacy, or not classifiable)'
        )
    ) as pseudo (task_key, task_statement)

),

unioned as (

    select * from statements
    union all by name
    select * from pseudo_tasks

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
    from unioned

)

select * from final
