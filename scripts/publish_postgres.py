"""Copy the marts into a PostgreSQL database, replacing them in one transaction.

`make publish-postgres URL=postgresql://user@host/database` calls this.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from pathlib import Path

from exports import postgres
from warehouse.errors import WarehouseError
from warehouse.paths import PUBLISHED_FILE
from warehouse.published import check


def main(arguments: list[str] | None = None) -> int:
    """Command line; exit status 0 copied, 1 not copied, 2 wrong usage."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "url",
        nargs="?",
        default=os.environ.get("URL", ""),
        help="postgresql://user:password@host:5432/database",
    )
    parser.add_argument("--schema", default=postgres.SCHEMA)
    parser.add_argument("--warehouse", type=Path, default=PUBLISHED_FILE)
    options = parser.parse_args(arguments)
    shown = postgres.without_password(options.url)
    if not re.match(r"postgres(ql)?://", options.url):
        print(
            f"The URL is {shown!r}; expected one like postgresql://user:password"
            "@host:5432/database (make publish-postgres URL=...).",
            file=sys.stderr,
        )
        return 2
    warehouse = options.warehouse.resolve()
    try:
        check(warehouse)
        marts = postgres.publish(warehouse, options.url, options.schema)
    except WarehouseError as error:
        print(f"Nothing was published.\n{error}", file=sys.stderr)
        return 1
    rows = sum(mart.row_count for mart in marts)
    print(
        f"Published: {len(marts)} marts, {rows:,} rows, in the schema {options.schema} "
        f"of {shown}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
