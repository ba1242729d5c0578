"""What the questions share: how a figure is made of rows, bases, why one is absent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from markupsafe import Markup

from report.charts import Chart, once, range_chart, top, wrapped
from report.parts import Figure, Of, Row, Sample, Text, sentence
from report.reading import Warehouse

Reader = Callable[[Sample, list[Row]], Markup]

REASONS = {
    "suppressed_cells": "none: suppression cuts off the numerator",
    "fractional_allocation": "none: the count is split between groups",
    "per_million_counts": "none: counts are re-based to one million",
    "percent_only": "none: the release publishes no counts",
    "mean_of_countries": "none: it is a mean of countries",
    "partial_copy": "none: this copy lacks some of the cells",
    "too_few_tasks": "none: too few tasks",
    "residual": "none: it is what is left over, not a label",
    "none_visible": "none: no cell of it is published",
    "not_in_copy": "none: this copy lacks the facet",
    "no_suppressed": "none: the no cell is suppressed",
    "yes_suppressed": "none: the yes cell is suppressed",
    "not_published": "none: the place does not publish it",
}
KINDS = {
    "imbens_manski_95": "uncertainty: what is hidden and which tasks there are",
    "wilson_95": "95% interval over the week's draw of conversations",
    "task_bootstrap_95": "95% interval over tasks (bootstrap)",
    "task_jackknife_t_95": "95% interval over tasks (jackknife)",
}
WHY = {
    "fewer_tasks": "fewer tasks than that",
    "suppressed": "folded into the rest",
    "not_published": "not published",
    "contradicted": "the file contradicts itself here",
}
# Columns of the data tables and the saved CSV, in order; a figure has those that its
# rows have. Kinds: text, count, number.
COLUMNS = {
    "window_words": ("Window", "text"),
    "platform_words": ("Platform", "text"),
    "panel": ("Shown", "text"),
    "row": ("Row", "text"),
    "series": ("By", "text"),
    "statement": ("Task, as O*NET words it", "text"),
    "geo_id": ("Code", "text"),
    "flags": ("Flags", "text"),
    "share_rank": ("Place", "count"),
    "rank_low": ("Place, best", "count"),
    "rank_high": ("Place, worst", "count"),
    "share_pct": ("Share, %", "number"),
    "value_pct": ("Figure, %", "number"),
    "success_pct": ("Success, %", "number"),
    "volume_share_pct": ("Share of all conversations, %", "number"),
    "share_of_use_case_pct": ("Part in education tasks, %", "number"),
    "rank_correlation": ("Rank correlation", "number"),
    "bound_low_pct": ("Bound, low", "number"),
    "bound_high_pct": ("Bound, high", "number"),
    "interval_low_pct": ("95% interval, low", "number"),
    "interval_high_pct": ("95% interval, high", "number"),
    "uncertainty_low_pct": ("Uncertainty, low", "number"),
    "uncertainty_high_pct": ("Uncertainty, high", "number"),
    "uncertainty_coverage_pct": ("It held the truth in, %", "number"),
    "interval": ("The line is", "text"),
    "conversation_count": ("Count", "count"),
    "yes_count": ("Yes", "count"),
    "base_conversation_count": ("Base", "count"),
    "unseen_conversation_count": ("Unseen", "count"),
    "any_omission_low_pct": ("Lowest without any one task, %", "number"),
    "any_omission_high_pct": ("Highest without any one task, %", "number"),
    "suppressed_pct": ("In no published cell, %", "number"),
    "task_count": ("Tasks", "count"),
    "task_with_pattern_count": ("Tasks with a pattern", "count"),
    "task_with_use_case_count": ("Tasks with a use case", "count"),
    "task_with_success_count": ("Tasks that publish yes", "count"),
    "effective_task_count": ("Effective tasks", "number"),
    "gap_pct_points": ("Gap, API less Claude.ai, points", "number"),
    "gap_uncertainty_low": ("Gap, uncertainty, low", "number"),
    "gap_uncertainty_high": ("Gap, uncertainty, high", "number"),
    "kitagawa_composition": ("Of it other tasks, points", "number"),
    "kitagawa_within": ("Of it the same tasks, points", "number"),
    "change_pct_points": ("Step, points", "number"),
    "common_unit_count": ("Common units", "count"),
    "common_share_pct": ("They hold, %", "number"),
    "composition_change": ("Composition, points", "number"),
    "within_change": ("Within, points", "number"),
    "breaks": ("Break before", "text"),
    "country_count": ("Countries", "count"),
    "mean_difference_pct": ("Mean difference, points", "number"),
    "most_disagreeing_countries": ("Furthest apart, with both ranks", "text"),
    "above_count": ("Wholly above, countries", "count"),
    "below_count": ("Wholly below, countries", "count"),
    "above_geo_ids": ("Wholly above these", "text"),
    "named_share_pct": ("Share of the published labels, %", "number"),
    "left_out_pct": ("That leaves out, %", "number"),
    "usage_pct": ("Share of use, %", "number"),
    "per_capita_index": ("Use per person, 1 is the mean", "number"),
}


def draw(
    warehouse: Warehouse,
    figure_id: str,
    title: str,
    mart: str,
    query: str,
    chart: Chart,
    read: Reader,
    *,
    facet: str = "",
    of: Of = "sample",
    picks: dict[str, str] | None = None,
    notes: Sequence[Markup] = (),
    is_read_by_pick: bool = False,
    absent: str = "",
    base: str = "",
) -> Figure:
    """A figure of a query: its rows by what the reader chooses, and what is said.

    The query names ``row``, unless that is the window, and ``series`` and ``panel``
    where there are several. ``read`` gives the sentence of a choice from its rows;
    where it has none, the release does not publish ``facet`` or this copy lacks it, or
    as ``absent`` says.
    """
    picks = picks or {}
    rows = [_words(row, chart.value_key, of) for row in warehouse.rows(query)]
    keys = [sample.key(of) for sample in warehouse.samples]
    rows.sort(key=lambda row: keys.index(row["key"]))
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row["key"], []).append(row)
    texts = {}
    for sample in warehouse.samples:
        key = sample.key(of)
        if key in texts:
            continue
        own = groups.get(key)
        if not own:
            texts[key] = Text(_absent(warehouse, sample, facet, absent))
            continue
        for picked, part in _picked(own, list(picks)).items():
            once(part, f"{title}, {key}")
            if is_read_by_pick or key not in texts:
                part = part if is_read_by_pick else own
                text = Text(
                    read(part[0]["sample"], part), base or _base(part), _samples(part)
                )
                texts[" ".join([key, *picked] if is_read_by_pick else [key])] = text
    for row in rows:
        row["row"] = wrapped(row["row"], 3 if "statement" in row else 2)
    shown = {
        key: heading
        for key, heading in COLUMNS.items()
        if any(row.get(key) is not None for row in rows)
    }
    shown = {key: (words, "text") for key, words in picks.items()} | shown
    kinds = {KINDS[row["line_kind"]] for row in rows if row.get("line_kind")}
    line = "; or ".join(sorted(kinds, key=list(KINDS.values()).index))
    touched = {*COLUMNS, *picks, "scope", "allocation_rule", "estimator", "pattern"}
    touched &= set(rows[0]) if rows else touched
    touched |= (
        {"is_simulated"} if any(s.is_simulated for s in _samples(rows)) else set()
    )
    return Figure(
        figure_id,
        title,
        mart,
        chart.value_key,
        query,
        range_chart(chart, rows),
        rows,
        shown,
        texts,
        of,
        line,
        list(notes),
        warehouse.caveats(mart, touched),
        picks,
        {
            " ".join(picked): top(chart, own)
            for picked, own in _picked(rows, list(picks) * is_read_by_pick).items()
        },
    )


def _words(row: Row, value_key: str, of: Of) -> Row:
    """A row with what the chart and the table need beside the columns of the mart."""
    sample: Sample = row["sample"]
    row["key"] = sample.key(of)
    row.setdefault("row", sample.window_label)
    row["window_words"], row["platform_words"] = (
        sample.window_label,
        sample.platform_title,
    )
    if row[value_key] is None:
        row["why"] = WHY.get(str(row.get("status")), "no visible cell")
    if "interval_kind" in row:
        kind = row.get("uncertainty_kind") or row["interval_kind"]
        row["line_kind"] = kind
        row["interval"] = KINDS.get(kind) or REASONS.get(row["interval_missing_reason"])
    return row


def _samples(rows: Iterable[Row]) -> tuple[Sample, ...]:
    return tuple(dict.fromkeys(row["sample"] for row in rows))


def _picked(rows: list[Row], picks: list[str]) -> dict[tuple[str, ...], list[Row]]:
    """The rows by value of the picks."""
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row[pick] for pick in picks), []).append(row)
    return groups


def _base(rows: Sequence[Row]) -> str:
    """The bases by sample: smallest to largest where there are several."""
    parts = []
    for sample in _samples(rows):
        own = [row for row in rows if row["sample"] == sample]
        bases = {row.get("base_conversation_count") for row in own} - {None}
        if bases:
            ends = dict.fromkeys((f"{min(bases):,.0f}", f"{max(bases):,.0f}"))
            parts.append(f"{' to '.join(ends)} {sample.unit} ({sample.label})")
    return "; ".join(parts) or "the release publishes no counts"


def _absent(warehouse: Warehouse, sample: Sample, facet: str, words: str) -> Markup:
    """Why a sample has no rows: not in this copy, or never published."""
    if words:
        return sentence("{0.where}: {1}.", sample, words)
    coverage = warehouse.rows(
        "select distinct release_id, platform, window_start_date, status "
        f"from marts.fct_cell_coverage where facet = '{facet}'"
    )
    found = {row["status"] for row in coverage if row["sample"] == sample}
    if "not_in_copy" in found:
        text = "{0.where}: the release publishes this, but the loaded copy lacks it."
    elif found:
        text = "{0.where}: nothing of it can be shown."
    else:
        text = "{0.where}: the release does not publish this."
    return sentence(text, sample)


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
