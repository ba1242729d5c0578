"""What can be wrong with a release whose every sum and percentage agrees.

Each function changes the counts or the manifest row of a ``Sheet``; its docstring says
what is wrong. ``release_guards`` says which guard has to see it.
"""

from __future__ import annotations

from datetime import date, timedelta

from conftest import shipped_row

from mutations.sheet import (
    CHAT,
    GLOBAL,
    NO_COUNTRY,
    NUMBERS,
    PATTERN_OF_A_TASK,
    PSEUDO_TASKS,
    Cell,
    Sheet,
    add_numbers,
    cells_of_task,
    country,
    fold,
    grow_country,
    hide_country,
    hide_tasks,
    largest,
    merge_task,
    residual_of,
    scale,
)


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
    for other in [c for c in sheet.counts if c.geo_id == cell.geo_id and c != cell]:
        del sheet.counts[other]


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
    """A tenth of the use case work missing; the manifest does not state the sample."""
    sheet.manifest["sample_count"] = ""
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


def country_lost(sheet: Sheet) -> None:
    """Every row of a country lost, its conversations nowhere counted."""
    for cell in list(sheet.counts):
        if cell.geo_id.partition("-")[0] == "BR":
            del sheet.counts[cell]


def countries_halved(sheet: Sheet) -> None:
    """Every count of a place halved, the rest nowhere counted."""
    for cell in sheet.counts:
        if cell.geo_id != "GLOBAL":
            sheet.counts[cell] = float(round(sheet.counts[cell] / 2))


def largest_country_hidden(sheet: Sheet) -> None:
    """The largest country counted as of no country."""
    hide_country(sheet, "US")


def small_countries_hidden(sheet: Sheet) -> None:
    """Every country under 200 conversations counted as of no country."""
    for cell in sheet.find("country"):
        if sheet.counts[cell] < 200:
            hide_country(sheet, cell.geo_id)


def country_above_the_sample(sheet: Sheet) -> None:
    """A country above the whole sample, which the manifest does not state."""
    sheet.manifest["sample_count"] = ""
    sheet.factors[()] = 0.9  # no percentage over 100
    sheet.counts[country("US")] = sheet.sum("onet_task") + 1


def task_of_a_country_above_the_task(sheet: Sheet) -> None:
    """A country with more conversations of a task than the world."""
    rare = Cell(*GLOBAL, "onet_task", sheet.named_tasks()[0])
    top = Cell("country", "US", "onet_task", "not_classified")
    target = top._replace(cluster_name=rare.cluster_name)
    sheet.move(top, target, sheet.counts[rare] + 1)


def region_above_its_country(sheet: Sheet) -> None:
    """Regions with more conversations than their country, one of them with as many."""
    cell = next(c for c in sheet.find("country-state") if c.geo_id.startswith("US-"))
    sheet.counts[cell] = sheet.counts[country("US")]


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
    """One conversation moved from a pattern to another; the manifest's sha256 kept."""
    cell = Cell(*GLOBAL, "collaboration", "learning")
    sheet.move(cell, cell._replace(cluster_name="directive"), 1)
    sheet.manifest["sha256"] = shipped_row(CHAT)["sha256"]


def facet_missing(sheet: Sheet) -> None:
    """No row of task_success in the file."""
    for cell in [cell for cell in sheet.counts if "task_success" in cell.facet]:
        del sheet.counts[cell]


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
    """The regions of a country with percentages that sum to 99."""
    sheet.factors[("country-state", "US")] = 0.99


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
