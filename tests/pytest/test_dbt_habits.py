"""dbt as people run it: previews, parts, other folders, other settings."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import duckdb
import pytest
import yaml
from conftest import (
    PROJECT,
    WITHOUT_TESTS,
    DataFolder,
    copy_project,
    dbt_environment,
    failures,
    query,
    run_dbt,
    settings,
)
from dbt.cli.main import dbtRunner, dbtRunnerResult
from dbt.contracts.graph.manifest import Manifest
from warehouse.errors import BuildError
from warehouse.paths import PUBLISHED_FILE, WORK_FILE
from warehouse.runner import Dbt

GATE = ["build", "--select", "+int_input_problems", *WITHOUT_TESTS]
READERS = (
    "stg_aei__release_files",
    "stg_aei__facet_values",
    "stg_reference__task_holders",
)
STAGED = "select count(*) from staging.stg_aei__facet_values"
# Characters that mean something to globs, to SQL, to Jinja, and letters of others.
ODD_FOLDER = "dä ta [x] {o}'b *?"


class Staged:
    """A work file with the gate built from a data folder with an odd name."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self.folder, self.manifest = folder, manifest
        self.data = DataFolder(folder / ODD_FOLDER)
        assert failures(self.dbt(*GATE)) == []

    def dbt(self, *arguments: str) -> dbtRunnerResult:
        """Run one dbt command on the work file."""
        return run_dbt(arguments, self.folder, self.data.root, manifest=self.manifest)


@pytest.fixture(scope="module")
def staged(
    tmp_path_factory: pytest.TempPathFactory, project_manifest: Manifest
) -> Staged:
    return Staged(tmp_path_factory.mktemp("staged"), project_manifest)


@pytest.mark.parametrize(
    "what",
    [
        ["--select", "stg_aei__facet_values"],
        ["--select", "stg_aei__release_files"],
        ["--inline", "select * from {{ source('aei', 'raw_rows') }}"],
        ["--inline", "select size from {{ source('aei', 'file_contents') }}"],
    ],
)
def test_a_preview_shows_rows_of_the_files(staged: Staged, what: list[str]) -> None:
    shown = staged.dbt("show", *what, "--limit", "3")
    assert failures(shown) == []
    tables = [result.agate_table for result in shown.result.results]
    assert 3 in [len(table.rows) for table in tables if table is not None]


def test_what_dbt_compiles_runs_in_a_plain_connection(staged: Staged) -> None:
    compiled = staged.dbt("compile", "--select", *READERS)
    assert failures(compiled) == []
    work_file = staged.folder / "work.duckdb"
    with duckdb.connect(str(work_file), read_only=True) as con:
        for result in compiled.result.results:
            name, sql = result.node.name, result.node.compiled_code
            if result.node.resource_type == "model":
                rows = con.execute(f"select count(*) from ({sql})").fetchall()
                built = con.execute(f"select count(*) from staging.{name}").fetchall()
                assert rows == built, name


def test_a_model_that_fails_leaves_the_table_as_it_was(staged: Staged) -> None:
    name = "stg_reference__task_holders"
    rows = f"select count(*) from staging.{name}"
    before = query(staged.folder / "work.duckdb", rows)
    node = staged.manifest.nodes[f"model.ai_in_education.{name}"]
    wrong = f"{node.raw_code} where error('wrong') is null"
    with mock.patch.object(node, "raw_code", f"select * from ({wrong})"):
        (message,) = failures(staged.dbt("run", "--select", name))
    assert "wrong" in message
    assert query(staged.folder / "work.duckdb", rows) == before != [(0,)]


def test_an_empty_build_builds_every_model_empty(
    tmp_path: Path, project_manifest: Manifest
) -> None:
    arguments = ["build", "--empty", *WITHOUT_TESTS]
    arguments += ["--exclude-resource-type", "exposure"]
    assert failures(run_dbt(arguments, tmp_path, manifest=project_manifest)) == []
    assert query(tmp_path / "work.duckdb", STAGED) == [(0,)]


def test_a_refused_file_is_read_again_by_retry(
    tmp_path: Path, project_manifest: Manifest
) -> None:
    data = DataFolder(tmp_path / "data", ("1p_api",))
    good = data.raw("1p_api").read_bytes()
    data.raw("1p_api").write_bytes(good[:-200] + b'"')
    arguments = [each for each in GATE if each != "--no-write-json"]
    refused = run_dbt(arguments, tmp_path, data.root, manifest=project_manifest)
    assert any("The input was refused" in text for text in failures(refused))
    data.raw("1p_api").write_bytes(good)
    state = ["retry", "--state", str(tmp_path / "target")]
    # The refused model is the one before the rows; what it skipped is run too.
    again = run_dbt(state, tmp_path, data.root, manifest=project_manifest)
    assert failures(again) == []
    assert query(tmp_path / "work.duckdb", STAGED) == [(good.count(b"\n") - 1,)]


# Settings -----------------------------------------------------------------------------

PROJECT_FILE = yaml.safe_load((PROJECT / "dbt_project.yml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("value", [1, 0, -5, 1000.5, "1000", True])
def test_a_var_without_sense_is_refused_by_name(
    tmp_path: Path, project_manifest: Manifest, value: Any
) -> None:
    name = "bootstrap_replicate_count"
    arguments = ["seed", "--select", "scopes", "--vars", json.dumps({name: value})]
    refused = run_dbt(arguments, tmp_path, manifest=project_manifest)
    said = f"{refused.exception} {failures(refused)}"
    assert not refused.success
    assert all(text in said for text in (name, json.dumps(value), "200", "100000"))


def test_every_var_has_a_range_and_an_unknown_name_is_refused(
    tmp_path: Path, project_manifest: Manifest
) -> None:
    arguments = ["seed", "--select", "scopes", "--vars", '{"no_such_var": 1}']
    refused = run_dbt(arguments, tmp_path, manifest=project_manifest)
    said = f"{refused.exception} {failures(refused)}"
    assert "no_such_var" in said
    # What files are like is no setting.
    settings = PROJECT_FILE["vars"].keys() - {"layouts", "list_forms", "list_keys"}
    assert [name for name in settings if name not in said] == []


# Parts --------------------------------------------------------------------------------


def test_a_part_on_an_empty_file_says_what_is_missing(
    tmp_path: Path, project_manifest: Manifest
) -> None:
    arguments = ["build", "--select", "int_task_allocations+1"]
    refused = run_dbt(arguments, tmp_path, manifest=project_manifest)
    said = f"{refused.exception} {failures(refused)}"
    assert not refused.success
    assert "allocation_rules" in said
    assert "dbt build" in said


@pytest.mark.parametrize(
    "criterion",
    [
        *("tag:staging", "tag:intermediate", "tag:mart", "group:ingest"),
        *("--selector raw", "--selector gate", "--selector marts"),
        *("resource_type:metric", "resource_type:exposure"),
    ],
)
def test_a_selection_that_people_try_finds_something(
    tmp_path: Path, project_manifest: Manifest, criterion: str
) -> None:
    words = criterion.split() if " " in criterion else ["--select", criterion]
    found = run_dbt(["list", *words], tmp_path, manifest=project_manifest)
    assert found.success
    assert len(found.result) > 2


# Other folders ------------------------------------------------------------------------


def test_from_another_folder_everything_lands_in_the_project(
    tmp_path: Path, project_manifest: Manifest
) -> None:
    """As IDE extensions run it, with relative paths: none is the shell's."""
    project = copy_project(tmp_path / "project", only_staging=True)
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "target").mkdir(parents=True)
    shutil.copytree(PROJECT / "seeds" / "aei", project / "own data")
    environment = {
        name: value
        for name, value in settings(tmp_path).items()
        if not name.startswith(("AEI_", "DBT_"))
    } | {"AEI_DATA_DIR": "own data"}
    dbt = Path(sys.executable).with_name("dbt")
    where = ["--project-dir", "../project", "--profiles-dir", "../project"]
    ended = subprocess.run(
        [str(dbt), "build", "-s", "+stg_aei__release_files", *WITHOUT_TESTS, *where],
        cwd=elsewhere,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stdout[-2000:]
    assert [path.name for path in elsewhere.rglob("*")] == ["target"]
    work_file = project / "target" / "ai_in_education.duckdb"
    paths = "select file_path from staging.stg_aei__release_files where is_loaded"
    loaded = [(elsewhere / path).resolve() for (path,) in query(work_file, paths)]
    assert loaded
    assert {path.is_relative_to(project / "own data") for path in loaded} == {True}


@contextlib.contextmanager
def held_open(file: Path) -> Iterator[None]:
    """Within it, another process has the file open for writing."""
    code = (
        "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print(1, flush=True); "
        "sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(file)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield
        process.communicate()


def test_a_work_file_that_is_open_elsewhere_is_said_so(
    tmp_path: Path, project_manifest: Manifest
) -> None:
    file = tmp_path / "work.duckdb"
    with dbt_environment(tmp_path), held_open(file):
        dbt = Dbt(file, None, project_manifest)
        with pytest.raises(BuildError, match="open") as stopped:
            dbt.build("--select", "scopes")
    assert file.name in str(stopped.value)
    assert "lock" not in str(stopped.value)


def test_any_parse_serves_the_work_file_and_the_published_file(tmp_path: Path) -> None:
    """mf asks for the relations of the last parse, whatever its target was."""
    project = copy_project(tmp_path / "project", only_staging=True)
    command = ["--quiet", "--log-level", "none", "parse", "--target", "published"]
    command += ["--project-dir", str(project), "--profiles-dir", str(project)]
    with dbt_environment(tmp_path, project=project):
        del os.environ["AEI_WAREHOUSE_FILE"]
        parsed = dbtRunner().invoke(command)
    assert parsed.success, parsed.exception
    databases = {node.database for node in parsed.result.nodes.values()}
    assert databases == {PUBLISHED_FILE.stem} == {WORK_FILE.stem}
