"""Read a warehouse file, without changing it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb

from warehouse.errors import WarehouseError

SENTENCE = "sentence"


def connect(warehouse: Path) -> duckdb.DuckDBPyConnection:
    """A connection that only reads; raises WarehouseError when there is no file."""
    if not warehouse.is_file():
        raise WarehouseError(
            f"There is no warehouse at {warehouse}; expected the file that make "
            "warehouse publishes. Build it, or name another with --warehouse."
        )
    return duckdb.connect(str(warehouse), read_only=True)


def records(
    con: duckdb.DuckDBPyConnection, sql: str, values: object = None
) -> list[dict[str, Any]]:
    """The rows of a query by column name."""
    result = con.execute(sql, values)
    names = [column[0] for column in result.description]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def has_table(con: duckdb.DuckDBPyConnection, name: str) -> bool:
    """Whether the table or view ``schema.name`` is in the warehouse."""
    sql = (
        "select count(*) from information_schema.tables "
        "where table_schema || '.' || table_name = ?"
    )
    return con.execute(sql, [name]).fetchall() != [(0,)]


def failing_rows(
    warehouse: Path, sql: str, database: str, limit: int = 3
) -> list[str]:
    """The first rows of a data test's query, one line each; ``database`` is the name
    that the query knows the warehouse by.

    A line gives the row's columns that are filled, then its ``sentence``. Rows come in
    the order of their values, so that a message is the same in each run. A query that
    fails gives no line: the message of the test says why.
    """
    try:
        with duckdb.connect() as con:
            path = str(warehouse).replace("'", "''")
            con.execute(f"attach '{path}' as \"{database}\" (read_only)")
            rows = records(con, f"from ({sql}\n) order by all limit {int(limit)}")
    except duckdb.Error:
        return []
    return [_line(row) for row in rows]


def _line(row: dict[str, object]) -> str:
    sentence = row.pop(SENTENCE, None)
    filled = ", ".join(
        f"{name} {value}" for name, value in row.items() if value is not None
    )
    return "    " + "; ".join(str(text) for text in (filled, sentence) if text)
