"""Odd files that say the same as the clean one: they have to be staged alike."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable

from conftest import csv_text

from mutations.files import csv_of, read_text


def with_column(whole: str, name: str, value: str, at: int) -> str:
    """The same rows with a column that no release has yet."""
    rows = read_text(whole)
    columns = list(rows[0])
    columns.insert(at, name)
    return csv_of([row | {name: value} for row in rows], columns)


def quoted(whole: str) -> str:
    """The same rows with every field in quotes."""
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerows(csv.reader(io.StringIO(whole, newline="")))
    return out.getvalue()


def shuffled(whole: str) -> str:
    """The same rows with their columns in another order."""
    rows = read_text(whole)
    return csv_of(rows, list(rows[0])[::-1])


def with_float_levels(whole: str) -> str:
    """The same rows, their whole levels as decimal numbers."""
    rows = read_text(whole)
    levels = [name for name in rows[0] if name in ("level", "hierarchy_level")]
    return csv_text([row | {n: f"{row[n]}.0" for n in levels} for row in rows])


STYLES: dict[str, Callable[[str], str]] = {
    "written anew": lambda whole: csv_text(read_text(whole)),
    "byte order mark": lambda whole: "\ufeff" + whole,
    "Windows line ends": lambda whole: whole.replace("\n", "\r\n"),
    "columns shuffled": shuffled,
    "a column more": lambda whole: with_column(whole, "artifact", "7.5", 4),
    "level as a float": with_float_levels,
    "no newline at the end": lambda whole: whole.rstrip("\n"),
    "every field in quotes": quoted,
    "an empty field behind each row": lambda whole: with_column(
        whole, "", "", 99
    ).replace(",\n", "\n", 1),
    "a column named as one of the loader's": lambda whole: with_column(
        with_column(whole, "filename", "x", 0), "row_number", "7", 3
    ),
}
