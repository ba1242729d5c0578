-- grain: sample_id, measure, category, allocation_rule, share_base, country_group,
--        unit_id
-- why: what a figure of the trend is a mean of, task by task or country by country: two
--      samples are compared on the units that both publish
with

estimators as (

    select * from {{ ref('estimators') }}
    where
        figure in ('pattern', 'success')
        and (is_preferred or estimator = 'all_conversations')

),

scope_tasks as (

    select * from {{ ref('int_scope_tasks') }}

),

education_tasks as (

    select * from scope_tasks
    where scope = 'education'

),

task_ratios as (

    select * from {{ ref('int_task_ratios') }}
    where label_kind = 'named'

),

country_education as (

    select * from {{ ref('fct_country_education') }}
    where geo_level = 'country' and definition <> 'soc25_visible'

),

allocation_rules as (

    select distinct allocation_rule from education_tasks

),

-- A task that does not publish the category weighs, and has no rate. An inferred share
-- is a mean over all tasks of the part that the rule counts as education.
tasks as (

    select
        education_tasks.sample_id,
        task_ratios.figure as measure,
        task_ratios.category,
        education_tasks.allocation_rule,
        task_ratios.estimator as share_base,
        'all' as country_group,
        education_tasks.task_id as unit_id,
        'task' as unit_kind,
        education_tasks.conversation_count as weight,
        100 * task_ratios.numerator / nullif(task_ratios.base, 0) as rate_pct
    from education_tasks
    inner join task_ratios using (sample_id, task_id)
    inner join estimators
        on
            task_ratios.figure = estimators.figure
            and task_ratios.estimator = estimators.estimator
    where education_tasks.allocation_rule = 'any_holder'
    union all
    select
        scope_tasks.sample_id,
        'soc25_share' as measure,
        'education' as category,
        allocation_rules.allocation_rule,
        case scope_tasks.scope
            when 'all_named' then 'named_tasks' else 'all_conversations'
        end as share_base,
        'all' as country_group,
        scope_tasks.task_id as unit_id,
        'task' as unit_kind,
        scope_tasks.conversation_count as weight,
        100 * coalesce(education_tasks.weight, 0) as rate_pct
    from scope_tasks
    cross join allocation_rules
    left join education_tasks
        on
            scope_tasks.sample_id = education_tasks.sample_id
            and scope_tasks.task_id = education_tasks.task_id
            and allocation_rules.allocation_rule = education_tasks.allocation_rule
    where scope_tasks.scope in ('all_with_pseudo', 'all_named')

),

-- A country weighs what it has of the sample; a place that is none has no rate.
countries as (

    select
        samples.sample_id,
        case country_education.definition
            when 'soc25_published' then 'soc25_share'
            else country_education.definition
        end as measure,
        case country_education.definition
            when 'coursework' then 'coursework' else 'education'
        end as category,
        case country_education.definition
            when 'soc25_published' then 'published' else 'not_applicable'
        end as allocation_rule,
        'all_conversations' as share_base,
        case
            when not country_education.is_residual
                then coalesce(school_calendars.calendar_group, 'northern')
        end as calendar_group,
        country_education.geo_id as unit_id,
        'country' as unit_kind,
        place_usage.usage_pct as weight,
        case
            when
                not country_education.is_residual
                and not country_education.is_anomalous
                then country_education.share_pct
        end as rate_pct
    from country_education
    inner join {{ ref('fct_place_usage') }} as place_usage
        using (release_id, platform, window_start_date, geo_level, geo_id)
    inner join {{ ref('int_samples') }} as samples
        using (release_id, platform, window_start_date)
    left join {{ ref('school_calendars') }} as school_calendars
        on country_education.geo_id = school_calendars.country_code
    where country_education.status <> 'not_in_copy'

),

grouped as (

    select * from tasks
    union all by name
    select
        * exclude (calendar_group),
        'all' as country_group
    from countries
    union all by name
    select
        * exclude (calendar_group),
        calendar_group as country_group
    from countries
    where measure = 'coursework' and calendar_group is not null

),

final as (

    select
        sample_id,
        measure,
        category,
        allocation_rule,
        share_base,
        country_group,
        unit_id,
        unit_kind,
        rate_pct,
        100 * weight / nullif(
            {{ exact_sum(
                'weight',
                'over (partition by sample_id, measure, category, allocation_rule, '
                ~ 'share_base, country_group)'
            ) }},
            0
        ) as weight_pct
    from grouped

)

select * from final
