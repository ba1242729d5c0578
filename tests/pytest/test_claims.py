"""Claims judged a second time, and the grid of specifications from the raw files."""

from __future__ import annotations

import csv
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from conftest import PROJECT, Build, manifest_rows, query, read_rows
from oracle import (
    BOUNDED,
    PSEUDO_TASKS,
    RULE_FREE_SCOPES,
    Key,
    Sample,
    every_scope,
    read_samples,
)
from oracle_comparisons import rows_of
from oracle_marts import is_same

REFERENCE = PROJECT / "seeds" / "reference"
CLAIMS = {row["claim_id"]: row for row in read_rows(REFERENCE / "claims.csv")}
CHOICES = read_rows(REFERENCE / "specification_choices.csv")
DIMENSIONS = (
    "allocation_rule",
    "estimator",
    "baseline",
    "residual_treatment",
    "task_omission",
)
BASELINES = [row["choice"] for row in CHOICES if row["dimension"] == "baseline"]
Record = dict[str, Any]


# Claims, judged anew from their specifications ----------------------------------------


def holds(claim: Mapping[str, str], number: float) -> bool:
    """Whether a claim of the seed holds for a value, difference, ratio or rank."""
    nothing = 1.0 if claim["unit"] == "ratio" else 0.0
    threshold = float(claim["threshold_value"] or nothing)
    if claim["direction"] == "about":
        return abs(number - threshold) <= float(claim["tolerance_value"])
    return {
        "higher": number > threshold,
        "lower": number < threshold,
        "at_least": number >= threshold,
        "at_most": number <= threshold,
    }[claim["direction"]]


def number_of(claim: Mapping[str, str], row: Record) -> float | None:
    """What the claim is about in a specification, from its two sides."""
    if claim["comparison_kind"] in ("level", "rank") or row["value"] is None:
        return row["value"]
    if row["comparison_value"] is None:
        return None
    if claim["unit"] == "ratio":
        return row["value"] / row["comparison_value"]
    return row["value"] - row["comparison_value"]


def is_open(claim: Mapping[str, str], low: float, high: float) -> bool:
    """Whether some numbers of a range say yes and some no."""
    between = [low, high, *(low + (high - low) * n / 1000 for n in range(1001))]
    return len({holds(claim, number) for number in between}) > 1


def phrase(claim: Mapping[str, str], row: Record, dimension: str) -> str:
    """A choice of a specification in words."""
    figure, choice = claim["figure"].removesuffix("_rank"), row[dimension]
    (found,) = (
        row["phrase"]
        for row in CHOICES
        if (row["dimension"], row["choice"]) == (dimension, choice)
        and row["figure"] in ("", figure)
    )
    if choice != "largest" or row["baseline"] != "none":
        return found
    kinds = {"rank": " of each part", "level": ""}
    return found + kinds.get(claim["comparison_kind"], " on each side")


def judged(claim: Mapping[str, str], rows: Sequence[Record]) -> Record:
    """Status, counts and smallest flips of a claim from its specifications."""
    (preferred,) = (row for row in rows if row["is_preferred"])
    answers = {
        row["specification_id"]: None if number is None else holds(claim, number)
        for row in rows
        for number in [number_of(claim, row)]
    }
    own = answers[preferred["specification_id"]]
    known = [answer for answer in answers.values() if answer is not None]
    same = ("allocation_rule", "baseline", "task_omission")
    ends = [
        number
        for row in rows
        if row["residual_treatment"] != "published"
        and row["estimator"] in (BOUNDED, preferred["estimator"])
        and all(row[name] == preferred[name] for name in same)
        for number in [number_of(claim, row)]
        if number is not None
    ]
    flips = defaultdict(set)
    for row in rows:
        changed = [name for name in DIMENSIONS if row[name] != preferred[name]]
        if answers[row["specification_id"]] is (not own) and own is not None:
            words = " and ".join(phrase(claim, row, name) for name in changed)
            flips[len(changed)].add(words)
    exact = preferred["estimator"].startswith("published_facet")
    if own is None:
        status = "not_computable"
    elif ends and not exact and is_open(claim, min(ends), max(ends)):
        status = "not_identified"
    elif all(known):
        status = "holds"
    else:
        status = "depends" if any(known) else "fails"
    return {
        "status": status,
        "possible_specification_count": len(rows),
        "specification_count": len(known),
        "holds_count": sum(known),
        "flips": flips[min(flips)] if flips else set(),
        "answers": answers,
    }


def misjudged(build: Build) -> list[str]:
    """What the marts say of a claim that its specifications don't."""
    rows: dict[str, list[Record]] = defaultdict(list)
    for row in build.records("from marts.fct_claim_specifications"):
        rows[row["claim_id"]].append(row)
    wrong = []
    claims = {row["claim_id"]: row for row in build.records("from marts.fct_claims")}
    assert set(claims) == set(CLAIMS)
    for claim_id, mart in claims.items():
        claim = CLAIMS[claim_id]
        own = judged(claim, rows[claim_id])
        wrong += [
            f"{claim_id}: {name}"
            for name, value in own.items()
            if name in mart and mart[name] != value
        ]
        wrong += [
            f"{claim_id}: {row['specification_id']}"
            for row in rows[claim_id]
            if row["holds"] != own["answers"][row["specification_id"]]
        ]
        said = mart["fails_under"] or ""
        named = [
            each for each in said.partition(" when ")[2].split("; or when ") if each
        ]
        if not set(named) <= own["flips"] or len(named) != min(3, len(own["flips"])):
            wrong.append(f"{claim_id}: fails_under")
    return wrong


def test_claims_of_the_shipped_sample_are_what_their_specifications_say(
    shipped_warehouse: Build,
) -> None:
    assert misjudged(shipped_warehouse) == []
    statuses = dict(
        shipped_warehouse.query(
            "select status, count(*) from marts.fct_claims group by 1"
        )
    )
    assert {"holds", "depends", "fails", "not_identified", "not_computable"} == set(
        statuses
    )
    ((real,),) = shipped_warehouse.query(
        "select count(*) from marts.fct_claims where not is_simulated"
    )
    assert real == 0


DAMAGES = {
    "an answer turned": "update marts.fct_claim_specifications set holds = not holds "
    "where claim_id = 'feedback_loops_rarer' and is_preferred",
    "a specification lost": "delete from marts.fct_claim_specifications "
    "where claim_id = 'feedback_loops_rarer' and not is_preferred and baseline = "
    "'all_named'",
    "sides swapped": "update marts.fct_claim_specifications set value = "
    "comparison_value, comparison_value = value where claim_id = 'api_more_directive'",
    "open called depending": "update marts.fct_claims set status = 'depends' "
    "where status = 'not_identified'",
    "another flip named": "update marts.fct_claims set fails_under = 'fails when it "
    "rains' where status = 'depends'",
    "another claim preferred": "update marts.fct_claim_specifications set is_preferred "
    "= residual_treatment = 'high' and task_omission = 'largest' and baseline = "
    "'all_named' and allocation_rule = 'exclusive' "
    "where claim_id = 'directive_higher_in_education'",
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_misjudged_claim_is_noticed(
    shipped_warehouse: Build, tmp_path: Path, damage: str
) -> None:
    damaged = replace(shipped_warehouse, folder=tmp_path)
    with duckdb.connect(str(damaged.file)) as con:
        con.execute(f"attach '{shipped_warehouse.file}' as shipped (read_only)")
        con.execute("create schema marts")
        for mart in ("fct_claims", "fct_claim_specifications"):
            con.execute(f"create table marts.{mart} as from shipped.marts.{mart}")
        con.execute(DAMAGES[damage])
    assert misjudged(damaged) != []


def test_every_example_query_gives_the_specifications_the_preferred_first(
    shipped_warehouse: Build,
) -> None:
    claims = shipped_warehouse.records("from marts.fct_claims")
    assert len(claims) >= 25
    assert sum(claim["is_headline"] for claim in claims) == 5
    for claim in claims:
        rows = shipped_warehouse.records(claim["example_query"])
        assert len(rows) == claim["possible_specification_count"]
        assert [row["is_preferred"] for row in rows] == [True] + [False] * (
            len(rows) - 1
        )
        assert {row["claim_id"] for row in rows} == {claim["claim_id"]}
        assert rows[0]["value"] == claim["value"]


def test_the_band_of_a_difference_is_that_of_the_gap(shipped_warehouse: Build) -> None:
    rows = shipped_warehouse.query(
        """
        with gaps as (
            select
                platform, platform as other_platform, * exclude (platform)
            from marts.fct_scope_decomposition
            where comparison_kind = 'scope'
            union all by name
            select
                '1p_api' as platform, 'claude_ai' as other_platform,
                scope as baseline_scope, *
            from marts.fct_platform_decomposition
        )

        select
            claims.uncertainty_low, claims.uncertainty_high,
            gaps.gap_uncertainty_low, gaps.gap_uncertainty_high,
            claims.bound_low, claims.bound_high
        from marts.fct_claims as claims
        inner join gaps
            on claims.release_id = gaps.release_id and claims.platform = gaps.platform
            and claims.scope = gaps.scope and claims.category = gaps.category
            and claims.figure = gaps.figure
            and gaps.other_platform
            = coalesce(claims.comparison_platform, claims.platform)
            and gaps.baseline_scope = coalesce(claims.comparison_scope, claims.scope)
        where gaps.estimator = 'all_conversations' and claims.unit = 'pct_points'
            and gaps.allocation_rule = 'any_holder' -- not of what is published of all
        """
    )
    assert len(rows) >= 8
    for low, high, gap_low, gap_high, bound_low, bound_high in rows:
        assert math.isclose(low, gap_low, abs_tol=1e-9)
        assert math.isclose(high, gap_high, abs_tol=1e-9)
        assert low <= bound_low <= bound_high <= high


# The seeds ----------------------------------------------------------------------------


def test_printed_values_of_claims_are_printed_figures() -> None:
    printed = {
        round(float(row["published_value"]), 2)
        for row in read_rows(REFERENCE / "published_numbers.csv")
    }
    for claim in CLAIMS.values():
        if "September" in claim["source"] or "March" in claim["source"]:
            continue
        for name in ("printed_value", "printed_comparison_value"):
            if claim[name] and claim["unit"] not in ("rank", "ratio"):
                value = round(float(claim[name]), 2)
                assert value in printed, (claim["claim_id"], name)


def test_preferred_estimators_are_those_of_the_marts() -> None:
    preferred = {
        row["figure"]: row["estimator"]
        for row in read_rows(REFERENCE / "estimators.csv")
        if row["is_preferred"] == "true"
    }
    own = {
        figure: min(
            (int(row["preference"]), row["choice"])
            for row in CHOICES
            if row["dimension"] == "estimator"
            and row["figure"] == figure
            and not row["only_scope"]
        )[1]
        for figure in preferred
    }
    assert own == preferred
    assert all(row["reason"] for row in CHOICES if row["preference"] == "1")


# The grid, from the raw files ---------------------------------------------------------


def levels(samples: Sequence[Sample]) -> dict[Key, tuple[float | None, ...]]:
    """Share and bounds of every figure, with and without the largest task."""
    found: dict[Key, tuple[float | None, ...]] = {}
    rows = {sample.key: rows_of(sample) for sample in samples}
    for key, sample, weights in every_scope(samples):
        named = [task not in PSEUDO_TASKS for task in sample.nodes]
        largest = np.argmax(np.where(named, weights * sample.sizes, -1.0))
        rest = weights * (np.arange(len(weights)) != largest)
        for omission, kept in (("none", weights), ("largest", rest)):
            for row, part in rows[sample.key].items():
                base, seen = float(kept @ part.base), float(kept @ part.numerator)
                # Nobody publishes it: nothing is known, not zero.
                share = 100 * seen / base if base and seen else None
                ends: tuple[float | None, ...] = (None, None)
                if row[1] == BOUNDED and base:
                    ends = (100 * seen / base, 100 * float(kept @ part.high) / base)
                found[(*key, *row, omission)] = (share, *ends)
    return found


def expected_grid(samples: Sequence[Sample]) -> Iterator[tuple[Key, tuple[Any, ...]]]:
    """Every row of the grid of task figures: value and baseline value."""
    found = levels(samples)
    for place, (share, low, high) in found.items():
        *key, rule, scope, figure, estimator, category, omission = place
        if scope in BASELINES:
            continue
        for baseline in BASELINES:
            own_rule = "not_applicable" if baseline in RULE_FREE_SCOPES else rule
            other = found.get(
                (*key, own_rule, baseline, figure, estimator, category, "none")
            )
            if other is None:
                continue
            sides = {"published": (share, other[0])}
            if estimator == BOUNDED:
                sides |= {"low": (low, other[2]), "high": (high, other[1])}
            for treatment, pair in sides.items():
                row = (rule, scope, figure, estimator, category, omission, baseline)
                yield (*key, *row, treatment), pair


def grid_differences(build: Build, data_dir: Path) -> tuple[int, list[Key]]:
    """How many rows of the grid were compared, and which are not as computed here."""
    own = dict(expected_grid(read_samples(data_dir, manifest_rows())))
    keys = (
        "release_id, platform, allocation_rule, scope, figure, estimator, category, "
        "task_omission, baseline, residual_treatment"
    )
    wrong: list[Key] = []
    compared = 0
    for *key, value, other, difference, status in query(
        build.file,
        f"select {keys}, value, baseline_value, difference, status "
        "from marts.fct_specification_grid where figure <> 'scope_share' and "
        "(release_id, platform) in (select (release_id, platform) from "
        "marts.dim_releases where schema_family = 'B')",
    ):
        if status not in ("visible", "none_visible"):
            continue
        compared += 1
        mine = own.get(tuple(key))
        gap = None if value is None or other is None else value - other
        if mine is None or not (
            is_same(value, mine[0])
            and is_same(other, mine[1])
            and is_same(difference, gap)
        ):
            wrong.append(tuple(key))
    return compared, wrong


def test_the_grid_of_the_shipped_sample_comes_out_of_the_raw_files(
    shipped_warehouse: Build,
) -> None:
    compared, wrong = grid_differences(shipped_warehouse, PROJECT / "seeds" / "aei")
    assert wrong == []
    assert compared > 15_000


def test_the_grid_of_the_real_files_comes_out_of_them(
    real_warehouse: Build, real_data_dir: Path
) -> None:
    compared, wrong = grid_differences(real_warehouse, real_data_dir)
    assert wrong == []
    assert compared > 15_000


def test_claims_of_the_real_files_are_what_their_specifications_say(
    real_warehouse: Build,
) -> None:
    assert misjudged(real_warehouse) == []


def printed_in_the_grid(file: Path) -> dict[str, bool]:
    """Printed shares of education, by number: whether a row of the grid is that."""
    numbers = {
        row["number_id"]: row for row in read_rows(REFERENCE / "published_numbers.csv")
    }
    marts = ("fct_interaction_patterns", "fct_task_success", "fct_use_case_shares")
    found = {}
    with (REFERENCE / "published_number_terms.csv").open(encoding="utf-8") as handle:
        terms = [
            term
            for term in csv.DictReader(handle)
            if term["mart"] in marts
            and term["measure"] in ("share_pct", "success_pct")
            and term["scope"] not in BASELINES
            and numbers[term["number_id"]]["combination"] == "sum"
            and numbers[term["number_id"]]["unit"] == "pct"
        ]
    shown: dict[Key, list[float]] = defaultdict(list)
    for *key, value in query(
        file,
        "select release_id, platform, scope, estimator, allocation_rule, category, "
        "value from marts.fct_specification_grid where task_omission = 'none' and "
        "residual_treatment = 'published' and status = 'visible'",
    ):
        shown[tuple(key)].append(value)
    for term in terms:
        number = numbers[term["number_id"]]
        key = [number["release_id"], number["platform"]]
        key += [term[name] for name in ("scope", "estimator", "allocation_rule")]
        values = shown[*key, term["category"] or "yes"]
        unit = 10 ** -float(number["decimals"])
        printed = float(number["published_value"])
        is_there = any(abs(value - printed) <= unit / 2 + 1e-9 for value in values)
        found[term["number_id"]] = found.get(term["number_id"], False) or is_there
    return found


def test_the_grid_holds_what_the_report_prints(real_warehouse: Build) -> None:
    found = printed_in_the_grid(real_warehouse.file)
    computed = {
        number
        for (number,) in real_warehouse.query(
            "select number_id from marts.fct_published_reconciliation "
            "where status in ('match', 'match_other_definition') and metric = "
            "'pattern_share'"
        )
    }
    assert {number for number in computed & set(found) if not found[number]} == set()
    assert len(computed & set(found)) >= 30


def test_bounds_of_sums_hold_what_the_release_publishes_of_everybody(
    shipped_warehouse: Build,
) -> None:
    rows = shipped_warehouse.query(
        """
        select tasks.category, facets.value, tasks.value_when_low, tasks.value_when_high
        from intermediate.int_specification_values as tasks
        inner join intermediate.int_specification_values as facets
            using (sample_id, scope, figure, category)
        where tasks.estimator = 'all_conversations' and tasks.task_omission = 'none'
            and facets.estimator = 'published_facet' and tasks.category like '% + %'
        """
    )
    assert len(rows) >= 4
    assert [row for row in rows if not row[2] - 1e-9 <= row[1] <= row[3] + 1e-9] == []
