"""How people work with the model: interaction patterns."""

from __future__ import annotations

from markupsafe import Markup

from report.charts import Chart
from report.kit import draw, glossary
from report.parts import Question, Row, Sample, sentence
from report.reading import SCOPES, UNDER_RULE, Warehouse

PATTERNS = f"""
    select shares.*, scope_title as row, pattern_title as panel, is_named_pattern
    from marts.fct_interaction_patterns as shares
    inner join marts.dim_interaction_patterns as patterns using (pattern)
    inner join marts.dim_scopes as scopes using (scope)
    where {UNDER_RULE} and {SCOPES} and estimator = 'all_conversations'
    order by patterns.sort_order, scopes.sort_order
"""
ESTIMATORS = f"""
    select shares.*, pattern_title as row, estimator_title as series, is_named_pattern,
        min(share_pct) over of_pattern as lowest_pct,
        max(share_pct) over of_pattern as highest_pct
    from marts.fct_interaction_patterns as shares
    inner join marts.dim_interaction_patterns as patterns using (pattern)
    inner join marts.dim_estimators as estimators
        on shares.estimator = estimators.estimator and figure = 'pattern'
    where {UNDER_RULE} and scope = 'education'
    window of_pattern as (
        partition by release_id, platform, window_start_date, pattern
    )
    order by patterns.sort_order, estimators.sort_order
"""


def answer(warehouse: Warehouse) -> Question:
    """Interaction patterns by subsector, and by estimator."""
    meanings = warehouse.words(
        "dim_interaction_patterns", "pattern_title, meaning", "is_named_pattern"
    )
    estimators = warehouse.words(
        "dim_estimators", "estimator_title, definition", "figure = 'pattern'"
    )
    facet = "onet_task::collaboration"
    return Question(
        "how",
        "How do people work with the model?",
        sentence(
            "Each conversation has one interaction pattern. It says how the work went "
            "back and forth. It is not an intent and not a learning outcome. {}",
            glossary(meanings),
        ),
        [
            draw(
                warehouse,
                "patterns",
                "Interaction patterns by subsector",
                "fct_interaction_patterns",
                PATTERNS,
                Chart("Share of all conversations"),
                _most,
                facet=facet,
            ),
            draw(
                warehouse,
                "pattern-estimators",
                "What the way of summing does to the patterns of education",
                "fct_interaction_patterns",
                ESTIMATORS,
                Chart("Share of the base"),
                _moved,
                facet=facet,
                notes=[glossary(estimators)],
            ),
        ],
    )


def _most(sample: Sample, rows: list[Row]) -> Markup:
    seen = [
        row
        for row in rows
        if row["scope"] == "education"
        and row["is_named_pattern"]
        and row["share_pct"] is not None
    ]
    if not seen:
        return sentence("{0.where}, no pattern of education is visible.", sample)
    most = max(seen, key=lambda row: row["share_pct"])
    texts = {
        "uncertainty_low_pct": "between {uncertainty_low_pct:1} and "
        "{uncertainty_high_pct:%}, whatever is hidden and with other tasks of the kind",
        "interval_low_pct": "interval {interval_low_pct:1} to {interval_high_pct:%}",
    }
    ranges = [sentence(texts[key], of=most) for key in texts if most[key] is not None]
    base = "{base_conversation_count:n} {0.unit}"
    if most["base_conversation_count"] is None:
        base = "the conversations"
    return sentence(
        "{0.where}, the most frequent pattern of education is {1} with {share_pct:%} "
        f"of {base} ({{2}}); {{task_with_pattern_count:n}} of {{task_count:n}} tasks "
        "publish any pattern.",
        sample,
        most["panel"].lower(),
        next(iter(ranges), "no range is known"),
        of=most,
    )


def _moved(sample: Sample, rows: list[Row]) -> Markup:
    moved = [
        row
        for row in rows
        if row["is_named_pattern"] and row["lowest_pct"] != row["highest_pct"]
    ]
    if not moved:
        return sentence("{0.where}, there is nothing to compare.", sample)
    most = max(moved, key=lambda row: row["highest_pct"] - row["lowest_pct"])
    return sentence(
        "{0.where}, the way of summing moves {1} most: from {lowest_pct:%} to "
        "{highest_pct:%}.",
        sample,
        most["row"].lower(),
        of=most,
    )
