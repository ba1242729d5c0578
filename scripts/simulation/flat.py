"""Family A: the flat files of one release, in percent only.

Three files of Claude.ai in the world, from the unsuppressed counts that
``releases.simulate_releases`` leaves in ``truth_cell`` (Parquet with ``--truth``):

* ``onet_task_mappings.csv``: percent by task, of what is published, so that it sums to
  100; a task under the floor is absent, and so is ``not_classified``;
* ``automation_vs_augmentation_by_task.csv``: ratios (0 to 1) of the five patterns by
  published task, ``none`` apart; a cell under the floor is 0.0 and its conversations
  are in ``filtered``, with those of no pattern;
* ``automation_vs_augmentation.csv``: percent of all conversations by pattern; what the
  classifier left open is absent, so it sums to less than 100.
"""

from __future__ import annotations

from pathlib import Path

import duckdb

from simulation import files
from simulation.model import CATEGORIES
from simulation.plan import parse_plan

PATTERNS = ("feedback loop", "directive", "task iteration", "validation", "learning")
FLAT_PLAN = parse_plan("global/onet_task::collaboration")
FLAT_FILES = {
    "A_task_shares": "onet_task_mappings.csv",
    "A_task_patterns": "automation_vs_augmentation_by_task.csv",
    "A_patterns": "automation_vs_augmentation.csv",
}
WORLD = "truth_cell where geography = 'global' and platform = 'claude_ai'"


def flat_queries(floor: int) -> dict[str, str]:
    """The select of each file, by layout; ``floor`` in conversations."""
    tasks = (
        f"(select task, sum(conversations) as n from {WORLD} and facet = 'onet_task' "
        f"and task <> 'not_classified' group by task having n >= {floor})"
    )
    cells = (
        "(select task, n, category, coalesce(sum(conversations) filter "
        f"(conversations >= {floor} and category in {PATTERNS}), 0) as shown "
        f"from (select * from {WORLD} and facet = 'collaboration') "
        f"inner join {tasks} using (task) where task <> 'none' group by all)"
    )
    ratios = ", ".join(
        f"coalesce(any_value(shown) filter (category = '{p}'), 0) / any_value(n) "
        f"as {p.replace(' ', '_')}"
        for p in PATTERNS
    )
    named = CATEGORIES["collaboration"][:-1]
    return {
        "A_task_shares": "select task as task_name, n / sum(n) over () * 100 as pct "
        f"from {tasks} order by task",
        "A_task_patterns": f"select task as task_name, {ratios}, "
        f"(any_value(n) - sum(shown)) / any_value(n) as filtered from {cells} "
        "group by task order by task",
        "A_patterns": "select * from (select category as interaction_type, "
        "sum(conversations) / sum(sum(conversations)) over () * 100 as pct "
        f"from {WORLD} and facet = 'collaboration' group by category) "
        f"where interaction_type in {named} order by interaction_type",
    }


def write_flat(
    con: duckdb.DuckDBPyConnection, data: Path, release_id: str, floor: int
) -> list[dict[str, str]]:
    """Write the three files and the task statements; returns their manifest rows."""
    folder = data / f"release_{release_id}"
    rows = []
    for layout, query in flat_queries(floor).items():
        path = folder / FLAT_FILES[layout]
        files.copy_csv(con, query, path)
        columns = files.FLAT | {"schema_family": layout}
        rows.append(
            files.manifest_row(data, path, release_id, "raw", "claude_ai", columns)
        )
    path = folder / "onet_task_statements.csv"
    files.copy_csv(con, files.STATEMENTS_IN_ORDER, path)
    rows.append(files.manifest_row(data, path, release_id, "onet_task_statements"))
    return rows
