"""A finished warehouse as the report reads it: slices, rows, titles, caveats."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import duckdb
from warehouse.reading import connect, records

from report.parts import ReportError, Row, Slice

# One rule where a figure depends on one: the widest, which the others are parts of; and
# figures that are made of tasks.
RULE = "any_holder"
UNDER_RULE = (
    f"allocation_rule in ('{RULE}', 'not_applicable') and task_count is not null"
)
BASELINE = "non_education"
REGISTER = """
    select assumption_id, assumption_name, statement, consequence, status
    from marts.dim_sampling_assumptions
    order by array_position(['not_checkable', 'partly_checked', 'checked'], status),
        assumption_name
"""


def sample_key(row: Row) -> tuple[Any, ...]:
    """The key of the sample that a row of a mart is of."""
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
    """The marts of a warehouse, and the slices of them that are loaded."""

    def __init__(self, con: duckdb.DuckDBPyConnection) -> None:
        """Read the slices, the newest first; raises ReportError when there is none."""
        self._con = con
        self.slices = [
            Slice(**row)
            for row in self.records(
                """
                select release_id, platform, window_start_date,
                    case when count(*) over (partition by release_id, platform) > 1
                        then window_label else '' end as window_label,
                    count_basis, licence, citation, is_simulated
                from marts.dim_releases
                where is_loaded
                order by is_simulated, window_start_date desc nulls last,
                    release_id desc, platform desc
                """
            )
        ]
        if not self.slices:
            raise ReportError(
                "No release is loaded in this warehouse: marts.dim_releases has no "
                "row with is_loaded. Run make warehouse with AEI_DATA_DIR set to a "
                "folder that holds a release, or unset."
            )

    def records(self, sql: str, *parameters: Any) -> list[Row]:
        """The rows of a query by column name; dates and numbers as Python has them."""
        return records(self._con, sql, parameters)

    def rows(self, sql: str, *parameters: Any) -> list[Row]:
        """The rows of the loaded slices, newest slice first, else in their order."""
        order = {each.key: place for place, each in enumerate(self.slices)}
        rows = self.records(sql, *parameters)
        rows = [row for row in rows if sample_key(row) in order]
        return sorted(rows, key=lambda row: order[sample_key(row)])

    def newest(self, rows: Iterable[Row]) -> tuple[Slice, list[Row]]:
        """The first slice that has any of the rows, with its own: what a text is of."""
        return next(iter(self.by_slice(rows).items()), (self.slices[0], []))

    def by_slice(self, rows: Iterable[Row]) -> dict[Slice, list[Row]]:
        """The rows of each slice that has any, in the order of the rows."""
        slices = {each.key: each for each in self.slices}
        found: dict[Slice, list[Row]] = {}
        for row in rows:
            found.setdefault(slices[sample_key(row)], []).append(row)
        return found

    def words(
        self, dimension: str, columns: str, where: str = "true"
    ) -> dict[str, str]:
        """Keys with titles or definitions: two columns, in the dimension's order."""
        rows = self.records(
            f"select {columns} from marts.{dimension} where {where} order by sort_order"
        )
        return dict(tuple(row.values()) for row in rows)

    def scopes(self) -> dict[str, str]:
        """The scopes that charts show: education, its subsectors and one baseline."""
        return self.words(
            "dim_scopes",
            "scope, scope_title",
            f"scope_kind in ('education', 'subsector') or scope = '{BASELINE}'",
        )

    def estimators(
        self, figure: str, columns: str = "estimator, estimator_title"
    ) -> dict[str, str]:
        """The estimators of a figure: pattern, use_case or success."""
        return self.words("dim_estimators", columns, f"figure = '{figure}'")

    def labels(self, facet: str) -> dict[str, str]:
        """The named labels of a facet: without none and the residual."""
        named = f"facet = '{facet}' and label_kind = 'named'"
        return self.words("dim_facet_labels", "label, label_title", named)

    # The sample and what is known of it -----------------------------------------------

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
            select expectation_id, any_value(sentence) as sentence,
                string_agg(release_id || ' ' || platform, ', '
                    order by release_id desc, platform desc) as slices
            from marts.fct_expectation_results
            where is_latest_run and not is_success
            group by expectation_id
            order by expectation_id
            """
        )
