"""Intervals and bounds hold known truths, and these checks notice faulty ones.

A short form of `make calibrate`: few and small releases, built once. Each fault then
changes what the marts show, and has to be noticed.
"""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import oracle
import pytest
from conftest import PROJECT  # its import makes scripts importable
from oracle import Sample
from simulated import task_shares
from simulation.calibration import run
from simulation.model import load_model
from simulation.releases import open_database

RELEASES = 32  # in each of the two batches
CONVERSATIONS = 6_000
TASKS = 80  # of 1,520: few enough that drawing them without replacement hardly matters
COPIES = 5
REPLICATES = 200
SEED = 3
PLATFORM = "claude_ai"

Row = dict[str, object]

# What should cover 95%: scopes with tasks enough in a list this short, and every band.
# Suppressed cells move a figure away from its target, so for intervals only the batch
# without suppression counts.
COVERING_SCOPES = ("education", "all_named", "non_education")
COVERING_SCOPES += ("education_all_named", "education_non_education")


@pytest.fixture(scope="module")
def calibrated(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Simulate and build once: the targets, and what the marts show."""
    model = load_model(PROJECT / "seeds" / "simulation")
    with open_database(threads=2) as con:
        batches = run.batches(model, RELEASES, CONVERSATIONS, COPIES, TASKS)
        run.simulate(con, batches, SEED)
        run.build(con, tmp_path_factory.mktemp("calibration"), REPLICATES)
        con.execute("create table clean as from shown")
        yield con


def misses(rows: list[Row]) -> set[str]:
    """What covers too rarely beyond chance, and bounds that do not hold."""
    found = set()
    for row in rows:
        kind, scope = row["interval_kind"], row["scope"]
        name = f"{kind} of {row['mart']}"
        if row["verdict"] == "broken":
            found.add(name)
        if row["verdict"] != "covers_too_rarely":
            continue
        if kind == "uncertainty":
            found.add(name)
        if row["batch"] == "published":
            continue
        # A task without a conversation has no row, so the shares of the small tasks
        # that are shown lie too high: no fault of the interval.
        is_whole = not str(row["figure"]).startswith("onet_task")
        if is_whole if kind == "wilson_95" else scope in COVERING_SCOPES:
            found.add(name)
    return found


def test_intervals_cover_and_bounds_hold(
    calibrated: duckdb.DuckDBPyConnection,
) -> None:
    """No interval covers less than 95% beyond chance, every bound holds its truth, and
    each kind is measured in each mart that shows it, on enough truths."""
    rows = run.judge(calibrated).to_dicts()
    assert misses(rows) == set()
    measured = {
        (row["interval_kind"], row["mart"])
        for row in rows
        if int(str(row["release_count"])) > RELEASES // 2
    }
    assert measured == {(kind, mart) for mart in run.KINDS for kind in run.KINDS[mart]}


def test_targets_are_what_the_oracle_computes(
    calibrated: duckdb.DuckDBPyConnection,
) -> None:
    """The superpopulation, read as a release of probabilities that hides nothing."""
    rows = calibrated.execute(
        "select task, probability, facet, category, share from kept_task_parameter "
        "inner join kept_answer_parameter using (batch, platform, task) "
        "where batch = 'published' and release_id = 'superpopulation' "
        f"and platform = '{PLATFORM}'"
    ).fetchall()
    codes: dict[str, set[str]] = {}
    for task, code in calibrated.execute(
        'select lower(trim("Task")), "O*NET-SOC Code" from release_statement'
    ).fetchall():
        codes.setdefault(task, set()).add(code)
    world: dict[tuple[str, int], dict[str, float]] = {("onet_task", 0): {}}
    for task, probability, facet, category, share in rows:
        world["onet_task", 0][task] = probability
        cells = world.setdefault((f"onet_task::{facet}", 0), {})
        cells[f"{task}::{category}"] = probability * share
    sample = Sample(
        "superpopulation",
        PLATFORM,
        "conversations",
        {oracle.WORLD: world},
        {task: frozenset(found) for task, found in codes.items()},
    )
    targets = calibrated.execute(
        "select figure, estimator, allocation_rule, scope, category, target_pct "
        "from task_figure_target where batch = 'published' "
        "and release_id = 'superpopulation' "
        f"and platform = '{PLATFORM}' and category not in ('no', 'not_classified')"
    ).fetchall()
    names = {
        (f, e): own for f, es in oracle.ESTIMATORS.items() for own, e in es.items()
    }
    shares = {figure: task_shares([sample], figure) for figure in oracle.FIGURES}
    assert len(targets) > 300
    for figure, estimator, any_rule, scope, category, target in targets:
        is_free = scope in oracle.RULE_FREE_SCOPES
        rule = oracle.RULE_FREE_RULES[0] if is_free else any_rule
        key = (*sample.key, rule, scope, names[figure, estimator], category)
        assert target == pytest.approx(shares[figure][key], abs=1e-9), key


def test_targets_of_gaps_are_split_as_the_marts_split(
    calibrated: duckdb.DuckDBPyConnection,
) -> None:
    """Delegation over all named tasks, the API against Claude.ai, by hand."""
    rows = calibrated.execute(
        "select platform, task, probability, share from kept_task_parameter "
        "inner join kept_answer_parameter using (batch, platform, task) "
        "where batch = 'published' and release_id = 'superpopulation' "
        "and category = 'directive' and task not in ('none', 'not_classified')"
    ).fetchall()
    weight: dict[str, dict[str, float]] = {}
    rate: dict[str, dict[str, float]] = {}
    for platform, task, probability, share in rows:
        weight.setdefault(platform, {})[task] = probability
        rate.setdefault(platform, {})[task] = share

    def mean(of: str, at: str) -> float:
        total = sum(weight[at].values())
        return 100 * sum(weight[at][t] * rate[of][t] for t in weight[at]) / total

    chat, api = PLATFORM, "1p_api"
    gap = mean(api, api) - mean(chat, chat)
    within = (mean(api, api) - mean(chat, api) + mean(api, chat) - mean(chat, chat)) / 2
    found = calibrated.execute(
        "select distinct figure, target_pct from target where scope = 'all_named' "
        "and category = 'directive' and starts_with(figure, 'pattern_') "
        "and starts_with(release_id, 'published') and platform = '1p_api'"
    ).fetchall()
    assert dict(found) == pytest.approx(
        {
            "pattern_gap": gap,
            "pattern_composition": gap - within,
            "pattern_within": within,
        }
    )


# SQL on the rows that the marts show, and what has to be noticed.
NARROW = (
    "low_pct = (low_pct + high_pct) / 2 - {factor} * (high_pct - low_pct) / 2, "
    "high_pct = (low_pct + high_pct) / 2 + {factor} * (high_pct - low_pct) / 2"
)


def every(kind: str, shown_by: str) -> set[str]:
    """A kind of interval in each mart that shows another kind."""
    return {f"{kind} of {mart}" for mart in run.KINDS if shown_by in run.KINDS[mart]}


FAULTS = {
    # conversations are many more than tasks: resampling them is far too narrow
    "conversations resampled, not tasks": (
        f"{NARROW.format(factor=0.3)} where interval_kind = 'shown'",
        every("shown", "shown"),
    ),
    "conversations resampled, not tasks, on both sides of a gap": (
        f"{NARROW.format(factor=0.3)} where interval_kind = 'task_bootstrap_t_95'",
        every("task_bootstrap_t_95", "task_bootstrap_t_95"),
    ),
    "Wilson with z of 68%": (
        f"{NARROW.format(factor=0.51)} where interval_kind = 'wilson_95' "
        "and mart = 'fct_education_shares'",
        {"wilson_95 of fct_education_shares"},
    ),
    "a band of the errors of conversations": (
        f"{NARROW.format(factor=0.3)} where interval_kind = 'uncertainty' "
        "and figure in ('pattern', 'success', 'use_case')",
        every("uncertainty", "shown"),
    ),
    "a band of a gap of the errors of conversations": (
        f"{NARROW.format(factor=0.3)} where interval_kind = 'uncertainty' "
        "and ends_with(figure, '_gap')",
        every("uncertainty", "task_bootstrap_t_95"),
    ),
    "bounds without what is unseen": (
        "high_pct = low_pct where interval_kind = 'bounds'",
        every("bounds", "bounds"),
    ),
    "bounds of a floor of 5": (
        "high_pct = low_pct + (high_pct - low_pct) * 4 / 14 "
        "where interval_kind = 'bounds' and figure = 'pattern'",
        {"bounds of fct_interaction_patterns"},
    ),
    "intervals of the world for a place": (
        "low_pct = low_pct + 5, high_pct = high_pct + 5 where mart = 'fct_facet_shares'"
        " and geo_id = 'GLOBAL'",
        {"wilson_95 of fct_facet_shares"},
    ),
}


# Of rows that another fault changes too.
APART = "bounds of a floor of 5"


@pytest.mark.parametrize("names", [sorted({*FAULTS} - {APART}), [APART]])
def test_faults_are_noticed(
    names: list[str], calibrated: duckdb.DuckDBPyConnection
) -> None:
    """The checks above fail on intervals and bounds with known faults, each for what it
    touches and nothing else."""
    expected = [kind for name in names for kind in FAULTS[name][1]]
    assert len(expected) == len({*expected}), "one fault could hide another"
    calibrated.execute("create or replace table shown as from clean")
    for name in names:
        calibrated.execute(f"update shown set {FAULTS[name][0]}")
    try:
        assert misses(run.judge(calibrated).to_dicts()) == {*expected}
    finally:
        calibrated.execute("create or replace table shown as from clean")
