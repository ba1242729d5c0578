"""The answers of a run: what they hold, what failed, and how they are kept."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
from warehouse.errors import WarehouseError
from warehouse.reading import attach

TABLE = "validation.expectation_results"
HISTORY = "marts.fct_expectation_results"


class ValidationError(WarehouseError):
    """An expectation could not be evaluated; the text says which and why."""


@dataclass(frozen=True)
class Result:
    """One answer: a row of ``fct_expectation_results`` without its run.

    ``release_id`` and ``platform`` are ``all`` where the whole warehouse was judged;
    ``is_success`` is None where the copy holds nothing to judge; ``example_rows`` is a
    JSON array of at most five unexpected rows.
    """

    expectation_id: str
    assumption_id: str
    expectation: str
    boundary: str
    release_id: str
    platform: str
    severity: str
    is_success: bool | None
    observed: str
    expected: str
    unexpected_count: int
    example_rows: str
    sentence: str

    @property
    def examples(self) -> list[dict[str, Any]]:
        """The rows of ``example_rows``."""
        rows: list[dict[str, Any]] = json.loads(self.example_rows)
        return rows

    @property
    def left_out(self) -> str:
        """How many unexpected rows the examples are of; nothing when they are all."""
        shown = len(self.examples)
        if not 0 < shown < self.unexpected_count:
            return ""
        return f"shown: {shown} of {self.unexpected_count:,}"


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


# The columns of a run's answers.
COLUMNS = [each.name for each in (*fields(Run), *fields(Result))]


def worst_failure(results: Sequence[Result]) -> str | None:
    """critical, warning, or None when every expectation held."""
    failed = {result.severity for result in results if result.is_success is False}
    return next((name for name in ("critical", "warning") if name in failed), None)


def failure_lines(results: Sequence[Result], severity: str) -> list[str]:
    """The failures of a severity, for the person who started the run."""
    lines = []
    for result in results:
        if result.is_success is not False or result.severity != severity:
            continue
        where = (
            "the warehouse"
            if result.release_id == "all"
            else f"release {result.release_id} {result.platform}"
        )
        lines.append(
            f"- {result.expectation_id} ({result.assumption_id}), {where}: found "
            f"{result.observed}; expected {result.expected}. {result.sentence}"
        )
        lines += [
            "    " + ", ".join(f"{name} {value}" for name, value in row.items())
            for row in result.examples
        ]
        lines += [f"    ({result.left_out})"] if result.left_out else []
    return lines


def keep(work_file: Path, run: Run, results: Sequence[Result]) -> None:
    """Write the answers of a run into the work file, in the place of its own."""
    with duckdb.connect(str(work_file)) as con:
        con.execute(f"delete from {TABLE} where run_id = ?", [run.run_id])
        if results:
            con.executemany(
                f"insert into {TABLE} ({', '.join(COLUMNS)}) "
                f"values ({', '.join('?' * len(COLUMNS))})",
                [[*astuple(run), *astuple(result)] for result in results],
            )


def carry_over(work_file: Path, published_file: Path) -> str | None:
    """Copy the runs that the published file holds into the work file.

    Returns why earlier runs are left behind, None when nothing is: a file that can't
    be read, or one whose results have other columns, does not stop a build.
    """
    if not published_file.exists():
        return None
    with duckdb.connect(str(work_file)) as con:
        try:
            attach(con, published_file, "published")
            con.execute(
                f"insert into {TABLE} by name select {', '.join(COLUMNS)} "
                f"from published.{HISTORY}"
            )
        except duckdb.Error as error:
            return (
                f"Earlier validation runs are not carried over from {published_file}: "
                f"{str(error).splitlines()[0]}"
            )
    return None
