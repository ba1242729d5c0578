-- grain: sample_id, task_id, figure, estimator, category
-- why: what a task adds to the numerator and the base of each figure, and to the
--      range that its suppressed cells leave open: the one formula of patterns,
--      success and use case, for shares, bounds and intervals alike
with

task_cells as (

    select * from {{ ref('int_task_cells') }}
    where geo_level = 'global'

),

task_totals as (

    select * from task_cells
    where facet = 'onet_task'

),

-- A cell with what its task has in all, in named cells and in any published cell.
cells as (

    select
        task_cells.sample_id,
        task_cells.task_id,
        task_cells.facet,
        task_cells.category,
        facet_labels.label_kind,
        task_cells.conversation_count as cell_count,
        task_cells.minimum_conversation_count,
        task_cells.maximum_conversation_count,
        task_totals.conversation_count as task_count,
        coalesce(
            {{ exact_sum(
                'task_cells.conversation_count',
                "filter (where facet_labels.label_kind = 'named') over task_facet"
            ) }},
            0
        ) as named_count,
        coalesce(
            {{ exact_sum(
                'task_cells.conversation_count',
                "filter (where facet_labels.label_kind <> 'residual') over task_facet"
            ) }},
            0
        ) as published_count,
        bool_or(task_cells.status = 'not_in_copy') over task_facet as is_not_in_copy
    from task_cells
    inner join task_totals using (sample_id, task_id)
    inner join {{ ref('facet_labels') }} as facet_labels
        on
            task_cells.facet = facet_labels.facet
            and task_cells.category = facet_labels.label
    window task_facet as (
        partition by task_cells.sample_id, task_cells.task_id, task_cells.facet
    )

),

final as (

    select
        cells.sample_id,
        cells.task_id,
        estimators.figure,
        estimators.estimator,
        cells.category,
        cells.label_kind,
        cells.task_count,
        cells.cell_count,
        cells.task_count - cells.published_count as unpublished_count,
        case
            -- The residual is what no cell publishes: all of a task without cells too.
            when cells.label_kind = 'residual'
                then cells.task_count - cells.published_count
            when estimators.numerator_kind = 'cell' then cells.cell_count
            else
                cells.task_count * cells.cell_count / nullif(cells.named_count, 0)
        end as numerator,
        case estimators.base_kind
            when 'all_tasks' then cells.task_count
            when 'named_cells' then cells.named_count
            when 'tasks_with_named_cell'
                then case when cells.named_count > 0 then cells.task_count else 0 end
            when 'tasks_with_cell'
                then
                    case
                        when cells.cell_count is not null then cells.task_count
                        else 0
                    end
        end as base,
        -- Bounds are about all conversations, so only that base has them.
        case
            when estimators.base_kind = 'all_tasks' and cells.label_kind <> 'residual'
                then cells.minimum_conversation_count
        end as numerator_low,
        case
            when estimators.base_kind = 'all_tasks' and cells.label_kind <> 'residual'
                then cells.maximum_conversation_count
        end as numerator_high,
        cells.named_count > 0 as has_named_cell,
        cells.is_not_in_copy
    from cells
    inner join {{ ref('estimators') }} as estimators using (facet)
    where
        coalesce(estimators.only_category = cells.category, true)
        -- Only the base of all conversations has room for none and the residual.
        and (estimators.base_kind = 'all_tasks' or cells.label_kind = 'named')

)

select * from final
