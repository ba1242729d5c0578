"""Compare the marts of two published warehouses value by value, for maintainers.

    .venv/bin/python scripts/compare_marts.py OLD NEW [--map FILE]

Rows meet on the grain of the mart (`meta.grain` of this project's YAML). Numbers agree
within 1e-9, relative or absolute; everything else when it is the same. What changed on
purpose is said in a YAML file of SQL on the old file, whose marts stand in `old.marts`:

    marts:          # how the rows of a mart are made of the old file
      fct_a: select * rename (b as c) from old.marts.fct_a where d <> 'e'
    each:           # what is done, after that, to each mart with all these columns
      - columns: [b, d]
        select: "* replace (if(d = 'x', 'y', b) as b)"
        where: d <> 'z'
    skip: [fct_f]   # marts that are not compared
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import yaml

MODELS = Path(__file__).resolve().parent.parent / "models"
TOLERANCE = 1e-9
EXAMPLES = 5


def grains() -> dict[str, list[str]]:
    """The columns that tell the rows of a model apart, by model."""
    return {
        model["name"]: model["config"]["meta"]["grain"]
        for file in MODELS.rglob("*.yml")
        for model in yaml.safe_load(file.read_text("utf-8")).get("models", ())
        if "grain" in model.get("config", {}).get("meta", {})
    }


class Files:
    """Both files, read-only. Raises duckdb.Error for one that can't be read."""

    def __init__(self, old: Path, new: Path, changes: dict[str, Any]) -> None:
        self.con = duckdb.connect()
        for name, file in (("old", old), ("new", new)):
            path = str(file).replace("'", "''")
            self.con.execute(f"attach '{path}' as {name} (read_only)")
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


def main(arguments: list[str] | None = None) -> int:
    """Command line; exit status 0 the same, 1 different, 2 wrong usage."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("--map", type=Path, help="YAML: what changed on purpose")
    options = parser.parse_args(arguments)
    changes = yaml.safe_load(options.map.read_text("utf-8")) if options.map else {}
    known, different = grains(), []
    try:
        files = Files(options.old, options.new, changes)
        for mart in sorted((files.old | files.new) - set(changes.get("skip") or ())):
            lines = ["not compared", "it is only in one of the files"]
            if mart in files.old & files.new:
                now = files.rows(f"from new.marts.{mart}")
                lines = compared(files.before(mart), now, known[mart])
            print(f"{mart}: {lines[0]}", *lines[1:], sep="\n    ")
            different += [mart] if len(lines) > 1 else []
    except duckdb.Error as error:
        print(f"The files can't be compared.\n{error}", file=sys.stderr)
        return 2
    print(f"Different: {', '.join(different) or 'nothing'}")
    return int(bool(different))


if __name__ == "__main__":
    sys.exit(main())
