"""Simulate, build, and compare every interval and bound with its target.

Two batches of releases, each release with a task list of its own drawn from a
superpopulation:

``published``     the Index's own rules: cells under the floor are folded away
``unsuppressed``  every cell is published and every conversation has a task, so that
                  what an interval misses there is not the work of suppression

Targets (analysis guide, section 5): for Wilson the model's parameter for that release;
for the intervals that treat tasks as sampled the value in the superpopulation; for
bounds the share that the release's own conversations give when nothing is hidden.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb
import polars as pl
from warehouse.paths import PROJECT

from simulation.calibration.summary import summary
from simulation.model import NOT_CLASSIFIED, Model
from simulation.plan import parse_plan
from simulation.project import INPUT_CHECKS, SimulatedProject, prepare_project, run_dbt
from simulation.publish import Rules
from simulation.releases import release_runs, simulate_releases
from simulation.task_lists import superpopulation

SQL_FOLDER = Path(__file__).resolve().parent
SUBSECTORS = PROJECT / "seeds" / "reference" / "education_subsectors.csv"

# Copies of each hand-written task in the superpopulation: a release draws 304 of 9,120,
# few enough that drawing without replacement does not narrow the spread (by 2%).
COPIES = 30
TASKS_PER_RELEASE = 304
# Without a floor every task of every country has a row; the ten largest are enough.
UNSUPPRESSED_COUNTRIES = 10
MEMORY_LIMIT = "6GB"
PLATFORM = "claude_ai"
FACETS = (
    "use_case,global/collaboration,global/task_success,country,country/onet_task,"
    "onet_task::collaboration,onet_task::use_case,onet_task::task_success"
)
KEPT_TABLES = {
    "release_row": f"where platform = '{PLATFORM}'",
    "truth_cell": f"where platform = '{PLATFORM}'",
    "task_parameter": f"where platform = '{PLATFORM}'",
    "answer_parameter": f"where platform = '{PLATFORM}'",
    "country_parameter": "",
}
# Intervals do not know the allocation rule: one is enough for them, and two for bounds.
VARIABLES = {
    "only_allocation_rules": ["any_holder", "equal_split"],
    "interval_allocation_rules": ["any_holder"],
}
# Which of the two intervals a mart shows is a matter of effective tasks; with either
# threshold it shows one of them everywhere.
THRESHOLD = "bootstrap_minimum_effective_task_count"
KINDS_OF_ALL = {"task_bootstrap_95": 0, "task_jackknife_t_95": 10**9}

# What is measured of which mart (shown.sql).
KINDS = {
    "fct_interaction_patterns": ("shown", "bounds"),
    "fct_task_success": ("shown", "bounds"),
    "fct_use_case_shares": ("shown", "bounds"),
    "fct_education_shares": ("wilson_95", "bounds"),
    "fct_occupation_group_shares": ("wilson_95", "bounds"),
    "fct_facet_shares": ("wilson_95",),
    "fct_education_tasks": ("wilson_95",),
}
TASK_MARTS = [mart for mart, kinds in KINDS.items() if "shown" in kinds]


@dataclass(frozen=True)
class Batch:
    """Releases that share a model and rules. ``conversations``, ``tasks``: of each."""

    name: str
    model: Model
    rules: Rules
    releases: int
    conversations: int
    tasks: int


def batches(
    model: Model,
    releases: int,
    conversations: int,
    copies: int = COPIES,
    tasks_per_release: int = TASKS_PER_RELEASE,
) -> tuple[Batch, Batch]:
    """The two batches over a superpopulation of the model's tasks."""
    tasks = superpopulation(model, copies)
    rules = Rules.of(model)
    named = sum(t.size[PLATFORM] for t in tasks.tasks) / 1e6
    countries = tuple(c for c in tasks.countries if c.geo_id != NOT_CLASSIFIED)
    complete = replace(
        tasks,
        parameters={**tasks.parameters, f"none_share_{PLATFORM}": 1 - named},
        countries=countries[:UNSUPPRESSED_COUNTRIES],
        regions=(),
    )
    bare = replace(rules, floor=1, account_floor=1)
    size = (releases, conversations, tasks_per_release)
    return (
        Batch("published", tasks, rules, *size),
        Batch("unsuppressed", complete, bare, *size),
    )


def simulate(
    con: duckdb.DuckDBPyConnection, wanted: Sequence[Batch], seed: int
) -> None:
    """Simulate the batches on Claude.ai, with the targets in the table ``target``.

    Leaves ``kept_<table>`` with a column batch; ``release_row``, ``release_size`` and
    ``release_statement`` then hold the releases of all batches.
    """
    plan = parse_plan(FACETS)
    for number, batch in enumerate(wanted):
        runs = release_runs(
            batch.model,
            batch.releases,
            {PLATFORM: batch.conversations, "1p_api": 0},
            seed + number,
            batch.tasks,
            batch.name,
        )
        simulate_releases(con, batch.model, runs, plan, batch.rules)
        for table, where in (KEPT_TABLES | {"release_size": ""}).items():
            make = "insert into" if number else "create or replace table"
            word = "" if number else "as"
            con.execute(
                f"{make} kept_{table} {word} "
                f"select '{batch.name}' as batch, * from {table} {where}"
            )
    for table in ("release_row", "release_size"):
        con.execute(
            f"create or replace table {table} as "
            f"select * exclude (batch) from kept_{table}"
        )
    _run_file(con, "targets.sql", subsectors=SUBSECTORS)


def build(
    con: duckdb.DuckDBPyConnection,
    folder: Path,
    replicates: int,
    kinds_of_all: Mapping[str, int] = KINDS_OF_ALL,
) -> SimulatedProject:
    """Build the marts on the simulated batches, and read what they show.

    ``kinds_of_all``: kinds of interval to measure also where a mart does not show
    them, each with the threshold that shows it everywhere.
    """
    made = prepare_project(con, folder)
    names = [f"+{mart}" for mart in KINDS]
    used = VARIABLES | {"bootstrap_replicate_count": replicates}
    _read_marts(con, run_dbt(made, names, [INPUT_CHECKS], used, MEMORY_LIMIT), "shown")
    for kind, threshold in kinds_of_all.items():
        anew = ("int_scope_intervals", *TASK_MARTS)
        built = run_dbt(made, anew, (), used | {THRESHOLD: threshold}, MEMORY_LIMIT)
        _read_marts(con, built, "shown_now")
        con.execute(
            f"insert into shown select * replace ('{kind}' as interval_kind) "
            "from shown_now where interval_kind = 'shown'"
        )
    return made


def _read_marts(con: duckdb.DuckDBPyConnection, file: Path, table: str) -> None:
    """Read the intervals and bounds of the built marts into a table."""
    path = str(file).replace("'", "''")
    con.execute(f"attach '{path}' as built (read_only)")
    try:
        _run_file(con, "shown.sql", table=table)
    finally:
        con.execute("detach built")


def judge(con: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """Compare ``shown`` with ``target``; returns the rows of the calibration's seed.

    Also leaves the table ``judged``: one row per interval or bound and truth.
    """
    _run_file(con, "judged.sql")
    return summary(con.table("judged").pl())


def _run_file(con: duckdb.DuckDBPyConnection, name: str, **values: object) -> None:
    text = (SQL_FOLDER / name).read_text(encoding="utf-8").format(**values)
    for statement in text.split(";\n"):
        con.execute(statement)


def suppressed(built: Path) -> list[tuple[str, float]]:
    """Percent of the pattern cells that the published batch hides, by scope."""
    with duckdb.connect(str(built), read_only=True) as con:
        return con.execute(
            "select scope, avg(suppressed_pct) from marts.fct_interaction_patterns "
            "where starts_with(release_id, 'published_') "
            "and allocation_rule <> 'equal_split' "
            "and estimator = 'all_conversations' and pattern = 'directive' "
            "and scope in ('education', 'all_named', 'k12') group by scope "
            "order by 2 desc"
        ).fetchall()
