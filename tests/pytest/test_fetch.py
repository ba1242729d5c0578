"""Tests of scripts/fetch_release.py against a local server that also behaves badly."""

from __future__ import annotations

import csv
import hashlib
import importlib
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from download_server import (
    Answer,
    DownloadServer,
    Handler,
    flood,
    redirect,
    serve,
    serve_whole,
    serve_wrong_range,
    stall,
    status,
    truncate,
)

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
fetch_release = importlib.import_module("fetch_release")

BODY = b"geo_id,value\n" + b"GLOBAL,25.0\n" * 200
WRONG = BODY.replace(b"25.0", b"26.0")
HTML = b"\n<!DOCTYPE html><html><body>Sign in</body></html>"
RAW = "release_x/raw.csv"
TASKS = "release_y/tasks.csv"
TIMEOUT = 0.2  # seconds


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
        "citation": "Example citation",
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
        """The command line; later options win, release ids are added to `more`."""
        releases = [m for m in more if m[0].isdigit()] or ["2026_01_15"]
        options = [m for m in more if not m[0].isdigit()]
        return [
            *releases,
            f"--manifest={self.manifest}",
            f"--data-dir={self.data_dir}",
            f"--base-url={self.server.url}",
            f"--timeout={TIMEOUT}",
            "--retries=2",
            *options,
        ]

    def run(self, *more: str) -> int:
        return fetch_release.main(self.arguments(*more))

    def put(self, name: str, body: bytes) -> Path:
        path = self.data_dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
        return path

    def files(self) -> dict[str, bytes]:
        """What is in the data folder: path and content."""
        paths = sorted(p for p in self.data_dir.rglob("*") if p.is_file())
        return {str(p.relative_to(self.data_dir)): p.read_bytes() for p in paths}


@pytest.fixture(autouse=True)
def small_and_local(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch_release, "CHUNK_BYTES", 64)
    monkeypatch.setattr(fetch_release, "BACKOFF_SECONDS", 0.01)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.delenv("AEI_DATA_DIR", raising=False)


@pytest.fixture
def server() -> Iterator[DownloadServer]:
    with DownloadServer() as running:
        yield running


@pytest.fixture
def project(tmp_path: Path, server: DownloadServer) -> Project:
    return Project(tmp_path, server)


def test_downloads_and_says_what_comes_next(project, server, capsys):
    server.on(RAW, serve(BODY))
    assert project.run() == 0
    assert project.files() == {RAW: BODY}
    out, err = capsys.readouterr()
    assert "raw.csv: 100%" in err
    assert f"downloaded [sha256] {RAW}" in out
    assert f"Files are in {project.data_dir}" in out
    assert "CC-BY: Example citation" in out
    assert f"Next: AEI_DATA_DIR='{project.data_dir}' make warehouse" in out


def test_quiet_keeps_only_the_line_per_file(project, server, capsys):
    server.on(RAW, status(503), serve(BODY))
    assert project.run("--quiet") == 0
    assert capsys.readouterr() == (f"downloaded [sha256] {RAW}\n", "")


# Redirects


def test_redirect_to_another_path(project, server):
    server.on(RAW, redirect("/elsewhere/file"))
    server.on("elsewhere/file", serve(BODY))
    assert project.run() == 0
    assert project.files() == {RAW: BODY}


def test_redirect_to_another_port_keeps_the_range(project, server):
    project.put(f"{RAW}.part", BODY[:700])
    with DownloadServer() as store:
        server.on(RAW, redirect(f"{store.url}/object?signature=1"))
        store.on("object?signature=1", serve(BODY))
        assert project.run() == 0
        assert store.ranges("object?signature=1") == ["bytes=700-"]
    assert project.files() == {RAW: BODY}


# Resume


def test_resume_continues_from_the_part_file(project, server):
    server.on(RAW, serve(BODY))
    project.put(f"{RAW}.part", BODY[:1000])
    assert project.run() == 0
    assert server.ranges(RAW) == ["bytes=1000-"]
    assert project.files() == {RAW: BODY}


def test_complete_part_file_needs_no_request(project, server):
    project.put(f"{RAW}.part", BODY)
    assert project.run() == 0
    assert server.asked == []
    assert project.files() == {RAW: BODY}


def test_part_file_longer_than_the_file_is_dropped(project, server):
    server.on(RAW, serve(BODY))
    project.put(f"{RAW}.part", BODY + b"more")
    assert project.run() == 0
    assert server.ranges(RAW) == [None]
    assert project.files() == {RAW: BODY}


@pytest.mark.parametrize(
    "answer",
    [serve_whole(BODY), serve_wrong_range(BODY)],
    ids=["whole file", "wrong range"],
)
def test_server_that_ignores_the_range(project, server, capsys, answer):
    server.on(RAW, answer, serve(BODY))
    project.put(f"{RAW}.part", BODY[:1000])
    assert project.run("--retries=0") == 0
    assert server.ranges(RAW)[0] == "bytes=1000-"
    assert project.files() == {RAW: BODY}
    assert "resumed, but" not in capsys.readouterr().err


def test_status_416_starts_over(project, server):
    server.on(RAW, serve(BODY[:500]), serve(BODY))
    project.put(f"{RAW}.part", BODY[:1000])
    assert project.run("--retries=0") == 0
    assert server.ranges(RAW) == ["bytes=1000-", None]
    assert project.files() == {RAW: BODY}


def test_resumed_file_with_wrong_hash_is_fetched_again_once(project, server, capsys):
    server.on(RAW, serve(BODY))
    project.put(f"{RAW}.part", WRONG[:1000])
    assert project.run("--retries=0") == 0
    assert server.ranges(RAW) == ["bytes=1000-", None]
    assert project.files() == {RAW: BODY}
    assert "resumed, but observed sha256" in capsys.readouterr().err


def test_resumed_file_with_wrong_hash_twice_is_refused(project, server, capsys):
    server.on(RAW, serve(WRONG))
    project.put(f"{RAW}.part", BODY[:1000])
    assert project.run() == 1
    assert server.ranges(RAW) == ["bytes=1000-", None]
    assert project.files() == {}
    assert hashlib.sha256(WRONG).hexdigest() in capsys.readouterr().err


def test_wrong_hash_after_starting_over_is_not_tried_a_third_time(project, server):
    server.on(RAW, serve(WRONG), truncate(WRONG, 640), serve(WRONG))
    project.put(f"{RAW}.part", BODY[:1000])
    assert project.run() == 1
    assert server.ranges(RAW) == ["bytes=1000-", None, "bytes=640-"]
    assert project.files() == {}


def test_asks_for_bytes_as_they_are(project, server):
    server.on(RAW, serve(BODY))
    assert project.run() == 0
    assert [asked.encoding for asked in server.asked] == ["identity"]


# Failures that may pass


@pytest.mark.parametrize("with_length", [True, False])
def test_truncated_body_is_continued(project, server, with_length):
    server.on(RAW, truncate(BODY, 640, with_length), serve(BODY))
    assert project.run() == 0
    assert server.ranges(RAW) == [None, "bytes=640-"]
    assert project.files() == {RAW: BODY}


@pytest.mark.parametrize("with_length", [True, False])
def test_truncated_body_leaves_no_final_file(project, server, capsys, with_length):
    server.on(RAW, truncate(BODY, 640, with_length))
    assert project.run("--retries=0") == 1
    assert project.files() == {f"{RAW}.part": BODY[:640]}
    err = capsys.readouterr().err
    assert f"error: {RAW}: observed" in err
    assert f"in the last of 1 attempts, expected {len(BODY):,} bytes" in err
    assert "Traceback" not in err


def test_stall_ends_in_a_retry(project, server, capsys):
    server.on(RAW, stall(BODY, 640, seconds=5), serve(BODY))
    assert project.run() == 0
    assert server.ranges(RAW) == [None, "bytes=640-"]
    assert project.files() == {RAW: BODY}
    assert (
        f"observed no data for {TIMEOUT:g} s; trying again" in capsys.readouterr().err
    )


def test_stall_without_end_is_an_error(project, server, capsys):
    server.on(RAW, stall(BODY, 640, seconds=5))
    started = time.monotonic()
    assert project.run("--retries=1") == 1
    assert time.monotonic() - started < 10 * TIMEOUT
    assert len(server.asked) == 2
    assert RAW not in project.files()
    assert f"observed no data for {TIMEOUT:g} s in the last" in capsys.readouterr().err


@pytest.mark.parametrize("code", [429, 500, 503])
def test_busy_server_is_asked_again(project, server, code):
    server.on(RAW, status(code), status(code), serve(BODY))
    assert project.run("--retries=2") == 0
    assert len(server.asked) == 3
    assert project.files() == {RAW: BODY}


def test_busy_server_is_given_up_after_the_retries(project, server, capsys):
    server.on(RAW, status(503), status(503), serve(BODY))
    assert project.run("--retries=1") == 1
    assert len(server.asked) == 2
    assert project.files() == {}
    assert "HTTP status 503" in capsys.readouterr().err


def test_waits_grow_and_are_short(project, server, monkeypatch):
    waits: list[float] = []
    monkeypatch.setattr(fetch_release, "BACKOFF_SECONDS", 0.5)
    monkeypatch.setattr(fetch_release.time, "sleep", waits.append)
    server.on(RAW, status(503))
    assert project.run("--retries=6") == 1
    assert waits == [0.5, 1, 2, 4, 8, 8]


def test_refused_connection_is_plain_words(project, server, capsys):
    with DownloadServer() as gone:
        url = gone.url
    assert project.run(f"--base-url={url}") == 1
    err = capsys.readouterr().err
    assert f"error: {RAW}: observed a broken connection" in err
    assert "in the last of 3 attempts" in err
    assert "Traceback" not in err


# Answers that are wrong


def test_missing_file_is_not_asked_for_again(project, server, capsys):
    assert project.run() == 1
    assert len(server.asked) == 1
    assert project.files() == {}
    problem = f"observed HTTP status 404 from {server.url}/{RAW}, expected 200"
    assert f"error: {RAW}: {problem}. Check --base-url" in capsys.readouterr().err


@pytest.mark.parametrize("known_hash", [True, False])
@pytest.mark.parametrize("size", [len(HTML), len(BODY), 2 * len(BODY)])
def test_html_page_is_refused(project, server, capsys, known_hash, size):
    page = HTML.ljust(size)
    project.write(make_row(**({} if known_hash else {"sha256": ""})))
    server.on(RAW, status(200, page))
    assert project.run() == 1
    assert len(server.asked) == 1
    assert project.files() == {}
    assert "looks like an HTML page (b'<!DOCTYPE html" in capsys.readouterr().err


def test_html_page_does_not_cost_the_part_file(project, server):
    project.put(f"{RAW}.part", BODY[:1000])
    server.on(RAW, status(200, HTML))
    assert project.run() == 1
    assert project.files() == {f"{RAW}.part": BODY[:1000]}


def test_wrong_file_of_the_right_size_is_refused(project, server, capsys):
    server.on(RAW, serve(WRONG))
    assert project.run() == 1
    assert len(server.asked) == 1
    assert project.files() == {}
    seen, expected = (hashlib.sha256(body).hexdigest() for body in (WRONG, BODY))
    assert f"observed sha256 {seen}, expected {expected}" in capsys.readouterr().err


@pytest.mark.parametrize(
    "body", [BODY[:500], BODY + b"more", BODY * 5], ids=["short", "long", "5 times"]
)
def test_file_of_another_size_is_refused(project, server, capsys, body):
    project.write(make_row(sha256=""))
    server.on(RAW, serve(body))
    assert project.run() == 1
    assert len(server.asked) == 1
    assert project.files() == {}
    assert f"bytes, expected {len(BODY):,} bytes" in capsys.readouterr().err


def test_body_without_end_is_cut_off(project, server, capsys):
    finished: list[bool] = []
    server.on(RAW, flood(finished))
    assert project.run() == 1
    assert finished == []
    assert project.files() == {}
    assert f"bytes, expected {len(BODY):,} bytes" in capsys.readouterr().err


# Files that are there already


def test_good_file_is_left_alone(project, server, capsys):
    good = project.put(RAW, BODY)
    before = good.stat().st_mtime_ns
    assert project.run() == 0
    assert server.asked == []
    assert good.stat().st_mtime_ns == before
    assert f"already there [sha256] {RAW}" in capsys.readouterr().out


@pytest.mark.parametrize(
    "bad", [WRONG, BODY[:100], HTML], ids=["wrong", "short", "html"]
)
def test_bad_file_is_replaced_only_after_success(project, server, bad):
    target = project.put(RAW, bad)
    seen: list[bytes] = []

    def look_then(answer: Answer) -> Answer:
        def look(handler: Handler) -> None:
            seen.append(target.read_bytes())
            answer(handler)

        return look

    server.on(RAW, look_then(truncate(BODY, 640)), look_then(serve(BODY)))
    assert project.run() == 0
    assert seen == [bad, bad]
    assert project.files() == {RAW: BODY}


@pytest.mark.parametrize(
    "answer",
    [serve(WRONG), status(200, HTML), status(404), truncate(BODY, 640)],
    ids=["wrong file", "html", "not found", "truncated"],
)
def test_bad_file_stays_when_the_download_fails(project, server, answer):
    project.put(RAW, b"old")
    server.on(RAW, answer)
    assert project.run() == 1
    assert project.files()[RAW] == b"old"


# Files without a known hash


def test_size_only_is_said_plainly(project, server, capsys):
    project.write(make_row(sha256=""))
    server.on(RAW, serve(BODY))
    assert project.run("--quiet") == 0
    assert project.run("--quiet") == 0
    assert len(server.asked) == 1
    check = f"[size_only: its sha256 is not known] {RAW}"
    out = capsys.readouterr().out
    assert out.splitlines() == [f"downloaded {check}", f"already there {check}"]


def test_size_only_is_never_resumed(project, server):
    project.write(make_row(sha256=""))
    project.put(f"{RAW}.part", WRONG[:1000])
    server.on(RAW, truncate(BODY, 640), serve(BODY))
    assert project.run() == 0
    assert server.ranges(RAW) == [None, None]
    assert project.files() == {RAW: BODY}


def test_html_page_of_the_right_size_is_not_already_there(project, server):
    project.write(make_row(sha256=""))
    project.put(RAW, HTML.ljust(len(BODY)))
    server.on(RAW, serve(BODY))
    assert project.run() == 0
    assert project.files() == {RAW: BODY}


# Interruptions


@pytest.mark.parametrize(
    ("sign", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)]
)
def test_interrupted_download_leaves_a_part_file(project, server, sign, code):
    big = BODY * 200
    project.write(make_row(body=big))
    server.on(RAW, stall(big, len(big) // 2, seconds=10), serve(big))
    script = str(ROOT / "scripts" / "fetch_release.py")
    command = [sys.executable, script, *project.arguments("--timeout=10")]
    part = project.data_dir / f"{RAW}.part"
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as running:
        deadline = time.monotonic() + 10
        while not (part.exists() and part.stat().st_size > 100_000):
            assert time.monotonic() < deadline, "the download never began"
            time.sleep(0.01)
        running.send_signal(sign)
        err = running.communicate(timeout=10)[1]
    assert running.returncode == code
    assert "Traceback" not in err
    assert list(project.files()) == [f"{RAW}.part"]
    size = part.stat().st_size
    assert project.run() == 0
    assert server.ranges(RAW) == [None, f"bytes={size}-"]
    assert project.files() == {RAW: big}


def test_one_bad_file_does_not_stop_the_others(project, server, capsys):
    project.write(make_row(), make_row(TASKS, file_role="onet_task_statements"))
    server.on(TASKS, serve(BODY))
    assert project.run() == 1
    assert project.files() == {TASKS: BODY}
    out, err = capsys.readouterr()
    assert "error: 1 of 2 files failed" in err
    assert "make warehouse" not in out


def test_folder_that_cannot_be_written_is_plain_words(project, server, capsys):
    server.on(RAW, serve(BODY))
    project.data_dir.write_text("a file, not a folder")
    assert project.run() == 1
    err = capsys.readouterr().err
    assert f"error: {RAW}: observed" in err
    assert "Check the disk and --data-dir" in err


# Which files


def test_takes_current_raw_files_and_shared_reference_files(project, server):
    reference = {"release_id": "2025_09_15"}
    project.write(
        make_row(),
        make_row(RAW, WRONG, copy_status="superseded"),
        make_row("old/raw.csv", release_id="2025_09_15"),
        make_row(TASKS, file_role="onet_task_statements", **reference),
        make_row("y/iso.csv", file_role="iso", taxonomy_version="", **reference),
        make_row("y/new.csv", file_role="soc_structure", taxonomy_version="onet_30_2"),
        make_row("y/old.csv", file_role="soc_structure", copy_status="superseded"),
        make_row("y/sim.csv", file_role="soc_structure", is_simulated="true"),
    )
    for path in (RAW, TASKS, "y/iso.csv"):
        server.on(path, serve(BODY))
    assert project.run() == 0
    assert project.files() == {RAW: BODY, TASKS: BODY, "y/iso.csv": BODY}
    assert sorted(asked.path for asked in server.asked) == [
        f"/{RAW}",
        f"/{TASKS}",
        "/y/iso.csv",
    ]


def test_several_releases_share_reference_files(project, server):
    project.write(
        make_row(),
        make_row("b/raw.csv", release_id="2026_03_24"),
        make_row(TASKS, file_role="onet_task_statements"),
    )
    for path in (RAW, "b/raw.csv", TASKS):
        server.on(path, serve(BODY))
    assert project.run("2026_01_15", "2026_03_24") == 0
    assert sorted(project.files()) == ["b/raw.csv", RAW, TASKS]
    assert len(server.asked) == 3


def test_path_with_special_characters(project, server):
    project.write(make_row("a b/50%#.csv"))
    server.on("mirror/a%20b/50%25%23.csv", serve(BODY))
    assert project.run(f"--base-url={server.url}/mirror/") == 0
    assert project.files() == {"a b/50%#.csv": BODY}


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


@pytest.mark.parametrize(
    "option",
    ["--timeout=0", "--timeout=x", "--retries=-1", "--base-url=file:///x", "--what"],
)
def test_usage_errors(project, option):
    with pytest.raises(SystemExit) as stopped:
        project.run(option)
    assert stopped.value.code == 2


@pytest.mark.parametrize(
    "bad",
    [
        {"relative_path": "../out.csv"},
        {"relative_path": "/out.csv"},
        {"relative_path": "a/../../out.csv"},
        {"relative_path": ""},
        {"byte_count": ""},
        {"byte_count": "0"},
        {"sha256": "abc"},
    ],
)
def test_manifest_row_of_no_use(project, server, capsys, bad):
    project.write(make_row(**bad))
    assert project.run() == 1
    assert "Correct that row of the manifest" in capsys.readouterr().err
    assert server.asked == []


def test_current_rows_that_differ(project, server, capsys):
    project.write(make_row(), make_row(RAW, WRONG))
    assert project.run() == 1
    assert f"{RAW}: observed current rows that differ" in capsys.readouterr().err
    assert server.asked == []


def test_manifest_that_is_not_one(project, capsys):
    project.manifest.write_text("release_id,file_role\n2026_01_15,raw\n")
    assert project.run() == 1
    assert "observed no column byte_count, citation" in capsys.readouterr().err
    project.manifest.unlink()
    assert project.run() == 1
    assert "expected a readable CSV. Check --manifest" in capsys.readouterr().err


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


def test_data_folder_from_the_environment(project, server, monkeypatch, tmp_path):
    server.on(RAW, serve(BODY))
    monkeypatch.setenv("AEI_DATA_DIR", str(tmp_path / "from_environment"))
    given = [a for a in project.arguments() if not a.startswith("--data-dir")]
    assert fetch_release.main(given) == 0
    assert (tmp_path / "from_environment" / RAW).read_bytes() == BODY


@pytest.mark.parametrize("value", [None, ""])
def test_data_folder_by_default(project, server, monkeypatch, tmp_path, value):
    server.on(RAW, serve(BODY))
    monkeypatch.setattr(fetch_release, "PROJECT_ROOT", tmp_path / "project")
    if value is not None:
        monkeypatch.setenv("AEI_DATA_DIR", value)
    given = [a for a in project.arguments() if not a.startswith("--data-dir")]
    assert fetch_release.main(given) == 0
    assert (tmp_path / "project" / "data" / "aei" / RAW).read_bytes() == BODY


# The real manifest


def test_real_manifest_files_of_2026_01_15():
    rows = fetch_release.read_manifest(fetch_release.MANIFEST)
    files = fetch_release.select_files(rows, ["2026_01_15"])
    january = "release_2026_01_15/data/intermediate/aei_raw"
    september = "release_2025_09_15/data/intermediate"
    assert {file.path for file in files} == {
        f"{january}_claude_ai_2025-11-13_to_2025-11-20.csv",
        f"{january}_1p_api_2025-11-13_to_2025-11-20.csv",
        f"{september}/onet_task_statements.csv",
        f"{september}/soc_structure.csv",
        f"{september}/iso_country_codes.csv",
        f"{september}/working_age_pop_2024_country.csv",
    }
    assert all(file.sha256 for file in files)


def test_real_manifest_cites_the_revision_that_is_fetched():
    rows = fetch_release.read_manifest(fetch_release.MANIFEST)
    real = [row for row in rows if row["is_simulated"] == "false"]
    cited = [row["citation"] for row in real if row["file_role"] == "raw"]
    assert cited
    assert all(fetch_release.REVISION in citation for citation in cited)
