"""What an export has to know of a mart: its columns, its key, what it joins to.

Types, nullability and descriptions are those of the warehouse file; grains and joins
are those that dbt tests, read from its manifest.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

PROJECT = Path(__file__).resolve().parents[2]
SCHEMA = "marts"


class ExportError(Exception):
    """The marts can't be exported; the text is for the person who asked for it."""


@dataclass(frozen=True)
class Column:
    """A column: DuckDB's type, whether it may be NULL, its description, its caveats
    (assumption_id)."""

    name: str
    data_type: str
    is_nullable: bool
    description: str
    caveats: tuple[str, ...] = ()


@dataclass(frozen=True)
class Mart:
    """A table of the schema marts. ``parents`` are (mart, columns) of the same names
    there and here."""

    name: str
    description: str
    row_count: int
    columns: tuple[Column, ...]
    grain: tuple[str, ...]
    parents: tuple[tuple[str, tuple[str, ...]], ...]
    caveats: tuple[str, ...] = field(default=())

    @property
    def relation(self) -> str:
        """The name with its schema."""
        return f"{SCHEMA}.{self.name}"

    @property
    def ordered(self) -> str:
        """A query of all rows, ordered by the grain: the same rows, the same bytes."""
        return f"select * from {self.relation} order by {', '.join(self.grain)}"


def manifest_file() -> Path:
    """dbt's manifest of the last parse of this project."""
    return Path(os.environ.get("DBT_TARGET_PATH", PROJECT / "target")) / "manifest.json"


def read_marts(con: duckdb.DuckDBPyConnection, manifest: Path) -> list[Mart]:
    """The marts of an open warehouse, by name.

    Raises ExportError when there are none, or when dbt knows other marts or columns.
    """
    if not manifest.is_file():
        raise ExportError(
            f"There is no {manifest}; expected what dbt writes when it parses the "
            "project. Run make warehouse first."
        )
    nodes = json.loads(manifest.read_text(encoding="utf-8"))["nodes"]
    models = {
        node["name"]: node
        for node in nodes.values()
        if node["resource_type"] == "model" and node["schema"] == SCHEMA
    }
    tables = dict(
        con.execute(
            "select table_name, coalesce(comment, '') from duckdb_tables() "
            "where schema_name = ? order by table_name",
            [SCHEMA],
        ).fetchall()
    )
    if set(tables) != set(models):
        other = ", ".join(sorted(set(tables) ^ set(models)))
        raise ExportError(
            f"The marts of the warehouse and of the project differ: {other}. The file "
            "was built from another state of the project; run make warehouse."
        )
    caveats: dict[tuple[str, str], list[str]] = {}
    for mart, column, assumption in con.execute(
        "select mart, column_name, assumption_id from marts.bridge_assumption_columns "
        "order by all"
    ).fetchall():
        caveats.setdefault((mart, column), []).append(assumption)
    columns: dict[str, list[Column]] = {}
    for table, name, data_type, is_nullable, comment in con.execute(
        "select table_name, column_name, data_type, is_nullable, comment "
        "from duckdb_columns() where schema_name = ? order by table_name, column_index",
        [SCHEMA],
    ).fetchall():
        columns.setdefault(table, []).append(
            Column(
                name,
                data_type,
                is_nullable,
                one_line(comment or ""),
                tuple(caveats.get((table, name), ())),
            )
        )
    parents = parents_of(nodes)
    return [
        Mart(
            name=name,
            description=one_line(description),
            row_count=con.execute(f"select count(*) from {SCHEMA}.{name}").fetchall()[
                0
            ][0],
            columns=tuple(columns[name]),
            grain=tuple(models[name]["config"]["meta"]["grain"]),
            parents=tuple(
                parent for parent in parents.get(name, []) if parent[0] in tables
            ),
            caveats=tuple(caveats.get((name, "*"), ())),
        )
        for name, description in tables.items()
    ]


def parents_of(nodes: dict) -> dict[str, list[tuple[str, tuple[str, ...]]]]:
    """The joins that `has_parent` tests hold, by child: parent and columns."""
    parents: dict[str, list[tuple[str, tuple[str, ...]]]] = {}
    for node in nodes.values():
        metadata = node.get("test_metadata")
        if not metadata or metadata["name"] != "has_parent":
            continue
        child = node["attached_node"]
        others = [name for name in node["depends_on"]["nodes"] if name != child]
        parents.setdefault(child.split(".")[-1], []).append(
            (
                (others or [child])[0].split(".")[-1],
                tuple(metadata["kwargs"]["columns"]),
            )
        )
    return {child: sorted(set(found)) for child, found in parents.items()}


def one_line(text: str) -> str:
    """The text with its white space, line ends included, as single spaces."""
    return " ".join(text.split())
