"""Claude.ai against the API, inside a release."""

from __future__ import annotations

from markupsafe import Markup

from report.charts import Chart
from report.kit import draw, only
from report.parts import PLATFORMS, Figure, Row, Section, listed, sentence
from report.reading import UNDER_RULE, Warehouse

# Patterns beside those of the other platform, whose bounds may be apart.
PATTERNS = f"""
    with shares as (
        select *
        from marts.fct_interaction_patterns
        where {UNDER_RULE} and estimator = 'all_conversations' and scope = ?
    )

    select shares.*, lower(patterns.pattern_title) as pattern_words,
        shares.bound_high_pct < other.bound_low_pct
            or other.bound_high_pct < shares.bound_low_pct as is_apart
    from shares
    inner join marts.dim_interaction_patterns as patterns using (pattern)
    left join shares as other
        on shares.release_id = other.release_id
        and shares.window_start_date = other.window_start_date
        and shares.pattern = other.pattern
        and shares.platform <> other.platform and patterns.is_named_pattern
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
    loaded: dict[str, list[str]] = {}
    for each in warehouse.slices:
        loaded.setdefault(each.release_id, []).append(each.platform_title)
    both = [release_id for release_id, titles in loaded.items() if len(titles) > 1]
    section.absent = [
        sentence(
            "Of {} only one platform is loaded ({}): nothing to compare.",
            release_id,
            *loaded[release_id],
        )
        for release_id in sorted(set(loaded) - set(both))
    ]
    for scope in SCOPES:
        rows = warehouse.rows(PATTERNS, scope)
        for release_id in both:
            own = [row for row in rows if row["release_id"] == release_id]
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
    found = warehouse.by_slice(rows)
    directive = {each: only(own, pattern="directive") for each, own in found.items()}
    first = sentence("In {}, the directive share is not known on both", release_id)
    if len(found) > 1 and None not in [r["share_pct"] for r in directive.values()]:
        words = "{share_pct:%} of {base_conversation_count:n} {}"
        places = {"1p_api": "records of the API"}
        first = sentence(
            "In {}, {} is directive",
            release_id,
            listed(
                sentence(
                    words,
                    places.get(each.platform, "conversations on Claude.ai"),
                    of=row,
                )
                for each, row in directive.items()
            ),
        )
    apart, touching = (
        dict.fromkeys(r["pattern_words"] for r in rows if r["is_apart"] is is_apart)
        for is_apart in (True, False)
    )
    return draw(
        warehouse,
        f"platforms-{scope}-{release_id}".replace("_", "-"),
        f"{SCOPES[scope]}: patterns on both platforms, {release_id}",
        sentence(
            "{}. The bounds of the two are apart for {}{}.",
            first,
            listed(apart or ["no pattern"]),
            sentence(", and touch for {}", listed(touching)) if touching else "",
        ),
        "fct_interaction_patterns",
        Chart(
            "pattern",
            warehouse.labels("collaboration"),
            "Share of all conversations of these tasks",
            "platform",
            PLATFORMS,
        ),
        rows,
        "scope pattern task_count",
        panels={release_id: rows},
    )
