"""The unpublished side of a release: full counts, and the model's parameters."""

from __future__ import annotations

from pathlib import Path

import duckdb

from simulation.draw import COUNTRY_SLOTS, sql
from simulation.model import ALIAS_PARTS, ANSWER_PARTS, MEASURED

TRUTH_TABLES = {
    "truth_cell": (
        "release_id varchar, platform varchar, geography varchar, geo_id varchar, "
        "facet varchar, task varchar, category varchar, conversations bigint"
    ),
    "task_parameter": (
        "release_id varchar, platform varchar, task varchar, is_coordinated boolean, "
        "probability double"
    ),
    "answer_parameter": (
        "platform varchar, task varchar, is_coordinated boolean, facet varchar, "
        "category varchar, share double"
    ),
    "country_parameter": (
        "release_id varchar, geo_id varchar, facet varchar, category varchar, "
        "value double"
    ),
}


def create_truth_tables(con: duckdb.DuckDBPyConnection) -> None:
    """Create the empty tables of ``TRUTH_TABLES`` and the view ``task_label``."""
    for table, columns in TRUTH_TABLES.items():
        con.execute(f"create or replace table {table} ({columns})")
    con.execute(
        "create or replace view task_label as select task_no, label from node "
        "where base = 'onet_task' and style = 0"
    )


def add_counts(con: duckdb.DuckDBPyConnection, platform: str) -> None:
    """Add the unsuppressed counts of the table ``cell`` to ``truth_cell``."""
    con.execute(f"insert into truth_cell {sql('truth.sql', platform=platform)}")


def add_parameters(con: duckdb.DuckDBPyConnection, platform: str, slots: int) -> None:
    """Add the parameters of the prepared platform to the parameter tables.

    They are read back from the tables that the draw uses (``prepare``), so they are
    the exact probabilities of the draw, not the seeds' decimals.
    """
    statements = sql(
        "parameters.sql",
        platform=platform,
        slots=slots,
        alias_parts=ALIAS_PARTS,
        answer_parts=ANSWER_PARTS,
        country_slots=COUNTRY_SLOTS,
        locations=", ".join(f"{f}_location" for f in MEASURED),
    )
    con.execute(statements)


def write_truth(con: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Write every truth table as a Parquet file, sorted by all its columns."""
    folder.mkdir(parents=True, exist_ok=True)
    for table in TRUTH_TABLES:
        con.execute(
            f"copy (select * from {table} order by all) "
            f"to '{folder / table}.parquet' (format parquet, compression zstd)"
        )
