"""How few tasks a figure rests on."""

from __future__ import annotations

from markupsafe import Markup

from report.charts import Chart
from report.kit import draw, only
from report.parts import Question, Row, Sample, sentence
from report.reading import SCOPES, UNDER_RULE, Warehouse

LARGEST = f"""
    select *, case top_k when 1 then 'Largest task' else top_k || ' largest tasks' end
            as row
    from marts.fct_task_concentration
    where {UNDER_RULE} and scope = 'education' and share_base = 'scope'
    order by top_k
"""
EFFECTIVE = f"""
    select concentration.*, scope_title as row, scope_kind
    from marts.fct_task_concentration as concentration
    inner join marts.dim_scopes using (scope)
    where {UNDER_RULE} and {SCOPES} and share_base = 'scope' and top_k = 1
    order by sort_order
"""
TASKS = """
    select release_id, platform, window_start_date, volume_rank, is_simulated,
        task_statement as statement, volume_rank || '. ' || task_statement as row,
        education_subsector, conversation_count, base_conversation_count,
        volume_share_pct
    from marts.fct_education_tasks
    where volume_rank <= 10
    order by volume_rank, task_statement
"""
WITHOUT = f"""
    select omitted.* exclude (share_pct, bound_low_pct, bound_high_pct),
        case omitted.figure when 'success' then 'Success' else label_title end as row,
        unnest(['With every task', 'Without the largest task']) as series,
        unnest([share_pct, share_without_pct]) as share_pct,
        any_omission_high_pct - any_omission_low_pct as moved_points
    from marts.fct_leave_one_task_out as omitted
    inner join marts.dim_estimators as estimators using (figure, estimator)
    inner join marts.dim_facet_labels as labels
        on labels.facet = estimators.facet and label = category
    where {UNDER_RULE} and scope = 'education' and task_rank = 1
        and estimator = 'all_conversations'
    order by omitted.figure, labels.sort_order, series
"""
NOTE = Markup(
    "No bound and no interval: these are counts of the tasks that are published. "
    "Suppressed tasks are small, so the true concentration is a little lower."
)


def answer(warehouse: Warehouse) -> Question:
    """What the largest tasks hold, and how many tasks of equal size that equals."""
    return Question(
        "how-concentrated",
        "How few tasks does a figure rest on?",
        Markup(
            "A share of education is a sum over tasks of very different size. The "
            "effective number of tasks says how many tasks of equal size would be as "
            "concentrated; with few of them one task can move a figure."
        ),
        [
            draw(
                warehouse,
                "largest-tasks",
                "What the largest tasks hold of education",
                "fct_task_concentration",
                LARGEST,
                Chart("Share of the conversations of education"),
                _largest,
                facet="onet_task",
                notes=[NOTE],
            ),
            draw(
                warehouse,
                "effective-tasks",
                "Effective number of tasks by subsector",
                "fct_task_concentration",
                EFFECTIVE,
                Chart("Effective number of tasks", "effective_task_count", ""),
                _fewest,
                facet="onet_task",
                notes=[NOTE],
            ),
            draw(
                warehouse,
                "ten-largest",
                "The ten largest education tasks",
                "fct_education_tasks",
                TASKS,
                Chart("Share of all conversations", "volume_share_pct"),
                _first,
                facet="onet_task",
                notes=[NOTE],
            ),
            draw(
                warehouse,
                "without-largest",
                "Figures of education without its largest task",
                "fct_leave_one_task_out",
                WITHOUT,
                Chart("Share of all conversations of education tasks"),
                _leans,
                facet="onet_task::collaboration",
                base="all conversations of education tasks, or of all but the largest",
            ),
        ],
    )


def _largest(sample: Sample, rows: list[Row]) -> Markup:
    return sentence(
        "{0.where}, the largest education task holds {share_pct:%} and the ten largest "
        "hold {1:%} of education; the figures rest on about {effective_task_count:0} "
        "effective tasks, of {task_count:n} published.",
        sample,
        only(rows, top_k=10)["share_pct"],
        of=only(rows, top_k=1),
    )


def _fewest(sample: Sample, rows: list[Row]) -> Markup:
    subsectors = [
        row
        for row in rows
        if row["scope_kind"] == "subsector" and row["effective_task_count"] is not None
    ]
    if not subsectors:
        return sentence("{0.where}, no subsector is visible.", sample)
    return sentence(
        "{0.where}, the fewest are in {row}: about {effective_task_count:1} effective "
        "tasks, of {task_count:n} published.",
        sample,
        of=min(subsectors, key=lambda row: row["effective_task_count"]),
    )


def _first(sample: Sample, rows: list[Row]) -> Markup:
    return sentence(
        "{0.where}, the largest is: {statement} ({volume_share_pct:%} of {0.unit}).",
        sample,
        of=rows[0] | {"statement": rows[0]["statement"].rstrip(".")},
    )


def _leans(sample: Sample, rows: list[Row]) -> Markup:
    known = [row for row in rows if row["moved_points"] is not None]
    if not known:
        return sentence("{0.where}, there is nothing to leave out.", sample)
    return sentence(
        "{0.where}, {1} leans most on single tasks: leaving out any one of them gives "
        "{any_omission_low_pct:1} to {any_omission_high_pct:%}.",
        sample,
        (most := max(known, key=lambda row: row["moved_points"]))["row"].lower(),
        of=most,
    )
