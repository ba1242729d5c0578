"""Keep the answers of a run in the warehouse, with those of earlier runs."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

if TYPE_CHECKING:
    from validation.run import Result

TABLE = "validation.expectation_results"
HISTORY = "marts.fct_expectation_results"


@dataclass(frozen=True)
class Run:
    """One run of the expectations: its name and when it began (UTC)."""

    run_id: str
    run_at: datetime

    @classmethod
    def now(cls) -> Run:
        """A run that begins now; the name sorts by time and is unique."""
        started = datetime.now(UTC).replace(microsecond=0, tzinfo=None)
        return cls(f"{started:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}", started)


def keep(work_file: Path, run: Run, results: Sequence[Result]) -> None:
    """Write the answers of a run into the work file, in the place of its own."""
    rows = [
        {"run_id": run.run_id, "run_at": run.run_at, **result.as_row()}
        for result in results
    ]
    with duckdb.connect(str(work_file)) as con:
        con.execute(f"delete from {TABLE} where run_id = ?", [run.run_id])
        if rows:
            names = list(rows[0])
            con.executemany(
                f"insert into {TABLE} ({', '.join(names)}) "
                f"values ({', '.join('?' for _ in names)})",
                [list(row.values()) for row in rows],
            )


def carry_over(work_file: Path, published_file: Path) -> str | None:
    """Copy the runs that the published file holds into the work file.

    Returns why earlier runs are left behind, None when nothing is: a file that can't
    be read, or one whose results have other columns, does not stop a build.
    """
    if not published_file.exists():
        return None
    with duckdb.connect(str(work_file)) as con:
        columns = [
            row[0]
            for row in con.execute(
                "select column_name from duckdb_columns() where schema_name || '.' || "
                "table_name = ? order by column_index",
                [TABLE],
            ).fetchall()
        ]
        path = str(published_file).replace("'", "''")
        try:
            con.execute(f"attach '{path}' as published (read_only)")
            con.execute(
                f"insert into {TABLE} by name select {', '.join(columns)} "
                f"from published.{HISTORY}"
            )
        except duckdb.Error as error:
            return (
                f"Earlier validation runs are not carried over from {published_file}: "
                f"{str(error).splitlines()[0]}"
            )
    return None
