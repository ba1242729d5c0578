{{ config(database='private_state', schema='private') }}
-- grain: label_key
-- why: the sets of labels with the task that each means, which may be called by its
--      statement in lower case, its O*NET Task ID, none, or nothing; the task list of a
--      row that names none is the loaded real one, else the simulated one
with

task_holders as (

    select * from {{ ref('stg_reference__task_holders') }}

),

task_lists as (

    select
        taxonomy_version,
        row_number() over (
            order by bool_and(is_simulated), taxonomy_version desc
        ) = 1 as is_default
    from task_holders
    group by taxonomy_version

),

names as (

    select
        taxonomy_version,
        task_key,
        task_key as task_label
    from task_holders
    union
    select
        taxonomy_version,
        task_key,
        cast(onet_task_id as varchar) as task_label
    from task_holders
    union
    select
        taxonomy_version,
        unnest(['none', 'not_classified']) as task_key,
        unnest(['none', null]) as task_label
    from task_lists

),

versions as (

    select
        taxonomy_version as delivered_version,
        taxonomy_version
    from task_lists
    union all
    select
        null as delivered_version,
        taxonomy_version
    from task_lists
    where is_default

),

tasks as (

    select
        versions.delivered_version,
        names.task_label,
        names.taxonomy_version,
        -- one O*NET Task ID has one statement
        min(names.task_key) as task_key
    from names
    inner join versions on names.taxonomy_version = versions.taxonomy_version
    group by versions.delivered_version, names.task_label, names.taxonomy_version

),

labels as (

    select * from {{ ref('stg_conversations__labels') }}

),

final as (

    select
        labels.label_key,
        labels.release_id,
        labels.source_id,
        labels.platform,
        labels.classifier,
        labels.classifier_version,
        labels.task_label,
        labels.taxonomy_version as delivered_version,
        tasks.taxonomy_version,
        tasks.task_key as onet_task,
        labels.collaboration,
        labels.use_case,
        labels.task_success,
        labels.country,
        labels.region
    from labels
    left join tasks
        on
            labels.task_label is not distinct from tasks.task_label
            and labels.taxonomy_version is not distinct from tasks.delivered_version

)

select * from final
