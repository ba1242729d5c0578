-- grain: sample_id
-- why: an own source in a window as a release beside those of the Index: one logical
--      file a window, made of its published cells
with

cells as (

    select * from {{ ref('int_conversation_cells_protected') }}

),

windows as (

    select * from {{ ref('int_conversation_windows') }}

),

totals as (

    select
        release_id,
        platform,
        window_start_date,
        sum(conversation_count) as sample_count
    from cells
    where geo_level = 'global' and facet = 'onet_task'
    group by release_id, platform, window_start_date

),

final as (

    select
        windows.release_id || ' ' || windows.platform || ' '
        || windows.window_start_date as sample_id,
        windows.release_id,
        windows.platform,
        'raw' as file_role,
        'own/' || windows.release_id || '/' || windows.platform || '/'
        || windows.window_start_date as relative_path,
        'current' as copy_status,
        'D_conversations' as schema_family,
        cast(null as varchar) as facet_set,
        windows.taxonomy_version,
        'conversations' as count_basis,
        'Own conversations of ' || windows.source_id as product_label,
        'The institution''s own' as licence,
        'Conversations of ' || windows.source_id || ', classified by '
        || coalesce(
            windows.classifier || coalesce(' ' || windows.classifier_version, ''),
            'a classifier that is not stated'
        ) as citation,
        windows.window_start_date,
        cast({{ own_window_end('windows.window_start_date') }} as date)
            as window_end_date,
        cast(totals.sample_count as double) as sample_count,
        'Counted from the delivered conversations' as sample_source,
        'own_data' as file_status,
        true as is_loaded,
        false as is_simulated,
        true as is_own_data
    from windows
    inner join totals
        on
            windows.release_id = totals.release_id
            and windows.platform = totals.platform
            and windows.window_start_date = totals.window_start_date

)

select * from final
