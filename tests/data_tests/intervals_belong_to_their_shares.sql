-- An interval is made from the ratios that its share is made from: each stands beside a
-- share with a base, and around it.
select
    intervals.sample_id,
    intervals.allocation_rule,
    intervals.scope,
    intervals.figure,
    intervals.estimator,
    intervals.category,
    figures.share_pct,
    intervals.interval_low_pct,
    intervals.interval_high_pct,
    'an interval should lie around the share of the same numerator and base' as sentence
from {{ ref('int_scope_intervals') }} as intervals
left join {{ ref('int_scope_figures') }} as figures
    on
        intervals.sample_id = figures.sample_id
        and intervals.allocation_rule = figures.allocation_rule
        and intervals.scope = figures.scope
        and intervals.figure = figures.figure
        and intervals.estimator = figures.estimator
        and intervals.category = figures.category
where
    figures.base is null
    or intervals.interval_low_pct > coalesce(figures.share_pct, 0) + 1e-9
    or intervals.interval_high_pct < coalesce(figures.share_pct, 0) - 1e-9
