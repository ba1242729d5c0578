-- grain: release_id, platform, window_start_date
-- why: what an own source delivered in a window, for the guards and for its row among
--      the releases: size, columns that are filled, tasks that match no list
with

grouped as (

    select *
    from {{ ref('int_conversation_groups') }}
    inner join {{ ref('int_conversation_labels') }} using (label_key)
    {% if is_incremental() %}
        where {{ in_changed_windows('window_start_date') }}
    {% endif %}

),

final as (

    select
        release_id,
        platform,
        window_start_date,
        any_value(source_id) as source_id,
        count(distinct source_id) as source_count,
        min(classifier) as classifier,
        count(distinct classifier) as classifier_count,
        any_value(classifier_version) as classifier_version,
        coalesce(min(taxonomy_version), min(delivered_version)) as taxonomy_version,
        count(distinct coalesce(taxonomy_version, delivered_version))
            as taxonomy_version_count,
        cast(sum(conversation_count) as bigint) as conversation_count,
        sum(account_row_count) > 0 as has_accounts,
        count(country) > 0 as has_countries,
        count(collaboration) > 0 as has_collaboration,
        count(use_case) > 0 as has_use_case,
        count(task_success) > 0 as has_task_success,
        cast(
            coalesce(
                sum(conversation_count) filter (where task_label is not null), 0
            ) as bigint
        ) as task_label_count,
        cast(
            coalesce(
                sum(conversation_count) filter (where onet_task is null), 0
            ) as bigint
        ) as unmatched_task_count
    from grouped
    group by release_id, platform, window_start_date

)

select * from final
