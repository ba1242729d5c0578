"""What a published file says of its making, what moved since the one before, and that
commands which read it notice an edit.
"""

from __future__ import annotations

import os
import re
import runpy
import shutil
import subprocess
import sys
import uuid
from datetime import datetime
from pathlib import Path

import duckdb
import pytest
import validate
from conftest import PROJECT, Build, query, settings
from warehouse import published, publishing, recording
from warehouse.comparing import grains
from warehouse.errors import WarehouseError
from watched import OTHER_MACHINE, Watched

NEXT = datetime(2026, 2, 1)
HASHES = (
    "select code_sha256, lock_sha256, data_sha256, is_simulated from marts.dim_build"
)
CONTENTS = "from marts.dim_build_marts order by mart"
SHARE = "update marts.fct_education_shares set share_pct = 99 where scope = 'education'"


def edit(file: Path, sql: str) -> None:
    """Change a file as a person could."""
    with duckdb.connect(str(file)) as con:
        con.execute(sql)


# The same again -----------------------------------------------------------------------


def test_same_inputs_give_the_same_figures_to_the_last_bit(
    shipped_warehouse: Build, built_again: Watched
) -> None:
    """Built again on top of the first as on another machine."""
    again = built_again.build
    assert again.status == 0, again.stderr
    assert again.query(CONTENTS) == shipped_warehouse.query(CONTENTS)
    assert len(again.query(CONTENTS)) >= 30
    assert again.query(HASHES) == shipped_warehouse.query(HASHES)
    assert again.query("select compared_build_id from marts.dim_build") == (
        shipped_warehouse.query("select build_id from marts.dim_build")
    )
    assert again.query("from marts.fct_figure_changes") == []
    assert "no figure has moved" in again.stdout


DBT_ALONE = """
import sys
from pathlib import Path
sys.path += ["scripts", "tests/pytest"]
from parsed import read_parsed
from warehouse.runner import Dbt
work_file, data_dir, parsed = map(Path, sys.argv[1:])
Dbt(work_file, data_dir, read_parsed(parsed)).build()
"""


def test_real_files_give_the_same_figures_to_the_last_bit(
    real_warehouse: Build, real_data_dir: Path, tmp_path: Path
) -> None:
    """They are more than fits into little memory: parts of sums go to disk."""
    work_file = tmp_path / "work.duckdb"
    parsed = real_warehouse.folder.with_name("parsed")
    ended = subprocess.run(
        [sys.executable, "-c", DBT_ALONE, work_file, real_data_dir, parsed],
        cwd=PROJECT,
        env=settings(tmp_path, real_data_dir) | OTHER_MACHINE,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr
    with duckdb.connect(str(work_file), read_only=True) as con:
        again = [(mart, *of) for mart, of in published.contents(con, "work").items()]
    assert again == real_warehouse.query(CONTENTS)


def test_build_names_what_it_was_made_of(shipped_warehouse: Build) -> None:
    (build,) = shipped_warehouse.records("from marts.dim_build")
    lock = published.sha256_of(PROJECT / "requirements.lock")
    assert build["lock_sha256"] == lock
    assert build["is_simulated"] is True
    commit = build["code_commit"]
    assert (commit is None) == (recording.commit() is None)
    assert commit is None or re.fullmatch(r"[0-9a-f]{40}(-modified)?", commit)
    assert build["compared_build_id"] is None
    (run,) = shipped_warehouse.query(
        "select distinct run_id, run_at from marts.fct_expectation_results"
    )
    assert (build["build_id"], build["built_at"]) == run
    assert str(uuid.UUID(build["dbt_invocation_id"])) == build["dbt_invocation_id"]


# What moved ---------------------------------------------------------------------------


@pytest.fixture
def pair(shipped_warehouse: Build, tmp_path: Path) -> tuple[Path, Path]:
    """The published file, and one that will take its place."""
    old, new = tmp_path / "old.duckdb", tmp_path / "new.duckdb"
    for file in (old, new):
        shutil.copy(shipped_warehouse.file, file)
    return old, new


OTHER_FILE = (
    "update marts.dim_release_files set observed_sha256 = 'other' "
    "where release_id = 'simulated_2026_06' and platform = '1p_api'"
)
ONE_SHARE = (
    "update marts.fct_education_shares set share_pct = share_pct + 1 "
    "where release_id = 'simulated_2026_06' and platform = '1p_api' "
    "and window_start_date = '2026-05-01' and geo_level = 'global' "
    "and share_base = 'all_conversations' and scope = 'education'"
)
NOISE = "update marts.fct_use_case_shares set share_pct = share_pct * (1 + 1e-15)"


@pytest.mark.parametrize(
    ("others", "has_other_code", "reason"),
    [
        ([], False, "unknown"),
        ([], True, "other_code"),
        ([OTHER_FILE], False, "other_data"),
        ([OTHER_FILE], True, "other_data_and_code"),
    ],
)
def test_what_moved_is_said_with_its_cause(
    others: list[str],
    has_other_code: bool,
    reason: str,
    pair: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    old, new = pair
    gone = "delete from marts.fct_task_success where platform = '1p_api'"
    rows = query(
        old, "select count(*) from marts.fct_task_success where platform = '1p_api'"
    )
    for sql in (ONE_SHARE, gone, NOISE, *others):
        edit(new, sql)
    if has_other_code:
        version, commit, _, *rest = recording.code()
        monkeypatch.setattr(
            recording, "code", lambda: (version, commit, "other", *rest)
        )
    recording.record(new, old, "next", NEXT, grains())
    moved = query(
        new,
        "select change_kind, column_name, change_reason, row_key, "
        "new_value::double - old_value::double from validation.figure_changes "
        "where mart = 'fct_education_shares'",
    )
    ((kind, column, cause, key, difference),) = moved
    assert (kind, column, cause) == ("value_changed", "share_pct", reason)
    assert difference == pytest.approx(1)
    assert "simulated_2026_06, platform 1p_api, window_start_date 2026-05-01" in key
    assert [(count,) for count, *_ in rows] == query(
        new,
        "select count(*) from validation.figure_changes "
        "where mart = 'fct_task_success' and change_kind = 'row_gone'",
    )
    marts = {"fct_education_shares", "fct_task_success"}
    marts |= {"dim_release_files"} if others else set()
    assert marts == {
        mart
        for (mart,) in query(new, "select distinct mart from validation.figure_changes")
    }


@pytest.mark.parametrize("broken", ["absent", "no database", "without its build"])
def test_what_can_not_be_compared_stops_nothing(
    broken: str, pair: tuple[Path, Path]
) -> None:
    old, new = pair
    if broken == "without its build":
        edit(old, "drop table marts.dim_build")
    else:
        old.unlink()
    if broken == "no database":
        old.write_text("no database")
    recording.record(new, old, "next", NEXT, grains())
    assert query(new, "from validation.figure_changes") == []
    assert query(new, "select compared_build_id from validation.builds") == [(None,)]


# Edited files -------------------------------------------------------------------------


@pytest.fixture
def own(shipped_warehouse: Build, tmp_path: Path) -> Path:
    """A published file of its own, with its sidecar."""
    file = tmp_path / "ai_in_education.duckdb"
    publishing.publish(shipped_warehouse.file, file)
    return file


def test_file_as_published_is_read(own: Path) -> None:
    published.check(own)
    # Looked into by who does not say that he only reads.
    edit(own, "select 1")
    published.check(own)
    published.sidecar(own).unlink()
    published.check(own)


@pytest.mark.parametrize(
    ("sql", "is_moved", "said"),
    [
        (SHARE, False, "fct_education_shares"),
        (SHARE, True, "fct_education_shares"),
        ("drop table marts.fct_use_case_shares", True, "fct_use_case_shares"),
        ("update staging.stg_aei__facet_values set value = 1", False, "sha256 differs"),
    ],
)
def test_edited_file_is_noticed(sql: str, is_moved: bool, said: str, own: Path) -> None:
    edit(own, sql)
    if is_moved:
        published.sidecar(own).unlink()
    with pytest.raises(published.EditedError, match=said):
        published.check(own)


COMMANDS = {
    "report": [],
    "export": [],
    "docs": [],
    "explore": [],
    "publish_postgres": ["postgresql://x@127.0.0.1:1/x"],
}


@pytest.mark.parametrize("name", COMMANDS)
def test_command_refuses_a_file_with_a_log_beside_it(
    name: str, own: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = set(own.parent.iterdir())
    log = own.with_name(f"{own.name}.wal")
    # What a program leaves that ended without closing the file.
    log.write_bytes(b"")
    # By its path: packages beside it have names of commands.
    command = runpy.run_path(str(PROJECT / "scripts" / f"{name}.py"))["main"]
    assert command([*COMMANDS[name], "--warehouse", str(own)]) in (1, 2)
    said = capsys.readouterr().err
    assert log.name in said
    assert "make warehouse" in said
    assert set(own.parent.iterdir()) == before | {log}


@pytest.mark.parametrize(
    ("name", "more"),
    [
        *((name, more) for name, more in COMMANDS.items() if name != "explore"),
        *(("validate", []), ("superset", ["bundle"]), ("superset", ["serve"])),
    ],
)
def test_command_without_a_warehouse_says_what_builds_it(
    name: str, more: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = dict(os.environ)
    command = runpy.run_path(str(PROJECT / "scripts" / f"{name}.py"))["main"]
    assert command([*more, "--warehouse", str(tmp_path / "none.duckdb")]) in (1, 2)
    assert "make warehouse" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
    assert dict(os.environ) == before


def test_validate_judges_an_edited_file_and_says_that_it_is_edited(
    own: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(own, SHARE)
    options = ["--warehouse", str(own), "--page-folder", str(tmp_path / "page")]
    validate.main(options)
    said = capsys.readouterr().out
    assert "somebody edited fct_education_shares" in said
    assert "checks held" in said


def test_file_that_is_no_database_is_said_clearly(tmp_path: Path) -> None:
    file = tmp_path / "ai_in_education.duckdb"
    file.write_text("no database")
    with pytest.raises(WarehouseError, match="can't be read"):
        published.check(file)
