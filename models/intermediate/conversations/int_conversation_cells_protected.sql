-- grain: release_id, platform, window_start_date, geo_level, geo_id, facet,
--        base_cluster_name, category
-- why: the cells of own conversations that may be seen: what is under the floor is
--      folded into not_classified
with

cells as (

    select
        *,
        conversation_count >= {{ var('privacy_floor_conversations') }}
        and coalesce(account_count >= 5, true) as is_shown
    from {{ ref('int_conversation_cells') }}

),

places as (

    select * from cells
    where facet in ('country', 'country-state')

),

tasks as (

    select * from cells
    where facet = 'onet_task' and geo_level = 'global'

),

folded as (

    select
        cells.release_id,
        cells.source_id,
        cells.platform,
        cells.window_start_date,
        cells.geo_level,
        case
            when cells.facet not in ('country', 'country-state') or cells.is_shown
                then cells.geo_id
            when cells.geo_level = 'country' then 'not_classified'
            else split_part(cells.geo_id, '-', 1) || '-not_classified'
        end as geo_id,
        cells.facet,
        case
            when cells.is_shown or cells.base_cluster_name = '' or cells.category <> ''
                then cells.base_cluster_name
            else 'not_classified'
        end as base_cluster_name,
        case
            when cells.category <> '' and not cells.is_shown then 'not_classified'
            else cells.category
        end as category,
        sum(cells.conversation_count) as conversation_count
    from cells
    left join places
        on
            cells.release_id = places.release_id
            and cells.platform = places.platform
            and cells.window_start_date = places.window_start_date
            and cells.geo_level = places.geo_level
            and cells.geo_id = places.geo_id
    left join tasks
        on
            cells.release_id = tasks.release_id
            and cells.platform = tasks.platform
            and cells.window_start_date = tasks.window_start_date
            and cells.base_cluster_name = tasks.base_cluster_name
    where
        (cells.geo_level = 'global' or coalesce(places.is_shown, true))
        and (
            cells.category is null
            or (tasks.is_shown and cells.base_cluster_name <> 'not_classified')
        )
        or cells.facet in ('country', 'country-state')
    group by all

),

final as (

    select * replace (cast(conversation_count as bigint) as conversation_count)
    from folded

)

select * from final
