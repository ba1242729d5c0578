"""What the rows of a file mean, read a second time, for the fuzz of the loader.

The reader is Python's csv on the same bytes; labels and places of percentages are those
of `oracle_families`. A file that is accepted has every row of it, letter by letter, and
each row satisfies what the data guide says of its layout, or is named and kept out of
the marts; every other file is refused by a check with a name, or by DuckDB with the
name of the file.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from conftest import PROJECT, SHIPPED_DATA, Row, read_rows, shipped_row
from fuzz_draws import Base
from loader_replay import File, Outcome
from mutations.clean import FLAT, LABELS, MONTHLY, RATIOS, SHARES, clean, small_sheet
from mutations.sheet import CHAT, COLUMNS, GLOBAL, Cell
from oracle import PATTERNS, holder_codes
from oracle_families import country_keys, facet_of

csv.field_size_limit(1 << 30)
NUMBER = re.compile(r"-?\d+(\.\d*)?([eE][-+]?\d+)?", re.A)
MEANING = (
    *("sample_id", "geo_level", "geo_id", "facet", "cluster_name", "level"),
    *("measure", "value"),
)
# Of monthly rows the door makes them (int_facet_values).
MADE_BEHIND = {
    "facet": "base_facet || coalesce('::' || attribute_facet, '')",
    "cluster_name": "base_cluster_name || coalesce('::' || category, '')",
}
# The text of a row, as it is staged: of a flat file in as many rows as it has numbers.
LONG_TEXT = {column: column for column in COLUMNS} | {
    "level": "level_text",
    "value": "value_text",
}
LONG_KEY = (*(column for column in COLUMNS if column != "value"), "value")
FLAT_TEXT = ("facet", "cluster_name", "value_text")
MONTHLY_TEXT = {
    "date_start": "date_start",
    "date_end": "date_end",
    "geo_id": "published_geo_id",
    "category_name": "category_name",
    "hierarchy_level": "level_text",
    "metric_id": "metric_id",
    "node_name": "node_name",
    "node_external_id": "node_external_id",
    "value": "value_text",
}
LEVELS = {"global": "global", "country": "country", "subregion": "region"}
HIGHEST = {"overall": 0, "soc_occupation": 1, "request": 2, "onet": 3}
METRICS = read_rows(PROJECT / "seeds" / "reference" / "monthly_metrics.csv")
MEASURES = {row["metric_id"]: row["measure"] for row in METRICS}
USAGE = ("usage_pct", "usage_per_capita_index")
REGION = r"([A-Z]{2}|NONE)-([0-9A-Z]{1,3}|not_classified|NONE)|not_classified|NONE"
Cells = list[tuple[Any, ...]]


@dataclass(frozen=True)
class Kind:
    """A layout as the fuzz needs it: a small file and its manifest row."""

    layout: str
    base: Base
    row: Row

    @property
    def texts(self) -> tuple[str, ...]:
        """The columns with the text of a row, as it is staged."""
        if self.layout in FLAT:
            return FLAT_TEXT
        return tuple((MONTHLY_TEXT if self.layout == MONTHLY else LONG_TEXT).values())

    @property
    def file(self) -> File:
        """The file, and what to read of its staged rows: text first, then meaning."""
        table, problems = "facet_values", "row_problems"
        if self.layout != CHAT:
            table = "monthly_values" if self.layout == MONTHLY else "flat_values"
            problems = table.replace("values", "problems")
        meaning = LONG_KEY if self.layout == CHAT else MEANING
        if self.layout == MONTHLY:
            meaning = tuple(MADE_BEHIND.get(column, column) for column in MEANING)
        return File(
            self.row["relative_path"],
            f"stg_aei__{table}",
            f"stg_aei__{problems}",
            (*self.texts, *meaning),
        )


@cache
def kind_of(layout: str) -> Kind:
    """A layout with its small file, and a row with a name in many letters."""
    row, rows = clean(layout)
    columns = list(rows[0])
    name = 'say "hello", twice\nand again'
    if layout == CHAT:
        sheet = small_sheet(CHAT)
        for level in ("0", "1"):
            sheet.counts[Cell(*GLOBAL, "request", name, level)] = 25.0
        sheet.add_number("cost", "mean", 1.0)
        rows, numbers, key = sheet.rows(), ["value", "level"], LONG_KEY[:-1]
    elif layout == MONTHLY:
        new = {"category_name": "request", "hierarchy_level": "2", "metric_id": "pct"}
        new |= {"node_name": name, "node_external_id": "a::b, c"}
        rows, numbers = [*rows, rows[0] | new], ["value", "hierarchy_level"]
        key = tuple(column for column in columns if column != "value")
    else:
        numbers, key = columns[1:], tuple(columns)
    return Kind(layout, Base(rows, numbers, key), row)


@cache
def countries() -> dict[str, str]:
    """Alpha-3 to alpha-2 codes."""
    row = shipped_row("", "iso_country_codes")
    return country_keys(SHIPPED_DATA / row["relative_path"])


def is_listed(place: str) -> bool:
    """Whether a place is of a country of the shipped list, or of none."""
    code = place.partition("-")[0]
    return len(code) != 2 or code in countries().values()


@cache
def tasks() -> frozenset[str]:
    """The tasks of the list."""
    row = shipped_row("", "onet_task_statements")
    return frozenset(holder_codes(SHIPPED_DATA / row["relative_path"]))


# The rows -----------------------------------------------------------------------------


class Unreadable(Exception):
    """Python's reader can't make rows of the bytes."""


def rows_in(content: bytes, columns: Sequence[str]) -> list[Row]:
    """The rows of a CSV file with these columns as Python reads them; raises
    Unreadable."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Unreadable(str(error)) from error
    text = text.removeprefix("\ufeff")
    try:
        lines = [
            line for line in csv.reader(io.StringIO(text, newline=""), strict=True)
        ]
    except csv.Error as error:
        raise Unreadable(str(error)) from error
    lines = [line for line in lines if line]  # a line without anything is no row
    if not lines:
        raise Unreadable("no header")
    header, *rest = lines
    for line in rest:
        while len(line) > len(header) and not line[-1]:
            line.pop()  # empty fields behind the last column say nothing
        if len(line) != len(header):
            raise Unreadable(f"{len(line)} fields under a header of {len(header)}")
    if missing := set(columns) - set(header):
        raise Unreadable(f"no column {sorted(missing)}")
    return [dict(zip(header, line, strict=True)) for line in rest]


def number_of(text: str) -> float | None:
    """A plain decimal number, None for another text."""
    is_plain = NUMBER.fullmatch(text) and math.isfinite(float(text))
    return float(text) if is_plain else None


def long_cells(kind: Kind, row: Row) -> Cells:
    """What a row of a long file is staged as; without meaning where it has none."""
    text = tuple(row[name] for name in LONG_TEXT)
    if any(long_faults(kind, row)):
        return [text]
    key = (float(row[name]) if name == "level" else row[name] for name in LONG_KEY[:-1])
    return [(*text, *key, float(row["value"]) if row["value"] else None)]


def flat_cells(kind: Kind, row: Row) -> Cells:
    """What a row of a flat file is staged as."""
    sample = " ".join(
        kind.row[name] for name in ("release_id", "platform", "window_start_date")
    )
    name = row["interaction_type" if kind.layout == LABELS else "task_name"]
    facet = {
        SHARES: "onet_task",
        RATIOS: "onet_task::collaboration",
        LABELS: "collaboration",
    }[kind.layout]
    cells = []
    for column in kind.base.columns[1:]:
        label, unit = name, 1
        if kind.layout == RATIOS:
            pattern = column.replace("_", " ").replace("filtered", "not_classified")
            label, unit = f"{name}::{pattern}", 100
        value = number_of(row[column])
        percent = None if value is None else unit * value
        text = (facet, label, row[column])
        place = (sample, "global", "GLOBAL")
        cells.append((*text, *place, facet, label, 0, "pct", percent))
    return cells


def monthly_cells(kind: Kind, row: Row) -> Cells:
    """What a row of a monthly file is staged as; without meaning where it has none."""
    text = tuple(row[name] for name in MONTHLY_TEXT)
    if any(monthly_faults(kind, row)):
        return [text]
    level, metric, node = row["geo_level"], row["metric_id"], row["node_external_id"]
    sample = f"{kind.row['release_id']} {kind.row['platform']} {row['date_start']}"
    place = countries()[row["geo_id"]] if level == "country" else row["geo_id"]
    attribute, label = facet_of(metric) or (metric.removesuffix("_mean"), None)
    facet = row["category_name"]
    if metric in USAGE:
        facet, label = "country-state" if level == "subregion" else "country", None
    elif facet == "overall":
        facet = attribute
    elif metric == "pct":
        label = node
    else:
        facet, label = (
            f"{facet}::{attribute}",
            f"{node}::{label}" if label else node,
        )
    meaning = (sample, LEVELS[level], place, facet, label)
    whole = int(float(row["hierarchy_level"]))
    return [(*text, *meaning, whole, MEASURES[metric], number_of(row["value"]))]


# What no row that marts use may be ----------------------------------------------------


def long_faults(kind: Kind, row: Row) -> Iterator[str]:
    """What is wrong with a row of a long file, by itself."""
    is_number = row["value"] or row["variable"].endswith(("_count", "_pct"))
    if is_number and number_of(row["value"]) is None:
        yield f"the value {row['value']!r}"
    if not re.fullmatch(r"\d+(\.0+)?", row["level"], re.A):
        yield f"the level {row['level']!r}"
    if row["platform_and_product"] != kind.row["product_label"]:
        yield f"the product {row['platform_and_product']!r}"
    window = (kind.row["window_start_date"], kind.row["window_end_date"])
    if (row["date_start"], row["date_end"]) != window:
        yield f"the window {row['date_start']} {row['date_end']}"
    places = {
        "global": r"GLOBAL",
        "country": r"[A-Z]{2}|not_classified|NONE",
        "country-state": REGION,
        "state_us": r"[A-Z]{2}|not_classified|NONE",
    }
    place = places.get(row["geography"], "(?!)")
    is_abroad = row["geography"] in ("country", "country-state")
    if not re.fullmatch(place, row["geo_id"], re.A) or (
        is_abroad and not is_listed(row["geo_id"])
    ):
        yield f"{row['geography']!r} {row['geo_id']!r}"


def flat_faults(kind: Kind, row: Row) -> Iterator[str]:
    """What is wrong with a row of a flat file, by itself."""
    name, *texts = (row[column] for column in kind.base.columns)
    values = [number_of(text) for text in texts]
    highest = 1 + 1e-6 if kind.layout == RATIOS else 100.0001
    if any(value is None or not 0 <= value <= highest for value in values):
        yield f"the numbers {texts}"
    elif kind.layout == RATIOS and abs(math.fsum(values) - 1) > 1e-6:
        yield f"ratios that sum to {math.fsum(values)}"
    known = {*PATTERNS, "none", "not_classified"} if kind.layout == LABELS else tasks()
    if name not in known | {"none"}:
        yield f"the name {name!r}"


def monthly_faults(kind: Kind, row: Row) -> Iterator[str]:
    """What is wrong with a row of a monthly file, by itself."""
    try:
        start = date.fromisoformat(row["date_start"])
        end = (start + timedelta(31)).replace(day=1)
        first, last = kind.row["window_start_date"], kind.row["window_end_date"]
        is_month = (start.isoformat(), end.isoformat()) == (
            row["date_start"],
            row["date_end"],
        )
        is_in_window = first <= start.isoformat() <= last
    except (ValueError, OverflowError):
        is_month = is_in_window = False
    if not (is_month and is_in_window and start.day == 1):
        yield f"the month {row['date_start']!r} to {row['date_end']!r}"
    place, level = row["geo_id"], row["geo_level"]
    if not (
        (level, place) == ("global", "GLOBAL")
        or (level == "country" and place in countries())
        or (
            level == "subregion"
            and re.fullmatch(REGION, place, re.A)
            and is_listed(place)
        )
    ):
        yield f"the place {level!r} {place!r}"
    whole = re.fullmatch(r"\d+(\.0+)?", row["hierarchy_level"], re.A)
    deepest = HIGHEST.get(row["category_name"], -1)
    if not whole or float(row["hierarchy_level"]) > deepest:
        yield f"the level {row['hierarchy_level']!r} in {row['category_name']!r}"
    metric, value = row["metric_id"], number_of(row["value"])
    is_overall = row["category_name"] == "overall"
    if metric not in MEASURES or (metric == "pct" if is_overall else metric in USAGE):
        yield f"the metric {metric!r} in {row['category_name']!r}"
    highest = 100.0001 if MEASURES.get(metric) == "pct" else math.inf
    if value is None or not 0 <= value <= highest:
        yield f"the value {row['value']!r} of {metric!r}"
    node = row["node_external_id"]
    if not node or (is_overall and node != "-"):
        yield f"the id {node!r} of a node in {row['category_name']!r}"


def judge_refusal(content: bytes, outcome: Outcome, path: Path) -> None:
    """Fail when a file is refused without saying what is wrong with it, and where."""
    for problem in outcome.problems:
        said = (
            problem.relative_path,
            problem.observed,
            problem.expected,
            problem.advice,
        )
        assert all(said), f"a message with a gap: {problem}"
        last = 2 + len(re.findall(rb"\r\n|\r|\n", content))
        is_here = path.match(problem.relative_path)
        assert 1 <= (problem.row_number or 1) <= last or not is_here, problem
    assert not outcome.failed_tests, outcome.failed_tests
    assert path.name in outcome.raised or not outcome.raised, outcome.raised


def judge(kind: Kind, content: bytes, outcome: Outcome, path: Path) -> None:
    """Fail when the loader did with the bytes what it may not."""
    judge_refusal(content, outcome, path)
    if not outcome.is_accepted:
        return
    try:
        rows = dict(enumerate(rows_in(content, kind.base.columns), start=2))
    except Unreadable as error:
        raise AssertionError(f"accepted, though {error}") from error
    cells_of, faults_of = {
        CHAT: (long_cells, long_faults),
        MONTHLY: (monthly_cells, monthly_faults),
    }.get(kind.layout, (flat_cells, flat_faults))
    staged: dict[int, Cells] = defaultdict(list)
    for number, *cell in outcome.rows:
        staged[number].append(tuple(cell))
    assert staged.keys() == rows.keys(), "rows were dropped or made up"
    assert outcome.used | outcome.named == rows.keys(), "neither used nor named"
    assert not outcome.used & outcome.named
    keys: Counter[tuple[Any, ...]] = Counter()
    width = len(kind.texts)
    for number, row in rows.items():
        shown, expected = Counter(staged[number]), Counter(cells_of(kind, row))
        if number in outcome.named:
            shown, expected = (
                Counter(cell[:width] for cell in cells.elements())
                for cells in (shown, expected)
            )
        else:
            assert list(faults_of(kind, row)) == [], f"row {number} is used"
            keys.update(cell[width:-1] for cell in expected)
        assert shown == expected, f"row {number} is another one than in the file"
    assert {key: count for key, count in keys.items() if count > 1} == {}
