"""Fixtures and helpers of the tests: builds, data folders to damage, ways to run dbt.

Every build of a test has its own folder; nothing here writes into the project.
"""

from __future__ import annotations

import contextlib
import csv
import fcntl
import importlib.util
import io
import os
import pickle
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import IO, Any
from unittest import mock

import build
import duckdb
import pytest
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.cli.main import dbtRunner, dbtRunnerResult
from dbt.contracts.graph.manifest import Manifest
from parsed import read_parsed
from warehouse import building, workers
from warehouse.paths import DBT_FILES

# Fixtures of one kind of test, beside their helpers.
pytest_plugins = [
    *("browser", "mutations.bench", "mutations.pool", "family_data", "report_page"),
    *("watched", "own_conversations"),
]

PROJECT = Path(__file__).resolve().parents[2]
SHIPPED_DATA = PROJECT / "seeds" / "aei"
MANIFEST = Path("seeds") / "reference" / "release_manifest.csv"
PLATFORMS = ("claude_ai", "1p_api")
REAL_RELEASE = "2026_01_15"

Row = dict[str, str]
# What is made once for all processes: its name, and a function of a folder.
Once = Callable[[str, Callable[[Path], Any]], Any]


# CSV files ----------------------------------------------------------------------------


def read_rows(path: Path) -> list[Row]:
    """The rows of a CSV file, every value as text; the first is row 2 of the file."""
    with path.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def csv_text(rows: Sequence[Row], columns: Sequence[str] | None = None) -> str:
    """The rows as CSV text, with the columns of the first row or those given."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns or list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def write_rows(path: Path, rows: Sequence[Row]) -> None:
    """Write the rows as a UTF-8 CSV file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(csv_text(rows).encode())


# The release that ships with the project ----------------------------------------------


def manifest_rows(project: Path = PROJECT) -> list[Row]:
    """The rows of the release manifest: one per file."""
    return read_rows(project / MANIFEST)


def shipped_row(platform: str = "", file_role: str = "raw") -> Row:
    """The manifest row of a file of the shipped release of family B, of the first where
    there are several."""
    return next(
        row
        for row in manifest_rows()
        if row["is_simulated"] == "true"
        and row["platform"] == platform
        and row["file_role"] == file_role
        and row["schema_family"] in ("", "B_long")
    )


SHIPPED_RELEASE = shipped_row("claude_ai")["release_id"]


class DataFolder:
    """A data folder of one's own: the shipped release, copied, to be changed."""

    def __init__(self, root: Path, platforms: Sequence[str] = PLATFORMS) -> None:
        self.root = root
        shutil.copytree(SHIPPED_DATA, root, dirs_exist_ok=True)
        for platform in set(PLATFORMS) - set(platforms):
            self.raw(platform).unlink()

    def raw(self, platform: str) -> Path:
        """The raw file of a platform."""
        return self.root / shipped_row(platform)["relative_path"]

    @property
    def statements(self) -> Path:
        """The task statements with their holder occupations."""
        return self.root / shipped_row("", "onet_task_statements")["relative_path"]


def python_model(name: str) -> ModuleType:
    """A dbt model in Python, of the intermediate ones, as a module."""
    path = PROJECT / "models" / "intermediate" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# Builds -------------------------------------------------------------------------------


def settings(folder: Path, data_dir: Path | None = None) -> dict[str, str]:
    """The environment of one build: its own work file, target and logs.

    What the caller's shell says about AEI_ and DBT_ is left out. The unit tests know
    nothing of the data: test_build runs them once.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AEI_", "DBT_"))
    }
    own = {
        "AEI_WORK_FILE": str(folder / "work.duckdb"),
        "AEI_WAREHOUSE_FILE": str(folder / "published.duckdb"),
        "DBT_TARGET_PATH": str(folder / "target"),
        "DBT_LOG_PATH": str(folder / "logs"),
        "DBT_EXCLUDE_RESOURCE_TYPES": "unit_test",
    }
    if data_dir is not None:
        own["AEI_DATA_DIR"] = str(data_dir)
    return kept | own


@dataclass(frozen=True)
class Build:
    """A run of scripts/build.py that has ended."""

    folder: Path
    status: int
    stdout: str
    stderr: str

    @property
    def file(self) -> Path:
        """The published file."""
        return self.folder / "published.duckdb"

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows of a query on the published file."""
        return query(self.file, sql)

    def records(self, sql: str) -> list[dict[str, Any]]:
        """The rows of a query on the published file, by column name."""
        with duckdb.connect(str(self.file), read_only=True) as con:
            result = con.execute(sql)
            names = [column[0] for column in result.description]
            return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def query(file: Path, sql: str) -> list[tuple[Any, ...]]:
    """The rows of a query on a DuckDB file, opened read-only."""
    with duckdb.connect(str(file), read_only=True) as con:
        return con.execute(sql).fetchall()


def start_build(
    folder: Path,
    data_dir: Path | None = None,
    *options: str,
    parsed: Path | None = None,
    stdout: int | IO[str] = subprocess.PIPE,
    **environment: str,
) -> subprocess.Popen[str]:
    """Start scripts/build.py as a person does, in a process group of its own, but into
    a folder of its own; a folder that the project was parsed into spares it to
    parse."""
    folder.mkdir(parents=True, exist_ok=True)
    own = settings(folder, data_dir)
    del own["DBT_EXCLUDE_RESOURCE_TYPES"]
    script = ["tests/pytest/parsed.py", str(parsed)] if parsed else ["scripts/build.py"]
    command = [
        *(sys.executable, *script),
        *("--output", str(folder / "published.duckdb")),
        *("--work-file", str(folder / "work.duckdb")),
        *options,
    ]
    return subprocess.Popen(
        command,
        cwd=PROJECT,
        env=own | environment,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def run_build(
    folder: Path, data_dir: Path | None = None, *options: str, **others: Any
) -> Build:
    """Run scripts/build.py to its end."""
    process = start_build(folder, data_dir, *options, **others)
    stdout, stderr = process.communicate()
    return Build(folder, process.returncode, stdout, stderr)


def wait_until(is_so: Callable[[], object]) -> None:
    """Wait, as long as a busy machine may take."""
    deadline = time.monotonic() + 120
    while not is_so():
        assert time.monotonic() < deadline
        threading.Event().wait(0.05)  # a test may have taken time.sleep away


def build_here(folder: Path, *options: str) -> int:
    """Run scripts/build.py in this process, into a folder; returns its exit status."""
    output, work_file = folder / "published.duckdb", folder / "work.duckdb"
    places = ["--output", str(output), "--work-file", str(work_file)]
    return build.main([*places, "--no-docs", *options])


@contextlib.contextmanager
def dbt_environment(
    folder: Path, data_dir: Path | None = None, project: Path = PROJECT
) -> Iterator[None]:
    """Within it, dbt runs in this process as it would in a fresh one for a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with (
        mock.patch.dict(os.environ, settings(folder, data_dir), clear=True),
        contextlib.chdir(project),
    ):
        try:
            yield
        finally:
            DuckDBConnectionManager.close_all_connections()


def run_dbt(
    arguments: Sequence[str],
    folder: Path,
    data_dir: Path | None = None,
    project: Path = PROJECT,
    manifest: Manifest | None = None,
) -> dbtRunnerResult:
    """Run one dbt command in this process; a manifest spares parsing the project."""
    where = ["--project-dir", str(project), "--profiles-dir", str(project)]
    with dbt_environment(folder, data_dir, project):
        runner = dbtRunner(manifest=manifest)
        return runner.invoke(["--quiet", "--log-level", "none", *arguments, *where])


@contextlib.contextmanager
def configured(manifest: Manifest, variables: Mapping[str, object]) -> Iterator[None]:
    """Within it, models in Python see other vars; they take theirs when the project is
    parsed, and this spares parsing it anew."""
    with contextlib.ExitStack() as stack:
        for node in manifest.nodes.values():
            of_node = node.config._extra
            own = {name: variables[name] for name in variables if name in of_node}
            stack.enter_context(mock.patch.dict(of_node, own))
        yield


# Only the nodes of the models named, not their tests: a second instead of ten.
WITHOUT_TESTS = (
    "--exclude-resource-type",
    "test",
    "--exclude-resource-type",
    "unit_test",
    "--no-write-json",
)


def limit_build(
    monkeypatch: pytest.MonkeyPatch, manifest: Manifest, *selection: str
) -> None:
    """Let the build script, in this process, build some nodes only, without parsing,
    expectations and pages."""

    class LimitedDbt(building.Dbt):
        def __init__(self, work_file: Path, data_dir: Path | None) -> None:
            super().__init__(work_file, data_dir, manifest)
            self.is_built = False

        def build(self, *_: str) -> None:
            if not self.is_built:
                super().build(*selection)
            self.is_built = True

    monkeypatch.setattr(building, "Dbt", LimitedDbt)
    monkeypatch.setattr(building, "ask_expectations", lambda *_: [])
    monkeypatch.setattr(building, "stop_on_critical", lambda *_: None)
    monkeypatch.setattr(building, "write_outputs", lambda *_: [])


def failures(result: dbtRunnerResult) -> list[str]:
    """What went wrong in a dbt run: nothing when it passed."""
    if result.exception is not None:
        return [str(result.exception)]
    return [
        f"{node.node.name}: {node.message}"
        for node in result.result or []
        if node.status not in ("success", "pass", "warn")
    ]


def copy_project(folder: Path, only_staging: bool = False) -> Path:
    """A copy of what dbt and the build script need, to be changed by a test; what rests
    on staging takes most of the time to parse, and may be left out."""
    for part in DBT_FILES:
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(PROJECT / part, folder / part)
    for part in ("macros", "models", "seeds", "tests/data_tests", "scripts"):
        shutil.copytree(PROJECT / part, folder / part)
    for part in ("models/intermediate", "models/marts", "tests/data_tests"):
        for file in (folder / part).rglob("*") if only_staging else ():
            if file.is_file() and file.parent.name != "generic":
                file.unlink()
    return folder


# Fixtures -----------------------------------------------------------------------------

# The files that take longest begin first, so that no process waits for another's last.
LONGEST = (
    # The first builds the shipped warehouse; the next two do not wait for it.
    "test_robustness.py",
    "test_own_conversations.py",
    "test_simulated_properties.py",
    "test_superset.py",
    "test_kill_table.py",
    "test_interval_calibration.py",
    "test_disclosure.py",
    "test_kill_files.py",
    "test_public_artefacts.py",
    "test_semantic_layer.py",
    "test_build.py",
    "test_families.py",
    "test_dbt_habits.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests of the longest files first; the order within a file stays."""
    rank = {name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(item.path.name, len(rank)))


@pytest.fixture(autouse=True)
def cold_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A build in this process imports nothing in others before it is needed."""
    monkeypatch.setattr(workers, "warm", lambda _: None)


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Once:
    """Calls a function with a folder, once for all processes of the test run.

    The first that needs what it returns calls it; the others wait.
    """
    shared = tmp_path_factory.getbasetemp()
    if worker_id != "master":
        shared = shared.parent

    def made(name: str, make: Callable[[Path], Any]) -> Any:
        folder, result = shared / name, shared / f"{name}.pickle"
        with (shared / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not result.exists():
                result.write_bytes(pickle.dumps(make(folder)))
        return pickle.loads(result.read_bytes())

    return made


@pytest.fixture(scope="session")
def project_manifest(once: Once) -> Manifest:
    """The project, parsed once."""

    def parse(folder: Path) -> Path:
        # For the work file of the shipped warehouse, whose build reads it too.
        target = ["--target-path", str(folder / "target")]
        result = run_dbt(["parse", *target], folder.with_name("shipped"))
        assert result.success, result.exception
        return folder

    return read_parsed(once("parsed", parse))


@pytest.fixture(scope="session")
def seeded_file(once: Once, project_manifest: Manifest) -> Path:
    """A work file with the reference tables, which no bad input changes."""

    def seed(folder: Path) -> Path:
        arguments = ["seed", "--no-write-json"]
        assert failures(run_dbt(arguments, folder, manifest=project_manifest)) == []
        return folder / "work.duckdb"

    seeded: Path = once("seeded", seed)
    return seeded


@pytest.fixture(scope="session")
def real_data_dir() -> Path:
    """A folder with the real files: AEI_DATA_DIR, or shared/aei beside the project."""
    places = [PROJECT.parent / "shared" / "aei"]
    if os.environ.get("AEI_DATA_DIR"):
        places.insert(0, Path(os.environ["AEI_DATA_DIR"]).expanduser().resolve())
    files = [
        row["relative_path"]
        for row in manifest_rows()
        if row["release_id"] == REAL_RELEASE and row["file_role"] == "raw"
    ]
    for place in places:
        if all((place / file).is_file() for file in files):
            return place
    pytest.skip(
        f"the real files of {REAL_RELEASE} are not there: set AEI_DATA_DIR to a folder "
        f"that holds them (make fetch RELEASE={REAL_RELEASE})"
    )


@pytest.fixture(scope="session")
def real_warehouse(
    once: Once, real_data_dir: Path, project_manifest: Manifest
) -> Build:
    """The warehouse on the real files, built once."""

    def build(folder: Path) -> Build:
        parsed = folder.with_name("parsed")
        return run_build(folder, real_data_dir, "--no-docs", parsed=parsed)

    built: Build = once("real", build)
    assert built.status == 0, built.stderr
    return built
