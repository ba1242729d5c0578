"""The rows that a failed data test returned, for the message of the build."""

from __future__ import annotations

from pathlib import Path

import duckdb

SENTENCE = "sentence"


def failing_rows(work_file: Path, sql: str, limit: int = 3) -> list[str]:
    """The first rows of a data test's query, one line each.

    A line gives the row's columns that are filled, then its ``sentence``. Rows come in
    the order of their values, so that a message is the same in each run. A query that
    fails gives no line: the message of the test says why.
    """
    try:
        with duckdb.connect(str(work_file), read_only=True) as con:
            result = con.execute(
                f"select * from ({sql}\n) order by all limit {int(limit)}"
            )
            names = [column[0] for column in result.description]
            rows = [dict(zip(names, row, strict=True)) for row in result.fetchall()]
    except duckdb.Error:
        return []
    return [_line(row) for row in rows]


def _line(row: dict[str, object]) -> str:
    sentence = row.pop(SENTENCE, None)
    filled = ", ".join(
        f"{name} {value}" for name, value in row.items() if value is not None
    )
    return "    " + "; ".join(str(text) for text in (filled, sentence) if text)
