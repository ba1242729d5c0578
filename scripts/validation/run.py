"""Ask the expectations of a warehouse file with Great Expectations.

A check on a slice is a suite of one expectation on a batch. A run asks each of them;
``validation.export`` keeps the same ones in a project of files.
"""

from __future__ import annotations

import contextlib
import json
import logging
import string
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import great_expectations as gx
import sqlalchemy as sa
from expectations import CHECKS
from expectations.check import Bound, Boundary, Check, Slice, no_rows
from great_expectations.core import ExpectationSuiteValidationResult
from great_expectations.core.batch_definition import BatchDefinition
from great_expectations.data_context import AbstractDataContext
from great_expectations.datasource.fluent.interfaces import Datasource
from great_expectations.datasource.fluent.sql_datasource import QueryAsset
from warehouse.reading import connect

from validation import findings
from validation.dialect import DRIVER
from validation.results import Result, ValidationError

for _name in ("great_expectations", "great_expectations.data_context.types.base"):
    logging.getLogger(_name).setLevel(logging.WARNING)

EXAMPLE_COUNT = 5
BOUNDARIES: tuple[Boundary, ...] = ("raw", "marts")
RELEASES = {
    "raw": """
        select distinct release_id, platform, left(schema_family, 1) as family
        from staging.stg_aei__release_files
        where is_loaded and file_role = 'raw'
        order by release_id, platform
    """,
    "marts": """
        select distinct release_id, platform, schema_family as family
        from marts.dim_releases
        where is_loaded
        order by release_id, platform
    """,
}
# Releases and platforms whose raw files are the published ones, byte for byte.
OFFICIAL = """
    select release_id, platform from staging.stg_aei__release_files
    where is_loaded and file_role = 'raw'
    group by release_id, platform
    having bool_and(file_status = 'verified')
"""
OFFICIAL_DIFFERS = (
    "Published with this warning: the official file differs from what we assumed."
)
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


@dataclass(frozen=True)
class Question:
    """A check on a slice, with its bound and the number of rows to judge."""

    check: Check
    part: Slice
    bound: Bound | None
    row_count: int

    @property
    def name(self) -> str:
        """The name of its batch and of its validation definition."""
        names = (self.check.expectation_id, self.part.release_id, self.part.platform)
        return "-".join(name for name in names if name)

    @property
    def has_something_to_judge(self) -> bool:
        """Whether it can be judged: unexpected rows always can, values must be there
        (Great Expectations takes the maximum of nothing for a failure)."""
        return self.row_count > 0 or self.check.ask is no_rows

    @property
    def expected(self) -> str:
        """What the check expects, with the numbers of its bound."""
        if self.bound is None:
            return self.check.expected
        return string.Template(self.check.expected).substitute(
            lowest=_number(self.bound.lowest),
            highest=_number(self.bound.highest),
            unit=self.bound.unit,
            basis=self.bound.basis,
        )

    def suite(self) -> gx.ExpectationSuite:
        """Its suite of Great Expectations, named for the assumption."""
        check = self.check
        expectation = check.ask(self.bound)
        expectation.severity = check.severity
        expectation.meta = {
            "assumption_id": check.assumption_id,
            "sentence": check.sentence,
            "expected": self.expected,
        }
        return gx.ExpectationSuite(
            name=f"{check.assumption_id}-{self.name}",
            expectations=[expectation],
            meta={"assumption_id": check.assumption_id, "boundary": check.boundary},
        )

    def batch(self, source: Datasource) -> BatchDefinition:
        """Its batch, named in a data source."""
        asset = source.add_query_asset(name=self.name, query=self.check.sql(self.part))
        return asset.add_batch_definition_whole_table(self.name)

    def definition(
        self, context: AbstractDataContext, source: Datasource
    ) -> gx.ValidationDefinition:
        """Its validation definition, kept in a context."""
        definition = gx.ValidationDefinition(
            name=self.name,
            data=self.batch(source),
            suite=context.suites.add_or_update(self.suite()),
        )
        return context.validation_definitions.add_or_update(definition)


def ask(warehouse: Path, boundary: Boundary) -> list[Result]:
    """The answers of one boundary for who builds or validates a warehouse file.

    An official file is never refused: what fails for its release is a warning. At the
    boundary ``raw`` the findings of the loader are answers too. Raises ValidationError.
    """
    answers = run_checks(warehouse, boundary)
    with connect(warehouse) as con:
        official = set(con.execute(OFFICIAL).fetchall())
        found = findings.read(con) if boundary == "raw" else []
    return [
        replace(
            answer,
            severity="warning",
            sentence=f"{answer.sentence} {OFFICIAL_DIFFERS}",
        )
        if (answer.release_id, answer.platform) in official
        and answer.is_success is False
        and answer.severity == "critical"
        else answer
        for answer in answers
    ] + found


def run_checks(
    warehouse: Path, boundary: Boundary, checks: Iterable[Check] = CHECKS
) -> list[Result]:
    """Ask the expectations of one boundary on a warehouse file, read-only.

    Raises ValidationError when one can't be evaluated: no answer is no success.
    """
    context = gx.get_context(mode="ephemeral")
    # No pool: when a statement is done, nobody in this process has the file open.
    with datasource(context, warehouse, poolclass=sa.NullPool) as (source, connection):
        # One asset for all: with each new one the context writes all of them down.
        asset = source.add_query_asset(name="asked", query="select 1")
        try:
            asked = questions(connection, boundary, checks)
        except sa.exc.DBAPIError as error:
            raise ValidationError(
                f"{warehouse} is no warehouse that can be validated ({error.orig}). It "
                "may be of another state of the project: run make warehouse."
            ) from error
        return [_answer(question, asset) for question in asked]


def questions(
    connection: sa.Connection, boundary: Boundary, checks: Iterable[Check]
) -> list[Question]:
    """Each check of a boundary on each slice that it applies to."""
    releases = connection.execute(sa.text(RELEASES[boundary]))
    parts = [*(Slice(*row) for row in releases), Slice(None, None, None)]
    return [
        _question(connection, check, part)
        for check in checks
        if check.boundary == boundary
        for part in parts
        if check.applies_to(part)
    ]


def _question(connection: sa.Connection, check: Check, part: Slice) -> Question:
    sql = f"select count(*) from ({check.sql(part)}) as batch".replace(":", r"\:")
    bound = bound_of(connection, check, part)
    with _named(check, part):
        count = connection.execute(sa.text(sql)).scalar_one()
    return Question(check, part, bound, count)


def _answer(question: Question, asset: QueryAsset) -> Result:
    check, part, answer = question.check, question.part, None
    if question.has_something_to_judge:
        asset.query = check.sql(part)
        with _named(check, part):
            answer = asset.get_batch(asset.build_batch_request()).validate(
                question.suite(),
                result_format={
                    "result_format": "COMPLETE",
                    "unexpected_index_column_names": list(check.keys),
                    "partial_unexpected_count": EXAMPLE_COUNT,
                },
            )
            _raise_if_not_evaluated(answer)
    is_success, observed, unexpected, examples = _read(question, answer)
    return Result(
        expectation_id=check.expectation_id,
        assumption_id=check.assumption_id,
        expectation=check.ask(question.bound).expectation_type,
        boundary=check.boundary,
        release_id=part.release_id or "all",
        platform=part.platform or "all",
        severity=check.severity,
        is_success=is_success,
        observed=observed,
        expected=question.expected,
        unexpected_count=unexpected,
        example_rows=json.dumps(examples, default=str),
        sentence=check.sentence,
    )


@contextlib.contextmanager
def _named(check: Check, part: Slice) -> Iterator[None]:
    """Turn an error within into one that names the check and its slice."""
    try:
        yield
    except (sa.exc.SQLAlchemyError, ValidationError) as error:
        raise ValidationError(
            f"The expectation {check.expectation_id} could not be evaluated on "
            f"{part.release_id or 'the warehouse'} {part.platform or ''}: {error}"
        ) from error


@contextlib.contextmanager
def datasource(
    context: AbstractDataContext, warehouse: Path, **engine_options: Any
) -> Iterator[tuple[Datasource, sa.Connection]]:
    """The warehouse file as a data source of a context, and a connection to it."""
    context.variables.progress_bars = {"globally": False}
    source = context.data_sources.add_or_update_sql(
        name="warehouse",
        connection_string=f"{DRIVER}:///{warehouse}",
        create_temp_table=False,
        kwargs={"connect_args": {"read_only": True}, **engine_options},
    )
    engine = source.get_engine()
    try:
        with engine.connect() as connection:
            yield source, connection
    finally:
        engine.dispose()


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


def _raise_if_not_evaluated(answer: ExpectationSuiteValidationResult) -> None:
    raised = answer.results[0].exception_info or {}
    failures = [raised] if "raised_exception" in raised else list(raised.values())
    for failure in failures:
        if failure["raised_exception"]:
            raise ValidationError(str(failure["exception_message"]))


def _read(
    question: Question, answer: ExpectationSuiteValidationResult | None
) -> tuple[bool | None, str, int, list[dict[str, Any]]]:
    """Success, what was observed, unexpected rows and examples of them."""
    if answer is None:
        is_open = question.check.may_be_empty
        return (None if is_open else False), "nothing to judge in this copy", 0, []
    is_success = answer.get_max_severity_failure() is None
    result = answer.results[0].result
    if "unexpected_rows" in result.get("details", {}):
        rows = result["details"]["unexpected_rows"][:EXAMPLE_COUNT]
        return (
            is_success,
            f"{question.row_count:,} unexpected",
            question.row_count,
            rows,
        )
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
    unit = f" {question.bound.unit}" if question.bound else ""
    examples = [] if is_success else [{"measured": observed}]
    return is_success, f"{_number(observed)}{unit}", int(not is_success), examples


def _number(value: float | None) -> str:
    """A number as a reader wants it: thousands separated, at most two decimals."""
    if value is None:
        return "nothing"
    text = f"{value:,.2f}"
    return text.rstrip("0").rstrip(".")
