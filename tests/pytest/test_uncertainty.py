"""The band around bounds: the critical value, and what theory says of the ends."""

from __future__ import annotations

import math
from types import ModuleType, SimpleNamespace

import duckdb
import numpy as np
import polars as pl
import pytest
from conftest import python_model
from decomposing import Group
from scipy import stats
from uncertainty import band, critical_value

MANY = 1e9  # degrees of freedom: the normal distribution


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
def test_critical_value(gap: float, freedom: float, expected: float) -> None:
    value = critical_value(np.array([float(gap)]), np.array([float(freedom)]))
    assert value[0] == pytest.approx(expected, abs=1e-4)


def test_the_band_by_hand() -> None:
    """Bounds of 0.5 with an error of 0.05: logit 0, slope 4, 0.2 times 1.96 each way; a
    bound at 0 or 1 stays there; bounds far apart move by 1.645 errors only."""
    low, high = band(
        np.array([0.5, 0.0, 0.5]),
        np.array([0.5, 1.0, 0.5 + 1e-3]),
        np.array([0.05, 0.0, 1e-5]),
        np.array([0.05, 0.0, 1e-5]),
        np.array([MANY, MANY, MANY]),
    )
    assert low == pytest.approx([1 / (1 + math.exp(0.391993)), 0, 0.5 - 1.64485e-5])
    assert high[:2] == pytest.approx([1 / (1 + math.exp(-0.391993)), 1])


def test_either_bound_is_held_in_95_percent() -> None:
    """Drawn with known errors, the band holds a truth at its lower bound, at its upper
    bound and half way as often as it says, whatever the distance."""
    rng, draws = np.random.default_rng(1), 10_000
    for gap in (0.0, 0.01, 0.03, 0.2):
        noise = rng.normal(0, 0.01, draws)
        ends = [np.full(draws, 0.4) + noise, np.full(draws, 0.4 + gap) + noise]
        errors = [np.full(draws, 0.01)] * 2
        low, high = band(*ends, *errors, np.full(draws, MANY))
        for truth in (0.4, 0.4 + gap, 0.4 + gap / 2):
            held = ((low <= truth) & (truth <= high)).mean()
            assert held > 0.95 - 4 * stats.binom(draws, 0.95).std() / draws


def test_tasks_that_are_alike_have_no_band() -> None:
    """An error that rounding alone makes is none; bounds that are apart, or an error,
    make a band."""
    con = duckdb.connect()
    con.execute(
        """
        create table int_scope_figures as
        select
            's' as sample_id, 'r' as allocation_rule, scope, 'f' as figure,
            'e' as estimator, 'c' as category, 20 as task_count,
            20e0 as effective_task_count, 16.6e0 as bound_low_pct,
            16.6e0 + width as bound_high_pct, error as error_low_pct,
            error as error_high_pct
        from (values ('alike', 0, 5e-8), ('hidden', 3, 5e-8), ('different', 0, 0.2))
            as scopes (scope, width, error);
        create table int_scope_shares as
        select *, '' as geo_level, '' as geo_id, '' as share_base
        from int_scope_figures where false;
        create table interval_calibration as
        select 'p' as platform, 'r' as allocation_rule, '' as scope, 'f' as figure,
            'e' as estimator, 'uncertainty' as interval_kind, 95.0 as inside_pct;
        create table int_samples as select 's' as sample_id, 'p' as platform;
        """
    )
    dbt = SimpleNamespace(config=lambda **_: None, ref=con.table)
    banded = python_model("int_uncertainty").model(dbt, con)
    assert set(banded["scope"]) == {"hidden", "different"}


@pytest.fixture(scope="module")
def gaps() -> ModuleType:
    """The dbt model of the bands of gaps as a module."""
    return python_model("comparisons/int_decomposition_uncertainty")


def side(*tasks: tuple[float, float, float]) -> np.ndarray:
    """Least, most and base of tasks, in one figure: columns x tasks x figures."""
    return np.array(tasks, dtype=float).T[..., None]


def test_the_error_of_a_gap_by_hand(gaps: ModuleType) -> None:
    """Two tasks; a share without one is that of the other.

    New: 10 of 50, 30 (to 40 with what is hidden) of 50; old: 20 of 100, 60 of 100. The
    least gap is 40/100 - 80/200 = 0, and 0 without either: the sides move alike. The
    most is .5 - .4 = .1, without the first task .8 - .6 = .2, without the second 0: an
    error of sqrt(1/2 (.1^2 + .1^2)) = .1.

    Against two other tasks of the same shares the least is 0, without a new one .6 - .4
    or .2 - .4, without an old one .4 - .6 or .4 - .2: sqrt(3/4 (4 x .2^2)).

    With weight 1/2 the first task is 5 of 25 and 10 of 50: the most is 45/75 - 70/150 =
    .13333, without the first .2, without the second 0; effective tasks 75^2 / (25^2 +
    50^2).
    """
    new = side((10, 10, 50), (30, 40, 50), (0, 0, 0), (0, 0, 0))
    old = side((20, 20, 100), (60, 60, 100), (0, 0, 0), (0, 0, 0))
    other = side((0, 0, 0), (0, 0, 0), (20, 20, 100), (60, 60, 100))

    def errors(old: np.ndarray, weights: list[list[float]], rows: list[int]) -> list:
        group = Group(
            pl.DataFrame({"pair_number": [1]}),
            pl.DataFrame(
                {"figure": ["pattern"], "estimator": ["e"], "category": ["c"]}
            ),
            pl.DataFrame({"task": [0, 1, 2, 3]}),
            new,
            old,
            np.array(weights, dtype=float),
            (np.array(rows[:1]), np.array(rows[1:])),
        )
        with np.errstate(invalid="ignore"):
            (row,) = gaps.group_errors(group).to_dicts()
        assert row["pair_number"] == 1 and row["category"] == "c"
        return [row["error_low"], row["error_high"], row["effective_task_count"]]

    both = [[1, 1, 1, 1]]
    assert errors(old, both, [0, 0]) == pytest.approx([0, 0.1, 2])
    apart = [[1, 1, 0, 0], [0, 0, 1, 1]]
    found = errors(other, apart, [0, 1])
    assert found[0] == pytest.approx(math.sqrt(3 / 4 * 0.16))
    half = errors(old, [[0.5, 1, 1, 1]], [0, 0])
    squares = (0.2 - 2 / 15) ** 2 + (2 / 15) ** 2
    assert half[:2] == pytest.approx([0, math.sqrt(squares / 2)])
    assert half[2] == pytest.approx(75**2 / (25**2 + 50**2))


def test_a_task_that_is_a_whole_side_moves_the_other_only(gaps: ModuleType) -> None:
    """Without the old side's only task nothing is known of that side: .2 less .5 stays;
    without the new side's tasks 30/50 and 10/50 less .5 move by .2."""
    new, old = side((10, 10, 50), (30, 30, 50)), side((5, 5, 10), (0, 0, 0))
    with np.errstate(invalid="ignore"):
        errors = gaps.gap_errors(new.swapaxes(1, 2), old.swapaxes(1, 2))
    assert errors[:, 0] == pytest.approx([math.sqrt(1 / 2 * 0.08)] * 2)
