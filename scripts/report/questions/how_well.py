"""How often the model judged its answer a success."""

from __future__ import annotations

from markupsafe import Markup

from report.charts import Chart
from report.kit import absence, draw, only
from report.parts import Section, sentence
from report.reading import UNDER_RULE, Warehouse

SUCCESS = f"""
    select *
    from marts.fct_task_success
    where {UNDER_RULE} and status <> 'not_in_copy'
    order by all
"""


def answer(warehouse: Warehouse) -> Section:
    """Success by scope and estimator."""
    scopes = warehouse.scopes()
    rows = [row for row in warehouse.rows(SUCCESS) if row["scope"] in scopes]
    section = Section(
        "how-well",
        "How often did the model judge its answer a success?",
        Markup(
            "Task success is the model's own assessment that the request was "
            "addressed. It is not learning, and no rating of quality."
        ),
        absent=absence(warehouse, "onet_task::task_success", rows),
        answer=Markup("The success of tasks is not in this copy."),
    )
    if not rows:
        return section
    main, own = warehouse.newest(rows)
    yes, answered, whole = (
        only(own, scope="education", estimator=estimator)
        for estimator in ("published_yes", "yes_over_answered", "all_conversations")
    )
    reading = sentence("{0.where}, no success cell of education is visible.", main)
    if yes["success_pct"] is not None:
        lacking = (
            "; this copy lacks the success cells of {task_not_in_copy_count:n} tasks"
        )
        reading = sentence(
            "{0.where}, {yes_count:n} of {base_conversation_count:n} {0.unit} in "
            "education tasks that publish a yes were judged a success "
            "({success_pct:%}), {1[success_pct]:%} where only yes and no are counted; "
            "over all tasks it lies between {2[bound_low_pct]:%} and "
            "{2[bound_high_pct]:%}. {task_with_success_count:n} of {task_count:n} "
            "tasks publish a yes{lacking}.",
            main,
            answered,
            whole,
            of=yes,
            lacking=sentence(lacking, of=yes) if yes["task_not_in_copy_count"] else "",
        )
    partial = {row["release_id"] for row in rows if row["status"] == "partial_copy"}
    notes = [
        sentence(
            "Of {} this copy holds only part of the success cells; its figures are "
            "marked <code>partial_copy</code>.",
            release_id,
        )
        for release_id in sorted(partial)
    ]
    figure = draw(
        warehouse,
        "success",
        "Self-assessed success by subsector",
        reading,
        "fct_task_success",
        Chart(
            "scope",
            scopes,
            "Judged a success by the model, share of the base",
            "estimator",
            warehouse.estimators("success"),
            value_key="success_pct",
        ),
        rows,
        "scope estimator task_with_success_count task_count status",
        notes=notes,
    )
    section.figures.append(figure)
    return section
