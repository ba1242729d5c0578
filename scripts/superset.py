"""The Superset dashboard: write the bundle to import, or run Superset with it.

`make superset-dashboard` writes warehouse/superset_dashboard.zip for a Superset that
runs elsewhere on this machine. `make superset` runs Superset 6.1 on 127.0.0.1 with the
dashboard in it; its database stays in warehouse/superset. Charts and dashboards of your
own stay as they are, the shipped ones are replaced at each start.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path

import duckdb
import requests

# Not named superset: an interpreter that finds Apache's package here would take ours.
from superset_files.bundle import write_bundle
from superset_files.server import serve
from warehouse.errors import WarehouseError
from warehouse.paths import PUBLISHED_FILE
from warehouse.published import check

BUNDLE = "superset_dashboard.zip"


def write(warehouse: Path) -> Path:
    """Write the bundle beside a warehouse; returns its place."""
    place = warehouse.parent / BUNDLE
    temporary = place.with_name(f".{place.name}.{os.getpid()}")
    try:
        write_bundle(warehouse, temporary)
        os.replace(temporary, place)
    finally:
        temporary.unlink(missing_ok=True)
    return place


def main(arguments: list[str] | None = None) -> int:
    """Command line; exit status 0 written or stopped by the user, 1 not done."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["bundle", "serve"])
    parser.add_argument("--warehouse", type=Path, default=PUBLISHED_FILE)
    parser.add_argument("--port", type=int, default=8088)
    options = parser.parse_args(arguments)
    warehouse = options.warehouse.resolve()
    errors = (WarehouseError, duckdb.Error, requests.RequestException, OSError)
    try:
        check(warehouse)
        if options.what == "bundle":
            print(f"Written: {write(warehouse)}")
        else:
            # What stops a service: the server is stopped then, too.
            signal.signal(signal.SIGTERM, signal.default_int_handler)
            serve(warehouse, options.port)
    except KeyboardInterrupt:
        print()
    except errors as error:
        print(f"The dashboard was not made.\n{error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
