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
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import build_warehouse
import pytest
from conftest import (
    PROJECT,
    WITHOUT_TESTS,
    Build,
    DataFolder,
    dbt_environment,
    failures,
    limit_build,
    query,
    run_build,
    run_dbt,
)
from dbt.contracts.graph.manifest import Manifest
from mutations.files import API, CHAT, DAMAGES, GOOD_STYLES, Fault, data_folder

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


@pytest.fixture(scope="module")
def published(
    shipped_warehouse: Build, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A published warehouse of an earlier day."""
    file = tmp_path_factory.mktemp("earlier") / "published.duckdb"
    shutil.copy(shipped_warehouse.file, file)
    return file


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

    def refusal(
        self,
        data_dir: Path | None,
        *selection: str,
        manifest: Manifest | None = None,
    ) -> str:
        """What the build script says when a guard stops it.

        Nothing was published, and the earlier warehouse answers as before.
        """
        with self.monkeypatch.context() as patch:
            patch.setattr(build_warehouse, "remove_work_file", lambda _: None)
            limit_build(patch, manifest or self.manifest, *selection)
            with dbt_environment(self.folder, data_dir):
                status = build_warehouse.main(
                    [
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


@pytest.fixture
def bench(
    tmp_path: Path,
    published: Path,
    shipped_warehouse: Build,
    project_manifest: Manifest,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Bench:
    """A build script to run on mutants."""
    earlier = shipped_warehouse.file
    return Bench(tmp_path, published, earlier, project_manifest, monkeypatch, capsys)


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
    folder = data_folder(name, bench.folder / "data")
    fault = DAMAGES[guard][name](folder)
    shutil.copy(seeded_file, bench.work_file)

    named_fault(bench.refusal(folder.root, *STAGING), guard, fault)

    model = MODEL_OF_CHECK.get(guard, "stg_aei__input_problems")
    message = bench.refusal(
        folder.root,
        *("--select", model, *WITHOUT_TESTS),
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
