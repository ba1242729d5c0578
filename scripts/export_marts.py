"""Write the marts as Parquet with a Data Package, as CSV and as one Excel workbook.

`make warehouse` calls this on the finished work file, `make export` on the published
one.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

import duckdb
from exports.marts import ExportError, manifest_file, read_marts
from exports.package import data_package
from exports.workbook import write_workbook

PROJECT = Path(__file__).resolve().parent.parent
PUBLISHED_FILE = PROJECT / "warehouse" / "ai_in_education.duckdb"
WORKBOOK = "ai_in_education.xlsx"
# Marts of more rows are not written as CSV and sheets: a spreadsheet is no place for
# them, and Parquet says their types.
SMALL_ROW_COUNT = 20_000


def write(warehouse: Path, folder: Path) -> list[Path]:
    """Write ``parquet/``, ``csv/`` and the workbook into ``folder``; returns the three.

    In CSV an empty field is NULL and ``""`` an empty text. Raises ExportError.
    """
    parquet, csv_folder = folder / "parquet", folder / "csv"
    for place in (parquet, csv_folder):
        place.mkdir(parents=True)
    with duckdb.connect(str(warehouse), read_only=True) as con:
        marts = read_marts(con, manifest_file())
        small = [mart for mart in marts if mart.row_count <= SMALL_ROW_COUNT]
        for mart in marts:
            con.execute(
                f"copy ({mart.ordered}) to '{quoted(parquet / mart.name)}.parquet' "
                "(format parquet, compression zstd)"
            )
        for mart in small:
            con.execute(
                f"copy ({mart.ordered}) to '{quoted(csv_folder / mart.name)}.csv' "
                "(format csv, header true, nullstr '')"
            )
        (parquet / "datapackage.json").write_text(
            json.dumps(data_package(con, marts, parquet), indent=2, ensure_ascii=False)
            + "\n",
            encoding="utf-8",
        )
        left_out = [mart for mart in marts if mart not in small]
        write_workbook(con, small, left_out, folder / WORKBOOK)
    return [parquet, csv_folder, folder / WORKBOOK]


def quoted(path: Path) -> str:
    """The path inside an SQL text."""
    return str(path).replace("'", "''")


def main(arguments: list[str] | None = None) -> int:
    """Command line; exit status 0 written, 1 not written."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--warehouse", type=Path, default=PUBLISHED_FILE)
    parser.add_argument(
        "--folder", type=Path, help="default: the folder of the warehouse"
    )
    options = parser.parse_args(arguments)
    if not options.warehouse.is_file():
        print(
            f"There is no warehouse at {options.warehouse}; build it with make "
            "warehouse, or name another with --warehouse.",
            file=sys.stderr,
        )
        return 1
    folder = (options.folder or options.warehouse.parent).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(dir=folder, prefix=".export") as temporary:
            for path in write(options.warehouse.resolve(), Path(temporary)):
                place = folder / path.name
                if place.is_dir():
                    shutil.rmtree(place)
                os.replace(path, place)
                print(f"Written: {place}")
    except (ExportError, duckdb.Error, OSError) as error:
        print(f"The marts were not exported.\n{error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
