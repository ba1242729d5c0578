"""What own conversations are worth before they are built: their gaps, by mart.

It is for who holds the conversations: it shows counts that no build shows.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import duckdb
from warehouse.building import data_folder
from warehouse.paths import SIMULATED_DATA

from conversations.contract import literal
from conversations.incoming import VARIABLE, prepare, private_file

# What a column is needed for, and what is lost without it.
USES = {
    "task_label": "fct_education_shares, fct_occupation_group_shares, "
    "fct_task_concentration, fct_education_tasks, fct_task_cells",
    "collaboration": "fct_interaction_patterns",
    "use_case": "fct_use_case_shares",
    "task_success": "fct_task_success",
    "country": "fct_country_education, fct_country_attributes, "
    "fct_country_comparisons, fct_definition_agreement, fct_place_usage",
    "region": "the regions of these",
    "account_group": "the floor of accounts; without it only conversations are counted",
}
NAMES = {"task_label": "task_text or task_id", "account_group": "account_id"}
MOST_TASKS, FEWEST_OF_TASK = 10, 5


def report(named: str, data_dir: str | None) -> str:
    """What the conversations hold and which marts they can fill.

    Raises BuildError with what is wrong. Nothing is kept.
    """
    os.environ[VARIABLE] = named
    data = data_folder(data_dir) or SIMULATED_DATA
    with tempfile.TemporaryDirectory() as folder:
        work_file = Path(folder) / "check.duckdb"
        incoming = prepare(work_file, data)
        left_out = [incoming.left_out] if incoming and incoming.left_out else []
        with duckdb.connect(str(private_file(work_file)), read_only=True) as con:
            if not con.execute("from incoming.conversations limit 1").fetchall():
                nothing = "The files have the right columns and hold no conversation."
                return "\n".join([nothing, *left_out])
            lines = [*sizes(con), *left_out, *uses(con), *tasks(con, data)]
            return "\n".join(lines)


def sizes(con: duckdb.DuckDBPyConnection) -> list[str]:
    """A line for each source, platform and version of a classifier."""
    rows = con.execute(
        """
        select source_id, platform, classifier_version, count(*), min(started_on),
            max(started_on), count(distinct date_trunc('month', started_on))
        from incoming.conversations inner join incoming.labels using (label_key)
        group by all order by all
        """
    ).fetchall()
    lines = ["The conversations can be used:"]
    for source, platform, version, count, first, last, months in rows:
        of = f", classifier version {version}" if version else ""
        lines.append(
            f"  {source} {platform}{of}: {count:,} conversations, {first} to {last}, "
            f"{months} calendar months"
        )
    return lines


def uses(con: duckdb.DuckDBPyConnection) -> list[str]:
    """A line for each column: how much of it is filled, and which marts need it."""
    counts = ", ".join(f"count({column})" for column in USES)
    filled = con.execute(
        f"select count(*), {counts} from incoming.conversations "
        "inner join incoming.labels using (label_key)"
    ).fetchall()[0]
    lines = ["Always filled: dim_releases, fct_cell_coverage, fct_facet_shares."]
    for (column, marts), count in zip(USES.items(), filled[1:], strict=True):
        name = NAMES.get(column, column)
        part = f"{100 * count / max(filled[0], 1):.1f}% filled"
        lines.append(f"  {name}: {part if count else 'absent'}; for {marts}")
    return lines


def tasks(con: duckdb.DuckDBPyConnection, data_dir: Path) -> list[str]:
    """How many tasks match the task list of the data folder, and the largest others."""
    lists = sorted(data_dir.glob("*/data/intermediate/onet_task_statements.csv*"))
    if not lists:
        return [
            f"  No task list in {data_dir}: without it no task can be counted as "
            "education (make fetch RELEASE=2025_09_15)."
        ]
    paths = ", ".join(literal(path) for path in lists)
    unmatched = con.execute(
        f"""
        with known as (
            select lower(trim("Task")) as name, "Task ID" as id
            from read_csv([{paths}], all_varchar = true, union_by_name = true)
        )
        select
            task_label, count(*) as row_count, sum(count(*)) over (), count(*) over ()
        from incoming.conversations inner join incoming.labels using (label_key)
        where
            task_label is not null and task_label <> 'none'
            and task_label not in (select name from known)
            and task_label not in (select id from known)
        group by task_label order by row_count desc, task_label limit {MOST_TASKS}
        """
    ).fetchall()
    if not unmatched:
        return ["  Every task is one of the task list."]
    *_, count, kinds = unmatched[0]
    return [
        f"  {count:,} conversations have one of {kinds:,} tasks that the task list "
        "lacks (name them in a file: tasks: in mapping.yml); the largest:",
        *(
            f"    {number:,} x {label[:100]}"
            for label, number, *_ in unmatched
            if number >= FEWEST_OF_TASK
        ),
        f"    (a text that comes less than {FEWEST_OF_TASK} times may be somebody's)",
    ]
