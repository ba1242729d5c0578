"""Releases that are wrong and consistent: every sum and every percentage agrees.

A mutation changes the counts of a ``Sheet``, the cells of one raw file; the rows are
written from the counts, so that percentages always follow. All mutants are built in one
work file, each under a release id of its own.
"""

from __future__ import annotations

import hashlib
import math
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple

from conftest import (
    SHIPPED_DATA,
    SHIPPED_RELEASE,
    Row,
    read_rows,
    shipped_row,
    write_rows,
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
    factors: dict[tuple[str, ...], float] = field(default_factory=dict)

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
# The facets that the shipped files hold, as a set of their own beside the real ones.
FACET_SET = "as_shipped"


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


def eight_day_window(sheet: Sheet) -> None:
    """A window of eight days, in the file and in the manifest."""
    end = date.fromisoformat(sheet.manifest["window_end_date"]) + timedelta(days=1)
    sheet.manifest["window_end_date"] = end.isoformat()


def ten_times_the_sample(sheet: Sheet) -> None:
    """A sample of about ten million conversations."""
    scale(sheet, round(10 * sheet.sum("onet_task")))


def per_million_as_conversations(sheet: Sheet) -> None:
    """Counts per million, labelled as conversations."""
    scale(sheet, 1_000_000)


def conversations_as_per_million(sheet: Sheet) -> None:
    """Conversations, labelled as counts per million."""
    sheet.manifest["count_basis"] = "per_million"


def three_in_a_country(sheet: Sheet) -> None:
    """A country with three conversations, the rest in those of no country."""
    cell = min(sheet.find("country"), key=lambda cell: sheet.counts[cell])
    sheet.move(cell, NO_COUNTRY, sheet.counts[cell] - 3)


def fourteen_in_a_named_cell(sheet: Sheet) -> None:
    """A count of 14 in a named cell of a task, the rest of it in the residual."""
    cell = min(
        (
            cell
            for cell in sheet.find(PATTERN_OF_A_TASK)
            if sheet.counts[cell] > 15 and cell.cluster_name.endswith("::directive")
        ),
        key=lambda cell: sheet.counts[cell],
    )
    sheet.move(cell, residual_of(cell), sheet.counts[cell] - 14)


def use_cases_lost(sheet: Sheet) -> None:
    """A tenth of the work conversations missing in the facet use_case."""
    cell = Cell(*GLOBAL, "use_case", "work")
    sheet.counts[cell] -= round(sheet.counts[cell] / 10)


def use_cases_of_a_country_lost(sheet: Sheet) -> None:
    """Half of a country's largest use case missing."""
    cell = largest(sheet, "use_case", "US")
    sheet.counts[cell] -= round(sheet.counts[cell] / 2)


def tasks_of_a_country_lost(sheet: Sheet) -> None:
    """A hundred conversations of a country missing in its tasks."""
    sheet.counts[Cell("country", "US", "onet_task", "not_classified")] -= 100


def pattern_in_no_task(sheet: Sheet) -> None:
    """A pattern missing for all tasks: learning folded into each residual."""
    for cell in sheet.find(PATTERN_OF_A_TASK):
        if cell.cluster_name.endswith("::learning"):
            fold(sheet, cell)


def pattern_nowhere(sheet: Sheet) -> None:
    """A pattern missing for all tasks, countries and globally: learning folded."""
    pattern_in_no_task(sheet)
    for cell in sheet.find("collaboration", cluster_name="learning"):
        fold(sheet, cell)


def residual_renamed(sheet: Sheet) -> None:
    """The residual of the global use cases named none."""
    cell = Cell(*GLOBAL, "use_case", "not_classified")
    sheet.move(cell, cell._replace(cluster_name="none"), sheet.counts[cell])


def cells_of_the_unclassified_task(sheet: Sheet) -> None:
    """Patterns of the pseudo-task not_classified."""
    count = sheet.counts[Cell(*GLOBAL, "onet_task", "not_classified")]
    task = Cell(*GLOBAL, PATTERN_OF_A_TASK, "not_classified::directive")
    sheet.counts[task] = count


def tasks_hidden(sheet: Sheet) -> None:
    """Tasks with a sixth of the conversations hidden in the node not_classified."""
    hide_tasks(sheet, sheet.named_tasks(), sheet.sum("onet_task") / 6)


def tasks_without_a_statement(sheet: Sheet) -> None:
    """Tasks with a tenth of the conversations counted as the pseudo-task none."""
    hidden = 0.0
    for task in sheet.named_tasks():
        if hidden < sheet.sum("onet_task") / 10:
            hidden += sheet.counts[Cell(*GLOBAL, "onet_task", task)]
            merge_task(sheet, task, "none")


def directive_folded(sheet: Sheet) -> None:
    """The pattern directive folded in every task but the largest."""
    top = largest(sheet, PATTERN_OF_A_TASK)
    for cell in sheet.find(PATTERN_OF_A_TASK):
        if cell.cluster_name.endswith("::directive") and cell != top:
            fold(sheet, cell)


def patterns_folded_in_most_tasks(sheet: Sheet) -> None:
    """Every pattern folded, but for the twenty largest tasks."""
    kept = set(sheet.named_tasks()[-20:])
    for cell in sheet.find(PATTERN_OF_A_TASK):
        task, _, label = cell.cluster_name.rpartition("::")
        if task not in kept and label != "not_classified":
            fold(sheet, cell)


def residual_of_half(sheet: Sheet) -> None:
    """Half of the global use cases not classified."""
    for cell in sheet.find("use_case", geo_id="GLOBAL"):
        if cell.cluster_name != "not_classified":
            sheet.move(cell, residual_of(cell), float(round(sheet.counts[cell] / 2)))


def api_with_a_country(sheet: Sheet) -> None:
    """Country totals in a file of the API."""
    sheet.counts[country("US")] = sheet.sum("onet_task") - 1000
    sheet.counts[NO_COUNTRY] = 1000


def chat_file_of_the_api(sheet: Sheet) -> None:
    """Platforms swapped, labels too: the API's content as a file of Claude.ai."""
    sheet.platform = CHAT
    sheet.manifest |= {
        name: shipped_row(CHAT)[name]
        for name in ("platform", "product_label", "relative_path")
    }


def usps_codes(sheet: Sheet) -> None:
    """USPS codes in a 2026 file: geography state_us, as in 2025."""
    for cell in sheet.find("country-state"):
        count = sheet.counts.pop(cell)
        if cell.geo_id.startswith("US-"):
            state = cell.geo_id.removeprefix("US-")
            sheet.counts[Cell("state_us", state, "state_us")] = count


def without_namibia(sheet: Sheet) -> None:
    """Every row of NA lost, its conversations counted as of no country."""
    hide_country(sheet, "NA")


def largest_country_hidden(sheet: Sheet) -> None:
    """The largest country counted as of no country."""
    hide_country(sheet, "US")


def small_countries_hidden(sheet: Sheet) -> None:
    """Every country under 200 conversations counted as of no country."""
    for cell in sheet.find("country"):
        if sheet.counts[cell] < 200:
            hide_country(sheet, cell.geo_id)


def country_above_the_sample(sheet: Sheet) -> None:
    """A country above its global total."""
    sheet.counts[country("US")] = sheet.sum("onet_task") + 1


def task_of_a_country_above_the_task(sheet: Sheet) -> None:
    """A country with more conversations of a task than the world."""
    rare = Cell(*GLOBAL, "onet_task", sheet.named_tasks()[0])
    top = Cell("country", "US", "onet_task", "not_classified")
    target = top._replace(cluster_name=rare.cluster_name)
    sheet.move(top, target, sheet.counts[rare] + 1)


def region_above_its_country(sheet: Sheet) -> None:
    """A region with more conversations than its country."""
    cell = next(c for c in sheet.find("country-state") if c.geo_id.startswith("US-"))
    sheet.counts[cell] = sheet.counts[country("US")] + 1


def coordinated_traffic(sheet: Sheet) -> None:
    """Coordinated traffic in one country: 2.5 percent of the sample, feedback loops."""
    grow_country(sheet, "BT", "feedback loop")


def more_use_than_people(sheet: Sheet) -> None:
    """A small country with 2.5 percent of the sample, patterns as elsewhere."""
    grow_country(sheet, "BT", "directive")


def tasks_of_countries_hidden(sheet: Sheet) -> None:
    """Every named task of every country hidden in its node not_classified."""
    for cell in sheet.find("onet_task", geography="country"):
        if cell.cluster_name not in PSEUDO_TASKS:
            sheet.move(cell, residual_of(cell), sheet.counts[cell])


def same_release_again(sheet: Sheet) -> None:
    """A release under another release's id, its dates put right."""
    sheet.manifest |= {
        "window_start_date": "2026-02-02",
        "window_end_date": "2026-02-09",
    }


def edited_copy(sheet: Sheet) -> None:
    """One conversation moved from no country to one; the manifest's sha256 kept."""
    sheet.move(NO_COUNTRY, country("US"), 1)
    sheet.manifest["sha256"] = shipped_row(CHAT)["sha256"]


def facet_missing(sheet: Sheet) -> None:
    """No row of task_success in the file."""
    for cell in [cell for cell in sheet.counts if "task_success" in cell.facet]:
        del sheet.counts[cell]


def facet_not_listed(sheet: Sheet) -> None:
    """A facet that no release is known to have."""
    for label, share in (("code", 0.25), ("text", 0.75)):
        cell = Cell(*GLOBAL, "artifact", label)
        sheet.counts[cell] = round(share * sheet.sum("onet_task"))


def swap_labels(sheet: Sheet, facet: str, one: str, other: str) -> None:
    """Swap two labels of a facet everywhere: globally, by country and inside tasks."""
    swap = {one: other, other: one}
    counts = {}
    for cell, count in sheet.counts.items():
        base, colons, label = cell.cluster_name.rpartition("::")
        if facet in cell.facet and label in swap:
            cell = cell._replace(cluster_name=f"{base}{colons}{swap[label]}")
        counts[cell] = count
    sheet.counts = counts


def success_swapped(sheet: Sheet) -> None:
    """The labels yes and no of task_success swapped, everywhere."""
    swap_labels(sheet, "task_success", "yes", "no")


def success_swapped_globally(sheet: Sheet) -> None:
    """Yes and no of task_success swapped in the global facet, not in the tasks."""
    yes, no = (Cell(*GLOBAL, "task_success", label) for label in ("yes", "no"))
    sheet.counts[yes], sheet.counts[no] = sheet.counts[no], sheet.counts[yes]


def education_of_half(sheet: Sheet) -> None:
    """The largest tasks counted as an education task, up to half of the sample."""
    tutoring = sheet.education_tasks()[-1]
    others = [
        task for task in sheet.named_tasks() if task not in sheet.education_tasks()
    ]
    while sheet.counts[Cell(*GLOBAL, "onet_task", tutoring)] < (
        sheet.sum("onet_task") / 2
    ):
        merge_task(sheet, others.pop(), tutoring)


def education_in_one_task(sheet: Sheet) -> None:
    """Every education task counted as the largest of them."""
    *tasks, top = sheet.education_tasks()
    for task in tasks:
        merge_task(sheet, task, top)


def occupation_group_hidden(sheet: Sheet) -> None:
    """Every task of the transport occupations hidden in the node not_classified."""
    hide_tasks(sheet, sheet.tasks_of("53-"))


def percentages_of_99(sheet: Sheet) -> None:
    """The use cases of a country with percentages that sum to 99."""
    sheet.factors[("country", "US", "use_case", "0", "")] = 0.99


def numbers_as_known(sheet: Sheet) -> None:
    """Numeric facets in the units that the releases are known for: no mutant."""
    add_numbers(sheet)


def minutes_for_hours(sheet: Sheet) -> None:
    """Minutes for hours: the time of a person alone, sixty times too large."""
    add_numbers(sheet, human_only_time=60 * NUMBERS["human_only_time"])


def hours_for_minutes(sheet: Sheet) -> None:
    """Hours for minutes: the time with the model, sixty times too small."""
    add_numbers(sheet, human_with_ai_time=NUMBERS["human_with_ai_time"] / 60)


def autonomy_in_percent(sheet: Sheet) -> None:
    """Autonomy in percent of its scale."""
    add_numbers(sheet, ai_autonomy=20 * NUMBERS["ai_autonomy"])


def education_in_months(sheet: Sheet) -> None:
    """Education years in months."""
    add_numbers(sheet, human_education_years=12 * NUMBERS["human_education_years"])


# What nothing catches -----------------------------------------------------------------


def patterns_mistaken(sheet: Sheet) -> None:
    """Two patterns mistaken for each other everywhere: task iteration and learning."""
    swap_labels(sheet, "collaboration", "task iteration", "learning")


def tasks_mistaken(sheet: Sheet) -> None:
    """A task of computing coded as one of education, everywhere."""
    tutoring = sheet.education_tasks()[-1]
    others = [
        task for task in sheet.tasks_of("15-") if task not in sheet.education_tasks()
    ]
    merge_task(sheet, others[len(others) // 2], tutoring)


def traffic_in_many_countries(sheet: Sheet) -> None:
    """Coordinated traffic spread over ten countries, each a fifth larger."""
    cells = sorted(sheet.find("country"), key=lambda cell: sheet.counts[cell])
    for cell in [cell for cell in cells if cell != NO_COUNTRY][-30:-20]:
        more = float(round(sheet.counts[cell] / 5))
        sheet.move(NO_COUNTRY, cell, more)
        for facet, label in (
            ("onet_task", "not_classified"),
            ("collaboration", "feedback loop"),
            ("use_case", "work"),
            ("task_success", "yes"),
        ):
            into = Cell("country", cell.geo_id, facet, label)
            sheet.counts[into] = sheet.counts.get(into, 0) + more


def week_of_holidays(sheet: Sheet) -> None:
    """A week of school holidays under the same counts, in file and manifest."""
    sheet.manifest |= {
        "window_start_date": "2025-12-22",
        "window_end_date": "2025-12-29",
    }


def one_account(sheet: Sheet) -> None:
    """A task's learning cell swollen by one account; accounts are not in the files."""
    rare = Cell(*GLOBAL, "onet_task", sheet.named_tasks()[-5])
    cells = cells_of_task(sheet, rare.cluster_name)
    pattern = next(c for c in cells if c.cluster_name.endswith("::directive"))
    other = next(
        cell
        for cell in cells
        if cell.facet == pattern.facet and cell.cluster_name.endswith("::learning")
    )
    sheet.move(pattern, other, min(600, sheet.counts[pattern] - 15))


# Building all of them at once ---------------------------------------------------------


@dataclass(frozen=True)
class ReleaseMutant:
    """A release to build: the file that is changed, and how."""

    platform: str
    change: Callable[[Sheet], None]

    @property
    def name(self) -> str:
        """What is wrong, in words."""
        return str(self.change.__doc__).strip().rstrip(".")

    @property
    def release_id(self) -> str:
        """The id under which it is built."""
        api = "_api" if self.platform == API else ""
        return f"simulated_{self.change.__name__}{api}"

    def write(self, data: Path) -> Row:
        """Write the file; returns its row of the manifest."""
        sheet = Sheet.shipped(self.platform)
        sheet.manifest["sha256"] = ""
        self.change(sheet)
        folder, _, rest = sheet.manifest["relative_path"].partition("/")
        path = data / f"release_{self.release_id}" / rest
        write_rows(path, sheet.rows())
        content = path.read_bytes()
        sheet.manifest |= {
            "release_id": self.release_id,
            "relative_path": path.relative_to(data).as_posix(),
            "byte_count": str(len(content)),
            "sha256": sheet.manifest["sha256"] or hashlib.sha256(content).hexdigest(),
            "facet_set": FACET_SET,
        }
        return sheet.manifest


def api(change: Callable[[Sheet], None]) -> ReleaseMutant:
    """A mutant of the API's file."""
    return ReleaseMutant(API, change)


def chat(change: Callable[[Sheet], None]) -> ReleaseMutant:
    """A mutant of the file of Claude.ai."""
    return ReleaseMutant(CHAT, change)


# A clean release beside the shipped one: with numeric facets.
NUMERIC = api(numbers_as_known)

# What each expectation has to catch, and what its message has to say of it.
EXPECTATIONS: dict[str, dict[ReleaseMutant, str]] = {
    "window_is_one_week": {chat(eight_day_window): "measured 8"},
    "sample_is_about_a_million": {api(ten_times_the_sample): "9,713,000"},
    "per_million_counts_sum_to_a_million": {
        api(conversations_as_per_million): "found 971,300 per million"
    },
    "conversations_are_not_per_million": {
        api(per_million_as_conversations): "sample_count 1000000"
    },
    "base_cells_hold_the_floor": {chat(three_in_a_country): "facet country"},
    "intersection_cells_hold_the_floor": {api(fourteen_in_a_named_cell): "::directive"},
    "facets_sum_to_the_same_sample": {api(use_cases_lost): "facet use_case"},
    "places_sum_to_their_total": {
        chat(use_cases_of_a_country_lost): "geo_id US, facet use_case",
    },
    "every_named_label_is_used": {
        api(pattern_in_no_task): "missing_label learning",
        api(pattern_nowhere): "missing_label learning",
    },
    "residual_is_the_known_one": {chat(residual_renamed): "found_label none"},
    "unclassified_tasks_have_no_cells": {
        api(cells_of_the_unclassified_task): "not_classified::directive"
    },
    "unclassified_task_share_is_usual": {chat(tasks_hidden): "% of conversations"},
    "no_task_share_is_usual": {api(tasks_without_a_statement): "% of conversations"},
    "folded_pattern_share_is_usual": {api(directive_folded): "% of conversations"},
    "facet_residual_is_usual": {chat(residual_of_half): "facet use_case, measured 50"},
    "api_rows_are_global": {
        api(api_with_a_country): "geography country, geo_id US, facet country"
    },
    "regions_follow_the_scheme_of_the_release": {
        chat(usps_codes): "geography state_us, geo_id "
    },
    "namibia_is_among_the_countries": {chat(without_namibia): "country_count 60"},
    "no_place_is_more_than_the_whole": {
        chat(country_above_the_sample): "geo_id US, facet country",
        chat(task_of_a_country_above_the_task): "geo_id US, facet onet_task",
    },
    "regions_are_no_more_than_their_country": {
        chat(region_above_its_country): "country_code US"
    },
    "small_countries_are_published": {chat(small_countries_hidden): "% of countries"},
    "share_without_country_is_usual": {
        chat(largest_country_hidden): "% of conversations"
    },
    "no_place_outgrows_its_people": {chat(more_use_than_people): "geo_id BT"},
    "no_country_is_mostly_feedback_loops": {chat(coordinated_traffic): "geo_id BT"},
    "releases_differ": {
        chat(same_release_again): f"other_release_id {SHIPPED_RELEASE}"
    },
    "time_with_the_model_is_in_minutes": {
        api(hours_for_minutes): "variable human_with_ai_time_mean"
    },
    "time_of_a_person_is_in_hours": {
        api(minutes_for_hours): "variable human_only_time_mean, measured 186"
    },
    "autonomy_runs_from_one_to_five": {
        api(autonomy_in_percent): "variable ai_autonomy_mean, measured 68"
    },
    "education_is_in_years": {
        api(education_in_months): "variable human_education_years_mean"
    },
    "education_share_is_usual": {chat(education_of_half): "% of conversations"},
    "named_tasks_cover_the_sample": {chat(tasks_hidden): "% of conversations"},
    "country_task_lists_are_as_thin_as_known": {
        chat(tasks_of_countries_hidden): "% of conversations (median country)"
    },
    "every_occupation_group_is_there": {
        chat(occupation_group_hidden): "missing_group Transportation"
    },
    "education_rests_on_enough_tasks": {
        chat(education_in_one_task): "found 1 effective tasks"
    },
    "most_tasks_publish_a_pattern": {api(patterns_folded_in_most_tasks): "% of tasks"},
    "education_success_is_usual": {
        chat(success_swapped): "% of conversations of tasks that publish yes"
    },
    "the_copy_is_the_official_file": {chat(edited_copy): "file_status unverified_copy"},
    "the_copy_holds_every_facet": {
        chat(facet_missing): "facet task_success",
        api(chat_file_of_the_api): "facet country",
    },
}

# What each singular data test has to catch in a release, and what it has to say.
DATA_TESTS: dict[str, dict[ReleaseMutant, str]] = {
    "countries_sum_to_the_sample": {
        chat(country_above_the_sample): "the countries should sum to the sample"
    },
    "task_nodes_sum_to_the_geography_total": {
        chat(tasks_of_a_country_lost): "geo_id US"
    },
    "published_percentages_agree_by_geography": {
        chat(percentages_of_99): "geo_id US, facet use_case"
    },
    "every_facet_of_a_file_is_listed": {
        api(facet_not_listed): "facet artifact",
        api(api_with_a_country): "facet country, geo_level country",
    },
    "pattern_bounds_hold_the_published_share": {
        chat(pattern_in_no_task): "pattern learning"
    },
    "success_and_use_case_bounds_hold_the_published_share": {
        chat(success_swapped_globally): "category yes"
    },
}


# What no guard catches: the row of the register that says so.
SURVIVORS: dict[ReleaseMutant, str] = {
    chat(patterns_mistaken): "classifier_error",
    chat(tasks_mistaken): "occupation_from_task",
    chat(traffic_in_many_countries): "anomalous_geographies",
    chat(week_of_holidays): "season",
    chat(one_account): "base_cell_floor",
}


def release_mutants() -> list[ReleaseMutant]:
    """Every release to build, each once."""
    by_guard = [*EXPECTATIONS.values(), *DATA_TESTS.values(), SURVIVORS, {NUMERIC: ""}]
    return list(dict.fromkeys(mutant for mutants in by_guard for mutant in mutants))


def write_releases(data: Path) -> list[Row]:
    """Write all mutants into a data folder; returns their rows of the manifest."""
    return [mutant.write(data) for mutant in release_mutants()]


# Working-age people of some countries, which the shipped sample comes without.
POPULATIONS = {"US": 217_000_000, "BT": 550_000, "DE": 53_000_000}


def write_populations(data: Path) -> Row:
    """Write a population file; returns its row of the manifest."""
    path = data / "release_simulated_numbers" / "working_age_population.csv"
    rows = [
        {
            "iso_alpha_3": "",
            "year": "2024",
            "working_age_pop": str(count),
            "country_code": code,
        }
        for code, count in POPULATIONS.items()
    ]
    write_rows(path, rows)
    return shipped_row("", "iso_country_codes") | {
        "file_role": "working_age_population",
        "relative_path": path.relative_to(data).as_posix(),
        "byte_count": str(path.stat().st_size),
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }
