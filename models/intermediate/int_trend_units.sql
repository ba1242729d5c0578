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
    where scope = 'education' and allocation_rule = 'any_holder'

),

task_ratios as (

    select * from {{ ref('int_task_ratios') }}
    where label_kind = 'named'

),

place_shares as (

    select * from {{ ref('int_place_shares') }}
    where geo_level = 'country' and share_base = 'all_conversations'

),

scope_shares as (

    select * from {{ ref('int_scope_shares') }}
    where geo_level = 'country' and scope = 'education'

),

samples as (

    select * from {{ ref('int_samples') }}

),

anomalies as (

    select * from {{ ref('anomalous_geographies') }}
    where geo_level = 'country'

),

education_topics as (

    select * from {{ ref('education_topics') }}

),

school_calendars as (

    select * from {{ ref('school_calendars') }}

),

-- A task that does not publish the category weighs, and has no rate.
tasks as (

    select
        scope_tasks.sample_id,
        task_ratios.figure as measure,
        task_ratios.category,
        scope_tasks.allocation_rule,
        task_ratios.estimator as share_base,
        scope_tasks.task_id as unit_id,
        'task' as unit_kind,
        scope_tasks.conversation_count as weight,
        100 * task_ratios.numerator / nullif(task_ratios.base, 0) as rate_pct
    from scope_tasks
    inner join task_ratios
        on
            scope_tasks.sample_id = task_ratios.sample_id
            and scope_tasks.task_id = task_ratios.task_id
    inner join estimators
        on
            task_ratios.figure = estimators.figure
            and task_ratios.estimator = estimators.estimator

),

-- Usage, so that a country weighs what it has of the sample.
usage as (

    select
        place_shares.sample_id,
        place_shares.geo_id,
        place_shares.share_pct as weight,
        not place_shares.is_residual_place as is_country,
        anomalies.geo_id is not null as is_anomalous,
        case
            when not place_shares.is_residual_place
                then coalesce(school_calendars.calendar_group, 'northern')
        end as calendar_group
    from place_shares
    inner join samples on place_shares.sample_id = samples.sample_id
    left join anomalies
        on
            samples.release_id = anomalies.release_id
            and place_shares.geo_id = anomalies.geo_id
    left join school_calendars on place_shares.geo_id = school_calendars.country_code
    where place_shares.facet = 'country'

),

country_shares as (

    select
        sample_id,
        'soc25_share' as measure,
        'education' as category,
        allocation_rule,
        share_base,
        geo_id,
        share_pct
    from scope_shares
    union all
    select
        sample_id,
        'coursework' as measure,
        category,
        'not_applicable' as allocation_rule,
        share_base,
        geo_id,
        share_pct
    from place_shares
    where facet = 'use_case' and category = 'coursework'
    union all
    select
        place_shares.sample_id,
        'education_topic' as measure,
        'education' as category,
        'not_applicable' as allocation_rule,
        place_shares.share_base,
        place_shares.geo_id,
        place_shares.share_pct
    from place_shares
    inner join samples on place_shares.sample_id = samples.sample_id
    inner join education_topics
        on
            samples.release_id = education_topics.release_id
            and place_shares.level = education_topics.level
            and education_topics.category_title
            = coalesce(place_shares.node_name, place_shares.category)
    where place_shares.facet = 'request'

),

measured as (

    select distinct
        sample_id,
        measure,
        category,
        allocation_rule,
        share_base
    from country_shares

),

countries as (

    select
        measured.*,
        usage.geo_id as unit_id,
        'country' as unit_kind,
        usage.calendar_group,
        usage.weight,
        case
            when usage.is_country and not usage.is_anomalous
                then country_shares.share_pct
        end as rate_pct
    from measured
    inner join usage on measured.sample_id = usage.sample_id
    left join country_shares
        on
            measured.sample_id = country_shares.sample_id
            and measured.measure = country_shares.measure
            and measured.allocation_rule = country_shares.allocation_rule
            and measured.share_base = country_shares.share_base
            and usage.geo_id = country_shares.geo_id

),

grouped as (

    select
        * exclude (calendar_group),
        'all' as country_group
    from countries
    union all by name
    select
        *,
        'all' as country_group
    from tasks
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
            sum(weight) over (
                partition by
                    sample_id, measure, category, allocation_rule, share_base,
                    country_group
            ),
            0
        ) as weight_pct
    from grouped

)

select * from final
