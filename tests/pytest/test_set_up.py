"""What make does where it finds one Python or another, or none."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import build
import pytest
from conftest import PROJECT
from warehouse import building, publishing
from warehouse.errors import BuildError

# It says how it was called, and the version that is the end of its name.
PYTHON = """#!/bin/sh
echo "$0 $@" >> "$CALLS"
case "$*" in
    "-c"*) case "$0" in *3.1[123]) exit 0;; *) exit 1;; esac;;
    "--version") exit ${SHIM_STATUS:-0};;
    "-m venv "*) mkdir -p "$3/bin"; cp "$0" "$3/bin/python";;
    *"pip install"*) exit ${PIP_STATUS:-0};;
esac
"""
# It finds the Python that it has, or brings it.
UV = """#!/bin/sh
case "$*" in
    "python find 3.11") [ -f "$CALLS.brought" ] && command -v uv3.11;;
    "python install 3.11") command -v uv3.11 > /dev/null && touch "$CALLS.brought";;
esac
"""
TOOLS = ("sh", "touch", "mkdir", "cp", "rm")


class Place:
    """A project in a folder with a space, and what is on the PATH there."""

    def __init__(self, folder: Path, programs: Sequence[str]) -> None:
        self.root, self.path = folder / "my project", folder / "bin"
        self.root.mkdir(), self.path.mkdir()
        for name in ("Makefile", "requirements.lock"):
            shutil.copy(PROJECT / name, self.root)
        for tool in TOOLS:
            (self.path / tool).symlink_to(str(shutil.which(tool)))
        for name in programs:
            (self.path / name).write_text(UV if name == "uv" else PYTHON)
            (self.path / name).chmod(0o755)
        self.calls = folder / "calls"

    def make(
        self, *arguments: str, target: str = "warehouse", **variables: str
    ) -> subprocess.CompletedProcess:
        """Run make."""
        own = {"PATH": str(self.path), "CALLS": str(self.calls)}
        return subprocess.run(
            [str(shutil.which("make")), target, *arguments],
            cwd=self.root,
            env=own | variables,
            capture_output=True,
            text=True,
        )


@pytest.mark.parametrize(
    ("programs", "arguments", "call"),
    [
        (["python3.11", "python3.13", "uv"], [], "python3.11 -m venv .venv"),
        (["python3.13"], ["PYTHON=python3.13"], "python3.13 -m venv .venv"),
        (["python3.13", "uv", "uv3.11"], [], "uv3.11 -m venv .venv"),
    ],
)
def test_environment_is_made_with_what_is_there(
    programs: list[str], arguments: list[str], call: str, tmp_path: Path
) -> None:
    place = Place(tmp_path, programs)
    ended = place.make(*arguments)
    assert ended.returncode == 0, ended.stderr
    calls = place.calls.read_text()
    assert call in calls
    assert calls.endswith("scripts/build.py\n")
    # A second time nothing is installed.
    installed = calls.count("pip install")
    assert place.make(*arguments).returncode == 0
    assert place.calls.read_text().count("pip install") == installed == 1


@pytest.mark.parametrize(
    ("programs", "arguments", "said"),
    [
        (["python3.13"], [], ["uv", "make PYTHON=python3.13"]),
        (["python3.10"], ["PYTHON=python3.10"], ["3.11", "python3.10 is none"]),
        (["uv"], [], ["uv brought no Python", "docs/set-up.md"]),
    ],
)
def test_without_a_python_that_does_it_says_what_to_do(
    programs: list[str], arguments: list[str], said: list[str], tmp_path: Path
) -> None:
    place = Place(tmp_path, programs)
    ended = place.make(*arguments)
    assert ended.returncode != 0
    assert [text for text in said if text not in ended.stdout] == []
    assert not (place.root / ".venv").exists()


def test_name_of_a_python_that_does_not_run_is_none(tmp_path: Path) -> None:
    """As a version manager leaves it for a version that is not chosen."""
    place = Place(tmp_path, ["python3.11", "uv", "uv3.11"])
    ended = place.make(SHIM_STATUS="127")
    assert ended.returncode == 0, ended.stderr
    assert "uv3.11 -m venv .venv" in place.calls.read_text()


def test_a_word_that_make_does_not_know_names_help(tmp_path: Path) -> None:
    ended = Place(tmp_path, []).make(target="instal")
    assert ended.returncode != 0
    assert "make help" in ended.stdout


def test_installation_that_fails_says_where_help_is(tmp_path: Path) -> None:
    place = Place(tmp_path, ["python3.11"])
    ended = place.make(PIP_STATUS="1")
    assert ended.returncode != 0
    assert "docs/set-up.md" in ended.stdout
    assert (PROJECT / "docs" / "set-up.md").is_file()
    assert "scripts/build.py" not in place.calls.read_text()
    assert place.make().returncode == 0


def test_place_that_can_not_be_written_says_where_help_is(tmp_path: Path) -> None:
    """A file where the folder of the work file should be: nobody can write there, not
    even who may write everywhere."""
    (tmp_path / "work").write_text("")
    lock = publishing.only_build(tmp_path / "work" / "a.duckdb.lock")
    with pytest.raises(BuildError, match="--work-file.*docs/set-up.md"), lock:
        pass


def test_ctrl_c_is_said_in_a_few_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(*arguments: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(building, "build", stop)
    assert build.main(["--output", str(tmp_path / "published.duckdb")]) == 130
    said = capsys.readouterr().err
    assert "from the keyboard" in said
    assert "no published warehouse" in said
