"""The bootstrap over tasks, for the models in Python (module_paths of profiles.yml).

dbt does not see a change here: after one, build what is resampled anew.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from functools import cache

# One thread for a matrix product, as for a query (profiles.yml): these are small, and
# threads that wait for each other took half the time. Read when NumPy is imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np  # noqa: E402
from numpy.typing import NDArray  # noqa: E402

Array = NDArray[np.float64]


@cache
def _drawn(task_id: str, seed: int, replicates: int) -> NDArray[np.uint8]:
    key = hashlib.sha256(f"{seed}:{task_id}".encode()).digest()[:16]
    bits = np.random.Philox(key=int.from_bytes(key, "little"))
    drawn = np.random.Generator(bits).poisson(1.0, replicates)
    return drawn.astype(np.uint8)


def task_draws(task_ids: Iterable[str], seed: int, replicates: int) -> Array:
    """Poisson(1) counts, tasks x replicates, each task's from itself and the seed.

    They do not depend on which other tasks are loaded.
    """
    return np.array([_drawn(task, seed, replicates) for task in task_ids], dtype=float)


def summable(values: Array, most: float) -> Array:
    """The values rounded so that sums of whole multiples of them are exact.

    A matrix product adds in an order of the processor's and of its threads, and each
    order rounds otherwise. Columns are rounded to within 2^-53 of the greatest sum, in
    which each value is taken up to `most` times.
    """
    exponent = 52 - np.frexp(np.abs(values).sum(axis=0) * most)[1]
    return np.ldexp(np.rint(np.ldexp(values, exponent)), -exponent)


def resampled(values: Array, weights: Array, counts: Array) -> Array:
    """Weighted sums in every replicate, scopes x columns x replicates.

    values: tasks x columns; weights: scopes x tasks; counts: tasks x replicates. Tasks
    of one weight in every scope are summed once, as a stratum.
    """
    order = np.lexsort(weights[::-1])
    is_first = np.diff(weights[:, order], axis=1, prepend=np.nan).any(axis=0)
    strata = weights[:, order[is_first]]
    members = np.split(order, np.flatnonzero(is_first)[1:])
    values = summable(values, counts.max(initial=0))
    sums = [values[tasks].T @ counts[tasks] for tasks in members]
    found = np.zeros((len(weights), values.shape[1], counts.shape[1]))
    for scope, stratum in np.argwhere(strata):
        found[scope] += strata[scope, stratum] * sums[stratum]
    return found
