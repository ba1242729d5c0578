"""What a sample lacks is a row with the reason, in every mart of task figures.

A second reading of what a release publishes (fct_cell_coverage) and of what a copy
holds (rows of the files), on the shipped releases and, where they are, the real files.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import product
from typing import Any

import pytest
from conftest import PROJECT, Build, read_rows
from oracle import RULES
from oracle_marts import says_why_not

SEEDS = PROJECT / "seeds" / "reference"
SCOPES = read_rows(SEEDS / "scopes.csv")
SAMPLE = ("release_id", "platform", "window_start_date")
# The marts of one figure each, with the facet and the column of its labels.
FIGURES = {
    "fct_interaction_patterns": ("pattern", "collaboration", "pattern"),
    "fct_task_success": ("success", "task_success", None),
    "fct_use_case_shares": ("use_case", "use_case", "use_case"),
}
# The marts of comparisons, with how the columns begin that say something of a figure.
COMPARED = {
    "fct_platform_decomposition": ("shared_task_count", "gap_", "kitagawa_"),
    "fct_scope_decomposition": ("shared_task_count", "gap_", "kitagawa_"),
    "fct_leave_one_task_out": ("task_count", "share_", "bound_", "any_omission_"),
    "fct_specification_grid": ("value", "baseline_value", "difference"),
}
Key = tuple[Any, ...]


@pytest.fixture(scope="module", params=["shipped", "real"])
def build(request: pytest.FixtureRequest) -> Build:
    """The warehouse of the shipped releases, or of the real ones."""
    built: Build = request.getfixturevalue(f"{request.param}_warehouse")
    return built


def sample_of(row: dict[str, Any]) -> Key:
    """The sample that a row is of."""
    return tuple(row[name] for name in SAMPLE)


def coverage(build: Build) -> dict[Key, dict[str, str]]:
    """Whether this copy has each global facet that a sample has or should have."""
    found: dict[Key, dict[str, str]] = defaultdict(dict)
    for row in build.records("from marts.fct_cell_coverage where geo_level = 'global'"):
        found[sample_of(row)][row["facet"]] = "not_in_copy"
    for row in build.records(
        "select distinct release_id, platform, window_start_date, facet "
        "from intermediate.int_facet_values "
        "inner join intermediate.int_samples using (sample_id) "
        "where geo_level = 'global'"
    ):
        found[sample_of(row)][row["facet"]] = "in_copy"
    return found


def scopes_asked(samples: list[Key], sample: Key, facets: dict[str, str]) -> set[Key]:
    """The rules and scopes that a sample is asked for."""
    if "onet_task" not in facets:
        return {("published", "education"), ("not_applicable", "all_with_pseudo")}
    both = sum((other[0], other[2]) == (sample[0], sample[2]) for other in samples) > 1
    return {
        (rule, scope["scope"])
        for scope in SCOPES
        if both or scope["is_both_platforms_only"] == "false"
        for rule in (
            RULES if scope["depends_on_rule"] == "true" else ("not_applicable",)
        )
    }


def reason(facets: dict[str, str], key: Key, facet: str) -> tuple[str, str | None]:
    """Why a sample has no figure of a rule, scope and estimator, and what is missing;
    ``in_copy`` where it has one."""
    rule, scope, estimator = key
    name = f"onet_task::{facet}"
    if rule == "published":
        name = f"soc_occupation::{facet}"
    elif (scope, estimator) == ("all_with_pseudo", "all_conversations"):
        # Of everybody a release of percentages publishes it, where not by task.
        name = name if name in facets or facet not in facets else facet
    status = facets.get(name, "not_published")
    return status, name if status == "not_in_copy" else None


@pytest.mark.parametrize("mart", FIGURES)
def test_every_sample_has_each_figure_or_says_what_it_lacks(
    mart: str, build: Build
) -> None:
    figure, facet, category = FIGURES[mart]
    estimators = {
        row["estimator"]
        for row in build.records(f"from marts.dim_estimators where figure = '{figure}'")
    }
    shown: dict[Key, list[dict[str, Any]]] = defaultdict(list)
    for row in build.records(f"from marts.{mart}"):
        key = (row["allocation_rule"], row["scope"], row["estimator"])
        shown[(*sample_of(row), *key)].append(row)
    covered = coverage(build)
    absent = 0
    for sample, facets in covered.items():
        asked = scopes_asked(list(covered), sample, facets)
        has_tasks = "onet_task" in facets
        for pair, estimator in product(
            asked, estimators if has_tasks else {"all_conversations"}
        ):
            rows = shown.pop((*sample, *pair, estimator))
            status, missing = reason(facets, (*pair, estimator), facet)
            if status == "in_copy":
                assert not any(map(says_why_not, rows)), (sample, pair)
                continue
            absent += len(rows)
            for row in rows:
                assert says_why_not(row), row
                assert (row["status"], row["missing_facet"]) == (status, missing), row
                assert row["interval_missing_reason"] == status
                empty = {v for k, v in row.items() if k.endswith(("_count", "_pct"))}
                assert empty == {None}, row
            if category:
                named = {row[category] for row in rows} - {"none", "not_classified"}
                assert len(named) == (5 if figure == "pattern" else 3)
                assert (len(rows) > len(named)) == (estimator == "all_conversations")
    assert not shown, f"{list(shown)[:3]} are of no sample that should have them"
    assert absent or mart != "fct_task_success", "family C publishes no success"


def test_every_group_of_a_missing_use_case_says_so(build: Build) -> None:
    rows = [
        row
        for row in build.records("from marts.fct_education_by_use_case")
        if says_why_not(row)
    ]
    reasons = {
        sample: reason(facets, ("exclusive", "education", "pooled"), "use_case")
        for sample, facets in coverage(build).items()
        if "onet_task" in facets
    }
    expected = {
        (*sample, rule, group, use_case, *why)
        for sample, why in reasons.items()
        if why[0] != "in_copy"
        for rule, group, use_case in product(
            RULES,
            ("education", "outside", "unseen"),
            ("coursework", "work", "personal", "none", "not_classified"),
        )
    }
    names = ("allocation_rule", "task_group", "use_case", "status", "missing_facet")
    found = {(*sample_of(row), *(row[name] for name in names)) for row in rows}
    assert found == expected
    for row in rows:
        values = {v for k, v in row.items() if k.endswith(("_count", "_pct"))}
        assert values == {None}, row


@pytest.mark.parametrize("mart", COMPARED)
def test_what_is_compared_is_there_or_missing_from_the_copy(
    mart: str, build: Build
) -> None:
    """Each sample has a row of each figure that it publishes; none that it doesn't."""
    rows = build.records(f"from marts.{mart}")
    found: dict[Key, set[str | None]] = defaultdict(set)
    for row in rows:
        row.setdefault("platform", "1p_api")
        if row["figure"] in ("pattern", "success", "use_case"):
            is_lacking = row["status"] == "not_in_copy" and row["missing_facet"]
            found[(*sample_of(row), row["figure"])].add(
                row["missing_facet"] if is_lacking else "in_copy"
            )
        if says_why_not(row):
            assert {v for k, v in row.items() if k.startswith(COMPARED[mart])} == {None}
    covered = coverage(build)
    for (*sample, figure), missing in found.items():
        facet = next(f for name, f, _ in FIGURES.values() if name == figure)
        status = covered[tuple(sample)].get(f"onet_task::{facet}")
        assert status is not None, f"{sample} publishes no {figure}"
        if status == "not_in_copy":
            assert missing == {f"onet_task::{facet}"}, (sample, figure)
    lacking = {
        (*sample, name)
        for sample, facets in covered.items()
        for name, facet, _ in FIGURES.values()
        if facets.get(f"onet_task::{facet}") == "not_in_copy"
        # A task that is left out is one that is there.
        and (facets["onet_task"] == "in_copy" or mart != "fct_leave_one_task_out")
    }
    if mart == "fct_platform_decomposition":
        both = {key for key in lacking if (key[0], "claude_ai", key[2]) in covered}
        lacking = {key for key in both if key[1] == "1p_api"}
    assert lacking <= set(found)
