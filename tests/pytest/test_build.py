"""The build from end to end on the data that ships, and what changes what it builds."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest
from conftest import (
    PLATFORMS,
    PROJECT,
    WITHOUT_TESTS,
    Build,
    DataFolder,
    build_here,
    dbt_environment,
    failures,
    limit_build,
    manifest_rows,
    query,
    run_dbt,
)
from dbt.contracts.graph.manifest import Manifest
from duckdb import Error, connect
from report_page import changed
from warehouse import building
from warehouse.runner import failure_text
from warehouse.summary import summary

# What BI users were promised: marts with the columns that they may rely on.
PROMISED = {
    "dim_releases": "release_id platform window_start_date window_end_date "
    "sample_count count_basis taxonomy_version schema_family file_status is_simulated "
    "licence citation",
    "dim_geographies": "geo_level geo_id is_anomalous is_unclassified",
    "fct_task_cells": "release_id platform geo_level geo_id task_id facet category "
    "conversation_count status",
    "fct_facet_shares": "release_id platform geo_level geo_id facet level category "
    "share_base conversation_count base_conversation_count share_pct published_pct",
    "bridge_task_allocations": "task_id allocation_rule soc_major_group "
    "education_subsector weight",
    "dim_tasks": "task_id task_statement holder_code_count education_code_count "
    "education_subsector is_education is_pseudo_task",
    "dim_interaction_patterns": "pattern meaning mode source",
    "fct_occupation_group_shares": "release_id platform allocation_rule share_base "
    "soc_major_group conversation_count base_conversation_count share_pct share_rank",
    "fct_education_shares": "release_id platform geo_level geo_id allocation_rule "
    "share_base scope task_count conversation_count base_conversation_count share_pct "
    "bound_low_pct bound_high_pct",
    "fct_interaction_patterns": "release_id platform allocation_rule scope estimator "
    "pattern share_pct conversation_count base_conversation_count bound_low_pct "
    "bound_high_pct task_count task_with_pattern_count suppressed_pct",
    "fct_task_success": "release_id platform allocation_rule scope estimator "
    "success_pct yes_count base_conversation_count bound_low_pct bound_high_pct "
    "task_count task_with_success_count",
    "fct_use_case_shares": "release_id platform allocation_rule scope estimator "
    "use_case share_pct conversation_count base_conversation_count",
    "fct_task_concentration": "release_id platform allocation_rule scope share_base "
    "top_k share_pct effective_task_count",
    "fct_education_tasks": "release_id platform task_id task_statement "
    "education_subsector conversation_count volume_share_pct volume_rank success_pct "
    "directive_pct feedback_loop_pct task_iteration_pct learning_pct validation_pct",
    "fct_published_reconciliation": "number_id published_value computed_value "
    "difference_in_last_digits status explanation",
    "fct_cell_coverage": "release_id platform facet geo_level status cell_count "
    "unit_count covered_pct",
}

# Rows about files and figures that are not loaded say nothing about loaded data.
LOADED_ROWS = {
    "dim_releases": "is_loaded",
    "dim_release_files": "is_loaded",
    "fct_published_reconciliation": "is_release_loaded",
    # all: the whole warehouse was judged
    "fct_expectation_results": "release_id <> 'all'",
}


def columns_of_marts(build: Build) -> dict[str, set[str]]:
    """The columns of every mart of a warehouse."""
    return {
        mart: set(columns)
        for mart, columns in build.query(
            "select table_name, list(column_name) from duckdb_columns() "
            "where schema_name = 'marts' group by all"
        )
    }


# The shipped release ------------------------------------------------------------------


@pytest.mark.parametrize("mart", PROMISED)
def test_promised_mart_has_its_columns_and_rows(
    mart: str, shipped_warehouse: Build
) -> None:
    columns = columns_of_marts(shipped_warehouse).get(mart, set())
    assert set(PROMISED[mart].split()) - columns == set()
    assert shipped_warehouse.query(f"select count(*) from marts.{mart}")[0][0] > 0


def test_every_row_about_loaded_data_is_called_simulated(
    shipped_warehouse: Build,
) -> None:
    marts = columns_of_marts(shipped_warehouse)
    flagged = {mart for mart, columns in marts.items() if "is_simulated" in columns}
    rows_about_data = {mart for mart in PROMISED if mart != "dim_interaction_patterns"}
    assert rows_about_data - flagged == set()
    for mart, columns in marts.items():
        wrong = ["is_simulated is not true"] if mart in flagged else []
        # the releases of the reconciliation are those of the printed figures
        if "release_id" in columns and mart != "fct_published_reconciliation":
            wrong.append("not starts_with(release_id, 'simulated_')")
        loaded = LOADED_ROWS.get(mart, "true")
        for condition in wrong:
            rows = f"from marts.{mart} where {loaded} and {condition} limit 3"
            assert shipped_warehouse.query(rows) == [], mart


def test_no_printed_figure_is_computed_from_simulated_data(
    shipped_warehouse: Build,
) -> None:
    rows = shipped_warehouse.records("from marts.fct_published_reconciliation")
    assert len(rows) == 147
    assert {row["status"] for row in rows} == {"not_computable"}
    assert {row["computed_value"] for row in rows} == {None}
    reasons = [row["explanation"] for row in rows]
    assert all(
        "is not loaded" in reason or "leaves this metric out on purpose" in reason
        for reason in reasons
    )


def test_shipped_files_are_verified_and_the_others_absent(
    shipped_warehouse: Build,
) -> None:
    expected = {
        (row["release_id"], row["platform"]): (
            "verified" if row["is_simulated"] == "true" else "absent"
        )
        for row in manifest_rows()
        if row["file_role"] == "raw" and row["copy_status"] == "current"
    }
    rows = shipped_warehouse.records("from marts.dim_releases")
    assert {
        (row["release_id"], row["platform"]): row["file_status"] for row in rows
    } == expected
    assert {row["sample_count"] is None for row in rows if not row["is_loaded"]} == {
        True
    }


def test_summary_says_what_was_built_and_that_it_is_simulated(
    shipped_warehouse: Build,
) -> None:
    text = shipped_warehouse.stdout
    assert f"Warehouse published: {shipped_warehouse.file}" in text
    assert "SIMULATED DATA: these figures describe nobody." in text
    assert "rule any_holder, base all conversations" in text
    shares = shipped_warehouse.query(
        """
        select releases.platform, window_label, conversation_count,
            base_conversation_count, share_pct, bound_low_pct, bound_high_pct
        from marts.dim_releases as releases
        inner join marts.fct_education_shares as shares
            on releases.release_id = shares.release_id
            and releases.platform = shares.platform
            and releases.window_start_date = shares.window_start_date
        where geo_level = 'global' and scope = 'education'
            and allocation_rule in ('any_holder', 'published')
            and share_base = 'all_conversations'
        """
    )
    assert {platform for platform, *_ in shares} == set(PLATFORMS)
    for platform, window, count, base, share, low, high in shares:
        head = f"{platform}, {window}: {share:.2f}%"
        if count is None:
            assert f"{head} as published, which gives percentages only" in text
        else:
            assert f"{head} = {count:,.0f} of {base:,.0f} " in text
            assert f"{low:.1f} to {high:.1f}% [file: verified]" in text
    assert "Published figures against the marts: 147 not computable, by design" in text
    assert "109 unit tests" not in text
    assert "make fetch RELEASE=2026_01_15" in text


def test_build_runs_every_model_and_data_test_and_no_unit_test(
    shipped_warehouse: Build, project_manifest: Manifest
) -> None:
    nodes = project_manifest.nodes.values()
    kinds = [str(node.resource_type) for node in nodes if node.config.enabled]
    assert (
        f"{kinds.count('model')} models built, {kinds.count('test')} data tests passed"
        in shipped_warehouse.stdout
    )


def test_unit_tests_of_dbt_pass(
    shipped_warehouse: Build, project_manifest: Manifest, tmp_path: Path
) -> None:
    """They judge the code: here, and in no build of a user."""
    shutil.copy(shipped_warehouse.file, tmp_path / "work.duckdb")
    select = ["test", "--select", "test_type:unit", "--exclude-resource-type", "test"]
    result = run_dbt(select, tmp_path, manifest=project_manifest)
    assert failures(result) == []
    ran = {each.node.unique_id for each in result.result}
    assert set(project_manifest.unit_tests) <= ran
    assert project_manifest.unit_tests


def test_summary_does_not_call_a_warning_passed(shipped_warehouse: Build) -> None:
    def result(name: str, status: str, resource_type: str) -> SimpleNamespace:
        node = SimpleNamespace(name=name, resource_type=resource_type)
        return SimpleNamespace(node=node, status=status, failures=3, message="Got 3")

    results: list[object] = [
        result("subsectors_add_up", "pass", "test"),
        result("percentages_agree", "warn", "test"),
    ]
    text = summary(shipped_warehouse.file, results, None)
    assert "1 data tests passed" in text
    assert "percentages_agree: Got 3" in text
    assert (
        warning_count(text)
        == warning_count(summary(shipped_warehouse.file, [], None)) + 1
    )


def warning_count(text: str) -> int:
    """How many checks a summary says that failed with a warning."""
    (count,) = re.findall(
        r"^Checks that failed with a warning: (\d+)", text, re.MULTILINE
    )
    return int(count)


def test_summary_names_what_failed_and_what_is_absent_once(
    shipped_warehouse: Build,
) -> None:
    text = shipped_warehouse.stdout
    failed = shipped_warehouse.query(
        "select distinct expectation_id from marts.fct_expectation_results "
        "where is_latest_run and not is_success"
    )
    assert len(failed) > 1
    named = re.findall(r"^  (\w+) \(.* By design: ", text, re.MULTILINE)
    assert sorted(named) == sorted(name for (name,) in failed)
    # One unit, wherever it is counted.
    assert warning_count(text) == len(failed)
    for name, words in (("report", "checks"), ("validation", "</b> failed, published")):
        page = (shipped_warehouse.folder / f"{name}.html").read_text(encoding="utf-8")
        assert f"{len(failed)} {words}".replace(" </b>", "</b>") in page, name
    # By design, and so no list of what a newcomer never asked for.
    assert "Not in the data folder" not in text
    assert max(map(len, text.splitlines())) < 300


def test_summary_lists_each_release_that_is_absent_once(
    shipped_warehouse: Build, tmp_path: Path
) -> None:
    file = changed(
        shipped_warehouse,
        tmp_path,
        "update marts.dim_releases set is_simulated = false",
        "update marts.dim_releases set is_loaded = false "
        "where release_id = 'simulated_2026_06'",
    )
    (absent,) = re.findall(r"Not in the data folder: (.*)\.", summary(file, [], None))
    assert absent.count("simulated_2026_06 (1p_api, claude_ai)") == 1
    releases = {
        row["release_id"] for row in manifest_rows() if row["file_role"] == "raw"
    }
    assert set(re.findall(r"(\w+) \(", absent)) == releases - {"simulated_2026_01"}


def test_look_inside_shows_the_shares(shipped_warehouse: Build) -> None:
    (line,) = re.findall(
        r"Look inside: +\S+ (-c \".*?\")$",
        shipped_warehouse.stdout,
        re.DOTALL | re.MULTILINE,
    )
    shown = subprocess.run(
        [sys.executable, *shlex.split(line)], capture_output=True, text=True
    )
    assert shown.returncode == 0, shown.stderr
    ((share,),) = shipped_warehouse.query(
        "select round(share_pct, 2) from marts.fct_education_shares where "
        "geo_level = 'global' and scope = 'education' and platform = 'claude_ai' and "
        "allocation_rule = 'any_holder' and share_base = 'all_conversations'"
    )
    assert f" {share} " in shown.stdout
    assert "any_holder" in shown.stdout
    assert "published" in shown.stdout
    assert "…" not in shown.stdout


def test_summary_says_what_was_found_in_the_files(
    shipped_warehouse: Build, tmp_path: Path
) -> None:
    file = changed(
        shipped_warehouse,
        tmp_path,
        "drop view if exists intermediate.int_input_findings",
        "create table intermediate.int_input_findings as "
        "select 'surprise' as problem_kind, 'unknown_labels' as check_name, "
        "'r/raw.csv' as relative_path, 3 as row_number, 'facet' as column_name, "
        "'teach' as observed, 'a label' as expected, 'Add it.' as sentence, "
        "12 as problem_count",
    )
    text = summary(file, [], None)
    (line,) = (line for line in text.splitlines() if "unknown_labels" in line)
    for said in ("surprise", "r/raw.csv, row 3, column facet", "12 found", "teach"):
        assert said in line
    assert "expected a label. Add it." in line


def test_build_leaves_everything_beside_the_file(shipped_warehouse: Build) -> None:
    folder = shipped_warehouse.folder
    assert {path.name for path in folder.iterdir() if path.name[0] != "."} == {
        *("published.duckdb", "published.duckdb.sha256"),
        *("report.html", "validation.html", "docs"),
        *("parquet", "csv", "ai_in_education.xlsx"),
        # of this test: the work file of the build, its lock, dbt's target and logs
        *("work.duckdb", "work.duckdb.lock", "target", "logs"),
    }
    page = (folder / "docs" / "index.html").read_text()
    assert [mart for mart in PROMISED if mart not in page] == []


def test_long_build_shows_progress(shipped_warehouse: Build) -> None:
    steps = [line.split() for line in shipped_warehouse.stdout.splitlines()]
    counts = [line[0].split("/") for line in steps if line and "/" in line[0][:8]]
    done = [(int(part), int(total)) for part, total in counts if part.isdigit()]
    assert len(done) >= 5
    for (before, total), (after, _) in pairwise(done):
        # it starts anew with the next step only
        assert after > before or before == total


# Another data folder ------------------------------------------------------------------


def test_unlisted_raw_file_is_named_and_left_alone(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    project_manifest: Manifest,
    shipped_warehouse: Build,
) -> None:
    limit_build(
        monkeypatch, project_manifest, "--select", "+dim_releases", *WITHOUT_TESTS
    )
    monkeypatch.setattr(building, "summary", lambda *_: "Published.")
    folder = DataFolder(tmp_path / "data")
    unlisted = folder.root / "release_2099_01_01/data/aei_raw_claude_ai_2099.csv"
    unlisted.parent.mkdir(parents=True)
    unlisted.write_text("geo_id\nGLOBAL\n")
    published = tmp_path / "published.duckdb"

    with dbt_environment(tmp_path, Path(os.path.relpath(folder.root, PROJECT))):
        status = build_here(tmp_path)

    said = capsys.readouterr()
    assert status == 0, said.err
    name = unlisted.relative_to(folder.root)
    assert f"left alone, not in release_manifest.csv: {name}" in said.out
    assert unlisted.read_text() == "geo_id\nGLOBAL\n"
    releases = "from marts.dim_releases order by all"
    assert query(published, releases) == shipped_warehouse.query(releases)


def test_data_dir_that_is_no_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "nowhere"
    with dbt_environment(tmp_path):
        assert build_here(tmp_path, "--data-dir", str(place)) == 1
    message = capsys.readouterr().err
    assert f"AEI_DATA_DIR is {place}, which is not a folder" in message
    assert "make fetch RELEASE=2026_01_15, or unset AEI_DATA_DIR" in message
    assert "There is no published warehouse yet." in message
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("closed", ["1>&-", "2>&-", "1>&- 2>&-"])
def test_build_that_stops_fails_though_nobody_can_read_why(
    closed: str, tmp_path: Path
) -> None:
    command = [sys.executable, "scripts/build.py", "--data-dir", str(tmp_path / "no")]
    shell = ["sh", "-c", f'"$@" {closed}', "sh"]
    ended = subprocess.run([*shell, *command], cwd=PROJECT, capture_output=True)
    assert ended.returncode == 1
    assert b"Traceback" not in ended.stderr


# Plain dbt ----------------------------------------------------------------------------


def test_plain_dbt_commands_on_a_fresh_work_file(
    tmp_path: Path,
    shipped_warehouse: Build,
    seeded_file: Path,
    project_manifest: Manifest,
) -> None:
    # What dbt seed left in a fresh one.
    shutil.copy(seeded_file, tmp_path)
    # The tests of all others have passed on the same tables.
    own = ("fct_expectation_results", "bridge_assumption_guards", "dim_build")
    for command in (["run"], ["test", "--select", *own, "dim_build_marts"]):
        assert failures(run_dbt(command, tmp_path, manifest=project_manifest)) == []
    counts = """
        select schema_name, table_name, estimated_size from duckdb_tables()
        where
            table_name not like 'aei_rejected%'
            -- plain dbt asks no expectations and records no build
            and schema_name <> 'validation'
            and table_name not in (
                'fct_expectation_results', 'bridge_assumption_guards',
                'dim_build', 'dim_build_marts'
            )
        order by all
    """
    assert query(tmp_path / "work.duckdb", counts) == shipped_warehouse.query(counts)


@pytest.mark.parametrize(
    "terms",
    ["(values (1e10 * 1e10)) as t (term)", "(select 8e19 as term from range(4))"],
    ids=["a term", "their sum"],
)
def test_sum_that_is_too_large_is_said_in_plain_words(
    terms: str, tmp_path: Path
) -> None:
    """What DuckDB says to macros/exact_sum.sql."""
    with connect() as con, pytest.raises(Error) as raised:
        con.execute(
            f"select sum(cast(term * pow(2, 60) as decimal(38, 0))) from {terms}"
        )
    failed = SimpleNamespace(
        status="error",
        message=str(raised.value),
        node=SimpleNamespace(name="int_sums", resource_type="model"),
    )
    said = failure_text([failed], tmp_path / "work.duckdb")
    assert "int_sums" in said
    assert "9,000,000,000 conversations" in said
    assert "sample_count" in said
    assert "Error" not in said
