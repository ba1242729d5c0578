"""The kill table: every guard, and the smallest wrong input that it has to catch.

Guards are the loader's checks, the constraints of the marts, the dbt data tests and the
expectations. Each is judged by its own query, so that it catches its mutant alone,
whatever the others say; that one guard is enough to stop the build, with nothing
published and the earlier warehouse as before, is seen through the build script. Mutants
share a work file and a run of dbt where one cannot hide another. At the end the guards
seen failing have to be the guards of the project. What the build script itself refuses
(two builds, a full disk, another program's lock) is in test_robustness.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pytest
from conftest import (
    PLATFORMS,
    PROJECT,
    SHIPPED_DATA,
    SHIPPED_RELEASE,
    WITHOUT_TESTS,
    Build,
    DataFolder,
    Row,
    csv_text,
    failures,
    query,
    read_rows,
    run_dbt,
    write_rows,
)
from dbt.contracts.graph.manifest import Manifest
from mutations import release_guards, tables
from mutations.bench import Bench
from mutations.damages import DAMAGES, KINDS
from mutations.files import Damage, Fault, read_text
from mutations.page import Kill, guards_on, page
from mutations.sheet import API, CHAT, Sheet
from mutations.styles import STYLES
from validation.run import CHECKS, Boundary, Check, Result, failure_lines, run_checks

# Whether the loader tells damage from a surprise, and another copy from the official
# file. Until it does, every finding stops the build.
TWO_KINDS = False
needs_two_kinds = pytest.mark.skipif(
    not TWO_KINDS, reason="every finding of the loader still stops the build"
)

KILL_TABLE = PROJECT / "docs" / "kill-table.md"
WHERE_HOOKS_ARE = ("--select", "path:models/staging", *WITHOUT_TESTS)
STOP_ON = "macro.ai_in_education.stop_on"
CHECK_OF = {check.expectation_id: check for check in CHECKS}


class Seen(NamedTuple):
    """What the tests of this module have seen so far."""

    kills: list[Kill]
    generated: Counter[tuple[str, str]]
    good: set[str]


@pytest.fixture(scope="module")
def seen() -> Seen:
    """Filled by the tests, read by the last of them."""
    return Seen([], Counter(), set())


@pytest.fixture
def bench(
    tmp_path: Path,
    shipped_warehouse: Build,
    project_manifest: Manifest,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Bench]:
    """A build script to run on mutants, with a warehouse of an earlier day."""
    published = tmp_path / "earlier" / "published.duckdb"
    published.parent.mkdir()
    shutil.copy(shipped_warehouse.file, published)
    earlier = shipped_warehouse.file
    yield Bench(tmp_path, published, earlier, project_manifest, monkeypatch, capsys)
    shutil.rmtree(tmp_path)  # many would fill a small disk


@pytest.fixture(scope="module")
def seeded_file(
    project_manifest: Manifest, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A work file with the reference tables, which no bad input changes."""
    folder = tmp_path_factory.mktemp("seeded")
    arguments = ["seed", "--no-write-json"]
    assert failures(run_dbt(arguments, folder, manifest=project_manifest)) == []
    return folder / "work.duckdb"


def list_files(con: duckdb.DuckDBPyConnection, folder: Path, rows: list[Row]) -> None:
    """List files in the release manifest, as a person would a new one."""
    write_rows(folder / "listed.csv", rows)
    con.execute(
        "insert into reference.release_manifest by name from read_csv("
        f"'{folder / 'listed.csv'}', delim = ',', all_varchar = true, nullstr = '')"
    )


# Checks of the loader -----------------------------------------------------------------

# Among many files DuckDB's reader loses what is cut inside quotation marks, so a rejected
# row is looked for in a folder of its own.
READER = "rejected_rows"
FILE_MUTANTS = [
    (guard, name) for guard in DAMAGES if guard != READER for name in DAMAGES[guard]
]
NOTE_DOWN = """
{% macro stop_on(query) %}
insert into main.noted by name
select file, row_number, column_name, observed, expected, advice, check_name
from ({{ query }})
{% endmacro %}
"""


class Problem(NamedTuple):
    """A finding of the loader."""

    file: str
    row: int | None
    column: str | None
    observed: str
    expected: str
    advice: str
    check: str

    def names(self, guard: str, fault: Fault) -> bool:
        """Whether it is of the check and points to the fault."""
        return (
            self.check == guard
            and fault.row in (None, self.row)
            and fault.column in (None, self.column)
            and fault.observed in self.observed
            and fault.expected in self.expected
            and self.advice.endswith(".")
        )


def with_hook(manifest: Manifest, macro_sql: str) -> Manifest:
    """The project with another macro behind each model that may stop the build."""
    changed = manifest.deepcopy()
    changed.macros[STOP_ON].macro_sql = macro_sql
    return changed


def only(manifest: Manifest, guard: str) -> Manifest:
    """The project with every check of the loader switched off but one."""
    alone = with_hook(
        manifest,
        '{% macro stop_on(query) %}{{ stop_on_any("select * from (" ~ query ~ ") '
        f"where check_name = '{guard}'\") }}}}{{% endmacro %}}",
    )
    macro = manifest.macros[STOP_ON]
    alone.macros[f"{STOP_ON}_any"] = dataclasses.replace(
        macro,
        name="stop_on_any",
        unique_id=f"{STOP_ON}_any",
        macro_sql=macro.macro_sql.replace("macro stop_on(", "macro stop_on_any("),
    )
    return alone


def stops(guard: str, is_official: bool) -> bool:
    """Whether what a check finds in a copy has to stop the build."""
    kind = KINDS[guard] if TWO_KINDS else "always"
    return kind == "always" or (kind == "damage" and not is_official)


class Lot(NamedTuple):
    """Every damaged file, twice, staged at once with nothing that stops.

    ``stopping`` are the findings that would have stopped the build, ``found`` all of
    them, by file.
    """

    work_file: Path
    faults: dict[str, Fault]
    stopping: dict[str, list[Problem]]
    found: dict[str, list[Problem]]


def place_of(guard: str, name: str, is_official: bool) -> str:
    """Where a damaged file lies in the folder of the lot."""
    number = FILE_MUTANTS.index((guard, name))
    copy = "official" if is_official else "other"
    damage = DAMAGES[guard][name]
    return f"release_{number}_{copy}/{Path(damage.manifest['relative_path']).name}"


def by_file(rows: list[tuple[Any, ...]]) -> dict[str, list[Problem]]:
    """Findings by the file that they name."""
    found: dict[str, list[Problem]] = {}
    for row in rows:
        found.setdefault(row[0], []).append(Problem(*row))
    return found


@pytest.fixture(scope="module")
def lot(
    tmp_path_factory: pytest.TempPathFactory,
    seeded_file: Path,
    project_manifest: Manifest,
) -> Iterator[Lot]:
    """All damaged files: as copies that the manifest does not know, and as official."""
    folder = tmp_path_factory.mktemp("lot")
    data, work_file = folder / "data", folder / "work.duckdb"
    DataFolder(data, ())
    rows, refused, faults = [], [], {}
    for guard, name in FILE_MUTANTS:
        content, fault = DAMAGES[guard][name].done()
        for is_official in (False, True):
            place = place_of(guard, name, is_official)
            (data / place).parent.mkdir()
            (data / place).write_bytes(content)
            row = DAMAGES[guard][name].manifest | {
                "release_id": place.partition("/")[0],
                "relative_path": place,
            }
            if is_official:
                row["byte_count"] = str(len(content))
                row["sha256"] = hashlib.sha256(content).hexdigest()
            if row["file_role"] == "onet_task_statements":
                row["taxonomy_version"] = row["release_id"]
            rows.append(row)
            refused += [place] if guard == "refused_files" else []
            faults[place] = fault
    shutil.copy(seeded_file, work_file)
    with duckdb.connect(str(work_file)) as con:
        list_files(con, folder, rows)
        con.execute(
            "create table noted (file text, row_number bigint, column_name text, "
            "observed text, expected text, advice text, check_name text)"
        )
    noting = with_hook(project_manifest, NOTE_DOWN)
    first = ["run", "--select", "stg_aei__release_files", "--no-write-json"]
    assert failures(run_dbt(first, folder, data, manifest=noting)) == []
    with duckdb.connect(str(work_file)) as con:
        # What can't be read at all is in nobody's way from here on.
        con.execute(
            "delete from reference.release_manifest where relative_path in "
            "(select unnest(?))",
            [refused],
        )
    rest = ["run", "--select", "path:models/staging", "--no-write-json"]
    assert failures(run_dbt(rest, folder, data, manifest=noting)) == []
    columns = ", ".join(
        ("file", "row_number", "column_name", "observed", "expected", "advice")
    )
    stopping = query(work_file, f"select {columns}, check_name from noted")
    others = f"select {columns}, check_name from staging.stg_aei__input_problems"
    found = [*stopping, *(query(work_file, others) if TWO_KINDS else [])]
    yield Lot(work_file, faults, by_file(stopping), by_file(found))
    shutil.rmtree(folder)


@pytest.mark.parametrize("is_official", [False, True], ids=["other", "official"])
@pytest.mark.parametrize(("guard", "name"), FILE_MUTANTS)
def test_damaged_file_is_found_by_its_check(
    guard: str, name: str, is_official: bool, lot: Lot, seen: Seen
) -> None:
    place = place_of(guard, name, is_official)
    fault, found = lot.faults[place], lot.found.get(place, [])
    assert any(problem.names(guard, fault) for problem in found), (fault, found[:5])
    stopping = {problem.check for problem in lot.stopping.get(place, [])}
    assert (guard in stopping) == stops(guard, is_official)
    if not stops(guard, is_official):
        assert not stopping, "nothing else may stop the build either"
    if not is_official:
        what = KINDS[guard]
        seen.kills.append(Kill(f"loader check, {what}", guard, name))


@needs_two_kinds
def test_each_check_is_of_the_kind_that_the_seed_says() -> None:
    rows = (PROJECT / "seeds/reference/input_checks.csv").read_text(encoding="utf-8")
    said = dict(re.findall(r"^(\w+),(damage|surprise|always)", rows, re.MULTILINE))
    assert said == KINDS


@needs_two_kinds
@pytest.mark.parametrize(
    ("guard", "name"), [pair for pair in FILE_MUTANTS if KINDS[pair[0]] == "surprise"]
)
def test_every_row_of_a_surprise_is_staged_and_named_or_used(
    guard: str, name: str, lot: Lot
) -> None:
    for is_official in (False, True):
        place = place_of(guard, name, is_official)
        rows_in = len(read_text(DAMAGES[guard][name].done().content.decode()))
        ((staged,),) = query(
            lot.work_file,
            "select count(*) from staging.stg_aei__facet_values "
            f"where relative_path = '{place}'",
        )
        ((used,),) = query(
            lot.work_file,
            "select count(*) from staging.stg_aei__facet_values as v "
            f"where relative_path = '{place}' and not is_set_aside",
        )
        named = {p.row for p in lot.found[place] if KINDS[p.check] == "surprise"}
        assert rows_in == staged == used + len(named)


def no_raw_files(folder: DataFolder) -> Fault:
    """Take every raw file away."""
    for platform in PLATFORMS:
        folder.raw(platform).unlink(missing_ok=True)
    observed = "no raw release file of the manifest"
    return Fault(None, None, observed, "at least one of ")


def no_statements(folder: DataFolder) -> Fault:
    """Take the task statements away."""
    folder.statements.unlink()
    return Fault(None, "cluster_name", "the task ", "this copy has none, fetch it")


def damage_to(folder: DataFolder, damage: Damage) -> Fault:
    """Put a damaged file in place of the clean one."""
    content, fault = damage.done()
    (folder.root / damage.manifest["relative_path"]).write_bytes(content)
    return fault


# One mutant of each check in a folder of its own, and what only a folder can lack.
ALONE: list[tuple[str, str, Callable[[DataFolder], Fault]]] = [
    ("no_release_files", "no raw file at all", no_raw_files),
    ("unknown_tasks", "task statements missing", no_statements),
    *(
        (guard, name, lambda folder, d=damage: damage_to(folder, d))
        for guard, some in DAMAGES.items()
        for name, damage in list(some.items())[: None if guard == READER else 1]
    ),
]
# "- file F, row 3, column c: found this; expected that. What to do. [check]"
PROBLEM = re.compile(
    r"^ *- file (?P<file>[^:,]+)(?:, row (?P<row>\d+))?(?:, column (?P<column>[^:]+))?"
    r": found (?P<observed>.*); expected (?P<expected>.+)\. (?P<advice>[A-Z].*\.)"
    r" \[(?P<check>\w+)\]$",
    re.MULTILINE,
)


@pytest.mark.parametrize(
    ("guard", "name", "damage"),
    [pytest.param(*each, id=each[1]) for each in ALONE if stops(each[0], False)],
)
def test_check_alone_stops_the_build(
    guard: str,
    name: str,
    damage: Callable[[DataFolder], Fault],
    bench: Bench,
    seeded_file: Path,
    project_manifest: Manifest,
    seen: Seen,
) -> None:
    needs_both = guard == "unknown_geographies"
    folder = DataFolder(bench.folder / "data", PLATFORMS if needs_both else (API,))
    fault = damage(folder)
    shutil.copy(seeded_file, bench.work_file)
    message = bench.refusal(
        *WHERE_HOOKS_ARE, data_dir=folder.root, manifest=only(project_manifest, guard)
    )

    assert "The input was refused; nothing was published." in message
    problems = [
        Problem(**found.groupdict() | {"row": int(found["row"] or 0) or None})
        for found in PROBLEM.finditer(message)
    ]
    assert {problem.check for problem in problems} == {guard}
    assert any(problem.names(guard, fault) for problem in problems), message
    if (guard, name) not in FILE_MUTANTS:
        seen.kills.append(Kill(f"loader check, {KINDS[guard]}", guard, name))


def test_other_checks_are_off_when_one_runs_alone(
    tmp_path: Path, seeded_file: Path, project_manifest: Manifest
) -> None:
    folder = DataFolder(tmp_path / "data", (API,))
    damage_to(folder, DAMAGES["duplicate_keys"]["row twice"])
    shutil.copy(seeded_file, tmp_path / "work.duckdb")
    manifest = only(project_manifest, "misdated_rows")
    arguments = ["build", *WHERE_HOOKS_ARE]
    assert failures(run_dbt(arguments, tmp_path, folder.root, manifest=manifest)) == []
    found = "select distinct check_name from staging.stg_aei__input_problems"
    assert ("duplicate_keys",) in query(tmp_path / "work.duckdb", found)


# Odd but good files -------------------------------------------------------------------

STAGED = """
    select * exclude (level_text) from staging.stg_aei__facet_values
    order by relative_path, row_number
"""
NAMES = list(STYLES)


@pytest.mark.parametrize(
    ("api_style", "chat_style"),
    list(zip(NAMES, [*NAMES[1:], NAMES[0]], strict=True)),
)
def test_odd_but_good_input_is_staged_alike(
    api_style: str,
    chat_style: str,
    tmp_path: Path,
    shipped_warehouse: Build,
    project_manifest: Manifest,
    seeded_file: Path,
    seen: Seen,
) -> None:
    # Two files of two styles: the one that is read first must not rule the other.
    folder = DataFolder(tmp_path / "data")
    for platform, style in ((API, api_style), (CHAT, chat_style)):
        clean = folder.raw(platform).read_bytes()
        odd = STYLES[style](clean.decode()).encode()
        assert style == "written anew" or odd != clean
        folder.raw(platform).write_bytes(odd)

    shutil.copy(seeded_file, tmp_path / "work.duckdb")
    arguments = ["build", *WHERE_HOOKS_ARE]
    result = run_dbt(arguments, tmp_path, folder.root, manifest=project_manifest)

    assert failures(result) == []
    staged = query(tmp_path / "work.duckdb", STAGED)
    assert len(staged) > 10_000
    assert staged == shipped_warehouse.query(STAGED)
    seen.good.add(chat_style)


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
            clean = refused_row(con, alone, f"from {constraint.table}")
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
    mutants = {name: mutant.statements for name, mutant in tables.DATA_TESTS.items()}
    shutil.copy(bench.earlier, bench.work_file)
    with duckdb.connect(str(bench.work_file)) as con:
        tables.replace_views(con)
        for node in generic:
            statement = tables.generated_mutant(con, project_manifest, node)
            mutants[node.name] = (statement,)
    clean = bench.folder / "clean" / "work.duckdb"
    clean.parent.mkdir()
    shutil.copy(bench.work_file, clean)

    # All at once through the build script: each makes dbt stop, and is named.
    with duckdb.connect(str(bench.work_file)) as con:
        for statements in mutants.values():
            for statement in statements:
                con.execute(statement)
    message = bench.refusal("--select", "resource_type:test", "--no-write-json")
    ran = tests_of(bench)
    assert set(ran) == {node.name for node in [*generic, *singular]}

    # Each alone, by the same SQL, beside no other mutant: clean before, caught after.
    survivors = {}
    with duckdb.connect(str(clean)) as con:
        for name, statements in mutants.items():
            node = ran[name].node
            before = tables.shown_rows(con, node.compiled_code)
            con.execute("begin")
            for statement in statements:
                con.execute(statement)
            after = tables.shown_rows(con, node.compiled_code)
            con.execute("rollback")
            says = tables.DATA_TESTS[name].says if name in tables.DATA_TESTS else ()
            missing = [text for text in says if text not in "\n".join(after)]
            is_named = f"{name} (" in message or ran[name].status == "warn"
            if before or not after or missing or not is_named:
                survivors[name] = (before[:3], after[:3], missing, ran[name].status)
    assert survivors == {}
    for node in generic:
        seen.generated["data test", node.test_metadata.name] += 1
    seen.kills.extend(
        Kill(kind_of_test(ran[name].node), name, mutant.mutation)
        for name, mutant in tables.DATA_TESTS.items()
    )


def tests_of(bench: Bench) -> dict[str, Any]:
    """The results of the data tests that dbt ran last."""
    results = bench.results
    return {r.node.name: r for r in results if str(r.node.resource_type) == "test"}


def kind_of_test(node: Any) -> str:
    """How a data test is called in the table."""
    stops_build = node.config.severity.lower() == "error"
    return "data test" if stops_build else "data test, warning"


# Releases that are wrong and consistent -----------------------------------------------


@pytest.fixture(scope="module")
def pool(
    tmp_path_factory: pytest.TempPathFactory,
    seeded_file: Path,
    shipped_warehouse: Build,
    project_manifest: Manifest,
) -> Iterator[Path]:
    """A work file with all wrong releases, built: no check of the loader and no
    constraint sees one."""
    folder = tmp_path_factory.mktemp("pool")
    data, work_file = folder / "data", folder / "work.duckdb"
    shutil.copytree(SHIPPED_DATA, data)
    shutil.copy(seeded_file, work_file)
    with duckdb.connect(str(work_file)) as con:
        rows = release_guards.write_releases(data)
        list_files(con, folder, [*rows, release_guards.write_populations(data)])
        release_guards.list_releases(con, shipped_warehouse.file)
    # Intervals are not what is looked at.
    arguments = ["run", "--no-write-json", "--vars", "bootstrap_replicate_count: 20"]
    assert failures(run_dbt(arguments, folder, data, manifest=project_manifest)) == []
    yield work_file
    shutil.rmtree(folder)


@pytest.mark.parametrize("platform", [API, CHAT])
def test_sheet_that_nobody_changed_is_the_shipped_file(platform: str) -> None:
    sheet = Sheet.shipped(platform)
    file = SHIPPED_DATA / sheet.manifest["relative_path"]
    assert csv_text(sheet.rows()) == file.read_text()


def isolate(pool: Path, file: Path, *release_ids: str) -> None:
    """A copy of the pool in which some releases are alone."""
    shutil.copy(pool, file)
    with duckdb.connect(str(file)) as con:
        tables_of_releases = con.execute(
            "select schema_name || '.' || table_name from duckdb_columns() "
            "where column_name = 'release_id' and schema_name <> 'reference' "
            "and table_name in (select table_name from duckdb_tables())"
        ).fetchall()
        for (table,) in tables_of_releases:
            con.execute(
                f"delete from {table} where not list_contains(?, release_id)",
                [list(release_ids)],
            )


def test_data_test_catches_its_release_alone(
    bench: Bench, pool: Path, seen: Seen
) -> None:
    shutil.copy(pool, bench.work_file)
    names = list(release_guards.DATA_TESTS)
    message = bench.refusal("--select", *names, "--no-write-json")
    ran = tests_of(bench)
    with duckdb.connect(str(bench.work_file), read_only=True) as con:
        for name, mutants in release_guards.DATA_TESTS.items():
            node, rows = (
                ran[name].node,
                tables.shown_rows(con, ran[name].node.compiled_code),
            )
            assert f"{name} (" in message or ran[name].status == "warn"
            for mutant, says in mutants.items():
                own = [row for row in rows if f"id {mutant.release_id}" in row]
                assert any(says in row for row in own), (name, mutant.name, own[:5])
                seen.kills.append(Kill(kind_of_test(node), name, mutant.name))
            assert not [row for row in rows if f"id {SHIPPED_RELEASE}," in row], name


# Expectations -------------------------------------------------------------------------


def asked(
    file: Path,
    wanted: dict[str, set[str | None]],
    monkeypatch: pytest.MonkeyPatch,
) -> list[Result]:
    """The answers on a work file to some expectations, of some releases each; None is
    the whole warehouse."""
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
            for boundary in ("raw", "marts")
            for answer in run_checks(file, boundary, checks)
        ]


def test_expectation_catches_its_release_alone(
    bench: Bench, pool: Path, seen: Seen
) -> None:
    wanted: dict[str, set[str | None]] = {
        guard: {mutant.release_id for mutant in mutants}
        for guard, mutants in release_guards.EXPECTATIONS.items()
    }
    # All other mutants are the same release again, too.
    pair = {"releases_differ": wanted.pop("releases_differ")}
    (again,) = release_guards.EXPECTATIONS["releases_differ"]
    isolate(pool, bench.work_file, again.release_id, SHIPPED_RELEASE)
    answers = asked(pool, wanted, bench.monkeypatch)
    answers += asked(bench.work_file, pair, bench.monkeypatch)
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
        releases = {SHIPPED_RELEASE, None}
        own = asked(bench.work_file, {guard: releases}, bench.monkeypatch)
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
        shutil.copy(bench.earlier, bench.work_file)
        at = CHECK_OF[guard].boundary
        message = bench.refusal(
            ask=lambda work_file, boundary: answers if boundary == at else []
        )
        assert "an assumption that the figures rest on does not hold" in message
        assert text in message
    seen.kills.append(Kill(f"expectation, {severity}", guard, what))


def failed(file: Path, boundary: Boundary) -> set[str]:
    """What does not hold in a file of releases that were made of the shipped one."""
    checks = [check for check in CHECKS if check.expectation_id != "releases_differ"]
    return {
        f"{answer.expectation_id} {answer.release_id} {answer.platform}"
        for answer in run_checks(file, boundary, checks)
        if answer.is_success is False
    }


@pytest.mark.parametrize("boundary", ["raw", "marts"])
def test_no_expectation_fails_on_a_clean_release(
    boundary: Boundary, pool: Path, tmp_path: Path
) -> None:
    file = tmp_path / "work.duckdb"
    isolate(pool, file, release_guards.NUMERIC.release_id, SHIPPED_RELEASE)
    # Numbers were added to the shipped file: two releases with the same tasks.
    # The shipped copy leaves out facets that a release of its family publishes.
    known = {
        f"the_copy_holds_every_facet {SHIPPED_RELEASE} {name}" for name in (API, CHAT)
    }
    assert failed(file, boundary) <= known


# What nothing catches -----------------------------------------------------------------

CELLS_AND_WEEK = """
    select task_id, geo_id, facet, category, conversation_count, window_start_date
    from marts.fct_task_cells
    inner join marts.dim_releases using (release_id, platform)
    where release_id = '{release_id}' and platform = 'claude_ai'
    order by all
"""


def test_survivors_pass_every_guard_and_are_caveats_of_the_register(
    bench: Bench, pool: Path
) -> None:
    # All were built: no check of the loader and no constraint refused one.
    wrong = release_guards.SURVIVORS
    isolate(pool, bench.work_file, *(mutant.release_id for mutant in wrong))
    for boundary in ("raw", "marts"):
        assert failed(bench.work_file, boundary) == set()
    names = [node.name for node in tables.data_tests(bench.manifest, is_generic=False)]
    arguments = ["test", "--select", *names, "--no-write-json"]
    ran = run_dbt(arguments, bench.folder, manifest=bench.manifest)
    statuses = {node.node.name: str(node.status) for node in ran.result}
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


def checks_of_the_loader() -> set[str]:
    """The names of all checks, as they stand in the SQL or the seed."""
    seed = PROJECT / "seeds" / "reference" / "input_checks.csv"
    if seed.exists():
        return {row["check_name"] for row in read_rows(seed)}
    folder = PROJECT / "models" / "staging" / "aei"
    sql = (folder / "stg_aei__input_problems.sql").read_text(encoding="utf-8")
    sql += (PROJECT / "macros" / "input_checks.sql").read_text(encoding="utf-8")
    return set(re.findall(r"'(\w+)'(?: as check_name)?\n    from", sql))


def test_guards_seen_failing_are_the_guards_of_the_project(
    project_manifest: Manifest, seen: Seen
) -> None:
    """Last in the file: everything above was seen before, or this has to be red."""
    singular = tables.data_tests(project_manifest, is_generic=False)
    guards = {*checks_of_the_loader(), *CHECK_OF, *(node.name for node in singular)}
    assert {kill.guard for kill in seen.kills} == guards, "run the whole file"
    made = Counter(
        ("data test", node.test_metadata.name)
        for node in tables.data_tests(project_manifest, is_generic=True)
    ) + Counter(
        ("constraint", each.kind) for each in tables.constraints(project_manifest)
    )
    assert seen.generated == made
    assert seen.good == set(STYLES)
    if os.environ.get("WRITE_KILL_TABLE"):
        caveats = {
            mutant.name: assumption_id
            for mutant, assumption_id in release_guards.SURVIVORS.items()
        }
        text = page(seen.kills, seen.generated, STYLES, caveats)
        KILL_TABLE.write_text(text, encoding="utf-8")
    on_page = guards_on(KILL_TABLE.read_text(encoding="utf-8"))
    assert on_page == guards, "docs/kill-table.md: run make kill-table"
