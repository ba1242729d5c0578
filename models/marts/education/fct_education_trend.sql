-- grain: release_id, platform, window_start_date, measure, category, allocation_rule,
--        share_base, country_group
-- why: is it growing: each figure beside the one of the window before, with what else
--      changed in between, so that two measurements are not read as a series
with

points as (

    select * from {{ ref('int_trend_points') }}

),

units as (

    select * from {{ ref('int_trend_units') }}
    where rate_pct is not null

),

samples as (

    select
        samples.sample_id,
        releases.*
    from {{ ref('int_samples') }} as samples
    inner join {{ ref('dim_releases') }} as releases
        using (release_id, platform, window_start_date)

),

steps as (

    select * from points
    where previous_sample_id is not null

),

-- What a sample is like, one row per property; the season is the month of the year in
-- which the window begins.
properties as (

    select
        samples.sample_id,
        sample_properties.property,
        -- What nobody states is the same within a release only.
        coalesce(sample_properties.value, 'not known of ' || samples.release_id)
            as value
    from samples
    inner join {{ ref('sample_properties') }} as sample_properties
        using (release_id, platform)
    union all
    select
        sample_id,
        unnest(['taxonomy', 'layout', 'count_base', 'season']) as property,
        unnest(
            [
                taxonomy_version, schema_family, count_basis,
                monthname(window_start_date)
            ]
        ) as value
    from samples

),

pairs as (

    select distinct
        sample_id,
        previous_sample_id
    from steps

),

-- A property that no row of the loaded samples names may have changed: a reason too.
names as (

    select property from {{ ref('sample_properties') }}
    union
    select property from properties

),

breaks as (

    select
        pairs.sample_id,
        pairs.previous_sample_id,
        list(names.property) as reasons
    from pairs
    cross join names
    left join properties as new
        on pairs.sample_id = new.sample_id and names.property = new.property
    left join properties as old
        on pairs.previous_sample_id = old.sample_id and names.property = old.property
    where coalesce(new.value <> old.value, true)
    group by pairs.sample_id, pairs.previous_sample_id

),

-- By themselves, else the units of all samples are compared with each other.
own_units as materialized (

    select
        units.*,
        steps.previous_sample_id,
        steps.previous_allocation_rule
    from steps
    inner join units
        using (sample_id, measure, category, allocation_rule, share_base, country_group)

),

splits as (

    select
        new.sample_id,
        new.measure,
        new.category,
        new.allocation_rule,
        new.share_base,
        new.country_group,
        count(*) as common_unit_count,
        {{ exact_sum('new.weight_pct') }} as common_share_pct,
        {{ exact_sum('old.weight_pct') }} as previous_common_share_pct,
        {{ kitagawa_columns(
            'old.weight_pct', 'old.rate_pct', 'new.weight_pct', 'new.rate_pct'
        ) }}
    from own_units as new
    inner join units as old
        on
            new.previous_sample_id = old.sample_id
            and new.previous_allocation_rule = old.allocation_rule
            and new.measure = old.measure
            and new.category = old.category
            and new.share_base = old.share_base
            and new.country_group = old.country_group
            and new.unit_id = old.unit_id
    group by
        new.sample_id, new.measure, new.category, new.allocation_rule,
        new.share_base, new.country_group

),

reasoned as (

    select
        points.*,
        case
            when points.previous_sample_id is not null
                then
                    list_sort(
                        coalesce(breaks.reasons, [])
                        || case
                            when
                                points.allocation_rule
                                <> points.previous_allocation_rule
                                then ['rule']
                            else []
                        end
                    )
        end as reasons
    from points
    left join breaks using (sample_id, previous_sample_id)

),

final as (

    select
        samples.release_id,
        samples.platform,
        samples.window_start_date,
        samples.window_label,
        points.measure,
        points.category,
        points.allocation_rule,
        points.share_base,
        points.country_group,
        points.value_pct,
        points.bound_low_pct,
        points.bound_high_pct,
        points.interval_low_pct,
        points.interval_high_pct,
        points.interval_kind,
        points.interval_missing_reason,
        points.uncertainty_low_pct,
        points.uncertainty_high_pct,
        points.uncertainty_kind,
        points.uncertainty_coverage_pct,
        case
            when points.uncertainty_low_pct is null
                then coalesce(points.uncertainty_missing_reason, 'not_from_tasks')
        end as uncertainty_missing_reason,
        samples.count_basis,
        samples.schema_family,
        points.status,
        previous.release_id as previous_release_id,
        previous.window_start_date as previous_window_start_date,
        points.change_pct_points,
        array_length(points.reasons) = 0 as is_comparable,
        nullif(array_to_string(points.reasons, ', '), '') as break_reasons,
        case
            when points.previous_sample_id is null then null
            when
                points.measure in ('pattern', 'success')
                or points.allocation_rule not in ('published', 'not_applicable')
                then 'task'
            else 'country'
        end as common_unit_kind,
        case
            when points.previous_sample_id is not null
                then coalesce(splits.common_unit_count, 0)
        end as common_unit_count,
        splits.common_share_pct,
        splits.previous_common_share_pct,
        splits.composition_change,
        splits.within_change,
        samples.is_simulated
    from reasoned as points
    inner join samples using (sample_id)
    left join splits
        using (sample_id, measure, category, allocation_rule, share_base, country_group)
    left join samples as previous on points.previous_sample_id = previous.sample_id

)

select * from final
