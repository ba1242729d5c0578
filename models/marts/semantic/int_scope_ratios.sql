{{ config(materialized='view') }}
-- grain: release_id, platform, window_start_date, allocation_rule, scope, figure,
--        estimator, category, task_id
-- why: what each task of a scope adds to numerator and base of each figure, so that a
--      metric is a sum of rows: MetricFlow cannot multiply a count of one table by a
--      weight of another
with

samples as (

    -- Of percentages alone there is nothing to add up.
    select * from {{ ref('int_samples') }}
    where count_basis <> 'percent_only'

),

education_shares as (

    select * from {{ ref('fct_education_shares') }}
    where geo_level = 'global' and base_conversation_count is not null

),

final as (

    select
        samples.release_id,
        samples.platform,
        samples.window_start_date,
        scope_tasks.allocation_rule,
        scope_tasks.scope,
        ratios.figure,
        ratios.estimator,
        ratios.category,
        scope_tasks.task_id,
        scope_tasks.weight * ratios.numerator as numerator,
        scope_tasks.weight * ratios.base as base,
        scope_tasks.weight * ratios.numerator_low as numerator_low,
        scope_tasks.weight * ratios.numerator_high as numerator_high,
        cast(null as date) as no_day
    from {{ ref('int_scope_tasks') }} as scope_tasks
    inner join {{ ref('int_task_ratios') }} as ratios using (sample_id, task_id)
    inner join samples using (sample_id)
    union all
    -- The base is the whole sample, so these rows have no task to be split by.
    select
        release_id,
        platform,
        window_start_date,
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
