"""Build the warehouse and publish it when everything has passed (make warehouse)."""

from __future__ import annotations

import argparse
import atexit
import os
import sys
from concurrent.futures import BrokenExecutor
from pathlib import Path

from warehouse.errors import WarehouseError, with_advice
from warehouse.paths import (
    PUBLISHED_FILE,
    SPARK_WORK_FILE,
    WORK_FILE,
    shown,
    target_folder,
)

STOPPED = "It was stopped from the keyboard."
ENDED = (
    "A process of this build was ended from outside, as the system does when the "
    "memory of the machine is full. Close other programs, and build again."
)


def main(arguments: list[str] | None = None) -> int:
    """Command line; exit status 0 published, 1 not, 2 wrong usage, 130 Ctrl-C."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--data-dir",
        default=os.environ.get("AEI_DATA_DIR"),
        help="folder laid out as the public dataset (default: AEI_DATA_DIR)",
    )
    parser.add_argument("--output", type=Path, default=PUBLISHED_FILE)
    parser.add_argument("--work-file", type=Path)
    parser.add_argument(
        "--spark", action="store_true", help="build the models on Spark (docs/scale.md)"
    )
    parser.add_argument("--no-docs", action="store_true", help="skip the lineage docs")
    options = parser.parse_args(arguments)
    file = options.work_file or (SPARK_WORK_FILE if options.spark else WORK_FILE)
    output, work_file = options.output.resolve(), file.resolve()

    import duckdb
    from warehouse import building
    from warehouse.publishing import identity

    before = identity(output)
    ends = (WarehouseError, OSError, duckdb.Error, BrokenExecutor, KeyboardInterrupt)
    try:
        data_dir = building.data_folder(options.data_dir)
        with_docs = not options.no_docs
        print(building.build(data_dir, output, work_file, with_docs, options.spark))
    except ends as error:
        if identity(output) != before:
            kept = (
                f"The new warehouse was published all the same: {shown(output)}. What "
                "is to lie beside it may be of the build before; build again."
            )
        elif before:
            kept = f"The published warehouse is as it was: {shown(output)}"
        else:
            kept = "There is no published warehouse yet."
        is_stopped = isinstance(error, KeyboardInterrupt)
        text = ENDED if isinstance(error, BrokenExecutor) else str(error)
        text = STOPPED if is_stopped else text
        text = with_advice(text, work_file.parent, output.parent, target_folder())
        print(f"\nThe build stopped.\n{text}\n\n{kept}", file=sys.stderr)
        return 130 if is_stopped else 1
    return 0


def _leave() -> None:
    try:
        for stream in filter(None, (sys.stdout, sys.stderr)):
            stream.flush()
    finally:
        # Also when nobody can read any more what was said.
        os._exit(status)


if __name__ == "__main__":
    status = 1
    # The last that is done, so registered first. Python would take a second more to
    # clear away all that dbt has parsed.
    atexit.register(_leave)
    try:
        status = main()
    except SystemExit as wrong_usage:
        status = int(wrong_usage.code or 0)
