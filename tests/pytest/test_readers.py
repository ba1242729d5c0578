"""The commands of docs/connect.md in programs that are not Python."""

from __future__ import annotations

import csv
import io
import shutil
import subprocess

import pytest
from conftest import PROJECT, Build

DUCKDB = PROJECT / ".venv-readers" / "bin" / "duckdb"
ASK = """
    select
        geo_id, definition, window_start_date::varchar as window_start_date,
        share_pct, conversation_count
    from marts.fct_country_education
    where geo_level = 'country' and platform = 'claude_ai'
"""
# As docs/connect.md says it: NA is Namibia, an empty field is NULL.
IN_R = """
    shares <- read.csv("csv/fct_country_education.csv",
                       na.strings = "", fileEncoding = "UTF-8-BOM")
    rows <- subset(shares, geo_level == "country" & platform == "claude_ai")
    write.csv(rows[c("geo_id", "definition", "window_start_date", "share_pct",
                     "conversation_count")], row.names = FALSE, na = "")
"""


def said(built: Build, *command: str) -> list[dict[str, str]]:
    """The rows that a command prints as CSV in the folder of the warehouse."""
    ended = subprocess.run(
        command, cwd=built.file.parent, capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stderr
    rows = csv.DictReader(io.StringIO(ended.stdout))
    return sorted(rows, key=lambda row: tuple(row.values())[:3])


def agree(built: Build, rows: list[dict[str, str]]) -> None:
    """Raises AssertionError where the rows are not those of the mart."""
    expected = [tuple(row.values()) for row in built.records(ASK)]
    assert len(rows) == len(expected) > 100
    assert any(row["geo_id"] == "NA" for row in rows), "Namibia is missing"
    expected.sort(key=lambda values: values[:3])
    for row, values in zip(rows, expected, strict=True):
        *key, share, count = row.values()
        assert tuple(key) == values[:3]
        for text, value in ((share, values[3]), (count, values[4])):
            if value is None:
                assert text == ""
            else:
                assert float(text) == pytest.approx(value, rel=1e-12)


def test_the_command_line_of_duckdb_opens_the_file(shipped_warehouse: Build) -> None:
    if not DUCKDB.exists():
        pytest.skip("the command line of DuckDB is not installed: make .venv-readers")
    file = shipped_warehouse.file.name
    options = ("-readonly", file, "-csv", "-nullvalue", "", "-c", ASK)
    rows = said(shipped_warehouse, str(DUCKDB), *options)
    agree(shipped_warehouse, rows)


def test_r_reads_the_csv(shipped_warehouse: Build) -> None:
    if not shutil.which("Rscript"):
        pytest.skip("R is not installed: Debian's r-base-core")
    agree(shipped_warehouse, said(shipped_warehouse, "Rscript", "-e", IN_R))
