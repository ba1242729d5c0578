-- grain: release_id, platform, geo_level, geo_id, task_id, facet, category
-- why: the one cell table: published cells, and the grid of cells that a task could
--      have, so that a suppressed or absent cell is a row with its range, never a
--      zero
with

facet_cells as (

    select * from {{ ref('int_facet_cells') }}

),

tasks as (

    select
        taxonomy_version,
        task_key,
        task_id,
        is_pseudo_task
    from {{ ref('int_tasks') }}

),

facet_labels as (

    select * from {{ ref('facet_labels') }}

),

task_totals as (

    select
        facet_cells.release_id,
        facet_cells.platform,
        facet_cells.geo_level,
        facet_cells.geo_id,
        tasks.task_id,
        facet_cells.base_cluster_name as task_key,
        facet_cells.count_basis,
        facet_cells.conversation_count,
        facet_cells.published_pct,
        facet_cells.is_simulated
    from facet_cells
    inner join tasks
        on
            facet_cells.taxonomy_version = tasks.taxonomy_version
            and facet_cells.base_cluster_name = tasks.task_key
    where facet_cells.facet_kind = 'task' and facet_cells.attribute_facet is null

),

intersection_cells as (

    select
        release_id,
        platform,
        geo_level,
        geo_id,
        base_cluster_name as task_key,
        attribute_facet as facet,
        category,
        count_basis,
        conversation_count,
        published_pct
    from facet_cells
    where facet_kind = 'task' and attribute_facet is not null

),

-- Facets that the copy holds for a release and geography, with the largest count a
-- folded cell can hold there: under the floor of whole conversations; where counts are
-- per million the floor's size is unknown, but no folded cell exceeds the smallest
-- published one.
facets_in_copy as (

    select
        release_id,
        platform,
        geo_level,
        geo_id,
        facet,
        case
            when any_value(count_basis) = 'conversations'
                then {{ var('privacy_floor_conversations') }} - 1
            else coalesce(
                min(conversation_count) filter (where category <> 'not_classified'), 0
            )
        end as folded_cell_maximum_count
    from intersection_cells
    group by release_id, platform, geo_level, geo_id, facet

),

labels as (

    select
        facets_in_copy.release_id,
        facets_in_copy.platform,
        facets_in_copy.facet,
        facet_labels.label as category
    from facets_in_copy
    inner join facet_labels on facets_in_copy.facet = facet_labels.facet
    union
    select
        release_id,
        platform,
        facet,
        category
    from intersection_cells

),

published_by_task as (

    select
        release_id,
        platform,
        geo_level,
        geo_id,
        task_key,
        facet,
        coalesce(
            sum(conversation_count) filter (where category <> 'not_classified'), 0
        ) as named_conversation_count,
        coalesce(
            sum(conversation_count) filter (where category = 'not_classified'), 0
        ) as residual_conversation_count
    from intersection_cells
    group by release_id, platform, geo_level, geo_id, task_key, facet

),

grid as (

    select
        task_totals.release_id,
        task_totals.platform,
        task_totals.geo_level,
        task_totals.geo_id,
        task_totals.task_id,
        task_totals.task_key,
        facets_in_copy.facet,
        labels.category,
        task_totals.conversation_count as task_conversation_count,
        task_totals.is_simulated,
        facets_in_copy.folded_cell_maximum_count
    from task_totals
    inner join facets_in_copy
        on
            task_totals.release_id = facets_in_copy.release_id
            and task_totals.platform = facets_in_copy.platform
            and task_totals.geo_level = facets_in_copy.geo_level
            and task_totals.geo_id = facets_in_copy.geo_id
    inner join labels
        on
            facets_in_copy.release_id = labels.release_id
            and facets_in_copy.platform = labels.platform
            and facets_in_copy.facet = labels.facet

),

attribute_cells as (

    select
        grid.release_id,
        grid.platform,
        grid.geo_level,
        grid.geo_id,
        grid.task_id,
        grid.facet,
        grid.category,
        intersection_cells.conversation_count,
        case
            when grid.category = 'not_classified' then 0
            else coalesce(intersection_cells.conversation_count, 0)
        end as minimum_conversation_count,
        case
            when intersection_cells.conversation_count is not null
                then intersection_cells.conversation_count
            when published_by_task.task_key is null then grid.task_conversation_count
            else least(
                grid.folded_cell_maximum_count,
                -- Per-million counts are floats: the rest can be a hair off nothing.
                greatest(
                    grid.task_conversation_count
                    - published_by_task.named_conversation_count,
                    published_by_task.residual_conversation_count,
                    0
                )
            )
        end as maximum_conversation_count,
        intersection_cells.published_pct,
        case
            when
                intersection_cells.conversation_count is not null
                and grid.category = 'not_classified'
                then 'residual'
            when intersection_cells.conversation_count is not null then 'observed'
            when published_by_task.task_key is not null then 'suppressed'
            -- Releases leave this pseudo-task out of their intersections.
            when grid.task_key = 'not_classified' then 'not_published'
            else 'not_in_copy'
        end as status,
        grid.is_simulated
    from grid
    left join intersection_cells
        on
            grid.release_id = intersection_cells.release_id
            and grid.platform = intersection_cells.platform
            and grid.geo_level = intersection_cells.geo_level
            and grid.geo_id = intersection_cells.geo_id
            and grid.task_key = intersection_cells.task_key
            and grid.facet = intersection_cells.facet
            and grid.category = intersection_cells.category
    left join published_by_task
        on
            grid.release_id = published_by_task.release_id
            and grid.platform = published_by_task.platform
            and grid.geo_level = published_by_task.geo_level
            and grid.geo_id = published_by_task.geo_id
            and grid.task_key = published_by_task.task_key
            and grid.facet = published_by_task.facet

),

total_cells as (

    select
        release_id,
        platform,
        geo_level,
        geo_id,
        task_id,
        'onet_task' as facet,
        'all' as category,
        conversation_count,
        conversation_count as minimum_conversation_count,
        conversation_count as maximum_conversation_count,
        published_pct,
        case when task_key = 'not_classified' then 'residual' else 'observed' end
            as status,
        is_simulated
    from task_totals

),

final as (

    select * from total_cells
    union all by name
    select * from attribute_cells

)

select
    release_id,
    platform,
    geo_level,
    geo_id,
    task_id,
    facet,
    category,
    conversation_count,
    minimum_conversation_count,
    maximum_conversation_count,
    published_pct,
    status,
    is_simulated
from final
