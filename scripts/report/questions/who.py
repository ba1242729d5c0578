"""Who: coursework, work or personal."""

from __future__ import annotations

from markupsafe import Markup

from report.charts import Chart
from report.kit import absence, draw, only
from report.parts import Section, listed, sentence
from report.reading import BASELINE, UNDER_RULE, Warehouse

USE_CASES = f"select * from marts.fct_use_case_shares where {UNDER_RULE} order by all"
COLUMNS = "scope use_case estimator task_with_use_case_count task_count"


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
    names, scopes = warehouse.labels("use_case"), warehouse.scopes()
    whole = [row for row in rows if row["estimator"] == "all_conversations"]
    main, own = warehouse.newest(whole)
    cases = [
        (title.lower(), only(own, scope="education", use_case=key))
        for key, title in names.items()
    ]
    by_estimator = draw(
        warehouse,
        "use-case",
        "Use cases of education tasks by three estimators",
        sentence(
            "{0.where}, of all {0.unit} in education tasks {1}.",
            main,
            listed(
                sentence("{share_pct:%}{} {}", "" if n else " are", title, of=row)
                for n, (title, row) in enumerate(cases)
            ),
        ),
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
    )
    by_scope = draw(
        warehouse,
        "coursework-by-scope",
        "Coursework inside and outside education",
        sentence(
            "{0.where}, coursework makes up {1:%} of education and {share_pct:%} of "
            "the named tasks not allocated to it, where {conversation_count:n} "
            "{0.unit} are coursework.",
            main,
            only(own, scope="education", use_case="coursework")["share_pct"],
            of=only(own, scope=BASELINE, use_case="coursework"),
        ),
        "fct_use_case_shares",
        Chart("scope", scopes, "Coursework, share of all conversations of the scope"),
        [
            row
            for row in whole
            if row["use_case"] == "coursework" and row["scope"] in scopes
        ],
        COLUMNS,
    )
    section.figures = [by_estimator, by_scope]
    return section
