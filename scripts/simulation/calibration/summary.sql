-- Every interval and bound beside what it should hold, in percent. Intervals don't know
-- the allocation rule: one is enough for them. Bounds have no width where nothing is
-- suppressed, and a share no Wilson interval where something is.
-- grain: batch, release_id, interval_kind, target, mart, figure, estimator, scope,
--        category, place
create or replace table judged as
select
    target.batch,
    shown.interval_kind,
    shown.mart,
    shown.figure,
    case
        when starts_with(figure, 'share_') then allocation_rule || ', ' || estimator
        when interval_kind = 'bounds' then allocation_rule
        else estimator
    end as estimator,
    case
        when mart = 'fct_occupation_group_shares' then 'every_occupation_group'
        when starts_with(figure, 'share_') and scope <> 'education'
            then 'every_subsector'
        when allocation_rule <> 'any_holder' and not starts_with(figure, 'share_')
            then 'every_scope'
        else scope
    end as scope,
    target.target,
    release_id,
    if(
        interval_kind = 'bounds' and not starts_with(figure, 'share_'),
        scope || ', ' || category,
        category
    ) as category,
    if(interval_kind = 'bounds', null, shown.effective_task_count)
        as effective_task_count,
    shown.low_pct,
    shown.high_pct,
    target.target_pct,
    case
        when target.target = 'superpopulation'
            then shown.share_pct - realised.target_pct
    end as shift_points
from shown
inner join target using (
    release_id, figure, geo_id, allocation_rule, scope, estimator, category
)
left join (
    from task_figure_target where target = 'realised_all_tasks'
) as realised using (release_id, figure, allocation_rule, scope, estimator, category)
where
    case interval_kind
        when 'bounds'
            then
                target.batch = 'published'
                and (
                    target.target in ('realised_published_tasks', 'realised_share')
                    or (
                        target.target = 'realised_all_tasks'
                        and allocation_rule = 'any_holder'
                    )
                )
        when 'wilson_95'
            then
                target.target = 'model_parameter'
                and allocation_rule = 'any_holder'
                and (target.batch = 'unsuppressed' or not starts_with(figure, 'share_'))
        else target.target = 'superpopulation' and allocation_rule = 'any_holder'
    end;

-- grain: batch, interval_kind, mart, figure, estimator, scope, target
-- why: how often each kind of interval holds its truth, with what that share can be by
--      chance alone
with truth as (

    select
        *,
        low_pct is not null and high_pct is not null as has_interval,
        -- Bounds are sums of doubles: their last digits are not a miss.
        target_pct between low_pct - 1e-9 and high_pct + 1e-9 as is_inside,
        target_pct
        between low_pct - coalesce(shift_points, 0) - 1e-9
        and high_pct - coalesce(shift_points, 0) + 1e-9 as is_inside_unshifted
    from judged
    where target_pct is not null

),

by_release as (

    select
        batch, interval_kind, mart, figure, estimator, scope, target, release_id,
        count(*) as count_of_release,
        count(*) filter (where is_inside) as inside_of_release
    from truth
    where has_interval
    group by all

),

-- Categories with a hundred truths at least: few truths give a low share by chance.
lowest as (

    select
        batch, interval_kind, mart, figure, estimator, scope, target,
        min_by(category, (inside_pct, category)) as lowest_category,
        min(inside_pct) as lowest_category_inside_pct
    from (
        select
            batch, interval_kind, mart, figure, estimator, scope, target, category,
            100 * count(*) filter (where is_inside) / count(*) as inside_pct
        from truth
        where has_interval and figure in ('pattern', 'use_case')
        group by all
        having count(*) >= 100
    )
    group by all

),

measured as (

    select
        batch, interval_kind, mart, figure, estimator, scope, target,
        count(*) filter (where has_interval) as truth_count,
        count(*) filter (where not has_interval) as without_interval_count,
        count(*) filter (where has_interval and is_inside) as inside_count,
        avg(is_inside::integer) filter (where has_interval) as share,
        100 * avg(is_inside_unshifted::integer) filter (
            where has_interval and shift_points is not null
        ) as unshifted_inside_pct,
        avg(high_pct - low_pct) as mean_width_points,
        avg(abs(shift_points)) filter (where has_interval) as mean_shift_points,
        avg(effective_task_count) filter (where has_interval)
            as mean_effective_task_count
    from truth
    group by all

),

-- Releases are independent, the truths within one are not. The design effect is how
-- much more the share varies than that of as many independent truths; where every truth
-- is inside (or none) it can't be measured, and a release counts as one truth.
clustered as (

    select
        batch, interval_kind, mart, figure, estimator, scope, target,
        count(*) as release_count,
        any_value(truth_count) / greatest(1, if(
            any_value(share) in (0, 1),
            any_value(truth_count) / count(*),
            sum(pow(inside_of_release - count_of_release * share, 2))
            / any_value(truth_count * share * (1 - share))
        )) as independent_truth_count
    from by_release
    inner join measured using (
        batch, interval_kind, mart, figure, estimator, scope, target
    )
    group by all

),

-- An interval of 95% is inside its band with 99.9% over all rows together: each row
-- has its share (Bonferroni) of the 0.1%, half at each end of a binomial count.
banded as (

    select
        * replace (
            round(independent_truth_count)::bigint as independent_truth_count
        ),
        {simultaneous_alpha} / count(*) filter (where interval_kind <> 'bounds') over ()
            as alpha,
        wilson_pct(share, independent_truth_count, -1) as inside_low_pct,
        wilson_pct(share, independent_truth_count, 1) as inside_high_pct,
        if(
            interval_kind <> 'bounds',
            binomial_pct(alpha / 2, round(independent_truth_count)::bigint),
            null
        ) as band_low_pct,
        if(
            interval_kind <> 'bounds',
            binomial_pct(1 - alpha / 2, round(independent_truth_count)::bigint),
            null
        ) as band_high_pct
    from clustered
    inner join measured using (
        batch, interval_kind, mart, figure, estimator, scope, target
    )
    left join lowest using (
        batch, interval_kind, mart, figure, estimator, scope, target
    )

)

select
    batch,
    interval_kind,
    mart,
    figure,
    estimator,
    scope,
    target,
    release_count,
    truth_count,
    without_interval_count,
    independent_truth_count,
    inside_count,
    round(100 * share, 2) as inside_pct,
    round(greatest(inside_low_pct, 0), 2) as inside_low_pct,
    round(least(inside_high_pct, 100), 2) as inside_high_pct,
    round(band_low_pct, 2) as band_low_pct,
    round(band_high_pct, 2) as band_high_pct,
    lowest_category,
    round(lowest_category_inside_pct, 2) as lowest_category_inside_pct,
    round(unshifted_inside_pct, 2) as unshifted_inside_pct,
    round(mean_shift_points, 2) as mean_shift_points,
    round(mean_width_points, 2) as mean_width_points,
    round(mean_effective_task_count, 1) as mean_effective_task_count,
    case
        when target = 'realised_all_tasks' and scope <> 'all_with_pseudo'
            then 'not_promised'
        when interval_kind = 'bounds' and inside_count = truth_count then 'holds'
        when interval_kind = 'bounds' then 'broken'
        when 100 * share < banded.band_low_pct - 1e-9 then 'covers_too_rarely'
        when 100 * share > banded.band_high_pct + 1e-9 then 'covers_too_often'
        else 'covers'
    end as verdict
from banded
order by interval_kind, batch, mart, figure, estimator, scope, target
