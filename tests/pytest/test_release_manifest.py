"""What the release manifest says of files, in a copy of the project with other rows."""

from __future__ import annotations

import gzip
import hashlib
import shutil
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from conftest import (
    MANIFEST,
    PLATFORMS,
    SHIPPED_RELEASE,
    WITHOUT_TESTS,
    Build,
    DataFolder,
    Row,
    build_here,
    copy_project,
    dbt_environment,
    failures,
    limit_build,
    manifest_rows,
    query,
    run_dbt,
    shipped_row,
    write_rows,
)
from dbt.contracts.graph.manifest import Manifest
from validation import run
from validation.results import worst_failure
from warehouse import paths

# A changed project --------------------------------------------------------------------


@dataclass(frozen=True)
class ChangedProject:
    """A copy of the project with a test that always fails, parsed."""

    folder: Path
    manifest: Manifest

    def write_manifest(self, more_rows: list[Row]) -> None:
        """Append rows to the release manifest that the project ships."""
        write_rows(self.folder / MANIFEST, [*manifest_rows(), *more_rows])

    def build_releases(
        self, work_folder: Path, data_dir: Path, *options: str
    ) -> list[tuple[Any, ...]]:
        """Build dim_releases; returns release, status, whether loaded, and sample of
        each release and platform."""
        result = run_dbt(
            ["build", "--select", "+dim_releases", *WITHOUT_TESTS, *options],
            work_folder,
            data_dir,
            self.folder,
            self.manifest,
        )
        assert failures(result) == []
        return query(
            work_folder / "work.duckdb",
            """
            select release_id, platform, file_status, is_loaded, sample_count
            from marts.dim_releases
            """,
        )


@pytest.fixture(scope="module")
def changed_project(tmp_path_factory: pytest.TempPathFactory) -> ChangedProject:
    """A copy of the project that tests of this module may change."""
    folder = copy_project(tmp_path_factory.mktemp("changed") / "project")
    test = folder / "tests" / "data_tests" / "always_fails.sql"
    test.write_text("select 'nothing is ever right' as sentence\n")
    result = run_dbt(["parse"], folder.parent, project=folder)
    assert result.success, result.exception
    return ChangedProject(folder, result.result)


def test_failed_data_test_publishes_nothing(
    changed_project: ChangedProject,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    limit_build(monkeypatch, changed_project.manifest, "--select", "always_fails")
    monkeypatch.setattr(paths, "PROJECT", changed_project.folder)
    published = tmp_path / "published.duckdb"
    published.write_bytes(b"of yesterday")
    with dbt_environment(tmp_path, project=changed_project.folder):
        status = build_here(tmp_path)
    message = capsys.readouterr().err
    assert status == 1
    assert "always_fails (tests/data_tests/always_fails.sql)" in message
    assert f"The published warehouse is as it was: {published}" in message
    assert published.read_bytes() == b"of yesterday"


def made_up_release(
    data_dir: Path,
    release_id: str,
    compress: bool = False,
    weeks: int = 1,
    **changes: str,
) -> Row:
    """Put the shipped API file into the folder under other dates.

    Returns its manifest row, with changes.
    """
    shipped = shipped_row("1p_api")
    start = release_id.replace("_", "-")
    end = str(date.fromisoformat(start) + timedelta(weeks=weeks))
    name = f"release_{release_id}/data/aei_raw_1p_api_{start}_to_{end}.csv"
    content = (DataFolder(data_dir).raw("1p_api").read_bytes().decode()).replace(
        f",{shipped['window_start_date']},{shipped['window_end_date']},",
        f",{start},{end},",
    )
    data = content.encode()
    if compress:
        name, data = f"{name}.gz", gzip.compress(data, mtime=0)
    path = data_dir / name
    path.parent.mkdir(parents=True)
    path.write_bytes(data)
    own = {
        "release_id": release_id,
        "relative_path": name,
        "byte_count": str(len(data)),
        "sha256": hashlib.sha256(data).hexdigest(),
        "window_start_date": start,
        "window_end_date": end,
    }
    return shipped | own | changes


def test_release_of_the_family_is_a_manifest_row_and_a_file(
    changed_project: ChangedProject, tmp_path: Path, shipped_warehouse: Build
) -> None:
    data = tmp_path / "data"
    verified = made_up_release(data, "2027_01_01")
    changed = made_up_release(data, "2027_02_01")
    size_only = made_up_release(data, "2027_03_01", sha256="")
    other_size = made_up_release(data, "2027_04_01", sha256="", byte_count="17")
    superseded = made_up_release(data, "2027_05_01")
    absent = made_up_release(data, "2027_06_01")
    zipped = made_up_release(data, "2027_07_01", compress=True)
    changed_project.write_manifest(
        [
            verified,
            changed,
            size_only,
            other_size,
            superseded | {"copy_status": "superseded"},
            superseded | {"sha256": "0" * 64, "byte_count": "1000"},
            absent,
            zipped,
        ]
    )
    # One byte of the same size, in the last place of a percentage.
    path = data / changed["relative_path"]
    content = path.read_bytes()
    end = content.index(b"\n", content.index(b"collaboration_pct"))
    last = b"1" if content[end - 1 : end] != b"1" else b"2"
    path.write_bytes(content[: end - 1] + last + content[end:])
    (data / absent["relative_path"]).unlink()

    releases = changed_project.build_releases(tmp_path, data)

    ((sample,),) = shipped_warehouse.query(
        "select sample_count from marts.dim_releases where is_loaded "
        "and platform = '1p_api'"
    )
    made_up = {row[0]: row[2:] for row in releases if row[0].startswith("2027")}
    assert made_up == {
        "2027_01_01": ("verified", True, sample),
        "2027_02_01": ("unverified_copy", True, sample),
        "2027_03_01": ("size_only", True, sample),
        "2027_04_01": ("unverified_copy", True, sample),
        "2027_05_01": ("superseded", True, sample),
        "2027_06_01": ("absent", False, None),
        "2027_07_01": ("verified", True, sample),
    }


def test_official_file_is_never_refused_and_says_that_it_differs(
    changed_project: ChangedProject, tmp_path: Path
) -> None:
    """Two files of another span than a week: one whose sha256 is the manifest's."""
    data = tmp_path / "data"
    official = made_up_release(data, "2027_01_01", weeks=2)
    copy = made_up_release(data, "2027_02_01", weeks=2, sha256="0" * 64)
    changed_project.write_manifest([official, copy])
    staging = ["build", "--select", "path:seeds", "path:models/staging", *WITHOUT_TESTS]
    project, manifest = changed_project.folder, changed_project.manifest
    result = run_dbt(staging, tmp_path, data, project, manifest)
    assert failures(result) == []

    answers = {
        answer.release_id: answer
        for answer in run.ask(tmp_path / "work.duckdb", "raw")
        if answer.expectation_id == "window_is_one_week"
    }
    assert answers["2027_01_01"].is_success is answers["2027_02_01"].is_success is False
    assert answers["2027_01_01"].severity == "warning"
    assert answers["2027_02_01"].severity == "critical"
    words = "the official file differs from what we assumed"
    assert words in answers["2027_01_01"].sentence
    assert words not in answers["2027_02_01"].sentence
    assert worst_failure([answers["2027_01_01"]]) == "warning"


@pytest.mark.parametrize("mix", [False, True], ids=["left out", "mixed"])
def test_simulated_files_beside_real_ones(
    mix: bool, changed_project: ChangedProject, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    real = {"is_simulated": "false", "taxonomy_version": "made_up_1"}
    release = made_up_release(data, "2027_01_01", **real)
    shipped = shipped_row("", "onet_task_statements")
    statements = shipped | real | {"relative_path": "statements.csv", "sha256": ""}
    statements["release_id"] = "2027_01_01"
    shutil.copy(data / shipped["relative_path"], data / "statements.csv")
    changed_project.write_manifest([release, statements])

    options = ["--vars", "{mix_real_and_simulated: true}"] if mix else []
    releases = changed_project.build_releases(tmp_path, data, *options)

    loaded = {(row[0], row[1]) for row in releases if row[3]}
    simulated = {(SHIPPED_RELEASE, platform) for platform in PLATFORMS}
    assert loaded == {("2027_01_01", "1p_api")} | (simulated if mix else set())
    present = {row[0] for row in releases if row[2] != "absent"}
    assert present == {"2027_01_01", SHIPPED_RELEASE}
    staged = query(
        tmp_path / "work.duckdb",
        "select distinct release_id, platform from staging.stg_aei__facet_values",
    )
    assert set(staged) == loaded
