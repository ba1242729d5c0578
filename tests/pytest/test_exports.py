"""The marts as files, and the warehouse file, read by the tools that people have."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import duckdb
import export_marts
import openpyxl
import pandas as pd
import polars as pl
import pytest
from conftest import PROJECT, Build, query
from exports.marts import ExportError, Mart, read_marts
from exports.package import TYPES

OLD_DUCKDB = PROJECT / ".venv-readers" / "bin" / "python"


@pytest.fixture(scope="module")
def exported(
    shipped_warehouse: Build, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A folder with everything that is exported of the shipped warehouse."""
    folder = tmp_path_factory.mktemp("exported")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DBT_TARGET_PATH", str(shipped_warehouse.folder / "target"))
        export_marts.write(shipped_warehouse.file, folder)
    return folder


@pytest.fixture(scope="module")
def marts(shipped_warehouse: Build) -> list[Mart]:
    """What the exports know of the marts."""
    manifest = shipped_warehouse.folder / "target" / "manifest.json"
    with duckdb.connect(str(shipped_warehouse.file), read_only=True) as con:
        return read_marts(con, manifest)


@pytest.fixture(scope="module")
def descriptor(exported: Path) -> dict[str, Any]:
    """The Data Package."""
    return json.loads((exported / "parquet" / "datapackage.json").read_text())


def test_build_publishes_what_is_exported(shipped_warehouse: Build) -> None:
    folder = shipped_warehouse.file.parent
    assert (folder / "ai_in_education.xlsx").is_file()
    assert (folder / "parquet" / "datapackage.json").is_file()
    assert list((folder / "csv").glob("fct_*.csv"))


# Parquet ------------------------------------------------------------------------------


def test_every_mart_is_a_parquet_file(
    exported: Path, marts: list[Mart], shipped_warehouse: Build
) -> None:
    tables = {
        name
        for (name,) in shipped_warehouse.query(
            "select table_name from duckdb_tables() where schema_name = 'marts'"
        )
    }
    files = {path.stem for path in (exported / "parquet").glob("*.parquet")}
    assert files == tables == {mart.name for mart in marts}
    assert len(tables) >= 25


def test_parquet_holds_the_rows_of_the_marts(
    exported: Path, marts: list[Mart], shipped_warehouse: Build
) -> None:
    for mart in marts:
        file = exported / "parquet" / f"{mart.name}.parquet"
        with duckdb.connect(str(shipped_warehouse.file), read_only=True) as con:
            different = con.execute(
                f"""
                (from {mart.relation} except all from '{file}')
                union all (from '{file}' except all from {mart.relation})
                """
            ).fetchall()
            described = con.execute(f"describe from '{file}'").fetchall()
        assert different == [], mart.name
        assert [(row[0], row[1]) for row in described] == [
            (column.name, column.data_type) for column in mart.columns
        ]


@pytest.mark.parametrize(
    "mart", ["fct_education_shares", "fct_use_case_shares", "dim_geographies"]
)
def test_pandas_and_polars_read_the_same_values(
    mart: str, exported: Path, marts: list[Mart], shipped_warehouse: Build
) -> None:
    file = exported / "parquet" / f"{mart}.parquet"
    order = next(each.ordered for each in marts if each.name == mart)
    rows = shipped_warehouse.query(order)
    assert pl.read_parquet(file).rows() == rows
    frame = pd.read_parquet(file, dtype_backend="pyarrow")
    assert [
        tuple(None if pd.isna(value) else value for value in row)
        for row in frame.itertuples(index=False, name=None)
    ] == rows


def test_namibia_is_no_missing_value(exported: Path) -> None:
    file = exported / "parquet" / "dim_geographies.parquet"
    assert "NA" in pl.read_parquet(file)["geo_id"].to_list()
    text = (exported / "csv" / "dim_geographies.csv").read_text()
    assert "\ncountry,NA," in text


# CSV ----------------------------------------------------------------------------------


def test_small_marts_are_csv_with_null_and_empty_apart(
    exported: Path, marts: list[Mart], shipped_warehouse: Build
) -> None:
    small = {m.name for m in marts if m.row_count <= export_marts.SMALL_ROW_COUNT}
    assert {path.stem for path in (exported / "csv").glob("*.csv")} == small
    for mart in marts:
        if mart.name not in small:
            continue
        types = ", ".join(f"'{c.name}': '{c.data_type}'" for c in mart.columns)
        with duckdb.connect(str(shipped_warehouse.file), read_only=True) as con:
            read = con.execute(
                f"from read_csv('{exported / 'csv' / mart.name}.csv', "
                f"columns = {{{types}}}, header = true, allow_quoted_nulls = false)"
            ).fetchall()
            assert read == con.execute(mart.ordered).fetchall(), mart.name


# The Data Package ---------------------------------------------------------------------


def test_package_describes_the_files_that_lie_beside_it(
    descriptor: dict[str, Any], exported: Path, marts: list[Mart]
) -> None:
    by_name = {mart.name: mart for mart in marts}
    assert [each["name"] for each in descriptor["resources"]] == list(by_name)
    for resource in descriptor["resources"]:
        data = (exported / "parquet" / resource["path"]).read_bytes()
        assert resource["bytes"] == len(data)
        assert resource["hash"] == f"sha256:{hashlib.sha256(data).hexdigest()}"
        mart = by_name[resource["name"]]
        assert resource["row_count"] == mart.row_count
        fields = resource["schema"]["fields"]
        assert [(field["name"], field["type"]) for field in fields] == [
            (column.name, TYPES[column.data_type]) for column in mart.columns
        ]
        assert all(field["description"] for field in fields), mart.name
        assert resource["schema"]["primaryKey"] == list(mart.grain)


def test_package_carries_licence_citation_and_caveats(
    descriptor: dict[str, Any], shipped_warehouse: Build
) -> None:
    assert descriptor["is_simulated"] is True
    assert descriptor["description"].startswith("SIMULATED DATA")
    assert descriptor["licenses"][0]["name"] == "MIT"
    citations = shipped_warehouse.query(
        "select citation from marts.dim_release_files where is_loaded"
    )
    assert {each["title"] for each in descriptor["sources"]} == {
        citation for (citation,) in citations
    }
    known = {each["assumption_id"] for each in descriptor["assumptions"]}
    carried = {
        (resource["name"], name, caveat)
        for resource in descriptor["resources"]
        for name, caveats in [
            ("*", resource["caveats"]),
            *((each["name"], each["caveats"]) for each in resource["schema"]["fields"]),
        ]
        for caveat in caveats
    }
    assert {caveat for _, _, caveat in carried} <= known
    assert carried == set(
        shipped_warehouse.query(
            "select mart, column_name, assumption_id "
            "from marts.bridge_assumption_columns"
        )
    )


def test_keys_of_the_package_hold_in_the_files(
    descriptor: dict[str, Any], exported: Path
) -> None:
    with duckdb.connect() as con:
        for resource in descriptor["resources"]:
            file = exported / "parquet" / resource["path"]
            key = ", ".join(resource["schema"]["primaryKey"])
            twice = f"from '{file}' select {key} group by all having count(*) > 1"
            assert con.execute(twice).fetchall() == [], resource["name"]
            for foreign in resource["schema"]["foreignKeys"]:
                parent = exported / "parquet" / foreign["reference"]["resource"]
                columns = foreign["fields"]
                given = " and ".join(f"child.{name} is not null" for name in columns)
                same = " and ".join(f"parent.{name} = child.{name}" for name in columns)
                orphans = con.execute(
                    f"""
                    select * from '{file}' as child
                    anti join '{parent}.parquet' as parent on {same}
                    where {given}
                    limit 1
                    """
                ).fetchall()
                assert orphans == [], (resource["name"], foreign)


# The workbook -------------------------------------------------------------------------


def test_workbook_holds_the_values_of_the_marts(
    exported: Path, marts: list[Mart], shipped_warehouse: Build
) -> None:
    book = openpyxl.load_workbook(exported / export_marts.WORKBOOK, read_only=True)
    small = [m for m in marts if m.row_count <= export_marts.SMALL_ROW_COUNT]
    assert book.sheetnames == [
        "read me",
        "columns",
        "caveats",
        *(m.name for m in small),
    ]
    for mart in small:
        sheet = book[mart.name].iter_rows(values_only=True)
        assert list(next(sheet)) == [column.name for column in mart.columns]
        expected = shipped_warehouse.query(mart.ordered)
        for row, other in zip(sheet, expected, strict=True):
            for value, wanted in zip(row, other, strict=True):
                if isinstance(wanted, float):
                    # Excel holds 15 significant digits.
                    assert value == pytest.approx(wanted, rel=1e-14), mart.name
                elif hasattr(wanted, "isoformat"):
                    assert value.isoformat()[:10] == wanted.isoformat()[:10]
                else:
                    assert value == (wanted or None if wanted == "" else wanted)


def test_workbook_explains_itself(exported: Path, marts: list[Mart]) -> None:
    book = openpyxl.load_workbook(exported / export_marts.WORKBOOK)
    first = "\n".join(str(row[0].value) for row in book["read me"].iter_rows())
    assert "SIMULATED DATA: these rows describe nobody." in first
    assert "Never sum or average shares" in first
    assert "simulated_2026_01 claude_ai" in first
    explained = {(row[0].value, row[1].value) for row in book["columns"].iter_rows()}
    assert {(m.name, c.name) for m in marts for c in m.columns} <= explained
    sheet = book["fct_education_shares"]
    assert sheet.freeze_panes == "A2"
    assert sheet.auto_filter.ref


def test_text_that_looks_like_a_formula_stays_text(tmp_path: Path) -> None:
    from exports import workbook

    path = tmp_path / "book.xlsx"
    options = {"strings_to_formulas": False, "strings_to_urls": False}
    with workbook.xlsxwriter.Workbook(str(path), options) as book:
        sheet = book.add_worksheet("t")
        workbook.table(sheet, ["a"], [("=1+1",), ("https://x.example",)], None, {}, [9])
    cells = [row[0] for row in openpyxl.load_workbook(path)["t"].iter_rows(min_row=2)]
    assert [(cell.value, cell.data_type) for cell in cells] == [
        ("=1+1", "s"),
        ("https://x.example", "s"),
    ]
    with (
        workbook.xlsxwriter.Workbook(str(path)) as book,
        pytest.raises(ExportError, match="40,000 characters in t, column a, row 2"),
    ):
        workbook.table(book.add_worksheet("t"), ["a"], [("x" * 40_000,)], None, {}, [9])


# The same again, and what goes wrong --------------------------------------------------


def test_same_warehouse_gives_the_same_bytes(
    exported: Path, shipped_warehouse: Build, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setenv("DBT_TARGET_PATH", str(shipped_warehouse.folder / "target"))
    export_marts.write(shipped_warehouse.file, tmp_path)
    for path in exported.rglob("*.*"):
        again = tmp_path / path.relative_to(exported)
        assert again.read_bytes() == path.read_bytes(), path.name


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


def test_export_without_a_warehouse_says_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert export_marts.main(["--warehouse", str(tmp_path / "none.duckdb")]) == 1
    assert "build it with make warehouse" in capsys.readouterr().err


# The warehouse file -------------------------------------------------------------------


def test_old_duckdb_reads_the_file(shipped_warehouse: Build) -> None:
    if not OLD_DUCKDB.exists():
        pytest.skip("DuckDB 1.3 is not installed: make .venv-readers")
    ask = (
        "select count(*), sum(conversation_count) from marts.fct_education_shares "
        "where scope = 'education'"
    )
    code = textwrap.dedent(
        """
        import duckdb, sys
        con = duckdb.connect(sys.argv[1], read_only=True)
        print(duckdb.__version__, *con.execute(sys.argv[2]).fetchone())
        """
    )
    ended = subprocess.run(
        [str(OLD_DUCKDB), "-c", code, str(shipped_warehouse.file), ask],
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr
    version, *values = ended.stdout.split()
    assert version.startswith("1.3.")
    assert [float(value) for value in values] == list(
        query(shipped_warehouse.file, ask)[0]
    )


def test_sqlalchemy_reflects_tables_and_comments(shipped_warehouse: Build) -> None:
    """As a BI tool does, in a process of its own: its stderr has to stay clean."""
    code = textwrap.dedent(
        f"""
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
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, str(shipped_warehouse.file)],
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr
    count, column = ended.stdout.split("\n", 1)
    assert int(count) >= 25
    assert "Visible education conversations in percent of the base" in column
    assert "leaked" not in ended.stderr
