"""Build the marts on simulated releases, in a project copy of its own.

``simulation.releases.simulate_releases`` leaves releases in tables. This module writes
them as raw files in the dataset's folder shape, copies what dbt needs of the project,
lists just these releases in the copy's manifest, and runs dbt once for all of them.
Nothing is written into the project itself.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import duckdb
from warehouse.elsewhere import copy_project, fresh_environment
from warehouse.paths import MANIFEST, PROJECT

from simulation import files

FOLDERS = ("macros", "models", "seeds/reference", "tests/data_tests")
DBT = str(Path(sys.executable).with_name("dbt"))
# Neither tests nor the stop on what they would find.
BUILD = (
    *(DBT, "--quiet", "build", "--no-write-json", "--exclude", "int_input_problems"),
    *("--exclude-resource-type", "unit_test", "--exclude-resource-type", "test"),
)


class MartsError(Exception):
    """dbt failed; the text is what it said."""


def prepare_project(con: duckdb.DuckDBPyConnection, folder: Path) -> Path:
    """Write the releases in ``con`` into ``folder``/data, and a project copy that lists
    just them beside it; returns the copy."""
    project = folder.resolve() / "project"
    copy_project(project, FOLDERS)
    rows = files.write_releases(con, project.with_name("data"))
    files.write_manifest(project / MANIFEST.relative_to(PROJECT), rows)
    return project


def run_dbt(
    project: Path,
    select: Iterable[str],
    variables: Mapping[str, object],
    memory_limit: str,
) -> Path:
    """Build the selected models (dbt's selectors) in the copy; returns the DuckDB file.

    Raises MartsError if dbt fails.
    """
    file = project.with_name("work.duckdb")
    own = {
        "AEI_DATA_DIR": str(project.with_name("data")),
        "AEI_WORK_FILE": str(file),
        "AEI_MEMORY_LIMIT": memory_limit,
        "DBT_PROFILES_DIR": str(project),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }
    command = [*BUILD, "--select", *select, "--vars", json.dumps(variables)]
    done = subprocess.run(
        command, cwd=project, env=fresh_environment() | own, capture_output=True
    )
    if done.returncode:
        raise MartsError(done.stdout.decode(errors="replace"))
    return file
