"""How often the model judged its answer a success."""

from __future__ import annotations

from markupsafe import Markup

from report.charts import Chart
from report.kit import draw, glossary, only
from report.parts import Question, Row, Sample, sentence
from report.reading import SCOPES, UNDER_RULE, Warehouse

SUCCESS = f"""
    select shares.*, scope_title as row, estimator_title as series
    from marts.fct_task_success as shares
    inner join marts.dim_scopes as scopes using (scope)
    inner join marts.dim_estimators as estimators
        on shares.estimator = estimators.estimator and figure = 'success'
    where {UNDER_RULE} and status <> 'not_in_copy' and {SCOPES}
    order by scopes.sort_order, estimators.sort_order
"""


def answer(warehouse: Warehouse) -> Question:
    """Success by scope and estimator."""
    estimators = warehouse.words(
        "dim_estimators", "estimator_title, definition", "figure = 'success'"
    )
    return Question(
        "how-well",
        "How often did the model judge its answer a success?",
        Markup(
            "Task success is the model's own assessment that the request was "
            "addressed. It is not learning, and no rating of quality."
        ),
        [
            draw(
                warehouse,
                "success",
                "Self-assessed success by subsector",
                "fct_task_success",
                SUCCESS,
                Chart("Judged a success by the model", "success_pct"),
                _success,
                facet="onet_task::task_success",
                notes=[glossary(estimators)],
            )
        ],
    )


def _success(sample: Sample, rows: list[Row]) -> Markup:
    yes, answered, whole = (
        only(rows, scope="education", estimator=estimator)
        for estimator in ("published_yes", "yes_over_answered", "all_conversations")
    )
    if yes["success_pct"] is None:
        return sentence("{0.where}, no success of education is visible.", sample)
    lacking = "; this copy lacks the success cells of {task_not_in_copy_count:n} tasks"
    return sentence(
        "{0.where}, {success_pct:%} of {base_conversation_count:n} {0.unit} in "
        "education tasks that publish a yes were judged a success, "
        "{1[success_pct]:%} where only yes and no are counted; over all tasks it lies "
        "between {2[bound_low_pct]:%} and {2[bound_high_pct]:%}. "
        "{task_with_success_count:n} of {task_count:n} tasks publish a yes"
        + (lacking if yes["task_not_in_copy_count"] else "")
        + ".",
        sample,
        answered,
        whole,
        of=yes,
    )
