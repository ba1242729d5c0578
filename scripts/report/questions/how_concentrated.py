"""How few tasks a figure rests on."""

from __future__ import annotations

from markupsafe import Markup

from report.charts import Chart
from report.kit import absence, draw, only, table
from report.parts import Section, sentence
from report.reading import UNDER_RULE, Warehouse

CONCENTRATION = f"""
    select concentration.*, scopes.scope_title, scopes.scope_kind
    from marts.fct_task_concentration as concentration
    inner join marts.dim_scopes as scopes using (scope)
    where {UNDER_RULE}
    order by all
"""
LARGEST = """
    select release_id, platform, window_start_date, volume_rank, task_statement,
        education_subsector,
        conversation_count, base_conversation_count, volume_share_pct
    from marts.fct_education_tasks
    where volume_rank <= 10
    order by volume_rank
"""
COLUMNS = "scope share_base top_k task_count effective_task_count"
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
    main, own = warehouse.newest(education)
    one, ten = (only(own, share_base="scope", top_k=k) for k in (1, 10))
    largest = draw(
        warehouse,
        "largest-tasks",
        "What the largest tasks hold of education",
        sentence(
            "{0.where}, the largest education task holds {share_pct:%} and the ten "
            "largest hold {1:%} of {base_conversation_count:n} {0.unit}; the figures "
            "rest on about {effective_task_count:0} effective tasks, of {task_count:n} "
            "published.",
            main,
            ten["share_pct"],
            of=one,
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
        notes=[NOTE],
    )
    sizes = [row for row in rows if row["share_base"] == "scope" and row["top_k"] == 1]
    subsectors = [
        row
        for row in warehouse.by_slice(sizes)[main]
        if row["scope_kind"] == "subsector" and row["effective_task_count"] is not None
    ]
    reading = sentence("{0.where}, no subsector is visible.", main)
    if subsectors:
        reading = sentence(
            "{0.where}, the fewest are in {scope_title}: about "
            "{effective_task_count:1} effective tasks, of {task_count:n} published.",
            main,
            of=min(subsectors, key=lambda row: row["effective_task_count"]),
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
        sizes,
        COLUMNS,
        notes=[NOTE],
    )
    section.figures = [largest, effective]
    section.tables = [
        table(
            f"The ten largest education tasks, {each.label}",
            tasks,
            "volume_rank task_statement education_subsector",
            mart="fct_education_tasks",
        )
        for each, tasks in warehouse.by_slice(warehouse.rows(LARGEST)).items()
    ]
    return section
