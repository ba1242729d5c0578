"""The register of assumptions, and the expectations as the build and people use them.

That each expectation fails where it should stands in test_kill_table.
"""

from __future__ import annotations

import json
import re
import shutil
from functools import partial
from pathlib import Path

import duckdb
import pytest
import validate
from conftest import (
    PROJECT,
    Build,
    build_here,
    dbt_environment,
    manifest_rows,
    query,
    read_rows,
)
from dbt.contracts.graph.manifest import Manifest
from expectations import CHECKS
from expectations.check import Check, Slice, no_rows
from validation import findings, page, results, run
from validation.results import Result, ValidationError, worst_failure
from validation.run import run_checks
from warehouse import building
from warehouse.errors import BuildError

REFERENCE = PROJECT / "seeds" / "reference"
ASSUMPTIONS = {
    row["assumption_id"]: row
    for row in read_rows(REFERENCE / "sampling_assumptions.csv")
}
TIES = read_rows(REFERENCE / "sampling_assumption_columns.csv")
GUARDS = read_rows(REFERENCE / "sampling_assumption_guards.csv")


# The register -------------------------------------------------------------------------


def test_register_names_what_is_assumed_and_what_follows() -> None:
    assert len(ASSUMPTIONS) >= 20
    for row in ASSUMPTIONS.values():
        assert all(row.values()), row
        assert row["status"] in ("checked", "partly_checked", "not_checkable")


def test_what_is_checked_has_a_guard_and_what_is_not_has_none() -> None:
    guarded = {check.assumption_id for check in CHECKS}
    guarded |= {row["assumption_id"] for row in GUARDS}
    checkable = {
        name for name, row in ASSUMPTIONS.items() if row["status"] != "not_checkable"
    }
    assert guarded == checkable


def test_loader_checks_of_the_register_are_those_of_the_loader() -> None:
    checks = {row["check_name"] for row in read_rows(REFERENCE / "input_checks.csv")}
    listed = {
        row["guard_name"] for row in GUARDS if row["guard_kind"] == "loader_check"
    }
    assert len(checks) >= 17
    assert listed == checks


def test_dbt_tests_of_the_register_name_their_assumption(
    project_manifest: Manifest,
) -> None:
    in_meta = {
        (node.config.meta["assumption"], node.name)
        for node in project_manifest.nodes.values()
        if node.resource_type == "test" and "assumption" in node.config.meta
    }
    listed = {
        (row["assumption_id"], row["guard_name"])
        for row in GUARDS
        if row["guard_kind"] == "dbt_test"
    }
    assert listed == in_meta


def test_expectations_are_named_once_and_for_a_known_assumption() -> None:
    names = [check.expectation_id for check in CHECKS]
    assert len(names) == len(set(names)) >= 30
    assert {check.assumption_id for check in CHECKS} <= set(ASSUMPTIONS)


def test_every_bound_is_used_and_says_its_basis() -> None:
    rows = read_rows(REFERENCE / "expectation_bounds.csv")
    assert {row["measure"] for row in rows} == {
        check.measure for check in CHECKS if check.measure
    }
    for row in rows:
        assert row["basis"] and row["unit"] and row["set_on"], row
        assert row["lowest"] or row["highest"], row


def one_line(text: str) -> str:
    """The text with its white space, line ends included, as single spaces."""
    return " ".join(text.split())


def test_caveats_of_the_docs_are_the_statements_of_the_register(
    project_manifest: Manifest,
) -> None:
    blocks = {
        doc.name.removeprefix("caveat_"): one_line(doc.block_contents)
        for doc in project_manifest.docs.values()
        if doc.name.startswith("caveat_")
    }
    assert blocks == {name: row["statement"] for name, row in ASSUMPTIONS.items()}


def test_caveats_reach_the_descriptions_of_what_they_affect(
    shipped_warehouse: Build,
) -> None:
    comments = {
        (table, "*"): one_line(comment)
        for table, comment in shipped_warehouse.query(
            "select table_name, comment from duckdb_tables() "
            "where schema_name = 'marts'"
        )
    }
    comments |= {
        (table, column): one_line(comment)
        for table, column, comment in shipped_warehouse.query(
            "select table_name, column_name, comment from duckdb_columns() "
            "where schema_name = 'marts'"
        )
    }
    carried = {
        (name, *place)
        for place, comment in comments.items()
        if place[0] != "dim_sampling_assumptions"
        for name, row in ASSUMPTIONS.items()
        if row["statement"] in comment
    }
    assert carried == {
        (row["assumption_id"], row["mart"], row["column_name"]) for row in TIES
    }


# Asking -------------------------------------------------------------------------------


@pytest.fixture
def warehouse(shipped_warehouse: Build, tmp_path: Path) -> Path:
    """A copy of the shipped warehouse, to be changed."""
    file = tmp_path / "warehouse.duckdb"
    shutil.copy(shipped_warehouse.file, file)
    return file


def change(file: Path, *statements: str) -> None:
    """Run statements on a warehouse file."""
    with duckdb.connect(str(file)) as con:
        for statement in statements:
            con.execute(statement)


def named(expectation_id: str) -> Check:
    """The check of this name."""
    return next(check for check in CHECKS if check.expectation_id == expectation_id)


def test_results_of_the_build_are_in_the_warehouse(shipped_warehouse: Build) -> None:
    rows = shipped_warehouse.query(
        """
        select boundary, release_id, platform, count(*) from
        marts.fct_expectation_results where is_latest_run group by all order by all
        """
    )
    families = {
        (row["release_id"], row["platform"]): row["schema_family"][0]
        for row in manifest_rows()
        if row["is_simulated"] == "true" and row["file_role"] == "raw"
    }
    assert {row[:3] for row in rows} == {
        (boundary, *part)
        for boundary in ("raw", "marts")
        for part in (*families, ("all", "all"))
    }
    for boundary, *part, count in rows:
        if part != ["all", "all"]:
            asked = Slice(*part, families[*part])
            own = [check for check in CHECKS if check.applies_to(asked)]
            assert count == sum(check.boundary == boundary for check in own)
    assert (
        shipped_warehouse.query(
            "from marts.fct_expectation_results "
            "where severity = 'critical' and is_success is false"
        )
        == []
    )


def test_bound_of_the_release_comes_before_any(warehouse: Path) -> None:
    change(
        warehouse,
        """
        insert into reference.expectation_bounds by name
        select 'sample_conversations' as measure, 'simulated_2026_01' as release_id,
            'any' as platform, 1 as lowest, 2 as highest, 'x' as unit,
            'a test' as basis
        """,
    )
    answers = run_checks(warehouse, "raw", [named("sample_is_about_a_million")])
    assert [answer.is_success for answer in answers] == [False, False]
    assert answers[0].expected == "1 to 2 x (a test)"
    assert answers[0].observed == "971,300 x"


def test_measure_without_a_bound_is_an_error(warehouse: Path) -> None:
    change(warehouse, "truncate reference.expectation_bounds")
    with pytest.raises(ValidationError, match="expected a row in seeds/reference"):
        run_checks(warehouse, "raw", [named("sample_is_about_a_million")])


def test_expectation_that_cannot_be_evaluated_is_no_success(warehouse: Path) -> None:
    broken = Check(
        expectation_id="broken",
        assumption_id="sample_size",
        boundary="raw",
        severity="warning",
        sentence="",
        expected="",
        rows="select no_such_column from staging.stg_aei__facet_values",
        ask=no_rows,
    )
    with pytest.raises(ValidationError, match="broken could not be evaluated on simul"):
        run_checks(warehouse, "raw", [broken])


def test_nothing_to_judge_is_no_success(warehouse: Path) -> None:
    answers = run_checks(warehouse, "raw", [named("time_of_a_person_is_in_hours")])
    assert [answer.is_success for answer in answers] == [None, None]
    assert worst_failure(answers) is None


# History ------------------------------------------------------------------------------


def test_runs_of_the_published_file_are_carried_over(
    warehouse: Path, tmp_path: Path
) -> None:
    work_file = tmp_path / "work.duckdb"
    shutil.copy(warehouse, work_file)
    change(work_file, f"truncate {results.TABLE}")
    assert results.carry_over(work_file, warehouse) is None
    runs = "select run_id, count(*) from {} group by all order by all"
    before = query(warehouse, runs.format(results.HISTORY))
    assert query(work_file, runs.format(results.TABLE)) == before

    run = results.Run.now()
    results.keep(work_file, run, run_checks(work_file, "raw", CHECKS[:1]))
    assert query(work_file, runs.format(results.TABLE)) == sorted(
        [*before, (run.run_id, 2)]
    )


def test_published_file_of_another_make_does_not_stop_a_build(
    warehouse: Path, tmp_path: Path
) -> None:
    no_warehouse = tmp_path / "published.duckdb"
    no_warehouse.write_text("not a database")
    assert str(no_warehouse) in (results.carry_over(warehouse, no_warehouse) or "")


# What the loader found ----------------------------------------------------------------


def test_findings_of_the_loader_are_answers_with_their_assumption(
    warehouse: Path, tmp_path: Path
) -> None:
    change(warehouse, f"drop view if exists {findings.TABLE}")
    with duckdb.connect(str(warehouse)) as con:
        assert findings.read(con) == []
    change(
        warehouse,
        f"""
        create table {findings.TABLE} as
        select
            'r' as release_id, platform, relative_path, check_name,
            'surprise' as problem_kind, 3 as row_number, 'cluster_name' as column_name,
            observed, 'a label' as expected, 'Kept out.' as sentence, problem_count
        from (values
            ('p', 'a.csv', 'unknown_labels', 'first', 12),
            ('p', 'b.csv', 'unknown_labels', 'later', 30),
            ('', 'iso.csv', 'empty_files', 'none', 1)
        ) as v (platform, relative_path, check_name, observed, problem_count)
        """,
    )
    with duckdb.connect(str(warehouse)) as con:
        empty, labels = findings.read(con)
    assert (empty.platform, empty.assumption_id) == ("all", "copy_completeness")
    examples = json.loads(labels.example_rows)
    assert [row["file"] for row in examples] == ["a.csv", "b.csv"]
    assert labels == Result(
        expectation_id="unknown_labels",
        assumption_id="label_sets",
        expectation="loader_check",
        boundary="raw",
        release_id="r",
        platform="p",
        severity="warning",
        is_success=False,
        observed="42 found, first first",
        expected="a label",
        unexpected_count=42,
        example_rows=labels.example_rows,
        sentence="Kept out.",
    )
    run = results.Run.now()
    assert "iso.csv" in page.write_page(
        warehouse, [empty, labels], run, tmp_path, True
    ).read_text("utf-8")
    change(warehouse, f"update {findings.TABLE} set check_name = 'of_no_register'")
    with (
        duckdb.connect(str(warehouse)) as con,
        pytest.raises(ValidationError, match="of_no_register is bound to no assump"),
    ):
        findings.read(con)


# The build stops ----------------------------------------------------------------------


def test_critical_failure_publishes_nothing_and_shows_its_page(
    warehouse: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    project_manifest: Manifest,
) -> None:
    """The staged release of this build is no official file and has a cell below the
    floor; dbt is not run. The answer is said, not that a mart failed of it."""
    published = tmp_path / "published.duckdb"
    shutil.copy(warehouse, published)

    class StagedDbt(building.Dbt):
        def __init__(self, work_file: Path, data_dir: Path | None) -> None:
            super().__init__(work_file, data_dir, project_manifest)

        def build(self, *selection: str) -> None:
            if selection == building.MARTS:
                raise BuildError("a mart failed")
            assert selection == building.STAGING, "built behind the failure"
            shutil.copy(warehouse, tmp_path / "work.duckdb")
            change(
                tmp_path / "work.duckdb",
                "update staging.stg_aei__release_files "
                "set file_status = 'unverified_copy'",
                """
                update staging.stg_aei__facet_values set value = 14
                where row_number = (
                    select max(row_number) from staging.stg_aei__facet_values
                    where platform = '1p_api' and facet = 'onet_task::collaboration'
                        and measure = 'count' and category = 'learning'
                ) and platform = '1p_api'
                """,
            )

    monkeypatch.setattr(building, "Dbt", StagedDbt)
    before = published.read_bytes()
    with dbt_environment(tmp_path):
        assert build_here(tmp_path) == 1
    said = capsys.readouterr().err
    assert published.read_bytes() == before
    assert "intersection_cells_hold_the_floor (intersection_cell_floor)" in said
    assert "release simulated_2026_01 1p_api: found 1 of 1,839 unexpected" in said
    assert "the bounds of patterns, success and use case rest on that floor" in said
    assert "::learning" in said
    text = (tmp_path / page.NAME).read_text()
    assert "A critical expectation failed: nothing was published" in text
    assert f"The published warehouse is as it was: {published}" in said
    assert "a mart failed" not in said


# People -------------------------------------------------------------------------------


def test_validate_prints_failures_and_writes_its_page(
    warehouse: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    options = ["--warehouse", str(warehouse), "--page-folder", str(tmp_path)]
    before = warehouse.read_bytes()
    assert validate.main(options) == 0
    # Facets are lacking, and countries: each counted once, of whatever releases.
    said = capsys.readouterr().out
    assert "checks held, 2 failed" in said
    assert "shown: 5 of 29" in said
    # its own page, and that of the build
    assert str(tmp_path / page.NAME) in said
    assert str(warehouse.parent / page.NAME) in said
    assert warehouse.read_bytes() == before
    # What follows is about these; all take ten times as long.
    names = ("excluded_metrics", "copy_completeness", "window_length")
    few = [check for check in CHECKS if check.assumption_id in names]
    monkeypatch.setattr(run, "run_checks", partial(run_checks, checks=few))
    # Where no page can be written it says so.
    assert validate.main([*options[:2], "--page-folder", f"{warehouse}/pages"]) == 2
    assert str(warehouse) in capsys.readouterr().err

    change(
        warehouse,
        "update marts.fct_facet_shares set facet = 'ai_autonomy' "
        "where facet = 'multitasking'",
    )
    assert validate.main(options) == 1
    said = capsys.readouterr().out
    assert (
        "excluded_metrics_stay_out (excluded_metrics), the warehouse: found 1" in said
    )
    text = (tmp_path / page.NAME).read_text()
    # worst first
    assert text.index('id="excluded_metrics"') < text.index('id="copy_completeness"')
    assert text.index('id="copy_completeness"') < text.index('id="window_length"')
    assert "ai_autonomy" in text


def test_validate_of_a_file_that_is_no_warehouse_says_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "other.duckdb"
    with duckdb.connect(str(file)) as con:
        con.execute("create table others as select 1 as one")
    assert validate.main(["--warehouse", str(file)]) == 2
    said = capsys.readouterr().err
    assert f"{file} is no warehouse" in said and "run make warehouse" in said


def test_page_loads_nothing_and_shows_every_assumption(
    shipped_warehouse: Build, tmp_path: Path
) -> None:
    (file,) = page.write(shipped_warehouse.file, tmp_path)
    text = file.read_text()
    assert not re.search(r"(src|href)=|@import|url\(", text.replace('href="#', ""))
    assert "SIMULATED DATA" in text
    for name, row in ASSUMPTIONS.items():
        assert f'id="{name}"' in text
        assert row["consequence"][:40].split("'")[0] in text


def test_page_of_an_unusual_answer_is_escaped(
    shipped_warehouse: Build, tmp_path: Path
) -> None:
    answer = Result(
        expectation_id="x_y",
        assumption_id="sample_size",
        expectation="e",
        boundary="raw",
        release_id="r",
        platform="p",
        severity="warning",
        is_success=False,
        observed="<script>alert(1)</script>",
        expected="1 & 2",
        unexpected_count=1,
        example_rows=json.dumps([{"cluster_name": "<b>"}]),
        sentence="s",
    )
    file = page.write_page(
        shipped_warehouse.file, [answer], results.Run.now(), tmp_path, True
    )
    text = file.read_text()
    assert "<script>" not in text
    assert "cluster_name: &lt;b&gt;" in text
    assert "x_<wbr>y" in text
