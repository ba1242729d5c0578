"""Is it growing: each figure by window, with the breaks of every step shown."""

from __future__ import annotations

from markupsafe import Markup

from report.charts import Chart
from report.kit import draw
from report.parts import Question, Row, Sample, listed, sentence
from report.reading import RULE, Warehouse

# Windows, oldest first; a platform with one window has no step to show.
TREND = f"""
    select trend.*,
        case measure when 'soc25_share' then 'Education share'
            when 'coursework' then 'Coursework'
            when 'education_topic' then 'Education as a topic'
            when 'pattern' then 'Pattern of education: ' || label_title
            else 'Success in education' end
        || case country_group when 'all' then ''
            else ', ' || country_group || ' school calendar' end as measure_title,
        'Two measurements: ' || replace(nullif(break_reasons, ''), '_', ' ') as breaks
    from marts.fct_education_trend as trend
    left join marts.dim_facet_labels as labels
        on measure = 'pattern' and facet = 'collaboration' and label = category
    where value_pct is not null
        and share_base = 'all_conversations'
        and allocation_rule in ('{RULE}', 'published', 'not_applicable')
    qualify count(*) over (partition by platform, measure_title) > 1
    order by
        array_position(['soc25_share', 'coursework', 'education_topic'], measure)
            nulls last,
        measure, labels.sort_order, country_group, window_start_date, release_id
"""


def answer(warehouse: Warehouse) -> Question:
    """The figures of each window, and what differs between them."""
    return Question(
        "between-releases",
        "What changed between releases?",
        Markup(
            "Releases differ in more than time: in the model that classifies, in "
            "season and term dates, in plans, task list and count base. Each such "
            "change is a break. Points on two sides of a break are two measurements, "
            "not a series, and no line joins them."
        ),
        [
            draw(
                warehouse,
                "trend",
                "The same figure, window by window",
                "fct_education_trend",
                TREND,
                Chart("Share of the conversations", "value_pct", has_breaks=True),
                _steps,
                of="platform",
                picks={"measure_title": "Figure"},
                is_read_by_pick=True,
                absent="there is one window, and no step to show",
                base="all conversations of the window, or those of education",
                notes=[
                    Markup(
                        "Common units are the tasks, or the countries, for which both "
                        "sides publish the figure. Composition and within split the "
                        "change on these alone, and within holds every break. "
                        "A share inferred by a rule counts the same part of a task in "
                        "each window: all of its change is composition."
                    )
                ],
            )
        ],
    )


def _steps(sample: Sample, rows: list[Row]) -> Markup:
    values = listed(sentence("{value_pct:%} in {row}", of=row) for row in rows)
    return sentence(
        "{0.platform_title}, {1}: {2}. {3}",
        sample,
        rows[0]["measure_title"].lower(),
        values,
        "What lies on two sides of a break are two measurements: the step is no trend."
        if any(row["breaks"] for row in rows)
        else "Nothing that is known breaks the steps.",
    )
