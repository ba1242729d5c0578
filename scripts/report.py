"""Write the report page of a warehouse, or its figures, without building anything.

`make report` and `make figures` call this on the published file. The page is one HTML
file that opens without network; the figures are SVG and PNG for papers.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from warehouse.errors import WarehouseError
from warehouse.paths import PUBLISHED_FILE
from warehouse.published import check


def main(arguments: list[str] | None = None) -> int:
    """Command line; exit status 0 written, 2 not written."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--warehouse", type=Path, default=PUBLISHED_FILE)
    parser.add_argument(
        "--output",
        type=Path,
        help="folder for report.html (default: that of the warehouse)",
    )
    parser.add_argument(
        "--figures",
        type=Path,
        metavar="FOLDER",
        help="write the charts as SVG and PNG into this folder instead of the page",
    )
    options = parser.parse_args(arguments)
    warehouse = options.warehouse.resolve()
    # The converter takes a second to import, and --help should not. This is the package
    # beside the file: Python prefers it to a module of the same name.
    from report import figures, page

    try:
        check(warehouse)
        if options.figures:
            written = figures.write(warehouse, options.figures.resolve())
            print(f"{len(written)} files written into {options.figures}")
            return 0
        for path in page.write(warehouse, (options.output or warehouse.parent)):
            size = path.stat().st_size / 1e6
            print(f"{path} ({size:.1f} MB, opens without network)")
    except (WarehouseError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
