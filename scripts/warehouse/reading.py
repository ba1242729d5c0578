"""Read a warehouse file, without changing it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import duckdb

from warehouse.errors import WarehouseError

SENTENCE = "sentence"


def connect(warehouse: Path) -> duckdb.DuckDBPyConnection:
    """A connection that only reads; raises WarehouseError when there is no file, or
    none that can be read."""
    if not warehouse.is_file():
        raise WarehouseError(
            f"There is no warehouse at {warehouse}; expected the file that make "
            "warehouse publishes. Build it, or name another with --warehouse."
        )
    try:
        return duckdb.connect(str(warehouse), read_only=True)
    except duckdb.Error as error:
        raise WarehouseError(
            f"{warehouse} can't be read: {str(error).splitlines()[0]}\nWhere another "
            "program has it open for writing, close it there or open it read-only; "
            "where it is no DuckDB file, publish it again with make warehouse."
        ) from error


def literal(text: object) -> str:
    """A text of DuckDB or PostgreSQL, quoted."""
    return "'" + str(text).replace("'", "''") + "'"


def attach(con: duckdb.DuckDBPyConnection, file: Path, name: str) -> None:
    """Attach a database to a connection, to read it only."""
    con.execute(f'attach {literal(file)} as "{name}" (read_only)')


def records(
    con: duckdb.DuckDBPyConnection, sql: str, values: object = None
) -> list[dict[str, Any]]:
    """The rows of a query by column name."""
    result = con.execute(sql, values)
    names = [column[0] for column in result.description]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def has_table(con: duckdb.DuckDBPyConnection, name: str) -> bool:
    """Whether the table or view ``schema.name`` is in the warehouse."""
    sql = (
        "select count(*) from information_schema.tables "
        "where table_schema || '.' || table_name = ?"
    )
    return con.execute(sql, [name]).fetchall() != [(0,)]


DIFFERING_COPIES = """
    with copies as (
        select * from staging.stg_aei__release_files
        where is_loaded and file_status in ('unverified_copy', 'superseded')
    ), held as (
        select
            relative_path, release_id, platform, geo_level, facet,
            count(distinct row_number) as row_count
        from intermediate.int_facet_values
        inner join (
            select relative_path, release_id, platform
            from staging.stg_aei__release_files where is_loaded
        ) using (relative_path)
        group by all
    ), lacking as (
        select
            copies.relative_path,
            if(sets.geo_level = 'global', '', sets.geo_level || ' ') || sets.facet
                as facet
        from copies
        inner join reference.facet_sets as sets
            on copies.facet_set = sets.facet_set and copies.platform = sets.platform
        where copies.file_role = 'raw' and not exists (
            from held
            where (held.release_id, held.platform, held.geo_level, held.facet)
            = (copies.release_id, copies.platform, sets.geo_level, sets.facet)
        )
    )
    select
        relative_path, release_id, file_status, observed_byte_count,
        manifest_byte_count,
        (select sum(row_count) from held
         where held.relative_path = copies.relative_path) as row_count,
        (select max(row_count) from reference.release_manifest as manifest
         where manifest.relative_path = copies.relative_path
         and manifest.copy_status = 'current') as official_row_count,
        (select list(distinct facet order by facet) from lacking
         where lacking.relative_path = copies.relative_path) as lacking_facets
    from copies order by relative_path
"""


def differing_copies(work_file: Path, most_facets: int = 6) -> list[str]:
    """A line for each loaded file that is not the official one: which edition it is,
    its rows and size in bytes, and the facets of its release that it lacks."""
    with connect(work_file) as con:
        needed = ("intermediate.int_facet_values", "reference.facet_sets")
        if not all(has_table(con, table) for table in needed):
            return []
        copies = records(con, DIFFERING_COPIES)
    lines = []
    for copy in copies:
        edition = "of no edition that is known here"
        if copy["file_status"] == "superseded":
            edition = (
                "an earlier edition, which the dataset has replaced (make fetch "
                f"RELEASE={copy['release_id']} brings the current one)"
            )
        counts = [
            f"{seen:,.0f} {unit} where the official file has {official:,}"
            for seen, official, unit in (
                (copy["row_count"], copy["official_row_count"], "rows"),
                (copy["observed_byte_count"], copy["manifest_byte_count"], "bytes"),
            )
            if seen and official
        ]
        facets = copy["lacking_facets"] or []
        more = len(facets) - most_facets
        named = ", ".join(facets[:most_facets]) + (f" and {more} more" * (more > 0))
        lacks = f"; without the facets {named}" if facets else ""
        lines.append(
            f"{copy['file_status']}: {copy['relative_path']}: {edition}; "
            f"{', '.join(counts)}{lacks}"
        )
    return lines


def failing_rows(warehouse: Path, sql: str, database: str, limit: int = 3) -> list[str]:
    """The first rows of a data test's query, one line each; ``database`` is the name
    that the query knows the warehouse by.

    A line gives the row's columns that are filled, then its ``sentence``. Rows come in
    the order of their values, so that a message is the same in each run. A query that
    fails gives no line: the message of the test says why.
    """
    try:
        with duckdb.connect() as con:
            attach(con, warehouse, database)
            if private := os.environ.get("AEI_PRIVATE_FILE"):
                attach(con, Path(private), "private_state")
            rows = records(con, f"from ({sql}\n) order by all limit {int(limit)}")
    except duckdb.Error:
        return []
    return [_line(row) for row in rows]


def _line(row: dict[str, object]) -> str:
    sentence = row.pop(SENTENCE, None)
    filled = ", ".join(
        f"{name} {value}" for name, value in row.items() if value is not None
    )
    return "    " + "; ".join(str(text) for text in (filled, sentence) if text)
