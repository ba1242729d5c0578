"""Damaged files of the flat and the monthly layout, by the check that has to find each.

A damage changes the rows of a small clean file; the finding has to name its row and
column, and what stands there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from conftest import Row, csv_text, read_rows

MONTHLY, SHARES, RATIOS, LABELS = (
    "C_monthly",
    "A_task_shares",
    "A_task_patterns",
    "A_patterns",
)
PLACES = ("GLOBAL", "FRA", "DEU", "USA", "US-CA", "US-TX")
Choice = Callable[[Row], bool]
Change = Callable[[list[Row]], str | bytes]


def small_month_file(path: Path) -> list[Row]:
    """The rows of some places of a monthly file, one of them renamed as Namibia."""
    rows = [
        row | {"geo_id": row["geo_id"].replace("FRA", "NAM")}
        for row in read_rows(path)
        if row["geo_id"] in PLACES
    ]
    kept = [row for row in rows if row["hierarchy_level"] in ("0", "1", "2")]
    small = [row for row in kept if row["category_name"] in ("overall", "request")]
    groups = [row for row in kept if row["category_name"] == "soc_occupation"]
    return [*small, *(row for row in groups if row["hierarchy_level"] == "1")]


@dataclass(frozen=True)
class Damage:
    """A change of a clean file and what its finding says; ``check`` None: no finding,
    the file is odd but good."""

    layout: str
    check: str | None
    change: Change
    column: str | None = None
    observed: str = ""


def at(**values: str) -> Choice:
    """Chooses the rows with these values."""
    return lambda row: all(row[name] == value for name, value in values.items())


def first(rows: Sequence[Row], where: Choice) -> int:
    """The place of the first row that is chosen."""
    return next(n for n, row in enumerate(rows) if where(row))


def put(where: Choice, every: bool = False, **values: str) -> Change:
    """Put values into the first row that is chosen, or into every one."""

    def change(rows: list[Row]) -> str:
        only = first(rows, where)
        return csv_text(
            [
                row | values if (where(row) if every else n == only) else row
                for n, row in enumerate(rows)
            ]
        )

    return change


def each(where: Choice, **change_of: Callable[[str], str]) -> Change:
    """Change values of every row that is chosen."""

    def change(rows: list[Row]) -> str:
        return csv_text(
            [
                row | {name: of(row[name]) for name, of in change_of.items()}
                if where(row)
                else row
                for row in rows
            ]
        )

    return change


def again(where: Choice, **values: str) -> Change:
    """Write the chosen rows a second time at the end, with other values."""

    def change(rows: list[Row]) -> str:
        return csv_text([*rows, *(row | values for row in rows if where(row))])

    return change


def without(where: Choice) -> Change:
    """Leave the first chosen row out."""

    def change(rows: list[Row]) -> str:
        gone = first(rows, where)
        return csv_text([row for n, row in enumerate(rows) if n != gone])

    return change


def text(of: Callable[[str], str | bytes]) -> Change:
    """Change the text of the file."""
    return lambda rows: of(csv_text(rows))


def columns(names: Callable[[list[str]], list[str]]) -> Change:
    """Other columns, or the same in another order; a new one holds 7."""

    def change(rows: list[Row]) -> str:
        order = names(list(rows[0]))
        return csv_text([{n: row.get(n, "7") for n in order} for row in rows], order)

    return change


def quoted(rows: list[Row]) -> str:
    """Every field in quotation marks."""
    head, *lines = csv_text(rows).splitlines()
    wide = [",".join(f'"{v}"' for v in row.values()) for row in rows]
    assert len(lines) >= len(wide)
    return "\n".join([head, *wide]) + "\n"


USAGE = at(geo_id="DEU", metric_id="usage_pct", date_start="2026-04-01")
DIRECTIVE = at(
    geo_id="DEU", metric_id="collaboration_directive_pct", date_start="2026-04-01"
)
NODE = at(category_name="soc_occupation", node_external_id="25", geo_id="DEU")
APRIL = at(date_start="2026-04-01")
GERMANY = at(geo_id="DEU")
CALIFORNIA = at(geo_id="US-CA")


def percent_as_fraction(value: str) -> str:
    """A percentage as a share of one."""
    return str(float(value) / 100)


def is_task(row: Row) -> bool:
    """Chooses the tasks of a flat file."""
    return row["task_name"] != "none"


def is_large(row: Row) -> bool:
    """Chooses the tasks whose patterns are published."""
    return float(row["directive"]) > 0.2


def upper(rows: list[Row]) -> str:
    """A task in capitals."""
    changed = list(rows)
    number = first(rows, is_task)
    name = rows[number]["task_name"].upper()
    changed[number] = rows[number] | {"task_name": name}
    return csv_text(changed)


M, S, R, L = MONTHLY, SHARES, RATIOS, LABELS
DAMAGES: dict[str, Damage] = {
    # the monthly layout
    "month that is not the manifest's": Damage(
        M,
        "misdated_rows",
        put(APRIL, date_start="2026-03-01", date_end="2026-04-01"),
        "date_start, date_end",
        "2026-03-01 to 2026-04-01",
    ),
    "last day in place of the exclusive end": Damage(
        M,
        "misdated_rows",
        put(APRIL, every=True, date_end="2026-04-30"),
        "date_start, date_end",
        "2026-04-01 to 2026-04-30",
    ),
    "two months in one row": Damage(
        M,
        "misdated_rows",
        put(APRIL, date_end="2026-06-01"),
        "date_start, date_end",
        "2026-04-01 to 2026-06-01",
    ),
    "no date": Damage(
        M, "misdated_rows", put(APRIL, date_start=""), "date_start, date_end", " to "
    ),
    "date without zeros": Damage(
        M,
        "misdated_rows",
        put(APRIL, date_start="2026-4-1"),
        "date_start, date_end",
        "2026-4-1 to",
    ),
    "the same month again, dates without zeros": Damage(
        M,
        "misdated_rows",
        again(APRIL, date_start="2026-4-1"),
        "date_start, date_end",
        "2026-4-1 to",
    ),
    "dates with a time": Damage(
        M,
        "misdated_rows",
        again(USAGE, date_start="2026-04-01 00:00:00"),
        "date_start, date_end",
        "00:00:00",
    ),
    "word for a number": Damage(
        M, "untyped_numbers", put(USAGE, value="n/a"), "value", '"n/a" for usage_pct'
    ),
    "decimal comma": Damage(
        M, "untyped_numbers", put(USAGE, value="4,57"), "value", '"4,57"'
    ),
    "no value": Damage(M, "untyped_numbers", put(USAGE, value=""), "value", '""'),
    "value NaN": Damage(M, "untyped_numbers", put(USAGE, value="NaN"), "value", "NaN"),
    "level in words": Damage(
        M,
        "untyped_numbers",
        put(NODE, hierarchy_level="top"),
        "hierarchy_level",
        '"top" in soc_occupation',
    ),
    "percentage above 100": Damage(
        M,
        "impossible_numbers",
        put(DIRECTIVE, value="157.3"),
        "value",
        '"157.3" for collaboration_directive_pct',
    ),
    "negative index": Damage(
        M,
        "impossible_numbers",
        put(at(metric_id="usage_per_capita_index"), value="-0.3"),
        "value",
        '"-0.3" for usage_per_capita_index',
    ),
    "node without id": Damage(
        M,
        "unnamed_cells",
        put(NODE, node_external_id=""),
        "node_external_id",
        '"soc_occupation" with node',
    ),
    "row twice": Damage(
        M, "duplicate_keys", again(DIRECTIVE), None, "the same key in 2 rows"
    ),
    "row twice, another value": Damage(
        M, "duplicate_keys", again(DIRECTIVE, value="1"), None, "the same key in 2 rows"
    ),
    "month twice": Damage(
        M, "duplicate_keys", again(APRIL), None, "the same key in 2 rows"
    ),
    "row twice, level 0 and 0.0": Damage(
        M,
        "duplicate_keys",
        again(DIRECTIVE, hierarchy_level="0.0"),
        None,
        "the same key in 2 rows",
    ),
    "alpha-2 beside alpha-3": Damage(
        M, "unknown_geographies", again(GERMANY, geo_id="DE"), "geo_id", '"DE"'
    ),
    "alpha-2 in place of alpha-3": Damage(
        M, "unknown_geographies", put(GERMANY, True, geo_id="DE"), "geo_id", '"DE"'
    ),
    "not_classified as a country": Damage(
        M,
        "unknown_geographies",
        put(GERMANY, True, geo_id="not_classified"),
        "geo_id",
        '"not_classified"',
    ),
    "use cases above 100": Damage(
        M,
        "incomplete_facets",
        put(at(geo_id="DEU", metric_id="use_case_work_pct"), value="99.5"),
        "value",
        "use_case sums to",
    ),
    "alpha-3 without a country": Damage(
        M, "unknown_geographies", put(GERMANY, True, geo_id="XQZ"), "geo_id", '"XQZ"'
    ),
    "alpha-3 in small letters": Damage(
        M, "unknown_geographies", put(GERMANY, True, geo_id="deu"), "geo_id", '"deu"'
    ),
    "region without its country": Damage(
        M, "unknown_geographies", put(CALIFORNIA, True, geo_id="CA"), "geo_id", '"CA"'
    ),
    "region with an alpha-3 prefix": Damage(
        M,
        "unknown_geographies",
        put(CALIFORNIA, True, geo_id="USA-CA"),
        "geo_id",
        '"USA-CA"',
    ),
    "level of places that is new": Damage(
        M,
        "unknown_geographies",
        put(GERMANY, True, geo_level="city"),
        "geo_id",
        '"city" with geo_id "DEU"',
    ),
    "Namibia without a code": Damage(
        M,
        "unknown_geographies",
        put(at(geo_id="NAM"), True, geo_id=""),
        "geo_id",
        'with geo_id ""',
    ),
    "metric that is new": Damage(
        M,
        "unknown_variables",
        put(DIRECTIVE, metric_id="task_success_pct"),
        "metric_id",
        '"task_success_pct"',
    ),
    "metric with spaces": Damage(
        M,
        "unknown_variables",
        put(DIRECTIVE, metric_id="collaboration_feedback loop_pct"),
        "metric_id",
        "feedback loop",
    ),
    "usage of a node": Damage(
        M,
        "unknown_variables",
        put(NODE, metric_id="usage_pct"),
        "metric_id",
        '"usage_pct"',
    ),
    "share of everything": Damage(
        M, "unknown_variables", put(DIRECTIVE, metric_id="pct"), "metric_id", '"pct"'
    ),
    "category that is new": Damage(
        M,
        "unknown_facets",
        put(NODE, category_name="industry"),
        "category_name",
        '"industry"',
    ),
    "level that is deeper": Damage(
        M,
        "unknown_levels",
        put(NODE, hierarchy_level="4"),
        "hierarchy_level",
        '"4" in soc_occupation',
    ),
    "header order": Damage(M, None, columns(lambda names: names[::-1])),
    "more columns": Damage(M, None, columns(lambda names: ["note", *names, "facet"])),
    "line ends of Windows": Damage(M, None, text(lambda t: t.replace("\n", "\r\n"))),
    "byte order mark": Damage(M, None, text(lambda t: "\ufeff" + t)),
    "every field quoted": Damage(M, None, quoted),
    # the flat layouts
    "tasks that sum to 98": Damage(
        S,
        "incomplete_facets",
        each(lambda row: True, pct=lambda v: str(float(v) * 0.98)),
        "value",
        "onet_task sums to",
    ),
    "task lost": Damage(
        S, "incomplete_facets", without(is_task), "value", "onet_task sums to"
    ),
    "shares as fractions": Damage(
        S,
        "incomplete_facets",
        each(lambda row: True, pct=percent_as_fraction),
        "value",
        "onet_task sums to",
    ),
    "task twice": Damage(S, "duplicate_keys", again(is_task), None, " in 2 rows"),
    "share negative": Damage(
        S, "impossible_numbers", put(is_task, pct="-1"), "pct", '"-1"'
    ),
    "share of 120": Damage(
        S, "impossible_numbers", put(is_task, pct="120"), "pct", '"120"'
    ),
    "share with a decimal comma": Damage(
        S, "untyped_numbers", put(is_task, pct="0,5"), "pct", '"0,5"'
    ),
    "share left out": Damage(S, "untyped_numbers", put(is_task, pct=""), "pct", '""'),
    "task without a name": Damage(
        S, "unnamed_cells", put(is_task, task_name=""), "task_name", '""'
    ),
    "task that is new": Damage(
        S,
        "unknown_tasks",
        put(is_task, task_name="herd clouds."),
        "task_name",
        "herd clouds.",
    ),
    "task in capitals": Damage(S, "unknown_tasks", upper, "task_name", ""),
    "ratios that sum to 0.9": Damage(
        R,
        "unpartitioned_tasks",
        put(is_large, directive="0.1"),
        None,
        "that sum to",
    ),
    "ratios as percentages": Damage(
        R,
        "impossible_numbers",
        put(is_large, directive="55.2"),
        "directive",
        '"55.2"',
    ),
    "ratio negative": Damage(
        R, "impossible_numbers", put(is_large, learning="-0.1"), "learning", '"-0.1"'
    ),
    "ratio in words": Damage(
        R, "untyped_numbers", put(is_large, filtered="?"), "filtered", '"?"'
    ),
    "ratios of a task twice": Damage(
        R, "duplicate_keys", again(is_large), None, " in 2 rows"
    ),
    "ratios of a task that is new": Damage(
        R,
        "unknown_tasks",
        put(is_large, task_name="herd clouds."),
        "task_name",
        "herd clouds.",
    ),
    "ratios in another order": Damage(R, None, columns(lambda n: n[::-1])),
    "pattern that is new": Damage(
        L,
        "unknown_labels",
        put(at(interaction_type="none"), interaction_type="chatting"),
        "interaction_type",
        "chatting",
    ),
    "pattern with an underscore": Damage(
        L,
        "unknown_labels",
        put(at(interaction_type="feedback loop"), interaction_type="feedback_loop"),
        "interaction_type",
        "feedback_loop",
    ),
    "patterns above 100": Damage(
        L,
        "incomplete_facets",
        put(at(interaction_type="learning"), pct="98.2"),
        "value",
        "collaboration sums to",
    ),
    "patterns twice": Damage(
        L, "duplicate_keys", again(lambda row: True), None, " in 2 rows"
    ),
    "patterns with a byte order mark": Damage(
        L, None, text(lambda whole: "\ufeff" + whole)
    ),
}
