"""What the loader found in the files and kept: damage of an official file, and
surprises, that are staged, named and left out of the marts.

``intermediate.int_input_findings`` has one row for each check and file that found
something, with the first place; where it has more rows of a check and file, they are
examples, and ``problem_count`` says on each of them how many there are.
"""

from __future__ import annotations

import json
from typing import Any

import duckdb
from warehouse.reading import has_table, records

from validation.results import Result, ValidationError

TABLE = "intermediate.int_input_findings"
EXAMPLE_COUNT = 5
# One row of a check, release and platform: the grain of the results.
FINDINGS = f"""
    select
        check_name, release_id, platform,
        any_value(assumption_id) as assumption_id,
        sum(problem_count) filter (is_first_of_file) as problem_count,
        count(distinct relative_path) as file_count,
        list(found order by relative_path, row_number, column_name) as examples,
        string_agg(distinct sentence, ' ' order by sentence) as sentence
    from (
        select
            findings.* replace (
                coalesce(findings.release_id, 'all') as release_id,
                coalesce(nullif(findings.platform, ''), 'all') as platform
            ),
            guards.assumption_id,
            row_number() over (
                partition by check_name, findings.release_id, platform, relative_path
                order by row_number, column_name
            ) = 1 as is_first_of_file,
            {{
                'file': relative_path, 'row': row_number, 'column': column_name,
                'observed': observed, 'expected': expected
            }} as found
        from {TABLE} as findings
        left join reference.sampling_assumption_guards as guards
            on findings.check_name = guards.guard_name
            and guards.guard_kind = 'loader_check'
    )
    group by check_name, release_id, platform
    order by check_name, release_id, platform
"""
LINES = f"""
    select
        kind, check_name, relative_path,
        max(problem_count) as problem_count,
        arg_min(observed, coalesce(row_number, 0)) as observed
    from {TABLE}
    group by all
    order by all
"""


def read(con: duckdb.DuckDBPyConnection) -> list[Result]:
    """The findings as failed expectations of boundary ``raw``, severity ``warning``.

    Nothing where the warehouse has no such table. Raises ValidationError when a check
    is bound to no assumption.
    """
    if not has_table(con, TABLE):
        return []
    return [_result(row) for row in records(con, FINDINGS)]


def lines(con: duckdb.DuckDBPyConnection) -> list[str]:
    """A line for each check and file that found something: how much, and the first."""
    if not has_table(con, TABLE):
        return []
    return [
        f"  {row['kind']} {row['check_name']}, {row['relative_path']}: "
        f"{row['problem_count']:,} found, first {row['observed']}"
        for row in records(con, LINES)
    ]


def _result(row: dict[str, Any]) -> Result:
    if row["assumption_id"] is None:
        raise ValidationError(
            f"The loader check {row['check_name']} is bound to no assumption; expected "
            "a row in seeds/reference/sampling_assumption_guards.csv. Add one."
        )
    first = row["examples"][0]
    return Result(
        expectation_id=row["check_name"],
        assumption_id=row["assumption_id"],
        expectation="loader_check",
        boundary="raw",
        release_id=row["release_id"],
        platform=row["platform"],
        severity="warning",
        is_success=False,
        observed=f"{row['problem_count']:,} in {row['file_count']} file(s), first "
        f"{first['observed']}",
        expected=first["expected"],
        unexpected_count=int(row["problem_count"]),
        example_rows=json.dumps(row["examples"][:EXAMPLE_COUNT], default=str),
        sentence=row["sentence"],
    )
