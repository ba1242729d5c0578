-- grain: release_id, platform, geo_level, geo_id
-- why: the base of every share of a geography, in one place: its published total
--      where there is one, else the sum of its task nodes (at global level they are
--      the sample)
with

facet_cells as (

    select * from {{ ref('int_facet_cells') }}

),

task_cells as (

    select * from {{ ref('int_task_cells') }}
    where facet = 'onet_task'

),

tasks as (

    select
        task_id,
        task_key,
        is_pseudo_task
    from {{ ref('int_tasks') }}

),

usage_totals as (

    select
        release_id,
        platform,
        geo_level,
        geo_id,
        conversation_count,
        is_simulated
    from facet_cells
    where facet_kind = 'geography_total'

),

category_facet_totals as (

    select
        release_id,
        platform,
        geo_level,
        geo_id,
        is_simulated,
        facet,
        sum(conversation_count) as conversation_count
    from facet_cells
    where facet_kind = 'category'
    group by all

),

-- A copy may lack the task facet; the categories of any one facet are the sample too.
category_totals as (

    select
        release_id,
        platform,
        geo_level,
        geo_id,
        is_simulated,
        max(conversation_count) as conversation_count
    from category_facet_totals
    group by all

),

node_totals as (

    select
        task_cells.release_id,
        task_cells.platform,
        task_cells.geo_level,
        task_cells.geo_id,
        any_value(task_cells.is_simulated) as is_simulated,
        sum(task_cells.conversation_count) as node_conversation_count,
        -- Nothing where a small geography publishes pseudo-tasks only.
        coalesce(
            sum(task_cells.conversation_count) filter (where not tasks.is_pseudo_task),
            0
        ) as named_task_conversation_count,
        sum(task_cells.conversation_count) filter (
            where tasks.task_key <> 'not_classified'
        ) as seen_conversation_count,
        count(*) as task_node_count,
        count(*) filter (where not tasks.is_pseudo_task) as named_task_count
    from task_cells
    inner join tasks on task_cells.task_id = tasks.task_id
    group by
        task_cells.release_id, task_cells.platform, task_cells.geo_level,
        task_cells.geo_id

),

geographies as (

    select
        release_id,
        platform,
        geo_level,
        geo_id,
        is_simulated
    from usage_totals
    union
    select
        release_id,
        platform,
        geo_level,
        geo_id,
        is_simulated
    from node_totals
    union
    select
        release_id,
        platform,
        geo_level,
        geo_id,
        is_simulated
    from category_totals

),

final as (

    select
        geographies.release_id,
        geographies.platform,
        geographies.geo_level,
        geographies.geo_id,
        coalesce(
            usage_totals.conversation_count,
            node_totals.node_conversation_count,
            category_totals.conversation_count
        ) as conversation_count,
        node_totals.named_task_conversation_count,
        -- Conversations of no visible task: the node not_classified, and what a copy
        -- lost.
        greatest(
            coalesce(
                usage_totals.conversation_count,
                node_totals.node_conversation_count,
                category_totals.conversation_count
            ) - coalesce(node_totals.seen_conversation_count, 0),
            0
        ) as unseen_conversation_count,
        coalesce(node_totals.task_node_count, 0) as task_node_count,
        coalesce(node_totals.named_task_count, 0) as named_task_count,
        geographies.is_simulated
    from geographies
    left join usage_totals
        on
            geographies.release_id = usage_totals.release_id
            and geographies.platform = usage_totals.platform
            and geographies.geo_level = usage_totals.geo_level
            and geographies.geo_id = usage_totals.geo_id
    left join node_totals
        on
            geographies.release_id = node_totals.release_id
            and geographies.platform = node_totals.platform
            and geographies.geo_level = node_totals.geo_level
            and geographies.geo_id = node_totals.geo_id
    left join category_totals
        on
            geographies.release_id = category_totals.release_id
            and geographies.platform = category_totals.platform
            and geographies.geo_level = category_totals.geo_level
            and geographies.geo_id = category_totals.geo_id

)

select * from final
