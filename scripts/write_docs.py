"""Write the lineage docs as one folder of pages that open without network.

`make docs` calls this on the published warehouse; the build calls `write` after dbt's
`docs generate`, on the target folder of that run. The folder holds

``index.html``    dbt's docs: every model, column, test and the lineage graph
``lineage.html``  which column is made of which, by dbt-colibri (telemetry off)
``erd.html``      which mart joins which on what, by dbterd

and no path of the machine. `make docs` writes docs/entity-relationships.md too.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

from lineage_docs import column_lineage, dbt_page, entity_relationships
from lineage_docs.offline import DocsError, read_artifact, with_policy

PROJECT = Path(__file__).resolve().parent.parent
PUBLISHED_FILE = PROJECT / "warehouse" / "ai_in_education.duckdb"
DIAGRAM = PROJECT / "docs" / "entity-relationships.md"


def paths_of_this_machine() -> dict[Path, str]:
    """Folders that compiled SQL names, and what stands for them in the docs."""
    paths = {PROJECT: ""}
    if os.environ.get("AEI_DATA_DIR"):
        data_dir = Path(os.environ["AEI_DATA_DIR"]).expanduser()
        paths |= {
            data_dir.absolute(): "AEI_DATA_DIR",
            data_dir.resolve(): "AEI_DATA_DIR",
        }
    return paths


def write(target: Path, folder: Path) -> list[Path]:
    """Write the pages into `folder` from what `dbt docs generate` left in `target`.

    Raises DocsError when a file is missing or a page of a tool has changed.
    """
    paths = {target.absolute(): "target", **paths_of_this_machine()}
    manifest = read_artifact(target / "manifest.json", paths)
    catalog = read_artifact(target / "catalog.json", paths)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        artifacts = Path(scratch)
        for name, artifact in (("manifest", manifest), ("catalog", catalog)):
            file = artifacts / f"{name}.json"
            file.write_text(json.dumps(artifact), encoding="utf-8")
        lineage, unfollowed = column_lineage.write(artifacts, folder)
        entities = entity_relationships.read(artifacts)
    for line in unfollowed:
        print(f"  no column lineage: {line}", file=sys.stderr)
    diagram = folder / "erd.html"
    page = with_policy(entity_relationships.page(entities), diagram.name)
    diagram.write_text(page, encoding="utf-8")
    return [
        dbt_page.write(target / "index.html", manifest, catalog, folder),
        lineage,
        diagram,
    ]


def generate(warehouse: Path, scratch: Path) -> Path:
    """Run dbt docs generate on a copy of a warehouse; returns its target folder."""
    from dbt.cli.main import dbtRunner

    work_file = scratch / "work.duckdb"
    shutil.copyfile(warehouse, work_file)
    os.environ["AEI_WORK_FILE"] = str(work_file)
    os.environ["DBT_SEND_ANONYMOUS_USAGE_STATS"] = "false"
    target = scratch / "target"
    where = ["--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT)]
    places = ["--target-path", str(target), "--log-path", str(scratch / "logs")]
    docs = dbtRunner().invoke(
        ["--quiet", "--log-level", "none", "docs", "generate", *where, *places]
    )
    if not docs.success:
        raise DocsError(f"dbt docs generate failed: {docs.exception or docs.result}")
    return target


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
        if not warehouse.is_file():
            raise DocsError(
                f"There is no warehouse at {warehouse}: run make warehouse."
            )
        with tempfile.TemporaryDirectory() as scratch:
            target = generate(warehouse, Path(scratch))
            new = Path(scratch) / "docs"
            pages = write(target, new)
            entities = entity_relationships.read(target)
            DIAGRAM.write_text(entity_relationships.markdown(entities), "utf-8")
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(new, folder)
    except (DocsError, OSError) as error:
        print(f"The docs were not written.\n{error}", file=sys.stderr)
        return 1
    for page in pages:
        print(folder / page.name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
