"""How few tasks a figure rests on."""

from __future__ import annotations

from markupsafe import Markup

from report.charts import Chart
from report.kit import absence, draw, only, table
from report.parts import Section, counted, rounded, sentence, share
from report.warehouse import UNDER_RULE, Warehouse

CONCENTRATION = f"""
    select *
    from marts.fct_task_concentration
    where {UNDER_RULE}
    order by all
"""
LARGEST = """
    select release_id, platform, volume_rank, task_statement, education_subsector,
        conversation_count, base_conversation_count, volume_share_pct
    from marts.fct_education_tasks
    where volume_rank <= 10
    order by release_id, platform, volume_rank
"""
# The subsector with the fewest effective tasks.
FEWEST = f"""
    select scope_title, effective_task_count, task_count
    from marts.fct_task_concentration
    inner join marts.dim_scopes using (scope)
    where release_id = ? and platform = ? and {UNDER_RULE} and share_base = 'scope'
        and top_k = 1 and scope_kind = 'subsector'
        and effective_task_count is not null
    order by effective_task_count
    limit 1
"""
COLUMNS = ("scope", "share_base", "top_k", "task_count", "effective_task_count")
NOTE = Markup(
    "No bound and no interval: these are counts of the tasks that are published. "
    "Suppressed tasks are small, so the true concentration is a little lower."
)


def answer(warehouse: Warehouse) -> Section:
    """What the largest tasks hold, and how many tasks of equal size that equals."""
    scopes = warehouse.scopes()
    rows = [row for row in warehouse.rows(CONCENTRATION) if row["scope"] in scopes]
    education = [row for row in rows if row["scope"] == "education"]
    section = Section(
        "how-concentrated",
        "How few tasks does a figure rest on?",
        Markup(
            "A share of education is a sum over tasks of very different size. The "
            "effective number of tasks says how many tasks of equal size would be as "
            "concentrated; with few of them one task can move a figure."
        ),
        answer=Markup("No education task is visible in this copy."),
    )
    if not education:
        section.absent = absence(warehouse, "onet_task", [])
        return section
    main, own = next(iter(warehouse.by_slice(education).items()))
    one, ten = (only(own, share_base="scope", top_k=k) for k in (1, 10))
    largest = draw(
        warehouse,
        "largest-tasks",
        "What the largest tasks hold of education",
        sentence(
            "{}, the largest education task holds {} and the ten largest hold {} of {} "
            "{}; the figures rest on about {} effective tasks, of {} published.",
            main.where,
            share(one["share_pct"]),
            share(ten["share_pct"]),
            counted(one["base_conversation_count"]),
            main.unit,
            rounded(one["effective_task_count"]),
            counted(one["task_count"]),
        ),
        "fct_task_concentration",
        Chart(
            "top_k",
            {
                k: "Largest task" if k == 1 else f"{k} largest tasks"
                for k in sorted({row["top_k"] for row in education})
            },
            "Share of the conversations of education",
            "share_base",
            {"scope": "Conversations of education"},
            has_bar=True,
        ),
        education,
        COLUMNS,
        caption="Share of the largest education tasks, on both bases",
        notes=[NOTE],
    )
    reading = sentence("{}, no subsector is visible.", main.where)
    for row in warehouse.records(FEWEST, *main.key):
        reading = sentence(
            "{}, the fewest are in {}: about {} effective tasks, of {} published.",
            main.where,
            row["scope_title"],
            rounded(row["effective_task_count"], 1),
            counted(row["task_count"]),
        )
    effective = draw(
        warehouse,
        "effective-tasks",
        "Effective number of tasks by subsector",
        reading,
        "fct_task_concentration",
        Chart(
            "scope",
            scopes,
            "Effective number of tasks",
            value_key="effective_task_count",
            unit="",
            has_bar=True,
        ),
        [row for row in rows if row["share_base"] == "scope" and row["top_k"] == 1],
        COLUMNS,
        caption="Effective tasks and largest task by scope",
        notes=[NOTE],
    )
    section.figures = [largest, effective]
    section.tables = [
        table(
            f"The ten largest education tasks, {each.label}",
            tasks,
            ("volume_rank", "task_statement", "education_subsector"),
            mart="fct_education_tasks",
        )
        for each, tasks in warehouse.by_slice(warehouse.rows(LARGEST)).items()
    ]
    return section
