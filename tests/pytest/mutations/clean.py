"""Small clean files of every layout, to be damaged, written oddly and fuzzed.

They have every kind of row; what is left out is counted as not classified or left out
with its place, so that no check of the loader finds anything.
"""

from __future__ import annotations

import math
import tempfile
from functools import cache
from pathlib import Path

from conftest import SHIPPED_DATA, Row, manifest_rows, read_rows, shipped_row
from simulation.request import Request, write_release

from mutations.sheet import API, CHAT, Sheet, hide_tasks

MONTHLY, SHARES, RATIOS, LABELS = (
    "C_monthly",
    "A_task_shares",
    "A_task_patterns",
    "A_patterns",
)
FLAT = (SHARES, RATIOS, LABELS)
# The raw files: of the long layout one of each platform.
RAW = (API, CHAT, MONTHLY, *FLAT)


def small_sheet(platform: str) -> Sheet:
    """The cells of a small file of the long layout: five tasks, some places."""
    sheet = Sheet.shipped(platform)
    hide_tasks(sheet, sheet.named_tasks()[:-5])
    places = {"GLOBAL", "NA", "DE", "US", "BR", "not_classified"}
    for cell in list(sheet.counts):
        is_thin = "onet_task" in cell.facet and cell.geo_id not in ("GLOBAL", "NA")
        if cell.geo_id.partition("-")[0] not in places or is_thin:
            del sheet.counts[cell]
    return sheet


def monthly() -> tuple[Row, list[Row]]:
    """Every kind of row in both months of some places, one of them Namibia."""
    (row,) = (
        row
        for row in manifest_rows()
        if row["is_simulated"] == "true"
        and (row["schema_family"], row["platform"]) == (MONTHLY, CHAT)
    )
    rows = [
        row | {"geo_id": row["geo_id"].replace("FRA", "NAM")}
        for row in read_rows(SHIPPED_DATA / row["relative_path"])
        if row["geo_id"] in ("GLOBAL", "DEU", "FRA", "US-CA")
        and row["node_external_id"] in ("-", "11", "15", "25")
        and not row["metric_id"].startswith(("artifact_a", "artifact_d", "artifact_p"))
    ]
    return row, rows


@cache
def flat() -> dict[str, tuple[Row, list[Row]]]:
    """Some tasks with their ratios; the share of all others is with the pseudo-task."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        files = {
            row["schema_family"]: (row, read_rows(root / row["relative_path"]))
            for row in write_release(Request(family="A", output_dir=root))
            if row["file_role"] == "raw"
        }
    (shares, tasks), (ratios, patterns) = files[SHARES], files[RATIOS]
    kept = [row for row in patterns if row["task_name"] != "none"][:12]
    names = {row["task_name"] for row in kept}
    some = [row for row in tasks if row["task_name"] in names]
    rest = 100 - math.fsum(float(row["pct"]) for row in some)
    some.append({"task_name": "none", "pct": repr(rest)})
    return files | {SHARES: (shares, some), RATIOS: (ratios, kept)}


@cache
def clean(file: str) -> tuple[Row, list[Row]]:
    """The manifest row and the rows of a raw file, or of a reference file of a role."""
    if file in (API, CHAT):
        return shipped_row(file), small_sheet(file).rows()
    if file == MONTHLY:
        return monthly()
    if file in FLAT:
        return flat()[file]
    row = shipped_row("", file)
    return row, read_rows(SHIPPED_DATA / row["relative_path"])
