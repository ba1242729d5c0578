"""Write the report page of a warehouse, or its figures, without building anything.

`make report` and `make figures` call this on the published file. The page is one HTML
file that opens without network; the figures are SVG and PNG for papers.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
PUBLISHED_FILE = PROJECT / "warehouse" / "ai_in_education.duckdb"


def write(warehouse: Path, folder: Path) -> list[Path]:
    """Write report.html into ``folder``; raises report.parts.ReportError."""
    # Altair and the converter take a second to import, and --help should not.
    from report import page

    return page.write(warehouse, folder)


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

    from report.parts import ReportError

    try:
        if options.figures:
            from report.figures import write_figures

            written = write_figures(warehouse, options.figures.resolve())
            print(f"{len(written)} files written into {options.figures}")
        else:
            folder = (options.output or warehouse.parent).resolve()
            for path in write(warehouse, folder):
                size = path.stat().st_size / 1e6
                print(f"{path} ({size:.1f} MB, opens without network)")
    except (ReportError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
