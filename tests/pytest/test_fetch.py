"""Tests of scripts/fetch.py against a local server that also behaves badly.

Retries, redirects, progress and timeouts are of the dataset host's client; here stands
what is our own promise: which files, that they are the right ones, and what is said.
"""

from __future__ import annotations

import csv
import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import fetch
import httpx2
import pytest
from conftest import PROJECT, wait_until
from download_server import (
    DownloadServer,
    flood,
    hang_up,
    serve,
    serve_whole,
    serve_wrong_range,
    status,
    truncate,
)
from huggingface_hub import constants, errors, file_download
from warehouse import fetching, paths

BODY = b"geo_id,value\n" + b"GLOBAL,25.0\n" * 200
WRONG = BODY.replace(b"25.0", b"26.0")
HTML = b"\n<!DOCTYPE html><html><body>Sign in</body></html>"
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 2413\n"
RAW = "release_x/raw.csv"
TASKS = "release_y/tasks.csv"
REVISION = "a" * 40
CITATION = f"Example citation (revision {REVISION})"


def make_row(path: str = RAW, body: bytes = BODY, **other: str) -> dict[str, str]:
    """A manifest row for a small file; by default the raw file of 2026_01_15."""
    return {
        "release_id": "2026_01_15",
        "file_role": "raw",
        "relative_path": path,
        "byte_count": str(len(body)),
        "sha256": hashlib.sha256(body).hexdigest(),
        "copy_status": "current",
        "taxonomy_version": "onet_20_1",
        "is_simulated": "false",
        "licence": "CC-BY",
        "citation": CITATION,
    } | other


class Project:
    """A temporary manifest and data folder, and a way to run the command on them."""

    def __init__(self, folder: Path, server: DownloadServer) -> None:
        self.manifest = folder / "manifest.csv"
        self.data_dir = folder / "data dir"
        self.server = server
        self.write(make_row())

    def write(self, *rows: dict[str, str]) -> None:
        with self.manifest.open("w", newline="") as handle:
            writer = csv.DictWriter(handle, rows[0])
            writer.writeheader()
            writer.writerows(rows)

    def arguments(self, *more: str) -> list[str]:
        """The command line; release ids are added to `more` where it has none."""
        releases = [m for m in more if m[0].isdigit()] or ["2026_01_15"]
        options = [m for m in more if not m[0].isdigit()]
        return [*releases, f"--data-dir={self.data_dir}", *options]

    def run(self, *more: str) -> int:
        return fetch.main(self.arguments(*more))

    def put(self, name: str, body: bytes) -> Path:
        path = self.data_dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
        return path

    def files(self) -> dict[str, bytes]:
        """What is in the data folder: path and content."""
        paths = sorted(p for p in self.data_dir.rglob("*") if p.is_file())
        return {str(p.relative_to(self.data_dir)): p.read_bytes() for p in paths}


@pytest.fixture
def server() -> Iterator[DownloadServer]:
    with DownloadServer(f"datasets/{fetching.DATASET}/resolve/{REVISION}/") as running:
        yield running


@pytest.fixture
def project(
    tmp_path: Path, server: DownloadServer, monkeypatch: pytest.MonkeyPatch
) -> Project:
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("AEI_DATA_DIR", raising=False)
    # Small pieces, and no waiting before the client tries again.
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 64)
    monkeypatch.setattr(file_download.time, "sleep", lambda _: None)
    made = Project(tmp_path, server)
    monkeypatch.setattr(fetch, "MANIFEST", made.manifest)
    return made


def test_downloads_and_says_what_comes_next(project, server, capsys, monkeypatch):
    monkeypatch.setenv("TQDM_POSITION", "-1")  # progress as on a terminal
    server.on(RAW, serve(BODY))
    assert project.run() == 0
    assert project.files() == {RAW: BODY}
    out, err = capsys.readouterr()
    assert "raw.csv: 100%" in err
    assert f"downloaded [sha256] {RAW}" in out
    assert f"Files are in {project.data_dir}" in out
    assert f"CC-BY: {CITATION}" in out
    assert f"Next: AEI_DATA_DIR='{project.data_dir}' make warehouse" in out


def test_revision_is_that_of_the_column_before_the_citation(project, server):
    other = "b" * 40
    project.write(make_row(dataset_revision=other))
    server.prefix = server.prefix.replace(REVISION, other)
    server.on(RAW, serve(BODY))
    assert project.run() == 0
    assert project.files() == {RAW: BODY}


# Going on with what is there


@pytest.mark.parametrize(
    ("part", "answers", "ranges"),
    [
        (BODY[:1000], [serve(BODY)], ["bytes=1000-"]),
        (BODY, [], []),
        (BODY + b"more", [serve(BODY)], [None]),
        (BODY[:1000], [serve_whole(BODY)], ["bytes=1000-"]),
        (BODY[:1000], [serve_wrong_range(BODY), serve(BODY)], ["bytes=1000-", None]),
        (BODY[:1000], [serve(BODY[:500]), serve(BODY)], ["bytes=1000-", None]),
        (WRONG[:1000], [serve(BODY)], ["bytes=1000-", None]),
    ],
    ids=[
        *("goes on", "complete", "too long", "range ignored", "wrong range"),
        *("status 416", "of another file"),
    ],
)
def test_part_file_is_gone_on_with_or_dropped(project, server, part, answers, ranges):
    project.put(f"{RAW}.part", part)
    server.on(RAW, *answers)
    assert project.run() == 0
    assert server.ranges(RAW) == ranges
    assert project.files() == {RAW: BODY}


def test_wrong_file_is_fetched_twice_at_most(project, server, capsys):
    project.put(f"{RAW}.part", BODY[:1000])
    server.on(RAW, serve(WRONG))
    assert project.run() == 1
    assert server.ranges(RAW) == ["bytes=1000-", None]
    assert project.files() == {}
    seen, expected = (hashlib.sha256(body).hexdigest() for body in (WRONG, BODY))
    assert f"observed sha256 {seen}, expected {expected}" in capsys.readouterr().err


def test_file_without_a_hash_is_never_gone_on_with(project, server, capsys):
    project.write(make_row(sha256=""))
    project.put(f"{RAW}.part", WRONG[:1000])
    server.on(RAW, serve(BODY))
    assert project.run() == project.run() == 0
    assert server.ranges(RAW) == [None]
    assert project.files() == {RAW: BODY}
    check = f"[size_only: its sha256 is not known] {RAW}"
    out = capsys.readouterr().out
    assert f"downloaded {check}" in out
    assert f"already there {check}" in out


def test_broken_connection_is_gone_on_with(project, server):
    server.on(RAW, truncate(BODY, 640), serve(BODY))
    assert project.run() == 0
    assert server.ranges(RAW) == [None, "bytes=640-"]
    assert project.files() == {RAW: BODY}


def test_connection_that_stays_broken_leaves_the_part(project, server, capsys):
    server.on(RAW, truncate(BODY, 640), hang_up)
    assert project.run() == 1
    assert project.files() == {f"{RAW}.part": BODY[:640]}
    err = capsys.readouterr().err
    assert f"error: {RAW}: observed a broken connection" in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("sign", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)]
)
def test_interrupted_download_goes_on_the_next_time(project, server, sign, code):
    big = BODY * 10_000
    project.write(make_row(body=big))
    server.on(RAW, truncate(big, len(big) - 100, seconds=120), serve(big))
    program = (
        "import fetch, pathlib, sys\n"
        f"fetch.MANIFEST = pathlib.Path({str(project.manifest)!r})\n"
        "sys.exit(fetch.main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", program, *project.arguments()]
    part = project.data_dir / f"{RAW}.part"
    place = {"env": os.environ | {"PYTHONPATH": str(PROJECT / "scripts")}}
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, **place
    ) as running:
        wait_until(lambda: part.exists() and part.stat().st_size > 10_000_000)
        running.send_signal(sign)
        err = running.communicate(timeout=60)[1]
    assert running.returncode == code
    assert "Traceback" not in err
    assert list(project.files()) == [f"{RAW}.part"]
    size = part.stat().st_size
    assert project.run() == 0
    assert server.ranges(RAW) == [None, f"bytes={size}-"]
    assert project.files() == {RAW: big}


# Answers that are wrong


@pytest.mark.parametrize(
    "broken",
    [
        httpx2.ConnectTimeout("nobody answers"),
        httpx2.ProxyError("the proxy says no"),
        errors.OfflineModeIsEnabled("offline"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_no_network_ends_the_fetch_at_its_first_file(
    project, capsys, monkeypatch, broken
):
    asked = []

    def get(url, *_, **__):
        asked.append(url)
        raise broken

    monkeypatch.setattr(file_download, "http_get", get)
    project.write(make_row(), make_row(TASKS, file_role="onet_task_statements"))
    assert project.run() == 1
    assert len(asked) == 1
    assert "No network" in capsys.readouterr().err
    assert project.files() == {}


def test_no_connection_is_said_once(project, capsys, monkeypatch):
    project.write(make_row(), make_row(TASKS, file_role="onet_task_statements"))
    with DownloadServer() as gone:
        monkeypatch.setenv("HF_ENDPOINT", gone.url)
    assert project.run() == 1
    err = capsys.readouterr().err
    assert err.count("error:") == 1
    assert f"No network: {gone.url} can't be reached" in err
    assert "Check the network" in err
    assert "Traceback" not in err
    assert len(err.splitlines()) == 1
    assert project.files() == {}


@pytest.mark.parametrize("known_hash", [True, False])
@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (status(404), "observed HTTP status 404 from"),
        (status(503), "observed HTTP status 503 from"),
        (status(200, HTML), "observed an HTML page (b'\\n<!DOCTYPE html"),
        (status(200, HTML.ljust(len(BODY))), "observed an HTML page"),
        (status(200, HTML.ljust(2 * len(BODY))), "observed an HTML page"),
        (status(200, POINTER), "observed a pointer of Git LFS"),
        (serve(BODY[:500]), "observed 500 bytes, expected 2,413 bytes"),
        (serve(BODY * 5), "bytes, expected 2,413 bytes"),
        (flood(), "bytes, expected 2,413 bytes"),
    ],
)
@pytest.mark.parametrize("before", [{}, {RAW: b"old"}], ids=["nothing", "old file"])
def test_what_is_not_the_file_is_refused(
    project, server, capsys, answer, said, known_hash, before
):
    for name, body in before.items():
        project.put(name, body)
    project.write(make_row(**({} if known_hash else {"sha256": ""})))
    server.on(RAW, answer)
    assert project.run() == 1
    assert project.files() == before
    err = capsys.readouterr().err
    assert said in err
    assert "Check the network (proxy, login page), HF_ENDPOINT and the" in err


# Files that are there already


def test_good_file_is_left_alone(project, server, capsys):
    good = project.put(RAW, BODY)
    before = good.stat().st_mtime_ns
    assert project.run() == 0
    assert server.asked == []
    assert good.stat().st_mtime_ns == before
    assert f"already there [sha256] {RAW}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("bad", "known_hash"),
    [
        *((WRONG, True), (BODY[:100], True), (BODY[:100], False)),
        *((HTML.ljust(len(BODY)), True), (HTML.ljust(len(BODY)), False)),
    ],
)
def test_bad_file_is_replaced(project, server, bad, known_hash):
    project.write(make_row(**({} if known_hash else {"sha256": ""})))
    project.put(RAW, bad)
    server.on(RAW, serve(BODY))
    assert project.run() == 0
    assert project.files() == {RAW: BODY}


@pytest.mark.parametrize("dry_run", [True, False])
def test_earlier_edition_is_named_as_such(project, server, capsys, dry_run):
    project.write(make_row(), make_row(RAW, WRONG, copy_status="superseded"))
    project.put(RAW, WRONG)
    server.on(RAW, serve(BODY))
    assert project.run(*(["--dry-run"] if dry_run else [])) == 0
    (line,) = (x for x in capsys.readouterr().out.splitlines() if RAW in x)
    assert "an earlier edition" in line
    assert project.files() == {RAW: WRONG if dry_run else BODY}


def test_one_bad_file_does_not_stop_the_others(project, server, capsys):
    project.write(make_row(), make_row(TASKS, file_role="onet_task_statements"))
    server.on(TASKS, serve(BODY))
    assert project.run() == 1
    assert project.files() == {TASKS: BODY}
    out, err = capsys.readouterr()
    assert "error: 1 of 2 files failed" in err
    assert "make fetch RELEASE=2026_01_15" in err
    assert "make warehouse" not in out


def test_folder_that_cannot_be_written_is_plain_words(project, server, capsys):
    project.write(make_row(), make_row(f"{RAW}.too"))
    server.on(RAW, serve(BODY))
    project.data_dir.write_text("a file, not a folder")
    assert project.run() == 1
    (line,) = capsys.readouterr().err.splitlines()  # once, not of each file
    assert line.startswith(f"error: {RAW}: observed")
    assert "Check the disk and AEI_DATA_DIR" in line


# Which files


def test_takes_current_raw_files_and_shared_reference_files(project, server):
    reference = {"release_id": "2025_09_15", "citation": "names no revision"}
    project.write(
        make_row(),
        make_row("b c/50%#.csv", release_id="2026_03_24"),
        make_row(RAW, WRONG, copy_status="superseded"),
        make_row("old/raw.csv", release_id="2025_09_15"),
        make_row(TASKS, file_role="onet_task_statements", **reference),
        make_row("y/iso.csv", file_role="iso", taxonomy_version="", **reference),
        make_row("y/new.csv", file_role="soc_structure", taxonomy_version="onet_30_2"),
        make_row("y/old.csv", file_role="soc_structure", copy_status="superseded"),
        make_row("y/sim.csv", file_role="soc_structure", is_simulated="true"),
    )
    server.on("b%20c/50%25%23.csv", serve(BODY))
    for path in (RAW, TASKS, "y/iso.csv"):
        server.on(path, serve(BODY))
    assert project.run("2026_01_15", "2026_03_24") == 0
    assert set(project.files()) == {RAW, "b c/50%#.csv", TASKS, "y/iso.csv"}
    assert len(server.asked) == 4


@pytest.mark.parametrize(
    ("release", "said"),
    [
        ("1999_01_01", "release 1999_01_01: observed that it is not in"),
        ("2030_01_01", "release 2030_01_01: observed that it is simulated"),
        ("2026_05_05", "release 2026_05_05: observed that it has no current"),
    ],
)
def test_release_that_cannot_be_fetched(project, server, capsys, release, said):
    project.write(
        make_row(),
        make_row("b/raw.csv", release_id="2025_09_15"),
        make_row("c/raw.csv", release_id="2026_05_05", copy_status="superseded"),
        make_row("d/raw.csv", release_id="2030_01_01", is_simulated="true"),
    )
    assert project.run("2026_01_15", release) == 2
    err = capsys.readouterr().err
    assert said in err
    assert "expected one of 2025_09_15, 2026_01_15." in err
    assert server.asked == []


@pytest.mark.parametrize("text", ["2026-01-15", "release_2026_01_15", "2026_01_15/"])
def test_release_is_taken_as_people_write_it(text):
    assert fetch.release_id(text) == "2026_01_15"


def test_row_without_a_revision_is_said(project, server, capsys):
    project.write(make_row(citation="names no revision"))
    assert project.run() == 1
    assert "observed no revision of the dataset" in capsys.readouterr().err
    assert server.asked == []


# Where files go, and what would be done


def test_dry_run_fetches_nothing(project, server, capsys):
    project.write(make_row(), make_row(TASKS, file_role="onet_task_statements"))
    project.put(TASKS, BODY)
    assert project.run("--dry-run") == 0
    assert server.asked == []
    assert project.files() == {TASKS: BODY}
    assert capsys.readouterr().out.splitlines() == [
        f"would download {len(BODY):,} bytes (not there) [sha256] {RAW}",
        f"already there [sha256] {TASKS}",
    ]


@pytest.mark.parametrize("value", [None, "", "from_environment"])
def test_data_folder_of_the_environment_or_the_project(
    project, server, monkeypatch, tmp_path, value
):
    server.on(RAW, serve(BODY))
    monkeypatch.setattr(fetch, "FETCHED_DATA", tmp_path / "by_default")
    if value is not None:
        monkeypatch.setenv("AEI_DATA_DIR", value and str(tmp_path / value))
    given = [a for a in project.arguments() if not a.startswith("--data-dir")]
    assert fetch.main(given) == 0
    assert (tmp_path / (value or "by_default") / RAW).read_bytes() == BODY
    assert PROJECT / "data" / "aei" == paths.FETCHED_DATA


# The real manifest


RAW_FILES = {
    "2025_02_10": "{onet_task_mappings,automation_vs_augmentation}.csv",
    "2025_03_27": "{task_pct_v2,automation_vs_augmentation_by_task}.csv",
    "2025_09_15": "data/intermediate/aei_raw_{}_2025-08-04_to_2025-08-11.csv",
    "2026_01_15": "data/intermediate/aei_raw_{}_2025-11-13_to_2025-11-20.csv",
    "2026_03_24": "data/aei_raw_{}_2026-02-05_to_2026-02-12.csv",
    "2026_06_26": "data/aei_{}_2026-06-26.csv",
}


@pytest.mark.parametrize(("release", "pattern"), RAW_FILES.items())
def test_real_manifest_has_the_files_of_each_release(release, pattern):
    before, _, names = pattern.partition("{")
    names, _, behind = names.partition("}")
    raw = {
        f"release_{release}/{before}{name}{behind}"
        for name in (names or "claude_ai,1p_api").split(",")
    }
    reference = {"iso_country_codes.csv", "working_age_pop_2024_country.csv"}
    if release != "2026_06_26":  # of O*NET 30.2, which the dataset does not ship
        reference |= {"onet_task_statements.csv", "soc_structure.csv"}
    september = "release_2025_09_15/data/intermediate"

    rows = fetching.read_manifest(paths.MANIFEST)
    files = fetching.select_files(rows, [release])

    assert {f.path for f in files} == raw | {
        f"{september}/{name}" for name in reference
    }
    # Of two releases only sizes are known.
    unknown = {file.path for file in files if not file.sha256}
    assert unknown == (raw if release in ("2025_09_15", "2026_06_26") else set())
    assert {file.revision for file in files} == {
        "2ea58ff75e4247d26810c37f10c179edc2466cac"
    }
