"""The kill table: every guard, and the smallest wrong input that it has to catch.

Guards are the constraints of the marts, the dbt data tests and the expectations; the
loader's checks are in test_kill_files. Each is judged by its own query, so that it
catches its mutant alone, whatever the others say; that one guard is enough to stop the
build, with nothing published and the earlier warehouse as before, is seen through the
build script. Mutants share a work file and a run of dbt where one cannot hide another.
At the end the guards seen failing have to be the guards of the project. What the build
script itself refuses (two builds, a full disk, another program's lock) is in
test_robustness.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pytest
from conftest import (
    PROJECT,
    SHIPPED_DATA,
    SHIPPED_RELEASE,
    csv_text,
    query,
    run_dbt,
)
from dbt.contracts.graph.manifest import Manifest
from expectations import CHECKS
from expectations.check import Boundary, Check
from expectations.flat import FLAT_CHECKS
from expectations.monthly import MONTHLY_CHECKS
from mutations import release_guards, tables
from mutations.bench import Bench
from mutations.damages import CHECKS as LOADER_CHECKS
from mutations.damages import MUTANTS
from mutations.own import kills as own_kills
from mutations.page import Kill, guards_on, page
from mutations.pool import Pool, isolate
from mutations.sheet import API, CHAT, Sheet
from mutations.styles import STYLES
from validation.results import Result, Run, failure_lines
from validation.run import run_checks
from warehouse import building
from warehouse.errors import BuildError

KILL_TABLE = PROJECT / "docs" / "kill-table.md"
CHECK_OF = {check.expectation_id: check for check in CHECKS}
# The release of percentages that ships, and the expectations on files of its kind only,
# which are seen failing in test_families.
PERCENTAGES = "simulated_2026_06"
OF_FAMILIES = [*FLAT_CHECKS, *MONTHLY_CHECKS]


class Seen(NamedTuple):
    """What the tests of this module have seen so far."""

    kills: list[Kill]
    generated: Counter[tuple[str, str]]
    # The boundaries at which a failure stopped the build script.
    stopped_at: set[Boundary]


@pytest.fixture(scope="module")
def seen() -> Seen:
    """Filled by the tests, read by the last of them."""
    return Seen([], Counter(), set())


# Constraints --------------------------------------------------------------------------


def refused_row(con: duckdb.DuckDBPyConnection, table: str, row: str) -> str:
    """What the database says to a row; empty when it takes it. Nothing stays."""
    con.execute("begin")
    try:
        con.execute(f"insert into {table} {row}")
    except duckdb.ConstraintException as error:
        return str(error).splitlines()[0]
    finally:
        con.execute("rollback")
    return ""


def test_constraint_refuses_its_mutant_alone(
    bench: Bench, project_manifest: Manifest, seen: Seen
) -> None:
    survivors = {}
    found = tables.constraints(project_manifest)
    assert len(found) > 200
    shutil.copy(bench.earlier, bench.work_file)
    with duckdb.connect(str(bench.work_file)) as con:
        for constraint in found:
            wrong = tables.violation(con, constraint)
            alone = tables.table_with_only(con, constraint)
            clean = refused_row(con, alone, f"from {constraint.table} limit 100")
            said = refused_row(con, alone, wrong)
            # The built mart carries it, and does refuse the row.
            in_mart = refused_row(con, constraint.table, wrong)
            named = constraint.mart in said and (constraint.column or "") in said
            if clean or not in_mart or not named:
                survivors[constraint] = (clean, said, in_mart)
            seen.generated["constraint", constraint.kind] += 1
    assert survivors == {}


# Data tests ---------------------------------------------------------------------------


def test_data_test_catches_its_mutant_alone(
    bench: Bench, project_manifest: Manifest, seen: Seen
) -> None:
    generic = tables.data_tests(project_manifest, is_generic=True)
    singular = tables.data_tests(project_manifest, is_generic=False)
    # Each mutant: the test that has to see it, its statements, and what is said of it.
    mutants = [
        (name, mutant.statements, mutant.says)
        for name, mutant in tables.DATA_TESTS.items()
    ]
    shutil.copy(bench.earlier, bench.work_file)
    with duckdb.connect(str(bench.work_file)) as con:
        tables.replace_views(con)
        for node in generic:
            made = tables.generated_mutants(con, project_manifest, node)
            mutants += [(node.name, (made[says],), (says,)) for says in made]
    clean = bench.folder / "clean" / "work.duckdb"
    clean.parent.mkdir()
    shutil.copy(bench.work_file, clean)

    # All at once: dbt sees each of them, and the build script stops on any. Parents go
    # first, else they would take a row with them that is there twice.
    with duckdb.connect(str(bench.work_file)) as con:
        for _, statements, _ in sorted(mutants, key=lambda m: m[1][0][:6] != "delete"):
            for statement in statements:
                con.execute(statement)
    ran = data_tests_on(bench, "resource_type:test")
    assert set(ran) == {node.name for node in [*generic, *singular]}
    message = bench.refusal("--select", *tables.DATA_TESTS, "--no-write-json")
    assert any(f"{name} (" in message for name in tables.DATA_TESTS)

    # Each alone, by the same SQL, beside no other mutant. That all passed before was
    # seen when this file was built.
    survivors = {}
    with duckdb.connect(str(clean)) as con:
        for name, statements, says in mutants:
            con.execute("begin")
            for statement in statements:
                con.execute(statement)
            after = tables.shown_rows(con, ran[name].node.compiled_code)
            con.execute("rollback")
            missing = [text for text in says if text not in "\n".join(after)]
            if not after or missing or not is_noticed(ran[name]):
                survivors[name, says] = (after[:3], missing, ran[name].status)
    assert survivors == {}
    for node in generic:
        seen.generated["data test", node.test_metadata.name] += 1
    seen.kills.extend(
        Kill(kind_of_test(ran[name].node), name, mutant.mutation)
        for name, mutant in tables.DATA_TESTS.items()
    )


def data_tests_on(bench: Bench, *selection: str) -> dict[str, Any]:
    """The results of data tests, by name, on the work file of a bench."""
    arguments = ["test", "--select", *selection, "--no-write-json"]
    results = run_dbt(arguments, bench.folder, manifest=bench.manifest).result
    return {r.node.name: r for r in results if str(r.node.resource_type) == "test"}


def is_noticed(result: Any) -> bool:
    """Whether dbt stops for a data test, or warns where it is to warn."""
    stops_build = result.node.config.severity.lower() == "error"
    return str(result.status) == ("fail" if stops_build else "warn")


def kind_of_test(node: Any) -> str:
    """How a data test is called in the table."""
    stops_build = node.config.severity.lower() == "error"
    return "data test" if stops_build else "data test, warning"


# Releases that are wrong and consistent -----------------------------------------------


@pytest.mark.parametrize("platform", [API, CHAT])
def test_sheet_that_nobody_changed_is_the_shipped_file(platform: str) -> None:
    sheet = Sheet.shipped(platform)
    file = SHIPPED_DATA / sheet.manifest["relative_path"]
    assert csv_text(sheet.rows()) == file.read_text()


def test_data_test_catches_its_release_alone(
    bench: Bench, pool: Pool, seen: Seen
) -> None:
    shutil.copy(pool.built, bench.work_file)
    ran = data_tests_on(bench, *release_guards.DATA_TESTS)
    with duckdb.connect(str(bench.work_file), read_only=True) as con:
        for name, mutants in release_guards.DATA_TESTS.items():
            node, rows = (
                ran[name].node,
                tables.shown_rows(con, ran[name].node.compiled_code),
            )
            assert is_noticed(ran[name]), name
            for mutant, says in mutants.items():
                own = [row for row in rows if f"id {mutant.release_id}" in row]
                assert any(says in row for row in own), (name, mutant.name, own[:5])
                seen.kills.append(Kill(kind_of_test(node), name, mutant.name))
            assert not [row for row in rows if f"id {SHIPPED_RELEASE}," in row], name


def test_official_files_with_damage_are_published_with_what_was_found(
    bench: Bench, pool: Pool
) -> None:
    guards = release_guards.OFFICIAL
    ids = {release_guards.official_id(guard): guard for guard in guards}
    isolate(pool.built, bench.work_file, *ids)
    ran = data_tests_on(bench, "resource_type:test")
    assert {name for name, r in ran.items() if str(r.status) == "fail"} == set()

    found = query(
        bench.work_file,
        "select release_id, check_name from intermediate.int_input_findings",
    )
    assert {(release_id, guard) for release_id, guard in ids.items()} <= set(found)
    published = dict(
        query(
            bench.work_file,
            "select release_id, bool_or(status = 'contradicted') "
            "from marts.fct_facet_shares group by release_id",
        )
    )
    assert set(published) == set(ids)
    contradicted = {ids[release_id] for release_id, is_so in published.items() if is_so}
    assert {
        *("contradicted_percentages", "incomplete_facets", "mislabelled_rows"),
        "misdated_rows",
    } <= contradicted
    set_aside = query(
        bench.work_file,
        "select release_id from marts.dim_release_files where set_aside_row_count > 0",
    )
    assert {ids[release_id] for (release_id,) in set_aside} >= {
        *("unknown_labels", "unknown_tasks", "unknown_facets", "unknown_geographies")
    }


# Expectations -------------------------------------------------------------------------


def asked(
    files: dict[Boundary, Path],
    wanted: dict[str, set[str | None]],
    monkeypatch: pytest.MonkeyPatch,
) -> list[Result]:
    """The answers on the work file of each boundary to some expectations, of some
    releases each; None is the whole warehouse."""
    applies = Check.applies_to
    checks = [check for check in CHECKS if check.expectation_id in wanted]
    with monkeypatch.context() as patch:
        patch.setattr(
            Check,
            "applies_to",
            lambda check, part: (
                applies(check, part)
                and part.release_id in wanted[check.expectation_id] | {None}
            ),
        )
        return [
            answer
            for boundary, file in files.items()
            for answer in run_checks(file, boundary, checks)
        ]


def test_expectation_catches_its_release_alone(
    bench: Bench, pool: Pool, seen: Seen
) -> None:
    wanted: dict[str, set[str | None]] = {
        guard: {mutant.release_id for mutant in mutants}
        for guard, mutants in release_guards.EXPECTATIONS.items()
    }
    # All other mutants are the same release again, too.
    pair = {"releases_differ": wanted.pop("releases_differ")}
    (again,) = release_guards.EXPECTATIONS["releases_differ"]
    isolate(pool.staged, bench.work_file, again.release_id, SHIPPED_RELEASE)
    of_pool: dict[Boundary, Path] = {"raw": pool.staged, "marts": pool.built}
    answers = asked(of_pool, wanted, bench.monkeypatch)
    answers += asked({"raw": bench.work_file}, pair, bench.monkeypatch)
    for guard, mutants in release_guards.EXPECTATIONS.items():
        for mutant, says in mutants.items():
            own = [
                answer
                for answer in answers
                if (answer.expectation_id, answer.release_id)
                == (guard, mutant.release_id)
            ]
            see_failure(bench, own, (says,), mutant.name, seen)


def test_expectation_catches_its_table_alone(bench: Bench, seen: Seen) -> None:
    for guard, mutant in tables.EXPECTATIONS.items():
        shutil.copy(bench.earlier, bench.work_file)
        with duckdb.connect(str(bench.work_file)) as con:
            for statement in mutant.statements:
                con.execute(statement)
        releases = {SHIPPED_RELEASE, PERCENTAGES, None}
        file: dict[Boundary, Path] = {CHECK_OF[guard].boundary: bench.work_file}
        own = asked(file, {guard: releases}, bench.monkeypatch)
        see_failure(bench, own, mutant.says, mutant.mutation, seen)


def see_failure(
    bench: Bench, answers: list[Result], says: tuple[str, ...], what: str, seen: Seen
) -> None:
    """The answers of one expectation say what is wrong; a critical one stops the build
    alone, a warning is published with the marts."""
    guard = answers[0].expectation_id
    severity = CHECK_OF[guard].severity
    text = "\n".join(failure_lines(answers, severity))
    assert text, f"{guard}: the mutant survived: {what}"
    assert not [part for part in says if part not in text], text
    if severity == "critical":
        with pytest.raises(BuildError, match="does not hold; nothing was pub") as stop:
            building.stop_on_critical(bench.earlier, answers, Run.now(), bench.folder)
        assert text in str(stop.value)
        at = CHECK_OF[guard].boundary
        if at not in seen.stopped_at:
            # What the script does then is the same for whatever fails at a boundary.
            shutil.copy(bench.earlier, bench.work_file)
            message = bench.refusal(
                ask=lambda work_file, boundary: answers if boundary == at else []
            )
            assert text in message
            seen.stopped_at.add(at)
    seen.kills.append(Kill(f"expectation, {severity}", guard, what))


# What nothing catches -----------------------------------------------------------------

CELLS_AND_WEEK = """
    select task_id, geo_id, facet, category, conversation_count, window_start_date
    from marts.fct_task_cells
    where release_id = '{release_id}' and platform = 'claude_ai'
    order by all
"""


def test_clean_releases_and_survivors_pass_every_guard(
    bench: Bench, pool: Pool
) -> None:
    """Beside the shipped release one with numbers; survivors are caveats of the
    register. All were built: no check of the loader and no constraint refused one."""
    wrong, numeric = release_guards.SURVIVORS, release_guards.NUMERIC.release_id
    ids = [SHIPPED_RELEASE, numeric, *(mutant.release_id for mutant in wrong)]
    isolate(pool.built, bench.work_file, *ids)
    # They were made of the same release.
    checks = [check for check in CHECKS if check.expectation_id != "releases_differ"]
    failed = {
        f"{answer.expectation_id} {answer.release_id} {answer.platform}"
        for boundary in ("raw", "marts")
        for answer in run_checks(bench.work_file, boundary, checks)
        if answer.is_success is False
    }
    # The shipped copy leaves out facets that a release of its family publishes; the
    # facet of the numbers is in no list of its release.
    known = {
        f"the_copy_holds_every_facet {SHIPPED_RELEASE} {name}" for name in (API, CHAT)
    }
    assert failed <= known | {f"every_facet_of_a_file_is_listed {numeric} {API}"}
    names = [node.name for node in tables.data_tests(bench.manifest, is_generic=False)]
    statuses = {n: str(r.status) for n, r in data_tests_on(bench, *names).items()}
    assert statuses == dict.fromkeys(names, "pass")

    register = dict(
        query(
            bench.earlier,
            "select assumption_id, status from reference.sampling_assumptions",
        )
    )
    clean = query(bench.earlier, CELLS_AND_WEEK.format(release_id=SHIPPED_RELEASE))
    for mutant, assumption_id in wrong.items():
        assert register[assumption_id] != "checked", assumption_id
        # It is wrong: its cells are not those of the clean release, or not of its week.
        release_id = mutant.release_id
        cells = query(bench.work_file, CELLS_AND_WEEK.format(release_id=release_id))
        assert cells != clean, mutant.name


# The guards of the project ------------------------------------------------------------


def kind_of_check(guard: str) -> str:
    """What a check of the loader finds, as the table calls it."""
    check = LOADER_CHECKS[guard]
    always = check["always_stops"] == "true"
    return "always stops" if always else check["problem_kind"]


def test_guards_seen_failing_are_the_guards_of_the_project(
    project_manifest: Manifest, seen: Seen
) -> None:
    """Last in the file: everything above was seen before, or this has to be red."""
    singular = tables.data_tests(project_manifest, is_generic=False)
    guards = {*CHECK_OF, *(node.name for node in singular)}
    elsewhere = [
        Kill(
            f"expectation, {check.severity}",
            check.expectation_id,
            f"Staged values of which it is true: {check.sentence}",
        )
        for check in OF_FAMILIES
    ]
    kills = [*seen.kills, *elsewhere]
    assert {kill.guard for kill in kills} == guards, "run the whole file"
    assert seen.stopped_at == {"raw", "marts"}
    made = Counter(
        ("data test", node.test_metadata.name)
        for node in tables.data_tests(project_manifest, is_generic=True)
    ) + Counter(
        ("constraint", each.kind) for each in tables.constraints(project_manifest)
    )
    assert seen.generated == made
    # The loader's are seen in test_kill_files.
    of_files = [
        Kill(f"loader check, {kind_of_check(guard)}", guard, name)
        for guard, name in MUTANTS
    ]
    if os.environ.get("WRITE_KILL_TABLE"):
        caveats = {
            mutant.name: assumption_id
            for mutant, assumption_id in release_guards.SURVIVORS.items()
        }
        text = page([*of_files, *kills, *own_kills()], seen.generated, STYLES, caveats)
        KILL_TABLE.write_text(text, encoding="utf-8")
    on_page = guards_on(KILL_TABLE.read_text(encoding="utf-8"))
    of_own = {kill.guard for kill in own_kills()}
    assert on_page == guards | set(LOADER_CHECKS) | of_own, (
        "docs/kill-table.md: run make kill-table"
    )
