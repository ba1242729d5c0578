"""Write the lineage docs of a warehouse, and the diagram of the keys (make docs).

The build writes the pages too; this does it again, from the published file, and writes
docs/entity-relationships.md.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

from warehouse.errors import WarehouseError
from warehouse.paths import PROJECT, PUBLISHED_FILE
from warehouse.published import check
from warehouse.publishing import replace

DIAGRAM = PROJECT / "docs" / "entity-relationships.md"


def generate(warehouse: Path, scratch: Path) -> Path:
    """Run dbt docs generate on a warehouse; returns the folder of its artifacts."""
    from warehouse.runner import Dbt

    os.environ["DBT_TARGET_PATH"] = str(scratch / "target")
    os.environ["DBT_LOG_PATH"] = str(scratch / "logs")
    data_dir = os.environ.get("AEI_DATA_DIR")
    return Dbt(warehouse, Path(data_dir) if data_dir else None).generate_docs()


def main(arguments: list[str] | None = None) -> int:
    """Command line; exit status 0 written, 1 not written."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--warehouse", type=Path, default=PUBLISHED_FILE)
    parser.add_argument(
        "--folder", type=Path, help="where to (default: docs beside the warehouse)"
    )
    options = parser.parse_args(arguments)
    warehouse = options.warehouse.resolve()
    folder = (options.folder or warehouse.parent / "docs").resolve()
    try:
        check(warehouse)
        # dbt and dbt-colibri take seconds to import, and --help should not.
        from lineage import keys, pages

        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".docs") as scratch:
            target = generate(warehouse, Path(scratch))
            written = pages.write(target, Path(scratch) / "docs")
            manifest = json.loads((target / "manifest.json").read_text("utf-8"))
            DIAGRAM.write_text(keys.page(manifest["nodes"]), "utf-8")
            replace(Path(scratch) / "docs", folder)
    except (WarehouseError, OSError) as error:
        print(f"The docs were not written.\n{error}", file=sys.stderr)
        return 1
    for page in written:
        print(folder / page.name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
