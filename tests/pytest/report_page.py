"""What the tests of the report share: warehouses, their pages, what stands in them."""

from __future__ import annotations

import base64
import gzip
import json
import re
import shutil
from pathlib import Path
from typing import Any

import duckdb
import pytest
from conftest import Build, query
from report import claims, page
from report.claims import Claim
from report.parts import Figure, Question, Row
from report.questions import build
from report.reading import opened


@pytest.fixture(scope="module", params=["shipped", "real"])
def warehouse_file(request: pytest.FixtureRequest) -> Path:
    """A published warehouse: on simulated data, and on the real files if there."""
    return request.getfixturevalue(f"{request.param}_warehouse").file


@pytest.fixture(scope="module")
def questions(warehouse_file: Path) -> list[Question]:
    """The questions of its page."""
    with opened(warehouse_file) as warehouse:
        return build(warehouse)


@pytest.fixture(scope="module")
def drawn(questions: list[Question]) -> list[Figure]:
    """The figures of its page."""
    return [figure for question in questions for figure in question.figures]


@pytest.fixture(scope="module")
def claimed(warehouse_file: Path) -> list[Claim]:
    """The claims of its page."""
    with opened(warehouse_file) as warehouse:
        return claims.read(warehouse)


@pytest.fixture(scope="module")
def html(warehouse_file: Path) -> str:
    """The page that the build wrote."""
    return warehouse_file.with_name("report.html").read_text(encoding="utf-8")


def written(warehouse_file: Path, folder: Path) -> str:
    """The page of a warehouse."""
    (path,) = page.write(warehouse_file, folder)
    return path.read_text(encoding="utf-8")


def held_by(file: Path) -> dict[tuple[str, str], set[float]]:
    """Every number of the marts by mart and column."""
    columns = query(
        file,
        "select table_name, column_name from duckdb_columns() "
        "where schema_name = 'marts' "
        "and data_type in ('DOUBLE', 'BIGINT', 'INTEGER', 'HUGEINT')",
    )
    with duckdb.connect(str(file), read_only=True) as con:
        return {
            (mart, column): {
                float(value)
                for (value,) in con.execute(
                    f"select distinct {column} from marts.{mart} "
                    f"where {column} is not null"
                ).fetchall()
            }
            for mart, column in columns
        }


def data_of(html: str) -> dict[str, Any]:
    """What the script of a page draws."""
    zipped = re.search(r'id="data">(.*?)</script>', html)
    assert zipped is not None
    found: dict[str, Any] = json.loads(gzip.decompress(base64.b64decode(zipped[1])))
    return found


def unpacked(columns: dict[str, Any]) -> list[Row]:
    """The rows of a figure as the page holds them."""
    values = [
        [of["words"][at] for at in of["at"]] if isinstance(of, dict) else of
        for of in columns.values()
    ]
    return [dict(zip(columns, row, strict=True)) for row in zip(*values, strict=True)]


def changed(warehouse: Build, folder: Path, *statements: str) -> Path:
    """A copy of a warehouse after some statements."""
    file = Path(shutil.copy(warehouse.file, folder / "changed.duckdb"))
    with duckdb.connect(str(file)) as con:
        for statement in statements:
            con.execute(statement)
    return file
