"""What own conversations must be like to be read, and in which forms they may come."""

from __future__ import annotations

import errno
import gzip
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
from check_conversations import main as check
from conftest import PROJECT, SHIPPED_DATA, dbt_environment, query
from conversations.contract import checks
from conversations.incoming import Incoming, prepare, private_file
from mutations.own import BAD, DATA_TESTS, HEAD, PLACE, kills
from own_conversations import (
    CELL,
    LABELS,
    Institution,
    conversations,
    tasks,
)
from warehouse.errors import BuildError

EXAMPLES = PROJECT / "seeds" / "conversations"


# Contract -----------------------------------------------------------------------------


def test_every_guard_of_own_conversations_has_a_mutant() -> None:
    folder = PROJECT / "tests" / "data_tests" / "conversations"
    guards = {path.stem for path in folder.glob("*.sql")}
    assert set(DATA_TESTS) == guards
    stops = {each.name for each in checks()} | {"duplicate_ids"}
    assert {kill.guard for kill in kills()} == guards | stops


@pytest.mark.parametrize("case", BAD)
def test_bad_rows_are_named(case: str, school: Institution) -> None:
    text, name, row, column = BAD[case]
    school.deliver("good.csv", "conversation_id,started_on\nz,2026-01-05\n")
    school.read()
    before = school.private("from incoming.files")
    school.deliver("bad.csv", text)
    with pytest.raises(BuildError) as stopped:
        school.read()
    said = str(stopped.value)
    assert f"[{name}]" in said
    assert f"file bad.csv, row {row}, column {column}:" in said
    assert "secret" not in said
    assert school.private("from incoming.files") == before


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.csv", "conversation_id,started_on,prompt\na,2026-03-01,hi\n", "prompt"),
        (
            "a.csv",
            f"conversation_id,started_on,notes\na,2026-03-01,{'secret ' * 40}\n",
            "notes",
        ),
        (
            "a.jsonl",
            '{"conversation_id": "a", "started_on": "2026-03-01", '
            '"turns_of_it": [{"said": "secret"}]}\n',
            "turns_of_it",
        ),
        ("a.csv", "id,started_on\na,2026-03-01\n", "conversation_id"),
        ("a.csv", "a,2026-03-01,some secret words\n", "conversation_id"),
        ("a.csv", f"{HEAD}a,2026-03-01,none,work,some secret\n", "conversation_id"),
        ("a.csv", "", "empty"),
        ("a.csv", HEAD.encode("utf-16"), "UTF-8"),
        ("a.csv", HEAD.encode() + b"a,2026-03-01,secret gr\xfc\xdfe,work\n", "UTF-8"),
        ("a.csv", ",".join(f"c{n}" for n in range(100_000)), "first line"),
        ("a.xlsx", "PK", "Excel"),
        ("a.parquet", "secret PAR1", "can't be read"),
        (
            "a.jsonl",
            '{"conversation_id": "a", "started_on": "2026-03-01", '
            '"task_text": {"said": "secret"}}\n',
            "task_text",
        ),
        ("a.txt", "anything", "no file"),
    ],
)
def test_files_that_are_refused(
    name: str, text: str | bytes, said: str, school: Institution
) -> None:
    school.deliver(name, text)
    with pytest.raises(BuildError) as stopped:
        school.read()
    assert said in str(stopped.value)
    assert "secret" not in str(stopped.value)
    if private_file(school.work_file).exists():
        assert school.private("from incoming.files") == []


FACETS = "pivot: {name: facet, value: value}\ncolumns: {use_case: Purpose}\n"
# Of one conversation, after a row that says 2026-03-01, v1 and work.
CONTRADICTIONS = {
    "another day": "a,2026-03-02,v1,Task,none",
    "another value of a facet": "a,2026-03-01,v1,Purpose,personal",
}


@pytest.mark.parametrize("case", CONTRADICTIONS)
def test_facets_that_contradict_each_other(case: str, school: Institution) -> None:
    head = "conversation_id,started_on,classifier_version,facet,value\n"
    text = f"{head}a,2026-03-01,v1,Purpose,work\n{CONTRADICTIONS[case]}\n"
    school.deliver("mapping.yml", FACETS)
    school.deliver("a.csv", text)
    with pytest.raises(BuildError, match="duplicate_ids") as stopped:
        school.read()
    assert "one value of each facet" in str(stopped.value)
    school.deliver("a.csv", text.replace("2026-03-02,v1", "2026-03-01,v2"))
    if case == "another day":
        school.read()
        versions = "select classifier_version from incoming.labels order by all"
        assert school.private(versions) == [("v1",), ("v2",)]


GOOD = "conversation_id,started_on,task_text\na,2026-03-01,we teach\n"
TASKS = "mapping.yml", "tasks: tasks.csv\n"
# What lies beside a good file, and what the message names.
BESIDE: dict[str, tuple[dict[str, str | bytes], list[str]]] = {
    **{
        f"mapping: {text}": ({"mapping.yml": f"{text}\n"}, ["mapping.yml", *said])
        for text, *said in (
            ("- columns", "no keys"),
            ("column: {started_on: at}", "column"),
            ("columns: {day: at}", "day"),
            ("columns: [started_on]", "under columns", "{started_on: created_at}"),
            ("columns: {started_on: [at]}", "under columns"),
            ("constants: chat", "under constants", "{platform: chat}"),
            ("labels: {use_case: [work]}", "under labels", "{use_case: {"),
            ("labels: {use_case: work}", "under labels"),
            ("pivot: {name: x}", "under pivot", "{name: facet, value: value}"),
            ("pivot: facet", "under pivot"),
            ("tasks: [tasks.csv]", "under tasks", "tasks.csv"),
            ("join: {files: b.csv, on: id}", "under join", "equals"),
            (
                "join: {files: none.csv, on: id, equals: id}",
                "joins none.csv",
                "no file",
            ),
            ("constants: {platform: a, platform: b}", "platform comes twice"),
            ("tasks: a.csv\ntasks: b.csv", "tasks comes twice"),
            ("tasks: none.csv", "none.csv", "no file"),
        )
    },
    "mapping: in Latin-1": (
        {"mapping.yml": "constants: {classifier: gr\xfc\xdfe}".encode("latin-1")},
        ["mapping.yml", "UTF-8"],
    ),
    "mapping: of another name": ({"mapping.yaml": TASKS[1]}, ["call it", ".yml"]),
    **{
        f"tasks: {case}": (dict([TASKS, ("tasks.csv", text)]), ["tasks.csv", *said])
        for case, text, *said in (
            (
                "two for a text",
                "task_text,onet_task\nWe,secret one\n\nb,x\nwe ,secret two\n",
                "row 5, column onet_task",
            ),
            ("a column is missing", "task_text,task\nwe,x\n", "row 1", "onet_task"),
            ("nothing", "", "row 1", "onet_task"),
            (
                "in Latin-1",
                "task_text,onet_task\ngr\xfc\xdfe,x\n".encode("latin-1"),
                "UTF",
            ),
        )
    },
    "files: a field twice": (
        {"a.csv": "conversation_id,started_on,Started_On\na,2026-03-01,2026-03-02\n"},
        ["file a.csv, row 1", "started_on more than once"],
    ),
    "files: a field twice, packed": (
        {"b.csv.gz": gzip.compress(b"conversation_id,started_on,started_on\n")},
        ["file b.csv.gz, row 1", "started_on more than once"],
    ),
}


@pytest.mark.parametrize("case", BESIDE)
def test_what_lies_beside_is_asked_too(case: str, school: Institution) -> None:
    files, said = BESIDE[case]
    for name, text in {"a.csv": GOOD, **files}.items():
        school.deliver(name, text)
    with pytest.raises(BuildError) as stopped:
        school.read()
    assert [each for each in said if each not in str(stopped.value)] == []
    assert "secret" not in str(stopped.value)


def test_conversation_that_comes_again_on_another_day(school: Institution) -> None:
    rows = conversations(30, seed=10, days=5)
    school.deliver("a.csv", rows)
    school.take()
    moved = rows.head(1).with_columns(pl.lit(date(2026, 4, 20)).alias("started_on"))
    school.deliver("b.csv", moved)
    with pytest.raises(BuildError, match="on another day"):
        school.read()


# Forms --------------------------------------------------------------------------------


def as_table(rows: pl.DataFrame, folder: Path) -> str:
    """A table of a DuckDB file."""
    with duckdb.connect(str(folder / "export.duckdb")) as con:
        con.execute("create schema logs")
        con.execute("create table logs.labelled as from rows")
    return f"{folder / 'export.duckdb'}:logs.labelled"


def as_json(rows: pl.DataFrame, folder: Path) -> str:
    """JSON lines, by a pattern."""
    rows.with_columns(pl.col("started_on").cast(pl.String)).write_ndjson(
        folder / "rows.jsonl"
    )
    return f"{folder}/*.jsonl"


def as_parquet(rows: pl.DataFrame, folder: Path) -> str:
    """Two Parquet files in folders of their own."""
    for number, part in enumerate((rows.head(20), rows.tail(rows.height - 20))):
        (folder / f"part={number}").mkdir()
        part.write_parquet(folder / f"part={number}" / "rows.parquet")
    return str(folder)


@pytest.mark.parametrize("form", [as_table, as_json, as_parquet])
def test_forms_of_delivery(
    form: Callable[[pl.DataFrame, Path], str], tmp_path: Path
) -> None:
    rows = conversations(50, seed=11)
    named = form(rows, tmp_path)
    with dbt_environment(tmp_path / "build"):
        os.environ["AEI_CONVERSATIONS"] = named
        incoming = prepare(tmp_path / "build" / "work.duckdb", SHIPPED_DATA)
    assert incoming is not None
    with duckdb.connect(str(incoming.private_file), read_only=True) as con:
        found = con.execute(
            "select started_on, task_label, use_case, collaboration, region from "
            "incoming.conversations inner join incoming.labels using (label_key) "
            "order by all"
        ).fetchall()
    columns = ["started_on", "task_text", *list(LABELS)[1::-1], "region"]
    wanted = rows.with_columns(pl.col("task_text").str.to_lowercase()).select(columns)
    assert sorted(map(str, found)) == sorted(map(str, wanted.rows()))


def read_named(named: object, folder: Path) -> tuple[Incoming, list[tuple[Any, ...]]]:
    """What a build does about what is named, and the sets of labels that it finds."""
    with dbt_environment(folder / "build"):
        os.environ["AEI_CONVERSATIONS"] = str(named)
        incoming = prepare(folder / "build" / "work.duckdb", SHIPPED_DATA)
    assert incoming is not None
    sql = (
        "select task_label, country, count(*) from incoming.conversations "
        "inner join incoming.labels using (label_key) group by all order by all"
    )
    return incoming, query(incoming.private_file, sql)


@pytest.mark.parametrize("name", ["a[1].csv", "a*.csv", "b[1]"])
def test_names_that_look_like_patterns(name: str, tmp_path: Path) -> None:
    data = tmp_path / "d[0]'s"
    data.mkdir()
    (data / "a1.csv").write_text(GOOD.replace("we teach", "of another file"))
    if name.startswith("b"):
        (data / name).mkdir()
        (data / name / "a.csv").write_text(GOOD)
    else:
        (data / name).write_text(GOOD)
    _, found = read_named(data / name, tmp_path)
    assert found == [("we teach", None, 1)]


def test_folder_of_joined_files_and_tasks_may_have_any_name(tmp_path: Path) -> None:
    data = tmp_path / "d[0]'s"
    data.mkdir()
    (data / "a.csv").write_text(GOOD)
    (data / "labels1.csv").write_text("id,land\na,DE\n")
    (data / "tasks.csv").write_text("task_text;onet_task\nWe Teach\t;Teach, all day.\n")
    (data / "mapping.yml").write_text(
        "join: {files: 'labels?.csv', on: conversation_id, equals: id}\n"
        "columns: {country: land}\ntasks: tasks.csv\n"
    )
    _, found = read_named(data, tmp_path)
    assert found == [("teach, all day.", "DE", 1)]


def test_names_of_folders_say_nothing_of_rows(tmp_path: Path) -> None:
    place = tmp_path / "data" / "country=DE"
    place.mkdir(parents=True)
    (place / "a.csv").write_text(f"{PLACE}a,2026-03-01,FR,\nb,2026-03-01,,\n")
    _, found = read_named(tmp_path / "data", tmp_path)
    assert found == [(None, "FR", 1), (None, None, 1)]


def test_each_file_of_a_folder_is_read_once_or_named(
    school: Institution, capsys: pytest.CaptureFixture[str]
) -> None:
    school.deliver("a.csv", GOOD)
    packed = GOOD.replace("a,", "b,").encode()
    school.deliver("B.CSV.GZ", gzip.compress(packed))
    for name in ("c.tsv", "d.csv.zst", "e.txt", ".hidden"):
        school.deliver(name, "anything")
    (school.data / "below").mkdir()
    (school.data / "below" / "again").symlink_to(school.data)
    (school.data / "f.csv").symlink_to(school.data / "a.csv")
    incoming, found = read_named(school.data, school.folder)
    assert found == [("we teach", None, 2)]
    named = "left out, as no Parquet, CSV or JSON lines: file c.tsv, d.csv.zst, e.txt"
    assert incoming.note.endswith(named)
    with dbt_environment(school.folder):
        assert check([str(school.data)]) == 0
    assert named in capsys.readouterr().out


def test_folder_that_may_not_be_read(
    school: Institution,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    school.deliver("a.csv", GOOD)
    (school.data / "closed").mkdir()
    scan = os.scandir

    def refuse(path: Any) -> Any:
        if str(path).endswith("closed"):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(BuildError, match="closed can't be read: Permission denied"):
        school.read()
    with dbt_environment(school.folder):
        assert check([str(school.data)]) == 1
    assert "closed can't be read" in capsys.readouterr().err


@pytest.mark.parametrize("folder", ["", "none", "~/lists"])
def test_checker_takes_the_data_folder_of_a_build(
    folder: str, school: Institution, capsys: pytest.CaptureFixture[str]
) -> None:
    school.deliver("a.csv", conversations(40, seed=12))
    shutil.copytree(SHIPPED_DATA, school.folder / "lists")
    with dbt_environment(school.folder):
        os.environ |= {"AEI_DATA_DIR": folder, "HOME": str(school.folder)}
        assert check([str(school.data)]) == (1 if folder == "none" else 0)
    out, err = capsys.readouterr()
    said = "AEI_DATA_DIR is none" if folder == "none" else "one of the task list"
    assert said in out + err


def test_table_that_a_program_has_not_written_back(tmp_path: Path) -> None:
    """Its rows lie beside the file when the program ends without a checkpoint."""
    file = tmp_path / "it's.duckdb"
    with duckdb.connect(str(file)) as con:
        con.execute(
            "create table t as select 'a' as conversation_id, "
            "date '2026-03-01' as started_on, 'we teach' as task_text"
        )
    read_named(f"{file}:t", tmp_path)
    with duckdb.connect(str(file)) as con:
        con.execute("pragma disable_checkpoint_on_shutdown")
        con.execute("insert into t values ('b', '2026-03-01', 'we teach')")
    assert Path(f"{file}.wal").stat().st_size
    incoming, found = read_named(f"{file}:t", tmp_path)
    assert incoming.note.startswith("1 of 1 files new or changed")
    assert found == [("we teach", None, 2)]


@pytest.mark.parametrize("white", ["\t", "\xa0", "\u3000", " \t"])
def test_white_space_makes_no_other_conversation(
    white: str, school: Institution
) -> None:
    school.deliver("a.csv", GOOD)
    school.deliver("b.csv", GOOD.replace("a,", f"{white}a{white},"))
    with pytest.raises(BuildError, match="one conversation 2 times"):
        school.read()


# The first of April in UTC, with an offset, without, and by the name of a zone.
APRIL = [
    *("2026-04-01T02:30:00Z", "2026-04-02T01:30:00+02:00", "2026-03-31T23:30:00-05:00"),
    *("2026-04-01T23:30:00", "2026-04-01", "2026-03-31 23:30 America/New_York"),
]


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_day_is_that_of_utc_wherever_the_machine_is(kind: str, tmp_path: Path) -> None:
    times = APRIL[:1] if kind == "parquet" else APRIL
    rows = pl.DataFrame({"conversation_id": list("abcdef")[: len(times)]})
    rows = rows.with_columns(pl.Series("started_on", times))
    file = tmp_path / f"a.{kind}"
    if kind == "csv":
        rows.write_csv(file)
    elif kind == "jsonl":
        # All of one form are guessed to be times.
        rows[:1].write_ndjson(file)
        rows[1:].write_ndjson(tmp_path / "b.jsonl")
    else:
        rows.with_columns(
            pl.col("started_on").str.to_datetime(time_zone="UTC")
        ).write_parquet(file)
    command = [sys.executable, "scripts/check_conversations.py", str(tmp_path)]
    ran = subprocess.run(
        command,
        cwd=PROJECT,
        env=os.environ | {"TZ": "America/New_York"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"{len(times)} conversations, 2026-04-01 to 2026-04-01," in ran.stdout


def test_later_labels_are_told_by_utc(school: Institution) -> None:
    rows = conversations(1, seed=19)
    for name, use_case, at in (
        ("a.csv", "work", "2026-06-01T23:00:00-05:00"),
        ("b.csv", "personal", "2026-06-02T01:00:00+02:00"),
    ):
        what = {"use_case": pl.lit(use_case), "classified_at": pl.lit(at)}
        school.deliver(name, rows.with_columns(**what))
    school.read()
    found = school.private(
        "select use_case from incoming.conversations inner join incoming.labels "
        "using (label_key)"
    )
    assert found == [("work",)]


def test_days_that_are_read_anew_are_those_of_utc(school: Institution) -> None:
    """The unchanged file has a row of the day that the new one brings."""
    head = "conversation_id,started_on\n"
    school.deliver("a.csv", f"{head}a,2026-03-31T23:30:00-05:00\nb,2026-03-31\n")
    school.take()
    school.deliver("b.csv", f"{head}c,2026-04-01\n")
    assert school.read().batch_size == "day"
    found = school.private("select started_on from incoming.conversations order by all")
    assert found == [(date(2026, 4, 1),)] * 2


def json_lines(rows: list[dict[str, object]]) -> str:
    """Rows as JSON lines."""
    return "".join(f"{json.dumps(row)}\n" for row in rows)


@pytest.mark.parametrize("text", ["03-04-2026", "20-03-25", "03/04/2026"])
def test_dates_of_json_are_not_guessed(text: str, school: Institution) -> None:
    row: dict[str, object] = {"conversation_id": "a", "started_on": text}
    school.deliver("a.jsonl", json_lines([row]))
    with pytest.raises(BuildError, match="file a.jsonl, row 1, column started_on"):
        school.read()


def test_all_rows_of_json_are_looked_at(school: Institution) -> None:
    """Ids that are numbers, longer ones and, late, text; a column that comes late."""
    long = 12345678901234567890123
    ids: list[object] = [*range(25_000), *range(long, long + 9), "x-1"]
    rows: list[dict[str, object]] = [
        {"conversation_id": each, "started_on": "2026-03-01"} for each in ids
    ]
    rows[-1]["use_case"] = "work"
    school.deliver("a.jsonl", json_lines(rows))
    school.read()
    found = school.private(
        "select use_case, count(distinct conversation_key) from incoming.conversations "
        "inner join incoming.labels using (label_key) group by all order by all"
    )
    assert found == [("work", 1), (None, len(ids) - 1)]


@pytest.mark.parametrize("example", ["openclio", "kura", "wildchat"])
def test_examples_can_be_used(
    example: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with dbt_environment(tmp_path):
        assert check([str(EXAMPLES / example)]) == 0
    said = capsys.readouterr().out
    assert f"example_{example} chat" in said
    assert "120 conversations" in said
    assert "95.0% filled; for fct_education_shares" in said


def test_checker_lists_tasks_of_no_list(
    school: Institution, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = conversations(40, seed=12).with_columns(
        pl.Series("task_text", ["a task of ours"] * 25 + tasks(15))
    )
    school.deliver("a.csv", rows)
    with dbt_environment(school.folder):
        assert check([str(school.data)]) == 0
    assert "25 x a task of ours" in capsys.readouterr().out


def test_three_columns_are_enough(school: Institution) -> None:
    rows = conversations(60, seed=13).select(
        "conversation_id", "started_on", "task_text"
    )
    school.deliver("ours.csv", rows)
    school.take()
    whole = rows.with_columns(
        pl.lit("own").alias("source_id"),
        pl.lit("own").alias("platform"),
        *(pl.lit(None, pl.String).alias(name) for name in LABELS),
    )
    found = school.cells().filter(pl.col("facet") == "onet_task")
    assert set(school.cells()["facet"]) == {"onet_task"}
    by_task = (
        whole.group_by(
            pl.col("started_on").dt.truncate("1mo").alias("window_start_date"),
            pl.col("task_text")
            .str.to_lowercase()
            .fill_null("not_classified")
            .alias("t"),
        )
        .len()
        .rows()
    )
    columns = ["window_start_date", "base_cluster_name", "conversation_count"]
    assert sorted(found.select(columns).rows()) == sorted(by_task)
    assert found["account_count"].null_count() == found.height
    assert set(found.columns) >= set(CELL)
