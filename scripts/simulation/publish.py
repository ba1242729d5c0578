"""Publish counted cells by the Index's own rules, in the raw long layout.

Rules (data guide: "Denominators", "none, not_classified, absent", "Thresholds"):

* a base cell with under 15 conversations or under 5 accounts goes into the
  ``not_classified`` of its place; a request cluster needs 500 in the world;
* an intersection shows the base clusters that the base facet names (so the
  pseudo-task ``none``, but not ``not_classified``); a cell under 15 goes into the
  cluster's own ``not_classified``;
* a place shows a facet only if one named cell of it survives;
* a percentage is of the place for base facets, of the base cluster for
  intersections, of the world or the parent country for usage.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import duckdb

from simulation.count import COUNTRY_PLACE, GLOBAL_PLACE, REGION_PLACE
from simulation.draw import load_rows, region_rows, request_labels, sql
from simulation.model import (
    CATEGORIES,
    FACET_NO,
    INDEXED,
    MEASURED,
    NONE_TASK,
    NOT_CLASSIFIED,
    STYLES,
    UNCLASSIFIED_TASK,
    Model,
)
from simulation.plan import Plan

ROW_COLUMNS = (
    "run_no usmallint, geo_id varchar, geography varchar, facet varchar, "
    "level integer, variable varchar, cluster_name varchar, value double"
)
NORMAL_95 = 1.96
MEDIAN_TO_MEAN = 1.2533  # standard error of a normal median over that of the mean

Row = tuple[int, str, str, str, int, str, str, float]


@dataclass(frozen=True)
class Rules:
    """The privacy floors; ``keep_residual`` is False only to see a test fail."""

    floor: int
    account_floor: int
    request_floor: int
    keep_residual: bool = True

    @staticmethod
    def of(model: Model) -> Rules:
        """The floors that the seeds state."""
        return Rules(
            floor=int(model.parameters["minimum_cell_conversations"]),
            account_floor=int(model.parameters["minimum_cell_accounts"]),
            request_floor=int(model.parameters["minimum_request_conversations"]),
        )


def node_rows(model: Model, with_requests: bool) -> Iterator[list[object]]:
    """Base clusters by task and style: base, level, task number, style, label.

    Requests: level 0 is a hand-written task (with its variants) in one style, level 1
    the first holder occupation, level 2 its major group.
    """
    styles = range(len(STYLES) if with_requests else 1)
    pseudo = ((NONE_TASK, "none"), (UNCLASSIFIED_TASK, NOT_CLASSIFIED))
    for number, label in pseudo:
        for style in styles:
            yield ["onet_task", 0, number, style, label]
            for level in range(3 if with_requests else 0):
                yield ["request", level, number, style, label]
    for task in model.tasks:
        group = model.request_groups[task.holder_codes[0][:2]]
        for style in styles:
            yield ["onet_task", 0, task.task_no, style, task.key]
            if with_requests:
                labels = *request_labels(model, task, style), group
                for level, label in enumerate(labels):
                    yield ["request", level, task.task_no, style, label]


def place_rows(model: Model) -> Iterator[list[object]]:
    """Places: kind, number, geography, id, parent, residual, whether classified."""
    yield [GLOBAL_PLACE, 0, "global", "GLOBAL", "", "", True]
    for number, country in enumerate(model.countries):
        names = [country.geo_id, "GLOBAL", NOT_CLASSIFIED]
        is_classified = country.geo_id != NOT_CLASSIFIED
        yield [COUNTRY_PLACE, number, "country", *names, is_classified]
    for number, geo_id, country_no, _ in region_rows(model):
        parent = model.countries[int(str(country_no))].geo_id
        residual = f"{parent}-{NOT_CLASSIFIED}"
        names = [geo_id, parent, residual]
        yield [REGION_PLACE, number, "country-state", *names, geo_id != residual]


def load_labels(con: duckdb.DuckDBPyConnection, model: Model, plan: Plan) -> None:
    """Create the tables that turn numbers into the text of a release."""
    load_rows(
        con,
        "node",
        "base varchar, level integer, task_no integer, style utinyint, label varchar",
        node_rows(model, plan.has_requests),
    )
    load_rows(
        con,
        "category",
        "facet_no utinyint, facet varchar, code utinyint, label varchar",
        [
            [FACET_NO[f], f, code, label]
            for f, labels in CATEGORIES.items()
            for code, label in enumerate(labels)
        ],
    )
    load_rows(
        con,
        "measure",
        "facet_no utinyint, facet varchar, code utinyint, parts bigint",
        [
            [FACET_NO[f], f, code, parts]
            for f in MEASURED
            for code, parts in enumerate(model.numeric[f].grid)
        ],
    )
    load_rows(
        con,
        "place",
        "place_kind utinyint, place_no usmallint, geography varchar, geo_id varchar, "
        "parent varchar, residual varchar, is_classified boolean",
        place_rows(model),
    )
    load_rows(
        con, "published", "geography varchar, facet varchar", sorted(plan.published)
    )


def bin_label(model: Model, facet: str, parts: int) -> str:
    """A histogram bin, from a value of the grid up to the next: ``[0.5, 0.75)``."""
    spec = model.numeric[facet]
    place = spec.grid.index(parts)
    low = parts / spec.parts_per_unit
    if place + 1 == len(spec.grid):
        return f"[{low:.4g}, inf)"
    return f"[{low:.4g}, {spec.grid[place + 1] / spec.parts_per_unit:.4g})"


def _statistics(
    model: Model, facet: str, n: int, total: int, squares: int, medians: tuple[int, int]
) -> dict[str, float]:
    """Count, mean, median, standard deviation and intervals, in the facet's unit.

    From exact sums of parts: one division and one root each, so the last digit is
    the same everywhere. The interval of the median is the normal approximation that
    makes skewed facets' limits negative, as in the real files.
    """
    unit = model.numeric[facet].parts_per_unit
    mean = total / (n * unit)
    median = (medians[0] + medians[1]) / (2 * unit)
    out = {"count": float(n), "mean": mean, "median": median}
    if n < 2:
        return out
    spread = math.sqrt((n * squares - total * total) / (n * (n - 1))) / unit
    error = NORMAL_95 * spread / math.sqrt(n)
    return out | {
        "stdev": spread,
        "mean_ci_lower": mean - error,
        "mean_ci_upper": mean + error,
        "median_ci_lower": median - error * MEDIAN_TO_MEAN,
        "median_ci_upper": median + error * MEDIAN_TO_MEAN,
    }


def number_rows(model: Model, rules: Rules, records: Iterable[tuple]) -> Iterator[Row]:
    """Rows of the measured facets, from the records of ``publish_numbers.sql``."""
    indexed: dict[tuple, list[tuple[str, int, float]]] = {}
    for record in records:
        run_no, geo_id, geography, facet, level, cluster, n = record[:7]
        total, squares, low, high, bins = record[7:]
        name = facet.rpartition("::")[2]
        key = (run_no, geo_id, geography, facet, level)
        if name in INDEXED:
            indexed.setdefault(key, []).append((cluster, n, total / n))
            continue
        prefix = facet.replace("::", "_")
        values = _statistics(model, name, n, total, squares, (low, high))
        for variable, value in values.items():
            yield (*key, f"{prefix}_{variable}", cluster, value)
        if bins:
            yield from _histogram(model, rules, key, name, bins, n)
    for key, found in sorted(indexed.items()):
        name = key[3].rpartition("::")[2]
        mean = math.fsum(value for _, _, value in found) / len(found)
        for cluster, n, value in found:
            yield (*key, f"{name}_index", f"{cluster}::index", value / mean)
            yield (*key, f"{name}_count", f"{cluster}::count", float(n))


def _histogram(
    model: Model, rules: Rules, key: tuple, facet: str, bins: list[dict], total: int
) -> Iterator[Row]:
    """Counts and percentages by bin; a bin under the floor joins not_classified."""
    shown: dict[str, int] = {}
    for entry in bins:
        named = entry["n"] >= rules.floor
        label = bin_label(model, facet, entry["parts"]) if named else NOT_CLASSIFIED
        shown[label] = shown.get(label, 0) + entry["n"]
    for label, n in shown.items():
        yield (*key, f"{facet}_histogram_count", label, float(n))
        yield (*key, f"{facet}_histogram_pct", label, n / total * 100)


def publish_platform(
    con: duckdb.DuckDBPyConnection, model: Model, plan: Plan, rules: Rules
) -> None:
    """Turn ``cell`` into the raw rows of all runs, in the table ``published_row``.

    Columns: run_no, geo_id, geography, facet, level, variable, cluster_name, value.
    """
    counts = sql("publish_counts.sql", **vars(rules))
    con.execute(f"create or replace table count_row as {counts}")
    con.execute(f"create or replace table published_row ({ROW_COLUMNS})")
    con.execute("insert into published_row select * from count_row")
    measured = [f for _, f in plan.published if f.rpartition("::")[2] in MEASURED]
    if measured:
        numbers = sql("publish_numbers.sql", **vars(rules))
        records = con.execute(numbers).fetchall()
        rows = number_rows(model, rules, sorted(records, key=lambda r: r[:6]))
        load_rows(con, "number_row", ROW_COLUMNS, rows)
        con.execute("insert into published_row select * from number_row")
    con.execute("drop table count_row")
