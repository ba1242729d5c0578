"""The marts as Parquet with a Data Package, as CSV and as one Excel workbook."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
from warehouse.reading import connect, literal

from exports.marts import Mart, read_marts
from exports.package import data_package, labels, metadata_of_csv
from exports.workbook import write_workbook

WORKBOOK = "ai_in_education.xlsx"
# Marts of more rows are not written as CSV and sheets: a spreadsheet is no place for
# them, and Parquet says their types.
SMALL_ROW_COUNT = 20_000
PARQUET = "format parquet, compression zstd"
AS_TEXT = r"regexp_replace({0}, '^([=+@\t\r-])', concat(chr(39), '\1')) as {0}"
CSV = "format csv, header true, nullstr ''"


def write(warehouse: Path, folder: Path) -> list[Path]:
    """Write ``parquet/``, ``csv/`` and the workbook into ``folder``; returns the three.

    In CSV an empty field is NULL and ``""`` an empty text; what a spreadsheet would
    take for a formula begins with an apostrophe. Each file says what it is: Parquet in
    its key-value metadata, CSV in a companion beside it. Raises ExportError.
    """
    parquet, csv, workbook = folder / "parquet", folder / "csv", folder / WORKBOOK
    with connect(warehouse) as con:
        marts = read_marts(con)
        small = [mart for mart in marts if mart.row_count <= SMALL_ROW_COUNT]
        said = labels(con)
        for mart in marts:
            own = said | {"mart": mart.name, "description": mart.description}
            own["columns"] = json.dumps({c.name: c.description for c in mart.columns})
            pairs = ", ".join(f"{key}: {literal(text)}" for key, text in own.items())
            copy(
                con,
                mart.ordered,
                parquet / f"{mart.name}.parquet",
                f"{PARQUET}, kv_metadata {{{pairs}}}",
            )
        for mart in small:
            path = csv / f"{mart.name}.csv"
            copy(con, as_text(mart), path, CSV)
            write_json(csv / f"{path.name}-metadata.json", metadata_of_csv(mart, said))
        write_json(parquet / "datapackage.json", data_package(con, marts, parquet))
        write_workbook(con, small, [m for m in marts if m not in small], workbook)
    return [parquet, csv, workbook]


def as_text(mart: Mart) -> str:
    """The rows of a mart, with no text that a spreadsheet takes for a formula."""
    texts = ", ".join(
        AS_TEXT.format(column.name)
        for column in mart.columns
        if column.data_type == "VARCHAR"
    )
    return (
        f"select * replace ({texts}) from ({mart.ordered})" if texts else mart.ordered
    )


def copy(con: duckdb.DuckDBPyConnection, sql: str, path: Path, options: str) -> None:
    """Write the rows of a query into a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    con.execute(f"copy ({sql}) to {literal(path)} ({options})")


def write_json(path: Path, value: object) -> None:
    """Write a JSON file that a person can read."""
    path.write_text(f"{json.dumps(value, indent=2)}\n", encoding="utf-8")
