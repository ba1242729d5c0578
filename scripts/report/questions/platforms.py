"""Claude.ai against the API, inside a release."""

from __future__ import annotations

from markupsafe import Markup

from report.charts import Chart
from report.kit import draw, only
from report.parts import PLATFORMS, Question, Row, Sample, listed, sentence
from report.reading import UNDER_RULE, Warehouse

# Patterns beside those of the other platform, whose bounds may be apart.
PATTERNS = f"""
    with shares as (
        select *
        from marts.fct_interaction_patterns
        where {UNDER_RULE} and estimator = 'all_conversations'
            and scope in ('education', 'education_both_platforms')
    )

    select shares.*, pattern_title as row, scope_title,
        gap_pct_points, gap_uncertainty_low, gap_uncertainty_high,
        kitagawa_composition, kitagawa_within,
        case shares.platform when 'claude_ai' then 'Claude.ai' else 'API' end as series,
        is_named_pattern, shares.bound_high_pct < other.bound_low_pct
            or other.bound_high_pct < shares.bound_low_pct as is_apart
    from shares
    inner join marts.dim_interaction_patterns as patterns using (pattern)
    inner join marts.dim_scopes as scopes using (scope)
    inner join shares as other
        on shares.release_id = other.release_id and shares.scope = other.scope
        and shares.window_start_date = other.window_start_date
        and shares.pattern = other.pattern and shares.platform <> other.platform
    left join marts.fct_platform_decomposition as split
        on shares.release_id = split.release_id and shares.scope = split.scope
        and shares.window_start_date = split.window_start_date
        and shares.allocation_rule = split.allocation_rule
        and shares.estimator = split.estimator and split.figure = 'pattern'
        and shares.pattern = split.category
    order by scopes.sort_order, patterns.sort_order, series desc
"""

BAND = (
    " The gap in delegation lies between {gap_uncertainty_low:1} and "
    "{gap_uncertainty_high:1} points, whatever is hidden and with other tasks of the "
    "kind."
)
SPLIT = (
    " Of the {gap_pct_points:1} points that are seen, {kitagawa_composition:1} are "
    "that other tasks are brought to the API, {kitagawa_within:1} that the same tasks "
    "go another way; the rest lies in tasks that only one publishes."
)


def answer(warehouse: Warehouse) -> Question:
    """The patterns of both platforms, for each release that is loaded with both."""
    return Question(
        "platforms",
        "Claude.ai against the API",
        Markup(
            "The two are different populations: people in a chat window, and programs "
            "that call the model. The API leaves more conversations unseen, so its "
            "bounds are wider. A comparison holds inside one release only."
        ),
        [
            draw(
                warehouse,
                "platform-patterns",
                "Patterns of education on both platforms",
                "fct_interaction_patterns",
                PATTERNS,
                Chart("Share of all conversations of these tasks"),
                _apart,
                facet="onet_task::collaboration",
                of="window",
                picks={"scope_title": "Tasks"},
                is_read_by_pick=True,
                absent="there are no patterns of both platforms to compare",
            )
        ],
    )


def _apart(sample: Sample, rows: list[Row]) -> Markup:
    directive = [
        only(rows, pattern="directive", platform=platform) for platform in PLATFORMS
    ]
    apart, touching = (
        dict.fromkeys(
            row["row"].lower()
            for row in rows
            if row["is_named_pattern"] and row["is_apart"] is is_apart
        )
        for is_apart in (True, False)
    )
    return sentence(
        "In {0.window_label}, {1[share_pct]:%} of these conversations on Claude.ai and "
        "{2[share_pct]:%} on the API is directive. The bounds of the two are apart for "
        "{3}{4}.{5}{6}",
        sample,
        *directive,
        listed(apart or ["no pattern"]),
        sentence(", and touch for {}", listed(touching)) if touching else "",
        *(
            sentence(text, of=directive[1]) if directive[1][needed] is not None else ""
            for text, needed in (
                (BAND, "gap_uncertainty_low"),
                (SPLIT, "kitagawa_within"),
            )
        ),
    )
