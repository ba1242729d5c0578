"""Is it growing: each figure by window, with the breaks of every step shown."""

from __future__ import annotations

from itertools import pairwise

from markupsafe import Markup

from report.charts import Chart
from report.kit import draw
from report.parts import PLATFORMS, Figure, Row, Section, listed, sentence
from report.reading import RULE, Warehouse

TREND = f"""
    select trend.*, window_start_date::varchar as window_key,
        coalesce(label_title, category) as category_title
    from marts.fct_education_trend as trend
    left join marts.dim_facet_labels as labels
        on measure = 'pattern' and facet = 'collaboration' and label = category
    where value_pct is not null
        and share_base = 'all_conversations'
        and allocation_rule in ('{RULE}', 'published', 'not_applicable')
    order by window_start_date, release_id, labels.sort_order, country_group
"""
# The measures in the order of the page, with what a value is a share of.
MEASURES = {
    "soc25_share": ("Education share", "Share of all conversations that is education"),
    "coursework": ("Coursework", "Share of all conversations that is coursework"),
    "education_topic": ("Education as a topic", "Share of all conversations"),
    "pattern": ("Patterns of education", "Share of education conversations"),
    "success": ("Success in education", "Share of education conversations"),
}
GROUPS = {
    "all": "All countries",
    "northern": "Northern school calendar",
    "southern": "Southern school calendar",
}
# What may break a series: the aspect in a table, its column.
ASPECTS = (
    ("Plans or product", "product_label"),
    ("Task list", "taxonomy_version"),
    ("Count base", "count_basis"),
)


def answer(warehouse: Warehouse) -> Section:
    """The figures of each window, and what differs between them."""
    section = Section(
        "between-releases",
        "What changed between releases?",
        Markup(
            "Releases differ in more than time: in the model that classifies, in "
            "season and term dates, in plans, task list and count base. Each such "
            "change is a break. Points on two sides of a break are two measurements, "
            "not a series, and no line joins them."
        ),
        answer=Markup("Only one window is loaded: there is no step to show."),
    )
    rows = warehouse.records(TREND)
    for measure in MEASURES:
        for platform in PLATFORMS:
            own = [
                row
                for row in rows
                if (row["measure"], row["platform"]) == (measure, platform)
            ]
            if len({row["window_key"] for row in own}) > 1:
                section.figures.append(_figure(warehouse, measure, platform, own))
    for platform in PLATFORMS:
        shown = [
            row
            for row in warehouse.releases()
            if row["platform"] == platform
            and (row["is_loaded"] or not row["is_simulated"])
        ]
        section.breaks += [_step(warehouse, *step) for step in pairwise(shown)]
    if not section.figures:
        text = " The table says what would break between the releases of the manifest."
        section.absent = [section.answer + text]
    return section


def window(row: Row) -> str:
    """The days of a window."""
    start, end = row["window_start_date"], row["window_end_date"]
    if start is None or end is None:
        return "not known"
    return f"{start.day} {start:%B %Y} to {end.day} {end:%B %Y}"


def _step(warehouse: Warehouse, old: Row, new: Row) -> Row:
    """What differs from one release to the next.

    The classifier is no column of the files: that it changes with each release is an
    assumption of the register.
    """
    classifier = [
        row["statement"]
        for row in warehouse.register()
        if row["assumption_id"] == "classifier_change"
    ]
    return {
        "platform_title": PLATFORMS[new["platform"]],
        "old": old,
        "new": new,
        "classifier": " ".join(classifier) or "Not known",
        "changes": [("Week and season", window(old), window(new), True)]
        + [
            (aspect, old[key], new[key], old[key] != new[key])
            for aspect, key in ASPECTS
        ],
    }


def _figure(
    warehouse: Warehouse, measure: str, platform: str, rows: list[Row]
) -> Figure:
    """A panel per pattern or group of countries; the windows, oldest first."""
    title, x_title = MEASURES[measure]
    windows = {row["window_key"]: row["window_label"] for row in rows}
    panels: dict[str, list[Row]] = {}
    for row in rows:
        name = {
            "pattern": row["category_title"],
            "coursework": GROUPS[row["country_group"]],
        }.get(measure, PLATFORMS[platform])
        panels.setdefault(name, []).append(row)
    first, own = next(iter(panels.items()))
    values = listed(sentence("{value_pct:%} in {window_label}", of=row) for row in own)
    breaks = [
        between([row for row in rows if row["window_key"] == key])
        for key in list(windows)[1:]
    ]
    meaning = (
        "What lies on two sides of a break are two measurements: the step is no trend."
        if any(breaks)
        else "Nothing that is known breaks the steps."
    )
    return draw(
        warehouse,
        f"trend-{measure}-{platform}".replace("_", "-"),
        f"{title} by window, {PLATFORMS[platform]}",
        sentence("{}, {}: {}. {}", title, first, values, meaning),
        "fct_education_trend",
        Chart(
            "window_key",
            windows,
            x_title,
            value_key="value_pct",
            breaks=breaks,
        ),
        rows,
        "window_label category allocation_rule country_group change_pct_points "
        "break_reasons common_unit_count common_share_pct composition_change "
        "within_change status",
        panels=panels,
        base="all conversations of the window, or those of education; see the mart",
        notes=[
            Markup(
                "Common units are the tasks, or the countries, for which both sides "
                "publish the figure. Composition and within split the change on these "
                "alone, and within holds every break. A share inferred by a rule "
                "counts the same part of a task in each window: all of its change is "
                "composition."
            )
        ],
    )


def between(rows: list[Row]) -> str:
    """What the rows of a window say of the step before it; empty where nothing."""
    reasons = {
        reason.replace("_", " ")
        for row in rows
        for reason in (row["break_reasons"] or "").split(", ")
        if reason
    }
    return "Two measurements: " + ", ".join(sorted(reasons)) if reasons else ""
