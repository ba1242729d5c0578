"""Write the marts of a warehouse as Parquet, CSV and one Excel workbook (make export).

The build writes them too; this does it again, from the published file.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import duckdb
from exports import files
from warehouse.errors import WarehouseError
from warehouse.paths import PUBLISHED_FILE
from warehouse.published import check
from warehouse.publishing import replace


def main(arguments: list[str] | None = None) -> int:
    """Command line; exit status 0 written, 1 not written."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--warehouse", type=Path, default=PUBLISHED_FILE)
    parser.add_argument(
        "--folder", type=Path, help="default: the folder of the warehouse"
    )
    options = parser.parse_args(arguments)
    folder = (options.folder or options.warehouse.parent).resolve()
    try:
        check(options.warehouse.resolve())
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".export") as temporary:
            for path in files.write(options.warehouse.resolve(), Path(temporary)):
                replace(path, folder / path.name)
                print(f"Written: {folder / path.name}")
    except (WarehouseError, duckdb.Error, OSError) as error:
        print(f"The marts were not exported.\n{error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
