"""The kill table: every guard, and the smallest wrong input that it has to catch.

Guards are the loader's checks, the constraints of the marts, the dbt data tests and the
expectations. Each has at least one mutant, made by a named function in ``mutations``
from the clean sample; a guard without one fails here. What the build script itself
refuses (two builds, a full disk, another program's lock) is in test_robustness.
A mutant has to be caught by its guard alone, with the others switched off; the message
has to name what is wrong and where; nothing may be published, and the earlier warehouse
has to answer as before. What is seen here is the page docs/kill-table.md.
"""

from __future__ import annotations

import filecmp
import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import build
import duckdb
import pytest
from conftest import (
    PROJECT,
    SHIPPED_DATA,
    SHIPPED_RELEASE,
    WITHOUT_TESTS,
    Build,
    DataFolder,
    csv_text,
    dbt_environment,
    failures,
    query,
    run_build,
    run_dbt,
    write_rows,
)
from dbt.contracts.graph.manifest import Manifest
from mutations import releases, tables
from mutations.files import API, CHAT, DAMAGES, GOOD_STYLES, Fault, data_folder
from mutations.page import Kill, Survivor, difference, page
from validation.results import Result, failure_lines
from validation.run import CHECKS, RELEASES, Boundary, Check, run_checks
from warehouse import building, runner

# "- file F, row 3, column c: found this; expected that. What to do. [check]"
PROBLEM = re.compile(
    r"^ *- file (?P<file>[^:,]+)(?:, row (?P<row>\d+))?(?:, column (?P<column>[^:]+))?"
    r": found (?P<observed>.*); expected (?P<expected>.+)\. (?P<advice>[A-Z].*\.)"
    r" \[(?P<check>\w+)\]$",
    re.MULTILINE,
)


# What was seen: the rows of docs/kill-table.md ----------------------------------------

KILL_TABLE = PROJECT / "docs" / "kill-table.md"


@pytest.fixture(scope="session")
def kills() -> list[Kill]:
    """What the tests of this module have seen so far."""
    return []


@pytest.fixture(scope="session")
def good() -> list[str]:
    """The styles of odd but good input seen so far."""
    return []


@pytest.fixture(scope="session")
def survivors() -> list[Survivor]:
    """The releases that passed every guard."""
    return []


# Running the build on a mutant --------------------------------------------------------


@dataclass(frozen=True)
class Bench:
    """Runs the build script, in this process, on a work file that is made before."""

    folder: Path
    published: Path
    earlier: Path
    manifest: Manifest
    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]

    @property
    def work_file(self) -> Path:
        """The file that dbt writes; the build script does not clear it here."""
        return self.folder / "work.duckdb"

    @property
    def data(self) -> Path:
        """The data folder of a mutant."""
        return self.folder / "data"

    def mutate(self, statements: Sequence[str]) -> None:
        """Change a copy of the warehouse that was built before."""
        shutil.copy(self.earlier, self.work_file)
        with duckdb.connect(str(self.work_file)) as con:
            for statement in statements:
                con.execute(statement)

    def refusal(
        self,
        *selection: str,
        data_dir: Path | None = None,
        manifest: Manifest | None = None,
        ask: Callable[[Path, str], list[Result]] = lambda work_file, boundary: [],
        work_file: Path | None = None,
    ) -> str:
        """What the build script says when a guard stops it.

        dbt builds the selection and nothing else, and ``ask`` alone asks expectations.
        Nothing was published, and the earlier warehouse answers as before.
        """
        with self.monkeypatch.context() as patch:
            self._limit(patch, selection, manifest or self.manifest)
            patch.setattr(building, "ask_expectations", ask)
            with dbt_environment(self.folder, data_dir):
                status = build.main(
                    [
                        *("--data-dir", str(data_dir or "")),
                        *("--output", str(self.published)),
                        *("--work-file", str(work_file or self.work_file)),
                        "--no-docs",
                    ]
                )
        message = self.capsys.readouterr().err
        assert status == 1, "the mutant survived: nothing stopped the build"
        assert f"The published warehouse is as it was: {self.published}" in message
        assert filecmp.cmp(self.published, self.earlier, shallow=False)
        assert [p.name for p in self.published.parent.iterdir()] == ["published.duckdb"]
        assert query(self.published, "select count(*) from marts.dim_releases")[0][0]
        return message

    def _limit(
        self, patch: pytest.MonkeyPatch, selection: Sequence[str], manifest: Manifest
    ) -> None:
        class ReadyDbt(building.Dbt):
            def __init__(self, work_file: Path, data_dir: Path | None) -> None:
                os.environ["AEI_WORK_FILE"] = str(work_file)
                self.results = []
                self._manifest = manifest

        nothing = ("--select", "nothing_of_this_name")
        patch.setattr(building, "remove_work_file", lambda _: None)
        patch.setattr(building, "Dbt", ReadyDbt)
        patch.setattr(building, "STAGING", selection or nothing)
        patch.setattr(building, "MARTS", nothing)
        patch.setattr(building, "EXPECTATION_RESULTS", nothing)


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
    yield Bench(
        tmp_path,
        published,
        shipped_warehouse.file,
        project_manifest,
        monkeypatch,
        capsys,
    )
    # Hundreds of mutants would fill a small disk.
    shutil.rmtree(tmp_path)


# Checks of the loader -----------------------------------------------------------------

STAGING = ("--select", "path:models/staging", *WITHOUT_TESTS)
STOP = 'from (" ~ query ~ ") "'

# The model whose hook holds a check, where it is not the list of problems.
MODEL_OF_CHECK = {
    "refused_files": "stg_aei__release_files",
    "no_release_files": "stg_aei__release_files",
    "rejected_rows": "stg_aei__facet_values stg_reference__task_holders",
}


@pytest.fixture(scope="module")
def seeded_file(
    project_manifest: Manifest, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A work file with the reference tables, which no bad input changes."""
    folder = tmp_path_factory.mktemp("seeded")
    arguments = ["seed", "--no-write-json"]
    assert failures(run_dbt(arguments, folder, manifest=project_manifest)) == []
    return folder / "work.duckdb"


@pytest.fixture(scope="module")
def only_check(project_manifest: Manifest) -> Callable[[str], Manifest]:
    """The project with every check of the loader switched off but the one named."""
    manifest = project_manifest.deepcopy()
    macro = manifest.macros["macro.ai_in_education.stop_on"]
    sql = macro.macro_sql
    assert sql.count(STOP) == 1

    def without_others(check: str) -> Manifest:
        alone = f"{STOP[:-1]}where check_name = '{check}' \""
        macro.macro_sql = sql.replace(STOP, alone)
        return manifest

    return without_others


def checks_of_the_loader() -> set[str]:
    """The names of all checks, as they stand in the SQL."""
    model = PROJECT / "models" / "staging" / "aei" / "stg_aei__input_problems.sql"
    named = re.findall(
        r"'(\w+)' as check_name\n    from (\w+)\n", model.read_text(encoding="utf-8")
    )
    assert len(named) == model.read_text(encoding="utf-8").count("as priority,")
    assert all(name == step for name, step in named), named
    macros = (PROJECT / "macros" / "input_checks.sql").read_text(encoding="utf-8")
    in_macros = re.findall(r"'(\w+)'(?: as check_name)?\n    from", macros)
    return {name for name, _ in named} | set(in_macros)


def test_every_check_of_the_loader_has_a_mutant() -> None:
    assert set(DAMAGES) == checks_of_the_loader()
    assert all(DAMAGES.values())


def has(problem: re.Match[str], guard: str, fault: Fault) -> bool:
    """Whether a line of the message names the check and the fault."""
    return (
        problem["check"] == guard
        and problem["file"] == fault.file
        and fault.row in (None, int(problem["row"] or 0))
        and fault.column in (None, problem["column"])
        and fault.observed in problem["observed"]
        and fault.expected in problem["expected"]
    )


def named_fault(message: str, guard: str, fault: Fault) -> str:
    """The line of a refusal that names the fault."""
    assert "The input was refused; nothing was published." in message
    problems = list(PROBLEM.finditer(message))
    assert problems, f"no problem in the form file, row, column: {message}"
    lines = [problem[0] for problem in problems if has(problem, guard, fault)]
    assert lines, f"{guard}: {fault}\n{message}"
    return lines[0].strip().removeprefix("- ")


@pytest.mark.parametrize(
    ("guard", "name"),
    [(guard, name) for guard, damages in DAMAGES.items() for name in damages],
)
def test_damaged_file_is_refused_by_its_check(
    guard: str,
    name: str,
    bench: Bench,
    seeded_file: Path,
    only_check: Callable[[str], Manifest],
    kills: list[Kill],
) -> None:
    folder = data_folder(name, bench.data)
    fault = DAMAGES[guard][name](folder)
    shutil.copy(seeded_file, bench.work_file)

    message = bench.refusal(*STAGING, data_dir=folder.root)
    named_fault(message, guard, fault)

    model = MODEL_OF_CHECK.get(guard, "stg_aei__input_problems")
    message = bench.refusal(
        *("--select", model, *WITHOUT_TESTS),
        data_dir=folder.root,
        manifest=only_check(guard),
    )
    line = named_fault(message, guard, fault)
    assert {problem["check"] for problem in PROBLEM.finditer(message)} == {guard}
    said = line.replace(str(folder.root), "DATA_FOLDER")
    kills.append(Kill("loader check", guard, name, said))


def test_other_checks_are_off_when_one_runs_alone(
    tmp_path: Path, seeded_file: Path, only_check: Callable[[str], Manifest]
) -> None:
    folder = data_folder("row twice", tmp_path / "data")
    DAMAGES["duplicate_keys"]["row twice"](folder)
    shutil.copy(seeded_file, tmp_path / "work.duckdb")
    arguments = ["build", *STAGING]
    manifest = only_check("unknown_labels")
    result = run_dbt(arguments, tmp_path, folder.root, manifest=manifest)
    assert failures(result) == []
    found = "select distinct check_name from staging.stg_aei__input_problems"
    assert ("duplicate_keys",) in query(tmp_path / "work.duckdb", found)


def test_whole_build_refuses_a_damaged_file(
    tmp_path: Path, shipped_warehouse: Build
) -> None:
    folder = DataFolder(tmp_path / "data")
    fault = DAMAGES["contradicted_percentages"]["residual dropped"](folder)
    file = tmp_path / "published.duckdb"
    shutil.copy(shipped_warehouse.file, file)

    build = run_build(tmp_path, folder.root)

    assert build.status == 1
    assert named_fault(build.stderr, "contradicted_percentages", fault)
    assert "Warehouse published" not in build.stdout
    assert f"The published warehouse is as it was: {file}" in build.stderr
    assert filecmp.cmp(file, shipped_warehouse.file, shallow=False)
    # What dbt adds about its own workings helps nobody who has a bad file.
    assert "macro" not in build.stderr
    assert "Traceback" not in build.stderr


# Data tests ---------------------------------------------------------------------------


def first_line(message: str, start: str) -> str:
    """A line of a message that begins so, with the row that follows it."""
    lines = message.splitlines()
    number = next(n for n, line in enumerate(lines) if line.startswith(start))
    return " ".join(line.strip() for line in lines[number : number + 2])


def test_every_kind_of_data_test_has_a_mutant(project_manifest: Manifest) -> None:
    kinds = {node.test_metadata.name for node in tables.generic_tests(project_manifest)}
    assert kinds <= set(tables.GENERIC_TESTS)


def test_generic_data_test_catches_its_mutant_alone(
    bench: Bench, project_manifest: Manifest, kills: list[Kill]
) -> None:
    survivors = {}
    for node in tables.generic_tests(project_manifest):
        with duckdb.connect(str(bench.earlier), read_only=True) as con:
            mutant = tables.mutant_of(con, project_manifest, node)
        bench.mutate(mutant.statements)
        try:
            message = bench.refusal("--select", node.name, "--no-write-json")
            line = first_line(message, f"{node.name} (")
            missing = [text for text in mutant.says if text not in line]
            assert not missing, f"{missing} not in: {line}"
        except AssertionError as error:
            survivors[node.name] = str(error)
        else:
            kills.append(Kill("data test", node.name, mutant.mutation, line))
    assert survivors == {}


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


def only_constraint(
    con: duckdb.DuckDBPyConnection, constraint: tables.Constraint
) -> str:
    """An empty table like the mart, with this constraint and no other."""
    columns = con.execute(
        "select column_name, data_type from duckdb_columns() "
        "where schema_name || '.' || table_name = ? order by column_index",
        [constraint.table],
    ).fetchall()
    parts = [
        f"{name} {data_type}"
        + (f" {constraint.sql}" if name == constraint.column else "")
        for name, data_type in columns
    ]
    parts += [] if constraint.column else [constraint.sql]
    con.execute(f"create or replace temp table {constraint.mart} ({', '.join(parts)})")
    return f"temp.{constraint.mart}"


def test_constraint_refuses_its_mutant_alone(
    bench: Bench, project_manifest: Manifest, kills: list[Kill]
) -> None:
    survivors = {}
    found = tables.constraints(project_manifest)
    assert len(found) > 300
    shutil.copy(bench.earlier, bench.work_file)
    with duckdb.connect(str(bench.work_file)) as con:
        for constraint in found:
            mutant = tables.violation(con, constraint)
            alone = only_constraint(con, constraint)
            clean = refused_row(con, alone, f"from {constraint.table}")
            said = refused_row(con, alone, mutant.sql)
            # The built mart carries it, and does refuse the row.
            in_mart = refused_row(con, constraint.table, mutant.sql)
            where = constraint.column or ""
            named = constraint.mart in said and where in said
            if clean or not said or not in_mart or not named:
                survivors[constraint] = (clean, said, in_mart)
            else:
                guard = f"{constraint.mart}: {where} {constraint.sql}"
                kills.append(Kill("constraint", guard, mutant.mutation, said))
    assert survivors == {}


# Releases that are wrong and consistent -----------------------------------------------


@dataclass(frozen=True)
class Pool:
    """One work file with every wrong release, each under an id of its own."""

    folder: Path

    @property
    def work_file(self) -> Path:
        """The built file."""
        return self.folder / "work.duckdb"


def add_releases(con: duckdb.DuckDBPyConnection, data: Path, shipped: Path) -> None:
    """List the wrong releases in the reference tables, as a person would a new one."""
    rows = [*releases.write_releases(data), releases.write_populations(data)]
    listed = data / "listed.csv"
    write_rows(listed, rows)
    con.execute(
        "insert into reference.release_manifest by name "
        f"from read_csv('{listed}', delim = ',', all_varchar = true, nullstr = '')"
    )
    for mutant in releases.release_mutants():
        for table in ("anomalous_geographies", "expected_residuals"):
            con.execute(
                f"insert into reference.{table} select * replace "
                f"('{mutant.release_id}' as release_id) from reference.{table} "
                f"where release_id = '{SHIPPED_RELEASE}'"
            )
    con.execute(f"attach '{shipped}' as shipped (read_only)")
    con.execute(
        f"insert into reference.facet_sets by name "
        f"select '{releases.FACET_SET}' as facet_set, platform, geo_level, facet "
        "from shipped.marts.fct_cell_coverage where status = 'in_copy'"
    )


@pytest.fixture(scope="module")
def pool(
    tmp_path_factory: pytest.TempPathFactory,
    seeded_file: Path,
    shipped_warehouse: Build,
    project_manifest: Manifest,
) -> Iterator[Pool]:
    """All wrong releases, built: no check of the loader and no constraint sees one."""
    pool = Pool(tmp_path_factory.mktemp("pool"))
    data = pool.folder / "data"
    shutil.copytree(SHIPPED_DATA, data)
    shutil.copy(seeded_file, pool.work_file)
    with duckdb.connect(str(pool.work_file)) as con:
        add_releases(con, data, shipped_warehouse.file)
    arguments = ["run", "--no-write-json"]
    # Intervals are not what is looked at.
    arguments += ["--vars", "bootstrap_replicate_count: 20"]
    result = run_dbt(arguments, pool.folder, data, manifest=project_manifest)
    assert failures(result) == []
    yield pool
    shutil.rmtree(pool.folder)


@pytest.mark.parametrize("platform", [API, CHAT])
def test_sheet_that_nobody_changed_is_the_shipped_file(platform: str) -> None:
    sheet = releases.Sheet.shipped(platform)
    file = SHIPPED_DATA / sheet.manifest["relative_path"]
    assert csv_text(sheet.rows()) == file.read_text()


def isolate(pool: Pool, file: Path, *release_ids: str) -> None:
    """A copy of the pool in which some releases are alone."""
    shutil.copy(pool.work_file, file)
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


# Expectations -------------------------------------------------------------------------

CHECK_OF = {check.expectation_id: check for check in CHECKS}


def test_every_expectation_has_a_mutant() -> None:
    assert set(CHECK_OF) == set(releases.EXPECTATIONS) | set(tables.EXPECTATIONS)


@dataclass(frozen=True)
class OneCheck:
    """Asks one expectation of one release, and no other."""

    check: Check
    release_id: str | None
    monkeypatch: pytest.MonkeyPatch

    def __call__(self, work_file: Path, boundary: str) -> list[Result]:
        """The answers on a work file; none at another boundary."""
        if boundary != self.check.boundary:
            return []
        asked = RELEASES[self.check.boundary]
        if self.release_id:
            asked = f"from ({asked}) where release_id = '{self.release_id}'"
        with self.monkeypatch.context() as patch:
            patch.setitem(RELEASES, self.check.boundary, asked)
            return run_checks(work_file, self.check.boundary, [self.check])


def said_by(bench: Bench, ask: OneCheck, file: Path, says: Sequence[str]) -> str:
    """What a failed expectation says, with the first row that it shows.

    A critical one stops the build; a warning is published with the marts.
    """
    check = ask.check
    if check.severity == "critical":
        text = bench.refusal(ask=ask, work_file=file)
        assert "an assumption that the figures rest on does not hold" in text
    else:
        text = "\n".join(failure_lines(ask(file, check.boundary), "warning"))
        assert text, "the mutant survived: the expectation held"
    missing = [part for part in says if part not in text]
    assert not missing, f"{missing} not in: {text}"
    return first_line(text, f"- {check.expectation_id} (").removeprefix("- ")


@pytest.mark.parametrize(
    ("guard", "mutant", "says"),
    [
        pytest.param(guard, mutant, says, id=f"{guard}-{mutant.change.__name__}")
        for guard, mutants in releases.EXPECTATIONS.items()
        for mutant, says in mutants.items()
    ],
)
def test_expectation_catches_its_release_alone(
    guard: str,
    mutant: releases.ReleaseMutant,
    says: str,
    bench: Bench,
    pool: Pool,
    kills: list[Kill],
) -> None:
    check = CHECK_OF[guard]
    file = pool.work_file
    if guard == "releases_differ":
        # All other mutants are the same release again, too.
        file = bench.work_file
        isolate(pool, file, mutant.release_id, SHIPPED_RELEASE)
    ask = OneCheck(check, mutant.release_id, bench.monkeypatch)
    line = said_by(bench, ask, file, (says, f"release {mutant.release_id} "))
    kills.append(Kill(f"expectation, {check.severity}", guard, mutant.name, line))


@pytest.mark.parametrize("guard", tables.EXPECTATIONS)
def test_expectation_catches_its_table_alone(
    guard: str, bench: Bench, kills: list[Kill]
) -> None:
    check, mutant = CHECK_OF[guard], tables.EXPECTATIONS[guard]
    bench.mutate(mutant.statements)
    ask = OneCheck(check, None, bench.monkeypatch)
    line = said_by(bench, ask, bench.work_file, mutant.says)
    kills.append(Kill(f"expectation, {check.severity}", guard, mutant.mutation, line))


@pytest.mark.parametrize("boundary", ["raw", "marts"])
def test_no_expectation_fails_on_a_clean_release(
    boundary: Boundary, pool: Pool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "work.duckdb"
    isolate(pool, file, releases.NUMERIC.release_id, SHIPPED_RELEASE)
    # Numbers were added to the shipped file: two releases with the same tasks.
    # The shipped copy leaves out facets that a release of its family publishes.
    known = {
        f"the_copy_holds_every_facet {SHIPPED_RELEASE} {name}" for name in (API, CHAT)
    }
    assert failed_expectations(file, boundary) <= known


def failed_expectations(file: Path, boundary: Boundary) -> set[str]:
    """What does not hold in a file of releases that were made of the shipped one."""
    checks = [check for check in CHECKS if check.expectation_id != "releases_differ"]
    return {
        f"{answer.expectation_id} {answer.release_id} {answer.platform}"
        for answer in run_checks(file, boundary, checks)
        if answer.is_success is False
    }


# Data tests of one file each ----------------------------------------------------------


def test_every_singular_data_test_has_a_mutant(project_manifest: Manifest) -> None:
    found = {node.name for node in tables.singular_tests(project_manifest)}
    assert found == set(releases.DATA_TESTS) | set(tables.DATA_TESTS)


def data_test_says(bench: Bench, node: Any, says: Sequence[str]) -> str:
    """What a data test says of the work file, alone: it stops the build or warns."""
    selection = ("--select", node.name, "--no-write-json")
    if node.config.severity.lower() == "error":
        text = bench.refusal(*selection)
    else:
        arguments = ["build", *selection]
        ran = run_dbt(arguments, bench.folder, manifest=bench.manifest).result
        (result,) = (result for result in ran if result.node.name == node.name)
        assert result.status == "warn", "the mutant survived: the test passed"
        rows = runner.rows_of_test(result.node, bench.work_file)
        text = "\n".join([f"{node.name} (warning): {result.message}", *rows])
    missing = [part for part in says if part not in text]
    assert not missing, f"{missing} not in: {text}"
    return first_line(text, f"{node.name} (")


@pytest.mark.parametrize(
    ("guard", "mutant", "says"),
    [
        pytest.param(guard, mutant, says, id=f"{guard}-{mutant.change.__name__}")
        for guard, mutants in releases.DATA_TESTS.items()
        for mutant, says in mutants.items()
    ],
)
def test_data_test_catches_its_release_alone(
    guard: str,
    mutant: releases.ReleaseMutant,
    says: str,
    bench: Bench,
    pool: Pool,
    kills: list[Kill],
) -> None:
    (node,) = (n for n in tables.singular_tests(bench.manifest) if n.name == guard)
    isolate(pool, bench.work_file, mutant.release_id, SHIPPED_RELEASE)
    line = data_test_says(bench, node, (says, f"release_id {mutant.release_id}"))
    kills.append(Kill(layer_of(node), guard, mutant.name, line))


@pytest.mark.parametrize("guard", tables.DATA_TESTS)
def test_data_test_catches_its_table_alone(
    guard: str, bench: Bench, kills: list[Kill]
) -> None:
    (node,) = (n for n in tables.singular_tests(bench.manifest) if n.name == guard)
    mutant = tables.DATA_TESTS[guard]
    bench.mutate(mutant.statements)
    line = data_test_says(bench, node, mutant.says)
    kills.append(Kill(layer_of(node), guard, mutant.mutation, line))


def layer_of(node: Any) -> str:
    """How a data test is called in the table."""
    stops = node.config.severity.lower() == "error"
    return "data test" if stops else "data test, warning"


# What nothing catches -----------------------------------------------------------------


CELLS_AND_WEEK = """
    select task_id, geo_id, facet, category, conversation_count, window_start_date
    from marts.fct_task_cells
    inner join marts.dim_releases using (release_id, platform)
    where release_id = '{release_id}' and platform = 'claude_ai'
    order by all
"""


def test_survivors_pass_every_guard_and_are_caveats_of_the_register(
    bench: Bench, pool: Pool, survivors: list[Survivor]
) -> None:
    # All were built: no check of the loader and no constraint refused one.
    wrong = releases.SURVIVORS
    isolate(pool, bench.work_file, *(mutant.release_id for mutant in wrong))
    for boundary in ("raw", "marts"):
        assert failed_expectations(bench.work_file, boundary) == set()
    names = [node.name for node in tables.singular_tests(bench.manifest)]
    arguments = ["test", "--select", *names, "--no-write-json"]
    ran = run_dbt(arguments, bench.folder, manifest=bench.manifest)
    statuses = {node.node.name: str(node.status) for node in ran.result}
    assert {name: statuses[name] for name in names} == dict.fromkeys(names, "pass")

    register = {
        assumption_id: (status, statement)
        for assumption_id, status, statement in query(
            bench.earlier,
            "from reference.sampling_assumptions select "
            "assumption_id, status, statement",
        )
    }
    for mutant, assumption_id in wrong.items():
        status, statement = register[assumption_id]
        assert status != "checked", assumption_id
        survivors.append(Survivor(assumption_id, mutant.name, statement))
        # It is wrong: its cells are not those of the clean release, or not of its week.
        says = [
            query(file, CELLS_AND_WEEK.format(release_id=release_id))
            for file, release_id in (
                (bench.work_file, mutant.release_id),
                (bench.earlier, SHIPPED_RELEASE),
            )
        ]
        assert says[0] != says[1], mutant.name


# Odd but good files -------------------------------------------------------------------

STAGED = """
    select * exclude (level_text) from staging.stg_aei__facet_values
    order by relative_path, row_number
"""


STYLES = list(GOOD_STYLES)


@pytest.mark.parametrize(
    ("api_style", "chat_style"),
    list(zip(STYLES, [*STYLES[1:], STYLES[0]], strict=True)),
)
def test_odd_but_good_input_is_staged_alike(
    api_style: str,
    chat_style: str,
    tmp_path: Path,
    shipped_warehouse: Build,
    project_manifest: Manifest,
    seeded_file: Path,
    good: list[str],
) -> None:
    # Two files of two styles: the one that is read first must not rule the other.
    folder = DataFolder(tmp_path / "data")
    for platform, style in ((API, api_style), (CHAT, chat_style)):
        path = folder.raw(platform)
        clean = path.read_bytes()
        path.write_bytes(GOOD_STYLES[style](clean.decode()))
        assert style == "written anew" or path.read_bytes() != clean

    shutil.copy(seeded_file, tmp_path / "work.duckdb")
    result = run_dbt(
        ["build", *STAGING], tmp_path, folder.root, manifest=project_manifest
    )

    assert failures(result) == []
    staged = query(tmp_path / "work.duckdb", STAGED)
    assert len(staged) > 10_000
    assert staged == shipped_warehouse.query(STAGED)
    good.append(chat_style)


# The page -----------------------------------------------------------------------------


def test_page_says_what_was_seen(
    kills: list[Kill], good: list[str], survivors: list[Survivor]
) -> None:
    """Last in the file: everything above was seen before, or this has to be red."""
    assert sorted(good) == sorted(STYLES), "run the whole file, not this test alone"
    assert len(survivors) == len(releases.SURVIVORS)
    seen = page(kills, STYLES, survivors)
    if os.environ.get("WRITE_KILL_TABLE"):
        KILL_TABLE.write_text(seen, encoding="utf-8")
    written = KILL_TABLE.read_text(encoding="utf-8") if KILL_TABLE.exists() else ""
    assert seen == written, (
        "docs/kill-table.md is of another day; run make kill-table\n"
        + (difference(seen.splitlines(), written.splitlines()))
    )
