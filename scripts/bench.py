"""Measure parse, run and build, each beside the parse of the same run (make bench).

On two cores, with a fresh target for each data: the shipped sample, the files of
AEI_DATA_DIR if it is set, and a simulated release of full size if asked for; with
--conversations, own conversations of that number in their stead, beside DuckDB and
pandas alone.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path

from benchmarks import conversations
from benchmarks.data import FOLDERS, sets_of_data
from benchmarks.measuring import HEADER, measure
from warehouse.elsewhere import copy_project, fresh_environment
from warehouse.errors import WarehouseError

DBT = [Path(sys.executable).with_name("dbt"), "--quiet"]
# The first is the baseline. What has no title is needed by the next, and not shown.
STEPS = (
    ("dbt parse", [*DBT, "parse", "--no-partial-parse"]),
    ("", [*DBT, "seed"]),
    ("dbt run", [*DBT, "run"]),
    ("build", [sys.executable, "scripts/build.py"]),
)


def main(arguments: list[str] | None = None) -> int:
    """Command line; exit status 0 measured, 1 a command failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    real = os.environ.get("AEI_DATA_DIR")
    parser.add_argument("--data-dir", type=Path, default=Path(real) if real else None)
    parser.add_argument(
        "--full-size", action="store_true", help="minutes: a release of full size too"
    )
    parser.add_argument(
        "--conversations", type=int, metavar="N", help="own conversations, made up"
    )
    options = parser.parse_args(arguments)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
    kept = fresh_environment()
    print(HEADER, flush=True)
    try:
        with tempfile.TemporaryDirectory() as scratch:
            project = Path(scratch) / "project"
            copy_project(project, FOLDERS)
            if options.conversations:
                for line in conversations.lines(project, kept, options.conversations):
                    print(line, flush=True)
                return 0
            for title, own in sets_of_data(
                options.data_dir, options.full_size, project
            ):
                shutil.rmtree(project / "target", ignore_errors=True)
                baseline = None
                for step, command in STEPS:
                    measured = measure(command, project, kept | own)
                    baseline = baseline or measured
                    if step:
                        print(measured.line(f"{title}: {step}", baseline), flush=True)
    except (WarehouseError, OSError) as error:
        print(f"The measurement stopped.\n{error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
