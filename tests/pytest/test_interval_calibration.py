"""Intervals and bounds hold known truths, and these checks notice broken models.

A short form of `make calibrate`: few and small releases, built once. Each mutation then
changes the SQL of the copied project, builds the models behind it anew on a copy of the
file, and has to be noticed.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

import calibrate_intervals as calibration  # noqa: E402
from simulated_marts import Edit, SimulatedProject, run_dbt  # noqa: E402
from simulation.model import load_model  # noqa: E402
from simulation.releases import open_database  # noqa: E402

RELEASES = 32  # in each of the two batches
CONVERSATIONS = 6_000
TASKS = 80  # of 1,520: few enough that drawing them without replacement hardly matters
COPIES = 5
REPLICATES = 200
SEED = 3

Row = dict[str, object]

# What should cover 95%: scopes with tasks enough in a list this short. Suppressed cells
# move a figure away from its target, so only the batch without suppression counts.
COVERING_SCOPES = ("education", "all_named", "non_education")


@dataclass(frozen=True)
class Calibration:
    """The simulated releases with their targets, and the marts built on them."""

    con: duckdb.DuckDBPyConnection
    made: SimulatedProject
    rows: list[Row]


@pytest.fixture(scope="module")
def calibrated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Calibration]:
    """Simulate, build and compare once."""
    model = load_model(calibration.PROJECT / "seeds" / "simulation")
    batches = calibration.batches(model, RELEASES, CONVERSATIONS, COPIES, TASKS)
    with open_database(threads=2) as con:
        calibration.simulate(con, batches, SEED)
        calibration.run_statements(con, "targets.sql")
        made, built = calibration.build(
            con,
            tmp_path_factory.mktemp("calibration"),
            {"bootstrap_replicate_count": REPLICATES},
        )
        yield Calibration(con, made, calibration.judge(con, built))


def misses(rows: list[Row]) -> set[str]:
    """What covers too rarely beyond chance, and bounds that do not hold."""
    found = set()
    for row in rows:
        kind, scope = row["interval_kind"], row["scope"]
        name = f"{kind} of {row['mart']}"
        if row["verdict"] == "broken":
            found.add(name)
        if row["verdict"] != "covers_too_rarely" or row["batch"] == "published":
            continue
        # A task without a conversation has no row, so the shares of the small tasks
        # that are shown lie too high: no fault of the interval.
        is_whole = not str(row["figure"]).startswith("onet_task")
        if is_whole if kind == "wilson_95" else scope in COVERING_SCOPES:
            found.add(name)
    return found


def test_intervals_cover_and_bounds_hold(calibrated: Calibration) -> None:
    """No interval covers less than 95% beyond chance; every bound holds its truth."""
    assert misses(calibrated.rows) == set()


def test_everything_is_measured(calibrated: Calibration) -> None:
    """Each kind of interval is there, in each mart that shows it, on enough truths."""
    measured = {
        (row["interval_kind"], row["mart"])
        for row in calibrated.rows
        if int(str(row["release_count"])) > RELEASES // 2
    }
    task_marts = (
        "fct_interaction_patterns",
        "fct_task_success",
        "fct_use_case_shares",
    )
    share_marts = ("fct_education_shares", "fct_occupation_group_shares")
    expected = {
        (kind, mart)
        for kind in ("shown", "task_bootstrap_95", "task_jackknife_t_95", "bounds")
        for mart in task_marts
    }
    expected |= {
        (kind, mart) for kind in ("wilson_95", "bounds") for mart in share_marts
    }
    expected |= {
        ("wilson_95", mart)
        for mart in ("fct_facet_shares", "fct_use_case_shares", "fct_education_tasks")
    }
    assert measured == expected


def test_targets_agree_with_the_simulator(calibrated: Calibration) -> None:
    """The targets equal the simulator's own parameters of the scopes."""
    differences = calibrated.con.execute(
        """
        select target.scope, target.estimator, target.category,
            target.target_pct, 100 * parameter.value
        from task_figure_target as target
        inner join estimator_measure using (figure, estimator)
        inner join kept_scope_parameter as parameter
            on target.batch = parameter.batch
                and target.release_id = parameter.release_id
                and target.scope = parameter.scope
                and estimator_measure.facet = parameter.facet
                and estimator_measure.measure = parameter.estimator
                and target.category = parameter.category
        where target.release_id = 'superpopulation'
            and target.allocation_rule = 'any_holder'
        """
    ).fetchall()
    assert len(differences) > 300
    assert [row for row in differences if abs(row[3] - row[4]) > 1e-9] == []


@dataclass(frozen=True)
class Mutation:
    """A broken model: the edits, what to build anew, and what has to be noticed."""

    edits: tuple[Edit, ...]
    select: tuple[str, ...]
    noticed: str


BOOTSTRAP = "models/intermediate/int_scope_bootstrap.sql"
CELLS = "models/intermediate/int_task_cells.sql"
MUTATIONS = {
    # A task's weight varies as that of its conversations, each drawn by itself.
    "bootstrap resamples conversations": Mutation(
        (
            Edit(
                BOOTSTRAP,
                "sum(draws.draw_count * components.",
                "sum((1 + (draws.draw_count - 1) / sqrt(components.conversation_count))"
                " * components.",
            ),
            Edit(BOOTSTRAP, "where draws.draw_count > 0", ""),
        ),
        ("int_scope_bootstrap",),
        "task_bootstrap_95 of fct_interaction_patterns",
    ),
    "jackknife forgets the number of tasks": Mutation(
        (
            Edit(
                "models/intermediate/int_scope_jackknife.sql",
                "(any_value(totals.task_count) - 1.0) / any_value(totals.task_count)",
                "1.0 / any_value(totals.task_count)",
            ),
        ),
        ("int_scope_jackknife",),
        "task_jackknife_t_95 of fct_interaction_patterns",
    ),
    "Wilson with z of 68%": Mutation(
        (Edit("macros/intervals.sql", "var('interval_z')", "1.0"),),
        ("fct_facet_shares", "fct_education_shares", "fct_education_tasks"),
        "wilson_95 of fct_education_shares",
    ),
    "bounds without the pseudo-task, shares": Mutation(
        (
            Edit(
                "models/marts/education/fct_education_shares.sql",
                "+ share_bases.unseen_conversation_count\n        ) /",
                ") /",
            ),
        ),
        ("fct_education_shares",),
        "bounds of fct_education_shares",
    ),
    "bounds without the pseudo-task, patterns": Mutation(
        (
            Edit(
                CELLS,
                "published_by_task.task_key is null then grid.task_conversation_count",
                "published_by_task.task_key is null then 0",
            ),
        ),
        ("int_task_cells", "fct_interaction_patterns"),
        "bounds of fct_interaction_patterns",
    ),
    "privacy floor of 5 for 15": Mutation(
        (Edit(CELLS, "{{ var('privacy_floor_conversations') }} - 1", "5 - 1"),),
        ("int_task_cells", "fct_interaction_patterns"),
        "bounds of fct_interaction_patterns",
    ),
    "weights that do not sum to one": Mutation(
        (
            Edit(
                "models/intermediate/int_task_allocations.sql",
                "count(*) / any_value(task_codes.code_count) as weight",
                "1.0 as weight",
            ),
        ),
        ("int_task_allocations", "int_scope_weights", "fct_education_shares"),
        "bounds of fct_education_shares",
    ),
}


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_broken_model_is_noticed(
    name: str, calibrated: Calibration, tmp_path: Path
) -> None:
    """The checks above fail on models with a known fault."""
    mutation = MUTATIONS[name]
    file = tmp_path / "work.duckdb"
    shutil.copy(calibrated.made.work_file, file)
    built = run_dbt(
        calibrated.made,
        mutation.select,
        {"bootstrap_replicate_count": REPLICATES},
        (*calibration.EDITS, *mutation.edits),
        with_input_checks=False,
        work_file=file,
    )
    assert mutation.noticed in misses(calibration.judge(calibrated.con, built))
