"""The report page and its figures: read from the marts, drawn, never computed anew."""

from __future__ import annotations

from pathlib import Path


def write(warehouse_file: Path, folder: Path) -> list[Path]:
    """Write report.html of a warehouse into ``folder``; raises WarehouseError."""
    # The converter takes a second to import; not everyone here draws.
    from report import page

    return page.write(warehouse_file, folder)
