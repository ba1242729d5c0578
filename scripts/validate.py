"""Ask the expectations of a warehouse file again (make validate).

It prints what failed, writes the validation page, and changes nothing in the warehouse.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from warehouse.errors import WarehouseError
from warehouse.paths import PROJECT, PUBLISHED_FILE, shown
from warehouse.published import EditedError, check


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
    try:
        try:
            check(warehouse)
        except EditedError as error:
            print(f"{error}\nThe answers below are on the file as it is.\n")
        # Great Expectations takes seconds to import, and --help should not.
        from validation import export, page, results, run

        if options.export_gx:
            print(f"Written: {export.export_project(warehouse, options.export_gx)}")
            return 0
        began = results.Run.now()
        answers = run.ask(warehouse, "raw") + run.ask(warehouse, "marts")
        file = page.write_page(
            warehouse, answers, began, options.page_folder, was_published=True
        )
    except (WarehouseError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    for severity, words in (("critical", "Critical"), ("warning", "Warnings")):
        lines = results.failure_lines(answers, severity)
        if lines:
            print(f"{words}:", *lines, sep="\n")
    counts = page.counts_of(answers)
    failed = counts["critical"] + counts["warning"]
    print(
        f"{counts['held']} checks held, {failed} failed, {counts['open']} had "
        f"nothing to judge; see {shown(file)}\n"
        "The answers of the build, which the marts hold: "
        f"{shown(warehouse.parent / page.NAME)}"
    )
    return 1 if results.worst_failure(answers) == "critical" else 0


if __name__ == "__main__":
    sys.exit(main())
