"""What is measured: the data that a copy of the project is given."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from warehouse.paths import MANIFEST, PROJECT

from benchmarks.measuring import measure

# What dbt and the build read of the project.
FOLDERS = ("macros", "models", "seeds", "tests", "scripts")


def sets_of_data(
    real: Path | None, is_full: bool, project: Path
) -> Iterator[tuple[str, dict[str, str]]]:
    """Titles, and the environment that names the data.

    A release of full size is simulated beside the project, with its rows in the
    manifest of the project. Raises BenchError when that fails.
    """
    yield "shipped sample", {}
    if real:
        yield "AEI_DATA_DIR", {"AEI_DATA_DIR": str(real.expanduser().resolve())}
    if is_full:
        folder = project.parent / "full_size"
        manifest = project / MANIFEST.relative_to(PROJECT)
        options = ["--full-size", "--output-dir", folder, "--manifest", manifest]
        command = [sys.executable, "scripts/simulate.py", *options]
        measure(command, project, os.environ)
        yield "full size", {"AEI_DATA_DIR": str(folder)}
