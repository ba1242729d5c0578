"""The marts as files, and the warehouse file, read by the tools that people have."""

from __future__ import annotations

import hashlib
import json
import math
import re
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path
from typing import Any

import duckdb
import export
import openpyxl
import pandas as pd
import polars as pl
import pytest
from conftest import PROJECT, Build, query
from exports import files
from exports.marts import ExportError, Mart, read_marts
from exports.package import TYPES
from exports.workbook import Book

OLD_DUCKDB = PROJECT / ".venv-readers" / "bin" / "python"
Values = tuple[Any, ...]


@pytest.fixture(scope="module")
def exported(shipped_warehouse: Build) -> Path:
    """The folder of the shipped warehouse, with what the build exported."""
    return shipped_warehouse.file.parent


@pytest.fixture(scope="module")
def marts(shipped_warehouse: Build) -> list[Mart]:
    """What the exports know of the marts."""
    manifest = shipped_warehouse.folder / "target" / "manifest.json"
    with duckdb.connect(str(shipped_warehouse.file), read_only=True) as con:
        return read_marts(con, manifest)


@pytest.fixture(scope="module")
def small(marts: list[Mart]) -> list[Mart]:
    """The marts that are CSV files and sheets too."""
    return [mart for mart in marts if mart.row_count <= files.SMALL_ROW_COUNT]


@pytest.fixture(scope="module")
def descriptor(exported: Path) -> dict[str, Any]:
    """The Data Package."""
    return json.loads((exported / "parquet" / "datapackage.json").read_text())


@pytest.fixture(scope="module")
def rows_of(marts: list[Mart], shipped_warehouse: Build) -> dict[str, list[Values]]:
    """The rows of every mart, in the order of the exports."""
    return {mart.name: shipped_warehouse.query(mart.ordered) for mart in marts}


@pytest.fixture(scope="module")
def sheets(exported: Path) -> dict[str, list[Values]]:
    """The values of every sheet, read once: that takes seconds."""
    book = openpyxl.load_workbook(exported / files.WORKBOOK, read_only=True)
    return {sheet.title: list(sheet.iter_rows(values_only=True)) for sheet in book}


# Parquet and CSV ----------------------------------------------------------------------


def test_every_mart_is_a_parquet_file_with_its_rows_and_types(
    exported: Path,
    marts: list[Mart],
    rows_of: dict[str, list[Values]],
    shipped_warehouse: Build,
) -> None:
    tables = "select table_name from duckdb_tables() where schema_name = 'marts'"
    names = {name for (name,) in shipped_warehouse.query(tables)}
    assert {path.stem for path in (exported / "parquet").glob("*.parquet")} == names
    assert {mart.name for mart in marts} == names
    assert len(names) >= 25
    for mart in marts:
        file = exported / "parquet" / f"{mart.name}.parquet"
        assert pl.read_parquet(file).rows() == rows_of[mart.name]
        with duckdb.connect() as con:
            described = con.execute(f"describe from '{file}'").fetchall()
        assert [row[:2] for row in described] == [
            (column.name, column.data_type) for column in mart.columns
        ]


def test_pandas_reads_the_same_values(
    exported: Path, small: list[Mart], rows_of: dict[str, list[Values]]
) -> None:
    for mart in small:
        file = exported / "parquet" / f"{mart.name}.parquet"
        frame = pd.read_parquet(file, dtype_backend="pyarrow").astype(object)
        rows = list(frame.where(frame.notna(), None).itertuples(index=False, name=None))
        assert rows == rows_of[mart.name], mart.name


def test_small_marts_are_csv_with_null_and_empty_apart(
    exported: Path, small: list[Mart], rows_of: dict[str, list[Values]]
) -> None:
    folder = exported / "csv"
    assert {path.stem for path in folder.glob("*.csv")} == {mart.name for mart in small}
    for mart in small:
        types = ", ".join(f"'{c.name}': '{c.data_type}'" for c in mart.columns)
        with duckdb.connect() as con:
            read = con.execute(
                f"from read_csv('{folder / mart.name}.csv', columns = {{{types}}}, "
                "header = true, allow_quoted_nulls = false)"
            ).fetchall()
        assert read == rows_of[mart.name], mart.name


FORMULAS = ["=1+1", "+1", "-1", "@SUM(1)", "=cmd|' /C calc'!A0"]


def test_text_that_looks_like_a_formula_is_none_in_csv(
    marts: list[Mart], tmp_path: Path
) -> None:
    (mart,) = (mart for mart in marts if mart.name == "dim_scopes")
    with duckdb.connect() as con:
        con.execute("create schema marts")
        columns = ", ".join(f"{c.name} {c.data_type}" for c in mart.columns)
        con.execute(f"create table marts.dim_scopes ({columns})")
        con.executemany(
            "insert into marts.dim_scopes by name select ? as scope, ? as scope_title",
            [(text, text) for text in [*FORMULAS, "a - b"]],
        )
        files.copy(con, files.as_text(mart), tmp_path / "a.csv", files.CSV)
    read = pd.read_csv(tmp_path / "a.csv")
    assert set(read["scope_title"]) == {f"'{text}" for text in FORMULAS} | {"a - b"}


@pytest.mark.parametrize("backend", ["numpy_nullable", "pyarrow"])
def test_three_states_filter_in_pandas(
    backend: Any, exported: Path, marts: list[Mart], shipped_warehouse: Build
) -> None:
    """As connect.md says: what is neither true nor false is in neither part."""
    nullable = [
        (mart, column.name)
        for mart in marts
        for column in mart.columns
        if column.data_type == "BOOLEAN" and column.is_nullable
    ]
    assert "is_success" in {name for _, name in nullable}
    for mart, name in nullable:
        file = exported / "parquet" / f"{mart.name}.parquet"
        frame = pd.read_parquet(file, dtype_backend=backend, columns=[name])
        column = frame[name]
        parts = len(frame[column]), len(frame[~column]), int(column.isna().sum())
        assert [parts] == shipped_warehouse.query(
            f"select count(*) filter ({name}), count(*) filter (not {name}), "
            f"count(*) filter ({name} is null) from {mart.relation}"
        )


# What a file says of itself -----------------------------------------------------------


def said_of(con: Build) -> dict[str, str]:
    """What each file that leaves the house has to say, from the marts."""
    (build,) = con.records("from marts.dim_build")
    cited = con.query(
        "select citation, licence, release_id from marts.dim_release_files "
        "where is_loaded"
    )
    return {
        "citation": cited[0][0],
        "licence": cited[0][1],
        "release": "simulated_2026_06",
        "data": "SIMULATED DATA",
        "version": build["project_version"],
        "built": f"{build['built_at']:%Y-%m-%dT%H:%M:%SZ}",
        "code": build["code_commit"] or build["code_sha256"],
    }


def test_every_file_says_what_it_is_when_it_travels_alone(
    exported: Path,
    marts: list[Mart],
    small: list[Mart],
    sheets: dict[str, list[Values]],
    shipped_warehouse: Build,
) -> None:
    wanted = said_of(shipped_warehouse)
    texts = {}
    for mart in marts:
        file = exported / "parquet" / f"{mart.name}.parquet"
        said = pl.read_parquet_metadata(file)
        assert set(json.loads(said["columns"])) == {c.name for c in mart.columns}
        texts[file.name] = json.dumps(said) + mart.description
        assert said["description"] == mart.description
    for mart in small:
        file = exported / "csv" / f"{mart.name}.csv-metadata.json"
        said = json.loads(file.read_text())
        assert [each["name"] for each in said["tableSchema"]["columns"]] == [
            column.name for column in mart.columns
        ]
        texts[file.name] = json.dumps(said)
    texts[files.WORKBOOK] = json.dumps(sheets["read me"])
    package = (exported / "parquet" / "datapackage.json").read_text()
    texts["datapackage.json"] = package
    for name, text in texts.items():
        assert {key for key, part in wanted.items() if part not in text} == set(), name


# The Data Package ---------------------------------------------------------------------


def test_package_describes_the_files_that_lie_beside_it(
    descriptor: dict[str, Any], exported: Path, marts: list[Mart]
) -> None:
    for resource, mart in zip(descriptor["resources"], marts, strict=True):
        data = (exported / "parquet" / resource["path"]).read_bytes()
        assert resource["name"] == mart.name
        assert resource["bytes"] == len(data)
        assert resource["hash"] == f"sha256:{hashlib.sha256(data).hexdigest()}"
        assert resource["row_count"] == mart.row_count
        fields = resource["schema"]["fields"]
        assert [(field["name"], field["type"]) for field in fields] == [
            (column.name, TYPES[column.data_type]) for column in mart.columns
        ]
        assert all(field["description"] for field in fields), mart.name
        # dbt tests the keys, and PostgreSQL takes them (test_postgres.py).
        assert resource["schema"]["primaryKey"] == list(mart.grain)
        joins = resource["schema"]["foreignKeys"]
        assert [(each["reference"]["resource"], each["fields"]) for each in joins] == [
            (parent, list(columns)) for parent, columns in mart.parents
        ]


def test_package_carries_licence_citation_and_caveats(
    descriptor: dict[str, Any], shipped_warehouse: Build
) -> None:
    assert descriptor["is_simulated"] is True
    assert descriptor["description"].startswith("SIMULATED DATA")
    assert descriptor["created"].endswith("Z")
    loaded = shipped_warehouse.query(
        "select citation, licence from marts.dim_release_files where is_loaded"
    )
    sources = {(each["title"], each["licence"]) for each in descriptor["sources"]}
    assert sources == set(loaded)
    licences = {each["name"] for each in descriptor["licenses"]}
    assert licences == {"MIT", *(licence for _, licence in loaded)}
    carried = {
        (resource["name"], name, caveat)
        for resource in descriptor["resources"]
        for name, caveats in [
            ("*", resource["caveats"]),
            *((each["name"], each["caveats"]) for each in resource["schema"]["fields"]),
        ]
        for caveat in caveats
    }
    known = {each["assumption_id"] for each in descriptor["assumptions"]}
    assert {caveat for _, _, caveat in carried} <= known
    assert carried == set(
        shipped_warehouse.query(
            "select mart, column_name, assumption_id "
            "from marts.bridge_assumption_columns"
        )
    )


# The workbook -------------------------------------------------------------------------


def test_workbook_holds_the_values_of_the_marts(
    sheets: dict[str, list[Values]],
    small: list[Mart],
    rows_of: dict[str, list[Values]],
) -> None:
    own = ["read me", "columns", "caveats"]
    assert list(sheets) == [*own, *(mart.name for mart in small)]
    for mart in small:
        header, *rows = sheets[mart.name]
        assert list(header) == [column.name for column in mart.columns]
        for row, other in zip(rows, rows_of[mart.name], strict=True):
            for value, wanted in zip(row, other, strict=True):
                if isinstance(wanted, float):
                    # Excel holds 15 significant digits.
                    assert math.isclose(value, wanted, rel_tol=1e-14), mart.name
                elif hasattr(wanted, "isoformat"):
                    assert value.isoformat()[:10] == wanted.isoformat()[:10]
                else:
                    assert value == (wanted or None if wanted == "" else wanted)


def test_workbook_explains_itself(
    sheets: dict[str, list[Values]], marts: list[Mart], exported: Path
) -> None:
    first = "\n".join(str(row[0]) for row in sheets["read me"])
    assert "SIMULATED DATA: these rows describe nobody." in first
    assert "Never sum or average shares" in first
    assert "simulated_2026_01 claude_ai" in first
    explained = {row[:2] for row in sheets["columns"]}
    assert {(m.name, c.name) for m in marts for c in m.columns} <= explained
    name = "fct_education_shares"
    file = exported / files.WORKBOOK
    book = openpyxl.load_workbook(file, read_only=True)
    share = sheets[name][0].index("share_pct") + 1
    assert book[name].cell(2, share).number_format == "#,##0.00"
    xml = zipfile.ZipFile(file).read(
        f"xl/worksheets/sheet{[*sheets].index(name) + 1}.xml"
    )
    assert re.search(rb'<pane [^>]*topLeftCell="A2"', xml)
    assert b"<autoFilter " in xml


def test_text_that_looks_like_a_formula_stays_text(tmp_path: Path) -> None:
    texts = [*FORMULAS, "https://x.example", "007"]
    with Book(tmp_path / "book.xlsx") as book:
        book.table("t", {"a": (9, {})}, [(text,) for text in texts])
    sheet = openpyxl.load_workbook(tmp_path / "book.xlsx")["t"]
    cells = [row[0] for row in sheet.iter_rows(min_row=2)]
    assert [cell.value for cell in cells] == texts
    assert {cell.data_type for cell in cells} <= {"s", "inlineStr"}
    assert not any(cell.hyperlink for cell in cells)


@pytest.mark.parametrize(
    ("title", "text", "said"),
    [
        ("t", "x" * 40_000, "40,000 characters in t, column a, row 2"),
        ("t" * 32, "x", "has 32 characters"),
    ],
)
def test_what_excel_does_not_hold_is_an_error(
    title: str, text: str, said: str, tmp_path: Path
) -> None:
    with Book(tmp_path / "b.xlsx") as book, pytest.raises(ExportError, match=said):
        book.table(title, {"a": (9, {})}, [(text,)])


# The same again, and what goes wrong --------------------------------------------------


def test_same_warehouse_gives_the_same_bytes(
    exported: Path, shipped_warehouse: Build, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setenv("DBT_TARGET_PATH", str(shipped_warehouse.folder / "target"))
    again = tmp_path / "again"
    (again / "csv").mkdir(parents=True)
    (again / "csv" / "of_a_mart_that_is_gone.csv").write_text("")
    command = ["--warehouse", str(shipped_warehouse.file), "--folder", str(again)]
    assert export.main(command) == 0
    written = [path.relative_to(again) for path in again.rglob("*.*")]
    assert len(written) > 50
    for path in written:
        assert (again / path).read_bytes() == (exported / path).read_bytes(), path


def test_warehouse_of_another_state_is_refused(
    shipped_warehouse: Build, tmp_path: Path
) -> None:
    manifest = json.loads(
        (shipped_warehouse.folder / "target" / "manifest.json").read_text()
    )
    del manifest["nodes"]["model.ai_in_education.dim_scopes"]
    other = tmp_path / "manifest.json"
    other.write_text(json.dumps(manifest))
    with duckdb.connect(str(shipped_warehouse.file), read_only=True) as con:
        with pytest.raises(ExportError, match="differ: dim_scopes.*make warehouse"):
            read_marts(con, other)
        with pytest.raises(ExportError, match="Run make warehouse first"):
            read_marts(con, tmp_path / "none.json")


# The warehouse file -------------------------------------------------------------------


def run(python: str | Path, code: str, *arguments: str | Path) -> str:
    """What a program prints in a process of its own, whose stderr has to stay clean."""
    # A program of no file is a person's to DuckDB, who waits for a bar of progress.
    program = f"__file__ = 'program'\n{textwrap.dedent(code)}"
    ended = subprocess.run(
        [str(python), "-c", program, *map(str, arguments)],
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr
    assert "leaked" not in ended.stderr
    return ended.stdout


def test_old_duckdb_reads_the_file(shipped_warehouse: Build) -> None:
    if not OLD_DUCKDB.exists():
        pytest.skip("DuckDB 1.3 is not installed: make .venv-readers")
    ask = (
        "select count(*), sum(conversation_count) from marts.fct_education_shares "
        "where scope = 'education'"
    )
    code = """
        import duckdb, sys
        con = duckdb.connect(sys.argv[1], read_only=True)
        print(duckdb.__version__, *con.execute(sys.argv[2]).fetchone())
        """
    version, *values = run(OLD_DUCKDB, code, shipped_warehouse.file, ask).split()
    assert version.startswith("1.3.")
    (expected,) = query(shipped_warehouse.file, ask)
    assert tuple(map(float, values)) == expected


def test_sqlalchemy_reflects_tables_and_comments(shipped_warehouse: Build) -> None:
    """As a BI tool does."""
    code = f"""
        import sys
        sys.path.insert(0, {str(PROJECT / "scripts")!r})
        from validation.dialect import DRIVER
        import sqlalchemy as sa
        engine = sa.create_engine(
            f"{{DRIVER}}:///{{sys.argv[1]}}", connect_args={{"read_only": True}}
        )
        seen = sa.inspect(engine)
        print(len(seen.get_table_names(schema="marts")))
        for column in seen.get_columns("fct_education_shares", schema="marts"):
            if column["name"] == "share_pct":
                print(column["type"], column.get("comment"))
        """
    count, column = run(sys.executable, code, shipped_warehouse.file).split("\n", 1)
    assert int(count) >= 25
    assert "Visible education conversations in percent of the base" in column
