"""What an export has to know of a mart: its columns, its key, what it joins to.

Types, nullability and descriptions are those of the warehouse file; grains and joins
are those that dbt tests, read from its manifest.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
from warehouse.errors import WarehouseError
from warehouse.paths import target_folder

SCHEMA = "marts"
# Descriptions are one line; caveats are the assumptions that a column or mart carries.
COLUMNS = r"""
    with tables as (
        select table_name, '*' as column_name, null as data_type, null as is_nullable,
            comment, -1 as column_index
        from duckdb_tables() where schema_name = 'marts'
        union all by name
        from duckdb_columns() where schema_name = 'marts'
    )
    select tables.table_name, tables.column_name, any_value(data_type),
        any_value(is_nullable),
        regexp_replace(trim(coalesce(any_value(comment), '')), '\s+', ' ', 'g'),
        list(assumption_id order by assumption_id) filter (assumption_id is not null)
    from tables
    left join marts.bridge_assumption_columns as caveats
        on tables.table_name = caveats.mart
            and tables.column_name = caveats.column_name
    group by tables.table_name, tables.column_name, column_index
    order by tables.table_name, column_index
"""


class ExportError(WarehouseError):
    """The marts can't be exported; the text is for the person who asked for it."""


@dataclass(frozen=True)
class Column:
    """A column: DuckDB's type, whether it may be NULL, its description, its caveats
    (assumption_id)."""

    name: str
    data_type: str
    is_nullable: bool
    description: str
    caveats: tuple[str, ...]


@dataclass(frozen=True)
class Mart:
    """A table of the schema marts. ``parents`` are (mart, columns): its key, of the
    same names there and here."""

    name: str
    description: str
    row_count: int
    columns: tuple[Column, ...]
    grain: tuple[str, ...]
    parents: tuple[tuple[str, tuple[str, ...]], ...]
    caveats: tuple[str, ...]

    @property
    def relation(self) -> str:
        """The name with its schema."""
        return f"{SCHEMA}.{self.name}"

    @property
    def ordered(self) -> str:
        """A query of all rows, ordered by the grain: the same rows, the same bytes."""
        return f"select * from {self.relation} order by {', '.join(self.grain)}"


def read_marts(
    con: duckdb.DuckDBPyConnection, manifest: Path | None = None
) -> list[Mart]:
    """The marts of an open warehouse, by name; of a manifest or that of the last parse.

    Raises ExportError when there are none, or when dbt knows other marts.
    """
    manifest = manifest or target_folder() / "manifest.json"
    if not manifest.is_file():
        raise ExportError(
            f"There is no {manifest}; expected what dbt writes when it parses the "
            "project. Run make warehouse first."
        )
    nodes = json.loads(manifest.read_text(encoding="utf-8"))["nodes"]
    models = models_of(nodes)
    tables: dict[str, list[Column]] = {}
    for name, *column, caveats in con.execute(COLUMNS).fetchall():
        tables.setdefault(name, []).append(Column(*column, tuple(caveats or ())))
    if set(tables) != set(models):
        other = ", ".join(sorted(set(tables) ^ set(models)))
        raise ExportError(
            f"The marts of the warehouse and of the project differ: {other}. The file "
            "was built from another state of the project; run make warehouse."
        )
    parents = parents_of(nodes)
    return [
        Mart(
            name=name,
            description=itself.description,
            row_count=con.execute(f"select count(*) from {SCHEMA}.{name}").fetchall()[
                0
            ][0],
            columns=tuple(columns),
            grain=tuple(models[name]["config"]["meta"]["grain"]),
            parents=tuple(parents[name]),
            caveats=itself.caveats,
        )
        for name, (itself, *columns) in tables.items()
    ]


def models_of(nodes: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The models of the marts among dbt's nodes, by name."""
    return {
        node["name"]: node
        for node in nodes.values()
        if node["resource_type"] == "model" and node["schema"] == SCHEMA
    }


def parents_of(nodes: dict[str, Any]) -> dict[str, list[tuple[str, tuple[str, ...]]]]:
    """The joins between marts that `keeps_its_keys` tests hold, by child.

    Each is the parent and the columns, which are the parent's key: it adds no rows.
    """
    marts = models_of(nodes)
    parents: dict[str, set[tuple[str, tuple[str, ...]]]] = {
        name: set() for name in marts
    }
    for node in nodes.values():
        test = node.get("test_metadata") or {}
        child = (node.get("attached_node") or "").split(".")[-1]
        if test.get("name") == "keeps_its_keys" and child in marts:
            for parent in test["kwargs"].get("parents", []):
                key = tuple(marts[parent]["config"]["meta"]["grain"])
                if set(key) <= set(marts[child]["columns"]):
                    parents[child].add((parent, key))
    return {child: sorted(found) for child, found in parents.items()}
