"""Whether two warehouses say the same, mart by mart and value by value."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import yaml

from warehouse.changes import TOLERANCE
from warehouse.paths import PROJECT
from warehouse.reading import attach

EXAMPLES = 5


def grains() -> dict[str, list[str]]:
    """The columns that tell the rows of a model apart, by model."""
    return {
        model["name"]: model["config"]["meta"]["grain"]
        for file in (PROJECT / "models").rglob("*.yml")
        for model in yaml.safe_load(file.read_text("utf-8")).get("models", ())
        if "grain" in model.get("config", {}).get("meta", {})
    }


class Files:
    """Both files, read-only. Raises duckdb.Error for one that can't be read."""

    def __init__(self, old: Path, new: Path, changes: dict[str, Any]) -> None:
        self.con = duckdb.connect()
        for name, file in (("old", old), ("new", new)):
            attach(self.con, file, name)
        self.declared = changes.get("marts") or {}
        self.each = changes.get("each") or []
        sql = "select table_name from duckdb_tables() where schema_name = 'marts'"
        self.old, self.new = (
            set(self.rows(f"{sql} and database_name = '{side}'")["table_name"])
            for side in ("old", "new")
        )
        self.old |= set(self.declared)

    def rows(self, sql: str) -> pl.DataFrame:
        """The rows of a query."""
        return self.con.sql(sql).pl()

    def before(self, mart: str) -> pl.DataFrame:
        """The rows of the old mart, as they would stand today."""
        sql = self.declared.get(mart, f"from old.marts.{mart}")
        for change in self.each:
            if set(change["columns"]) <= set(
                self.rows(f"from ({sql}) limit 0").columns
            ):
                where = change.get("where", "true")
                sql = f"select {change['select']} from ({sql}) where {where}"
        return self.rows(sql)


def compared(old: pl.DataFrame, new: pl.DataFrame, grain: list[str]) -> list[str]:
    """A line about the rows of both, then what differs; one line when nothing does."""
    for side, rows in (("old", old), ("new", new)):
        if lacking := sorted(set(grain) - set(rows.columns)):
            return ["not compared", f"the {side} one has no {', '.join(lacking)}"]
        if rows.select(grain).is_duplicated().any():
            return ["not compared", f"the {side} one has rows of the same key"]
    pairs = old.join(new, on=grain, nulls_equal=True, suffix=" now").sort(grain)
    differing, agreeing = [], []
    for side, one, other in (("old", old, new), ("new", new, old)):
        alone = one.join(other, on=grain, how="anti", nulls_equal=True).sort(grain)
        differing += listed(f"rows only in the {side} one", alone.select(grain))
        if only := sorted(set(one.columns) - set(other.columns)):
            differing.append(f"columns only in the {side} one: {', '.join(only)}")
    for name in (name for name in old.columns if name in new.columns):
        if name in grain:
            continue
        was, now = pl.col(name), pl.col(f"{name} now")
        same = was.eq_missing(now)
        if old[name].dtype.is_numeric() and new[name].dtype.is_numeric():
            size = pl.max_horizontal(1.0, was.abs(), now.abs())
            same |= ((was - now).abs() <= TOLERANCE * size).fill_null(False)
        found = pairs.filter(~same).select(*grain, was, now)
        differing += listed(f"{name}: {len(pairs) - len(found):,} agree, differ", found)
        agreeing += [] if len(found) else [name]
    first = f"{len(pairs):,} rows in both, all agree: {', '.join(agreeing) or 'none'}"
    return [first, *differing]


def listed(title: str, rows: pl.DataFrame) -> list[str]:
    """How many rows there are, and the first of them; nothing of none."""
    first = [f"  {' | '.join(map(str, row))}" for row in rows.head(EXAMPLES).rows()]
    return [f"{title}: {len(rows):,}", *first] if first else []
