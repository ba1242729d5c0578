# grain: pair_number, figure, estimator, category
# why: would a gap, and its split, hold with other tasks of their kind?
"""Margins of the 95% intervals of a gap and of its parts, in percentage points.

One row per pair of sides, figure, estimator and category. The draws of tasks are those
of int_scope_intervals: a task is drawn as often on both sides. The margin is the
standard error of the bootstrap times the t quantile at the effective number of tasks
of the side with fewer, less one (B. Efron, R. Tibshirani, An Introduction to the
Bootstrap, 1993, chapter 12). NULL where nothing varies.
"""

# Before NumPy, whose threads it sets.
from resampling import resampled, task_draws  # isort: split

import numpy as np
import polars as pl
from decomposing import FIGURE, groups_of
from scipy.special import stdtrit

MARGINS = ["gap_margin", "composition_margin", "within_margin"]


def sums_of(tops, bases, base_of, weights, counts):
    """Resampled sums, matrices x scopes x figures x replicates, of tops and of bases.

    tops, bases: matrices of tasks x figures. The base of an estimator is the same for
    all its categories, so it is summed once: base_of numbers the bases of the figures.
    """
    first = np.unique(base_of, return_index=True)[1]
    values = np.hstack([*tops, *(base[:, first] for base in bases)])
    sums = resampled(values, weights, counts)
    ends = len(tops) * len(base_of)
    shape = len(weights), -1, counts.shape[1]
    top = sums[:, :ends].reshape(shape[0], len(tops), *shape[1:])
    base = sums[:, ends:].reshape(shape[0], len(bases), *shape[1:])[:, :, base_of]
    return top.swapaxes(0, 1), base.swapaxes(0, 1)


def by_task(new, old, base_of, weights, counts):
    """The ten sums of `parts_of`, scopes x figures x replicates; a task is a unit."""
    shared = (new[1] > 0) & (old[1] > 0)
    rates = [np.divide(n, b, out=np.zeros_like(b), where=shared) for n, b in (new, old)]
    tops = [new[0], old[0], shared * new[0], shared * old[0]]
    tops += [rates[0] * old[1], rates[1] * new[1]]
    bases = [new[1], old[1], shared * new[1], shared * old[1]]
    tops, bases = sums_of(tops, bases, base_of, weights, counts)
    sides = [side for pair in zip(tops[:4], bases, strict=True) for side in pair]
    return [*sides, *tops[4:]]


def by_use_case(of_sample, use_cases, base_of, weights, counts):
    """The sums of a sample, 2 x use cases x scopes x figures x replicates; the last are
    tasks without a use case."""
    names = sorted(set(use_cases) - {""})
    masks = [(use_cases == name)[:, None] for name in [*names, ""]]
    tops, bases = ([values * mask for mask in masks] for values in of_sample)
    return np.array(sums_of(tops, bases, base_of, weights, counts))


def of_use_cases(sums, new, old):
    """The ten sums of `parts_of` for the rows of two sides, from those of use cases."""
    (new_top, new_base), (old_top, old_base) = sums[:, :, new], sums[:, :, old]
    is_shared = (new_base[:-1].any(-1) & old_base[:-1].any(-1))[..., None]
    tops = [np.where(is_shared, v[:-1], 0) for v in (new_top, old_top)]
    bases = [np.where(is_shared, v[:-1], 0) for v in (new_base, old_base)]
    # A shared use case that a replicate does not draw leaves it without a rate.
    rates = [
        np.where(is_shared, top / base, 0)
        for top, base in zip(tops, bases, strict=True)
    ]
    whole = (new_top, new_base, old_top, old_base)
    shared = (tops[0], bases[0], tops[1], bases[1])
    crossed = (rates[0] * bases[1], rates[1] * bases[0])
    return [v.sum(0) for v in (*whole, *shared, *crossed)]


def parts_of(sums):
    """Gap, composition and within part from ten sums: numerator and base of both sides,
    of both over shared units, and rates of each times bases of the other."""
    top, base, old_top, old_base, *shared, at_old, old_at_new = sums
    gap = top / base - old_top / old_base
    new, old = shared[0] / shared[1], shared[2] / shared[3]
    at_old, old_at_new = at_old / shared[3], old_at_new / shared[1]
    composition = (old_at_new - old + new - at_old) / 2
    return np.array([gap, composition, new - old - composition])


def spread(values):
    """Standard deviation over the replicates that have a value; NaN where none has."""
    has = ~np.isnan(values)
    count = has.sum(-1)
    mean = np.where(has, values, 0).sum(-1) / count
    away = np.where(has, values - mean[..., None], 0)
    return np.sqrt((away**2).sum(-1) / count)


def group_margins(group, use_cases, draws):
    """The rows of the pairs of two samples that are compared by one kind of unit."""
    base_of = group.figures.select(pl.struct(FIGURE[:2]).rank("dense") - 1).to_series()
    counts = task_draws(group.tasks["task_id"], *draws)
    how = base_of.to_numpy(), group.weights, counts
    if group.pairs["unit_kind"][0] == "task":
        errors = spread(parts_of(by_task(group.new, group.old, *how)))[:, group.at[0]]
    else:
        of_sample = use_cases.filter(sample_id=group.pairs["sample_id"][0])
        kinds = group.tasks.join(
            of_sample, on="task_id", how="left", maintain_order="left"
        )
        kinds = kinds["main_use_case"].fill_null("").to_numpy()
        sums = by_use_case(group.new, kinds, *how)
        errors = np.stack(
            [
                spread(parts_of(of_use_cases(sums, *rows)))
                for rows in zip(*group.at, strict=True)
            ],
            axis=1,
        )
    fewer = group.fewer_tasks()
    margins = 100 * errors * stdtrit(np.maximum(1, np.floor(fewer - 1)), 0.975)
    margins = np.where(errors > 1e-12, margins, np.nan)
    values = dict(zip(MARGINS, margins, strict=True))
    return group.frame(values | {"effective_task_count": fewer})


def model(dbt, session):
    """The dbt model."""
    dbt.config(materialized="table")
    draws = (
        dbt.config.get("bootstrap_seed"),
        int(dbt.config.get("bootstrap_replicate_count")),
    )
    pairs = dbt.ref("int_comparison_pairs").order("pair_number").pl()
    rules = dbt.config.get("interval_allocation_rules") or []
    if rules:
        kept = pl.col("allocation_rule").is_in([*rules, "not_applicable"])
        pairs = pairs.filter(kept)
    ratios = (
        dbt.ref("int_task_ratios")
        .filter("label_kind = 'named' and base > 0")
        .select(
            "sample_id, task_id, figure, estimator, category, "
            "coalesce(numerator, 0) as numerator, base"
        )
        .pl()
    )
    scope_tasks = (
        dbt.ref("int_scope_tasks")
        .select("sample_id, allocation_rule, scope, task_id, weight")
        .pl()
    )
    use_cases = dbt.ref("int_task_main_use_cases").pl()
    numbers = dict.fromkeys([*MARGINS, "effective_task_count"], pl.Float64)
    schema = {"pair_number": pl.Int64} | dict.fromkeys(FIGURE, pl.String) | numbers
    with np.errstate(invalid="ignore", divide="ignore"):
        parts = [
            group_margins(group, use_cases, draws).select(list(schema))
            for group in groups_of(pairs, ratios, scope_tasks)
        ]
    return pl.concat([pl.DataFrame(schema=schema), *parts])
