"""A finished warehouse as the report reads it: samples, rows, titles, caveats."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import duckdb
from warehouse.reading import connect, has_table, records

from report.parts import ReportError, Row, Sample

# One rule where a figure depends on one: the widest, which the others are parts of; and
# figures that are made of tasks.
RULE = "any_holder"
UNDER_RULE = (
    f"allocation_rule in ('{RULE}', 'not_applicable') and task_count is not null"
)
# What charts show of the scopes: education, its subsectors and one baseline.
SCOPES = "(scope_kind in ('education', 'subsector') or scope = 'non_education')"
SAMPLES = """
    select release_id, platform, window_start_date,
        window_label || if(is_one, '', ' (' || release_id || ')') as window_label,
        count_basis, licence, citation, is_simulated,
        window_start_date || if(is_one, '', '-' || release_id) as window
    from (
        select *, min(release_id) over same = max(release_id) over same as is_one
        from marts.dim_releases
        where is_loaded
        window same as (partition by window_start_date)
    )
    order by is_simulated, window_start_date desc nulls last, release_id, platform desc
"""
REGISTER = """
    select assumption_id, assumption_name, statement, consequence, status
    from marts.dim_sampling_assumptions
    order by array_position(['not_checkable', 'partly_checked', 'checked'], status),
        assumption_name
"""


def _sample_key(row: Row) -> tuple[Any, ...]:
    return row["release_id"], row["platform"], row["window_start_date"]


@contextlib.contextmanager
def opened(file: Path) -> Iterator[Warehouse]:
    """A finished warehouse, read-only; raises WarehouseError when it can't carry it."""
    try:
        with connect(file) as con:
            yield Warehouse(con)
    except duckdb.Error as error:
        raise ReportError(
            f"{file} is no warehouse that the report can read ({error}). It may be of "
            "another state of the project: run make warehouse."
        ) from error


class Warehouse:
    """The marts of a warehouse, and the samples of them that are loaded."""

    def __init__(self, con: duckdb.DuckDBPyConnection) -> None:
        """Read the samples, the newest first; raises ReportError if there is none."""
        self._con = con
        self.samples = [Sample(**row) for row in self.records(SAMPLES)]
        self._of = {
            (each.release_id, each.platform, each.window_start_date): each
            for each in self.samples
        }
        known = has_table(con, "marts.dim_build")
        builds = self.records("select * from marts.dim_build") if known else []
        self.provenance: Row = builds[0] if builds else {}
        self.build = self._build()
        if not self.samples:
            raise ReportError(
                "No release is loaded in this warehouse: marts.dim_releases has no "
                "row with is_loaded. Run make warehouse with AEI_DATA_DIR set to a "
                "folder that holds a release, or unset."
            )

    def records(self, sql: str, *parameters: Any) -> list[Row]:
        """The rows of a query by column name; dates and numbers as Python has them."""
        return records(self._con, sql, parameters)

    def rows(self, sql: str) -> list[Row]:
        """The rows of the loaded samples, each with its ``sample``, in their order."""
        return [
            row | {"sample": self._of[key]}
            for row in self.records(sql)
            if (key := _sample_key(row)) in self._of
        ]

    def sample(self, row: Row) -> Sample | None:
        """The loaded sample that a row is of."""
        return self._of.get(_sample_key(row))

    def _build(self) -> str:
        """When the warehouse was built and by which code, in a line."""
        ran = "select max(run_at)::date as day from marts.fct_expectation_results"
        (row,) = self.records(ran)
        known = self.provenance.get
        parts = [
            f"AI in education {known('project_version', '')}".rstrip(),
            f"built {row['day'] or 'on a day not known'}",
            f"code {known('code_commit')[:12]}" if known("code_commit") else "",
        ]
        return ", ".join(filter(None, parts))

    def words(
        self, dimension: str, columns: str, where: str = "true"
    ) -> dict[str, str]:
        """Keys with titles or definitions: two columns, in the dimension's order."""
        rows = self.records(
            f"select {columns} from marts.{dimension} where {where} order by sort_order"
        )
        return dict(tuple(row.values()) for row in rows)

    def releases(self) -> list[Row]:
        """Every release that the manifest knows, oldest first, loaded or not."""
        return self.records(
            """
            select *
            from marts.dim_releases
            order by window_start_date nulls first, release_id, platform desc
            """
        )

    def register(self) -> list[Row]:
        """The assumptions, those that nobody can check first."""
        return self.records(REGISTER)

    def caveats(self, mart: str, columns: Iterable[str]) -> list[Row]:
        """The assumptions that touch these columns of a mart, or the whole mart."""
        found = self.records(
            f"""
            with register as ({REGISTER})

            select *
            from register
            where assumption_id in (
                select assumption_id
                from marts.bridge_assumption_columns
                where mart = ? and (column_name = '*' or list_contains(?, column_name))
            )
            """,
            mart,
            list(columns),
        )
        if not found:
            raise ReportError(
                f"The register has no caveat for marts.{mart}: no "
                "figure is published without its caveats. Run make warehouse."
            )
        return found

    def failed_warnings(self) -> list[Row]:
        """The expectations of the latest run that failed, by expectation."""
        return self.records(
            """
            select any_value(sentence) as sentence
            from marts.fct_expectation_results
            where is_latest_run and not is_success
            group by expectation_id
            order by expectation_id
            """
        )
