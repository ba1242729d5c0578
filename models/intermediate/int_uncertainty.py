# grain: sample_id, geo_level, geo_id, allocation_rule, scope, figure, estimator,
#        category
# why: one band for what suppression leaves open and for what other tasks would give
"""The bands of task figures and shares, in percent (macros/uncertainty.py).

Errors are those of the delete-one-task jackknife.
"""

import polars as pl
from uncertainty import KIND, band

KEYS = ["sample_id", "geo_level", "geo_id", "allocation_rule", "scope", "figure"]
KEYS += ["estimator", "category"]
MEASURED = ["platform", "allocation_rule", "scope", "figure", "estimator"]
WIDTHS = "error_low_pct, error_high_pct, bound_high_pct - bound_low_pct"
NOTHING_PCT = 1e-6
NUMBERS = ["bound_low_pct", "bound_high_pct", "error_low_pct", "error_high_pct"]


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
    # Tasks of which none has any of it, or all have nothing else, do not vary; nor do
    # those that are alike, of which rounding alone would make an error.
    rows = (
        figures.union(shares)
        .filter("task_count > 1 and error_low_pct is not null")
        .filter("bound_low_pct < 100 and bound_high_pct > 0")
        .filter(f"greatest({WIDTHS}) > {NOTHING_PCT}")
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
    )
