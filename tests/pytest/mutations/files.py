"""Damaged files: what the loader has to refuse, each by a check that is named.

A damage changes a copy of the shipped release and says where the message has to point.
``GOOD_STYLES`` are odd files that say the same: they have to be staged alike.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from conftest import (
    PLATFORMS,
    SHIPPED_DATA,
    DataFolder,
    Row,
    csv_text,
    manifest_rows,
    read_rows,
    shipped_row,
    write_rows,
)

from mutations.releases import GLOBAL, Cell, Sheet

API = "1p_api"
CHAT = "claude_ai"
COLUMNS = list(read_rows(SHIPPED_DATA / shipped_row(API)["relative_path"])[0])


@dataclass(frozen=True)
class Fault:
    """Where a damaged file is wrong, as the message has to say it.

    A row or column of None is not looked at; text fragments have to occur.
    """

    row: int | None = None
    column: str | None = None
    observed: str = ""
    expected: str = ""
    file: str = shipped_row(API)["relative_path"]


Damage = Callable[[DataFolder], Fault]

LABELS = "directive, feedback loop, learning"


# Ways to damage a file ----------------------------------------------------------------


def number_of(rows: list[Row], skip: int = 0, **values: str) -> int:
    """The file's row number of a row with these values, the header being row 1."""
    found = [
        number
        for number, row in enumerate(rows, start=2)
        if all(row[column] == value for column, value in values.items())
    ]
    return found[skip]


# A count in the middle of the tasks: many rows stand before and behind it.
def task_count_number(rows: list[Row]) -> int:
    """The row number of the count of a task in the middle of the file's tasks."""
    return number_of(rows, 120, facet="onet_task", variable="onet_task_count")


def task_pct_number(rows: list[Row]) -> int:
    """The row number of the percentage of a task in the middle of the file's tasks."""
    return number_of(rows, 120, facet="onet_task", variable="onet_task_pct")


def pattern_count_number(rows: list[Row]) -> int:
    """The row number of the count of a task's pattern, in the middle of the file."""
    variable = "onet_task_collaboration_count"
    return number_of(rows, 500, facet="onet_task::collaboration", variable=variable)


def change_cell(
    column: str,
    value: str,
    expected: str,
    of: Callable[[list[Row]], int] = task_count_number,
    platform: str = API,
) -> Damage:
    """Put a value into one row; the message names this row, the column, the value."""

    def damage(folder: DataFolder) -> Fault:
        path = folder.raw(platform)
        rows = read_rows(path)
        number = of(rows)
        rows[number - 2][column] = value
        write_rows(path, rows)
        file = shipped_row(platform)["relative_path"]
        return Fault(number, column, value, expected, file)

    return damage


def change_text(change: Callable[[str], str], fault: Fault) -> Damage:
    """Change the whole text of the API file."""

    def damage(folder: DataFolder) -> Fault:
        path = folder.raw(API)
        path.write_bytes(change(path.read_bytes().decode()).encode())
        return fault

    return damage


def change_bytes(change: Callable[[bytes], bytes], fault: Fault) -> Damage:
    """Change the bytes of the API file."""

    def damage(folder: DataFolder) -> Fault:
        path = folder.raw(API)
        path.write_bytes(change(path.read_bytes()))
        return fault

    return damage


def drop_column(column: str) -> Damage:
    """Leave out one column."""

    def damage(folder: DataFolder) -> Fault:
        path = folder.raw(API)
        rows = read_rows(path)
        columns = [name for name in rows[0] if name != column]
        kept = [{name: row[name] for name in columns} for row in rows]
        path.write_bytes(csv_text(kept, columns).encode())
        return Fault(1, column, "the header geo_id" if column != "geo_id" else "")

    return damage


def rename_column(column: str, name: str) -> Damage:
    """Give one column another name in the header."""

    def change(text: str) -> str:
        header, rest = text.split("\n", 1)
        names = [name if old == column else old for old in header.split(",")]
        return ",".join(names) + "\n" + rest

    return change_text(change, Fault(1, column, name, f"one column {column}"))


def unquoted_thousands(folder: DataFolder) -> Fault:
    """A count written as 1,234 without quotes: a line with a field too many."""
    path = folder.raw(API)
    number = task_count_number(read_rows(path))
    lines = path.read_bytes().decode().split("\n")
    start = lines[number - 1].rsplit(",", 1)[0]
    lines[number - 1] = f"{start},1,234"
    path.write_bytes("\n".join(lines).encode())
    return Fault(number, None, "too many columns", "as many fields as the header")


def repeat_row(change: dict[str, str]) -> Damage:
    """Write one row twice, the second time changed."""

    def damage(folder: DataFolder) -> Fault:
        path = folder.raw(API)
        rows = read_rows(path)
        number = pattern_count_number(rows)
        rows.append(rows[number - 2] | change)
        write_rows(path, rows)
        observed = f"the same key in 2 rows ({number}: "
        return Fault(number, None, observed, "one row per key")

    return damage


def paste_twice(folder: DataFolder) -> Fault:
    """Append the whole file, with its header, to itself."""
    path = folder.raw(API)
    path.write_bytes(path.read_bytes() * 2)
    return Fault(None, None, "the same key in 2 rows", "one row per key")


def rename_pattern(label: str, new: str, expected: str = LABELS) -> Damage:
    """Give a pattern of one task another label."""

    def damage(folder: DataFolder) -> Fault:
        path = folder.raw(API)
        rows = read_rows(path)
        middle = pattern_count_number(rows)
        number = next(
            number
            for number, row in enumerate(rows[middle - 2 :], start=middle)
            if row["cluster_name"].endswith(f"::{label}")
        )
        name = rows[number - 2]["cluster_name"]
        for row in rows:
            if row["cluster_name"] == name:
                row["cluster_name"] = name.removesuffix(label) + new
        write_rows(path, rows)
        observed = f'the label "{new}"' if new else name.removesuffix(label)[:60]
        return Fault(number, "cluster_name", observed, expected)

    return damage


def cut_in_line(folder: DataFolder) -> Fault:
    """End the file in the middle of a line."""
    path = folder.raw(API)
    lines = path.read_bytes().decode().split("\n")
    kept = lines[:3000]
    path.write_bytes("\n".join([*kept, lines[3000][:40]]).encode())
    return Fault(3001, None, lines[3000][:40], "as many fields as the header")


def cut_in_quotes(folder: DataFolder) -> Fault:
    """End the file inside a quoted text."""
    path = folder.raw(API)
    lines = path.read_bytes().decode().split("\n")
    last = next(index for index in range(2500, len(lines)) if '"' in lines[index])
    start = lines[last][: lines[last].index('"') + 9]
    path.write_bytes("\n".join([*lines[:last], start]).encode())
    return Fault(last + 1)


def cut_between_pair(folder: DataFolder) -> Fault:
    """End the file behind the count of a task's pattern, before its percentage."""
    path = folder.raw(API)
    rows = read_rows(path)
    last = pattern_count_number(rows)
    write_rows(path, rows[: last - 1])
    return Fault(last, "variable", "a count without its pct", "both in every cell")


def cut_behind_pair(folder: DataFolder) -> Fault:
    """End the file behind the count and the percentage: every cell is whole."""
    path = folder.raw(API)
    rows = read_rows(path)
    last = pattern_count_number(rows) + 1
    assert rows[last - 2]["variable"].endswith("_pct")
    write_rows(path, rows[: last - 1])
    return Fault(expected="the sum of the counts in its group")


def swap_files(folder: DataFolder) -> Fault:
    """Give each platform the file of the other."""
    api, chat = folder.raw(API), folder.raw(CHAT)
    other = folder.root / "other"
    api.rename(other)
    chat.rename(api)
    other.rename(chat)
    expected = f'"{shipped_row(API)["product_label"]}" (release manifest)'
    observed = f'"{shipped_row(CHAT)["product_label"]}"'
    return Fault(2, "platform_and_product", observed, expected)


def move_window(first_row: int) -> Damage:
    """Give all rows from one on another window."""

    def damage(folder: DataFolder) -> Fault:
        path = folder.raw(API)
        rows = read_rows(path)
        for row in rows[first_row - 2 :]:
            row["date_start"], row["date_end"] = "2026-03-02", "2026-03-09"
        write_rows(path, rows)
        row = shipped_row(API)
        window = f"{row['window_start_date']} to {row['window_end_date']}"
        observed = "2026-03-02 to 2026-03-09"
        return Fault(first_row, "date_start, date_end", observed, window)

    return damage


def change_date(column: str, value: str) -> Damage:
    """Put another first or last day into one row."""

    def damage(folder: DataFolder) -> Fault:
        change_cell(column, value, "")(folder)
        window = f"{shipped_row(API)['window_start_date']} to "
        number = task_count_number(read_rows(folder.raw(API)))
        return Fault(number, "date_start, date_end", value, window)

    return damage


def another_release(folder: DataFolder) -> Fault:
    """Put the file of a later release where this one's is expected."""
    path = folder.raw(CHAT)
    rows = read_rows(path)
    later = next(
        row
        for row in manifest_rows()
        if row["release_id"] == "2026_03_24" and row["platform"] == CHAT
    )
    for row in rows:
        row["date_start"] = later["window_start_date"]
        row["date_end"] = later["window_end_date"]
        row["platform_and_product"] = later["product_label"]
    write_rows(path, rows)
    row = shipped_row(CHAT)
    observed = f"{later['window_start_date']} to {later['window_end_date']}"
    expected = f"{row['window_start_date']} to {row['window_end_date']}"
    return Fault(2, "date_start, date_end", observed, expected, row["relative_path"])


def change_countries(
    change: Callable[[Row], dict[str, str]], observed: str, expected: str
) -> Damage:
    """Change rows of the chat file; the message names the first one changed."""

    def damage(folder: DataFolder) -> Fault:
        path = folder.raw(CHAT)
        rows = read_rows(path)
        changed = [row | change(row) for row in rows]
        number = next(
            number
            for number, (old, new) in enumerate(zip(rows, changed, strict=True), 2)
            if old != new
        )
        write_rows(path, changed)
        file = shipped_row(CHAT)["relative_path"]
        column = next(
            c for c in COLUMNS if rows[number - 2][c] != changed[number - 2][c]
        )
        return Fault(number, column, observed, expected, file)

    return damage


def is_country(row: Row) -> bool:
    """Whether a row is about a country that has a code."""
    return row["geography"] == "country" and len(row["geo_id"]) == 2


alpha_3 = change_countries(
    lambda row: {"geo_id": f"{row['geo_id']}X"} if is_country(row) else {},
    '"country" with geo_id "ALX"',
    "a geo_id like NA",
)
namibia_as_null = change_countries(
    lambda row: {"geo_id": ""} if row["geo_id"] == "NA" else {},
    '"country" with geo_id ""',
    "a geo_id like NA",
)
usps_codes = change_countries(
    lambda row: {"geo_id": row["geo_id"].removeprefix("US-")},
    '"country-state" with geo_id "',
    "a geo_id like US-CA",
)
totals_as_null = change_countries(
    lambda row: (
        {"cluster_name": "NULL"} if row["variable"].startswith("usage_") else {}
    ),
    '"NULL" in country',
    "an empty text",
)


def country_code(code: str) -> Damage:
    """Change the code of one country row of the chat file."""
    return change_cell(
        "geo_id",
        code,
        "a geo_id like NA",
        of=lambda rows: number_of(rows, 20, facet="country", variable="usage_count"),
        platform=CHAT,
    )


def swap_count_and_pct(folder: DataFolder) -> Fault:
    """Exchange the count and the percentage of one pattern of a task."""
    path = folder.raw(API)
    rows = read_rows(path)
    number = pattern_count_number(rows)
    count, pct = rows[number - 2], rows[number - 1]
    assert count["cluster_name"] == pct["cluster_name"]
    count["value"], pct["value"] = pct["value"], count["value"]
    write_rows(path, rows)
    return Fault(number, "value")


def pct_as_fraction(folder: DataFolder) -> Fault:
    """Write every percentage as a fraction of one."""
    path = folder.raw(API)
    rows = read_rows(path)
    for row in rows:
        if row["variable"].endswith("_pct"):
            row["value"] = repr(float(row["value"]) / 100)
    write_rows(path, rows)
    return Fault(None, "value", "pct 0.", "= count / ")


def residual_of_a_task(rows: list[Row]) -> str:
    """The name of a residual cell in the middle of the file's patterns."""
    residuals = [
        row["cluster_name"]
        for row in rows
        if row["facet"] == "onet_task::collaboration"
        and row["cluster_name"].endswith("::not_classified")
    ]
    return residuals[len(residuals) // 2]


def drop_residual(folder: DataFolder) -> Fault:
    """Leave out count and pct of the residual of one task."""
    path = folder.raw(API)
    rows = read_rows(path)
    name = residual_of_a_task(rows)
    write_rows(path, [row for row in rows if row["cluster_name"] != name])
    return Fault(None, "value", name[:40], "the sum of the counts in its group")


def drop_consistently(folder: DataFolder, *dropped: Cell) -> None:
    """Leave cells out and write percentages that agree with what is left."""
    sheet = Sheet.shipped(API)
    for cell in dropped:
        del sheet.counts[cell]
    write_rows(folder.raw(API), sheet.rows())


def drop_residual_consistently(folder: DataFolder) -> Fault:
    """Leave out the residual of one task and put the percentages right."""
    name = residual_of_a_task(read_rows(folder.raw(API)))
    drop_consistently(folder, Cell(*GLOBAL, "onet_task::collaboration", name))
    task = name.rpartition("::")[0]
    return Fault(None, "value", f'"{task[:40]}', "the onet_task_count of the task")


def drop_pattern_consistently(folder: DataFolder) -> Fault:
    """Leave out a pattern of a task and put the percentages right."""
    rows = read_rows(folder.raw(API))
    name = rows[pattern_count_number(rows) - 2]["cluster_name"]
    drop_consistently(folder, Cell(*GLOBAL, "onet_task::collaboration", name))
    task = name.rpartition("::")[0]
    return Fault(None, "value", f'"{task[:40]}', "the onet_task_count of the task")


def drop_task_total(folder: DataFolder) -> Fault:
    """Leave out the total of a task, whose intersections stay."""
    rows = read_rows(folder.raw(API))
    name = rows[task_count_number(rows) - 2]["cluster_name"]
    drop_consistently(folder, Cell(*GLOBAL, "onet_task", name))
    observed = f'cells of "{name[:40]}'
    return Fault(None, "cluster_name", observed, "rows of the task in the facet")


def drop_measure(measure: str) -> Damage:
    """Leave out the count or the percentage of one pattern of a task."""
    other = {"count": "pct", "pct": "count"}[measure]

    def damage(folder: DataFolder) -> Fault:
        path = folder.raw(API)
        rows = read_rows(path)
        number = pattern_count_number(rows)
        dropped = rows[number - 2 : number]
        assert len({row["cluster_name"] for row in dropped}) == 1
        rows[number - 2 : number] = [
            row for row in dropped if row["variable"].endswith(other)
        ]
        write_rows(path, rows)
        observed = f"a {other} without its {measure}"
        return Fault(number, "variable", observed, "both in every cell")

    return damage


def rename_task(rename: Callable[[str], str]) -> Damage:
    """Give one task, with all its cells, a name that the task list lacks."""

    def damage(folder: DataFolder) -> Fault:
        path = folder.raw(API)
        rows = read_rows(path)
        old = rows[task_count_number(rows) - 2]["cluster_name"]
        new = rename(old)
        for row in rows:
            if row["cluster_name"] == old or row["cluster_name"].startswith(f"{old}::"):
                row["cluster_name"] = new + row["cluster_name"].removeprefix(old)
        number = number_of(rows, cluster_name=new)
        write_rows(path, rows)
        expected = (
            f"a statement of the task list {shipped_row(API)['taxonomy_version']}"
        )
        return Fault(number, "cluster_name", f'the task "{new}"', expected)

    return damage


def suffix_value(folder: DataFolder) -> Fault:
    """Write ::value behind the labels of a category facet, as behind numbers."""
    path = folder.raw(API)
    rows = read_rows(path)
    number = number_of(rows, facet="onet_task::collaboration")
    for row in rows:
        if row["facet"] == "onet_task::collaboration":
            row["cluster_name"] += "::value"
    write_rows(path, rows)
    return Fault(number, "cluster_name", 'the label "value"', LABELS)


def no_raw_files(folder: DataFolder) -> Fault:
    """Take every raw file away."""
    for platform in PLATFORMS:
        folder.raw(platform).unlink(missing_ok=True)
    observed = "no raw release file of the manifest"
    return Fault(None, None, observed, "at least one of ", str(folder.root))


def pct_of_99(folder: DataFolder) -> Fault:
    """Write the percentages of the global patterns so that they sum to 99."""
    path = folder.raw(API)
    rows = read_rows(path)
    number = number_of(rows, variable="collaboration_count")
    for row in rows:
        if row["variable"] == "collaboration_pct":
            row["value"] = repr(0.99 * float(row["value"]))
    write_rows(path, rows)
    observed = f'collaboration of "{rows[number - 2]["cluster_name"]}" in GLOBAL: pct '
    return Fault(number, "value", observed, "pct = ")


def change_count(folder: DataFolder) -> Fault:
    """Write one count one higher, with nothing else changed."""
    path = folder.raw(API)
    rows = read_rows(path)
    number = pattern_count_number(rows)
    count = float(rows[number - 2]["value"]) + 1
    rows[number - 2]["value"] = repr(count)
    write_rows(path, rows)
    return Fault(number, "value", f"beside count {count}", "pct = ")


def no_statements(folder: DataFolder) -> Fault:
    """Take the task statements away."""
    folder.statements.unlink()
    expected = "this copy has none, fetch it with make fetch"
    return Fault(None, "cluster_name", "the task ", expected)


def change_reference(file_role: str, change: Callable[[bytes], bytes]) -> Damage:
    """Change the bytes of a reference file; the message names it."""

    def damage(folder: DataFolder) -> Fault:
        file = shipped_row("", file_role)["relative_path"]
        path = folder.root / file
        path.write_bytes(change(path.read_bytes()))
        return Fault(file=file)

    return damage


def no_colons(folder: DataFolder) -> Fault:
    """Leave the `::` out of an intersection's name."""
    path = folder.raw(API)
    rows = read_rows(path)
    number = pattern_count_number(rows)
    name = rows[number - 2]["cluster_name"]
    for row in rows:
        if row["cluster_name"] == name:
            row["cluster_name"] = name.replace("::", " ")
    write_rows(path, rows)
    observed = name.replace("::", " ")[:40]
    return Fault(number, "cluster_name", observed, "base::category, both named")


def latin_1(text: str) -> bytes:
    """The text with an accented letter in a task, in the encoding of old Windows."""
    lines = text.split("\n")
    lines[3000] = lines[3000].replace("e", "\u00e9", 5)
    return "\n".join(lines).encode("latin-1")


HTML = (
    "<!DOCTYPE html>\n<html><head><title>Sign in</title></head>\n"
    "<body>Too many requests</body></html>\n"
)
NUMBER = "a plain decimal number"
WHOLE_NUMBER = "a whole number such as 0"
COUNT = "0 or more, whole"
NAMED = "base::category, both named"

# Every damage, by the check that has to refuse it.
DAMAGES: dict[str, dict[str, Damage]] = {
    "refused_files": {
        **{
            f"column {column} dropped": drop_column(column)
            for column in ("geo_id", "facet", "cluster_name", "value")
        },
        "column cluster_name renamed": rename_column("cluster_name", "category_name"),
        "column value in capitals": rename_column("value", "Value"),
        "column value twice": change_text(
            lambda text: csv_text(
                [row | {"Value": "7"} for row in csv.DictReader(io.StringIO(text))]
            ),
            Fault(1, "value", "value,Value", "one column value"),
        ),
        "quotation mark lost in the header": change_text(
            lambda text: 'geo_id"' + text.removeprefix("geo_id"),
            Fault(1, "geo_id", 'geo_id",geography'),
        ),
        "two byte order marks": change_text(
            lambda text: "\ufeff\ufeff" + text,
            Fault(1, "geo_id", "\ufeffgeo_id"),
        ),
        "semicolons instead of commas": change_text(
            lambda text: text.replace(",", ";"), Fault(1, "value", "geo_id;geography")
        ),
        "tabs instead of commas": change_text(
            lambda text: text.replace(",", "\t"), Fault(1, "value", "geo_id\tgeography")
        ),
        "HTML error page saved as CSV": change_text(
            lambda _: HTML, Fault(1, "value", "<!DOCTYPE html>")
        ),
        "UTF-16": change_bytes(
            lambda content: content.decode().encode("utf-16"),
            Fault(1, "value", "not UTF-8 text"),
        ),
        "compressed, but named .csv": change_bytes(
            lambda content: gzip.compress(content, mtime=0),
            Fault(1, "value", "not UTF-8 text"),
        ),
        "empty file": change_bytes(lambda _: b"", Fault(1, "value")),
        "task statements a web page": change_reference(
            "onet_task_statements", lambda _: HTML.encode()
        ),
        "task statements empty": change_reference(
            "onet_task_statements", lambda _: b""
        ),
        "task statements without the column Task": change_reference(
            "onet_task_statements",
            lambda content: content.replace(b",Task,", b",Text,"),
        ),
        "country list a web page": change_reference(
            "iso_country_codes", lambda _: HTML.encode()
        ),
    },
    "no_release_files": {"no raw file at all": no_raw_files},
    "rejected_rows": {
        "Latin-1 bytes in a line": change_bytes(
            lambda content: latin_1(content.decode()),
            Fault(3001, None, "", "a UTF-8 line"),
        ),
        "truncated in the middle of a line": cut_in_line,
        "truncated inside a quoted text": cut_in_quotes,
        "value 1,234 without quotes": unquoted_thousands,
        "task statements truncated in a line": change_reference(
            "onet_task_statements", lambda content: content[: len(content) // 2]
        ),
    },
    "empty_files": {
        "truncated behind the header": change_bytes(
            lambda content: content.split(b"\n")[0] + b"\n",
            Fault(None, None, "no row", "at least one row behind the header"),
        ),
    },
    "mislabelled_rows": {
        "platforms swapped": swap_files,
        "one row of another product": change_cell(
            "platform_and_product",
            "Claude AI (Free, Pro, and Max)",
            f'"{shipped_row(API)["product_label"]}" (release manifest)',
        ),
    },
    "misdated_rows": {
        "another window": move_window(2),
        "two windows in one file": move_window(2400),
        "an eight-day window in the file alone": change_date("date_end", "2026-01-13"),
        "day before month": change_date("date_start", "05-01-2026"),
        "a release under another release's id": another_release,
    },
    "unknown_geographies": {
        "one country with three letters": country_code("NAM"),
        "alpha-3 codes for all countries": alpha_3,
        "a country in lower case": country_code("us"),
        "NA read as null": namibia_as_null,
        "USPS codes in a 2026 file": usps_codes,
        "geography unknown": change_cell(
            "geography",
            "planet",
            "global, country, state_us or country-state",
        ),
    },
    "untyped_numbers": {
        "value abc": change_cell("value", "abc", NUMBER),
        "value 1,234 in quotes": change_cell("value", "1,234", NUMBER),
        "value 25,5 with a decimal comma": change_cell("value", "25,5", NUMBER),
        "value NaN": change_cell("value", "NaN", NUMBER),
        "value inf": change_cell("value", "inf", NUMBER),
        "value too large for a number": change_cell("value", "1e400", NUMBER),
        "value empty": change_cell("value", "", NUMBER),
        "value with a space": change_cell("value", " 5", NUMBER),
        "value abc in an intersection": change_cell(
            "value", "abc", NUMBER, pattern_count_number
        ),
        "level not a number": change_cell("level", "fine", WHOLE_NUMBER),
        "level with a half": change_cell("level", "0.5", WHOLE_NUMBER),
    },
    "impossible_numbers": {
        "count negative": change_cell("value", "-25.0", COUNT),
        "count fractional": change_cell("value", "25.5", COUNT),
        "count of a pattern negative": change_cell(
            "value", "-25.0", COUNT, pattern_count_number
        ),
        "pct negative": change_cell(
            "value", "-0.1", "a percentage from 0 to 100", task_pct_number
        ),
        "pct over 100": change_cell(
            "value", "100.5", "a percentage from 0 to 100", task_pct_number
        ),
        "count and pct swapped": swap_count_and_pct,
    },
    "duplicate_keys": {
        "row twice": repeat_row({}),
        "key twice with another value": repeat_row({"value": "17.0"}),
        "key twice, level 0 and 0.0": repeat_row({"level": "0.0"}),
        "file pasted twice": paste_twice,
    },
    "unknown_variables": {
        "variable unknown": change_cell(
            "variable", "onet_task_number", "onet_task_count or onet_task_pct"
        ),
        "variable of another facet": change_cell(
            "variable", "use_case_count", "onet_task_count or onet_task_pct"
        ),
    },
    "unpaired_cells": {
        "truncated between count and pct": cut_between_pair,
        "count dropped": drop_measure("count"),
        "pct dropped": drop_measure("pct"),
    },
    "unknown_labels": {
        "labels with underscores": rename_pattern("feedback loop", "feedback_loop"),
        "an unknown label": rename_pattern("learning", "tutoring"),
        "a label with a capital": rename_pattern("learning", "Learning"),
        "a label with a space behind it": rename_pattern("learning", "learning "),
        "::value behind the label": suffix_value,
    },
    "unnamed_cells": {
        "task without a name": change_cell("cluster_name", "", "a name"),
        "intersection without colons": no_colons,
        "intersection without a category": rename_pattern("learning", "", NAMED),
        "empty cluster_name read as null": totals_as_null,
    },
    "unknown_tasks": {
        "a task not in O*NET": rename_task(lambda task: "juggle torches."),
        ":: in the base name": rename_task(lambda task: f"{task}::again"),
        "a task with a capital": rename_task(str.capitalize),
        "task statements missing": no_statements,
    },
    "contradicted_percentages": {
        "truncated behind a whole cell": cut_behind_pair,
        "pct as a fraction": pct_as_fraction,
        "pct that sums to 99": pct_of_99,
        "residual dropped": drop_residual,
        "one count edited": change_count,
    },
    "totalless_tasks": {"total of a task dropped": drop_task_total},
    "unpartitioned_tasks": {
        "pattern dropped, percentages put right": drop_pattern_consistently,
        "residual dropped, percentages put right": drop_residual_consistently,
    },
}

# Damages of the larger Claude.ai file; every other one makes do with the API's.
NEEDS_BOTH_FILES = {
    "platforms swapped",
    "one country with three letters",
    "alpha-3 codes for all countries",
    "a country in lower case",
    "NA read as null",
    "USPS codes in a 2026 file",
    "a release under another release's id",
    "empty cluster_name read as null",
}


def data_folder(name: str, root: Path) -> DataFolder:
    """The shipped files that a damage is done to, in a folder of their own."""
    return DataFolder(root, PLATFORMS if name in NEEDS_BOTH_FILES else (API,))


# Odd but good input -------------------------------------------------------------------


def read_text(text: str) -> list[Row]:
    """The rows of CSV text."""
    return list(csv.DictReader(io.StringIO(text, newline="")))


def shuffle_columns(text: str) -> str:
    """The same rows with the columns in another order."""
    rows = read_text(text)
    return csv_text(rows, sorted(rows[0]))


def add_column(text: str) -> str:
    """The same rows with a column that no release has yet, in the middle."""
    rows = read_text(text)
    columns = [*COLUMNS[:4], "artifact", *COLUMNS[4:]]
    return csv_text([row | {"artifact": "7.5"} for row in rows], columns)


def quote_all(text: str) -> str:
    """The same rows with every field in quotes."""
    rows = read_text(text)
    lines = [list(rows[0]), *(list(row.values()) for row in rows)]
    return "".join(
        ",".join('"' + field.replace('"', '""') + '"' for field in line) + "\n"
        for line in lines
    )


GOOD_STYLES: dict[str, Callable[[str], bytes]] = {
    "written anew": lambda text: csv_text(read_text(text)).encode(),
    "byte order mark": lambda text: text.encode("utf-8-sig"),
    "Windows line ends": lambda text: text.replace("\n", "\r\n").encode(),
    "columns shuffled": lambda text: shuffle_columns(text).encode(),
    "a column more": lambda text: add_column(text).encode(),
    "level as a float": lambda text: re.sub(
        r",0,([a-z_]+_(?:count|pct),)", r",0.0,\1", text
    ).encode(),
    "no newline at the end": lambda text: text.rstrip("\n").encode(),
    "every field in quotes": lambda text: quote_all(text).encode(),
    "an empty field behind each row": lambda text: (
        csv_text([row | {"": ""} for row in read_text(text)])
        .replace(",\n", "\n", 1)
        .encode()
    ),
    "a column named as one of the loader's": lambda text: csv_text(
        [row | {"filename": "x", "row_number": "7"} for row in read_text(text)]
    ).encode(),
}
