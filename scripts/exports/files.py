"""The marts as Parquet with a Data Package, as CSV and as one Excel workbook."""

from __future__ import annotations

import json
from pathlib import Path

from warehouse.reading import connect

from exports.marts import read_marts
from exports.package import data_package
from exports.workbook import write_workbook

WORKBOOK = "ai_in_education.xlsx"
# Marts of more rows are not written as CSV and sheets: a spreadsheet is no place for
# them, and Parquet says their types.
SMALL_ROW_COUNT = 20_000
PARQUET = "format parquet, compression zstd"
CSV = "format csv, header true, nullstr ''"


def write(warehouse: Path, folder: Path) -> list[Path]:
    """Write ``parquet/``, ``csv/`` and the workbook into ``folder``; returns the three.

    In CSV an empty field is NULL and ``""`` an empty text. Raises ExportError.
    """
    parquet, csv, workbook = folder / "parquet", folder / "csv", folder / WORKBOOK
    with connect(warehouse) as con:
        marts = read_marts(con)
        small = [mart for mart in marts if mart.row_count <= SMALL_ROW_COUNT]
        for place, options, written in ((parquet, PARQUET, marts), (csv, CSV, small)):
            place.mkdir(parents=True)
            for mart in written:
                path = str(place / f"{mart.name}.{place.name}").replace("'", "''")
                con.execute(f"copy ({mart.ordered}) to '{path}' ({options})")
        text = json.dumps(data_package(con, marts, parquet), indent=2)
        (parquet / "datapackage.json").write_text(f"{text}\n", encoding="utf-8")
        write_workbook(con, small, [m for m in marts if m not in small], workbook)
    return [parquet, csv, workbook]
