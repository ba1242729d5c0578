{{ config(
    database='private_state',
    schema='private',
    materialized='incremental',
    incremental_strategy='append',
    pre_hook=["{{ forget_changed_windows() }}"]
) }}
-- grain: release_id, platform, window_start_date
-- why: what an own source delivered in a window, for the guards and for its row among
--      the releases: size, columns that are filled, tasks that match no list
with

labelled as (

    select
        *,
        {{ own_window_start('started_on') }} as window_start_date
    from {{ ref('stg_conversations__labelled') }}

),

tasks as (

    select * from {{ ref('int_conversation_tasks') }}

),

final as (

    select
        labelled.release_id,
        labelled.platform,
        labelled.window_start_date,
        any_value(labelled.source_id) as source_id,
        any_value(labelled.classifier) as classifier,
        any_value(labelled.classifier_version) as classifier_version,
        coalesce(
            any_value(tasks.taxonomy_version), any_value(labelled.taxonomy_version)
        ) as taxonomy_version,
        count(distinct tasks.taxonomy_version) as taxonomy_version_count,
        count(*) as conversation_count,
        count(labelled.account_key) = count(*) as has_accounts,
        count(labelled.country) > 0 as has_countries,
        count(labelled.collaboration) > 0 as has_collaboration,
        count(labelled.use_case) > 0 as has_use_case,
        count(labelled.task_success) > 0 as has_task_success,
        count(labelled.task_label) as task_label_count,
        count(*) filter (where tasks.task_key is null) as unmatched_task_count
    from labelled
    left join tasks
        on
            labelled.task_label is not distinct from tasks.task_label
            and labelled.taxonomy_version is not distinct from tasks.delivered_version
    {% if is_incremental() %}
        where {{ in_changed_windows('labelled.window_start_date') }}
    {% endif %}
    group by labelled.release_id, labelled.platform, labelled.window_start_date

)

select * from final
