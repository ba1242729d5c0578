-- grain: release_id, platform, window_start_date, task_id
-- why: the education tasks themselves (rule any_holder), with volume, success and
--      patterns, so that a reader sees which tasks a sector figure is made of
{%- set patterns = [
    'directive', 'feedback_loop', 'task_iteration', 'learning', 'validation'
] %}
with

tasks as (

    select * from {{ ref('dim_tasks') }}
    where is_education

),

task_cells as (

    select * from {{ ref('int_task_cells') }}
    where geo_level = 'global'

),

ratios as (

    select * from {{ ref('int_task_ratios') }}
    where figure = 'pattern' and estimator = 'pooled'

),

geography_totals as (

    select * from {{ ref('int_geography_totals') }}
    where geo_level = 'global'

),

totals as (

    select * from task_cells
    where facet = 'onet_task'

),

task_patterns as (

    select
        sample_id,
        task_id,
        nullif(any_value(base), 0) as pattern_base_conversation_count,
        {% for pattern in patterns -%}
            100 * sum(numerator / base) filter (
                where category = '{{ pattern | replace('_', ' ') }}'
            ) as {{ pattern }}_pct,
        {% endfor -%}
        case
            when bool_or(is_not_in_copy) then 'not_in_copy'
            when count(cell_count) = 0 then 'all_suppressed'
            when count(cell_count) < count(*) then 'partly_suppressed'
            else 'visible'
        end as pattern_status
    from ratios
    group by sample_id, task_id

),

task_success as (

    select
        sample_id,
        task_id,
        sum(conversation_count) filter (where category = 'yes') as yes_count,
        sum(conversation_count) filter (where category = 'no') as no_count,
        case
            when bool_or(status = 'not_in_copy') then 'not_in_copy'
            when bool_or(category = 'yes' and status = 'suppressed')
                then 'yes_suppressed'
            when bool_or(category = 'no' and status = 'suppressed') then 'no_suppressed'
            else 'visible'
        end as success_status
    from task_cells
    where facet = 'task_success'
    group by sample_id, task_id

),

-- Of a sample without the facet, whatever the rule and the scope.
missing as (

    select
        sample_id,
        any_value(status) filter (where figure = 'success') as success_status,
        any_value(status) filter (where figure = 'pattern') as pattern_status
    from {{ ref('int_missing_figures') }}
    where is_of_tasks
    group by sample_id

),

final as (

    select
        samples.release_id,
        samples.platform,
        samples.window_start_date,
        totals.task_id,
        tasks.task_key,
        tasks.task_statement,
        tasks.education_subsector,
        tasks.holder_code_count,
        tasks.education_code_count,

        -- volume
        {{ if_counted('totals.conversation_count') }} as conversation_count,
        {{ if_counted('geography_totals.conversation_count') }}
            as base_conversation_count,
        100 * totals.conversation_count
        / nullif(geography_totals.conversation_count, 0) as volume_share_pct,
        rank() over (
            partition by totals.sample_id
            order by totals.conversation_count desc nulls last
        ) as volume_rank,

        -- success
        task_success.yes_count,
        task_success.yes_count + coalesce(task_success.no_count, 0)
            as answered_conversation_count,
        100 * task_success.yes_count
        / nullif(task_success.yes_count + coalesce(task_success.no_count, 0), 0)
            as success_pct,
        {{ wilson_interval_columns(
            'task_success.yes_count',
            '(task_success.yes_count + task_success.no_count)',
            "case when samples.count_basis <> 'conversations' "
            ~ "then 'per_million_counts' "
            ~ "when task_success.success_status is null "
            ~ "then coalesce(missing.success_status, 'not_published') "
            ~ "when task_success.success_status <> 'visible' "
            ~ "then task_success.success_status end"
        ) }},
        coalesce(
            task_success.success_status, missing.success_status, 'not_published'
        ) as success_status,

        -- patterns, of the published five
        {{ if_counted('task_patterns.pattern_base_conversation_count') }}
            as pattern_base_conversation_count,
        {% for pattern in patterns -%}
            task_patterns.{{ pattern }}_pct,
        {% endfor -%}
        coalesce(
            task_patterns.pattern_status, missing.pattern_status, 'not_published'
        ) as pattern_status,
        samples.is_simulated
    from totals
    inner join tasks using (task_id)
    inner join {{ ref('int_samples') }} as samples using (sample_id)
    inner join geography_totals using (sample_id)
    left join task_success using (sample_id, task_id)
    left join task_patterns using (sample_id, task_id)
    left join missing using (sample_id)

)

select * from final
