"""Measure how often the marts' intervals and bounds hold a truth that is known.

`make calibrate` calls this. It simulates releases, each with a task list of its own
drawn from a superpopulation, builds the marts on all of them in one dbt run, compares
every interval and bound with its target, and writes a seed and a page of the docs.

Two batches of releases:

``published``     the Index's own rules: cells under the floor are folded away
``unsuppressed``  every cell is published and every conversation has a task, so that
                  what an interval misses there is not the work of suppression

Targets (analysis guide, section 5): for Wilson the model's parameter for that release;
for the intervals that treat tasks as sampled the value in the superpopulation; for
bounds the share that the release's own conversations give when nothing is hidden.
"""

from __future__ import annotations

import argparse
import csv
import datetime
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb
from calibration.page import page
from simulated_marts import (
    PROJECT,
    Edit,
    SimulatedProject,
    prepare_project,
    run_dbt,
)
from simulation.model import NOT_CLASSIFIED, Model, load_model
from simulation.plan import parse_plan
from simulation.publish import Rules
from simulation.releases import open_database, release_runs, simulate_releases
from simulation.task_lists import superpopulation

SQL_FOLDER = Path(__file__).resolve().parent / "calibration"
SEED_FILE = PROJECT / "seeds" / "reference" / "interval_calibration.csv"
DOC_FILE = PROJECT / "docs" / "interval-calibration.md"

# Copies of each hand-written task in the superpopulation: a release draws 304 of 9,120,
# few enough that drawing without replacement does not narrow the spread (by 2%).
COPIES = 30
TASKS_PER_RELEASE = 304
# Without a floor every task of every country has a row; the ten largest are enough.
UNSUPPRESSED_COUNTRIES = 10
SIMULTANEOUS_ALPHA = 0.001
NOMINAL = 0.95
NORMAL_975 = 1.959963984540054
MEMORY_LIMIT = "6GB"

FACETS = (
    "use_case,global/collaboration,global/task_success,country,country/onet_task,"
    "onet_task::collaboration,onet_task::use_case,onet_task::task_success"
)
KEPT_TABLES = (
    "release_row",
    "truth_cell",
    "task_parameter",
    "answer_parameter",
    "country_parameter",
    "scope_parameter",
)
WITHOUT_PLATFORM = ("country_parameter",)
PLATFORM = "claude_ai"
MARTS = (
    "fct_interaction_patterns",
    "fct_task_success",
    "fct_use_case_shares",
    "fct_education_shares",
    "fct_occupation_group_shares",
    "fct_education_tasks",
    "fct_facet_shares",
)
# Intervals do not know the allocation rule: one of the four is enough for them, and two
# for bounds; that saves most of the time. The copied profile gets a limit of memory.
SCOPE_TASKS = "select * from {{ ref('int_scope_tasks') }}"
EDITS = (
    *(
        Edit(
            f"models/intermediate/{model}.sql",
            SCOPE_TASKS,
            f"{SCOPE_TASKS} where allocation_rule = 'any_holder'",
        )
        for model in ("int_scope_bootstrap", "int_scope_jackknife")
    ),
    Edit(
        "models/intermediate/int_scope_weights.sql",
        "\nfrom final\n",
        "\nfrom (\n    select * from final"
        " where allocation_rule in ('any_holder', 'equal_split')\n)\n",
    ),
    Edit("profiles.yml", "settings: {", f"settings: {{memory_limit: {MEMORY_LIMIT}, "),
)


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
    named = sum(t.size["claude_ai"] for t in tasks.tasks) / 1e6
    complete = replace(
        tasks,
        parameters={**tasks.parameters, "none_share_claude_ai": 1 - named},
        countries=tuple(c for c in tasks.countries if c.geo_id != NOT_CLASSIFIED)[
            :UNSUPPRESSED_COUNTRIES
        ],
        regions=(),
    )
    return (
        Batch("published", tasks, rules, releases, conversations, tasks_per_release),
        Batch(
            "unsuppressed",
            complete,
            replace(rules, floor=1, account_floor=1),
            releases,
            conversations,
            tasks_per_release,
        ),
    )


def simulate(
    con: duckdb.DuckDBPyConnection, wanted: Sequence[Batch], seed: int
) -> None:
    """Simulate the batches on Claude.ai; leaves ``kept_<table>`` with a column batch.

    ``release_row`` and ``release_statement`` then hold the releases of all batches.
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
        for table in KEPT_TABLES:
            make = f"create or replace table kept_{table} as"
            if number:
                make = f"insert into kept_{table}"
            where = (
                "" if table in WITHOUT_PLATFORM else f"where platform = '{PLATFORM}'"
            )
            con.execute(
                f"{make} select '{batch.name}' as batch, * from {table} {where}"
            )
    con.execute(
        "create or replace table release_row as "
        "select * exclude (batch) from kept_release_row"
    )


def run_statements(con: duckdb.DuckDBPyConnection, name: str) -> None:
    """Run a file of statements of the SQL folder."""
    text = (SQL_FOLDER / name).read_text(encoding="utf-8")
    for statement in text.split(";\n"):
        if statement.strip():
            con.execute(statement)


def judge(con: duckdb.DuckDBPyConnection, built: Path) -> list[dict[str, object]]:
    """Compare the built marts with the targets; returns the rows of the table.

    ``con`` holds what ``simulate`` left and the tables of ``targets.sql``. Also leaves
    the table ``judged``: one row per interval or bound and truth.
    """
    path = str(built).replace("'", "''")
    con.execute(f"attach '{path}' as built (read_only)")
    try:
        run_statements(con, "judged.sql")
    finally:
        con.execute("detach built")
    text = (SQL_FOLDER / "summary.sql").read_text(encoding="utf-8")
    result = con.execute(
        text.format(
            simultaneous_alpha=SIMULTANEOUS_ALPHA, nominal=NOMINAL, z=NORMAL_975
        )
    )
    names = [column[0] for column in result.description]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def build(
    con: duckdb.DuckDBPyConnection,
    folder: Path,
    variables: dict[str, object] | None = None,
) -> tuple[SimulatedProject, Path]:
    """Build the marts on the simulated batches; returns the project copy and file."""
    made = prepare_project(con, folder)
    built = run_dbt(
        made,
        [f"+{name}" for name in MARTS],
        variables,
        EDITS,
        with_input_checks=False,
    )
    return made, built


def suppressed_text(built: Path) -> str:
    """How much of the pattern cells the published batch hides, by scope, in words."""
    with duckdb.connect(str(built), read_only=True) as con:
        rows = con.execute(
            "select scope, avg(suppressed_pct) from marts.fct_interaction_patterns "
            "where starts_with(release_id, 'published_') "
            "and allocation_rule = 'any_holder' "
            "and estimator = 'all_conversations' and pattern = 'directive' "
            "and scope in ('education', 'all_named', 'k12') group by scope "
            "order by 2 desc"
        ).fetchall()
    parts = ", ".join(f"{pct:.1f}% of `{scope}`" for scope, pct in rows)
    return f"{parts} in pattern cells"


def write_seed(path: Path, rows: Sequence[dict[str, object]]) -> None:
    """Write the rows as the CSV file of the seed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def main(arguments: list[str] | None = None) -> int:
    """Command line; exit status 0 if every bound holds, 1 if one does not."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--releases", type=int, default=200, help="per batch")
    parser.add_argument(
        "--conversations", type=int, default=100_000, help="per release"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--replicates", type=int, default=1000, help="of the bootstrap")
    parser.add_argument("--output", type=Path, default=SEED_FILE)
    parser.add_argument("--doc", type=Path, default=DOC_FILE)
    parser.add_argument("--keep", type=Path, help="folder to keep the built files in")
    parser.add_argument(
        "--quick", action="store_true", help="30 releases, 200 replicates"
    )
    options = parser.parse_args(arguments)
    if options.quick:
        options.releases, options.replicates = 30, 200
    started = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - started:4.0f} s  {text}", flush=True)

    with tempfile.TemporaryDirectory() as own:
        folder = options.keep or Path(own)
        folder.mkdir(parents=True, exist_ok=True)
        con = open_database(str(folder / "simulated.duckdb"), temp_directory=Path(own))
        model = load_model(PROJECT / "seeds" / "simulation")
        say(f"simulating 2 x {options.releases} releases")
        simulate(
            con,
            batches(model, options.releases, options.conversations),
            options.seed,
        )
        say("computing the targets")
        run_statements(con, "targets.sql")
        say("building the marts")
        _, built = build(con, folder, {"bootstrap_replicate_count": options.replicates})
        say("comparing")
        rows = judge(con, built)
        suppressed = suppressed_text(built)
    write_seed(options.output, rows)
    facts = {
        "command": " ".join(
            (
                "python scripts/calibrate_intervals.py",
                f"--releases {options.releases}",
                f"--conversations {options.conversations}",
                f"--replicates {options.replicates} --seed {options.seed}",
            )
        ),
        "date": datetime.date.today().isoformat(),
        "releases": options.releases,
        "conversations": f"{options.conversations:,}",
        "tasks": TASKS_PER_RELEASE,
        "superpopulation": f"{COPIES * len(model.tasks):,}",
        "seed": options.seed,
        "replicates": options.replicates,
        "suppressed": suppressed,
    }
    options.doc.parent.mkdir(parents=True, exist_ok=True)
    options.doc.write_text(page(rows, facts), encoding="utf-8")
    say(f"{len(rows)} rows: {options.output}, {options.doc}")
    broken = [row for row in rows if row["verdict"] == "broken"]
    for row in broken:
        print(
            f"observed: bounds of {row['mart']} ({row['figure']}, {row['scope']}) hold "
            f"{row['inside_count']} of {row['truth_count']} truths; expected: all; "
            "do: correct the bounds of the mart",
            file=sys.stderr,
        )
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
