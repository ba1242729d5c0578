"""How people work with the model: interaction patterns."""

from __future__ import annotations

from functools import partial

from markupsafe import Markup

from report.charts import Chart
from report.kit import absence, draw, glossary, per_slice
from report.parts import Figure, Row, Section, Slice, listed, sentence
from report.reading import UNDER_RULE, Warehouse

PATTERNS = f"""
    select shares.*, lower(patterns.pattern_title) as pattern_words,
        patterns.is_named_pattern
    from marts.fct_interaction_patterns as shares
    inner join marts.dim_interaction_patterns as patterns using (pattern)
    where {UNDER_RULE}
    order by all
"""
# The pattern that the choice of estimator moves most.
MOVED = f"""
    with shares as ({PATTERNS})

    select min(share_pct) as lowest_pct, max(share_pct) as highest_pct, pattern_words
    from shares
    where release_id = ? and platform = ? and window_start_date = ?
        and scope = 'education' and is_named_pattern
    group by pattern_words
    having count(share_pct) > 1
    order by highest_pct - lowest_pct desc
    limit 1
"""
COVERED = """
    select published.inside_pct as published_pct,
        unsuppressed.inside_pct as unsuppressed_pct
    from marts.fct_interval_calibration as published
    inner join marts.fct_interval_calibration as unsuppressed
        using (mart, scope, interval_kind, estimator, target)
    where mart = 'fct_interaction_patterns' and scope = 'education'
        and interval_kind = 'shown' and estimator = 'all_conversations'
        and published.batch = 'published' and unsuppressed.batch = 'unsuppressed'
"""


def answer(warehouse: Warehouse) -> Section:
    """Interaction patterns by subsector, and by estimator."""
    rows = warehouse.rows(PATTERNS)
    meanings = warehouse.words(
        "dim_interaction_patterns", "pattern_title, meaning", "is_named_pattern"
    )
    section = Section(
        "how",
        "How do people work with the model?",
        sentence(
            "Each conversation has one interaction pattern. It says how the work went "
            "back and forth. It is not an intent and not a learning outcome. {}",
            glossary(meanings),
        ),
        absent=absence(warehouse, "onet_task::collaboration", rows),
        answer=Markup("The patterns of tasks are not in this copy."),
    )
    if not rows:
        return section
    scopes = warehouse.scopes()
    whole = [
        row
        for row in rows
        if row["estimator"] == "all_conversations" and row["scope"] in scopes
    ]
    section.figures = per_slice(warehouse, whole, partial(_by_scope, warehouse, scopes))
    section.figures[0].notes += [
        sentence(
            "What these intervals cover was measured on simulated releases: with "
            "nothing suppressed they held the known truth in {unsuppressed_pct:%} of "
            "the cases, with cells suppressed as in the real files in "
            "{published_pct:%}, not in 95%. Read band and line together.",
            of=covered,
        )
        for covered in warehouse.records(COVERED)
    ]
    section.figures.append(_by_estimator(warehouse, rows))
    return section


def _by_scope(
    warehouse: Warehouse, scopes: dict[str, str], each: Slice, rows: list[Row]
) -> Figure:
    """The named patterns of one slice by scope, a panel each."""
    reading = sentence("{0.where}, no pattern of education is visible.", each)
    seen = [
        row
        for row in rows
        if row["scope"] == "education"
        and row["is_named_pattern"]
        and row["share_pct"] is not None
    ]
    if seen:
        most = max(seen, key=lambda row: row["share_pct"])
        ranges = [
            sentence(text, of=most)
            for key, text in (
                ("bound_low_pct", "bounds {bound_low_pct:1} to {bound_high_pct:%}"),
                (
                    "interval_low_pct",
                    "interval {interval_low_pct:1} to {interval_high_pct:%}",
                ),
            )
            if most[key] is not None
        ]
        base = sentence("{base_conversation_count:n} {0.unit}", each, of=most)
        reading = sentence(
            "{0.where}, the most frequent pattern of education is {pattern_words} with "
            "{share_pct:%} of {base} ({ranges}); "
            "{task_with_pattern_count:n} of {task_count:n} tasks publish any pattern, "
            "and {suppressed_pct:%} of the conversations lie in no published cell.",
            each,
            of=most,
            base="the conversations"
            if most["base_conversation_count"] is None
            else base,
            ranges=listed(ranges or ["no range is known"]),
        )
    return draw(
        warehouse,
        f"patterns-{each.slug}",
        f"Interaction patterns by subsector: {each.label}",
        reading,
        "fct_interaction_patterns",
        Chart("scope", scopes, "Share of all conversations of the scope"),
        rows,
        "scope pattern task_with_pattern_count task_count effective_task_count "
        "suppressed_pct",
        panels={
            name: [row for row in rows if row["pattern"] == pattern]
            for pattern, name in warehouse.labels("collaboration").items()
        },
    )


def _by_estimator(warehouse: Warehouse, rows: list[Row]) -> Figure:
    """Education patterns under the three estimators."""
    main, _ = warehouse.newest(rows)
    reading = sentence("{0.where}, there is nothing to compare.", main)
    for moved in warehouse.records(MOVED, *main.key):
        reading = sentence(
            "{0.where}, the choice of estimator moves {pattern_words} most: from "
            "{lowest_pct:%} to {highest_pct:%}.",
            main,
            of=moved,
        )
    return draw(
        warehouse,
        "pattern-estimators",
        "What the estimator does to the patterns of education",
        reading,
        "fct_interaction_patterns",
        Chart(
            "pattern",
            warehouse.labels("collaboration"),
            "Share of the base of the estimator",
            "estimator",
            warehouse.estimators("pattern"),
        ),
        [row for row in rows if row["scope"] == "education"],
        "estimator pattern task_with_pattern_count task_count",
    )
