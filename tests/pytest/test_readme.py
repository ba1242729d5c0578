"""The queries of README and cookbook run as printed, and answer what is printed below.

``WRITE_README=1`` writes into both what the shipped warehouse answers instead, and the
first rows of what the real files answer, where they are there.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from conftest import PROJECT, Build

README = PROJECT / "README.md"
COOKBOOK = PROJECT / "docs" / "cookbook.md"
REAL_ROWS = 8
NUMBER = re.compile(r"-?\d+(\.\d+)?")
BLOCK = re.compile(r"```(sql|text|text real)\n(.*?)```", re.DOTALL)


@dataclass
class Query:
    """A query of a page, and the outputs printed below it, by kind: ``text`` of the
    shipped files, ``text real`` of the real ones."""

    page: Path
    sql: str
    printed: dict[str, str] = field(default_factory=dict)

    def write(self, kind: str, output: str) -> None:
        """Put an output in the place of the printed one."""
        text = self.page.read_text(encoding="utf-8")
        head, own, rest = text.partition(f"```sql\n{self.sql}```\n")
        fence = f"```{kind}\n"
        before, _, after = rest.partition(fence)
        printed = after.partition("```")[2]
        written = f"{head}{own}{before}{fence}{output}```{printed}"
        self.page.write_text(written, encoding="utf-8")


def queries() -> list[Query]:
    """Each query of both pages."""
    found: list[Query] = []
    for page in (README, COOKBOOK):
        for kind, text in BLOCK.findall(page.read_text(encoding="utf-8")):
            if kind == "sql":
                found.append(Query(page, text))
            else:
                found[-1].printed[kind] = text
    return found


QUERIES = queries()


def each(kind: str) -> pytest.MarkDecorator:
    """A test of each query below which such an output stands."""
    own = [query for query in QUERIES if kind in query.printed]
    return pytest.mark.parametrize("query", own, ids=lambda query: query.sql[:40])


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


def test_cookbook_has_eleven_questions() -> None:
    own = [query for query in QUERIES if query.page == COOKBOOK]
    assert len({query.sql for query in own}) == 11
    assert all("text" in query.printed for query in QUERIES)


@each("text")
def test_page_prints_what_the_shipped_files_answer(
    query: Query, shipped_warehouse: Build
) -> None:
    answer = texts(shipped_warehouse.records(query.sql))
    if os.environ.get("WRITE_README"):
        query.write("text", printed(answer))
        return
    shown = answered_as_printed(query.printed["text"])
    assert shown == [numbers(row) for row in answer]
    assert len(answer) > 1


@each("text real")
def test_page_prints_what_the_real_files_answer(
    query: Query, real_warehouse: Build
) -> None:
    names, *answer = texts(real_warehouse.records(query.sql))
    if os.environ.get("WRITE_README"):
        query.write("text real", printed([names, *answer[:REAL_ROWS]]))
        return
    header, *rows = answered_as_printed(query.printed["text real"])
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
        input=QUERIES[0].sql,
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert shown.returncode == 0, shown.stderr
    assert "bound_high_pct" in shown.stdout
    assert "…" not in shown.stdout
