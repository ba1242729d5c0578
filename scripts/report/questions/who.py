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
