-- grain: release_id, platform, task_id
-- why: what each task adds to the numerators and denominators of the task figures,
--      for intervals that treat tasks as sampled
-- noqa: disable=LT02
with

task_cells as (

    select * from {{ ref('int_task_cells') }}
    where geo_level = 'global'

),

task_totals as (

    select
        release_id,
        platform,
        task_id,
        conversation_count
    from task_cells
    where facet = 'onet_task'

),

task_counts as (

    select
        release_id,
        platform,
        task_id,
        {% for label in var('named_patterns') + ['none'] -%}
        sum(conversation_count) filter (
            where facet = 'collaboration' and category = '{{ label }}'
        ) as pattern_{{ label | replace(' ', '_') }},
        {% endfor -%}
        sum(conversation_count) filter (
            where facet = 'collaboration' and category <> 'none'
        ) as pattern_named,
        sum(conversation_count) filter (
            where facet = 'task_success' and category = 'yes'
        ) as success_yes,
        sum(conversation_count) filter (
            where facet = 'task_success' and category in ('yes', 'no')
        ) as success_answered,
        {% for label in var('named_use_cases') -%}
        sum(conversation_count) filter (
            where facet = 'use_case' and category = '{{ label }}'
        ) as use_case_{{ label }},
        {% endfor -%}
        sum(conversation_count) filter (
            where facet = 'use_case' and category <> 'none'
        ) as use_case_named
    from task_cells
    where facet <> 'onet_task' and status = 'observed'
    group by release_id, platform, task_id

),

final as (

    select
        task_totals.release_id,
        task_totals.platform,
        task_totals.task_id,
        task_totals.conversation_count,
        {% for label in var('named_patterns') + ['none'] -%}
        {%- set column = 'pattern_' ~ (label | replace(' ', '_')) -%}
        coalesce(task_counts.{{ column }}, 0) as {{ column }},
        {% endfor -%}
        coalesce(task_counts.pattern_named, 0) as pattern_named,
        case
            when task_counts.pattern_named > 0 then task_totals.conversation_count
            else 0
        end as pattern_task_count,
        {% for label in var('named_patterns') -%}
        {%- set column = label | replace(' ', '_') -%}
        coalesce(
            task_totals.conversation_count * task_counts.pattern_{{ column }}
            / nullif(task_counts.pattern_named, 0),
            0
        ) as pattern_weighted_{{ column }},
        {% endfor -%}
        coalesce(task_counts.success_yes, 0) as success_yes,
        case
            when task_counts.success_yes is not null then task_totals.conversation_count
            else 0
        end as success_task_count,
        coalesce(
            task_totals.conversation_count * task_counts.success_yes
            / nullif(task_counts.success_answered, 0),
            0
        ) as success_weighted_yes,
        {% for label in var('named_use_cases') -%}
        coalesce(task_counts.use_case_{{ label }}, 0) as use_case_{{ label }},
        coalesce(
            task_totals.conversation_count * task_counts.use_case_{{ label }}
            / nullif(task_counts.use_case_named, 0),
            0
        ) as use_case_weighted_{{ label }},
        {% endfor -%}
        coalesce(task_counts.use_case_named, 0) as use_case_named,
        case
            when task_counts.use_case_named > 0 then task_totals.conversation_count
            else 0
        end as use_case_task_count
    from task_totals
    left join task_counts
        on
            task_totals.release_id = task_counts.release_id
            and task_totals.platform = task_counts.platform
            and task_totals.task_id = task_counts.task_id

)

select * from final
