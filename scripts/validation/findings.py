"""What the checks found in files that load all the same: damage of an official file,
and surprises, which are kept out of the marts.

``intermediate.int_input_findings`` has one row for each file and check that found
something: how much (``problem_count``), and the first place.
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
        check_name,
        coalesce(release_id, 'all') as release_id,
        coalesce(nullif(platform, ''), 'all') as platform,
        any_value(guards.assumption_id) as assumption_id,
        sum(problem_count) as problem_count,
        list(
            {{
                'file': relative_path, 'row': row_number, 'column': column_name,
                'observed': observed, 'expected': expected
            }}
            order by relative_path
        ) as examples,
        string_agg(distinct sentence, ' ' order by sentence) as sentence
    from {TABLE}
    left join reference.sampling_assumption_guards as guards
        on check_name = guards.guard_name and guards.guard_kind = 'loader_check'
    group by 1, 2, 3
    order by 1, 2, 3
"""


def read(con: duckdb.DuckDBPyConnection) -> list[Result]:
    """The findings as failed expectations of boundary ``raw``, severity ``warning``.

    Nothing where the warehouse has no such table. Raises ValidationError when a check
    is bound to no assumption.
    """
    return [_result(row) for row in _found(con, FINDINGS)]


def lines(con: duckdb.DuckDBPyConnection) -> list[str]:
    """A line for each check and file that found something: how much, the first and
    where it stands, and what to do."""
    return [
        f"  {row['problem_kind']} {row['check_name']}, {row['relative_path']}"
        + "".join(
            f", {name} {row[key]}"
            for name, key in (("row", "row_number"), ("column", "column_name"))
            if row[key] is not None
        )
        + f": {row['problem_count']:,} found, first {row['observed']}; expected "
        f"{row['expected']}. {row['sentence']}"
        for row in _found(con, f"from {TABLE} order by all")
    ]


def _found(con: duckdb.DuckDBPyConnection, sql: str) -> list[dict[str, Any]]:
    return records(con, sql) if has_table(con, TABLE) else []


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
        observed=f"{row['problem_count']:,} found, first {first['observed']}",
        expected=first["expected"],
        unexpected_count=int(row["problem_count"]),
        example_rows=json.dumps(row["examples"][:EXAMPLE_COUNT], default=str),
        sentence=row["sentence"],
    )
