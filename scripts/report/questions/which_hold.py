"""Which of the published figures hold."""

from __future__ import annotations

from collections import Counter

from markupsafe import Markup

from report.parts import Question, sentence
from report.reading import Warehouse

FIGURES = """
    select *
    from marts.fct_published_reconciliation
    order by
        case status when 'contradicted' then 1 when 'match_other_definition' then 2
            when 'partial_input' then 3 when 'match' then 4 else 5 end,
        number_id
"""
# The sign and the words of each status.
STATUSES = {
    "match": ("✓", "holds"),
    "match_other_definition": ("≈", "holds under another definition"),
    "contradicted": ("✗", "contradicted"),
    "partial_input": ("◐", "part of the cells is not in this copy"),
    "not_computable": ("–", "can't be computed here"),
}


def answer(warehouse: Warehouse) -> Question:
    """Every printed figure beside what the marts give, findings first."""
    rows = warehouse.records(FIGURES)
    found = Counter(row["status"] for row in rows)
    judged = len(rows) - found["not_computable"] - found["partial_input"]
    if judged:
        reading = sentence(
            "Of {} printed figures {} can be judged with this copy: {match} hold as "
            "defined, {match_other_definition} under another definition than the "
            "stated one, {contradicted} {verb} contradicted.",
            len(rows),
            judged,
            of=found,
            verb="is" if found["contradicted"] == 1 else "are",
        )
    else:
        reading = sentence(
            "None of {} printed figures can be judged: the releases that they are "
            "about are not loaded.",
            len(rows),
        )
    return Question(
        "which-hold",
        "Which of the published figures hold?",
        Markup(
            "Every figure that AlignED Report 3 and Anthropic's January 2026 report "
            "print about this data, beside what the marts give. A figure that holds is "
            "recomputed; whether it is true of education is another question."
        ),
        answer=reading,
        rows=rows,
    )
