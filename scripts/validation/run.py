"""Run the expectations on a warehouse file and turn the answers into result rows."""

from __future__ import annotations

import json
import logging
import string
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import great_expectations as gx
import sqlalchemy as sa
from expectations import CHECKS
from expectations.check import Bound, Boundary, Check, Slice, no_rows
from great_expectations.core import ExpectationSuiteValidationResult
from great_expectations.datasource.fluent.interfaces import Batch, Datasource

from validation.dialect import DRIVER

for _name in ("great_expectations", "great_expectations.data_context.types.base"):
    logging.getLogger(_name).setLevel(logging.WARNING)

EXAMPLE_COUNT = 5
RELEASES = {
    "raw": """
        select distinct release_id, platform from staging.stg_aei__release_files
        where is_loaded and file_role = 'raw'
        order by release_id, platform
    """,
    "marts": """
        select release_id, platform from marts.dim_releases
        where is_loaded
        order by release_id, platform
    """,
}
BOUND = """
    select measure, lowest, highest, unit, basis, cast(set_on as varchar) as set_on
    from reference.expectation_bounds
    where
        measure = :measure
        and release_id in (:release_id, 'any')
        and platform in (:platform, 'any')
    -- The row that names the release, then the one that names the platform.
    order by release_id = 'any', platform = 'any'
    limit 1
"""


class ValidationError(Exception):
    """An expectation could not be evaluated; the text says which and why."""


@dataclass(frozen=True)
class Result:
    """One answer: a row of ``fct_expectation_results`` without its run.

    ``release_id`` and ``platform`` are ``all`` where the whole warehouse was judged;
    ``is_success`` is None where the copy holds nothing to judge; ``example_rows`` is a
    JSON array of at most five unexpected rows.
    """

    expectation_id: str
    assumption_id: str
    expectation: str
    boundary: str
    release_id: str
    platform: str
    severity: str
    is_success: bool | None
    observed: str
    expected: str
    unexpected_count: int
    example_rows: str
    sentence: str

    def as_row(self) -> dict[str, Any]:
        """The result as column names and values."""
        return asdict(self)


def run_checks(
    warehouse: Path, boundary: Boundary, checks: Iterable[Check] = CHECKS
) -> list[Result]:
    """Ask the expectations of one boundary on a warehouse file, read-only.

    Raises ValidationError when one can't be evaluated: no answer is no success.
    """
    source = datasource(warehouse)
    engine = source.get_engine()
    try:
        with engine.connect() as connection:
            slices = [
                Slice(*row) for row in connection.execute(sa.text(RELEASES[boundary]))
            ]
            slices.append(Slice(None, None))
            return [
                _ask(source, connection, check, part)
                for check in checks
                if check.boundary == boundary
                for part in slices
                if check.applies_to(part)
            ]
    finally:
        engine.dispose()


def worst_failure(results: Sequence[Result]) -> str | None:
    """critical, warning, or None when every expectation held."""
    failed = {result.severity for result in results if result.is_success is False}
    return next((name for name in ("critical", "warning") if name in failed), None)


def failure_lines(results: Sequence[Result], severity: str) -> list[str]:
    """The failures of a severity, for the person who started the run."""
    lines = []
    for result in results:
        if result.is_success is not False or result.severity != severity:
            continue
        examples = json.loads(result.example_rows)
        where = (
            "the warehouse"
            if result.release_id == "all"
            else f"release {result.release_id} {result.platform}"
        )
        lines.append(
            f"- {result.expectation_id} ({result.assumption_id}), {where}: found "
            f"{result.observed}; expected {result.expected}. {result.sentence}"
        )
        lines += [
            "    " + ", ".join(f"{name} {value}" for name, value in row.items())
            for row in examples
        ]
    return lines


def datasource(warehouse: Path) -> Datasource:
    """The warehouse file as a data source of an ephemeral GX context."""
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    return context.data_sources.add_sql(
        name="warehouse",
        connection_string=f"{DRIVER}:///{warehouse}",
        create_temp_table=False,
        # No pool: when a statement is done, nobody in this process has the file open.
        kwargs={"connect_args": {"read_only": True}, "poolclass": sa.NullPool},
    )


def bound_of(connection: sa.Connection, check: Check, part: Slice) -> Bound | None:
    """The bound of the check's measure that fits the slice best.

    Raises ValidationError when the seed has none.
    """
    if check.measure is None:
        return None
    row = connection.execute(
        sa.text(BOUND),
        {
            "measure": check.measure,
            "release_id": part.release_id or "any",
            "platform": part.platform or "any",
        },
    ).one_or_none()
    if row is None:
        raise ValidationError(
            f"The expectation {check.expectation_id} needs a bound of {check.measure} "
            f"for {part.release_id} {part.platform}; expected a row in "
            "seeds/reference/expectation_bounds.csv. Add one with its basis."
        )
    return Bound(*row)


def count_rows(connection: sa.Connection, sql: str) -> int:
    """How many rows a batch has."""
    text = f"select count(*) from ({sql}) as batch"
    return connection.execute(sa.text(text.replace(":", r"\:"))).scalar_one()


def has_something_to_judge(check: Check, row_count: int) -> bool:
    """Whether the batch can be judged: unexpected rows always can, values must be."""
    return row_count > 0 or check.ask is no_rows


def _ask(
    source: Datasource, connection: sa.Connection, check: Check, part: Slice
) -> Result:
    bound = bound_of(connection, check, part)
    sql = check.sql(part)
    try:
        row_count = count_rows(connection, sql)
        is_judged = has_something_to_judge(check, row_count)
        answer = _validate(source, check, bound, sql, part) if is_judged else None
    except (sa.exc.SQLAlchemyError, ValidationError) as error:
        raise ValidationError(
            f"The expectation {check.expectation_id} could not be evaluated on "
            f"{part.release_id or 'the warehouse'} {part.platform or ''}: {error}"
        ) from error
    is_success, observed, unexpected, examples = _read(check, answer, row_count, bound)
    return Result(
        expectation_id=check.expectation_id,
        assumption_id=check.assumption_id,
        expectation=check.ask(bound).expectation_type,
        boundary=check.boundary,
        release_id=part.release_id or "all",
        platform=part.platform or "all",
        severity=check.severity,
        is_success=is_success,
        observed=observed,
        expected=expected_text(check, bound),
        unexpected_count=unexpected,
        example_rows=json.dumps(examples, default=str),
        sentence=check.sentence,
    )


def expected_text(check: Check, bound: Bound | None) -> str:
    """What the check expects, with the numbers of its bound."""
    if bound is None:
        return check.expected
    return string.Template(check.expected).substitute(
        lowest=_number(bound.lowest),
        highest=_number(bound.highest),
        unit=bound.unit,
        basis=bound.basis,
    )


def batch_name(check: Check, part: Slice) -> str:
    """The name of the batch that a check judges in a slice."""
    names = (check.expectation_id, part.release_id, part.platform)
    return "-".join(name for name in names if name)


def suite_of(check: Check, bound: Bound | None, part: Slice) -> gx.ExpectationSuite:
    """The check as a suite of Great Expectations, named for its assumption."""
    expectation = check.ask(bound)
    expectation.severity = check.severity
    expectation.meta = {
        "assumption_id": check.assumption_id,
        "sentence": check.sentence,
        "expected": expected_text(check, bound),
    }
    return gx.ExpectationSuite(
        name=f"{check.assumption_id}-{batch_name(check, part)}",
        expectations=[expectation],
        meta={"assumption_id": check.assumption_id, "boundary": check.boundary},
    )


def _validate(
    source: Datasource, check: Check, bound: Bound | None, sql: str, part: Slice
) -> ExpectationSuiteValidationResult:
    """GX's answer for one suite of one expectation on its batch."""
    name = batch_name(check, part)
    asset = source.add_query_asset(name=name, query=sql)
    batch: Batch = asset.add_batch_definition_whole_table(name).get_batch()
    answer = batch.validate(
        suite_of(check, bound, part),
        result_format={
            "result_format": "COMPLETE",
            "unexpected_index_column_names": list(check.keys),
            "partial_unexpected_count": EXAMPLE_COUNT,
        },
    )
    raised = answer.results[0].exception_info or {}
    failures = [raised] if "raised_exception" in raised else list(raised.values())
    for failure in failures:
        if failure["raised_exception"]:
            raise ValidationError(str(failure["exception_message"]))
    return answer


def _read(
    check: Check,
    answer: ExpectationSuiteValidationResult | None,
    row_count: int,
    bound: Bound | None,
) -> tuple[bool | None, str, int, list[dict[str, Any]]]:
    """Success, what was observed, unexpected rows and examples of them."""
    if answer is None:
        is_open = check.may_be_empty
        return (None if is_open else False), "nothing to judge in this copy", 0, []
    is_success = answer.get_max_severity_failure() is None
    result = answer.results[0].result
    if "unexpected_rows" in result.get("details", {}):
        rows = result["details"]["unexpected_rows"][:EXAMPLE_COUNT]
        return is_success, f"{row_count:,} unexpected", row_count, rows
    if "element_count" in result:
        unexpected = result["unexpected_count"]
        # In order, so that the same data give the same examples.
        examples = sorted(result.get("unexpected_index_list") or [], key=str)
        return (
            is_success,
            f"{unexpected:,} of {result['element_count']:,} unexpected",
            unexpected,
            examples[:EXAMPLE_COUNT],
        )
    observed = result["observed_value"]
    unit = f" {bound.unit}" if bound else ""
    examples = [] if is_success else [{"measured": observed}]
    return is_success, f"{_number(observed)}{unit}", int(not is_success), examples


def _number(value: float | None) -> str:
    """A number as a reader wants it: thousands separated, at most two decimals."""
    if value is None:
        return "nothing"
    text = f"{value:,.2f}"
    return text.rstrip("0").rstrip(".")
