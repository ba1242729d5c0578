"""The cells of a raw file, to be changed: the rows are written from the counts, so that
every percentage follows and a wrong release stays consistent."""

from __future__ import annotations

import functools
import math
from collections import defaultdict
from dataclasses import dataclass, field
from typing import NamedTuple

from conftest import (
    SHIPPED_DATA,
    Row,
    read_rows,
    shipped_row,
)

API = "1p_api"
CHAT = "claude_ai"
GLOBAL = ("global", "GLOBAL")
COLUMNS = list(read_rows(SHIPPED_DATA / shipped_row(API)["relative_path"])[0])
TOTAL_FACETS = ("country", "country-state", "state_us")
PATTERN_OF_A_TASK = "onet_task::collaboration"


class Cell(NamedTuple):
    """What a count is about."""

    geography: str
    geo_id: str
    facet: str
    cluster_name: str = ""
    level: str = "0"

    @property
    def base(self) -> tuple[str, ...]:
        """The cells whose counts sum to the base of this one's percentage; none where
        the base is the sample of the manifest, the place where it is its total."""
        if self.facet == "country" or (self.geography, "::" in self.facet) == (
            "global",
            False,
        ):
            return ()
        if self.facet in TOTAL_FACETS:
            return (self.facet, self.geo_id.partition("-")[0])
        if "::" not in self.facet:
            return self.place
        task = self.cluster_name.rpartition("::")[0]
        return (self.geography, self.geo_id, self.facet, self.level, task)

    @property
    def place(self) -> tuple[str, ...]:
        """The base of what is published of its place."""
        return ("place", self.geography, self.geo_id)

    @property
    def variable(self) -> str:
        """The start of the names of its two variables."""
        return "usage" if self.facet in TOTAL_FACETS else self.facet.replace("::", "_")


@functools.cache
def shipped_counts(platform: str) -> dict[Cell, float]:
    """The counts of the file that ships with the project."""
    return {
        Cell(
            row["geography"],
            row["geo_id"],
            row["facet"],
            row["cluster_name"],
            row["level"],
        ): float(row["value"])
        for row in read_rows(SHIPPED_DATA / shipped_row(platform)["relative_path"])
        if row["variable"].endswith("_count")
    }


@dataclass
class Sheet:
    """The cells of one raw file with its row of the manifest."""

    platform: str
    manifest: Row
    counts: dict[Cell, float]
    numbers: list[Row] = field(default_factory=list)
    factors: dict[tuple[str, ...], float] = field(default_factory=dict)

    @classmethod
    def shipped(cls, platform: str) -> Sheet:
        """The file that ships with the project."""
        return cls(platform, shipped_row(platform), dict(shipped_counts(platform)))

    def rows(self) -> list[Row]:
        """The rows of the file: a count and its percentage for each cell."""
        bases: dict[tuple[str, ...], float] = defaultdict(float)
        for cell, count in self.counts.items():
            if cell.base != cell.place:
                bases[cell.base] += count
            if cell.facet in TOTAL_FACETS:
                bases[cell.place] += count
        bases[()] = float(self.manifest["sample_count"] or self.sum("onet_task"))
        rows = []
        for cell, count in self.counts.items():
            factor = self.factors.get(cell.base, 1)
            share = {"count": count, "pct": count / bases[cell.base] * 100 * factor}
            rows += [
                self.row(cell, f"{cell.variable}_{measure}", value)
                for measure, value in share.items()
            ]
        return rows + self.numbers

    def row(self, cell: Cell, variable: str, value: float) -> Row:
        """One row of the file."""
        fields = {
            "geo_id": cell.geo_id,
            "geography": cell.geography,
            "date_start": self.manifest["window_start_date"],
            "date_end": self.manifest["window_end_date"],
            "platform_and_product": self.manifest["product_label"],
            "facet": cell.facet,
            "level": cell.level,
            "variable": variable,
            "cluster_name": cell.cluster_name,
            "value": repr(float(value)),
        }
        return {column: fields[column] for column in COLUMNS}

    def find(self, facet: str, **values: str) -> list[Cell]:
        """The cells of a facet with these values, in the order of the file."""
        return [
            cell
            for cell in self.counts
            if cell.facet == facet
            and all(getattr(cell, name) == value for name, value in values.items())
        ]

    def sum(self, facet: str, geo_id: str = "GLOBAL") -> float:
        """The sum of a facet's counts in one geography."""
        return sum(self.counts[cell] for cell in self.find(facet, geo_id=geo_id))

    def named_tasks(self) -> list[str]:
        """The named tasks of the whole file, the smallest first."""
        tasks = sorted(
            self.find("onet_task", geo_id="GLOBAL"), key=lambda cell: self.counts[cell]
        )
        names = [cell.cluster_name for cell in tasks]
        return [name for name in names if name not in PSEUDO_TASKS]

    def tasks_of(self, code: str) -> list[str]:
        """The named tasks with a holder whose code begins so, the smallest first."""
        statements = shipped_row("", "onet_task_statements")["relative_path"]
        held = {
            row["Task"].strip().lower()
            for row in read_rows(SHIPPED_DATA / statements)
            if row["O*NET-SOC Code"].startswith(code)
        }
        return [task for task in self.named_tasks() if task in held]

    def education_tasks(self) -> list[str]:
        """The named tasks of education, the smallest first."""
        return self.tasks_of("25-")

    def move(self, source: Cell, target: Cell, count: float) -> None:
        """Move conversations from one cell to another; an empty cell has no row."""
        self.counts[target] = self.counts.get(target, 0) + count
        self.counts[source] -= count
        assert self.counts[source] >= 0, f"{source} has too few conversations"
        if self.counts[source] == 0:
            del self.counts[source]

    def add_number(self, facet: str, measure: str, value: float) -> None:
        """Add a global statistic of a numeric facet."""
        cell = Cell(*GLOBAL, facet)
        self.numbers.append(self.row(cell, f"{facet}_{measure}", value))


def country(geo_id: str) -> Cell:
    """The total of a country."""
    return Cell("country", geo_id, "country")


NO_COUNTRY = country("not_classified")


def largest(sheet: Sheet, facet: str, geo_id: str = "GLOBAL") -> Cell:
    """The largest cell of a facet in a geography."""
    return max(sheet.find(facet, geo_id=geo_id), key=lambda cell: sheet.counts[cell])


PSEUDO_TASKS = ("none", "not_classified")


def residual_of(cell: Cell) -> Cell:
    """The residual beside a category or a task."""
    base, colons, _ = cell.cluster_name.rpartition("::")
    return cell._replace(cluster_name=f"{base}{colons}not_classified")


def fold(sheet: Sheet, cell: Cell) -> None:
    """Count a category's conversations as not classified."""
    sheet.move(cell, residual_of(cell), sheet.counts[cell])


def cells_of_task(sheet: Sheet, task: str) -> list[Cell]:
    """The cells inside a task."""
    return [
        cell
        for cell in sheet.counts
        if "::" in cell.facet and cell.cluster_name.rpartition("::")[0] == task
    ]


def merge_task(sheet: Sheet, task: str, target: str) -> None:
    """Count the global conversations of a task, cell by cell, as those of another."""
    for cell in cells_of_task(sheet, task):
        label = cell.cluster_name.rpartition("::")[2]
        into = cell._replace(cluster_name=f"{target}::{label}")
        sheet.move(cell, into, sheet.counts[cell])
    cell = Cell(*GLOBAL, "onet_task", task)
    sheet.move(cell, cell._replace(cluster_name=target), sheet.counts[cell])
    for cell in sheet.find("onet_task", geography="country", cluster_name=task):
        fold(sheet, cell)


def hide_tasks(sheet: Sheet, tasks: list[str], count: float = math.inf) -> None:
    """Count tasks as not classified, up to a number of conversations."""
    hidden = 0.0
    for task in tasks:
        if hidden >= count:
            break
        hidden += sheet.counts[Cell(*GLOBAL, "onet_task", task)]
        for cell in cells_of_task(sheet, task):
            del sheet.counts[cell]
        for cell in sheet.find("onet_task", cluster_name=task):
            fold(sheet, cell)


def hide_country(sheet: Sheet, code: str) -> None:
    """Count a country as of no country; nothing of it stays."""
    sheet.move(country(code), NO_COUNTRY, sheet.counts[country(code)])
    for cell in list(sheet.counts):
        if cell.geo_id == code or cell.geo_id.startswith(f"{code}-"):
            del sheet.counts[cell]


def grow_country(sheet: Sheet, code: str, pattern: str) -> None:
    """Give a country 2.5 percent of the sample, of those without one, in one pattern
    and in the largest of its other categories."""
    total = float(round(0.025 * sheet.sum("onet_task")))
    more = total - sheet.counts[country(code)]
    sheet.move(NO_COUNTRY, country(code), more)
    labels = {
        "onet_task": "not_classified",
        "collaboration": pattern,
        "use_case": "work",
        "task_success": "yes",
    }
    for facet, label in labels.items():
        cell = Cell("country", code, facet, label)
        had = sheet.counts.get(cell, 0)
        sheet.counts[cell] = total - sheet.sum(facet, code) + had


NUMBERS = {
    # hours, minutes, points, years, years
    "human_only_time": 3.1,
    "human_with_ai_time": 14.0,
    "ai_autonomy": 3.4,
    "human_education_years": 12.2,
    "ai_education_years": 11.9,
}


def add_numbers(sheet: Sheet, **changed: float) -> None:
    """Add the global statistics of the numeric facets, some of them changed."""
    for facet, mean in (NUMBERS | changed).items():
        sheet.add_number(facet, "count", sheet.sum("onet_task"))
        sheet.add_number(facet, "mean", mean)
        sheet.add_number(facet, "median", mean)


def scale(sheet: Sheet, total: int) -> None:
    """Scale a global sheet to whole counts that sum to a total in every partition."""
    factor = total / sheet.sum("onet_task")
    sheet.manifest["sample_count"] = str(total)
    whole = {cell: float(round(n * factor)) for cell, n in sheet.counts.items()}
    # The rounding goes to the largest cell, first of the facet, then of each task.
    for facet in {cell.facet for cell in whole if "::" not in cell.facet}:
        cells = sheet.find(facet)
        whole[largest(sheet, facet)] += total - sum(whole[cell] for cell in cells)
    groups: dict[tuple[str, ...], list[Cell]] = defaultdict(list)
    for cell in whole:
        if "::" in cell.facet:
            groups[cell.base].append(cell)
    for cells in groups.values():
        task = Cell(*GLOBAL, "onet_task", cells[0].cluster_name.rpartition("::")[0])
        top = max(cells, key=lambda cell: whole[cell])
        whole[top] += whole[task] - sum(whole[cell] for cell in cells)
    sheet.counts = {cell: n for cell, n in whole.items() if n > 0}
