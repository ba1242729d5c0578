"""An institution's own conversations: contract, road, growth and guards.

The oracle is polars over the delivered rows (own_conversations.py).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import compare_marts
import polars as pl
import pytest
import simulate
from conftest import PROJECT, Build, Once, build_here, query, settings
from conversations.incoming import private_file
from conversations.mapping import find
from dbt.contracts.graph.manifest import Manifest
from mutations.own import DATA_TESTS, WARNINGS
from oracle_intervals import wilson_pct
from own_conversations import (
    Institution,
    ParsedDbt,
    cells_by_polars,
    conversations,
    own_environment,
    private_cells,
)
from polars.testing import assert_frame_equal
from warehouse import building
from warehouse.errors import BuildError

ROWS = conversations(3000)


# The road: one build with pages and exports -------------------------------------------


def simulated(folder: Path) -> pl.DataFrame:
    """Conversations of Claude.ai from the simulator, which leaves their truth beside
    them, under the names that its mapping gives."""
    said = folder / "conversations"
    command = ["--conversations", "20000", "--api-records", "1", "--truth"]
    command += ["--output-dir", str(folder), "--seed", "7", "--release-id", "r"]
    assert simulate.main([*command, "--conversations-parquet", str(said)]) == 0
    mapping = find(said)
    drawn = pl.read_parquet(said / "claude_ai" / "*.parquet")
    drawn = drawn.rename({v: k for k, v in mapping.columns.items()})
    return drawn.with_columns(
        pl.lit(mapping.constants["source_id"]).alias("source_id"),
        *(pl.col(name).replace("not_classified", None) for name in mapping.labels),
    )


def build_own(folder: Path) -> Build:
    """A build, as a person runs it, on the shipped releases and own conversations."""
    school = Institution(folder)
    drawn = simulated(folder / "simulated")
    school.deliver("march.csv", pl.concat([ROWS, drawn], how="diagonal"))
    environment = settings(folder) | {"AEI_CONVERSATIONS": str(school.data)}
    del environment["DBT_EXCLUDE_RESOURCE_TYPES"]
    command = [sys.executable, str(PROJECT / "scripts" / "build.py"), "--no-docs"]
    command += ["--output", str(folder / "published.duckdb")]
    command += ["--work-file", str(folder / "work.duckdb")]
    ended = subprocess.run(
        command, cwd=PROJECT, env=environment, capture_output=True, text=True
    )
    return Build(folder, ended.returncode, ended.stdout, ended.stderr)


@pytest.fixture(scope="module")
def own(once: Once) -> Build:
    """The warehouse with own conversations beside the shipped releases."""
    built: Build = once("own", build_own)
    assert built.status == 0, built.stderr
    return built


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
    place = private_file(own.folder / "work.duckdb")
    assert place.stat().st_mode & 0o077 == 0


def test_what_arrives_later_moves_no_mart(
    own: Build,
    own_manifest: Manifest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Accounts withdraw, conversations are labelled anew, some come late."""
    monkeypatch.setattr(building, "Dbt", partial(ParsedDbt, manifest=own_manifest))
    monkeypatch.setattr(building, "ask_expectations", lambda *_: [])
    monkeypatch.setattr(building, "write_outputs", lambda *_: [])
    later = tmp_path / "later"
    shutil.copytree(own.folder, later, ignore=shutil.ignore_patterns("target"))
    file = later / "conversations" / "march.csv"
    drawn = pl.read_csv(file).filter(pl.col("source_id") != "our_school")
    again = pl.col("conversation_id").is_in(ROWS["conversation_id"][5:45].to_list())
    changed = ROWS[5:].with_columns(
        use_case=pl.when(again).then(pl.lit("work")).otherwise("use_case")
    )
    more = ROWS.head(30).with_columns(
        conversation_id="late-" + pl.col("conversation_id")
    )
    pl.concat([changed, more, drawn], how="diagonal_relaxed").write_csv(file)
    with own_environment(later, file.parent):
        os.environ["DBT_EXCLUDE_RESOURCE_TYPES"] = "unit_test test"
        assert build_here(later) == 0
        # And again, with nothing new.
        assert build_here(later) == 0
    work = (
        "select sum(conversation_count) from private.int_conversation_cells where "
        "facet = 'use_case' and geo_level = 'global' and base_cluster_name = 'work' "
        "and release_id = 'our_school_v1'"
    )
    counts = [query(private_file(f / "work.duckdb"), work) for f in (own.folder, later)]
    assert counts[0] != counts[1]
    shown = "select count(*) from marts.fct_task_cells where release_id like 'our%'"
    assert own.query(shown) > [(0,)]
    skip = tmp_path / "skip.yml"
    skip.write_text("skip: [dim_build, fct_expectation_results]\n")
    files = [str(own.file), str(later / "published.duckdb")]
    assert compare_marts.main([*files, "--map", str(skip)]) == 0


def test_report_shows_the_own_source(own: Build) -> None:
    assert "our_school_v1" in (own.folder / "report.html").read_text(encoding="utf-8")


def test_nothing_of_it_exists_without_the_variable(project_manifest: Manifest) -> None:
    names = [n.name for n in project_manifest.nodes.values() if n.config.enabled]
    assert "int_facet_values" in names
    assert not [name for name in names if "conversations__" in name or "own_" in name]
    assert not [name for name in names if "int_conversation" in name]


# Growth -------------------------------------------------------------------------------


def test_days_late_rows_and_gone_files(school: Institution) -> None:
    first = conversations(400, seed=2, days=40)
    school.deliver("a.csv", first)
    school.take()
    assert_frame_equal(school.cells(), cells_by_polars(first))
    # Three days more; some rows of them are of days that were delivered before.
    more = conversations(60, seed=3, first=date(2026, 4, 8), days=3)
    school.deliver("b.csv", more)
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
    (school.data / "b.csv").unlink()
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


def test_labelled_again(school: Institution) -> None:
    first = conversations(300, seed=6)
    school.deliver("a.csv", first)
    # By the same version, later: these labels count, once.
    again = first.head(40).with_columns(
        pl.lit("work").alias("use_case"), pl.lit("2026-06-09").alias("classified_at")
    )
    school.deliver("again.csv", again)
    # By another version: beside the first, in no figure with it.
    second = first.with_columns(
        pl.lit("v2").alias("classifier_version"), pl.lit("no").alias("task_success")
    )
    school.deliver("second.csv", second)
    results = school.take(
        "int_conversation_cells_protected", "own_windows_have_one_classifier_version"
    )
    latest = pl.concat([first.tail(260), again, second])
    assert_frame_equal(school.cells(), cells_by_polars(latest))
    assert status_of(results, "own_windows_have_one_classifier_version") == "warn"
    kept = "select count(*) from private.stg_conversations__labelled"
    assert school.private(kept) == [(600,)]


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
