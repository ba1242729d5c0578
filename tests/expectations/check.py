"""What an expectation of this project says beside what Great Expectations asks."""

from __future__ import annotations

import string
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import great_expectations.expectations as gxe
from great_expectations.expectations.expectation import Expectation

Severity = Literal["critical", "warning"]
Boundary = Literal["raw", "marts"]


@dataclass(frozen=True)
class Bound:
    """Lowest and highest value that a measure may take; None is open.

    ``basis`` says what was seen when the bound was set (``set_on``, an ISO date).
    """

    measure: str
    lowest: float | None
    highest: float | None
    unit: str
    basis: str
    set_on: str


def no_rows(bound: Bound | None) -> Expectation:
    """The batch holds what contradicts the assumption: it should be empty."""
    # In order, so that the same data give the same examples.
    return gxe.UnexpectedRowsExpectation(
        unexpected_rows_query="select * from {batch} order by all"
    )


def within_bound(bound: Bound | None) -> Expectation:
    """The batch is one row; its column ``measured`` should lie within the bound."""
    return gxe.ExpectColumnMaxToBeBetween(
        column="measured", **_limits(bound, "min_value", "max_value")
    )


def each_within_bound(bound: Bound | None) -> Expectation:
    """Each row's column ``measured`` should lie within the bound."""
    return gxe.ExpectColumnValuesToBeBetween(
        column="measured", **_limits(bound, "min_value", "max_value")
    )


def each_at_least(lowest: float) -> Callable[[Bound | None], Expectation]:
    """Each row's column ``measured`` should be at least ``lowest``."""

    def ask(bound: Bound | None) -> Expectation:
        return gxe.ExpectColumnValuesToBeBetween(column="measured", min_value=lowest)

    return ask


def only_values(
    column: str, values: list[str]
) -> Callable[[Bound | None], Expectation]:
    """The column should hold these values and no others."""

    def ask(bound: Bound | None) -> Expectation:
        return gxe.ExpectColumnValuesToBeInSet(column=column, value_set=values)

    return ask


def _limits(bound: Bound | None, low: str, high: str) -> dict[str, float]:
    if bound is None:
        raise ValueError("a bounded expectation needs a measure with a bound")
    limits = {low: bound.lowest, high: bound.highest}
    return {name: value for name, value in limits.items() if value is not None}


@dataclass(frozen=True)
class Slice:
    """What a check is run on: one platform of a release, whose files are of a family
    (A, B or C), or the whole warehouse (all None)."""

    release_id: str | None
    platform: str | None
    family: str | None


@dataclass(frozen=True)
class Check:
    """One expectation with the assumption that it guards.

    ``rows`` is the SQL of the batch: what is judged, one row each, with
    ``$release_id`` and ``$platform`` of the slice. ``ask`` makes the expectation on
    it. ``sentence`` is for the reader of the marts: what the figure is worth if it
    fails. ``expected`` may hold ``$lowest``, ``$highest``, ``$unit`` and ``$basis`` of
    the bound named ``measure``. ``keys`` are the columns that name an unexpected row.
    A batch without rows, where rows are to be judged, is a failure unless
    ``may_be_empty``; then the answer is open, because the copy lacks the facet.
    ``families``: the layouts that have what is judged.
    """

    expectation_id: str
    assumption_id: str
    severity: Severity
    sentence: str
    expected: str
    rows: str
    boundary: Boundary = "raw"
    ask: Callable[[Bound | None], Expectation] = no_rows
    measure: str | None = None
    keys: tuple[str, ...] = ()
    is_per_release: bool = True
    platforms: tuple[str, ...] = ("claude_ai", "1p_api")
    families: str = "B"
    may_be_empty: bool = True

    def sql(self, part: Slice) -> str:
        """The SQL of the batch for one slice."""
        return string.Template(self.rows).substitute(
            release_id=part.release_id or "", platform=part.platform or ""
        )

    def applies_to(self, part: Slice) -> bool:
        """Whether the check is run on this slice."""
        if part.platform is None:
            return not self.is_per_release
        return (
            self.is_per_release
            and (part.platform in self.platforms or part.family == "D")
            and (part.family or "B") in self.families
        )


def bounded(
    *,
    measure: str,
    keys: tuple[str, ...] = (),
    expected: str = "$lowest to $highest $unit ($basis)",
    **others: Any,
) -> Check:
    """A check that a measure lies within its bound: in every row, where ``keys`` name
    them, or in the only one."""
    ask = each_within_bound if keys else within_bound
    return Check(measure=measure, keys=keys, expected=expected, ask=ask, **others)


def share_of(rows: str, condition: str) -> str:
    """The SQL of what the rows that meet a condition count of all, in percent."""
    return f"""
        select
            100 * coalesce(sum(value) filter (where {condition}), 0)
            / nullif(sum(value), 0) as measured
        from ({rows})
        having count(*) > 0
    """
