"""Who: coursework, work or personal."""

from __future__ import annotations

from markupsafe import Markup

from report.charts import Chart
from report.kit import draw, glossary, only
from report.parts import Question, Row, Sample, listed, sentence
from report.reading import SCOPES, UNDER_RULE, Warehouse

USE_CASES = f"""
    select shares.*, label_title as row, estimator_title as series
    from marts.fct_use_case_shares as shares
    inner join marts.dim_facet_labels as labels
        on labels.facet = 'use_case' and label = use_case and label_kind = 'named'
    inner join marts.dim_estimators as estimators
        on shares.estimator = estimators.estimator and figure = 'use_case'
    where {UNDER_RULE} and scope = 'education'
    order by labels.sort_order, estimators.sort_order
"""
COURSEWORK = f"""
    select shares.*, scope_title as row
    from marts.fct_use_case_shares as shares
    inner join marts.dim_scopes using (scope)
    where {UNDER_RULE} and {SCOPES}
        and use_case = 'coursework' and estimator = 'all_conversations'
    order by sort_order
"""
CROSSED = f"""
    select crossed.*, label_title as row,
        share_of_use_case_bound_low_pct as bound_low_pct,
        share_of_use_case_bound_high_pct as bound_high_pct,
        use_case_conversation_count as base_conversation_count
    from marts.fct_education_by_use_case as crossed
    inner join marts.dim_facet_labels as labels
        on labels.facet = 'use_case' and label = use_case and label_kind = 'named'
    where {UNDER_RULE} and task_group = 'education'
    order by labels.sort_order
"""


def answer(warehouse: Warehouse) -> Question:
    """Use cases of education by estimator, and coursework in the scopes."""
    facet = "onet_task::use_case"
    meanings = "estimator_title, definition"
    estimators = warehouse.words("dim_estimators", meanings, "figure = 'use_case'")
    return Question(
        "who",
        "Who: coursework, work or personal?",
        Markup(
            "Nobody was asked. A classifier said of each conversation whether it looks "
            "like coursework, work or something personal. This is another axis than "
            "the task: much coursework sits in tasks of other groups, and not all that "
            "is done in education tasks is coursework."
        ),
        [
            draw(
                warehouse,
                "use-case",
                "Use cases of education tasks",
                "fct_use_case_shares",
                USE_CASES,
                Chart("Share of the conversations of education tasks"),
                _cases,
                facet=facet,
                notes=[glossary(estimators)],
            ),
            draw(
                warehouse,
                "coursework-by-scope",
                "Coursework inside and outside education",
                "fct_use_case_shares",
                COURSEWORK,
                Chart("Coursework, share of all conversations of these tasks"),
                _coursework,
                facet=facet,
            ),
            draw(
                warehouse,
                "education-of-use-case",
                "How much of each use case lies in education tasks",
                "fct_education_by_use_case",
                CROSSED,
                Chart("Part in education tasks", "share_of_use_case_pct"),
                _inside,
                facet=facet,
            ),
        ],
    )


def _cases(sample: Sample, rows: list[Row]) -> Markup:
    whole = [
        row
        for row in rows
        if row["estimator"] == "all_conversations" and row["share_pct"] is not None
    ]
    if not whole:
        return sentence("{0.where} nothing is known of education tasks.", sample)
    return sentence(
        "{0.where}, of all {0.unit} in education tasks {1}.",
        sample,
        listed(
            sentence(
                "{share_pct:%}{} {}", "" if n else " are", row["row"].lower(), of=row
            )
            for n, row in enumerate(whole)
        ),
    )


def _coursework(sample: Sample, rows: list[Row]) -> Markup:
    return sentence(
        "{0.where}, coursework makes up {1:%} of education and {share_pct:%} of the "
        "named tasks outside it, where {conversation_count:n} {0.unit} are coursework.",
        sample,
        only(rows, scope="education")["share_pct"],
        of=only(rows, scope="non_education"),
    )


def _inside(sample: Sample, rows: list[Row]) -> Markup:
    return sentence(
        "{0.where}, {share_of_use_case_pct:%} of visible coursework lies in education "
        "tasks (between {bound_low_pct:1} and {bound_high_pct:%}, whatever is hidden), "
        "the rest in tasks of other occupations.",
        sample,
        of=only(rows, use_case="coursework"),
    )
