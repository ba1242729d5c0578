# grain: sample_id, geo_level, geo_id, allocation_rule, scope, figure, estimator,
#        category
# why: one band for what suppression leaves open and for what other tasks would give
"""The band of a share that is known only between bounds.

The 95% interval for a partly identified share (G. Imbens, C. Manski, Econometrica 72,
2004; J. Stoye, Econometrica 77, 2009): each bound is moved outwards by a critical value
times its error over tasks. The value falls from the two-sided to the one-sided quantile
as the bounds part, because the share can then be near one bound only. Errors are those
of the delete-one-task jackknife, quantiles those of t at the effective tasks less one,
and ends are moved on the logit scale, as in int_scope_intervals. Shares in percent.
"""

import numpy as np
import polars as pl
from scipy.special import expit, logit, stdtr, stdtrit

COVERAGE = 0.95
KIND = "imbens_manski_95"
KEYS = ["sample_id", "geo_level", "geo_id", "allocation_rule", "scope", "figure"]
KEYS += ["estimator", "category"]
MEASURED = ["platform", "allocation_rule", "scope", "figure", "estimator"]
NUMBERS = ["bound_low_pct", "bound_high_pct", "error_low_pct", "error_high_pct"]


def critical_value(gap, freedom):
    """The c at which T(c + gap) - T(-c) is the coverage, T of t with `freedom`.

    gap: distance of the bounds in units of the greater error, may be infinite.
    """
    least = stdtrit(freedom, COVERAGE)
    most = stdtrit(freedom, (1 + COVERAGE) / 2)
    for _ in range(50):
        middle = (least + most) / 2
        covered = stdtr(freedom, middle + gap) - stdtr(freedom, -middle)
        least = np.where(covered < COVERAGE, middle, least)
        most = np.where(covered < COVERAGE, most, middle)
    return (least + most) / 2


def band(low, high, error_low, error_high, effective):
    """Both ends of the band; shares and errors between 0 and 1."""
    freedom = np.maximum(1, np.floor(effective - 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        gap = (high - low) / np.maximum(error_low, error_high)
        value = critical_value(np.nan_to_num(gap, posinf=np.inf), freedom)

        def moved(share, error, side):
            ends = expit(logit(share) + side * value * error / (share * (1 - share)))
            return np.where((share > 0) & (share < 1), ends, share)

        return moved(low, error_low, -1), moved(high, error_high, 1)


def model(dbt, session):
    """The dbt model."""
    dbt.config(materialized="table")
    columns = ", ".join(NUMBERS) + ", task_count, effective_task_count"
    figures = dbt.ref("int_scope_figures").select(
        "sample_id, 'global' as geo_level, 'GLOBAL' as geo_id, allocation_rule, scope, "
        f"figure, estimator, category, {columns}"
    )
    shares = dbt.ref("int_scope_shares").select(
        "sample_id, geo_level, geo_id, allocation_rule, scope, "
        f"'share_' || geo_level, share_base, 'all', {columns}"
    )
    # Tasks of which none has any of it, or all have nothing else, do not vary.
    rows = (
        figures.union(shares)
        .filter("task_count > 1 and error_low_pct is not null")
        .filter("bound_low_pct < 100 and bound_high_pct > 0")
        .pl()
    )
    measured = (
        dbt.ref("interval_calibration")
        .filter("interval_kind = 'uncertainty'")
        .select(", ".join(MEASURED) + ", inside_pct as uncertainty_coverage_pct")
        .pl()
    )
    numbers = (rows[name].to_numpy() / 100 for name in NUMBERS)
    low, high = band(*numbers, rows["effective_task_count"].to_numpy())
    samples = dbt.ref("int_samples").select("sample_id, platform").pl()
    return (
        rows.select(
            *KEYS,
            pl.Series("uncertainty_low_pct", 100 * low),
            pl.Series("uncertainty_high_pct", 100 * high),
            pl.lit(KIND).alias("uncertainty_kind"),
        )
        .join(samples, on="sample_id")
        .join(measured, on=MEASURED, how="left")
        .select(pl.exclude("platform"))
        .to_arrow()
    )
