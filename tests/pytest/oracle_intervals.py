"""The intervals of the marts a second time: Wilson, task bootstrap, task jackknife, and
the band around bounds."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import optimize, special

SEED = 20260115
REPLICATES = 1000
BOOTSTRAP_FROM = 40  # effective tasks
Z = special.ndtri(0.975)

Array = np.ndarray


def pct(part: float | None, whole: float) -> float | None:
    """The part in percent of the whole; nothing of nothing is not a number."""
    return 100 * float(part) / float(whole) if whole and part is not None else None


def wilson_pct(count: float, base: float) -> tuple[float, float]:
    """The shares at which the score test is just at its 95% quantile."""
    share, z2 = count / base, Z * Z / base
    low, high = sorted(np.roots([1 + z2, -2 * share - z2, share * share]).real)
    return 100 * max(low, 0.0), 100 * high


def task_draws(task_ids: Sequence[str], seed: int, replicates: int) -> Array:
    """How often each task (row) is drawn in each replicate: Poisson with mean 1.

    A task's draws rest on its id and the seed, on no other task.
    """
    keys = (
        hashlib.sha256(f"{seed}:{task}".encode()).digest()[:16] for task in task_ids
    )
    streams = (np.random.Philox(key=int.from_bytes(key, "little")) for key in keys)
    drawn = [np.random.Generator(s).poisson(1.0, replicates) for s in streams]
    return np.array(drawn, dtype=float)


def bootstrap_pct(numerators: Array, denominators: Array) -> Array:
    """The percentile interval: 2.5 and 97.5% of the replicates that have a base."""
    has_base = denominators > 0
    shares = numerators[has_base] / denominators[has_base]
    return 100 * np.percentile(shares, [2.5, 97.5])


def jackknife_t_pct(numerator: Array, denominator: Array) -> Array:
    """The interval of the delete-one-task error, on the logit scale.

    ``denominator`` is positive; the degrees of freedom are the effective tasks less 1.
    """
    base, count = denominator.sum(), len(denominator)
    share = numerator.sum() / base
    left = base - denominator > 0
    without = (numerator.sum() - numerator[left]) / (base - denominator[left])
    error = math.sqrt((count - 1) / count * ((without - share) ** 2).sum())
    freedom = max(1, math.floor(effective_tasks(denominator) - 1))
    width = special.stdtrit(freedom, 0.975) * error / (share * (1 - share))
    logit = math.log(share / (1 - share))
    return 100 / (1 + np.exp(-np.array([logit - width, logit + width])))


def effective_tasks(sizes: Array) -> float | None:
    """1 / the sum of squared shares."""
    return float(sizes.sum() ** 2 / (sizes**2).sum()) if sizes.any() else None


def task_interval(
    numerator: Array, denominator: Array, draws: Array | None
) -> dict[str, Any]:
    """The interval that stands beside a task figure; nothing where it would have no
    width, or rests on one task. ``draws``: of each task in every replicate."""
    inside = denominator > 0
    share = numerator.sum() / denominator.sum() if inside.any() else 0
    if draws is None or inside.sum() < 2 or not 1e-12 < share < 1 - 1e-12:
        return interval_columns(None, None)
    if effective_tasks(denominator) >= BOOTSTRAP_FROM:
        drawn = bootstrap_pct(numerator @ draws, denominator @ draws)
        return interval_columns(drawn, "task_bootstrap_95")
    ends = jackknife_t_pct(numerator[inside], denominator[inside])
    return interval_columns(ends, "task_jackknife_t_95")


def interval_columns(ends: Sequence[float] | None, kind: str | None) -> dict[str, Any]:
    """The three columns of an interval."""
    low, high = (None, None) if ends is None else ends
    return {"interval_low_pct": low, "interval_high_pct": high, "interval_kind": kind}


def wilson_columns(count: float | None, base: float, is_honest: bool) -> dict[str, Any]:
    """The columns of a Wilson interval, where one is honest."""
    if count is None or not is_honest:
        return interval_columns(None, None)
    return interval_columns(wilson_pct(count, base), "wilson_95")


def critical_value(gap: float, freedom: float) -> float:
    """By how many errors each bound moves out: a truth at either bound is held in 95%.

    ``gap``: how many errors the bounds are apart. Imbens and Manski (2004), equation 7,
    with t for the normal distribution.
    """

    def miss(c: float) -> float:
        # What scipy.stats calls below: a hundred times as fast without its frame.
        return special.stdtr(freedom, c + gap) - special.stdtr(freedom, -c) - 0.95

    return optimize.brentq(miss, 0.5, 20, xtol=1e-13)


def without_one_error(parts: Array, bases: Array, part: float, base: float) -> float:
    """The spread of the share when each task in turn is left out.

    ``part``, ``base``: what both sums hold besides the tasks.
    """
    top, bottom = parts.sum() + part, bases.sum() + base
    left = bottom - bases > 0
    without = (top - parts[left]) / (bottom - bases[left])
    squares = math.fsum((without - top / bottom) ** 2)
    return math.sqrt((len(bases) - 1) / len(bases) * squares)


BAND = ("uncertainty_low_pct", "uncertainty_high_pct", "uncertainty_kind")


def band_columns(
    least: Array,
    most: Array,
    bases: Array,
    effective: float | None,
    *,
    unseen: float = 0.0,
    unseen_base: float = 0.0,
) -> dict[str, Any]:
    """The columns of the band; nothing for one task, or where no task can differ.

    ``least``, ``most``: of each task, what its part can be; ``unseen``: what the parts
    can have besides, ``unseen_base``: what the base has besides the tasks;
    ``effective``: effective tasks, none for a single one.
    """
    whole = bases.sum() + unseen_base
    if effective is None or most.sum() + unseen <= 0 or least.sum() >= whole:
        return dict.fromkeys(BAND)
    low, high = least.sum() / whole, (most.sum() + unseen) / whole
    errors = [
        without_one_error(least, bases, 0.0, unseen_base),
        without_one_error(most, bases, unseen, unseen_base),
    ]
    # Of tasks that are alike rounding alone would make an error.
    if max(high - low, *errors) <= 1e-8:
        return dict.fromkeys(BAND)
    ends = band_ends((low, high), errors, effective)
    return dict(zip(BAND, (*(100 * p for p in ends), "imbens_manski_95"), strict=True))


def band_ends(
    bounds: Sequence[float], errors: Sequence[float], effective: float
) -> list[float]:
    """Both bounds, moved outwards on the logit scale; all are between 0 and 1."""
    freedom = max(1, math.floor(effective - 1))
    gap = (bounds[1] - bounds[0]) / max(errors) if max(errors) else math.inf
    value = critical_value(gap, freedom)
    return [
        1 / (1 + math.exp(-math.log(p / (1 - p)) - side * value * e / (p * (1 - p))))
        if 0 < p < 1
        else p
        for p, e, side in zip(bounds, errors, (-1, 1), strict=True)
    ]
