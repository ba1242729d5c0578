# grain: pair_number, figure, estimator, category
# why: one band for what suppression leaves open of a gap and for what other tasks
#      would give
"""The band of a gap between two sides, in percentage points.

The error at each bound is that of the delete-one-task jackknife: a task is left out on
both sides at once. A gap lies between all less and all more; its place between the two
is moved as a share is (macros/uncertainty.py). A gap has a band where both its sides
have one. Its parts have none: they are of the units that both sides show, and which
these are is not in their bounds.
"""

import numpy as np
import polars as pl
from decomposing import FIGURE, SIDE, groups_of
from uncertainty import KIND, band

BOUNDS = ["gap_bound_low", "gap_bound_high"]
# What is left of a base without a task is nothing where it is so small (macro rest_of).
NOTHING = 1e-7


def moved(top, base):
    """What a share moves without each task, figures x tasks; 0 without a rest."""
    whole = base.sum(axis=-1, keepdims=True)
    share = top.sum(axis=-1, keepdims=True) / whole
    rest = whole - base
    return np.where(rest > NOTHING * whole, (share * base - top) / rest, 0)


def gap_errors(new, old):
    """Errors of a gap at its lower and its upper bound, 2 x figures, from 0 to 1.

    new, old: least and most of the numerator and the base of a side, figures x tasks.
    """
    (least, most, base), (old_least, old_most, old_base) = new, old
    gap = [
        moved(least, base) - moved(old_most, old_base),
        moved(most, base) - moved(old_least, old_base),
    ]
    count = ((base > 0) | (old_base > 0)).sum(axis=-1)
    return np.sqrt((count - 1) / count * np.square(gap).sum(axis=-1))


def group_errors(group):
    """The rows of the pairs of two samples that are compared by one kind of unit."""
    new, old = (
        np.ascontiguousarray(values.swapaxes(1, 2)) for values in (group.new, group.old)
    )
    errors = []
    for at in zip(*group.at, strict=True):
        weights = group.weights[list(at)]
        inside = weights.any(axis=0)
        sides = zip(weights[:, inside], (new, old), strict=True)
        errors.append(gap_errors(*(w * values[..., inside] for w, values in sides)))
    low, high = np.array(errors).swapaxes(0, 1)
    fewer = group.fewer_tasks()
    return group.frame(
        {"error_low": low, "error_high": high, "effective_task_count": fewer}
    )


def banded_gaps(dbt, pairs):
    """The bounds of gaps of which both sides have a band, with their pair."""
    figure = ", ".join(FIGURE)
    side = ["sample_id", *SIDE]
    of_sides = (
        dbt.ref("int_uncertainty")
        .filter("geo_level = 'global'")
        .select(f"{', '.join(side)}, {figure}")
        .pl()
    )
    gaps = dbt.ref("int_decompositions")
    return (
        gaps.select(f"pair_number, {figure}, {', '.join(BOUNDS)}")
        .pl()
        .join(pairs, on="pair_number")
        .join(of_sides, on=[*side, *FIGURE], how="semi")
        .join(
            of_sides,
            left_on=[*(f"baseline_{name}" for name in side), *FIGURE],
            right_on=[*side, *FIGURE],
            how="semi",
        )
    )


def with_coverage(dbt, gaps):
    """The gaps with how often such bands held the truth in simulated releases."""
    measured = (
        dbt.ref("interval_calibration")
        .filter("interval_kind = 'uncertainty' and figure like '%_gap'")
        .select(
            "mart, platform, allocation_rule, scope as compared, estimator, "
            "replace(figure, '_gap', '') as figure, "
            "inside_pct as uncertainty_coverage_pct"
        )
        .pl()
    )
    samples = dbt.ref("int_samples").select("sample_id, platform").pl()
    is_platform = pl.col("comparison_kind") == "platform"
    return (
        gaps.join(samples, on="sample_id")
        .with_columns(
            mart=pl.when(is_platform)
            .then(pl.lit("fct_platform_decomposition"))
            .otherwise(pl.lit("fct_scope_decomposition")),
            compared=pl.when(is_platform).then("scope").otherwise("comparison"),
        )
        .join(measured, on=measured.columns[:-1], how="left")
    )


def model(dbt, session):
    """The dbt model."""
    dbt.config(materialized="table")
    pairs = dbt.ref("int_comparison_pairs").order("pair_number").pl()
    gaps = banded_gaps(dbt, pairs)
    ratios = (
        dbt.ref("int_task_ratios")
        .filter("label_kind = 'named' and base > 0 and numerator_low is not null")
        .select(
            "sample_id, task_id, figure, estimator, category, "
            "numerator_low, numerator_high, base"
        )
        .pl()
    )
    scope_tasks = (
        dbt.ref("int_scope_tasks")
        .select("sample_id, allocation_rule, scope, task_id, weight")
        .pl()
    )
    kept = pairs.join(gaps, on="pair_number", how="semi", maintain_order="left")
    numbers = ["error_low", "error_high", "effective_task_count"]
    schema = {"pair_number": pl.Int64} | dict.fromkeys(FIGURE, pl.String)
    schema |= dict.fromkeys(numbers, pl.Float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        parts = [
            group_errors(group).select(list(schema))
            for group in groups_of(kept, ratios, scope_tasks)
        ]
    errors = pl.concat([pl.DataFrame(schema=schema), *parts])
    # Two sides that are the same, or move alike, have a gap that does not vary.
    rows = gaps.join(errors, on=["pair_number", *FIGURE]).filter(
        pl.max_horizontal("error_low", "error_high") > 1e-12
    )
    bounds = ((1 + rows[name].to_numpy() / 100) / 2 for name in BOUNDS)
    sides = (rows[name].to_numpy() / 2 for name in numbers[:2])
    low, high = band(*bounds, *sides, rows["effective_task_count"].to_numpy())
    return with_coverage(
        dbt,
        rows.with_columns(
            pl.Series("gap_uncertainty_low", 100 * (2 * low - 1)),
            pl.Series("gap_uncertainty_high", 100 * (2 * high - 1)),
        ),
    ).select(
        "pair_number",
        *FIGURE,
        "gap_uncertainty_low",
        "gap_uncertainty_high",
        pl.lit(KIND).alias("uncertainty_kind"),
        "uncertainty_coverage_pct",
    )
