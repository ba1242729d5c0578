"""The unpublished side of a release: full counts, and the model's parameters."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb

from simulation.draw import COUNTRY_SLOTS, load_rows
from simulation.model import (
    ALIAS_PARTS,
    ANSWER_PARTS,
    MEASURED,
    NONE_TASK,
    UNCLASSIFIED_TASK,
    Model,
)

SQL_FOLDER = Path(__file__).parent

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
    "scope_parameter": (
        "release_id varchar, platform varchar, scope varchar, estimator varchar, "
        "facet varchar, category varchar, value double"
    ),
}


def task_scopes(model: Model) -> Iterator[list[object]]:
    """Task number and each scope that holds it, under the any-holder rule.

    ``all_with_pseudo``, ``all_named``, ``education`` and its five subsectors (by the
    lowest 25- code), ``non_education``, ``non_education_non_computing``, and
    ``soc_<major group>`` for every holder's group.
    """
    for number in (NONE_TASK, UNCLASSIFIED_TASK):
        yield [number, "all_with_pseudo"]
    for task in model.tasks:
        groups = {c[:2] for c in task.holder_codes}
        scopes = ["all_with_pseudo", "all_named", *(f"soc_{g}" for g in sorted(groups))]
        if task.is_education:
            scopes += ["education", task.stratum]
        else:
            scopes.append("non_education")
            if "15" not in groups:
                scopes.append("non_education_non_computing")
        for scope in scopes:
            yield [task.task_no, scope]


def create_truth_tables(con: duckdb.DuckDBPyConnection, model: Model) -> None:
    """Create the empty tables of ``TRUTH_TABLES`` and the table ``task_scope``."""
    for table, columns in TRUTH_TABLES.items():
        con.execute(f"create or replace table {table} ({columns})")
    load_rows(con, "task_scope", "task_no integer, scope varchar", task_scopes(model))


def add_counts(con: duckdb.DuckDBPyConnection, platform: str) -> None:
    """Add the unsuppressed counts of the table ``cell`` to ``truth_cell``."""
    query = (SQL_FOLDER / "truth.sql").read_text(encoding="utf-8")
    con.execute(f"insert into truth_cell {query.format(platform=platform)}")


def add_parameters(con: duckdb.DuckDBPyConnection, platform: str, slots: int) -> None:
    """Add the parameters of the prepared platform to the parameter tables.

    They are read back from the tables that the draw uses (``prepare``), so they are
    the exact probabilities of the draw, not the seeds' decimals.
    """
    text = (SQL_FOLDER / "parameters.sql").read_text(encoding="utf-8")
    statements = text.format(
        platform=platform,
        slots=slots,
        alias_parts=ALIAS_PARTS,
        answer_parts=ANSWER_PARTS,
        country_slots=COUNTRY_SLOTS,
        locations=", ".join(f"{f}_location" for f in MEASURED),
    )
    for statement in statements.split(";\n"):
        con.execute(statement)


def write_truth(con: duckdb.DuckDBPyConnection, folder: Path) -> list[Path]:
    """Write every truth table as a Parquet file, sorted by all its columns."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for table in TRUTH_TABLES:
        path = folder / f"{table}.parquet"
        con.execute(
            f"copy (select * from {table} order by all) to '{path}' "
            "(format parquet, compression zstd)"
        )
        paths.append(path)
    return paths
