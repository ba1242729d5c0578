"""The lineage docs as one folder of pages that open without network:

``index.html``    dbt's docs: every model, column, test, the lineage graph, the keys
``lineage.html``  which column is made of which, by dbt-colibri (telemetry off)

Neither holds a path of the machine.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path

from warehouse.paths import PROJECT

from lineage import column_lineage, dbt_page, keys
from lineage.offline import read_artifact

OVERVIEW = "doc.ai_in_education.__overview__"
NO_TABLE: dict[str, dict[str, object]] = {"columns": {}}


def paths_of_this_machine() -> dict[Path, str]:
    """Folders that compiled SQL names, and what stands for them in the docs."""
    paths = {PROJECT: ""}
    if os.environ.get("AEI_DATA_DIR"):
        data_dir = Path(os.environ["AEI_DATA_DIR"]).expanduser()
        paths |= dict.fromkeys(
            (data_dir.absolute(), data_dir.resolve()), "AEI_DATA_DIR"
        )
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
    for line in unfollowed:
        print(f"  no column lineage: {line}", file=sys.stderr)
    manifest["docs"][OVERVIEW]["block_contents"] += keys.section(manifest["nodes"])
    words = {doc["name"]: doc["block_contents"] for doc in manifest["docs"].values()}
    for key, node in manifest["nodes"].items():
        if node["resource_type"] == "model":
            # What an inner model does not list means what the block of its name says.
            for name in words.keys() & catalog["nodes"].get(key, NO_TABLE)["columns"]:
                column = {"name": name, "description": words[name]}
                node["columns"].setdefault(name, column)
            start = column_lineage.address(key)
            node["description"] += f"\n\n[Where its columns come from]({start})"
    return [dbt_page.write(target / "index.html", manifest, catalog, folder), lineage]
