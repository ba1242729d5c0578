"""A build that is killed, disturbed or out of space leaves the published files good."""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import build
import duckdb
import pytest
from conftest import (
    PROJECT,
    SHIPPED_DATA,
    Build,
    dbt_environment,
    query,
    settings,
    start_build,
    wait_until,
)
from dbt.contracts.graph.manifest import Manifest
from warehouse import building, publishing, workers
from warehouse.errors import BuildError, with_advice
from warehouse.published import sidecar
from watched import POINTS, Watched, digest

# DuckDB draws a bar into the answer of python -c where it takes two seconds.
WITHOUT_BAR = "set enable_progress_bar = false"
# One figure of four marts that must be of one build.
FINGERPRINT = """
    select
        (select max(run_id) from marts.fct_expectation_results where is_latest_run),
        (select sum(conversation_count) from marts.fct_task_cells),
        (select sum(conversation_count) from marts.fct_education_shares),
        (select count(*) from marts.fct_interaction_patterns)
"""


@dataclass(frozen=True)
class Place:
    """A folder in which a warehouse was published before, and is built again."""

    folder: Path
    before: str | None
    capsys: pytest.CaptureFixture[str]

    @property
    def published(self) -> Path:
        """The published file."""
        return self.folder / "out" / "published.duckdb"

    @property
    def arguments(self) -> list[str]:
        """The arguments of a build here."""
        work_file = self.folder / "work.duckdb"
        places = ["--output", str(self.published), "--work-file", str(work_file)]
        return [*places, "--no-docs"]

    def refusal(self, *options: str, **environment: str) -> str:
        """What a build in this process says that stops and publishes nothing."""
        without = {"DBT_EXCLUDE_RESOURCE_TYPES": "unit_test test"}
        with (
            dbt_environment(self.folder),
            mock.patch.dict(os.environ, without | environment),
        ):
            status = build.main([*self.arguments, *options])
        said = self.capsys.readouterr().err
        assert status == 1
        assert self.is_as_it_was()
        return said

    def is_as_it_was(self) -> bool:
        """Whether the published file is the old one and answers."""
        assert query(self.published, FINGERPRINT)
        return digest(self.published) == self.before

    def new_version(self) -> Path:
        """A warehouse that differs from the published one by a table."""
        new = self.folder / "new.duckdb"
        shutil.copy(self.published, new)
        with duckdb.connect(str(new)) as con:
            con.execute("create table marts.of_the_new_build as select 1 as one")
        return new


@pytest.fixture
def place(
    shipped_warehouse: Build,
    project_manifest: Manifest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Place:
    """A folder with a published warehouse; builds in this process do not parse."""
    prepared = functools.partial(building.Dbt, manifest=project_manifest)
    monkeypatch.setattr(building, "Dbt", prepared)
    published = tmp_path / "out" / "published.duckdb"
    published.parent.mkdir()
    shutil.copy(shipped_warehouse.file, published)
    return Place(tmp_path, digest(published), capsys)


# Killed -------------------------------------------------------------------------------


def litter(folder: Path) -> set[str]:
    """What lies beside the published file and is not meant to."""
    return {
        path.name
        for path in folder.iterdir()
        if path.name.startswith(".")
        or path.suffix in (".wal", ".new", ".tmp", ".scratch")
    }


def test_killed_at_ten_points_the_old_file_is_good_and_the_next_build_works(
    watched_warehouse: Watched, built_again: Watched
) -> None:
    first, again = watched_warehouse.build, built_again.build
    for watched, before in (
        (watched_warehouse, None),
        (built_again, digest(first.file)),
    ):
        # A fast build may begin to publish before a late point.
        assert len(watched.published) > len(POINTS) / 2
        assert set(watched.published.values()) == {before}, watched.published
    # Everything that ten killed builds leave lay about then.
    assert litter(watched_warehouse.left) >= {
        ".published.duckdb.outputs",
        "work.duckdb.scratch",
    }
    assert again.status == 0, again.stderr
    assert digest(again.file) != digest(first.file)
    assert again.query(FINGERPRINT)
    assert litter(again.folder) == set()
    # Runs of killed builds are not in the history, those of published ones are.
    runs = "select count(distinct run_id) from marts.fct_expectation_results"
    assert again.query(runs) == [(2,)]


def processes_of(build: subprocess.Popen[str]) -> list[int]:
    """The processes of a build's group that are alive, but for the first."""
    found = []
    for file in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, group = file.read_text().rpartition(")")[2].split()[:3]
            if group == str(build.pid) and state != "Z":
                found.append(int(file.parent.name))
    return [process for process in found if process != build.pid]


def test_killed_build_leaves_no_process_behind(place: Place) -> None:
    process = start_build(place.folder, None, "--output", str(place.published))
    assert process.stdout is not None
    while not process.stdout.readline().startswith("Staging the raw files"):
        assert process.poll() is None
    # the process that expectations will be asked in
    wait_until(lambda: processes_of(process) != [])
    process.kill()
    process.wait()
    wait_until(lambda: processes_of(process) == [])
    assert place.is_as_it_was()


def test_build_that_loses_a_process_says_so(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose_one(dbt: building.Dbt, *_: str) -> None:
        shutil.copy(place.published, place.folder / "work.duckdb")
        os.kill(workers.beside("os", "getpid").result(), signal.SIGKILL)

    monkeypatch.setattr(building.Dbt.func, "build", lose_one)
    said = place.refusal()
    assert "A process of this build was ended from outside" in said


# Publishing step by step: a driver that waits forever before or after one call.
DRIVER = """
import sys, time
from pathlib import Path
from warehouse import publishing
step, count, work, published, outputs = sys.argv[1:]
module, name = step.rsplit(".", 1)
module = {{"os": publishing.os, "shutil": publishing.shutil}}[module]
call, left = getattr(module, name), [int(count)]
def wait(*arguments, **options):
    left[0] -= 1
    if left[0] == 0 and {before}:
        print("here", flush=True)
        time.sleep(600)
    done = call(*arguments, **options)
    if left[0] == 0:
        print("here", flush=True)
        time.sleep(600)
    return done
setattr(module, name, wait)
publishing.publish(Path(work), Path(published), sorted(Path(outputs).iterdir()))
"""


@pytest.mark.parametrize(
    ("step", "count", "is_before", "is_new"),
    [
        ("shutil.copyfileobj", 1, True, False),
        ("shutil.copyfileobj", 1, False, False),
        ("os.fsync", 1, False, False),
        ("os.replace", 1, True, False),
        ("os.replace", 1, False, True),
        ("os.replace", 2, True, True),
        ("os.replace", 2, False, True),
        ("os.replace", 3, True, True),
    ],
)
def test_killed_while_publishing_the_file_is_old_or_new(
    step: str, count: int, is_before: bool, is_new: bool, place: Place
) -> None:
    work_file = place.new_version()
    outputs = place.folder / "outputs"
    (outputs / "docs").mkdir(parents=True)
    (outputs / "docs" / "index.html").write_text("new")
    (outputs / "report.html").write_text("new")
    (place.published.parent / "docs").mkdir()
    (place.published.parent / "docs" / "index.html").write_text("old")
    arguments = [step, str(count), str(work_file), str(place.published), str(outputs)]
    process = subprocess.Popen(
        [sys.executable, "-c", DRIVER.format(before=is_before), *arguments],
        env=settings(place.folder) | {"PYTHONPATH": str(PROJECT / "scripts")},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "here\n"
    process.kill()
    process.wait()
    if is_new:
        assert digest(place.published) == digest(work_file)
    else:
        assert place.is_as_it_was()
    # The next publishing is whole and leaves nothing behind.
    (outputs / "docs").mkdir(exist_ok=True)
    (outputs / "docs" / "index.html").write_text("newer")
    (outputs / "report.html").write_text("newer")
    publishing.publish(work_file, place.published, sorted(outputs.iterdir()))
    assert digest(place.published) == digest(work_file)
    assert litter(place.published.parent) == set()
    for page in ("docs/index.html", "report.html"):
        assert (place.published.parent / page).read_text() == "newer"


# Readers ------------------------------------------------------------------------------


def test_readers_see_one_build_each_time_they_look(place: Place) -> None:
    """Readers open the file again and again while two builds take turns."""
    old, new = place.folder / "old.duckdb", place.folder / "new.duckdb"
    shutil.copy(place.published, old)
    shutil.copy(place.published, new)
    with duckdb.connect(str(new)) as con:
        for table in ("fct_task_cells", "fct_education_shares"):
            con.execute(
                f"update marts.{table} set conversation_count = conversation_count * 3"
            )
        con.execute("delete from marts.fct_interaction_patterns")
    states = {query(file, FINGERPRINT)[0] for file in (old, new)}
    assert len(states) == 2
    seen: list[tuple[object, ...]] = []
    is_over = threading.Event()

    def read() -> None:
        while not is_over.is_set():
            # A process of its own: in one process DuckDB shares what is open.
            ended = subprocess.run(
                [
                    sys.executable,
                    "-c",
                    "import duckdb, sys, time\n"
                    "con = duckdb.connect(sys.argv[1], read_only=True)\n"
                    f"con.execute('{WITHOUT_BAR}')\n"
                    "parts = sys.argv[2].strip().removeprefix('select').split(',\\n')\n"
                    "for part in parts:\n"
                    "    print(con.execute('select ' + part).fetchall()[0][0])\n"
                    "    time.sleep(0.1)\n",
                    str(place.published),
                    FINGERPRINT,
                ],
                capture_output=True,
                text=True,
                check=True,
            )
            seen.append(tuple(ended.stdout.split()))

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    deadline = time.monotonic() + 120
    for file in itertools.cycle((new, old)):
        publishing.publish(file, place.published)
        time.sleep(0.1)
        is_seen = len(seen) >= 8 and len(set(seen)) >= 2
        if is_seen or time.monotonic() > deadline:
            break
    is_over.set()
    for reader in readers:
        reader.join()
    assert set(seen) <= {tuple(str(part) for part in state) for state in states}
    assert len(set(seen)) == 2, "every reader saw the same build: nothing was tested"


# Two at once --------------------------------------------------------------------------


@pytest.mark.parametrize("held", ["work.duckdb.lock", "out"])
def test_two_builds_at_once_are_one_too_many(
    held: str, place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    """The lock of a work file, or of the folder that both would publish into."""
    with publishing.only_build(place.folder / held):
        assert build.main(place.arguments) == 1
    said = capsys.readouterr().err
    assert "Another build of this project is running" in said
    assert f"{place.folder / held}); wait until it has ended" in said
    assert place.is_as_it_was()
    assert not (place.folder / "work.duckdb").exists()
    with publishing.only_build(place.folder / held):
        pass  # free again


@pytest.mark.parametrize("use", ["published here", "published elsewhere", "notes"])
def test_file_of_another_use_is_no_work_file(use: str, place: Place) -> None:
    file = place.published
    if use != "published here":
        file = place.folder / "of another use"
        file.write_bytes(
            place.published.read_bytes() if use != "notes" else b"notes" * 9
        )
    if use == "published elsewhere":
        sidecar(file).touch()
    before = digest(file)
    assert f"work file {file} is" in place.refusal("--work-file", str(file))
    assert digest(file) == before


# No space, no right -------------------------------------------------------------------


@pytest.mark.parametrize("step", ["shutil.copyfileobj", "os.fsync", "os.replace"])
def test_publishing_that_fails_leaves_the_old_file(
    step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = tmp_path / "out" / "published.duckdb"
    published.parent.mkdir()
    published.write_bytes(b"old")
    work_file = tmp_path / "work.duckdb"
    work_file.write_bytes(b"new" * 1_000_000)

    def fail(*_: object, **__: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(f"warehouse.publishing.{step}", fail)
    with pytest.raises(OSError, match="No space left"):
        publishing.publish(work_file, published)
    assert published.read_bytes() == b"old"
    assert list(published.parent.iterdir()) == [published]


def test_memory_that_does_not_suffice_says_what_to_set(place: Place) -> None:
    said = place.refusal(AEI_MEMORY_LIMIT="20MB")
    assert "Out of Memory Error" in said
    assert "more memory than it may use (20MB, and the disk beside the work" in said
    assert "set AEI_MEMORY_LIMIT to more, such as AEI_MEMORY_LIMIT=4GB" in said
    assert "Possible solutions" not in said


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 6 MB of its own; only root can make one."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(folder)],
        capture_output=True,
        text=True,
    )
    if mounted.returncode != 0:
        pytest.skip(f"a small disk can't be mounted here: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.parametrize("full", ["work file", "target of dbt"])
def test_full_disk_is_said_clearly(full: str, place: Place, small_disk: Path) -> None:
    if full == "work file":
        said = place.refusal("--work-file", str(small_disk / "work.duckdb"))
        assert f"MB in {small_disk}" in said
        assert "name another place with --work-file" in said
    else:
        with (
            pytest.raises(OSError, match="No space"),
            (small_disk / "filler").open("wb") as filler,
        ):
            filler.write(bytes(7_000_000))
        said = place.refusal(DBT_TARGET_PATH=str(small_disk / "target"))
    assert "The disk is full" in said


def test_full_disk_while_publishing_is_said_clearly(
    place: Place, small_disk: Path
) -> None:
    published = small_disk / "published.duckdb"
    published.write_bytes(b"old")
    with pytest.raises(OSError) as error:
        publishing.publish(place.published, published)
    said = with_advice(str(error.value), small_disk)
    assert "The disk is full" in said
    assert f"MB in {small_disk}" in said
    assert published.read_bytes() == b"old"
    assert [path.name for path in small_disk.iterdir()] == ["published.duckdb"]


def test_output_that_can_not_be_written_is_refused(
    place: Place, small_disk: Path
) -> None:
    said = place.refusal("--output", str(small_disk))
    assert "is a folder; expected the name of a file" in said
    published = small_disk / "published.duckdb"
    published.write_bytes(b"old")
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    assert "Read-only file system" in place.refusal("--output", str(published))
    assert published.read_bytes() == b"old"


@pytest.mark.parametrize("read_only", [True, False])
def test_program_with_the_published_file_open_keeps_what_it_sees(
    place: Place, read_only: bool
) -> None:
    """Who reads is not disturbed by a rename; who writes would lose what it writes, so
    the build is refused."""
    new = place.new_version()
    program = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import duckdb, sys\n"
            "con = duckdb.connect(sys.argv[1], read_only=sys.argv[2] == 'True')\n"
            f"con.execute('{WITHOUT_BAR}')\n"
            "print('open', flush=True)\n"
            "sys.stdin.readline()\n"
            "print(con.execute('select count(*) from duckdb_tables() where '\n"
            "    \"table_name = 'of_the_new_build'\").fetchall()[0][0])\n",
            str(place.published),
            str(read_only),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert program.stdout is not None
    assert program.stdout.readline() == "open\n"
    try:
        if read_only:
            publishing.publish(new, place.published)
            assert digest(place.published) == digest(new)
        else:
            with pytest.raises(BuildError) as error:
                publishing.publish(new, place.published)
            assert "open for writing, and would lose what it writes" in str(error.value)
            assert str(place.published) in str(error.value)
        said, _ = program.communicate("\n")
        assert said == "0\n"
    finally:
        program.kill()
        program.wait()
    assert read_only or place.is_as_it_was()


@pytest.mark.parametrize("when", ["Data: ", "Staging the raw files"])
def test_data_folder_that_vanishes_is_said_clearly(
    when: str, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = place.folder / "data"
    shutil.copytree(SHIPPED_DATA, data)

    def vanish(text: str) -> None:
        if text.startswith(when):
            shutil.rmtree(data)

    monkeypatch.setattr(building, "say", vanish)
    assert str(data) in place.refusal("--data-dir", str(data))
