"""What the release manifest says of files, with rows more than the project's."""

from __future__ import annotations

import gzip
import hashlib
import shutil
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest
from conftest import (
    SHIPPED_RELEASE,
    WITHOUT_TESTS,
    Build,
    DataFolder,
    Row,
    csv_text,
    failures,
    manifest_rows,
    query,
    run_dbt,
    shipped_row,
)
from dbt.contracts.graph.manifest import Manifest
from mutations.bench import list_files, only_these
from mutations.clean import clean
from mutations.sheet import API
from validation import run
from validation.results import worst_failure

# Runs dbt on a data folder, with rows more in the release manifest.
BuildListed = Callable[..., Path]
STATUSES = """
    select release_id, platform, file_status, is_loaded, sample_count
    from marts.dim_releases
"""


@pytest.fixture
def build_listed(
    tmp_path: Path, seeded_file: Path, project_manifest: Manifest
) -> BuildListed:
    """Builds what is selected, by default the releases; returns the work file."""

    def built(
        rows: list[Row],
        data_dir: Path,
        *options: str,
        select: Sequence[str] = ("+dim_releases",),
    ) -> Path:
        work_file = tmp_path / "work.duckdb"
        shutil.copy(seeded_file, work_file)
        with duckdb.connect(str(work_file)) as con:
            list_files(con, tmp_path, rows)
        selected = ["build", "--select", *select, "--exclude-resource-type", "seed"]
        arguments = [*selected, *WITHOUT_TESTS, *options]
        result = run_dbt(arguments, tmp_path, data_dir, manifest=project_manifest)
        assert failures(result) == []
        return work_file

    return built


def made_up_release(
    data_dir: Path,
    release_id: str,
    compress: bool = False,
    weeks: int = 1,
    **changes: str,
) -> Row:
    """Put a small API file into the folder under other dates.

    Returns its manifest row, with changes.
    """
    shipped = shipped_row("1p_api")
    start = release_id.replace("_", "-")
    end = str(date.fromisoformat(start) + timedelta(weeks=weeks))
    name = f"release_{release_id}/data/aei_raw_1p_api_{start}_to_{end}.csv"
    dates = {"date_start": start, "date_end": end}
    data = csv_text([row | dates for row in clean(API)[1]]).encode()
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
    build_listed: BuildListed, tmp_path: Path, shipped_warehouse: Build
) -> None:
    data = only_these(tmp_path / "data", {})
    verified = made_up_release(data, "2027_01_01")
    changed = made_up_release(data, "2027_02_01")
    size_only = made_up_release(data, "2027_03_01", sha256="")
    other_size = made_up_release(data, "2027_04_01", sha256="", byte_count="17")
    superseded = made_up_release(data, "2027_05_01")
    absent = made_up_release(data, "2027_06_01")
    zipped = made_up_release(data, "2027_07_01", compress=True)
    # One byte of the same size, in the last place of a percentage.
    path = data / changed["relative_path"]
    content = path.read_bytes()
    end = content.index(b"\n", content.index(b"collaboration_pct"))
    last = b"1" if content[end - 1 : end] != b"1" else b"2"
    path.write_bytes(content[: end - 1] + last + content[end:])
    (data / absent["relative_path"]).unlink()

    rows = [
        verified,
        changed,
        size_only,
        other_size,
        superseded | {"copy_status": "superseded"},
        superseded | {"sha256": "0" * 64, "byte_count": "1000"},
        absent,
        zipped,
    ]
    releases = query(build_listed(rows, data), STATUSES)

    ((sample,),) = shipped_warehouse.query(
        "select sample_count from marts.dim_releases where is_loaded "
        f"and release_id = '{SHIPPED_RELEASE}' and platform = '1p_api'"
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
    build_listed: BuildListed, tmp_path: Path
) -> None:
    """Two files of another span than a week: one whose sha256 is the manifest's."""
    data = only_these(tmp_path / "data", {})
    official = made_up_release(data, "2027_01_01", weeks=2)
    copy = made_up_release(data, "2027_02_01", weeks=2, sha256="0" * 64)
    work_file = build_listed([official, copy], data, select=["path:models/staging"])

    answers = {
        answer.release_id: answer
        for answer in run.ask(work_file, "raw")
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
    mix: bool, build_listed: BuildListed, tmp_path: Path
) -> None:
    data = DataFolder(tmp_path / "data").root
    real = {"is_simulated": "false", "taxonomy_version": "made_up_1"}
    release = made_up_release(data, "2027_01_01", **real)
    shipped = shipped_row("", "onet_task_statements")
    statements = shipped | real | {"relative_path": "statements.csv", "sha256": ""}
    statements["release_id"] = "2027_01_01"
    shutil.copy(data / shipped["relative_path"], data / "statements.csv")

    options = ["--vars", "{mix_real_and_simulated: true}"] if mix else []
    work_file = build_listed([release, statements], data, *options)

    releases = query(work_file, STATUSES)
    loaded = {(row[0], row[1]) for row in releases if row[3]}
    simulated = {
        (row["release_id"], row["platform"])
        for row in manifest_rows()
        if row["is_simulated"] == "true" and row["file_role"] == "raw"
    }
    assert loaded == {("2027_01_01", "1p_api")} | (simulated if mix else set())
    present = {row[0] for row in releases if row[2] != "absent"}
    assert present == {"2027_01_01"} | {release for release, _ in simulated}
    staged = query(
        work_file,
        "select distinct split_part(sample_id, ' ', 1), split_part(sample_id, ' ', 2) "
        "from intermediate.int_facet_values",
    )
    assert set(staged) == loaded
