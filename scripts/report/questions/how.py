"""How people work with the model: interaction patterns."""

from __future__ import annotations

from functools import partial

from markupsafe import Markup

from report.charts import Chart
from report.kit import (
    BOUND_SUPPRESSED,
    INTERVAL_TASKS,
    absence,
    draw,
    per_slice,
)
from report.parts import Figure, Row, Section, Slice, counted, rounded, sentence, share
from report.warehouse import UNDER_RULE, Warehouse

PATTERNS = (
    f"select * from marts.fct_interaction_patterns where {UNDER_RULE} order by all"
)
MEANINGS = """
    select pattern_title, meaning
    from marts.dim_interaction_patterns
    where is_named_pattern
    order by sort_order
"""
# The pattern that the choice of estimator moves most.
MOVED = f"""
    select min(share_pct) as lowest_pct, max(share_pct) as highest_pct,
        any_value(patterns.pattern_title) as pattern_title
    from marts.fct_interaction_patterns as shares
    inner join marts.dim_interaction_patterns as patterns using (pattern)
    where release_id = ? and platform = ? and scope = 'education' and {UNDER_RULE}
        and patterns.is_named_pattern
    group by pattern
    having count(share_pct) > 1
    order by highest_pct - lowest_pct desc
    limit 1
"""
COVERED = """
    select max(inside_pct) filter (batch = 'published') as published_pct,
        max(inside_pct) filter (batch = 'unsuppressed') as unsuppressed_pct
    from marts.fct_interval_calibration
    where mart = 'fct_interaction_patterns' and scope = 'education'
        and interval_kind = 'shown' and estimator = 'all_conversations'
"""


def answer(warehouse: Warehouse) -> Section:
    """Interaction patterns by subsector, and by estimator."""
    rows = warehouse.rows(PATTERNS)
    section = Section(
        "how",
        "How do people work with the model?",
        sentence(
            "Each conversation has one interaction pattern. It says how the work went "
            "back and forth. It is not an intent and not a learning outcome. {}",
            warehouse.glossary(MEANINGS),
        ),
        absent=absence(warehouse, "onet_task::collaboration", rows),
        answer=Markup("The patterns of tasks are not in this copy."),
    )
    if not rows:
        return section
    names, scopes = warehouse.labels("collaboration"), warehouse.scopes()
    whole = [
        row
        for row in rows
        if row["estimator"] == "all_conversations" and row["scope"] in scopes
    ]
    section.figures = per_slice(
        warehouse, whole, partial(_by_scope, warehouse, names, scopes)
    )
    (covered,) = warehouse.records(COVERED)
    if None not in covered.values():
        section.figures[0].notes.append(
            sentence(
                "What these intervals cover was measured on simulated releases: with "
                "nothing suppressed they held the known truth in {} of the cases, with "
                "cells suppressed as in the real files in {}, not in 95%. Read band "
                "and line together.",
                share(covered["unsuppressed_pct"]),
                share(covered["published_pct"]),
            )
        )
    section.figures.append(_by_estimator(warehouse, rows, names))
    return section


def _by_scope(
    warehouse: Warehouse,
    names: dict[str, str],
    scopes: dict[str, str],
    each: Slice,
    rows: list[Row],
) -> Figure:
    """The named patterns of one slice by scope, a panel each."""
    seen = [
        row
        for row in rows
        if row["scope"] == "education"
        and row["pattern"] in names
        and row["share_pct"] is not None
    ]
    reading = sentence("{}, no pattern of education is visible.", each.where)
    if seen:
        most = max(seen, key=lambda row: row["share_pct"])
        interval = sentence(
            ", interval {} to {}",
            rounded(most["interval_low_pct"], 1),
            share(most["interval_high_pct"]),
        )
        reading = sentence(
            "{}, the most frequent pattern of education is {} with {} of {} {} "
            "(bounds {} to {}{}); {} of {} tasks publish any pattern, and {} of the "
            "conversations lie in no published cell.",
            each.where,
            names[most["pattern"]].lower(),
            share(most["share_pct"]),
            counted(most["base_conversation_count"]),
            each.unit,
            rounded(most["bound_low_pct"], 1),
            share(most["bound_high_pct"]),
            interval if most["interval_low_pct"] is not None else "",
            counted(most["task_with_pattern_count"]),
            counted(most["task_count"]),
            share(most["suppressed_pct"]),
        )
    return draw(
        warehouse,
        f"patterns-{each.slug}",
        f"Interaction patterns by subsector: {each.label}",
        reading,
        "fct_interaction_patterns",
        # The residuals are in the table; no panel shows them.
        Chart("scope", scopes, "Share of all conversations of the scope"),
        rows,
        (
            "scope",
            "pattern",
            "task_with_pattern_count",
            "task_count",
            "effective_task_count",
            "suppressed_pct",
        ),
        panels={
            name: [row for row in rows if row["pattern"] == key]
            for key, name in names.items()
        },
        caption=f"Patterns by scope, {each.label}",
        bound=BOUND_SUPPRESSED,
        interval=INTERVAL_TASKS,
    )


def _by_estimator(
    warehouse: Warehouse, rows: list[Row], names: dict[str, str]
) -> Figure:
    """Education patterns under the three estimators."""
    main = next(iter(warehouse.by_slice(rows)))
    moved = warehouse.records(MOVED, *main.key)
    reading = sentence("{}, there is nothing to compare.", main.where)
    for row in moved:
        reading = sentence(
            "{}, the choice of estimator moves {} most: from {} to {}.",
            main.where,
            row["pattern_title"].lower(),
            share(row["lowest_pct"]),
            share(row["highest_pct"]),
        )
    return draw(
        warehouse,
        "pattern-estimators",
        "What the estimator does to the patterns of education",
        reading,
        "fct_interaction_patterns",
        Chart(
            "pattern",
            names,
            "Share of the base of the estimator",
            "estimator",
            warehouse.estimators("pattern"),
        ),
        [row for row in rows if row["scope"] == "education"],
        ("estimator", "pattern", "task_with_pattern_count", "task_count"),
        caption="Education patterns by estimator",
        bound=BOUND_SUPPRESSED + " Only the base of all conversations has one.",
        interval=INTERVAL_TASKS,
        notes=[warehouse.definitions("pattern")],
    )
