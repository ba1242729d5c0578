"""The comparison of two warehouses: what it sees, and what it takes for the same."""

from __future__ import annotations

from pathlib import Path

import compare_marts
import duckdb
import pytest

GRAIN = {"fct_a": ["k", "l"]}
BOTH = "values (1, null, 2.0, 'x'), (1, 'b', 3.0, 'y'), (2, 'b', null, 'z')"


def warehouse(path: Path, rows: str, columns: str = "k, l, share, status") -> Path:
    """A file with one mart."""
    with duckdb.connect(str(path)) as con:
        con.execute("create schema marts")
        con.execute(f"create table marts.fct_a as from ({rows}) as t ({columns})")
    return path


@pytest.mark.parametrize(
    ("rows", "columns", "status", "said"),
    [
        (BOTH, "k, l, share, status", 0, "Different: nothing"),
        (BOTH.replace("3.0", "3.000000001"), "k, l, share, status", 0, "nothing"),
        (BOTH.replace("3.0", "3.00000001"), "k, l, share, status", 1, "share: 2 agree"),
        (BOTH.replace("3.0", "null"), "k, l, share, status", 1, "1 | b | 3.0 | None"),
        (BOTH.replace("'x'", "'w'"), "k, l, share, status", 1, "1 | None | x | w"),
        (f"{BOTH}, (3, 'c', 1, 'q')", "k, l, share, status", 1, "rows only in the new"),
        (BOTH.replace("(2,", "(3,"), "k, l, share, status", 1, "rows only in the old"),
        (f"{BOTH}, (2, 'b', 1, 'q')", "k, l, share, status", 1, "rows of the same key"),
        (BOTH, "k, l, share, state", 1, "columns only in the new one: state"),
        (BOTH, "k, m, share, status", 1, "the new one has no l"),
    ],
)
def test_what_differs_is_named(
    rows: str,
    columns: str,
    status: int,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(compare_marts, "grains", lambda: GRAIN)
    old = warehouse(tmp_path / "old.duckdb", BOTH)
    new = warehouse(tmp_path / "new.duckdb", rows, columns)
    assert compare_marts.main([str(old), str(new)]) == status
    assert said in capsys.readouterr().out


def test_declared_changes_are_no_difference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compare_marts, "grains", lambda: GRAIN)
    old = warehouse(tmp_path / "old.duckdb", BOTH)
    new = warehouse(
        tmp_path / "new.duckdb",
        "values (1, 'b', 3.0, 'Y'), (2, 'b', null, 'z')",
        "k, l, share, state",
    )
    changes = tmp_path / "map.yml"
    changes.write_text(
        "marts:\n  fct_a: select * rename (status as state) from old.marts.fct_a\n"
        "each:\n  - columns: [state]\n"
        "    select: \"* replace (replace(state, 'y', 'Y') as state)\"\n"
        "    where: l is not null\n"
    )
    command = [str(old), str(new)]
    assert compare_marts.main(command) == 1
    assert compare_marts.main([*command, "--map", str(changes)]) == 0


def test_grains_are_those_of_the_project() -> None:
    assert compare_marts.grains()["fct_task_success"][:2] == ["release_id", "platform"]
