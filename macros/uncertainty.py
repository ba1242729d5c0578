"""The band of a figure known only between bounds (module_paths of profiles.yml).

The 95% interval for a partly identified value (G. Imbens, C. Manski, Econometrica 72,
2004; J. Stoye, Econometrica 77, 2009): each bound is moved outwards by a critical value
times its error over tasks. The value falls from the two-sided to the one-sided quantile
as the bounds part, because the truth can then be near one bound only. Quantiles are
those of t at the effective tasks less one. dbt does not see a change here.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit, stdtr, stdtrit

Array = NDArray[np.float64]

COVERAGE = 0.95
KIND = "imbens_manski_95"


def critical_value(gap: Array, freedom: Array) -> Array:
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


def band(
    low: Array, high: Array, error_low: Array, error_high: Array, effective: Array
) -> tuple[Array, Array]:
    """Both ends of the band of a share; shares and errors between 0 and 1.

    Ends are moved on the logit scale, as in int_scope_intervals.
    """
    freedom = np.maximum(1, np.floor(effective - 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        gap = (high - low) / np.maximum(error_low, error_high)
        value = critical_value(np.nan_to_num(gap, posinf=np.inf), freedom)

        def moved(share: Array, error: Array, side: int) -> Array:
            ends = expit(logit(share) + side * value * error / (share * (1 - share)))
            return np.where((share > 0) & (share < 1), ends, share)

        return moved(low, error_low, -1), moved(high, error_high, 1)
