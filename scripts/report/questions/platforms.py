"""Claude.ai against the API, inside a release."""

from __future__ import annotations

from markupsafe import Markup

from report.charts import Chart
from report.kit import BOUND_SUPPRESSED, INTERVAL_TASKS, draw, only
from report.parts import (
    PLATFORMS,
    Figure,
    Row,
    Section,
    counted,
    listed,
    platform_title,
    sentence,
    share,
)
from report.warehouse import UNDER_RULE, Warehouse

PATTERNS = f"""
    select *
    from marts.fct_interaction_patterns
    where {UNDER_RULE} and estimator = 'all_conversations' and scope = ?
    order by all
"""
# Whether the bounds of the two platforms are apart, by named pattern.
APART = f"""
    select patterns.pattern_title,
        chat.bound_high_pct < api.bound_low_pct
            or api.bound_high_pct < chat.bound_low_pct as is_apart
    from marts.fct_interaction_patterns as chat
    inner join marts.fct_interaction_patterns as api
        using (release_id, scope, allocation_rule, estimator, pattern)
    inner join marts.dim_interaction_patterns as patterns using (pattern)
    where chat.platform = 'claude_ai' and api.platform = '1p_api' and {UNDER_RULE}
        and estimator = 'all_conversations' and patterns.is_named_pattern
        and release_id = ? and scope = ?
        and chat.bound_high_pct is not null and api.bound_high_pct is not null
    order by patterns.sort_order
"""
SCOPES = {
    "education": "Education tasks",
    "education_both_platforms": "Education tasks that both platforms publish",
}


def answer(warehouse: Warehouse) -> Section:
    """The patterns of both platforms, for each release that is loaded with both."""
    section = Section(
        "platforms",
        "Claude.ai against the API",
        Markup(
            "The two are different populations: people in a chat window, and programs "
            "that call the model. The API leaves more conversations unseen, so its "
            "bounds are wider. A comparison holds inside one release only."
        ),
        answer=Markup("No release is loaded with both platforms."),
    )
    rows = {scope: warehouse.rows(PATTERNS, scope) for scope in SCOPES}
    loaded: dict[str, list[str]] = {}
    for each in warehouse.slices:
        loaded.setdefault(each.release_id, []).append(each.platform)
    both = [release_id for release_id, found in loaded.items() if len(found) > 1]
    section.absent = [
        sentence(
            "Of {} only one platform is loaded ({}): nothing to compare.",
            release_id,
            platform_title(found[0]),
        )
        for release_id, found in sorted(loaded.items())
        if release_id not in both
    ]
    for release_id in both:
        for scope in SCOPES:
            own = [row for row in rows[scope] if row["release_id"] == release_id]
            if own:
                figure = _figure(warehouse, release_id, scope, own)
                figure.is_more = release_id != both[0]
                section.figures.append(figure)
    if both and not section.figures:
        section.absent.append(Markup("No pattern of both platforms is in this copy."))
    return section


def _figure(
    warehouse: Warehouse, release_id: str, scope: str, rows: list[Row]
) -> Figure:
    """The patterns of both platforms in one release."""
    words: dict[bool, list[str]] = {True: [], False: []}
    for row in warehouse.records(APART, release_id, scope):
        words[row["is_apart"]].append(row["pattern_title"].lower())
    directive = [
        (each, only(own, pattern="directive"))
        for each, own in warehouse.by_slice(rows).items()
    ]
    first = sentence("In {}, the directive share is not known on both", release_id)
    if len(directive) > 1 and all(row["share_pct"] is not None for _, row in directive):
        first = sentence(
            "In {}, {} is directive",
            release_id,
            listed(
                sentence(
                    "{} of {} {}",
                    share(row["share_pct"]),
                    counted(row["base_conversation_count"]),
                    "records of the API"
                    if each.platform == "1p_api"
                    else "conversations on Claude.ai",
                )
                for each, row in directive
            ),
        )
    reading = sentence(
        "{}. The bounds of the two are apart for {}{}.",
        first,
        listed(words[True] or ["no pattern"]),
        sentence(", and touch for {}", listed(words[False])) if words[False] else "",
    )
    return draw(
        warehouse,
        f"platforms-{scope}-{release_id}".replace("_", "-"),
        f"{SCOPES[scope]}: patterns on both platforms, {release_id}",
        reading,
        "fct_interaction_patterns",
        Chart(
            "pattern",
            warehouse.labels("collaboration"),
            "Share of all conversations of these tasks",
            "platform",
            PLATFORMS,
        ),
        rows,
        ("scope", "pattern", "task_count"),
        panels={release_id: rows},
        caption=f"Patterns of both platforms, {release_id}, scope {scope}",
        bound=BOUND_SUPPRESSED,
        interval=INTERVAL_TASKS,
    )
