"""Spark beside DuckDB: the same models, files and marts (make test-spark)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import compare_marts
import duckdb
import pytest
from conftest import PROJECT, query, settings
from own_conversations import conversations
from spark import running
from warehouse.comparing import TOLERANCE, compared

pytestmark = [
    pytest.mark.spark,
    pytest.mark.skipif(
        not running.PYTHON.is_file(),
        reason="Spark is not installed: make .venv-spark (about 1 GB)",
    ),
]

# What tells one build from another.
OF_THE_BUILD = {"dim_build", "dim_build_marts", "fct_figure_changes"}
OF_THE_BUILD |= {"fct_expectation_results"}


def built(folder: Path, *options: str) -> Path:
    """A published warehouse of the shipped releases and some own conversations."""
    data = folder / "conversations"
    data.mkdir(parents=True)
    conversations(4000).write_csv(data / "own.csv")
    environment = settings(folder) | {"AEI_CONVERSATIONS": str(data)}
    output = folder / "published" / "ai_in_education.duckdb"
    work_file = folder / "work" / "ai_in_education.duckdb"
    work_file.parent.mkdir()
    command = [sys.executable, str(PROJECT / "scripts" / "build.py"), "--no-docs"]
    places = ["--output", str(output), "--work-file", str(work_file)]
    ended = subprocess.run(
        [*command, *places, *options],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return output


@pytest.fixture(scope="module")
def warehouses(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The warehouse built by DuckDB, and the one that Spark has counted."""
    folder = tmp_path_factory.mktemp("engines")
    return built(folder / "duckdb"), built(folder / "spark", "--spark")


@pytest.fixture(scope="module")
def nodes(warehouses: tuple[Path, Path]) -> dict[str, str]:
    """What dbt said of each node on Spark."""
    folder = warehouses[1].parents[1] / "work" / "target"
    results = json.loads((folder / "run_results.json").read_text("utf-8"))["results"]
    return {each["unique_id"]: each["status"] for each in results}


def test_every_mart_says_the_same(warehouses: tuple[Path, Path], capsys: Any) -> None:
    """To 1e-9, on the shipped releases and on own conversations."""
    compare_marts.main([str(file) for file in warehouses])
    lines = capsys.readouterr().out.splitlines()
    different = set(lines[-1].removeprefix("Different: ").split(", "))
    assert different <= {"nothing"} | OF_THE_BUILD, "\n".join(lines)
    for file in warehouses:
        own = "from marts.fct_education_shares where release_id = 'our_school_v1'"
        assert query(file, f"select count(*) > 0 {own}") == [(True,)]


def test_every_model_and_test_ran_on_spark(nodes: dict[str, str]) -> None:
    """All but what says of a build how it ended."""
    passed = {name for name, status in nodes.items() if status in ("success", "pass")}
    assert set(nodes) - passed <= {
        name for name, status in nodes.items() if status in ("warn", "no-op")
    }
    models = {name.split(".")[2] for name in passed if name.startswith("model.")}
    assert {"fct_education_shares", "int_conversation_cells_protected"} <= models
    assert {"int_scope_intervals", "int_uncertainty"} <= models


def test_spark_protects_the_same_cells(warehouses: tuple[Path, Path]) -> None:
    """Folded cell by cell: what may be published of own conversations."""
    table = "intermediate.int_conversation_cells_protected"
    with duckdb.connect() as con:
        for name, file in zip(("old", "new"), warehouses, strict=True):
            con.execute(f"attach '{file}' as {name} (read_only)")
        old, new = (con.sql(f"from {name}.{table}").pl() for name in ("old", "new"))
    grain = compare_marts.grains()["int_conversation_cells"]
    assert len(old) > 100
    assert len(compared(old, new, grain)) == 1


ROWS = """
    (values ('a', 1, 2.0, 'x'), ('a', 2, null, null), ('b', 3, 0.5, 'y'))
    as given (name, number, value, label)
"""
# What DuckDB says, and what a rule of scripts/spark/dialect.py is for.
IDIOMS = {
    "first_value_known": f"select name, any_value(label) from {ROWS} group by all",
    "first_value_in_order": "select name, any_value(label order by number desc) "
    f"from {ROWS} group by all",
    "first_value_of_nulls_first": "select any_value(name order by value nulls first, "
    f"name) from {ROWS}",
    "filtered_first_value": "select name, any_value(label) filter (where number > 1) "
    f"from {ROWS} group by all",
    "list_in_order": "select array_to_string(list(name order by number desc), ' ') "
    f"from {ROWS}",
    "row_of_the_least": "select name, arg_min(label, -number) "
    f"from {ROWS} group by all",
    "lists_side_by_side": "select name, unnest(['one', 'two']) as word, "
    f"unnest([number, 2 * number]) as size from {ROWS}",
    "list_gathered": "select name, count(*) as size, unnest(list(number)) as number "
    f"from {ROWS} group by name having count(*) > 1",
    "named_window": "select number, sum(number) over w - number, "
    f"rank() over (w order by number) from {ROWS} window w as (partition by name)",
    "union_by_name": f"select name, number from {ROWS} union all by name "
    "select 9 as number, 'z' as label",
    "excluded": f"select * exclude (label, value) from {ROWS}",
    "qualify": f"select name, number from {ROWS} "
    "qualify row_number() over (partition by name order by number desc) = 1",
    "distinct_on": "select distinct on (name) name, number "
    f"from {ROWS} order by name, number desc",
    "exact_sum": "select name, cast(sum(cast(value * pow(2, 60) as decimal(38, 0))) "
    "filter (where number > 0) as double) / pow(2, 60) "
    f"from {ROWS} group by all",
    "decimals_divide": "select (1 / 3.0 + 0.1) * 1e-6 / 7, 7 / 2, 1.0 / 3",
    "finite": "select isfinite(try_cast(text as double)), try_cast(text as double) > 1 "
    "from (values ('1e400'), ('2'), ('x')) as texts (text)",
    "whole_match": "select regexp_full_match(text, '[0-9]+(\\.0+)?') "
    "from (values ('12'), ('12.0'), ('12x'), ('1\n')) as texts (text)",
    "whole_match_by_row": "select regexp_full_match(text, pattern) from "
    "(values ('US', '[A-Z]{2}'), ('USA', '[A-Z]{2}')) as texts (text, pattern)",
    "lists": "select list_position(['a', 'b'], 'b'), [1, 2, 3][1:2] = [1, 2], "
    "list_slice([1, 2, 3], 2, 3) = [2, 3]",
    "size_of_nothing": "select array_length(if(number = 1, null, [number])) "
    f"from {ROWS}",
    "product": f"select name, product(value) from {ROWS} group by all",
    "days": "select strftime(date '2025-03-04', '%-d %b %Y'), date '2025-02-27' + 6, "
    "last_day(date '2025-02-01')",
    "absent": "select name from (values ('a'), ('c')) as wanted (name) "
    f"anti join (select name from {ROWS}) using (name)",
    "text_of_numbers": "select 'n ' || 3 || coalesce(null, '') || null is null",
}
ON_SPARK = """
import json, sys
sys.path.insert(0, sys.argv[1])
from spark.dialect import to_spark
from pyspark.sql import SparkSession
spark = SparkSession.builder.master("local[1]").config(
    "spark.sql.shuffle.partitions", 1
).config("spark.ui.enabled", "false").getOrCreate()
answers = {}
for name, sql in json.load(sys.stdin).items():
    answers[name] = [list(row) for row in spark.sql(to_spark(sql, {})).collect()]
print("ANSWERS", json.dumps(answers, default=str))
"""


@pytest.fixture(scope="module")
def answers() -> dict[str, list[list[Any]]]:
    """What Spark answers to each idiom."""
    ended = subprocess.run(
        [str(running.PYTHON), "-c", ON_SPARK, str(PROJECT / "scripts")],
        input=json.dumps(IDIOMS),
        env=os.environ | {"SPARK_LOCAL_IP": "127.0.0.1"},
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
    return json.loads(ended.stdout.split("ANSWERS ")[1])


@pytest.mark.parametrize("name", IDIOMS)
def test_spark_means_what_duckdb_means(
    name: str, answers: dict[str, list[list[Any]]]
) -> None:
    """Each idiom of the models, on rows with nulls."""

    def in_order(rows: Any) -> list[list[Any]]:
        texts = json.loads(json.dumps([list(row) for row in rows], default=str))
        return sorted(texts, key=json.dumps)

    expected = in_order(duckdb.sql(IDIOMS[name]).fetchall())
    found = in_order(answers[name])
    assert len(found) == len(expected)
    for row, wanted in zip(found, expected, strict=True):
        assert all(map(agree, row, wanted)), (row, wanted)


def agree(one: Any, other: Any) -> bool:
    """Numbers to the tolerance of the marts, everything else in full."""
    if isinstance(one, float) and isinstance(other, float):
        return abs(one - other) <= TOLERANCE * max(abs(one), abs(other))
    return bool(one == other)
