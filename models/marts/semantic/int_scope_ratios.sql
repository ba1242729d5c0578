{{ config(
    access='protected',
    schema='intermediate',
    materialized='view',
    contract={'enforced': false}
) }}
-- grain: release_id, platform, allocation_rule, scope, figure, estimator, category,
--        task_id
-- why: what each task of a scope adds to numerator and base of each figure, so that a
--      metric is a sum of rows: MetricFlow cannot multiply a count of one table by a
--      weight of another
with

scope_tasks as (

    select * from {{ ref('int_scope_tasks') }}

),

facet_labels as (

    select * from {{ ref('facet_labels') }}

),

task_cells as (

    select * from {{ ref('fct_task_cells') }}
    where geo_level = 'global'

),

education_shares as (

    select * from {{ ref('fct_education_shares') }}
    where geo_level = 'global'

),

cells as (

    select
        task_cells.*,
        facet_labels.label_kind,
        task_totals.conversation_count as task_count,
        coalesce(
            sum(task_cells.conversation_count) filter (
                where facet_labels.label_kind = 'named'
            ) over task_facet,
            0
        ) as named_count,
        coalesce(
            sum(task_cells.conversation_count) filter (
                where facet_labels.label_kind <> 'residual'
            ) over task_facet,
            0
        ) as published_count
    from task_cells
    inner join facet_labels
        on
            task_cells.facet = facet_labels.facet
            and task_cells.category = facet_labels.label
    inner join task_cells as task_totals
        on
            task_cells.release_id = task_totals.release_id
            and task_cells.platform = task_totals.platform
            and task_cells.task_id = task_totals.task_id
            and task_totals.facet = 'onet_task'
    window task_facet as (
        partition by
            task_cells.release_id, task_cells.platform,
            task_cells.task_id, task_cells.facet
    )

),

ratios as (

    select
        *,
        case facet when 'collaboration' then 'pattern' else facet end as figure,
        'all_conversations' as estimator,
        case
            when label_kind = 'residual' then task_count - published_count
            else conversation_count
        end as numerator,
        task_count as base,
        case when label_kind <> 'residual' then minimum_conversation_count end
            as numerator_low,
        case when label_kind <> 'residual' then maximum_conversation_count end
            as numerator_high
    from cells
    where facet <> 'task_success' or category = 'yes'
    union all by name
    select
        *,
        case facet when 'collaboration' then 'pattern' else facet end as figure,
        'pooled' as estimator,
        conversation_count as numerator,
        named_count as base
    from cells
    where label_kind = 'named' and facet <> 'task_success'
    union all by name
    select
        *,
        case facet when 'collaboration' then 'pattern' else facet end as figure,
        'task_renormalised' as estimator,
        task_count * conversation_count / nullif(named_count, 0) as numerator,
        case when named_count > 0 then task_count else 0 end as base
    from cells
    where label_kind = 'named' and facet <> 'task_success'
    union all by name
    select
        *,
        'task_success' as figure,
        'published_yes' as estimator,
        conversation_count as numerator,
        case when conversation_count is not null then task_count else 0 end as base
    from cells
    where facet = 'task_success' and category = 'yes'
    union all by name
    select
        *,
        'task_success' as figure,
        'yes_over_answered' as estimator,
        task_count * conversation_count / nullif(named_count, 0) as numerator,
        case when conversation_count is not null then task_count else 0 end as base
    from cells
    where facet = 'task_success' and category = 'yes'

),

final as (

    select
        scope_tasks.release_id,
        scope_tasks.platform,
        scope_tasks.allocation_rule,
        scope_tasks.scope,
        case ratios.figure when 'task_success' then 'success' else ratios.figure end
            as figure,
        ratios.estimator,
        ratios.category,
        scope_tasks.task_id,
        scope_tasks.weight * ratios.numerator as numerator,
        scope_tasks.weight * ratios.base as base,
        scope_tasks.weight * ratios.numerator_low as numerator_low,
        scope_tasks.weight * ratios.numerator_high as numerator_high,
        cast(null as date) as no_day
    from scope_tasks
    inner join ratios
        on
            scope_tasks.release_id = ratios.release_id
            and scope_tasks.platform = ratios.platform
            and scope_tasks.task_id = ratios.task_id
    union all
    -- The base is the whole sample, so these rows have no task to be split by.
    select
        release_id,
        platform,
        allocation_rule,
        scope,
        'scope_share' as figure,
        share_base as estimator,
        'all' as category,
        null as task_id,
        conversation_count as numerator,
        base_conversation_count as base,
        -- Of named tasks, the unseen widen the base of the bounds: in the mart only.
        case
            when share_base = 'all_conversations' then coalesce(conversation_count, 0)
        end as numerator_low,
        case
            when share_base = 'all_conversations'
                then coalesce(conversation_count, 0) + unseen_conversation_count
        end as numerator_high,
        null as no_day
    from education_shares

)

select * from final
