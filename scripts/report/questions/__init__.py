"""The ten questions of the page, in order; each file answers one from the marts."""

from __future__ import annotations

from report.parts import Question
from report.questions import (
    how,
    how_concentrated,
    how_much,
    how_well,
    platforms,
    trend,
    what_not,
    where,
    which_hold,
    who,
)
from report.reading import Warehouse

QUESTIONS = (
    how_much,
    who,
    how,
    how_well,
    how_concentrated,
    where,
    platforms,
    trend,
    which_hold,
    what_not,
)


def build(warehouse: Warehouse) -> list[Question]:
    """The questions answered; raises ReportError where the marts can't carry one."""
    return [question.answer(warehouse) for question in QUESTIONS]
