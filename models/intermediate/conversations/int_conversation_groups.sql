-- grain: release_id, platform, window_start_date, task_label, delivered_version,
--        collaboration, use_case, task_success, country, region
-- why: the one pass over the conversations: those with all labels in common, counted
with

labelled as (

    select
        *,
        {{ own_window_start('started_on') }} as window_start_date,
        -- Mergeable where distinct accounts are not: 64 groups of accounts, a bit each.
        cast(1 as ubigint) << cast(account_key % 64 as integer) as account_group
    from {{ ref('stg_conversations__labelled') }}

),

tasks as (

    select * from {{ ref('int_conversation_tasks') }}

),

grouped as (

    select
        release_id,
        platform,
        window_start_date,
        task_label,
        taxonomy_version as delivered_version,
        collaboration,
        use_case,
        task_success,
        country,
        region,
        any_value(source_id) as source_id,
        any_value(classifier) as classifier,
        any_value(classifier_version) as classifier_version,
        count(*) as conversation_count,
        count(account_group) as account_row_count,
        bit_or(account_group) as account_groups
    from labelled
    {% if is_incremental() %}
        where {{ in_changed_windows('window_start_date') }}
    {% endif %}
    group by
        release_id, platform, window_start_date, task_label, taxonomy_version,
        collaboration, use_case, task_success, country, region

),

final as (

    select
        grouped.release_id,
        grouped.source_id,
        grouped.platform,
        grouped.window_start_date,
        grouped.classifier,
        grouped.classifier_version,
        grouped.task_label,
        grouped.delivered_version,
        tasks.taxonomy_version,
        tasks.task_key as onet_task,
        grouped.collaboration,
        grouped.use_case,
        grouped.task_success,
        grouped.country,
        grouped.region,
        grouped.conversation_count,
        grouped.account_row_count,
        grouped.account_groups
    from grouped
    left join tasks
        on
            grouped.task_label is not distinct from tasks.task_label
            and grouped.delivered_version is not distinct from tasks.delivered_version

)

select * from final
