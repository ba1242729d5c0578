{{ config(materialized='view') }}
-- grain: sample_id, measure, category, allocation_rule, share_base, country_group
-- why: the figures of the marts that a trend is asked of, in one shape, each with the
--      window before; only means of countries with one school calendar are made here
with

education_shares as (

    select * from {{ ref('fct_education_shares') }}
    where geo_level = 'global' and scope = 'education'

),

patterns as (

    select patterns.*
    from {{ ref('fct_interaction_patterns') }} as patterns
    inner join {{ ref('facet_labels') }} as labels
        on
            patterns.pattern = labels.label
            and labels.facet = 'collaboration'
            and labels.label_kind = 'named'
    where
        patterns.scope = 'education'
        and patterns.allocation_rule in ('any_holder', 'published')
        and patterns.estimator = 'all_conversations'

),

success as (

    select success.*
    from {{ ref('fct_task_success') }} as success
    inner join {{ ref('estimators') }} as estimators
        on
            success.estimator = estimators.estimator
            and estimators.figure = 'success'
    where
        success.scope = 'education'
        and success.allocation_rule = 'any_holder'
        and (estimators.is_preferred or success.estimator = 'all_conversations')

),

facet_shares as (

    select * from {{ ref('fct_facet_shares') }}
    where geo_level = 'global' and share_base = 'all_conversations'

),

units as (

    select * from {{ ref('int_trend_units') }}
    where country_group <> 'all'

),

samples as (

    select * from {{ ref('int_samples') }}

),

topic_shares as (

    select facet_shares.*
    from facet_shares
    inner join {{ ref('education_topics') }}
        using (release_id, level, category_title)
    where facet_shares.facet = 'request'

),

gathered as (

    select
        *,
        'soc25_share' as measure,
        'education' as category,
        'all' as country_group,
        share_pct as value_pct
    from education_shares
    union all by name
    select
        *,
        'pattern' as measure,
        pattern as category,
        estimator as share_base,
        'all' as country_group,
        share_pct as value_pct
    from patterns
    union all by name
    select
        *,
        'success' as measure,
        'yes' as category,
        estimator as share_base,
        'all' as country_group,
        success_pct as value_pct
    from success
    union all by name
    select
        *,
        'coursework' as measure,
        'not_applicable' as allocation_rule,
        'all' as country_group,
        share_pct as value_pct
    from facet_shares
    where facet = 'use_case' and category = 'coursework'
    union all by name
    select
        * replace ('education' as category),
        'education_topic' as measure,
        'not_applicable' as allocation_rule,
        'all' as country_group,
        share_pct as value_pct
    from topic_shares

),

calendar_means as (

    select
        sample_id,
        measure,
        category,
        allocation_rule,
        share_base,
        country_group,
        {{ exact_sum('weight_pct * rate_pct') }} / nullif(
            {{ exact_sum('weight_pct', 'filter (where rate_pct is not null)') }}, 0
        ) as value_pct
    from units
    group by
        sample_id, measure, category, allocation_rule, share_base, country_group

),

points as (

    select
        samples.sample_id,
        gathered.measure,
        gathered.category,
        gathered.allocation_rule,
        gathered.share_base,
        gathered.country_group,
        gathered.value_pct,
        gathered.bound_low_pct,
        gathered.bound_high_pct,
        gathered.interval_low_pct,
        gathered.interval_high_pct,
        gathered.interval_kind,
        gathered.interval_missing_reason,
        gathered.uncertainty_low_pct,
        gathered.uncertainty_high_pct,
        gathered.uncertainty_kind,
        gathered.uncertainty_coverage_pct,
        gathered.uncertainty_missing_reason,
        gathered.status
    from gathered
    inner join samples using (release_id, platform, window_start_date)
    union all by name
    select
        *,
        'mean_of_countries' as interval_missing_reason,
        case when value_pct is null then 'none_visible' else 'visible' end as status
    from calendar_means

),

placed as (

    select
        points.*,
        samples.platform,
        samples.window_start_date,
        samples.is_simulated,
        -- an own source is a series of its own, and no step from or to the Index
        case when samples.is_own_data then samples.release_id end as own_release_id
    from points
    inner join samples using (sample_id)

),

-- The latest earlier window under the same rule; where a release publishes the figure
-- itself for the first time, the last one that was inferred from tasks.
stepped as (

    select
        new.*,
        old.sample_id as previous_sample_id,
        old.allocation_rule as previous_allocation_rule,
        new.value_pct - old.value_pct as change_pct_points
    from placed as new
    left join placed as old
        on
            new.platform = old.platform
            and new.is_simulated = old.is_simulated
            and new.own_release_id is not distinct from old.own_release_id
            and new.measure = old.measure
            and new.category = old.category
            and new.share_base = old.share_base
            and new.country_group = old.country_group
            and new.window_start_date > old.window_start_date
            and new.value_pct is not null
            and old.value_pct is not null
            and (
                new.allocation_rule = old.allocation_rule
                or (
                    new.allocation_rule = 'published'
                    and old.allocation_rule = 'any_holder'
                )
            )
    qualify row_number() over (
        partition by
            new.sample_id, new.measure, new.category, new.allocation_rule,
            new.share_base, new.country_group
        order by
            new.allocation_rule = old.allocation_rule desc,
            old.window_start_date desc,
            old.sample_id desc
    ) = 1

),

final as (

    select * exclude (platform, window_start_date, is_simulated, own_release_id)
    from stepped

)

select * from final
