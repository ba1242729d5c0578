"""README's queries run as printed, and answer what is printed below them.

``WRITE_README=1`` writes what the shipped warehouse answers into README.md instead.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from conftest import PROJECT, Build

README = PROJECT / "README.md"
NUMBER = re.compile(r"-?\d+(\.\d+)?")
BLOCK = re.compile(r"```(sql|text|text real)\n(.*?)```", re.DOTALL)


def queries() -> list[dict[str, str]]:
    """Each query, with its output on the shipped files and, in part, on the real."""
    found: list[dict[str, str]] = []
    for kind, text in BLOCK.findall(README.read_text(encoding="utf-8")):
        if kind == "sql":
            found.append({})
        found[-1][kind] = text
    return found


QUERIES = queries()


def texts(rows: Sequence[dict[str, Any]]) -> list[list[str]]:
    """The header and the cells of the rows, as DuckDB prints them."""
    cells = [["NULL" if c is None else str(c) for c in row.values()] for row in rows]
    return [list(rows[0]), *cells]


def printed(rows: Sequence[Sequence[str]]) -> str:
    """The rows as README prints them: columns apart by two spaces, numbers right."""
    columns = []
    for column in zip(*rows, strict=True):
        is_numeric = all(
            cell == "NULL" or NUMBER.fullmatch(cell) for cell in column[1:]
        )
        width = max(map(len, column))
        columns.append(
            [f"{c:>{width}}" if is_numeric else f"{c:{width}}" for c in column]
        )
    lines = zip(*columns, strict=True)
    return "".join("  ".join(line).rstrip() + "\n" for line in lines)


def numbers(cells: Sequence[str]) -> list[float | str]:
    """The cells, with what is a number as one."""
    return [float(c) if NUMBER.fullmatch(c) else c for c in cells]


def answered_as_printed(text: str) -> list[list[float | str]]:
    """The rows of a printed output, header first."""
    lines = text.splitlines()
    return [numbers(re.split(r" {2,}", line.strip())) for line in lines]


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query["sql"][:40])
def test_readme_prints_what_the_shipped_files_answer(
    query: dict[str, str], shipped_warehouse: Build
) -> None:
    answer = texts(shipped_warehouse.records(query["sql"]))
    if os.environ.get("WRITE_README"):
        text = README.read_text(encoding="utf-8")
        head, _, rest = text.partition(f"{query['sql']}```\n\n```text\n")
        written = f"{head}{query['sql']}```\n\n```text\n{printed(answer)}```"
        README.write_text(written + rest.partition("```")[2], encoding="utf-8")
        return
    assert answered_as_printed(query["text"]) == [numbers(row) for row in answer]
    assert len(answer) > 1


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query["sql"][:40])
def test_readme_prints_what_the_real_files_answer(
    query: dict[str, str], real_warehouse: Build
) -> None:
    header, *rows = answered_as_printed(query["text real"])
    names, *answer = texts(real_warehouse.records(query["sql"]))
    # A folder may hold other releases than those of the printed rows.
    assert header == names
    answers = [numbers(row) for row in answer]
    assert rows
    assert [row for row in rows if row not in answers] == []


def test_the_line_that_runs_sql_runs_it(
    tmp_path: Path, shipped_warehouse: Build
) -> None:
    (line,) = re.findall(r"^\S+python (-c \".*\")$", README.read_text(), re.MULTILINE)
    (tmp_path / "warehouse").mkdir()
    file = tmp_path / "warehouse" / "ai_in_education.duckdb"
    file.symlink_to(shipped_warehouse.file)
    shown = subprocess.run(
        [sys.executable, *shlex.split(line)],
        input=QUERIES[0]["sql"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert shown.returncode == 0, shown.stderr
    assert "bound_high_pct" in shown.stdout
    assert "…" not in shown.stdout
