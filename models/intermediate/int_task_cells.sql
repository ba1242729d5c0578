-- grain: sample_id, geo_level, geo_id, task_id, facet, category
-- why: the one cell table: published cells, and the grid of cells that a task could
--      have, so that a suppressed or absent cell is a row with its range, never a
--      zero
-- depends_on: {{ ref('int_input_problems') }}
with

facet_cells as (

    select * from {{ ref('int_facet_cells') }}
    where facet_kind = 'task' and is_usable and amount is not null

),

cell_problems as (

    select distinct
        relative_path,
        row_number
    from {{ ref('int_cell_problems') }}

),

published as (

    select
        facet_cells.sample_id,
        facet_cells.geo_level,
        facet_cells.geo_id,
        tasks.task_id,
        tasks.task_key,
        coalesce(facet_cells.attribute_facet, 'onet_task') as facet,
        coalesce(facet_cells.category, 'all') as category,
        facet_cells.attribute_facet is null as is_total,
        samples.count_basis,
        samples.is_own_data,
        facet_cells.amount as conversation_count,
        facet_cells.published_pct,
        facet_cells.row_check_name is not null
        or cell_problems.relative_path is not null as is_contradicted
    from facet_cells
    inner join {{ ref('int_samples') }} as samples using (sample_id)
    inner join {{ ref('int_tasks') }} as tasks
        on
            samples.taxonomy_version = tasks.taxonomy_version
            and facet_cells.base_cluster_name = tasks.task_key
    left join cell_problems using (relative_path, row_number)

),

task_totals as (

    select * from published
    where is_total

),

attribute_cells as (

    select * from published
    where not is_total

),

-- Facets that the copy holds of a place, with the most that a folded cell can hold:
-- under the floor of whole conversations (own data fold more: no such end); per million
-- the floor's size is unknown, but no folded cell exceeds the smallest published one.
facets_in_copy as (

    select
        sample_id,
        geo_level,
        geo_id,
        facet,
        case
            when bool_or(is_own_data) then null
            when any_value(count_basis) = 'conversations'
                then {{ var('privacy_floor_conversations') }} - 1
            else coalesce(
                min(conversation_count) filter (where category <> 'not_classified'), 0
            )
        end as folded_cell_maximum_count
    from attribute_cells
    group by sample_id, geo_level, geo_id, facet
),

labels as (

    select
        facets_in_copy.sample_id,
        facets_in_copy.facet,
        facet_labels.label as category
    from facets_in_copy
    inner join {{ ref('facet_labels') }} as facet_labels using (facet)
    -- A label that is known and published is one.
    union
    select
        sample_id,
        facet,
        category
    from attribute_cells
),

grid as (

    select
        task_totals.sample_id,
        task_totals.geo_level,
        task_totals.geo_id,
        task_totals.task_id,
        facets_in_copy.facet,
        labels.category,
        task_totals.task_key,
        task_totals.count_basis,
        task_totals.conversation_count as task_conversation_count,
        facets_in_copy.folded_cell_maximum_count
    from task_totals
    inner join facets_in_copy using (sample_id, geo_level, geo_id)
    inner join labels
        on
            facets_in_copy.sample_id = labels.sample_id
            and facets_in_copy.facet = labels.facet

),

filled as (

    select
        grid.*,
        attribute_cells.conversation_count,
        attribute_cells.published_pct,
        attribute_cells.is_contradicted,
        grid.category = 'not_classified' as is_residual,
        count(attribute_cells.conversation_count) over task_facet > 0 as has_cells,
        coalesce(
            {{ exact_sum(
                'attribute_cells.conversation_count',
                "filter (where grid.category <> 'not_classified') over task_facet"
            ) }},
            0
        ) as named_conversation_count,
        coalesce(
            {{ exact_sum(
                'attribute_cells.conversation_count',
                "filter (where grid.category = 'not_classified') over task_facet"
            ) }},
            0
        ) as residual_conversation_count
    from grid
    left join attribute_cells
        using (sample_id, geo_level, geo_id, task_id, facet, category)
    window task_facet as (
        partition by
            grid.sample_id, grid.geo_level, grid.geo_id, grid.task_id, grid.facet
    )

),

grid_cells as (

    select
        sample_id,
        geo_level,
        geo_id,
        task_id,
        facet,
        category,
        conversation_count,
        case when is_residual then 0 else coalesce(conversation_count, 0) end
            as minimum_conversation_count,
        case
            when conversation_count is not null then conversation_count
            when not has_cells then task_conversation_count
            else least(
                folded_cell_maximum_count,
                -- Per-million counts are floats: the rest can be a hair off nothing.
                greatest(
                    task_conversation_count - named_conversation_count,
                    residual_conversation_count,
                    0
                )
            )
        end as maximum_conversation_count,
        published_pct,
        case
            when is_contradicted then 'contradicted'
            when conversation_count is not null and is_residual then 'residual'
            when conversation_count is not null then 'observed'
            when has_cells then 'suppressed'
            -- Releases leave this pseudo-task out of their intersections.
            when task_key = 'not_classified' then 'not_published'
            when task_key = 'none' and count_basis = 'percent_only' then 'not_published'
            else 'not_in_copy'
        end as status
    from filled

),

final as (

    select
        sample_id,
        geo_level,
        geo_id,
        task_id,
        facet,
        category,
        conversation_count,
        conversation_count as minimum_conversation_count,
        conversation_count as maximum_conversation_count,
        published_pct,
        case
            when is_contradicted then 'contradicted'
            when task_key = 'not_classified' then 'residual'
            else 'observed'
        end as status
    from task_totals
    union all by name
    select * from grid_cells

)

select * from final
