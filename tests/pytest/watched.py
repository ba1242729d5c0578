"""A build that is stopped at ten points and looked at, as if it had been killed there.

A process group that is stopped has written what one that is killed there has written;
unlike that one it can go on, so that one build shows all points.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from conftest import Build, Once, start_build
from dbt.contracts.graph.manifest import Manifest

# Where a build is stopped: the text that it prints last before, and seconds after it
# or after the point before.
POINTS = {
    "when staging begins": ("Staging the raw files", 0.2),
    "in the middle of staging": ("Staging the raw files", 3.0),
    "before the raw expectations": ("Asking the expectations of the raw", 0.0),
    "while expectations are asked": ("Asking the expectations of the raw", 1.0),
    "when the marts begin": ("Building and testing the marts", 0.0),
    "in the middle of a mart": ("Building and testing the marts", 2.5),
    "before the marts are judged": ("Asking the expectations of the marts", 0.0),
    "while pages are written": ("Writing pages, exports and docs", 0.3),
    "while docs are written": ("Writing pages, exports and docs", 1.0),
    "when publishing begins": ("Publishing", 0.0),
}


def digest(file: Path) -> str | None:
    """The sha256 of a file; None where there is none."""
    if not file.exists():
        return None
    with file.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


# Of a build on another machine. The tests of dbt take time only.
OTHER_MACHINE = {
    "AEI_MEMORY_LIMIT": "600MB",
    "AEI_QUERY_THREADS": "4",
    "DBT_EXCLUDE_RESOURCE_TYPES": "unit_test test",
    "DBT_THREADS": "4",
    "OPENBLAS_CORETYPE": "Prescott",
    "OPENBLAS_NUM_THREADS": "1",
}


class Watched(NamedTuple):
    """A build that has ended; the digest of the published file at each point that came
    before it began to publish; and a folder with everything else that builds killed at
    these points would have left."""

    build: Build
    published: dict[str, str | None]
    left: Path


def stop(process: int) -> None:
    """Stop a process group, and wait until it stands.

    A process that begins another stands only when that one runs its program, which it
    doesn't if it was stopped before: then both go on, and are stopped again.
    """
    while True:
        os.killpg(process, signal.SIGSTOP)
        for _ in range(20):
            if os.waitpid(process, os.WUNTRACED | os.WNOHANG)[0]:
                return
            time.sleep(0.05)
        os.killpg(process, signal.SIGCONT)
        time.sleep(0.2)


def watched_build(folder: Path, *options: str, **others: Any) -> Watched:
    """Run scripts/build.py on the shipped data, stopped at each point in turn."""
    seen: dict[str, str | None] = {}
    left = Path(tempfile.mkdtemp(prefix=f"{folder.name}-left-", dir=folder.parent))
    said = left.with_name(f"{left.name}.txt")
    with said.open("w") as out:
        process = start_build(folder, None, *options, stdout=out, **others)
    for name, (last_words, seconds) in POINTS.items():
        while last_words not in said.read_text() and process.poll() is None:
            time.sleep(0.05)
        time.sleep(seconds)
        if process.poll() is not None:
            break
        stop(process.pid)
        try:
            if "Publishing" not in said.read_text():
                seen[name] = digest(folder / "published.duckdb")
            published = shutil.ignore_patterns("published.duckdb*")
            shutil.copytree(folder, left, dirs_exist_ok=True, ignore=published)
        finally:
            os.killpg(process.pid, signal.SIGCONT)
    _, stderr = process.communicate()
    build = Build(folder, process.returncode, said.read_text(), stderr)
    return Watched(build, seen, left)


@pytest.fixture(scope="session")
def watched_warehouse(once: Once, project_manifest: Manifest) -> Watched:
    """The warehouse on the data that ships with the project, built once, by a person
    who had none."""

    def build(folder: Path) -> Watched:
        (folder / "target").mkdir(parents=True, exist_ok=True)
        parsed = folder.with_name("parsed") / "target" / "partial_parse.msgpack"
        shutil.copy(parsed, folder / "target")
        return watched_build(folder)

    watched: Watched = once("shipped", build)
    assert watched.build.status == 0, watched.build.stderr
    return watched


@pytest.fixture(scope="session")
def shipped_warehouse(watched_warehouse: Watched) -> Build:
    """The warehouse on the data that ships with the project."""
    return watched_warehouse.build


@pytest.fixture(scope="session")
def built_again(once: Once, watched_warehouse: Watched) -> Watched:
    """The same once more, on top of the first and of all that killed builds leave
    behind, with other numbers of threads and of processors, and less memory; its docs
    would be the same."""

    def build(folder: Path) -> Watched:
        shutil.copytree(watched_warehouse.left, folder)
        shutil.copy(watched_warehouse.build.file, folder / "published.duckdb")
        processors = os.sched_getaffinity(0)
        os.sched_setaffinity(0, sorted(processors)[:1])
        try:
            parsed = folder.with_name("parsed")
            return watched_build(folder, "--no-docs", parsed=parsed, **OTHER_MACHINE)
        finally:
            os.sched_setaffinity(0, processors)

    watched: Watched = once("again", build)
    return watched
