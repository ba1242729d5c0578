"""Releases that are wrong and consistent: every sum and every percentage agrees.

A mutation changes the counts of a ``Sheet``, the cells of one raw file; the rows are
written from the counts, so that percentages always follow. All mutants are built in one
work file, each under a release id of its own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import NamedTuple

from conftest import SHIPPED_DATA, Row, read_rows, shipped_row

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
        """The cells whose counts sum to the base of this one's percentage."""
        if self.facet == "country":
            return (self.facet,)
        if self.facet in TOTAL_FACETS:
            return (self.facet, self.geo_id.partition("-")[0])
        task = self.cluster_name.rpartition("::")[0] if "::" in self.facet else ""
        return (self.geography, self.geo_id, self.facet, self.level, task)

    @property
    def variable(self) -> str:
        """The start of the names of its two variables."""
        return "usage" if self.facet in TOTAL_FACETS else self.facet.replace("::", "_")


@dataclass
class Sheet:
    """The cells of one raw file with its row of the manifest."""

    platform: str
    manifest: Row
    counts: dict[Cell, float]
    numbers: list[Row] = field(default_factory=list)

    @classmethod
    def shipped(cls, platform: str) -> Sheet:
        """The file that ships with the project."""
        manifest = shipped_row(platform)
        counts = {
            Cell(
                row["geography"],
                row["geo_id"],
                row["facet"],
                row["cluster_name"],
                row["level"],
            ): float(row["value"])
            for row in read_rows(SHIPPED_DATA / manifest["relative_path"])
            if row["variable"].endswith("_count")
        }
        return cls(platform, dict(manifest), counts)

    def rows(self) -> list[Row]:
        """The rows of the file: a count and its percentage for each cell."""
        bases: dict[tuple[str, ...], float] = defaultdict(float)
        for cell, count in self.counts.items():
            bases[cell.base] += count
        rows = []
        for cell, count in self.counts.items():
            share = {"count": count, "pct": count / bases[cell.base] * 100}
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


def fold(sheet: Sheet, cell: Cell) -> None:
    """Count a category's conversations as not classified."""
    base, colons, _ = cell.cluster_name.rpartition("::")
    residual = cell._replace(cluster_name=f"{base}{colons}not_classified")
    sheet.move(cell, residual, sheet.counts[cell])


def scale(sheet: Sheet, total: int) -> None:
    """Scale a global sheet to whole counts that sum to a total in every partition."""
    factor = total / sheet.sum("onet_task")
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


# The mutations ------------------------------------------------------------------------


def as_shipped(sheet: Sheet) -> None:
    """Nothing changed: the control."""


def eight_day_window(sheet: Sheet) -> None:
    """A window of eight days, in the file and in the manifest."""
    end = date.fromisoformat(sheet.manifest["window_end_date"]) + timedelta(days=1)
    sheet.manifest["window_end_date"] = end.isoformat()


def tenth_of_the_sample(sheet: Sheet) -> None:
    """A sample of about 97 thousand conversations; cells under the floor folded."""
    for cell in sheet.counts:
        sheet.counts[cell] *= 10
    scale(sheet, 9_713_000)


def per_million_as_conversations(sheet: Sheet) -> None:
    """Counts per million, said to be conversations."""
    scale(sheet, 1_000_000)


def conversations_as_per_million(sheet: Sheet) -> None:
    """Conversations, said to be counts per million."""
    sheet.manifest["count_basis"] = "per_million"


def api_with_a_country(sheet: Sheet) -> None:
    """Country totals in a file of the API."""
    sample = sheet.sum("onet_task")
    sheet.counts[country("US")] = sample - 1000
    sheet.counts[NO_COUNTRY] = 1000


def chat_without_countries(sheet: Sheet) -> None:
    """The API's content under the label and the name of Claude.ai."""
    sheet.platform = CHAT
    sheet.manifest |= {
        name: shipped_row(CHAT)[name]
        for name in ("platform", "product_label", "relative_path")
    }


def usps_codes(sheet: Sheet) -> None:
    """US states as in 2025: geography state_us, postal codes."""
    for cell in sheet.find("country-state"):
        count = sheet.counts.pop(cell)
        if cell.geo_id.startswith("US-"):
            state = cell.geo_id.removeprefix("US-")
            sheet.counts[Cell("state_us", state, "state_us")] = count


def pattern_never_published(sheet: Sheet) -> None:
    """The pattern learning folded into the residual, in tasks and everywhere else."""
    for facet in ("collaboration", PATTERN_OF_A_TASK):
        for cell in sheet.find(facet):
            if cell.cluster_name.rpartition("::")[2] == "learning":
                fold(sheet, cell)


def pattern_missing_in_tasks(sheet: Sheet) -> None:
    """The pattern learning folded into the residual of every task, not globally."""
    for cell in sheet.find(PATTERN_OF_A_TASK):
        if cell.cluster_name.endswith("::learning"):
            fold(sheet, cell)


def fourteen_in_a_named_cell(sheet: Sheet) -> None:
    """A named cell of 14; the rest of it in the residual."""
    cell = min(
        (
            cell
            for cell in sheet.find(PATTERN_OF_A_TASK)
            if sheet.counts[cell] > 15 and cell.cluster_name.endswith("::directive")
        ),
        key=lambda cell: sheet.counts[cell],
    )
    residual = cell.cluster_name.replace("::directive", "::not_classified")
    target = cell._replace(cluster_name=residual)
    sheet.move(cell, target, sheet.counts[cell] - 14)


def three_in_a_base_cell(sheet: Sheet) -> None:
    """A country with three conversations, the rest in those of no country."""
    cell = min(sheet.find("country"), key=lambda cell: sheet.counts[cell])
    sheet.move(cell, NO_COUNTRY, sheet.counts[cell] - 3)


def country_above_the_sample(sheet: Sheet) -> None:
    """A country total larger than the sample."""
    sheet.counts[country("US")] = sheet.sum("onet_task") + 1


def country_task_above_the_task(sheet: Sheet) -> None:
    """A country with more conversations of a task than the world."""
    rare = min(
        sheet.find("onet_task", geo_id="GLOBAL"), key=lambda cell: sheet.counts[cell]
    )
    top = Cell("country", "US", "onet_task", "not_classified")
    target = top._replace(cluster_name=rare.cluster_name)
    sheet.move(top, target, sheet.counts[rare] + 1)


def coordinated_traffic(sheet: Sheet) -> None:
    """A small country with 2.5 percent of the sample, most of it feedback loops."""
    small = sorted(sheet.find("country"), key=lambda cell: sheet.counts[cell])[20]
    code = small.geo_id
    total = float(round(0.025 * sheet.sum("onet_task")))
    extra = total - sheet.counts[small]
    sheet.move(NO_COUNTRY, small, extra)
    for facet, name in (
        ("onet_task", "not_classified"),
        ("collaboration", "feedback loop"),
        ("use_case", "work"),
        ("task_success", "yes"),
    ):
        cell = Cell("country", code, facet, name)
        sheet.counts[cell] = total - sheet.sum(facet, code) + sheet.counts.get(cell, 0)


def use_cases_lost(sheet: Sheet) -> None:
    """A tenth of the work conversations left out of the facet use_case."""
    cell = Cell(*GLOBAL, "use_case", "work")
    sheet.counts[cell] -= round(sheet.counts[cell] / 10)


def country_use_cases_lost(sheet: Sheet) -> None:
    """A country's use cases that sum to half of the country."""
    cell = largest(sheet, "use_case", "US")
    sheet.counts[cell] -= round(sheet.counts[cell] / 2)


def country_tasks_lost(sheet: Sheet) -> None:
    """A country's task nodes that do not sum to the country."""
    cell = Cell("country", "US", "onet_task", "not_classified")
    sheet.counts[cell] -= 100


def regions_above_their_country(sheet: Sheet) -> None:
    """A region with more conversations than its country."""
    cell = next(c for c in sheet.find("country-state") if c.geo_id.startswith("US-"))
    sheet.counts[cell] = sheet.counts[country("US")] + 1


def most_without_country(sheet: Sheet) -> None:
    """Six in ten conversations without a country."""
    wanted = 0.6 * sheet.sum("onet_task")
    for cell in sheet.find("country"):
        missing = wanted - sheet.counts[NO_COUNTRY]
        if cell != NO_COUNTRY and missing > 1:
            sheet.move(cell, NO_COUNTRY, float(round(sheet.counts[cell] / 2)))


def residual_of_half(sheet: Sheet) -> None:
    """Half of the global use cases not classified."""
    for cell in sheet.find("use_case", geo_id="GLOBAL"):
        if cell.cluster_name != "not_classified":
            target = cell._replace(cluster_name="not_classified")
            sheet.move(cell, target, float(round(sheet.counts[cell] / 2)))


def without_namibia(sheet: Sheet) -> None:
    """Every row of NA lost, its conversations counted as of no country."""
    namibia = country("NA")
    sheet.move(namibia, NO_COUNTRY, sheet.counts[namibia])
    for cell in [c for c in sheet.counts if c.geo_id == "NA" or "NA-" in c.geo_id[:3]]:
        del sheet.counts[cell]


def facet_not_listed(sheet: Sheet) -> None:
    """A category facet by country that no release has."""
    for label, count in (("yes", 400.0), ("no", 600.0)):
        sheet.counts[Cell("country", "US", "multitasking", label)] = count


def facet_missing(sheet: Sheet) -> None:
    """A listed facet that the file lacks."""
    for cell in [c for c in sheet.counts if "task_success" in c.facet]:
        del sheet.counts[cell]


def country_pct_off(sheet: Sheet) -> None:
    """Use cases of a country whose percentages sum to 99; made of rows, see build."""


def another_release_again(sheet: Sheet) -> None:
    """A release's file with its dates put right, under another release's id."""
    sheet.manifest |= {
        "window_start_date": "2026-02-02",
        "window_end_date": "2026-02-09",
    }


NUMBERS = {
    # facet: mean, in hours, minutes, points, years, years
    "human_only_time": 3.1,
    "human_with_ai_time": 14.0,
    "ai_autonomy": 3.4,
    "human_education_years": 12.2,
    "ai_education_years": 11.9,
}


def numbers(**changed: float) -> Callable[[Sheet], None]:
    """Means of the numeric facets, some of them changed."""

    def mutation(sheet: Sheet) -> None:
        for facet, mean in (NUMBERS | changed).items():
            sheet.add_number(facet, "count", sheet.sum("onet_task"))
            sheet.add_number(facet, "mean", mean)
            sheet.add_number(facet, "median", mean * 0.8)

    return mutation
