"""A finished warehouse as the report reads it: slices, rows, titles, caveats."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any

import duckdb
from markupsafe import Markup

from report.parts import ReportError, Row, Slice, sentence

# One rule where a figure depends on one: the widest, which the others are parts of.
RULE = "any_holder"
UNDER_RULE = f"allocation_rule in ('{RULE}', 'not_applicable')"
BASELINE = "non_education"


class Warehouse:
    """A finished warehouse, opened read-only."""

    def __init__(self, file: Path) -> None:
        """Open the file; raises ReportError when it can't carry the report."""
        if not file.is_file():
            raise ReportError(
                f"There is no warehouse at {file}; expected the file that make "
                "warehouse publishes. Build it, or name another with --warehouse."
            )
        self._file = file
        try:
            self._con = duckdb.connect(str(file), read_only=True)
        except duckdb.Error as error:
            raise ReportError(
                f"{file} can't be opened as a DuckDB file ({error}). Build it anew "
                "with make warehouse."
            ) from error
        try:
            self.slices = self._read_slices()
        except BaseException:
            self._con.close()
            raise

    def __enter__(self) -> Warehouse:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._con.close()

    def records(self, sql: str, *parameters: Any) -> list[Row]:
        """The rows of a query by column name; dates and numbers as Python has them."""
        try:
            result = self._con.execute(sql, parameters)
        except (duckdb.CatalogException, duckdb.BinderException) as error:
            raise ReportError(
                f"{self._file} lacks what the report reads ({error}). It was built by "
                "another state of the project: run make warehouse."
            ) from error
        names = [column[0] for column in result.description]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]

    def rows(self, sql: str, *parameters: Any) -> list[Row]:
        """The rows of the loaded slices, newest slice first, else in their order."""
        order = {each.key: place for place, each in enumerate(self.slices)}
        rows = self.records(sql, *parameters)
        rows = [row for row in rows if (row["release_id"], row["platform"]) in order]
        return sorted(rows, key=lambda row: order[row["release_id"], row["platform"]])

    def by_slice(self, rows: Iterable[Row]) -> dict[Slice, list[Row]]:
        """The rows of each slice that has any, in the order of the rows."""
        slices = {each.key: each for each in self.slices}
        found: dict[Slice, list[Row]] = {}
        for row in rows:
            each = slices[row["release_id"], row["platform"]]
            found.setdefault(each, []).append(row)
        return found

    # What the keys of the marts mean, in the order of the dimensions ------------------

    def titles(self, sql: str, *parameters: Any) -> dict[str, str]:
        """Keys with their titles, from a query with these two columns."""
        return {
            key: title
            for key, title in (row.values() for row in self.records(sql, *parameters))
        }

    def scopes(self) -> dict[str, str]:
        """Education, its subsectors and one baseline."""
        return self.titles(
            """
            select scope, scope_title
            from marts.dim_scopes
            where scope_kind in ('education', 'subsector') or scope = ?
            order by sort_order
            """,
            BASELINE,
        )

    def labels(self, facet: str) -> dict[str, str]:
        """The named labels of a facet: without none and the residual."""
        return self.titles(
            """
            select label, label_title
            from marts.dim_facet_labels
            where facet = ? and label_kind = 'named'
            order by sort_order
            """,
            facet,
        )

    def estimators(self, figure: str) -> dict[str, str]:
        """The estimators of a figure (pattern, use_case, success)."""
        return self.titles(
            """
            select estimator, estimator_title
            from marts.dim_estimators
            where figure = ?
            order by sort_order
            """,
            figure,
        )

    def definitions(self, figure: str) -> Markup:
        """What the estimators of a figure mean, in sentences."""
        return self.glossary(
            """
            select estimator_title, definition
            from marts.dim_estimators
            where figure = ?
            order by sort_order
            """,
            figure,
        )

    def glossary(self, sql: str, *parameters: Any) -> Markup:
        """Words with what they mean, from a query with these two columns."""
        return Markup(" ").join(
            sentence("<b>{}</b>: {}.", word, meaning)
            for word, meaning in self.titles(sql, *parameters).items()
        )

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
        return self.records(
            """
            select assumption_id, assumption_name, statement, consequence, status
            from marts.dim_sampling_assumptions
            order by
                array_position(['not_checkable', 'partly_checked', 'checked'], status),
                assumption_name
            """
        )

    def caveats(self, mart: str, columns: Iterable[str]) -> list[Row]:
        """The assumptions that touch these columns of a mart, or the whole mart."""
        touching = {
            row["assumption_id"]
            for row in self.records(
                """
                select assumption_id
                from marts.bridge_assumption_columns
                where mart = ? and (column_name = '*' or list_contains(?, column_name))
                """,
                mart,
                list(columns),
            )
        }
        found = [row for row in self.register() if row["assumption_id"] in touching]
        if not found:
            raise ReportError(
                f"The register in {self._file} has no caveat for marts.{mart}: no "
                "figure is published without its caveats. Run make warehouse."
            )
        return found

    def coverage(self, facet: str, geo_level: str) -> dict[tuple[str, str], str]:
        """The status of a facet by release and platform; absent where unpublished."""
        return {
            (row["release_id"], row["platform"]): row["status"]
            for row in self.records(
                """
                select release_id, platform, status
                from marts.fct_cell_coverage
                where facet = ? and geo_level = ?
                """,
                facet,
                geo_level,
            )
        }

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

    def _read_slices(self) -> list[Slice]:
        rows = self.records(
            """
            select release_id, platform, count_basis, licence, citation, is_simulated
            from marts.dim_releases
            where is_loaded
            order by is_simulated, window_start_date desc nulls last, release_id desc,
                platform desc
            """
        )
        if not rows:
            raise ReportError(
                "No release is loaded in this warehouse: marts.dim_releases has no "
                "row with is_loaded. Run make warehouse with AEI_DATA_DIR set to a "
                "folder that holds a release, or unset."
            )
        return [Slice(**row) for row in rows]
