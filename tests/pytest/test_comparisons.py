"""Gaps and their parts, tasks left out, SOC 25 by use case: a second computation.

On the shipped release, and on the real files where they are.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import oracle
import pytest
from conftest import PROJECT, SHIPPED_DATA, Build, manifest_rows, read_rows
from oracle_comparisons import (
    Side,
    gap_band,
    leave_out_figures,
    main_use_cases,
    margins,
    numbered,
    rows_of,
    same_scope_figures,
    scopes_of,
    two_scope_figures,
    use_case_figures,
)
from oracle_intervals import REPLICATES, SEED, Array, task_draws
from oracle_marts import compared, is_same, says_why_not

COMPARISONS = read_rows(PROJECT / "seeds" / "reference" / "comparisons.csv")
LARGEST = 5
FIGURE = "figure, estimator, category"


class Reading:
    """A warehouse, and the releases of family B behind it as the oracle reads them."""

    def __init__(self, build: Build, samples: list[oracle.Sample]) -> None:
        self.build = build
        self.samples = {sample.key: sample for sample in samples if sample.nodes}
        self.scopes = scopes_of(list(self.samples.values()))
        self.ids = dict(
            build.query(
                "select task_key, task_id from marts.dim_tasks semi join "
                "(from marts.dim_releases where schema_family = 'B' and is_loaded) "
                "using (taxonomy_version)"
            )
        )

    @cached_property
    def drawn(self) -> dict[str, Array]:
        """How often each replicate draws a task."""
        drawn = task_draws(list(self.ids.values()), SEED, REPLICATES)
        return dict(zip(self.ids, drawn, strict=True))

    def rows(self, mart: str, keys: str, where: str = "true") -> dict[Any, Any]:
        """The figures of a mart that the samples explain, by their key."""
        found = {
            tuple(row[key] for key in keys.split(", ")): row
            for row in self.build.records(f"select * from marts.{mart} where {where}")
            if not says_why_not(row)
        }
        releases = {release for release, _ in self.samples}
        return {
            key: row
            for key, row in found.items()
            if {row["release_id"], row.get("baseline_release_id", key[0])} <= releases
        }


@pytest.fixture(scope="module", params=["shipped", "real"])
def reading(request: pytest.FixtureRequest) -> Reading:
    """The shipped release, or the real ones."""
    is_shipped = request.param == "shipped"
    build = request.getfixturevalue(f"{request.param}_warehouse")
    data = SHIPPED_DATA if is_shipped else request.getfixturevalue("real_data_dir")
    rows = [r for r in manifest_rows() if (r["is_simulated"] == "true") == is_shipped]
    return Reading(build, oracle.read_samples(data, rows))


PLATFORM_NAMES = {
    "share_pct": "api_pct",
    "baseline_share_pct": "claude_ai_pct",
    "shared_pct": "api_shared_pct",
    "baseline_shared_pct": "claude_ai_shared_pct",
    "at_baseline_weights_pct": "api_at_claude_ai_weights_pct",
    "baseline_at_weights_pct": "claude_ai_at_api_weights_pct",
    "own_tasks_only": "api_tasks_only",
    "baseline_tasks_only": "claude_ai_tasks_only",
    "shared_conversations_pct": "api_shared_conversations_pct",
    "baseline_shared_conversations_pct": "claude_ai_shared_conversations_pct",
    "oaxaca_blinder_composition_at_baseline_rates": (
        "oaxaca_blinder_composition_at_claude_ai_rates"
    ),
    "oaxaca_blinder_within_at_own_weights": "oaxaca_blinder_within_at_api_weights",
    "oaxaca_blinder_composition_at_own_rates": (
        "oaxaca_blinder_composition_at_api_rates"
    ),
    "oaxaca_blinder_within_at_baseline_weights": (
        "oaxaca_blinder_within_at_claude_ai_weights"
    ),
}


def test_platform_gaps_are_split_as_by_hand(reading: Reading) -> None:
    own: dict[Any, Any] = {}
    for (release, platform), api in reading.samples.items():
        chat = reading.samples.get((release, "claude_ai"))
        if platform == "1p_api" and chat is not None:
            for key, found in same_scope_figures(api, chat, reading.scopes).items():
                found.pop("shared_unit_count")
                renamed = {PLATFORM_NAMES.get(n, n): v for n, v in found.items()}
                own[(release, *key[2:])] = renamed
    keys = f"release_id, allocation_rule, scope, {FIGURE}"
    shown = reading.rows("fct_platform_decomposition", keys)
    assert len(own) > 300
    assert compared(own, shown) == []


def test_release_gaps_are_split_as_by_hand(reading: Reading) -> None:
    own: dict[Any, Any] = {}
    for platform in ("claude_ai", "1p_api"):
        dated = sorted(r for r, p in reading.samples if p == platform)
        for old, new in zip(dated, dated[1:], strict=False):
            pair = reading.samples[new, platform], reading.samples[old, platform]
            figures = same_scope_figures(*pair, reading.scopes)
            own |= {k: v for k, v in figures.items() if k[3] != oracle.BOTH_PLATFORMS}
    keys = f"release_id, platform, allocation_rule, scope, {FIGURE}"
    shown = reading.rows("fct_scope_decomposition", keys, "comparison_kind = 'release'")
    assert compared(own, shown) == []


def test_scope_gaps_are_split_as_by_hand(reading: Reading) -> None:
    own: dict[Any, Any] = {}
    for row in COMPARISONS:
        if row["comparison_kind"] != "scope":
            continue
        for sample in reading.samples.values():
            pair = row["scope"], row["baseline_scope"]
            figures = two_scope_figures(sample, *pair, reading.scopes)
            own |= {(row["comparison"], *key): v for key, v in figures.items()}
    keys = f"comparison, release_id, platform, allocation_rule, {FIGURE}"
    shown = reading.rows("fct_scope_decomposition", keys, "comparison_kind = 'scope'")
    assert len(own) > 300
    assert compared(own, shown) == []


PARTS = {
    "gap": "gap_pct_points",
    "composition": "kitagawa_composition",
    "within": "kitagawa_within",
}


@pytest.mark.parametrize("kind", ["platform", "scope"])
def test_intervals_and_bands_are_those_of_tasks_drawn_and_left_out(
    kind: str, reading: Reading
) -> None:
    """Of education under one rule: tasks are few there, and all_named holds many."""
    mart = f"fct_{kind}_decomposition"
    where = "scope = 'education' and allocation_rule = 'lowest_code' and status in "
    where += "('visible', 'no_use_cases') and interval_kind is not null"
    if kind == "scope":
        where += " and comparison = 'education_all_named'"
    platform = "release_id" if kind == "platform" else "platform"
    shown = reading.rows(mart, f"release_id, {platform}, {FIGURE}", where)
    banded = 0
    for (release, platform, *row), found in shown.items():
        name = "1p_api" if kind == "platform" else platform
        new = reading.samples[release, name]
        old = reading.samples[release, "claude_ai"] if kind == "platform" else new
        rule, baseline = "lowest_code", "education"
        if kind == "scope":
            rule, baseline = "not_applicable", "all_named"
        weights = reading.scopes[(*new.key, "lowest_code", "education")]
        old_weights = reading.scopes[(*old.key, rule, baseline)]
        units = numbered(*(list(side.nodes) for side in (new, old)))
        if kind == "scope":
            units = 2 * numbered(main_use_cases(new))
        sides = Side(new, weights, units[0]), Side(old, old_weights, units[1])
        parts = rows_of(new)[tuple(row)], rows_of(old)[tuple(row)]
        own = margins(*sides, *parts, reading.drawn)
        if found["uncertainty_kind"] is not None:
            ends = gap_band(*sides, *parts)
            assert is_same(found["gap_uncertainty_low"], ends[0]), (release, row)
            assert is_same(found["gap_uncertainty_high"], ends[1]), (release, row)
            banded += 1
        for part, value in PARTS.items():
            if found[value] is not None:
                half = found[f"{part}_interval_high"] - found[value]
                assert is_same(half, own[part]), (release, platform, row, part)
    assert len(shown) > 10 and banded > 5


def test_figures_without_a_task_are_those_of_the_others(reading: Reading) -> None:
    samples = list(reading.samples.values())
    own = leave_out_figures(samples, reading.ids, LARGEST)
    keys = f"release_id, platform, allocation_rule, scope, {FIGURE}, task_rank"
    shown = reading.rows("fct_leave_one_task_out", keys)
    assert len(own) > 1000
    assert compared(own, shown) == []


def test_use_cases_lie_inside_soc_25_or_outside(reading: Reading) -> None:
    own = use_case_figures(list(reading.samples.values()))
    keys = "release_id, platform, allocation_rule, task_group, use_case"
    shown = reading.rows("fct_education_by_use_case", keys)
    own_keys = {key for key in shown if key[3] != "unseen" or key in own}
    assert compared(own, {key: shown[key] for key in own_keys}) == []
