"""The marts in a PostgreSQL server, filled over ADBC, read by psql and by ODBC."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import duckdb
import publish_postgres
import pytest
from conftest import PROJECT, Build
from exports import postgres
from exports.marts import ExportError, Mart, read_marts

READERS = PROJECT / ".venv-readers" / "bin" / "python"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A server of its own on a free port of this machine."""
    path = ":".join(sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin")))[::-1])
    pg_ctl = shutil.which("pg_ctl", path=f"{path}:{os.environ['PATH']}")
    if pg_ctl is None or shutil.which("psql") is None:
        pytest.skip("PostgreSQL is not installed (Debian: postgresql)")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # Not in pytest's folder: the server does not run as root and could not enter it.
    with tempfile.TemporaryDirectory() as folder:
        command = [pg_ctl, "-D", f"{folder}/data", "-w"]
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres")
            command = ["runuser", "-u", "postgres", "--", *command]
        options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        for action in (
            ["initdb", "-o", "-A trust -U owner"],
            ["start", "-o", options, "-l", f"{folder}/log"],
        ):
            quiet = {"cwd": folder, "stdout": subprocess.DEVNULL}
            subprocess.run([*command, *action], check=True, **quiet)
        try:
            yield f"postgresql://owner@127.0.0.1:{port}/postgres"
        finally:
            subprocess.run([*command, "-m", "immediate", "stop"], check=True, **quiet)


@pytest.fixture(scope="module", autouse=True)
def manifest_of_the_build(shipped_warehouse: Build) -> Iterator[None]:
    """What dbt knows of the shipped warehouse."""
    target = str(shipped_warehouse.folder / "target")
    with mock.patch.dict(os.environ, DBT_TARGET_PATH=target):
        yield


@pytest.fixture(scope="module")
def whole(url: str, shipped_warehouse: Build) -> str:
    """The server with the marts of the shipped warehouse; others change them later."""
    postgres.publish(shipped_warehouse.file, url)
    return url


@pytest.fixture(scope="module")
def small(shipped_warehouse: Build, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped warehouse with the rows of one mart of figures only."""
    file = tmp_path_factory.mktemp("small") / "small.duckdb"
    shutil.copy(shipped_warehouse.file, file)
    manifest = shipped_warehouse.folder / "target" / "manifest.json"
    with duckdb.connect(str(file)) as con:
        for mart in read_marts(con, manifest):
            # Rows of dimensions are parents of its rows.
            if mart.name.startswith("fct_") and mart.name != "fct_education_shares":
                con.execute(f"delete from {mart.relation}")
    return file


@pytest.fixture
def filled(url: str, small: Path) -> str:
    """The server with the small marts."""
    postgres.publish(small, url)
    return url


@pytest.fixture(scope="module")
def changed(small: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small marts with other counts."""
    file = tmp_path_factory.mktemp("changed") / "changed.duckdb"
    shutil.copy(small, file)
    with duckdb.connect(str(file)) as con:
        con.execute(
            "update marts.fct_education_shares "
            "set conversation_count = conversation_count + 1"
        )
    return file


def psql(url: str, sql: str) -> list[list[str]]:
    """The rows that psql prints for a query, as texts."""
    ended = subprocess.run(
        ["psql", url, "-X", "-A", "-t", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-c", sql],
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr
    return [line.split("\t") for line in ended.stdout.splitlines()]


TOTAL = "select sum(conversation_count) from ai_in_education.fct_education_shares"

SCHEMAS = "select nspname from pg_namespace where nspname !~ '^pg_' order by 1"


def marts_of(warehouse: Path) -> list[Mart]:
    """The marts of a warehouse."""
    with duckdb.connect(str(warehouse), read_only=True) as con:
        return read_marts(con)


def test_every_value_arrives(whole: str, shipped_warehouse: Build) -> None:
    from adbc_driver_postgresql import dbapi

    with dbapi.connect(whole) as connection, connection.cursor() as cursor:
        for mart in marts_of(shipped_warehouse.file):
            names = ", ".join(f'"{column.name}"' for column in mart.columns)
            cursor.execute(f"select {names} from ai_in_education.{mart.name}")
            arrived = Counter(cursor.fetchall())
            sent = shipped_warehouse.query(f"select {names} from {mart.relation}")
            assert arrived == Counter(sent), mart.name


def test_types_comments_and_keys_arrive(whole: str, shipped_warehouse: Build) -> None:
    marts = {mart.name: mart for mart in marts_of(shipped_warehouse.file)}
    mart = marts["fct_education_shares"]
    columns = psql(
        whole,
        """
        select column_name, data_type, is_nullable,
            col_description(
                'ai_in_education.fct_education_shares'::regclass, ordinal_position
            )
        from information_schema.columns
        where table_schema = 'ai_in_education' and table_name = 'fct_education_shares'
        order by ordinal_position
        """,
    )
    assert columns == [
        [
            column.name,
            postgres.TYPES[column.data_type],
            "YES" if column.is_nullable else "NO",
            column.description,
        ]
        for column in mart.columns
    ]
    keys = psql(
        whole,
        """
        select conrelid::regclass::text, contype, count(*) from pg_constraint
        where connamespace = 'ai_in_education'::regnamespace
            and contype in ('p', 'u', 'f')
        group by 1, 2
        """,
    )
    own = {row[0].split(".")[-1] for row in keys if row[1] in ("p", "u")}
    assert own == set(marts)
    joins = {row[0].split(".")[-1]: int(row[2]) for row in keys if row[1] == "f"}
    assert joins["fct_education_shares"] == len(mart.parents) >= 4


ODBC = """
import json, pyodbc, sys
con = pyodbc.connect(sys.argv[1])
cursor = con.cursor()
print(json.dumps({
    "tables": sorted(row.table_name for row in cursor.tables(schema=sys.argv[2])),
    "columns": {
        row.column_name: [row.type_name, row.remarks]
        for row in cursor.columns(table="fct_education_shares", schema=sys.argv[2])
    },
    "values": [row[0] for row in cursor.execute(sys.argv[3]).fetchall()],
}))
"""


def test_odbc_reads_figures_and_catalogue(whole: str, shipped_warehouse: Build) -> None:
    """Debian's driver; pyodbc has an environment of its own."""
    if not READERS.exists():
        pytest.skip("pyodbc is not installed: make .venv-readers")
    port = whole.rsplit(":", 1)[1].split("/")[0]
    connection = (
        "Driver=PostgreSQL Unicode;Server=127.0.0.1;Database=postgres;UID=owner;"
        f"Port={port};"
    )
    ask = (
        "select conversation_count from {schema}.fct_education_shares where "
        "platform = 'claude_ai' and geo_level = 'global' and scope = 'education' and "
        "allocation_rule = 'any_holder' and share_base = 'all_conversations'"
    )
    arguments = [connection, "ai_in_education", ask.format(schema="ai_in_education")]
    ended = subprocess.run(
        [str(READERS), "-c", ODBC, *arguments], capture_output=True, text=True
    )
    if "Can't open lib" in ended.stderr:
        pytest.skip("the ODBC driver is not installed (Debian: odbc-postgresql)")
    assert ended.returncode == 0, ended.stderr
    read = json.loads(ended.stdout)
    marts = {mart.name: mart for mart in marts_of(shipped_warehouse.file)}
    assert read["tables"] == sorted(marts)
    columns = marts["fct_education_shares"].columns
    assert list(read["columns"]) == [column.name for column in columns]
    assert read["columns"]["share_pct"][0] == "float8"
    assert read["values"] == [
        value for (value,) in shipped_warehouse.query(ask.format(schema="marts"))
    ]


def test_reader_sees_the_old_or_the_new_marts(filled: str, changed: Path) -> None:
    seen = [psql(filled, TOTAL)]
    has_begun, is_over = threading.Event(), threading.Event()

    def read() -> None:
        while not is_over.is_set():
            seen.append(psql(filled, TOTAL))
            has_begun.set()

    reader = threading.Thread(target=read)
    reader.start()
    assert has_begun.wait(60)
    postgres.publish(changed, filled)
    is_over.set()
    reader.join()
    states = seen[0], psql(filled, TOTAL)
    assert states[0] != states[1]
    assert all(state in states for state in seen)


@pytest.mark.parametrize(
    ("at", "sql", "said"),
    [
        ("fct_use_case_shares", "select 1 / 0", "division by zero"),  # the last
        (
            "fct_education_trend",
            "select pg_terminate_backend(pg_backend_pid())",
            "terminat",
        ),
    ],
)
def test_copy_that_fails_or_is_cut_half_way_leaves_the_old_marts(
    at: str,
    sql: str,
    said: str,
    filled: str,
    changed: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    old, schemas = psql(filled, TOTAL), psql(filled, SCHEMAS)
    definition = postgres.definition

    def fail_late(mart: Mart, schema: str) -> list[str]:
        return [sql] if mart.name == at else definition(mart, schema)

    monkeypatch.setattr(postgres, "definition", fail_late)
    monkeypatch.setattr(publish_postgres, "check", lambda _: None)
    assert publish_postgres.main([filled, "--warehouse", str(changed)]) == 1
    message = capsys.readouterr().err
    assert "Nothing was changed there." in message
    assert said in message
    assert psql(filled, TOTAL) == old
    assert psql(filled, SCHEMAS) == schemas


@pytest.mark.parametrize("schema", ["second", "Meine Zahlen", 'a"b'])
def test_a_second_schema_stands_beside_the_first(
    schema: str, filled: str, changed: Path
) -> None:
    old, neighbour = psql(filled, TOTAL), f"{schema}_new"
    psql(filled, f"create schema {postgres.name(neighbour)}")
    for _ in range(2):
        postgres.publish(changed, filled, schema)
    total = TOTAL.replace("ai_in_education", postgres.name(schema))
    assert psql(filled, total) != old
    assert psql(filled, TOTAL) == old
    assert {schema, neighbour} <= {row[0] for row in psql(filled, SCHEMAS)}


def test_views_on_the_marts_are_not_dropped(filled: str, changed: Path) -> None:
    psql(filled, f"create view public.mine as {TOTAL}")
    try:
        with pytest.raises(ExportError, match="Views rest on the tables.*mine"):
            postgres.publish(changed, filled)
        assert psql(filled, "select * from public.mine") == psql(filled, TOTAL)
    finally:
        psql(filled, "drop view public.mine")


def test_grants_and_tables_of_others_stay(filled: str, changed: Path) -> None:
    psql(filled, "create role analyst login")
    psql(filled, "grant usage on schema ai_in_education to analyst")
    psql(filled, "grant select on ai_in_education.fct_education_shares to analyst")
    psql(filled, "create table ai_in_education.notes as select 'mine' as note")
    postgres.publish(changed, filled)
    as_analyst = filled.replace("owner@", "analyst@")
    assert psql(as_analyst, TOTAL) == psql(filled, TOTAL)
    assert psql(filled, "select note from ai_in_education.notes") == [["mine"]]


@pytest.mark.parametrize(
    ("wrong", "status", "said"),
    [
        ("mysql://x@127.0.0.1/y", 2, "expected one like postgresql://"),
        ("postgresql://me:secret@127.0.0.1:1/x", 1, "Expected a server that can be"),
    ],
)
def test_wrong_address_is_said_clearly(
    wrong: str,
    status: int,
    said: str,
    shipped_warehouse: Build,
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = [wrong, "--warehouse", str(shipped_warehouse.file)]
    assert publish_postgres.main(arguments) == status
    message = capsys.readouterr().err
    assert said in message
    assert "secret" not in message


def test_role_without_the_right_is_said_clearly(
    filled: str, shipped_warehouse: Build, capsys: pytest.CaptureFixture[str]
) -> None:
    psql(filled, "drop role if exists guest")
    psql(filled, "create role guest login")
    as_guest = filled.replace("owner@", "guest@")
    warehouse = ["--warehouse", str(shipped_warehouse.file)]
    status = publish_postgres.main([as_guest, *warehouse])
    message = capsys.readouterr().err
    assert status == 1
    assert "permission denied" in message
    assert "GRANT CREATE ON DATABASE" in message
    assert "Nothing was changed there." in message
