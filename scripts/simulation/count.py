"""Count drawn conversations into cells, slice by slice.

No table holds all conversations. A slice is drawn into a narrow temporary table,
counted, and dropped. Cells are whole numbers, so neither the order of slices nor the
number of threads can change them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import duckdb

from simulation.draw import NO_REGION, Run, draw_sql, platform_facets, prepare
from simulation.model import FACET_NO, Model
from simulation.plan import Plan

SLICE = 4_000_000
SLICES_BETWEEN_MERGES = 4

GLOBAL_PLACE, COUNTRY_PLACE, REGION_PLACE = 0, 1, 2
PLACES = {
    "global": GLOBAL_PLACE,
    "country": COUNTRY_PLACE,
    "country-state": REGION_PLACE,
}
PLACE_COLUMNS = {"global": "0", "country": "country_no", "country-state": "region_no"}

# grain: run, kind of place, place, facet, task, style, code. Outside the global place
# only facet 0 (onet_task) carries tasks; the other facets have task_no 0.
# accounts: one bit per account group seen.
CELL_COLUMNS = (
    "run_no usmallint, place_kind utinyint, place_no usmallint, facet_no utinyint, "
    "task_no integer, style utinyint, code utinyint, n bigint, accounts ubigint"
)
CELL_KEYS = "run_no, place_kind, place_no, facet_no, task_no, style, code"

Sink = Callable[[duckdb.DuckDBPyConnection, int], None]


def count_statements(platform: str, plan: Plan) -> list[str]:
    """One select over ``drawn`` per kind of cell that the plan needs."""
    mask = "bit_or(1::ubigint << account_group)"
    statements = []
    for geography, kind in PLACES.items():
        if geography != "global" and platform == "1p_api":
            continue
        place = PLACE_COLUMNS[geography]
        known = f"where region_no <> {NO_REGION}" if kind == REGION_PLACE else ""
        for facet in platform_facets(platform, plan.counted(geography)):
            code = "0" if facet == "onet_task" else facet
            by_task = facet == "onet_task" or geography == "global"
            keys = "task_no, style" if by_task else "0, 0"
            statements.append(
                f"select run_no, {kind}, {place}, {FACET_NO[facet]}, {keys}, {code}, "
                f"count(*), {mask} from drawn {known} group by all"
            )
    return statements


def draw_slices(
    con: duckdb.DuckDBPyConnection,
    draw: Callable[[int, int], str],
    sizes: Sequence[int],
    slice_size: int = SLICE,
) -> Iterator[int]:
    """Numbers of the slices, each while its rows are in the table ``drawn``.

    ``draw``: the select of conversations from one number up to another, of every run;
    ``sizes``: conversations of each run.
    """
    step = max(1, slice_size // len(sizes))
    for number, first in enumerate(range(0, max(sizes), step)):
        query = draw(first, min(first + step, max(sizes)))
        con.execute(f"create or replace temp table drawn as {query}")
        yield number
    con.execute("drop table if exists drawn")


def _merge(con: duckdb.DuckDBPyConnection) -> None:
    con.execute(
        f"create or replace table merged_cell as select {CELL_KEYS}, "
        "sum(n)::bigint as n, bit_or(accounts) as accounts from cell group by all"
    )
    con.execute("drop table cell")
    con.execute("alter table merged_cell rename to cell")


def count_platform(
    con: duckdb.DuckDBPyConnection,
    model: Model,
    platform: str,
    runs: Sequence[Run],
    plan: Plan,
    sink: Sink | None = None,
    slice_size: int = SLICE,
) -> int:
    """Draw all runs on one platform and leave their counts in the table ``cell``.

    Returns the number of slots of a block of tasks (see ``prepare``).

    ``sink`` is called with each slice's number while its rows are in the temporary
    table ``drawn``. A slice holds at most about ``slice_size`` conversations.
    """
    slots = prepare(con, model, platform, runs)
    con.execute(f"create or replace table cell ({CELL_COLUMNS})")
    facets = platform_facets(
        platform, [f for g in PLACES for f in plan.counted(g)] + list(plan.written)
    )
    statements = count_statements(platform, plan)
    sizes = [r.conversations[platform] for r in runs]
    regions = platform == "claude_ai" and bool(plan.counted("country-state"))
    draw = partial(draw_sql, model, facets, slots, regions, plan.has_requests)
    for number in draw_slices(con, draw, sizes, slice_size):
        for statement in statements:
            con.execute(f"insert into cell {statement}")
        if sink is not None:
            sink(con, number)
        if number % SLICES_BETWEEN_MERGES == SLICES_BETWEEN_MERGES - 1:
            _merge(con)
    _merge(con)
    return slots
