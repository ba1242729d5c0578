"""Damaged files: what the loader has to find, each by a check that is named.

A damage makes the bytes of a file from the rows of a clean one, and says where a
finding has to point. Nearly all change some rows: the finding has to name the first of
them. The damages themselves are in ``damages`` and ``family_damages``.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from conftest import PROJECT, Row, csv_text, read_rows

from mutations.clean import clean, small_sheet
from mutations.sheet import API, COLUMNS, PATTERN_OF_A_TASK

CHECKS = {
    row["check_name"]: row
    for row in read_rows(PROJECT / "seeds/reference/input_checks.csv")
}


class Fault(NamedTuple):
    """Where a file is wrong; None is not looked at, fragments of text have to occur.

    What is expected is what the check's seed says, or the fragment of a check whose
    query says it itself.
    """

    row: int | None = None
    column: str | None = None
    observed: str = ""
    expected: str = ""


class Problem(NamedTuple):
    """A finding of the loader, or a line of a refusal."""

    relative_path: str
    row_number: int | None
    column_name: str | None
    observed: str
    expected: str
    advice: str
    check_name: str

    def names(self, guard: str, fault: Fault) -> bool:
        """Whether it is of the check and points to the fault."""
        return (
            self.check_name == guard
            and fault.row in (None, self.row_number)
            and fault.column in (None, self.column_name)
            and fault.observed in self.observed
            and (fault.expected or CHECKS[guard]["expected"]) in self.expected
            and self.advice.endswith(".")
        )


class Damaged(NamedTuple):
    """The bytes of a damaged file and its fault."""

    content: bytes
    fault: Fault


@dataclass(frozen=True)
class Damage:
    """A way to damage a file, which is named as in ``clean``."""

    make: Callable[[list[Row]], Damaged]
    file: str = API
    listed: Row = field(default_factory=dict)

    @property
    def manifest(self) -> Row:
        """The manifest row of the clean file, with what is wrong in the row itself."""
        return clean(self.file)[0] | self.listed

    def official(self, release_id: str, relative_path: str) -> Row:
        """Its row of the manifest where the damaged bytes are the published ones."""
        return placed(self.manifest, self.done().content, release_id, relative_path)

    def done(self) -> Damaged:
        """The damaged file."""
        return self.make(list(clean(self.file)[1]))


def placed(row: Row, content: bytes, release_id: str, relative_path: str) -> Row:
    """A row of the manifest for other bytes, which are the official ones, elsewhere."""
    return row | {
        "release_id": release_id,
        "relative_path": relative_path,
        "byte_count": str(len(content)),
        "sha256": hashlib.sha256(content).hexdigest(),
    }


# Ways to damage a file ----------------------------------------------------------------

Choice = Callable[[Row], bool]
Value = str | Callable[[Row], str]


def at(**values: str) -> Choice:
    """Chooses the rows with these values."""
    return lambda row: all(row[column] == value for column, value in values.items())


def task_in_the_middle() -> str:
    """A task with rows before and behind it, whose patterns are all published."""
    sheet = small_sheet(API)
    labels: dict[str, set[str]] = {}
    for cell in sheet.find(PATTERN_OF_A_TASK):
        task, _, label = cell.cluster_name.rpartition("::")
        labels.setdefault(task, set()).add(label)
    needed = {"directive", "feedback loop", "learning", "not_classified"}
    tasks = sorted(t for t in sheet.named_tasks() if needed <= labels.get(t, set()))
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


def changed(row: Row, values: dict[str, Value]) -> Row:
    """The row with other values, or what becomes of it."""
    return row | {c: v if isinstance(v, str) else v(row) for c, v in values.items()}


def edit(
    where: Choice,
    observed: str | None = None,
    file: str = API,
    points_to: str | None = None,
    named: Choice | None = None,
    expected: str = "",
    **values: Value,
) -> Damage:
    """Put values into the chosen rows; the finding names the first that changed, or the
    first of those ``named``, its column or ``points_to``, and the new value or
    ``observed``."""

    def make(rows: list[Row]) -> Damaged:
        after = [changed(row, values) if where(row) else row for row in rows]
        number = next(n for n, row in enumerate(rows) if row != after[n])
        column, new = next(
            (c, after[number][c]) for c in values if after[number][c] != rows[number][c]
        )
        said = new if observed is None else observed
        row = first(rows, named) if named else number + 2
        fault = Fault(row, points_to or column, said, expected)
        return Damaged(csv_text(after).encode(), fault)

    return Damage(make, file)


def leave_out(
    where: Choice, fault: Fault, named: Choice | None = None, file: str = API
) -> Damage:
    """Leave rows out; the finding names the first of the rows ``named`` that stay."""

    def make(rows: list[Row]) -> Damaged:
        kept = [row for row in rows if not where(row)]
        row = first(kept, named) if named else None
        return Damaged(csv_text(kept).encode(), fault._replace(row=row))

    return Damage(make, file)


def add(fault: Fault, where: Choice, file: str = API, **values: Value) -> Damage:
    """Add the chosen rows again, changed, at the end; the finding names the first."""

    def make(rows: list[Row]) -> Damaged:
        more = [changed(row, values) for row in rows if where(row)]
        there = fault._replace(row=len(rows) + 2)
        return Damaged(csv_text([*rows, *more]).encode(), there)

    return Damage(make, file)


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


def repeat(where: Choice = LEARNING_COUNT, file: str = API, **values: str) -> Damage:
    """Write rows twice, the second time changed, at the end."""

    def make(rows: list[Row]) -> Damaged:
        number = first(rows, where)
        again = [row | values for row in rows if where(row)]
        said = f" in 2 rows, first in row {number}"
        return Damaged(csv_text([*rows, *again]).encode(), Fault(number, None, said))

    return Damage(make, file)


def text(change: Callable[[str], str | bytes], fault: Fault, file: str = API) -> Damage:
    """Change the whole text of a file."""

    def make(rows: list[Row]) -> Damaged:
        whole = change(csv_text(rows))
        return Damaged(whole.encode() if isinstance(whole, str) else whole, fault)

    return Damage(make, file)


def lines(change: Callable[[list[str]], list[str]], fault: Fault) -> Damage:
    """Change the lines of the file, the header being the first."""
    return text(lambda whole: "\n".join(change(whole.split("\n"))), fault)


# A line in the middle of the file.
LINE = 101


def edited_line(whole: str, change: Callable[[str], str]) -> str:
    """The text with one line changed."""
    all_lines = whole.split("\n")
    all_lines[LINE - 1] = change(all_lines[LINE - 1])
    return "\n".join(all_lines)


def cut_in_quotes(all_lines: list[str]) -> list[str]:
    """End inside the first quoted text behind the line."""
    last = next(n for n in range(LINE, len(all_lines)) if '"' in all_lines[n])
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
