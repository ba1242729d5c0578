"""An institution's own conversations: contract, road, growth and guards.

The oracle is polars over the delivered rows (own_conversations.py).
"""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
from conftest import Build, query
from conversations import problems
from conversations import rows as narrow_rows
from conversations.incoming import private_file
from dbt.contracts.graph.manifest import Manifest
from mutations.own import DATA_TESTS, WARNINGS
from oracle_intervals import wilson_pct
from own_conversations import (
    OLDER,
    ROWS,
    Institution,
    ParsedDbt,
    cells_by_polars,
    conversations,
    own_environment,
    private_cells,
    tasks,
)
from polars.testing import assert_frame_equal
from warehouse import publishing
from warehouse.errors import BuildError

# The road: one build with pages, exports and docs -------------------------------------


def test_sql_of_every_model_is_in_the_docs(own: Build) -> None:
    assert "missing compiled SQL" not in own.stderr


def test_private_file_of_an_earlier_version_is_removed(own: Build) -> None:
    assert not (own.folder / OLDER).exists()
    assert OLDER in own.stdout


def test_private_cells_are_those_of_the_rows(own: Build) -> None:
    found = private_cells(own.folder / "work.duckdb")
    found = found.filter(pl.col("release_id") == "our_school_v1")
    assert_frame_equal(found, cells_by_polars(ROWS))


def test_truth_of_the_simulator_lies_in_the_intervals(own: Build) -> None:
    """Shares of tasks and labels: about 95% hold them; with seed 7, 94% of 172."""
    truth = own.folder / "simulated" / "release_r" / "truth"
    rows = own.query(
        f"""
        with tasks as (
            from '{truth}/task_parameter.parquet' where platform = 'claude_ai'
        ), answers as (
            select facet, category, 100 * sum(probability * share) as truth_pct
            from tasks
            inner join '{truth}/answer_parameter.parquet'
                using (platform, task, is_coordinated)
            group by facet, category
            union all
            select 'onet_task', task, 100 * sum(probability) from tasks group by task
        )

        select truth_pct between interval_low_pct and interval_high_pct
        from marts.fct_facet_shares
        inner join answers using (facet, category)
        where
            release_id = 'made_up_simulated_classifier_1'
            and geo_level = 'global'
            and share_base = 'all_conversations'
            and interval_kind = 'wilson_95'
            and category <> 'not_classified'
        """
    )
    assert len(rows) > 150
    assert 0.92 < sum(is_held for (is_held,) in rows) / len(rows) < 0.98


def test_own_samples_stand_among_the_releases(own: Build) -> None:
    found = own.query(
        "select release_id, platform, window_start_date, window_end_date, "
        "sample_count, count_basis, schema_family, is_simulated from "
        "marts.dim_releases where is_own_data and release_id = 'our_school_v1' "
        "order by window_start_date"
    )
    march = sum(day.month == 3 for day in ROWS["started_on"])
    key = ("our_school_v1", "chat")
    what = ("conversations", "D", False)
    assert found == [
        (*key, date(2026, 3, 1), date(2026, 3, 31), march, *what),
        (*key, date(2026, 4, 1), date(2026, 4, 30), ROWS.height - march, *what),
    ]


def test_bounds_hold_the_share_of_all_conversations(own: Build) -> None:
    """The truth: a lookup of each conversation's task, nothing folded."""
    holders = own.query(
        "select distinct lower(trim(task_statement)), soc_major_group from "
        "marts.bridge_task_allocations inner join marts.dim_tasks using (task_id) "
        "where allocation_rule = 'any_holder' and soc_major_group = '25'"
    )
    education = {task for task, _ in holders}
    is_education = ROWS["task_text"].str.to_lowercase().is_in(list(education))
    shares = own.records(
        "select * from marts.fct_education_shares where release_id = 'our_school_v1' "
        "and geo_level = 'global' and scope = 'education' "
        "and allocation_rule = 'any_holder' and share_base = 'all_conversations'"
    )
    assert len(shares) == 2
    for row in shares:
        in_window = ROWS["started_on"].dt.month() == row["window_start_date"].month
        truth = 100 * (is_education & in_window).sum() / in_window.sum()
        assert row["base_conversation_count"] == in_window.sum()
        assert row["bound_low_pct"] <= truth <= row["bound_high_pct"]
        assert row["bound_low_pct"] > 0


def test_whole_counts_have_the_interval_of_wilson(own: Build) -> None:
    rows = own.records(
        "select * from marts.fct_facet_shares where release_id = 'our_school_v1' and "
        "facet = 'use_case' and geo_level = 'global' and category = 'coursework' "
        "and share_base = 'all_conversations' order by window_start_date"
    )
    assert len(rows) == 2
    for row in rows:
        in_window = ROWS["started_on"].dt.month() == row["window_start_date"].month
        count = ((ROWS["use_case"] == "coursework") & in_window).sum()
        assert row["conversation_count"] == count
        assert row["interval_kind"] == "wilson_95"
        ends = row["interval_low_pct"], row["interval_high_pct"]
        assert ends == pytest.approx(wilson_pct(count, in_window.sum()))


def test_suppressed_label_may_hold_all_of_the_residual(own: Build) -> None:
    """Folded cells of own data can hold more than the floor less one."""
    rows = own.records(
        "with cells as (select *, sum(conversation_count) filter (where category = "
        "'not_classified') over (partition by window_start_date, task_id, facet) as "
        "residual_count from marts.fct_task_cells where release_id = 'our_school_v1' "
        "and geo_level = 'global') select * from cells where status = 'suppressed' "
        "and residual_count is not null"
    )
    assert rows
    off = {r["maximum_conversation_count"] - r["residual_count"] for r in rows}
    assert off == {0}


@pytest.mark.parametrize(
    "mart", ["fct_education_shares", "fct_facet_shares", "fct_interaction_patterns"]
)
def test_rows_of_the_index_are_as_without(
    mart: str, own: Build, shipped_warehouse: Build
) -> None:
    sql = (
        f"from marts.{mart} where release_id not in ('our_school_v1', "
        "'made_up_simulated_classifier_1') order by all"
    )
    found, without = (
        pl.DataFrame(build.records(sql), infer_schema_length=None)
        for build in (own, shipped_warehouse)
    )
    assert found.height > 100
    assert_frame_equal(found, without, abs_tol=1e-9)


def test_no_step_of_the_trend_mixes_own_data_and_the_index(own: Build) -> None:
    steps = own.query(
        "select distinct release_id, previous_release_id from "
        "marts.fct_education_trend where previous_release_id is not null"
    )
    assert ("our_school_v1", "our_school_v1") in steps
    assert not any("our_school_v1" in step for step in steps if len(set(step)) > 1)


def test_nothing_private_is_published(own: Build) -> None:
    schemas = {
        name for (name,) in own.query("select schema_name from duckdb_schemas()")
    }
    assert not schemas & {"private", "incoming"}
    columns = own.query("select distinct column_name from duckdb_columns()")
    private = {"conversation_key", "account_key", "account_count", "conversation_id"}
    assert not {name for (name,) in columns} & private
    assert not any(
        "private" in view for (view,) in own.query("select sql from duckdb_views()")
    )
    names = [path.name for path in own.folder.glob("parquet/*.parquet")]
    assert "dim_releases.parquet" in names
    assert not [name for name in names if "conversation" in name]


def others_may_read(folder: Path) -> list[str]:
    """Files of a build that are not for their owner only, but for the work file."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return [
        path.name
        for path in files
        if path.name != "work.duckdb"
        and not any(
            part.stat().st_mode & 0o077 == 0
            for part in (path, *path.parents)
            if part.is_relative_to(folder) and part != folder
        )
    ]


def test_nobody_else_may_read_what_a_build_works_with(
    school: Institution, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The private file, its log, the rows for dbt, and what does not fit in memory."""
    seen: set[str] = set()

    def look(*_: Any) -> list[str]:
        seen.update(path.suffix for path in school.folder.rglob("*"))
        assert others_may_read(school.folder) == []
        return []

    monkeypatch.setattr(problems, "repeated", look)
    school.deliver("a.csv", ROWS)
    school.read()
    assert seen >= {".duckdb", ".wal", ".parquet"}
    with (
        publishing.for_the_owner_only(),
        duckdb.connect(str(school.work_file), config={"memory_limit": "30MB"}) as con,
    ):
        con.execute("create temp table large as select random() from range(9000000)")
        look()
    assert ".tmp" in seen


def test_copies_are_found_part_by_part(
    school: Institution, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(narrow_rows, "MOST_SORTED", 10)
    rows = conversations(200, seed=18)
    school.deliver("a.parquet", rows)
    school.deliver("b.parquet", rows[50:53])
    with pytest.raises(BuildError, match="3 conversations have some") as stopped:
        school.read()
    assert "a.parquet row 51, b.parquet row 1; hash of its id" in str(stopped.value)
    assert not [path for path in school.folder.rglob("*.parquet")]


def test_report_shows_the_own_source(own: Build) -> None:
    assert "our_school_v1" in (own.folder / "report.html").read_text(encoding="utf-8")


def test_nothing_of_it_exists_without_the_variable(project_manifest: Manifest) -> None:
    names = [n.name for n in project_manifest.nodes.values() if n.config.enabled]
    assert "int_facet_values" in names
    assert not [name for name in names if "conversations__" in name or "own_" in name]
    assert not [name for name in names if "int_conversation" in name]


# Growth -------------------------------------------------------------------------------


# Of Parquet a first load is read where it lies.
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_days_late_rows_and_gone_files(kind: str, school: Institution) -> None:
    first = conversations(400, seed=2, days=40)
    school.deliver(f"a.{kind}", first)
    school.take()
    assert_frame_equal(school.cells(), cells_by_polars(first))
    # Three days more; some rows of them are of days that were delivered before.
    more = conversations(60, seed=3, first=date(2026, 4, 8), days=3)
    school.deliver(f"b.{kind}", more)
    assert school.read().batch_size == "day"
    school.take()
    both = pl.concat([first, more])
    assert_frame_equal(school.cells(), cells_by_polars(both))
    # A rerun reads nothing and changes nothing; a full refresh gives the same.
    assert school.read().first_day is None
    school.take()
    assert_frame_equal(school.cells(), cells_by_polars(both))
    private_file(school.work_file).unlink()
    school.take()
    assert_frame_equal(school.cells(), cells_by_polars(both))
    (school.data / f"b.{kind}").unlink()
    school.take()
    assert_frame_equal(school.cells(), cells_by_polars(first))


def test_build_that_ends_half_way(school: Institution) -> None:
    first = conversations(300, seed=4, days=40)
    school.deliver("a.parquet", first)
    school.take()
    more = conversations(50, seed=5, first=date(2026, 3, 20), days=4)
    school.deliver("b.parquet", more)
    # The days are taken, their windows not counted.
    school.take("stg_conversations__labelled", is_kept=False)
    assert_frame_equal(school.cells(), cells_by_polars(first))
    assert school.read().first_day == min(more["started_on"])
    school.take()
    assert_frame_equal(school.cells(), cells_by_polars(pl.concat([first, more])))


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_labelled_again(kind: str, school: Institution) -> None:
    first = conversations(300, seed=6)
    school.deliver(f"a.{kind}", first)
    # By the same version, later: these labels count, once.
    again = first.head(40).with_columns(
        pl.lit("work").alias("use_case"), pl.lit("2026-06-09").alias("classified_at")
    )
    school.deliver(f"again.{kind}", again)
    # By another version: beside the first, in no figure with it.
    second = first.with_columns(
        pl.lit("v2").alias("classifier_version"), pl.lit("no").alias("task_success")
    )
    school.deliver(f"second.{kind}", second)
    results = school.take(
        "int_conversation_cells_protected", "own_windows_have_one_classifier_version"
    )
    latest = pl.concat([first.tail(260), again, second])
    assert_frame_equal(school.cells(), cells_by_polars(latest))
    assert status_of(results, "own_windows_have_one_classifier_version") == "warn"
    kept = "select count(*) from private.stg_conversations__labelled"
    assert school.private(kept) == [(600,)]


def test_labels_in_another_writing_are_the_same(school: Institution) -> None:
    rows = conversations(200, seed=14)
    school.deliver("a.csv", rows)
    again = rows.with_columns(
        pl.col("use_case").str.to_uppercase(),
        pl.lit(" people ").alias("classifier"),
        conversation_id=" more-" + pl.col("conversation_id"),
    )
    school.deliver("b.csv", again)
    school.take()
    assert_frame_equal(
        school.cells(),
        cells_by_polars(pl.concat([rows, again.with_columns(rows["use_case"])])),
    )


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_labels_of_files_that_differ(kind: str, school: Institution) -> None:
    """In the type of a column, and in sets that a later file is the first to have."""
    rows = conversations(60, seed=15).with_columns(task_id=pl.lit(7))
    again = rows.with_columns(
        task_id=pl.col("task_id").cast(pl.Float64),
        conversation_id="more-" + pl.col("conversation_id"),
    )
    last = again[:9].with_columns(
        task_id=pl.lit(8), conversation_id="last-" + pl.col("conversation_id")
    )
    for name, part in {"a": rows, "b": again, "c": again[:0], "d": last}.items():
        school.deliver(f"{name}.{kind}", part)
    school.read()
    found = school.private(
        "select task_label, count(*) from incoming.conversations "
        "left join incoming.labels using (label_key) group by all order by all"
    )
    assert found == [("7", 120), ("8", 9)]


def test_labels_that_no_conversation_has_are_forgotten(school: Institution) -> None:
    rows = conversations(60, seed=15)
    school.deliver("a.csv", rows)
    school.deliver(
        "b.csv",
        rows.head(5).with_columns(
            pl.lit("own task").alias("task_text"),
            conversation_id="more-" + pl.col("conversation_id"),
        ),
    )
    known = "select count(*) from incoming.labels where task_label = 'own task'"
    school.take()
    assert school.private(known) != [(0,)]
    (school.data / "b.csv").unlink()
    school.take()
    assert school.private(known) == [(0,)]


def test_file_that_changes_while_it_is_read(
    school: Institution, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = conversations(300, seed=16)
    both = pl.concat([rows, conversations(10, seed=17)])
    school.deliver("a.parquet", rows)

    def change(*_: Any) -> list[str]:
        school.deliver("a.parquet", both)
        return []

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(problems, "repeated", change)
        with pytest.raises(BuildError, match="a.parquet has changed"):
            school.read()
    # The next build begins anew.
    school.take()
    assert_frame_equal(school.cells(), cells_by_polars(both))


def test_dbt_alone_may_not_read_other_days(
    school: Institution, own_manifest: Manifest
) -> None:
    school.deliver("a.csv", conversations(30, seed=7))
    school.take()
    with own_environment(school.folder, school.data):
        os.environ["AEI_PRIVATE_FILE"] = str(private_file(school.work_file))
        dbt = ParsedDbt(school.work_file, None, own_manifest)
        with pytest.raises(BuildError, match="stg_conversations__labelled"):
            dbt.build("--select", "stg_conversations__labelled")
    kept = "select count(*) from private.stg_conversations__labelled"
    assert school.private(kept) == [(30,)]


def test_a_row_without_an_account_leaves_the_floor_of_accounts(
    school: Institution,
) -> None:
    """A task of twenty conversations of one account is folded still."""
    task = tasks(40)[-1]
    rows = conversations(600, seed=9, days=28)
    of_one = rows.head(20).with_columns(
        pl.col("conversation_id") + " again",
        account_id=pl.lit("one"),
        task_text=pl.lit(task),
    )
    rows = pl.concat([rows, of_one])
    is_first = pl.int_range(pl.len()) == 0
    rows = rows.with_columns(pl.when(~is_first).then("account_id").alias("account_id"))
    school.deliver("a.csv", rows)
    school.take("int_conversation_cells_protected")
    of_task = pl.col("base_cluster_name") == task.lower()
    assert school.cells().filter(of_task)["conversation_count"].max() == 20
    sql = "select base_cluster_name from intermediate.int_conversation_cells_protected"
    published = {name for (name,) in query(school.work_file, sql)}
    assert task.lower() not in published
    assert published >= {"directive", "work"}


# Guards -------------------------------------------------------------------------------


def status_of(results: Any, name: str) -> str:
    """What dbt says of a node."""
    (status,) = {str(r.status) for r in results if r.node.name == name}
    return status


@pytest.mark.parametrize(
    ("guard", "case"),
    [(guard, case) for guard, cases in DATA_TESTS.items() for case in cases],
)
def test_data_test_finds_its_mutant(guard: str, case: str, school: Institution) -> None:
    rows = conversations(900, seed=8, days=58)
    school.deliver("a.csv", rows.with_columns(DATA_TESTS[guard][case]))
    nodes = ("int_conversation_cells_protected", guard)
    if guard in WARNINGS:
        assert status_of(school.take(*nodes), guard) == "warn"
    else:
        with pytest.raises(BuildError, match=guard):
            school.take(*nodes)
