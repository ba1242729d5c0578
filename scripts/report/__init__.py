"""The report page and its figures: read from the marts, drawn, never computed anew."""

from __future__ import annotations

from pathlib import Path

from report.parts import ReportError

__all__ = ["ReportError", "write", "write_figures"]

# Altair and the converter take a second to import; not everyone who imports this draws.


def write(warehouse_file: Path, folder: Path) -> list[Path]:
    """Write report.html of a warehouse into ``folder``; raises ReportError."""
    from report import page

    return page.write(warehouse_file, folder)


def write_figures(warehouse_file: Path, folder: Path) -> list[Path]:
    """Write each figure as SVG and PNG into ``folder``; raises ReportError."""
    from report import figures

    return figures.write(warehouse_file, folder)
