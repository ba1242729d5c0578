"""What the questions share: figures, tables, bases, why something is absent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from markupsafe import Markup

from report.charts import Chart, range_panel
from report.parts import Column, Figure, Row, Slice, Table, platform_title, sentence
from report.reading import Warehouse

BASES = {"all_conversations": "All conversations", "named_tasks": "Named tasks"}
REASONS = {
    "suppressed_cells": "suppression cuts off the numerator",
    "fractional_allocation": "the count is split between groups",
    "per_million_counts": "counts are re-based to one million",
    "percent_only": "the release publishes no counts",
    "mean_of_countries": "it is a mean of countries",
    "partial_copy": "this copy lacks some of the cells",
    "too_few_tasks": "too few tasks",
    "residual": "it is what is left over, not a label",
    "none_visible": "no cell of it is published",
    "not_in_copy": "this copy lacks the facet",
    "no_suppressed": "the no cell is suppressed",
    "yes_suppressed": "the yes cell is suppressed",
    "not_published": "the place does not publish it",
}
UNSEEN = (
    "Band: from none to all of the unseen conversations counted as this. A bound, with "
    "no probability attached."
)
SUPPRESSED = (
    "Band: what suppressed cells leave open, from nothing to all they can hold. A "
    "bound, with no probability attached."
)
ONE_BOUND = (
    " Only the estimator of all conversations has one; the others leave something out, "
    "and their dots may lie beside it."
)
OVER_TASKS = (
    "Line: 95% interval over tasks. It answers whether the share would hold with other "
    "tasks of this kind, and knows nothing of what is suppressed."
)
OVER_WEEK = "Line: 95% Wilson interval of the week's draw of conversations."
LEFT_OPEN = (
    "Band: what unseen tasks, folded labels or rounding leave open. A bound, with no "
    "probability attached."
)
# What the band and the line of a mart are; empty where its figures have none.
MARKS = {
    "fct_country_attributes": (LEFT_OPEN, OVER_WEEK),
    "fct_country_education": (LEFT_OPEN, OVER_WEEK),
    "fct_education_shares": (UNSEEN, ""),
    "fct_education_trend": (
        "Band: what the release leaves open. A bound, with no probability attached.",
        "",
    ),
    "fct_facet_shares": ("", OVER_WEEK),
    "fct_interaction_patterns": (SUPPRESSED, OVER_TASKS),
    "fct_occupation_group_shares": (UNSEEN, ""),
    "fct_task_concentration": ("", ""),
    "fct_task_success": (SUPPRESSED, OVER_TASKS),
    "fct_use_case_shares": (SUPPRESSED, OVER_TASKS),
}
# The figure of a mart in dim_estimators.
ESTIMATED = {
    "fct_interaction_patterns": "pattern",
    "fct_task_success": "success",
    "fct_use_case_shares": "use_case",
}
# Headings of the columns of all tables; figures end with those of TAIL that they have.
COLUMNS = {
    column.key: column
    for column in (
        Column("release_id", "Release", "code"),
        Column("platform", "Platform"),
        Column("window_label", "Window"),
        Column("measure", "Measure", "code"),
        Column("category", "Category", "code"),
        Column("country_group", "Countries", "code"),
        Column("scope", "Scope", "code"),
        Column("allocation_rule", "Rule", "code"),
        Column("share_base", "Base of the share", "code"),
        Column("estimator", "Estimator", "code"),
        Column("pattern", "Pattern"),
        Column("use_case", "Use case"),
        Column("soc_major_group", "Group", "code"),
        Column("group_title", "Title"),
        Column("geo_name", "Country"),
        Column("geo_id", "Code", "code"),
        Column("change_pct_points", "Step, points", "pct"),
        Column("break_reasons", "Breaks"),
        Column("common_unit_count", "Common units", "count"),
        Column("common_share_pct", "They hold, %", "pct"),
        Column("composition_change", "Composition, points", "pct"),
        Column("within_change", "Within, points", "pct"),
        Column("share_rank", "Rank", "count"),
        Column("volume_rank", "Rank", "count"),
        Column("top_k", "Largest tasks", "count"),
        Column("task_statement", "Task, as O*NET words it"),
        Column("education_subsector", "Subsector", "code"),
        Column("task_with_use_case_count", "Tasks with a use case", "count"),
        Column("task_with_pattern_count", "Tasks with a pattern", "count"),
        Column("task_with_success_count", "Tasks that publish yes", "count"),
        Column("task_count", "Tasks", "count"),
        Column("effective_task_count", "Effective tasks", "number"),
        Column("unseen_conversation_count", "Unseen", "count"),
        Column("suppressed_pct", "In no published cell, %", "pct"),
        Column("status", "Status", "code"),
        Column("above_count", "Wholly above, countries", "count"),
        Column("below_count", "Wholly below, countries", "count"),
        Column("above_geo_ids", "Wholly above these", "code"),
        Column("flags", "Flags"),
        Column("named_share_pct", "Share of the published labels, %", "pct"),
        Column("left_out_pct", "That leaves out, %", "pct"),
        Column("window_start_date", "Window from"),
        Column("definition_a", "Definition", "code"),
        Column("definition_b", "And", "code"),
        Column("country_count", "Countries", "count"),
        Column("rank_correlation", "Rank correlation", "number"),
        Column("mean_difference_pct", "Mean difference, points", "pct"),
        Column("most_disagreeing_countries", "Furthest apart, with both ranks"),
        Column("usage_pct", "Share of use, %", "pct"),
        Column("per_capita_index", "Use per person, 1 is the mean", "number"),
        Column("published_per_capita_index", "The same as published", "number"),
        Column("working_age_population_count", "People of working age", "count"),
        Column("conversation_count", "Count", "count"),
        Column("yes_count", "Yes", "count"),
        Column("base_conversation_count", "Base", "count"),
        Column("share_pct", "Share, %", "pct"),
        Column("value_pct", "Figure, %", "pct"),
        Column("volume_share_pct", "Share of all conversations, %", "pct"),
        Column("success_pct", "Success, %", "pct"),
        Column("bound_low_pct", "Bound, low", "pct"),
        Column("bound_high_pct", "Bound, high", "pct"),
        Column("interval_low_pct", "95% interval, low", "pct"),
        Column("interval_high_pct", "95% interval, high", "pct"),
        Column("interval", "Kind of interval, or why none"),
    )
}
TAIL = list(COLUMNS)[list(COLUMNS).index("conversation_count") :]


def draw(
    warehouse: Warehouse,
    figure_id: str,
    title: str,
    reading: Markup,
    mart: str,
    chart: Chart,
    rows: Sequence[Row],
    columns: str,
    *,
    panels: dict[str, list[Row]] | None = None,
    notes: Sequence[Markup] = (),
    base: str = "",
    touched: Sequence[str] = (),
) -> Figure:
    """A figure of rows of a mart: a panel per slice, or those given, on one scale.

    The data table holds all ``rows``, under the ``columns`` named, then counts and
    ranges; the caveats are those of its columns, of what tells the marks apart, and of
    the columns ``touched``.
    """
    bound, interval = MARKS[mart]
    notes = list(notes)
    if chart.series_key == "estimator":
        bound += ONE_BOUND
        meanings = "estimator_title, definition"
        notes.append(glossary(warehouse.estimators(ESTIMATED[mart], meanings)))
    parts = warehouse.by_slice(rows)
    slices = list(parts)
    if panels is None:
        panels = {each.label: own for each, own in parts.items()}
    drawn = chart.drawn([row for own in panels.values() for row in own])
    if all(row.get("interval_low_pct") is None for row in drawn):
        interval = ""
    shown = table(title, rows, columns, has_slice=len(slices) > 1)
    keys = {column.key for column in shown.columns}
    keys |= {"is_simulated"} if any(each.is_simulated for each in slices) else set()
    return Figure(
        figure_id,
        title,
        reading,
        base or _base(warehouse, drawn),
        mart,
        slices,
        [
            range_panel(
                chart,
                own,
                title=name,
                is_simulated=any(e.is_simulated for e in warehouse.by_slice(own)),
                top=chart.top(drawn),
            )
            for name, own in panels.items()
        ],
        shown,
        bound,
        interval,
        [*notes, *_no_interval(drawn)],
        warehouse.caveats(mart, {*keys, chart.label_key, chart.series_key, *touched}),
    )


def table(
    caption: str,
    rows: Sequence[Row],
    columns: str,
    *,
    has_slice: bool = False,
    mart: str = "",
) -> Table:
    """A data table: the columns named, then the counts and ranges of the rows."""
    rows = [
        row
        | {"platform": platform_title(row["platform"])}
        | ({"interval": _interval(row)} if "interval_kind" in row else {})
        for row in rows
    ]
    keys = ["release_id", "platform"] if has_slice else []
    keys += columns.split()
    keys += [key for key in TAIL if rows and key in rows[0] and key not in keys]
    return Table(caption, tuple(COLUMNS[key] for key in keys), rows, mart)


def per_slice(
    warehouse: Warehouse, rows: Sequence[Row], one: Callable[[Slice, list[Row]], Figure]
) -> list[Figure]:
    """A figure for each slice; all but the first are folded away."""
    figures = [one(each, own) for each, own in warehouse.by_slice(rows).items()]
    for figure in figures[1:]:
        figure.is_more = True
    return figures


def glossary(words: dict[str, str]) -> Markup:
    """Words with what they mean."""
    return Markup(" ").join(
        sentence("<b>{}</b>: {}.", word, meaning) for word, meaning in words.items()
    )


def only(rows: Iterable[Row], **values: object) -> Row:
    """The one row that has these values; else a row of which nothing is known."""
    found = [row for row in rows if all(row[key] == values[key] for key in values)]
    return found[0] if len(found) == 1 else _Unknown()


class _Unknown(dict[str, Any]):
    """A row of which nothing is known."""

    def __missing__(self, key: str) -> None:
        return None


def absence(
    warehouse: Warehouse,
    facet: str,
    rows: Sequence[Row],
    geo_level: str = "global",
) -> list[Markup]:
    """Why slices without rows have none: not in this copy, or never published."""
    coverage = "from marts.fct_cell_coverage where facet = ? and geo_level = ?"
    covered = warehouse.by_slice(warehouse.rows(coverage, facet, geo_level))
    status = {each: own[0]["status"] for each, own in covered.items()}
    by = "" if geo_level == "global" else f" by {geo_level}"
    present = warehouse.by_slice(rows)
    texts = []
    for each in warehouse.slices:
        if each in present or (geo_level != "global" and each.platform == "1p_api"):
            continue
        if status.get(each) == "not_in_copy":
            text = (
                "Not in this copy: {} publishes the facet <code>{}</code>{}, but the "
                "loaded file does not hold it."
            )
        elif each in status:
            text = "{} holds <code>{}</code>{}, but nothing of it can be shown."
        else:
            text = "{} does not publish the facet <code>{}</code>{}."
        texts.append(sentence(text, each.label, facet, by))
    return texts


def _interval(row: Row) -> str:
    """The kind of interval, else the reason that stands instead of it."""
    if row["interval_kind"]:
        return str(row["interval_kind"])
    return ": ".join(_reason(row["interval_missing_reason"]))


def _reason(reason: str) -> tuple[str, str]:
    """A reason why there is no interval, with what it means."""
    return reason, REASONS.get(reason, "see the docs of the column")


def _base(warehouse: Warehouse, rows: Sequence[Row]) -> str:
    """The bases of a figure by slice: smallest to largest where there are several."""
    parts = []
    for each, own in warehouse.by_slice(rows).items():
        bases = {row["base_conversation_count"] for row in own} - {None}
        if bases:
            ends = dict.fromkeys((f"{min(bases):,.0f}", f"{max(bases):,.0f}"))
            parts.append(f"{each.label}: {' to '.join(ends)} {each.unit}")
    return "; ".join(parts) or "no base is known"


def _no_interval(rows: Sequence[Row]) -> list[Markup]:
    """A note on the reasons why drawn rows have no interval."""
    reasons = sorted({row.get("interval_missing_reason") for row in rows} - {None})
    if not reasons:
        return []
    texts = Markup("; ").join(
        sentence("<code>{}</code>, {}", *_reason(reason)) for reason in reasons
    )
    is_all = all(row["interval_kind"] is None for row in rows)
    begin = "No interval" if is_all else "Where a row has no interval"
    return [sentence("{}: {}.", begin, texts)]
