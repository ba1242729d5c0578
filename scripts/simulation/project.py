"""Build the marts on simulated releases, in a project copy of its own.

``simulation.releases.simulate_releases`` leaves releases in tables. This module writes
them as raw files in the dataset's folder shape, copies what dbt needs of the project,
lists just these releases in the copy's manifest, and runs dbt once for all of them.
Nothing is written into the project itself.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
from warehouse.paths import DBT_FILES, PROJECT

from simulation import files

COPIED_FOLDERS = (
    "macros",
    "models",
    "seeds/reference",
    "seeds/absent",
    "tests/data_tests",
)
INPUT_CHECKS = "int_input_problems"


class MartsError(Exception):
    """dbt failed; the text names each failed node with its message."""


@dataclass(frozen=True)
class SimulatedProject:
    """A folder with raw files (``data``), the copied project (``project``), dbt's
    target and logs, and the built DuckDB file (``work.duckdb``)."""

    folder: Path

    @property
    def data(self) -> Path:
        """The data folder: releases in the dataset's folder shape."""
        return self.folder / "data"

    @property
    def project(self) -> Path:
        """The copy of the dbt project."""
        return self.folder / "project"

    @property
    def work_file(self) -> Path:
        """The DuckDB file that ``run_dbt`` builds."""
        return self.folder / "work.duckdb"


def prepare_project(con: duckdb.DuckDBPyConnection, folder: Path) -> SimulatedProject:
    """Write the releases in ``con`` and a project copy that lists just them."""
    made = SimulatedProject(folder.resolve())
    made.project.mkdir(parents=True, exist_ok=True)
    for name in DBT_FILES:
        shutil.copy(PROJECT / name, made.project / name)
    for name in COPIED_FOLDERS:
        shutil.copytree(PROJECT / name, made.project / name, dirs_exist_ok=True)
    files.write_manifest(
        made.project / "seeds" / "reference" / "release_manifest.csv",
        files.write_releases(con, made.data),
    )
    return made


@contextlib.contextmanager
def _environment(made: SimulatedProject, memory_limit: str | None) -> Iterator[None]:
    """Within it, dbt runs as from a fresh shell: AEI_ and DBT_ settings are ours."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager

    before = dict(os.environ)
    own = {
        "AEI_DATA_DIR": str(made.data),
        "AEI_WORK_FILE": str(made.work_file),
        "DBT_TARGET_PATH": str(made.folder / "target"),
        "DBT_LOG_PATH": str(made.folder / "logs"),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }
    if memory_limit is not None:
        own["AEI_MEMORY_LIMIT"] = memory_limit
    for name in before:
        if name.startswith(("AEI_", "DBT_")):
            del os.environ[name]
    os.environ |= own
    try:
        with contextlib.chdir(made.project):
            yield
    finally:
        DuckDBConnectionManager.close_all_connections()
        os.environ.clear()
        os.environ.update(before)


def run_dbt(
    made: SimulatedProject,
    select: Sequence[str] = (),
    exclude: Sequence[str] = (),
    variables: Mapping[str, object] | None = None,
    memory_limit: str | None = None,
) -> Path:
    """Run ``dbt build`` in the copy, without tests; returns the built DuckDB file.

    ``select``, ``exclude``: dbt node selectors, all nodes if empty. ``variables``:
    ``--vars``. ``memory_limit``: of DuckDB, as ``6GB``; without it the profile's.
    Raises MartsError if dbt fails.
    """
    from dbt.cli.main import dbtRunner

    arguments = ["--quiet", "--log-level", "none", "build", "--no-write-json"]
    for name in ("unit_test", "test"):
        arguments += ["--exclude-resource-type", name]
    for option, names in (("--select", select), ("--exclude", exclude)):
        arguments += [option, *names] if names else []
    arguments += ["--vars", json.dumps(dict(variables or {}))]
    where = ["--project-dir", str(made.project), "--profiles-dir", str(made.project)]
    with _environment(made, memory_limit):
        result = dbtRunner().invoke([*arguments, *where])
    if not result.success:
        failed = [
            f"{entry.node.name}: {entry.message}"
            for entry in getattr(result, "result", None) or ()
            if entry.status not in ("success", "pass", "warn", "skipped")
        ]
        raise MartsError("\n".join(failed) or str(result.exception))
    return made.work_file
