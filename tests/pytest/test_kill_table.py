"""The kill table: every guard, and the smallest wrong input that it has to catch.

Guards are the loader's checks, the constraints of the marts, the dbt data tests, the
expectations, and the checks of the build script. Each has at least one mutant, made by
a named function in ``mutations`` from the clean sample; a guard without one fails here.
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

import build_warehouse
import duckdb
import pytest
from conftest import (
    PROJECT,
    WITHOUT_TESTS,
    Build,
    DataFolder,
    dbt_environment,
    failures,
    query,
    run_build,
    run_dbt,
)
from dbt.contracts.graph.manifest import Manifest
from mutations import tables
from mutations.files import API, CHAT, DAMAGES, GOOD_STYLES, Fault, data_folder
from validation.run import Check, Result, run_checks

# "- file F, row 3, column c: found this; expected that. What to do. [check]"
PROBLEM = re.compile(
    r"^ *- file (?P<file>[^:,]+)(?:, row (?P<row>\d+))?(?:, column (?P<column>[^:]+))?"
    r": found (?P<observed>.*); expected (?P<expected>.+)\. (?P<advice>[A-Z].*\.)"
    r" \[(?P<check>\w+)\]$",
    re.MULTILINE,
)


# What was seen: the rows of docs/kill-table.md ----------------------------------------


@dataclass(frozen=True)
class Kill:
    """A mutant that its guard caught when run alone, with what the guard said."""

    layer: str
    guard: str
    mutation: str
    message: str


@pytest.fixture(scope="session")
def kills() -> list[Kill]:
    """What the tests of this module have seen so far."""
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
        check: Check | None = None,
    ) -> str:
        """What the build script says when a guard stops it.

        dbt builds the selection and nothing else, and no expectation is asked but the
        one given. Nothing was published, and the earlier warehouse answers as before.
        """
        with self.monkeypatch.context() as patch:
            self._limit(patch, selection, manifest or self.manifest, check)
            with dbt_environment(self.folder, data_dir):
                status = build_warehouse.main(
                    [
                        *("--data-dir", str(data_dir or "")),
                        *("--output", str(self.published)),
                        *("--work-file", str(self.work_file)),
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
        self,
        patch: pytest.MonkeyPatch,
        selection: Sequence[str],
        manifest: Manifest,
        check: Check | None,
    ) -> None:
        class ReadyDbt(build_warehouse.Dbt):
            def __init__(self, work_file: Path, data_dir: Path | None) -> None:
                os.environ["AEI_WORK_FILE"] = str(work_file)
                self.results = []
                self._manifest = manifest

        def ask(work_file: Path, boundary: str) -> list[Result]:
            if check is None or check.boundary != boundary:
                return []
            return run_checks(work_file, check.boundary, [check])

        nothing = ("--select", "nothing_of_this_name")
        patch.setattr(build_warehouse, "remove_work_file", lambda _: None)
        patch.setattr(build_warehouse, "Dbt", ReadyDbt)
        patch.setattr(build_warehouse, "STAGING", selection or nothing)
        patch.setattr(build_warehouse, "MARTS", nothing)
        patch.setattr(build_warehouse, "EXPECTATION_RESULTS", nothing)
        patch.setattr(build_warehouse, "ask_expectations", ask)


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
