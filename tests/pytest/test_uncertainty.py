"""The band around bounds: the critical value, and what theory says of the ends."""

from __future__ import annotations

import importlib.util
import math
from types import ModuleType

import numpy as np
import pytest
from conftest import PROJECT
from scipy import stats

MANY = 1e9  # degrees of freedom: the normal distribution


@pytest.fixture(scope="module")
def model() -> ModuleType:
    """The dbt model as a module."""
    path = PROJECT / "models" / "intermediate" / "int_uncertainty.py"
    spec = importlib.util.spec_from_file_location("int_uncertainty", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# gap of the bounds in errors, freedom, critical value: quantiles of tables; the third
# by hand from a table of the normal distribution: 0.9963 at 2.68 less 0.0465 at -1.68
@pytest.mark.parametrize(
    ("gap", "freedom", "expected"),
    [
        (0, MANY, 1.95996),
        (math.inf, MANY, 1.64485),
        (1, MANY, 1.6815),
        (0, 15, 2.13145),
        (math.inf, 15, 1.75305),
        (0, 1, 12.7062),
        (math.inf, 1, 6.31375),
    ],
)
def test_critical_value(
    model: ModuleType, gap: float, freedom: float, expected: float
) -> None:
    value = model.critical_value(np.array([float(gap)]), np.array([float(freedom)]))
    assert value[0] == pytest.approx(expected, abs=1e-4)


def test_the_band_by_hand(model: ModuleType) -> None:
    """Bounds of 0.5 with an error of 0.05: logit 0, slope 4, 0.2 times 1.96 each way; a
    bound at 0 or 1 stays there; bounds far apart move by 1.645 errors only."""
    low, high = model.band(
        np.array([0.5, 0.0, 0.5]),
        np.array([0.5, 1.0, 0.5 + 1e-3]),
        np.array([0.05, 0.0, 1e-5]),
        np.array([0.05, 0.0, 1e-5]),
        np.array([MANY, MANY, MANY]),
    )
    assert low == pytest.approx([1 / (1 + math.exp(0.391993)), 0, 0.5 - 1.64485e-5])
    assert high[:2] == pytest.approx([1 / (1 + math.exp(-0.391993)), 1])


def test_either_bound_is_held_in_95_percent(model: ModuleType) -> None:
    """Drawn with known errors, the band holds a truth at its lower bound, at its upper
    bound and half way as often as it says, whatever the distance."""
    rng, draws = np.random.default_rng(1), 10_000
    for gap in (0.0, 0.01, 0.03, 0.2):
        noise = rng.normal(0, 0.01, draws)
        ends = [np.full(draws, 0.4) + noise, np.full(draws, 0.4 + gap) + noise]
        errors = [np.full(draws, 0.01)] * 2
        low, high = model.band(*ends, *errors, np.full(draws, MANY))
        for truth in (0.4, 0.4 + gap, 0.4 + gap / 2):
            held = ((low <= truth) & (truth <= high)).mean()
            assert held > 0.95 - 4 * stats.binom(draws, 0.95).std() / draws
