"""Say of own conversations what is wrong with them, or which marts they can fill."""

from __future__ import annotations

import argparse
import os
import sys


def main(arguments: list[str] | None = None) -> int:
    """Command line; exit status 0 usable, 1 not usable, 2 wrong usage."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "conversations",
        nargs="?",
        default=os.environ.get("AEI_CONVERSATIONS"),
        help="folder, pattern, or file.duckdb:schema.table (AEI_CONVERSATIONS)",
    )
    parser.add_argument(
        "--data-dir",
        default=os.environ.get("AEI_DATA_DIR"),
        help="folder with the task list (default: AEI_DATA_DIR)",
    )
    options = parser.parse_args(arguments)
    if not options.conversations:
        parser.error("name the conversations, or set AEI_CONVERSATIONS")

    from conversations.checking import report
    from warehouse.errors import WarehouseError

    try:
        print(report(options.conversations, options.data_dir))
    except (WarehouseError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
