"""Simulate, build, and compare every interval and bound with its target.

Two batches of releases, each release with a task list of its own drawn from a
superpopulation:

``published``     the Index's own rules: cells under the floor are folded away
``unsuppressed``  every cell is published and every conversation has a task, so that
                  what an interval misses there is not the work of suppression

Targets (analysis guide, section 5): for Wilson the model's parameter for that release;
for the intervals that treat tasks as sampled the value in the superpopulation; for
bounds the share that the release's own conversations give when nothing is hidden; for
the band that joins both, the value in the superpopulation (in a country, which has
none, the model's parameter), on both platforms and by two rules.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb
import polars as pl
from warehouse.paths import PROJECT
from warehouse.reading import attach

from simulation.calibration.summary import summary
from simulation.draw import sql
from simulation.model import NOT_CLASSIFIED, Model
from simulation.plan import parse_plan
from simulation.project import prepare_project, run_dbt
from simulation.publish import Rules
from simulation.releases import release_runs, simulate_releases
from simulation.task_lists import superpopulation

REFERENCE = Path("seeds") / "reference"
SUBSECTORS = PROJECT / REFERENCE / "education_subsectors.csv"
COMPARISONS = PROJECT / REFERENCE / "comparisons.csv"

# Copies of each hand-written task in the superpopulation: a release draws 304 of 9,120,
# few enough that drawing without replacement does not narrow the spread (by 2%).
COPIES = 30
TASKS_PER_RELEASE = 304
# Without a floor every task of every country has a row; the ten largest are enough.
UNSUPPRESSED_COUNTRIES = 10
MEMORY_LIMIT = "6GB"
FACETS = (
    "use_case,global/collaboration,global/task_success,country,country/onet_task,"
    "onet_task::collaboration,onet_task::use_case,onet_task::task_success"
)
KEPT_TABLES = {
    "release_row": "*",
    "release_size": "*",
    "truth_cell": "*",
    "task_parameter": "*",
    "answer_parameter": "*",
    "country_parameter": "*, 'claude_ai' as platform",
}
# Intervals do not know the allocation rule: one is enough for them, two for the rest.
VARIABLES = {
    "only_allocation_rules": ["any_holder", "equal_split"],
    "interval_allocation_rules": ["any_holder"],
}
# What is measured of which mart (shown.sql).
KINDS = {
    "fct_interaction_patterns": ("shown", "bounds", "uncertainty"),
    "fct_task_success": ("shown", "bounds", "uncertainty"),
    "fct_use_case_shares": ("shown", "bounds", "uncertainty"),
    "fct_education_shares": ("wilson_95", "bounds", "uncertainty"),
    "fct_occupation_group_shares": ("wilson_95", "bounds", "uncertainty"),
    "fct_facet_shares": ("wilson_95",),
    "fct_education_tasks": ("wilson_95",),
    "fct_platform_decomposition": ("task_bootstrap_t_95", "uncertainty"),
    "fct_scope_decomposition": ("task_bootstrap_t_95", "uncertainty"),
}


@dataclass(frozen=True)
class Batch:
    """Releases that share a model and rules.

    ``conversations`` (by platform) and ``tasks``: of each release.
    """

    name: str
    model: Model
    rules: Rules
    releases: int
    conversations: dict[str, int]
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
    named = sum(t.size["claude_ai"] for t in tasks.tasks) / 1e6
    countries = tuple(c for c in tasks.countries if c.geo_id != NOT_CLASSIFIED)
    complete = replace(
        tasks,
        parameters={**tasks.parameters, "none_share_claude_ai": 1 - named},
        countries=countries[:UNSUPPRESSED_COUNTRIES],
        regions=(),
    )
    bare = replace(rules, floor=1, account_floor=1)
    both = {"claude_ai": conversations, "1p_api": conversations}
    return (
        Batch("published", tasks, rules, releases, both, tasks_per_release),
        Batch("unsuppressed", complete, bare, releases, both, tasks_per_release),
    )


def simulate(
    con: duckdb.DuckDBPyConnection, wanted: Sequence[Batch], seed: int
) -> None:
    """Simulate the batches, with the targets in the table ``target``.

    Leaves ``kept_<table>`` with a column batch; ``release_row``, ``release_size`` and
    ``release_statement`` then hold the releases of all batches.
    """
    plan = parse_plan(FACETS)
    for number, batch in enumerate(wanted):
        runs = release_runs(
            batch.model,
            batch.releases,
            batch.conversations,
            seed + number,
            batch.tasks,
            batch.name,
        )
        simulate_releases(con, batch.model, runs, plan, batch.rules)
        for table, columns in KEPT_TABLES.items():
            make = "insert into" if number else "create or replace table"
            word = "" if number else "as"
            con.execute(
                f"{make} kept_{table} {word} "
                f"select '{batch.name}' as batch, {columns} from {table}"
            )
    for table in ("release_row", "release_size"):
        con.execute(
            f"create or replace table {table} as "
            f"select * exclude (batch) from kept_{table}"
        )
    files = {"subsectors": SUBSECTORS, "comparisons": COMPARISONS}
    con.execute(sql("calibration/targets.sql", **files))


def build(con: duckdb.DuckDBPyConnection, folder: Path, replicates: int) -> Path:
    """Build the marts on the batches; returns their file.

    What they show is then the table ``shown``.
    """
    project = prepare_project(con, folder)
    # Simulated releases are not one after another.
    comparisons = project / REFERENCE / COMPARISONS.name
    rows = comparisons.read_text(encoding="utf-8").splitlines(keepends=True)
    comparisons.write_text("".join(row for row in rows if ",release," not in row))
    names = [f"+{mart}" for mart in KINDS]
    used = VARIABLES | {"bootstrap_replicate_count": replicates}
    file = run_dbt(project, names, used, MEMORY_LIMIT)
    attach(con, file, "built")
    try:
        con.execute(sql("calibration/shown.sql"))
    finally:
        con.execute("detach built")
    return file


def judge(con: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """Compare ``shown`` with ``target``; returns the rows of the calibration's seed.

    Also leaves the table ``judged``: one row per interval or bound and truth.
    """
    con.execute(sql("calibration/judged.sql"))
    return summary(con.table("judged").pl())


def suppressed(built: Path) -> list[tuple[str, float]]:
    """Percent of the pattern cells that the published batch hides, by scope."""
    with duckdb.connect(str(built), read_only=True) as con:
        return con.execute(
            "select scope, avg(suppressed_pct) from marts.fct_interaction_patterns "
            "where starts_with(release_id, 'published_') and platform = 'claude_ai' "
            "and allocation_rule <> 'equal_split' "
            "and estimator = 'all_conversations' and pattern = 'directive' "
            "and scope in ('education', 'all_named', 'k12') group by scope "
            "order by 2 desc"
        ).fetchall()
