"""Serve a page that answers SQL on the warehouse, on this machine only (make explore).

It bundles the page with DuckDB-Wasm into the folder explore beside the warehouse and
serves that folder on 127.0.0.1. The page asks nobody else, and the browser is told to
refuse it.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from conversations.incoming import private_file
from explore.bundle import ExploreError, bundle
from explore.server import server
from warehouse.errors import WarehouseError
from warehouse.paths import PUBLISHED_FILE
from warehouse.published import check


def main(arguments: list[str] | None = None) -> int:
    """Command line; exit status 0 stopped by the user, 1 not served."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--warehouse", type=Path, default=PUBLISHED_FILE)
    parser.add_argument("--port", type=int, default=8123)
    options = parser.parse_args(arguments)
    warehouse = options.warehouse.resolve()
    try:
        if warehouse.name != PUBLISHED_FILE.name:
            raise ExploreError(f"The file must be named {PUBLISHED_FILE.name}.")
        private = private_file(warehouse)
        if private.exists():
            raise ExploreError(
                f"Beside it lies {private.name}, which nobody else may read, and the "
                "whole folder would be served. Name the published file."
            )
        check(warehouse)
        bundle(warehouse.parent / "explore")
        serving = server(warehouse.parent, options.port)
    except (WarehouseError, OSError) as error:
        print(f"The query page is not served.\n{error}", file=sys.stderr)
        return 1
    print(
        f"Query page: http://127.0.0.1:{serving.server_port}/explore/  "
        "(this machine only; Control and C stops it)",
        flush=True,
    )
    try:
        serving.serve_forever()
    except KeyboardInterrupt:
        print()
    finally:
        serving.server_close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
