"""How often the model judged its answer a success."""

from __future__ import annotations

from markupsafe import Markup

from report.charts import Chart
from report.kit import INTERVAL_TASKS, absence, draw, only
from report.parts import Section, counted, sentence, share
from report.warehouse import UNDER_RULE, Warehouse

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
    main, own = next(iter(warehouse.by_slice(rows).items()))
    yes, answered, whole = (
        only(own, scope="education", estimator=estimator)
        for estimator in ("published_yes", "yes_over_answered", "all_conversations")
    )
    reading = sentence("{}, no success cell of education is visible.", main.where)
    if yes["success_pct"] is not None:
        lacking = sentence(
            "; this copy lacks the success cells of {} tasks",
            counted(yes["task_not_in_copy_count"]),
        )
        reading = sentence(
            "{}, {} of {} {} in education tasks that publish a yes were judged a "
            "success ({}), {} where only yes and no are counted; over all tasks it "
            "lies between {} and {}. {} of {} tasks publish a yes{}.",
            main.where,
            counted(yes["yes_count"]),
            counted(yes["base_conversation_count"]),
            main.unit,
            share(yes["success_pct"]),
            share(answered["success_pct"]),
            share(whole["bound_low_pct"]),
            share(whole["bound_high_pct"]),
            counted(yes["task_with_success_count"]),
            counted(yes["task_count"]),
            lacking if yes["task_not_in_copy_count"] else "",
        )
    partial = sorted(
        {row["release_id"] for row in rows if row["status"] == "partial_copy"}
    )
    notes = [warehouse.definitions("success")]
    if partial:
        note = sentence(
            "Of {} this copy holds only part of the success cells; its figures are "
            "marked <code>partial_copy</code>.",
            ", ".join(partial),
        )
        notes.insert(0, note)
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
        ("scope", "estimator", "task_with_success_count", "task_count", "status"),
        caption="Self-assessed success by scope and estimator",
        bound="Band: lowest and highest share of yes over all conversations of the "
        "scope. A bound, with no probability attached. The other two estimators leave "
        "tasks out: their dots may lie beside it.",
        interval=INTERVAL_TASKS,
        notes=notes,
    )
    section.figures.append(figure)
    return section
