"""Ask the expectations of a warehouse file, without building anything.

`make validate` calls this on the published file. It prints what failed, writes the
validation page, and changes nothing in the warehouse.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
PUBLISHED_FILE = PROJECT / "warehouse" / "ai_in_education.duckdb"


def main(arguments: list[str] | None = None) -> int:
    """Command line; exit status 0 nothing critical, 1 critical failure, 2 no answer."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--warehouse", type=Path, default=PUBLISHED_FILE)
    parser.add_argument(
        "--page-folder",
        type=Path,
        default=PROJECT / "target",
        help="where validation.html is written (default: target)",
    )
    parser.add_argument(
        "--export-gx",
        type=Path,
        metavar="FOLDER",
        help="write suites and checkpoints as a Great Expectations project and stop",
    )
    options = parser.parse_args(arguments)
    warehouse = options.warehouse.resolve()
    if not warehouse.is_file():
        print(
            f"There is no warehouse at {options.warehouse}; expected the file that "
            "make warehouse publishes. Build it, or name another with --warehouse.",
            file=sys.stderr,
        )
        return 2

    # Great Expectations takes seconds to import, and --help should not.
    from validation.export import export_project
    from validation.page import write_page
    from validation.results import Run
    from validation.run import (
        ValidationError,
        failure_lines,
        run_checks,
        worst_failure,
    )

    run = Run.now()
    try:
        if options.export_gx:
            print(f"Written: {export_project(warehouse, options.export_gx)}")
            return 0
        answers = run_checks(warehouse, "raw") + run_checks(warehouse, "marts")
    except ValidationError as error:
        print(error, file=sys.stderr)
        return 2
    page = write_page(warehouse, answers, run, options.page_folder, was_published=True)
    for severity, words in (("critical", "Critical"), ("warning", "Warnings")):
        lines = failure_lines(answers, severity)
        if lines:
            print(f"{words}:", *lines, sep="\n")
    held = sum(answer.is_success is True for answer in answers)
    still_open = sum(answer.is_success is None for answer in answers)
    failed = len(answers) - held - still_open
    print(
        f"{held} expectations held, {failed} failed, {still_open} had nothing to "
        f"judge; see {page}"
    )
    return 1 if worst_failure(answers) == "critical" else 0


if __name__ == "__main__":
    sys.exit(main())
