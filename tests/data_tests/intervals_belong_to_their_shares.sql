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
    using (sample_id, allocation_rule, scope, figure, estimator, category)
where
    figures.base is null
    or intervals.interval_low_pct > coalesce(figures.share_pct, 0) + 1e-9
    or intervals.interval_high_pct < coalesce(figures.share_pct, 0) - 1e-9
