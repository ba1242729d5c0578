-- grain: batch, interval_kind, mart, platform, figure, allocation_rule, estimator,
--        scope, target
-- why: an interval is only as good as its coverage: how often the intervals and
--      bounds of the marts hold a truth that is known, measured on simulated releases
select
    batch,
    interval_kind,
    mart,
    platform,
    figure,
    allocation_rule,
    estimator,
    scope,
    target,
    lowest_category,
    release_count,
    truth_count,
    without_interval_count,
    independent_truth_count,
    inside_count,
    inside_pct,
    inside_low_pct,
    inside_high_pct,
    band_low_pct,
    band_high_pct,
    lowest_category_inside_pct,
    unshifted_inside_pct,
    mean_shift_points,
    mean_width_points,
    mean_effective_task_count,
    verdict,
    true as is_simulated
from {{ ref('interval_calibration') }}
