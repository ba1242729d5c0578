# grain: sample_id, allocation_rule, scope, figure, estimator, category
# why: would a figure hold with other tasks of its kind? Resampling is a matrix product
"""Intervals of the task figures: would a figure hold with other tasks of its kind?

One row per sample, allocation rule, scope, figure, estimator and category, from the
ratios that the share is made from (int_task_ratios, int_scope_tasks). Percentile
interval of a bootstrap that draws tasks (Poisson weights) where the figure rests on
enough effective tasks; below, delete-one-task jackknife on the logit scale with a t
quantile at the effective number of tasks less one (B. Efron, R. Tibshirani, An
Introduction to the Bootstrap, 1993). Shares are in percent.
"""

# Before NumPy, whose threads it sets.
from resampling import resampled, task_draws  # isort: split

import numpy as np
import polars as pl
from scipy.special import expit, logit, stdtrit

SAMPLE = "sample_id"
SCOPE = ["allocation_rule", "scope"]
FIGURE = ["figure", "estimator", "category"]


def bootstrap(numerators, bases, weights, counts):
    """2.5% and 97.5% quantiles of the resampled shares, scopes x figures.

    numerators, bases: tasks x figures; weights: scopes x tasks; counts: tasks x
    replicates.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = resampled(numerators, weights, counts) / resampled(
            bases, weights, counts
        )
    ends = np.quantile(shares, (0.025, 0.975), axis=2)
    # A replicate may draw no task with a base: the others count.
    for at in np.argwhere(np.isnan(ends[0])):
        drawn = shares[tuple(at)][~np.isnan(shares[tuple(at)])]
        if drawn.size:
            ends[(slice(None), *at)] = np.quantile(drawn, (0.025, 0.975))
    return ends


def jackknife(numerators, bases):
    """Ends of the jackknife t interval of one scope, and effective tasks, per figure.

    numerators, bases: tasks x figures. NaN where there is no interval: a share of 0 or
    1, or a single task.
    """
    has_base = bases > 0
    tasks = has_base.sum(axis=0)
    top, bottom = numerators.sum(axis=0), bases.sum(axis=0)
    share = top / bottom
    effective = bottom**2 / (bases**2).sum(axis=0)
    rest = bottom - bases
    without = np.where(has_base & (rest != 0), (top - numerators) / rest - share, 0.0)
    error = np.sqrt((tasks - 1) / tasks * (without**2).sum(axis=0))
    half = stdtrit(np.maximum(1, np.floor(effective - 1)), 0.975) * error
    half = half / (share * (1 - share))
    ends = expit(logit(share) + np.array([-half, half]))
    shown = (share > 0) & (share < 1) & (tasks > 1)
    return np.where(shown, ends, np.nan), effective


def sample_intervals(ratios, scope_tasks, draws, minimum):
    """The rows of one sample."""
    tasks = ratios["task_id"].unique().sort()
    figures = ratios.select(FIGURE).unique().sort(FIGURE)
    scopes = scope_tasks.select(SCOPE).unique().sort(SCOPE)
    places = {"task_id": pl.DataFrame({"task_id": tasks}).with_row_index("task")}
    rows = ratios.join(places["task_id"], on="task_id").join(
        figures.with_row_index("figure_row"), on=FIGURE
    )
    at = rows["task"].to_numpy(), rows["figure_row"].to_numpy()
    numerators = np.zeros((len(tasks), len(figures)))
    bases = np.zeros_like(numerators)
    numerators[at] = rows["numerator"].fill_null(0).to_numpy()
    bases[at] = rows["base"].fill_null(0).to_numpy()
    rows = scope_tasks.join(places["task_id"], on="task_id").join(
        scopes.with_row_index("scope_row"), on=SCOPE
    )
    weights = np.zeros((len(scopes), len(tasks)))
    weights[rows["scope_row"].to_numpy(), rows["task"].to_numpy()] = rows["weight"]

    low, high = bootstrap(numerators, bases, weights, task_draws(tasks, *draws))
    enough = np.zeros(low.shape, dtype=bool)
    for scope, weight in enumerate(weights):
        rows = weight > 0
        with np.errstate(all="ignore"):
            ends, effective = jackknife(
                weight[rows, None] * numerators[rows], weight[rows, None] * bases[rows]
            )
        enough[scope] = effective >= minimum
        low[scope] = np.where(enough[scope], low[scope], ends[0])
        high[scope] = np.where(enough[scope], high[scope], ends[1])
    kinds = np.where(enough, "task_bootstrap_95", "task_jackknife_t_95")
    return (
        scopes.join(figures, how="cross", maintain_order="left_right")
        .with_columns(
            pl.Series("interval_low_pct", 100 * low.ravel()),
            pl.Series("interval_high_pct", 100 * high.ravel()),
            pl.Series("interval_kind", kinds.ravel()),
        )
        .filter(pl.col("interval_low_pct").is_not_nan())
    )


def model(dbt, session):
    """The dbt model."""
    dbt.config(materialized="table")
    seed = dbt.config.get("bootstrap_seed")
    replicates = int(dbt.config.get("bootstrap_replicate_count"))
    minimum = float(dbt.config.get("bootstrap_minimum_effective_task_count"))
    rules = dbt.config.get("interval_allocation_rules") or []
    ratios = (
        dbt.ref("int_task_ratios")
        .filter("label_kind <> 'residual'")
        .select("sample_id, task_id, figure, estimator, category, numerator, base")
        .pl()
    )
    scope_tasks = (
        dbt.ref("int_scope_tasks")
        .select("sample_id, allocation_rule, scope, task_id, weight")
        .pl()
    )
    if rules:
        kept = pl.col("allocation_rule").is_in([*rules, "not_applicable"])
        scope_tasks = scope_tasks.filter(kept)
    scopes_of = scope_tasks.partition_by(SAMPLE, as_dict=True)
    columns = [SAMPLE, *SCOPE, *FIGURE]
    parts = [
        sample_intervals(part, scopes_of[sample], (seed, replicates), minimum).select(
            pl.lit(sample[0]).alias(SAMPLE), pl.exclude(SAMPLE)
        )
        for sample, part in ratios.partition_by(SAMPLE, as_dict=True).items()
        if sample in scopes_of
    ]
    text = {name: pl.String for name in columns}
    numbers = {"interval_low_pct": pl.Float64, "interval_high_pct": pl.Float64}
    schema = text | numbers | {"interval_kind": pl.String}
    empty = pl.DataFrame(schema=schema)
    return pl.concat([empty, *(part.select(list(schema)) for part in parts)])
