"""Damaged files: what the loader has to find, each by a check that is named.

A damage makes the bytes of a file from the rows of the shipped one, and says where a
finding has to point. Nearly all change some rows: the finding has to name the first of
them. The damages themselves are in ``damages``.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import NamedTuple

from conftest import SHIPPED_DATA, Row, csv_text, read_rows, shipped_row

from mutations.sheet import (
    API,
    COLUMNS,
    PATTERN_OF_A_TASK,
    Sheet,
)


class Fault(NamedTuple):
    """Where a file is wrong; None is not looked at, fragments of text have to occur.

    What is expected is what the check's seed says, or the fragment of a check whose
    query says it itself.
    """

    row: int | None = None
    column: str | None = None
    observed: str = ""
    expected: str = ""


class Damaged(NamedTuple):
    """The bytes of a damaged file and its fault."""

    content: bytes
    fault: Fault


@dataclass(frozen=True)
class Damage:
    """A way to damage a file: of a platform, or a reference file of a role."""

    make: Callable[[list[Row]], Damaged]
    platform: str = API
    file_role: str = "raw"
    listed: Row = field(default_factory=dict)

    @property
    def manifest(self) -> Row:
        """The manifest row of the clean file, with what is wrong in the row itself."""
        return shipped_row(self.platform, self.file_role) | self.listed

    def official(self, release_id: str, relative_path: str) -> Row:
        """Its row of the manifest where the damaged bytes are the published ones."""
        content = self.done().content
        return self.manifest | {
            "release_id": release_id,
            "relative_path": relative_path,
            "byte_count": str(len(content)),
            "sha256": hashlib.sha256(content).hexdigest(),
        }

    def done(self) -> Damaged:
        """The damaged file."""
        return self.make(list(rows_of(self.manifest["relative_path"])))


@cache
def rows_of(relative_path: str) -> list[Row]:
    """The rows of a clean file."""
    return read_rows(SHIPPED_DATA / relative_path)


# Ways to damage a file ----------------------------------------------------------------

Choice = Callable[[Row], bool]
Value = str | Callable[[Row], str]


def at(**values: str) -> Choice:
    """Chooses the rows with these values."""
    return lambda row: all(row[column] == value for column, value in values.items())


def task_in_the_middle() -> str:
    """A task with many rows before and behind it, whose patterns are all published."""
    sheet = Sheet.shipped(API)
    labels: dict[str, set[str]] = {}
    for cell in sheet.find(PATTERN_OF_A_TASK):
        task, _, label = cell.cluster_name.rpartition("::")
        labels.setdefault(task, set()).add(label)
    needed = {"directive", "feedback loop", "learning", "not_classified"}
    tasks = sorted(task for task, has in labels.items() if needed <= has)
    return tasks[len(tasks) // 2]


TASK = task_in_the_middle()
COUNT = at(variable="onet_task_count", cluster_name=TASK)
PCT = at(variable="onet_task_pct", cluster_name=TASK)
LEARNING = at(facet=PATTERN_OF_A_TASK, cluster_name=f"{TASK}::learning")
LEARNING_COUNT = at(
    variable="onet_task_collaboration_count", cluster_name=f"{TASK}::learning"
)


def of_task(row: Row) -> bool:
    """Chooses the rows of the task and of the cells in it."""
    name = row["cluster_name"]
    return TASK in (name, name.rpartition("::")[0])


def is_country(row: Row) -> bool:
    """Chooses the rows about a country that has a code."""
    return row["geography"] == "country" and len(row["geo_id"]) == 2


def first(rows: list[Row], where: Choice) -> int:
    """The file's number of the first row that is chosen; the header is row 1."""
    return next(number for number, row in enumerate(rows, start=2) if where(row))


def edit(
    where: Choice,
    observed: str | None = None,
    platform: str = API,
    points_to: str | None = None,
    named: Choice | None = None,
    expected: str = "",
    **values: Value,
) -> Damage:
    """Put values into the chosen rows; the finding names the first that changed, or the
    first of those ``named``, its column or ``points_to``, and the new value or
    ``observed``."""

    def make(rows: list[Row]) -> Damaged:
        changed = [
            row | {c: v if isinstance(v, str) else v(row) for c, v in values.items()}
            if where(row)
            else row
            for row in rows
        ]
        number = next(n for n, row in enumerate(rows) if row != changed[n])
        column, new = next(
            (c, changed[number][c])
            for c in values
            if changed[number][c] != rows[number][c]
        )
        said = new if observed is None else observed
        row = first(rows, named) if named else number + 2
        fault = Fault(row, points_to or column, said, expected)
        return Damaged(csv_text(changed).encode(), fault)

    return Damage(make, platform)


def leave_out(where: Choice, fault: Fault, named: Choice | None = None) -> Damage:
    """Leave rows out; the finding names the first of the rows ``named`` that stay."""

    def make(rows: list[Row]) -> Damaged:
        kept = [row for row in rows if not where(row)]
        row = first(kept, named) if named else None
        return Damaged(csv_text(kept).encode(), fault._replace(row=row))

    return Damage(make)


def add(fault: Fault, where: Choice, **values: Value) -> Damage:
    """Add the chosen rows again, changed, at the end; the finding names the first."""

    def make(rows: list[Row]) -> Damaged:
        more = [
            row | {c: v if isinstance(v, str) else v(row) for c, v in values.items()}
            for row in rows
            if where(row)
        ]
        there = fault._replace(row=len(rows) + 2)
        return Damaged(csv_text([*rows, *more]).encode(), there)

    return Damage(make)


def listed(fault: Fault, named: Choice | None = None, **values: str) -> Damage:
    """Leave the file as it is and change its row of the manifest."""

    def make(rows: list[Row]) -> Damaged:
        row = first(rows, named) if named else None
        return Damaged(csv_text(rows).encode(), fault._replace(row=row))

    return Damage(make, listed=values)


def cut(behind: Choice, more: int, fault: Fault, named: Choice | None = None) -> Damage:
    """End the file some rows behind one; the finding names a row, by default it."""

    def make(rows: list[Row]) -> Damaged:
        last = first(rows, behind)
        kept = rows[: last - 1 + more]
        number = first(kept, named) if named else last
        return Damaged(csv_text(kept).encode(), fault._replace(row=number))

    return Damage(make)


def repeat(**changed: str) -> Damage:
    """Write one row twice, the second time changed, at the end."""

    def make(rows: list[Row]) -> Damaged:
        number = first(rows, LEARNING_COUNT)
        content = csv_text([*rows, rows[number - 2] | changed]).encode()
        said = f"the same key in 2 rows, first in row {number}, "
        return Damaged(content, Fault(number, None, said))

    return Damage(make)


def text(change: Callable[[str], str | bytes], fault: Fault, **of: str) -> Damage:
    """Change the whole text of a file."""

    def make(rows: list[Row]) -> Damaged:
        changed = change(csv_text(rows))
        content = changed.encode() if isinstance(changed, str) else changed
        return Damaged(content, fault)

    return Damage(make, **of)


def lines(change: Callable[[list[str]], list[str]], fault: Fault) -> Damage:
    """Change the lines of the file, the header being the first."""
    return text(lambda whole: "\n".join(change(whole.split("\n"))), fault)


def edited_line(whole: str, change: Callable[[str], str]) -> str:
    """The text with its line 3,001 changed."""
    all_lines = whole.split("\n")
    all_lines[3000] = change(all_lines[3000])
    return "\n".join(all_lines)


def cut_in_quotes(all_lines: list[str]) -> list[str]:
    """End inside the first quoted text behind line 2,500."""
    last = next(n for n in range(2500, len(all_lines)) if '"' in all_lines[n])
    return [*all_lines[:last], all_lines[last].split('"')[0] + '"cut here']


def header(change: Callable[[str], str], column: str | None, said: str = "") -> Damage:
    """Change the header; the finding shows it and names the column, if it is one."""
    return lines(
        lambda all_lines: [change(all_lines[0]), *all_lines[1:]],
        Fault(1, column, said),
    )


def without_column(column: str) -> Damage:
    """Leave out one column."""
    names = [name for name in COLUMNS if name != column]
    return text(
        lambda whole: csv_of(read_text(whole), names),
        Fault(1, column, "the header "),
    )


def read_text(whole: str) -> list[Row]:
    """The rows of CSV text."""
    return list(csv.DictReader(io.StringIO(whole, newline="")))


def csv_of(rows: Sequence[Row], columns: Sequence[str]) -> str:
    """The rows as CSV text, without the columns that are not named."""
    return csv_text([{name: row[name] for name in columns} for row in rows])
