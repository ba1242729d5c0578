"""Who: coursework, work or personal."""

from __future__ import annotations

from markupsafe import Markup

from report.charts import Chart
from report.kit import BOUND_SUPPRESSED, INTERVAL_TASKS, absence, draw, only
from report.parts import Section, counted, listed, sentence, share
from report.warehouse import BASELINE, UNDER_RULE, Warehouse

USE_CASES = f"select * from marts.fct_use_case_shares where {UNDER_RULE} order by all"
COLUMNS = ("scope", "use_case", "estimator", "task_with_use_case_count", "task_count")


def answer(warehouse: Warehouse) -> Section:
    """Use cases of education by estimator, and coursework in the scopes."""
    rows = warehouse.rows(USE_CASES)
    section = Section(
        "who",
        "Who: coursework, work or personal?",
        Markup(
            "Nobody was asked. A classifier said of each conversation whether it looks "
            "like coursework, work or something personal. This is another axis than "
            "the task: much coursework sits in tasks of other groups, and not all that "
            "is done in education tasks is coursework."
        ),
        absent=absence(warehouse, "onet_task::use_case", rows),
        answer=Markup("The use cases of tasks are not in this copy."),
    )
    if not rows:
        return section
    main, own = next(iter(warehouse.by_slice(rows).items()))
    names = warehouse.labels("use_case")
    whole = [row for row in own if row["estimator"] == "all_conversations"]
    cases = [
        (title, only(whole, scope="education", use_case=key)["share_pct"])
        for key, title in names.items()
    ]
    reading = sentence(
        "{}, of all {} in education tasks {}.",
        main.where,
        main.unit,
        listed(
            sentence("{}{} {}", share(value), "" if n else " are", title.lower())
            for n, (title, value) in enumerate(cases)
        ),
    )
    by_estimator = draw(
        warehouse,
        "use-case",
        "Use cases of education tasks by three estimators",
        reading,
        "fct_use_case_shares",
        Chart(
            "use_case",
            names,
            "Share of the base of the estimator",
            "estimator",
            warehouse.estimators("use_case"),
        ),
        [row for row in rows if row["scope"] == "education"],
        COLUMNS,
        caption="Use cases of education tasks, residuals included",
        bound=BOUND_SUPPRESSED + " Only the base of all conversations has one.",
        interval=INTERVAL_TASKS,
        notes=[warehouse.definitions("use_case")],
    )
    inside = only(whole, scope="education", use_case="coursework")
    outside = only(whole, scope=BASELINE, use_case="coursework")
    scopes = warehouse.scopes()
    by_scope = draw(
        warehouse,
        "coursework-by-scope",
        "Coursework inside and outside education",
        sentence(
            "{}, coursework makes up {} of education and {} of the named tasks outside "
            "it, where {} {} are coursework.",
            main.where,
            share(inside["share_pct"]),
            share(outside["share_pct"]),
            counted(outside["conversation_count"]),
            main.unit,
        ),
        "fct_use_case_shares",
        Chart("scope", scopes, "Coursework, share of all conversations of the scope"),
        [
            row
            for row in rows
            if row["estimator"] == "all_conversations"
            and row["use_case"] == "coursework"
            and row["scope"] in scopes
        ],
        COLUMNS,
        caption="Coursework by scope",
        bound=BOUND_SUPPRESSED,
        interval=INTERVAL_TASKS,
    )
    section.figures = [by_estimator, by_scope]
    return section
