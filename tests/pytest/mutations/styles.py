"""Odd files that say the same as the clean one: they have to be staged alike."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable

from conftest import csv_text

from mutations.files import csv_of, read_text
from mutations.sheet import COLUMNS


def with_column(whole: str, name: str, value: str, at: int) -> str:
    """The same rows with a column that no release has yet."""
    columns = [*COLUMNS[:at], name, *COLUMNS[at:]]
    return csv_of([row | {name: value} for row in read_text(whole)], columns)


def quoted(whole: str) -> str:
    """The same rows with every field in quotes."""
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerows(csv.reader(io.StringIO(whole, newline="")))
    return out.getvalue()


STYLES: dict[str, Callable[[str], str]] = {
    "written anew": lambda whole: csv_text(read_text(whole)),
    "byte order mark": lambda whole: "\ufeff" + whole,
    "Windows line ends": lambda whole: whole.replace("\n", "\r\n"),
    "columns shuffled": lambda whole: csv_of(read_text(whole), sorted(COLUMNS)),
    "a column more": lambda whole: with_column(whole, "artifact", "7.5", 4),
    "level as a float": lambda whole: re.sub(
        r",0,([a-z_]+_(?:count|pct),)", r",0.0,\1", whole
    ),
    "no newline at the end": lambda whole: whole.rstrip("\n"),
    "every field in quotes": quoted,
    "an empty field behind each row": lambda whole: with_column(
        whole, "", "", len(COLUMNS)
    ).replace(",\n", "\n", 1),
    "a column named as one of the loader's": lambda whole: with_column(
        with_column(whole, "filename", "x", 0), "row_number", "7", 3
    ),
}
