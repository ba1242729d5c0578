"""The comparisons a second time: gaps split, single tasks left out, SOC 25 by use case.

NumPy on the samples of `oracle`; no SQL, nothing taken from the models. Shares are
percent, gaps and their parts percentage points.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from oracle import (
    BOUNDED,
    ESTIMATORS,
    FIGURES,
    PSEUDO_TASKS,
    RESIDUAL,
    RULES,
    USE_CASES,
    Codes,
    Figures,
    Key,
    Sample,
    every_scope,
    residual_counts,
    task_ratios,
    unseen_counts,
    weights_of,
)
from oracle_intervals import Array, band_ends, effective_tasks, pct
from scipy import stats

# figure, estimator and category of a row, and each task's part in it
Row = tuple[str, str, str]


@dataclass(frozen=True)
class Part:
    """What each task of a sample adds to a figure, in the order of its nodes."""

    numerator: Array
    base: Array
    low: Array
    high: Array
    seen: Array


def rows_of(sample: Sample) -> dict[Row, Part]:
    """Every figure, estimator and named category of a sample."""
    rows = {}
    for figure, (facet, named, _) in FIGURES.items():
        if (f"onet_task::{facet}", 0) not in sample.world:
            continue
        ratios = list(task_ratios(sample, figure))
        counts = {c: n for estimator, c, n, _ in ratios if estimator == "all"}
        unseen = unseen_counts(sample, figure)
        for own, category, numerator, base in ratios:
            name = ESTIMATORS[figure].get(own)
            if name is not None and category in named:
                count = counts[category]
                rows[figure, name, category] = Part(
                    numerator,
                    base,
                    count,
                    count + unseen[category],
                    count,
                )
    return rows


def main_use_cases(sample: Sample) -> list[str | None]:
    """The use case of most of a task's conversations; of equal ones the first."""

    def main(cells: Mapping[str, float]) -> str | None:
        named = {c: cells[c] for c in sorted(USE_CASES) if cells.get(c)}
        return max(named, key=named.__getitem__, default=None)

    cells = sample.cells("use_case")
    return [main(cells.get(task, {})) for task in sample.nodes]


# Gaps ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Side:
    """A sample under the weights of a rule and scope, with the unit of each task: a
    number that both sides of a pair give to the same, -1 for none."""

    sample: Sample
    weights: Array
    units: Array

    def summed(self, values: Array, units: Array) -> Array:
        """Weighted sums of some units."""
        inside = self.units >= 0
        sums = np.bincount(self.units[inside], (self.weights * values)[inside])
        return sums[units]

    def units_with(self, base: Array) -> Array:
        """The units in which a task weighs."""
        return np.unique(self.units[(self.weights * base > 0) & (self.units >= 0)])


def numbered(*sides: Sequence[str | None]) -> list[Array]:
    """The units of tasks as numbers, over all sides."""
    names = {name: at for at, name in enumerate({n for s in sides for n in s if n})}
    return [np.array([names.get(n or "", -1) for n in side]) for side in sides]


def shared_units(new: Side, old: Side, part: Part, old_part: Part) -> Array:
    """The units in which a task of either side weighs."""
    return np.intersect1d(new.units_with(part.base), old.units_with(old_part.base))


def extremes(coefficients: Array, low: Array, high: Array) -> Array:
    """Least and most of a weighted sum of values in their ranges."""
    ends = np.array([coefficients * low, coefficients * high])
    return np.array([ends.min(axis=0).sum(), ends.max(axis=0).sum()])


def split(new: Side, old: Side, part: Part, old_part: Part, bounded: bool) -> Figures:
    """The gap of one figure between two sides, and its parts (Kitagawa 1955)."""
    sides = ((new, part), (old, old_part))
    units = shared_units(new, old, part, old_part)
    share, old_share = (
        100 * (s.weights @ p.numerator) / (s.weights @ p.base)
        if (s.weights @ p.seen) > 0
        else None
        for s, p in sides
    )
    inside = [np.isin(s.units, units) & (p.base > 0) for s, p in sides]
    shared = [
        100 * (s.weights * at) @ s.sample.sizes / (s.weights @ s.sample.sizes)
        for (s, _), at in zip(sides, inside, strict=True)
    ]
    found: dict[str, Any] = {
        "share_pct": share,
        "baseline_share_pct": old_share,
        "shared_unit_count": 0,
        "shared_task_count": 0,
        "shared_conversations_pct": 0.0,
        "baseline_shared_conversations_pct": 0.0,
    }
    if share is None or old_share is None:
        return found
    found["gap_pct_points"] = share - old_share
    if bounded:
        low, high, old_low, old_high = (
            100 * (s.weights @ values) / (s.weights @ s.sample.sizes)
            for s, p in sides
            for values in (p.low, p.high)
        )
        found |= {"gap_bound_low": low - old_high, "gap_bound_high": high - old_low}
    if not len(units):
        return found
    base, old_base = (s.summed(p.base, units) for s, p in sides)
    rate, old_rate = (
        100 * s.summed(p.numerator * (p.base > 0), units) / b
        for (s, p), b in zip(sides, (base, old_base), strict=True)
    )
    p, q = base / base.sum(), old_base / old_base.sum()
    found |= {
        "shared_unit_count": len(units),
        "shared_task_count": int((inside[0] & (new.weights > 0)).sum()),
        "shared_conversations_pct": shared[0],
        "baseline_shared_conversations_pct": shared[1],
        "shared_pct": p @ rate,
        "baseline_shared_pct": q @ old_rate,
        "at_baseline_weights_pct": q @ rate,
        "baseline_at_weights_pct": p @ old_rate,
        "oaxaca_blinder_composition_at_baseline_rates": (p - q) @ old_rate,
        "oaxaca_blinder_within_at_own_weights": p @ (rate - old_rate),
        "oaxaca_blinder_composition_at_own_rates": (p - q) @ rate,
        "oaxaca_blinder_within_at_baseline_weights": q @ (rate - old_rate),
        "kitagawa_composition": (p - q) @ (rate + old_rate) / 2,
        "kitagawa_within": (p + q) @ (rate - old_rate) / 2,
        "own_tasks_only": share - p @ rate,
        "baseline_tasks_only": q @ old_rate - old_share,
    }
    if bounded:
        ranges = [
            [100 * s.summed(v, units) / b for v in (side.low, side.high)]
            for (s, side), b in zip(sides, (base, old_base), strict=True)
        ]
        composition = sum(extremes((p - q) / 2, *ends) for ends in ranges)
        within = extremes((p + q) / 2, *ranges[0]) + extremes(-(p + q) / 2, *ranges[1])
        for name, ends in (("composition", composition), ("within", within)):
            found |= {f"{name}_bound_low": ends[0], f"{name}_bound_high": ends[1]}
    return found


def margins(
    new: Side, old: Side, part: Part, old_part: Part, drawn: Mapping[str, Array]
) -> dict[str, float]:
    """Half the widths of the intervals of the gap and its parts: each task is drawn as
    often on both sides. ``drawn``: how often, by task."""
    units = shared_units(new, old, part, old_part)
    shares, bases, rates, effective = [], [], [], []
    for side, values in ((new, part), (old, old_part)):
        at = side.weights > 0
        nodes = zip(side.sample.nodes, at, strict=True)
        counts = np.array([drawn[task] for task, is_inside in nodes if is_inside])
        top = (side.weights * values.numerator)[at]
        base = (side.weights * values.base)[at]
        effective.append(effective_tasks(base))
        shares.append((top @ counts) / (base @ counts))
        in_unit = side.units[at] == units[:, None]
        bases.append((in_unit * base) @ counts)
        with np.errstate(invalid="ignore"):
            rates.append(((in_unit * top * (base > 0)) @ counts) / bases[-1])
    p, q = (b / b.sum(axis=0) for b in bases)
    if new.sample is not old.sample:
        # a task that is not drawn has no weight, and the rate it always has
        rates = [np.where(b > 0, r, 0.0) for b, r in zip(bases, rates, strict=True)]
    composition = ((p - q) * (rates[0] + rates[1]) / 2).sum(axis=0)
    within = ((p + q) * (rates[0] - rates[1]) / 2).sum(axis=0)
    freedom = max(1, np.floor(min(effective) - 1))
    quantile = stats.t.ppf(0.975, freedom)
    return {
        name: 100 * quantile * float(np.nanstd(values))
        for name, values in (
            ("gap", shares[0] - shares[1]),
            ("composition", composition),
            ("within", within),
        )
    }


def gap_band(new: Side, old: Side, part: Part, old_part: Part) -> tuple[float, ...]:
    """The band of a gap, in points: the gap is computed anew without each task."""
    sides = ((new, part), (old, old_part))
    names = [np.array(list(side.sample.nodes)) for side, _ in sides]
    weighs = [side.weights * values.base > 0 for side, values in sides]
    tasks = sorted({*names[0][weighs[0]], *names[1][weighs[1]]})

    def gaps(without: str | None) -> list[float]:
        """The least and the most that the gap can be."""
        ends = []
        for (side, values), own in zip(sides, names, strict=True):
            weights = side.weights * (own != without)
            base = weights @ values.base
            ends.append([weights @ v / base for v in (values.low, values.high)])
        (low, high), (old_low, old_high) = ends
        return [low - old_high, high - old_low]

    bounds = np.array(gaps(None))
    moved = np.array([gaps(task) for task in tasks]) - bounds
    errors = np.sqrt((len(tasks) - 1) / len(tasks) * (moved**2).sum(axis=0))
    fewer = min(effective_tasks(s.weights * p.base) or 0 for s, p in sides)
    low, high = band_ends((bounds + 1) / 2, errors / 2, fewer)
    return 200 * low - 100, 200 * high - 100


def scopes_of(samples: Sequence[Sample]) -> dict[Key, Array]:
    """The weights of every sample, rule and scope."""
    return {key: weights for key, _, weights in every_scope(samples)}


def pair_figures(
    new: Side, old: Side, rows: dict[Row, Part], old_rows: dict[Row, Part]
) -> Iterator[tuple[Row, dict[str, Any]]]:
    """Every figure that both sides have."""
    for row in rows.keys() & old_rows.keys():
        is_bounded = row[1] == BOUNDED
        yield row, split(new, old, rows[row], old_rows[row], is_bounded)


def same_scope_figures(
    new: Sample, old: Sample, scopes: Mapping[Key, Array]
) -> Figures:
    """Two samples of one task list, task by task, in every rule and scope of both."""
    rows = [rows_of(sample) for sample in (new, old)]
    units = numbered(list(new.nodes), list(old.nodes))
    figures: Figures = {}
    for (*key, rule, scope), weights in scopes.items():
        other = scopes.get((*old.key, rule, scope))
        if tuple(key) == new.key and other is not None:
            sides = Side(new, weights, units[0]), Side(old, other, units[1])
            for row, found in pair_figures(*sides, *rows):
                figures[(*new.key, rule, scope, *row)] = found
    return figures


def two_scope_figures(
    sample: Sample, scope: str, baseline: str, scopes: Mapping[Key, Array]
) -> Figures:
    """Two scopes of a sample, by the main use case of their tasks."""
    rows, (units,) = rows_of(sample), numbered(main_use_cases(sample))
    figures: Figures = {}
    for (*key, rule, name), weights in scopes.items():
        others = (
            scopes.get((*sample.key, other, baseline))
            for other in (rule, "not_applicable")
        )
        other = next((found for found in others if found is not None), None)
        if (*key, name) == (*sample.key, scope) and other is not None:
            sides = Side(sample, weights, units), Side(sample, other, units)
            for row, found in pair_figures(*sides, rows, rows):
                figures[(*sample.key, rule, *row)] = found
    return figures


# One task left out --------------------------------------------------------------------


def leave_out_figures(samples: Sequence[Sample], ids: Codes, largest: int) -> Figures:
    """Every figure without each of the largest tasks, and the range over any one."""
    figures: Figures = {}
    rows = {sample.key: rows_of(sample) for sample in samples}
    for key, sample, weights in every_scope(samples):
        tasks = list(sample.nodes)
        sizes = weights * sample.sizes
        left_out = [
            at
            for at, t in enumerate(tasks)
            if weights[at] > 0 and t not in PSEUDO_TASKS
        ]
        left_out.sort(key=lambda at: (-sizes[at], ids[tasks[at]]))
        ranked = left_out[:largest]
        rest = np.tile(weights, (len(ranked), 1))
        rest[np.arange(len(ranked)), ranked] = 0
        size = rest @ sample.sizes
        for row, part in rows[sample.key].items():
            parts = (weights * v for v in (part.numerator, part.base, part.seen))
            top, base, seen = (v.sum() - v[left_out] for v in parts)
            is_known = (base > 1e-9 * sizes.sum()) & (seen > 1e-9)
            known = 100 * top[is_known] / base[is_known]
            ends = (known.min(), known.max()) if known.size else (None, None)
            sums = (part.numerator, part.base, part.seen, part.low, part.high)
            for rank, (at, *of_rest) in enumerate(
                zip(ranked, size, *(rest @ v for v in sums), strict=True), start=1
            ):
                whole, numerator, base, seen, low, high = map(float, of_rest)
                is_bounded = row[1] == BOUNDED
                figures[(*key, *row, rank)] = {
                    "task_key": tasks[at],
                    "task_share_pct": 100 * sizes[at] / sizes.sum(),
                    "share_without_pct": pct(numerator if seen else None, base),
                    "any_omission_low_pct": ends[0],
                    "any_omission_high_pct": ends[1],
                    "bound_low_pct": pct(low if is_bounded else None, whole),
                    "bound_high_pct": pct(high if is_bounded else None, whole),
                }
    return figures


# SOC 25 by use case -------------------------------------------------------------------


def use_case_figures(samples: Sequence[Sample]) -> Figures:
    """Conversations of each use case inside SOC 25, outside, and unseen."""
    figures: Figures = {}
    for sample in samples:
        if ("onet_task::use_case", 0) not in sample.world:
            continue
        cells, unseen = sample.cells("use_case"), unseen_counts(sample, "use_case")
        is_unseen = np.array([task == RESIDUAL for task in sample.nodes])
        for rule in RULES:
            inside = weights_of(sample, sample.nodes, rule, "education")
            groups = {
                "education": inside,
                "outside": (1 - inside) * ~is_unseen,
                "unseen": 1.0 * is_unseen,
            }
            for use_case in (*USE_CASES, "none"):
                count = np.array(
                    [cells.get(t, {}).get(use_case, 0.0) for t in sample.nodes]
                )
                low = {g: float(w @ count) for g, w in groups.items()}
                high = {
                    g: low[g] + float(w @ unseen[use_case]) for g, w in groups.items()
                }
                for group in ("education", "outside"):
                    (other,) = {"education", "outside"} - {group}
                    widest = high[group] + high["unseen"]
                    is_known = low[group] > 0 and low[other] > 0
                    figures[(*sample.key, rule, group, use_case)] = {
                        "conversation_count": low[group] or None,
                        "bound_high_count": high[group],
                        "group_conversation_count": float(groups[group] @ sample.sizes),
                        "share_of_use_case_pct": pct(low[group], sum(low.values()))
                        if is_known
                        else None,
                        "share_of_use_case_bound_low_pct": pct(
                            low[group], low[group] + high[other] + high["unseen"]
                        ),
                        "share_of_use_case_bound_high_pct": pct(
                            widest, widest + low[other]
                        ),
                    }
            residual = residual_counts(sample, "use_case")
            silent = np.array([t not in cells for t in sample.nodes])
            hidden = np.where(silent, sample.sizes, residual)
            for group, weights in groups.items():
                figures[(*sample.key, rule, group, RESIDUAL)] = {
                    "conversation_count": float(weights @ hidden) or None
                }
    return figures
