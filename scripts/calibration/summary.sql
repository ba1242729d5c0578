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
        count(*) as truth_count,
        count(*) filter (where is_inside) as inside_count
    from truth
    where has_interval
    group by all

),

by_category as (

    select
        batch, interval_kind, mart, figure, estimator, scope, target, category,
        count(*) as truth_count,
        100 * count(*) filter (where is_inside) / count(*) as inside_pct
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
    from by_category
    where truth_count >= 100 and figure in ('pattern', 'use_case')
    group by all

),

measured as (

    select
        batch, interval_kind, mart, figure, estimator, scope, target,
        count(*) filter (where has_interval) as truth_count,
        count(*) filter (where not has_interval) as without_interval_count,
        count(*) filter (where has_interval and is_inside) as inside_count,
        100 * avg(is_inside_unshifted::integer) filter (
            where has_interval and shift_points is not null
        ) as unshifted_inside_pct,
        avg(high_pct - low_pct) as mean_width_points,
        avg(abs(shift_points)) filter (where has_interval)
            as mean_shift_points,
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
        by_release.batch, by_release.interval_kind, by_release.mart,
        by_release.figure, by_release.estimator, by_release.scope, by_release.target,
        count(*) as release_count,
        any_value(measured.inside_count) / any_value(measured.truth_count) as share,
        any_value(measured.truth_count) / greatest(
            1,
            case
                when any_value(measured.inside_count)
                    in (0, any_value(measured.truth_count))
                    then any_value(measured.truth_count) / count(*)
                else
                    sum(pow(
                        by_release.inside_count
                        - by_release.truth_count
                        * measured.inside_count / measured.truth_count,
                        2
                    ))
                    / any_value(
                        measured.truth_count
                        * (measured.inside_count / measured.truth_count)
                        * (1 - measured.inside_count / measured.truth_count)
                    )
            end
        ) as independent_truth_count
    from by_release
    inner join measured using (
        batch, interval_kind, mart, figure, estimator, scope, target
    )
    group by all

),

-- An interval of 95% is inside its band with 99.9% over all rows together: each row
-- has its share (Bonferroni) of the 0.1%, half at each end of a binomial count.
trials as (

    select distinct round(independent_truth_count)::integer as trials
    from clustered
    where interval_kind <> 'bounds'

),

row_alpha as (

    select
        {simultaneous_alpha} / count(*) as alpha
    from clustered
    where interval_kind <> 'bounds'

),

binomial as (

    select
        trials.trials,
        hits.hits,
        sum(exp(
            lgamma(trials.trials + 1) - lgamma(hits.hits + 1)
            - lgamma(trials.trials - hits.hits + 1)
            + hits.hits * ln({nominal}) + (trials.trials - hits.hits) * ln(1 - {nominal})
        )) over (partition by trials.trials order by hits.hits) as cumulated
    from trials
    cross join lateral (select unnest(range(trials.trials + 1)) as hits) as hits

),

band as (

    select
        binomial.trials,
        100 * min(binomial.hits) filter (
            where binomial.cumulated >= row_alpha.alpha / 2
        ) / binomial.trials as band_low_pct,
        100 * coalesce(
            min(binomial.hits) filter (
                where binomial.cumulated >= 1 - row_alpha.alpha / 2
            ),
            binomial.trials
        ) / binomial.trials as band_high_pct
    from binomial
    cross join row_alpha
    group by binomial.trials

),

final as (

    select
        clustered.*,
        measured.truth_count,
        measured.without_interval_count,
        measured.inside_count,
        measured.unshifted_inside_pct,
        measured.mean_width_points,
        measured.mean_shift_points,
        measured.mean_effective_task_count,
        100 * (
            share + {z} * {z} / (2 * independent_truth_count)
            - {z} * sqrt(
                share * (1 - share) / independent_truth_count
                + {z} * {z} / (4 * independent_truth_count * independent_truth_count)
            )
        ) / (1 + {z} * {z} / independent_truth_count) as inside_low_pct,
        100 * (
            share + {z} * {z} / (2 * independent_truth_count)
            + {z} * sqrt(
                share * (1 - share) / independent_truth_count
                + {z} * {z} / (4 * independent_truth_count * independent_truth_count)
            )
        ) / (1 + {z} * {z} / independent_truth_count) as inside_high_pct,
        case when clustered.interval_kind <> 'bounds' then band.band_low_pct end
            as band_low_pct,
        case when clustered.interval_kind <> 'bounds' then band.band_high_pct end
            as band_high_pct,
        lowest.lowest_category,
        lowest.lowest_category_inside_pct
    from clustered
    inner join measured using (
        batch, interval_kind, mart, figure, estimator, scope, target
    )
    left join band on round(clustered.independent_truth_count) = band.trials
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
    round(independent_truth_count)::bigint as independent_truth_count,
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
        when 100 * share < band_low_pct - 1e-9 then 'covers_too_rarely'
        when 100 * share > band_high_pct + 1e-9 then 'covers_too_often'
        else 'covers'
    end as verdict
from final
order by interval_kind, batch, mart, figure, estimator, scope, target
