"""What the data cannot say: the register of assumptions."""

from __future__ import annotations

from collections import Counter

from markupsafe import Markup

from report.parts import Question, sentence
from report.reading import Warehouse


def answer(warehouse: Warehouse) -> Question:
    """The registered assumptions, those that nobody can check first."""
    rows = warehouse.register()
    found = Counter(row["status"] for row in rows)
    return Question(
        "what-not",
        "What can the data not say?",
        Markup(
            "Every figure here assumes something. What nobody can check with this data "
            "stands first, what can be checked in part comes next."
        ),
        rows=rows,
        answer=sentence(
            "{not_checkable} of {} registered assumptions can't be checked with this "
            "data at all, {partly_checked} only in part.",
            len(rows),
            of=found,
        ),
    )
