"""Build the marts on many simulated releases at once, in a project copy of its own.

``simulation.releases.simulate_releases`` leaves releases in tables. This module writes
them as raw files in the dataset's folder shape, copies what dbt needs of the project,
lists just these releases in the copy's manifest, and runs dbt once for all of them.
Nothing is written into the project itself. A copy can carry edits of its SQL, so that a
test can show that it fails on a broken model.
"""

from __future__ import annotations

import contextlib
import csv
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
from simulation import files

PROJECT = Path(__file__).resolve().parent.parent
COPIED_FILES = ("dbt_project.yml", "profiles.yml")
COPIED_FOLDERS = (
    "macros",
    "models",
    "seeds/reference",
    "seeds/absent",
    "tests/data_tests",
)
MANIFEST = Path("seeds") / "reference" / "release_manifest.csv"
INPUT_CHECKS = "stg_aei__input_problems"


class MartsError(Exception):
    """dbt failed; the text names each failed node with its message."""


@dataclass(frozen=True)
class Edit:
    """A change of one file of the copy: every ``old`` in ``path`` becomes ``new``.

    ``path`` is relative to the project.
    """

    path: str
    old: str
    new: str


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
        """The DuckDB file that ``run_dbt`` builds unless told otherwise."""
        return self.folder / "work.duckdb"


def write_releases(con: duckdb.DuckDBPyConnection, data: Path) -> list[dict[str, str]]:
    """Write the releases in ``con`` as raw files under ``data``.

    Reads ``release_row`` and ``release_statement``. A release that has no row on a
    platform gets no file for it. The statements are written once, in the folder of the
    first release. Returns the manifest's rows of the written files.
    """
    found = con.execute(
        "select distinct release_id, platform from release_row order by all"
    ).fetchall()
    if not found:
        raise ValueError(
            "observed: no row in release_row; expected: simulated releases; "
            "do: run simulate_releases on the connection first"
        )
    manifest = []
    for release_id, platform in found:
        place = data / f"release_{release_id}" / "data" / "intermediate"
        place.mkdir(parents=True, exist_ok=True)
        path = place / files.raw_name(platform)
        columns = ", ".join(files.RAW_COLUMNS)
        con.execute(
            f"copy (select {columns} from release_row where release_id = $release "
            "and platform = $platform order by geography = 'global' desc, geography, "
            "geo_id, facet, level, cluster_name, variable) "
            f"to '{_quoted(path)}' (format csv, header true)",
            {"release": release_id, "platform": platform},
        )
        manifest.append(files.manifest_row(data, path, release_id, "raw", platform))
    first = found[0][0]
    role = "onet_task_statements"
    path = data / f"release_{first}" / "data" / "intermediate" / f"{role}.csv"
    names = ", ".join(f'"{c}"' for c in files.STATEMENT_COLUMNS)
    con.execute(
        f"copy (select {names} from release_statement order by all) "
        f"to '{_quoted(path)}' (format csv, header true)"
    )
    manifest.append(files.manifest_row(data, path, first, role))
    return manifest


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")


def copy_project(target: Path, manifest: Sequence[Mapping[str, str]]) -> Path:
    """Copy what dbt needs of the project to ``target``, with its own manifest."""
    target.mkdir(parents=True, exist_ok=True)
    for name in COPIED_FILES:
        shutil.copy(PROJECT / name, target / name)
    for name in COPIED_FOLDERS:
        shutil.copytree(PROJECT / name, target / name, dirs_exist_ok=True)
    with (target / MANIFEST).open("w", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, files.MANIFEST_COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(manifest)
    return target


def prepare_project(con: duckdb.DuckDBPyConnection, folder: Path) -> SimulatedProject:
    """Write the releases in ``con`` and a project copy that lists just them."""
    made = SimulatedProject(folder.resolve())
    copy_project(made.project, write_releases(con, made.data))
    return made


@contextlib.contextmanager
def edited(project: Path, edits: Sequence[Edit]) -> Iterator[None]:
    """Within it, the files of the project copy carry the edits.

    Raises ValueError for a text that the file does not hold: the model has changed and
    the edit would do nothing.
    """
    before: dict[Path, str] = {}
    try:
        for edit in edits:
            path = project / edit.path
            text = path.read_text(encoding="utf-8")
            before.setdefault(path, text)
            if edit.old not in text:
                raise ValueError(
                    f"observed: {edit.path} without {edit.old!r}; expected: the text "
                    "to change; do: bring the edit up to date with the model"
                )
            path.write_text(text.replace(edit.old, edit.new), encoding="utf-8")
        yield
    finally:
        for path, text in before.items():
            path.write_text(text, encoding="utf-8")


@contextlib.contextmanager
def _environment(made: SimulatedProject, work_file: Path) -> Iterator[None]:
    """Within it, dbt runs as from a fresh shell: AEI_ and DBT_ settings are ours."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager

    before = dict(os.environ)
    for name in before:
        if name.startswith(("AEI_", "DBT_")):
            del os.environ[name]
    os.environ |= {
        "AEI_DATA_DIR": str(made.data),
        "AEI_WORK_FILE": str(work_file),
        "DBT_TARGET_PATH": str(made.folder / "target"),
        "DBT_LOG_PATH": str(made.folder / "logs"),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }
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
    variables: Mapping[str, object] | None = None,
    edits: Sequence[Edit] = (),
    with_data_tests: bool = False,
    with_input_checks: bool = True,
    work_file: Path | None = None,
) -> Path:
    """Run ``dbt build`` in the copy; returns the built DuckDB file.

    ``select``: dbt node selectors, all nodes if empty. ``variables``: ``--vars``.
    ``edits`` hold for this run only. Unit tests never run; data tests on request.
    Without input checks the model that refuses bad files is left out, which saves much
    of the time. ``work_file``: another file than ``made.work_file``, for instance a
    copy of a built one in which only ``select`` is built anew. Raises MartsError if
    dbt fails.
    """
    from dbt.cli.main import dbtRunner

    target = (work_file or made.work_file).resolve()
    arguments = ["--quiet", "--log-level", "none", "build", "--no-write-json"]
    for name in ("unit_test",) if with_data_tests else ("unit_test", "test"):
        arguments += ["--exclude-resource-type", name]
    if select:
        arguments += ["--select", *select]
    if not with_input_checks:
        arguments += ["--exclude", INPUT_CHECKS]
    if variables:
        arguments += ["--vars", json.dumps(dict(variables))]
    where = ["--project-dir", str(made.project), "--profiles-dir", str(made.project)]
    with edited(made.project, edits), _environment(made, target):
        result = dbtRunner().invoke([*arguments, *where])
    if not result.success:
        raise MartsError(_failure_text(result))
    return target


def _failure_text(result: object) -> str:
    exception = getattr(result, "exception", None)
    if exception is not None:
        return str(exception)
    failed = [
        f"{entry.node.name}: {entry.message}"
        for entry in getattr(result, "result", None) or ()
        if entry.status not in ("success", "pass", "warn", "skipped")
    ]
    return "\n".join(failed) or "dbt failed without a message; see its log"


def build_marts(
    con: duckdb.DuckDBPyConnection,
    folder: Path,
    select: Sequence[str] = (),
    variables: Mapping[str, object] | None = None,
    edits: Sequence[Edit] = (),
    with_data_tests: bool = False,
    with_input_checks: bool = True,
) -> Path:
    """Write the releases in ``con`` and build the marts on them, in ``folder``.

    All releases are built by one dbt run. ``folder`` should be empty or absent.
    Returns the path of the DuckDB file; the options are those of ``run_dbt``.
    """
    made = prepare_project(con, folder)
    return run_dbt(made, select, variables, edits, with_data_tests, with_input_checks)
