"""The checks of the loader: each finds the smallest damage that it is there for.

All damaged files are staged in one run of dbt with nothing that stops, each as a copy
that the manifest does not know and as the official file; what would have stopped the
build is noted down. A check is judged by its own query: it finds its mutant alone,
whatever the others say. One damage of each check then goes through the build script
with the other checks switched off: nothing is published, and the earlier warehouse is
as before. The guards past the loader are in test_kill_table.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pytest
from conftest import (
    PLATFORMS,
    PROJECT,
    WITHOUT_TESTS,
    Build,
    DataFolder,
    failures,
    query,
    read_rows,
    run_dbt,
)
from dbt.contracts.graph.manifest import Manifest
from mutations.bench import Bench, list_files, seed
from mutations.damages import ALONE, DAMAGES, KINDS, TWO_KINDS, damage_to
from mutations.files import Fault, read_text
from mutations.sheet import API, CHAT
from mutations.styles import STYLES

needs_two_kinds = pytest.mark.skipif(
    not TWO_KINDS, reason="every finding of the loader still stops the build"
)

STAGING = ("--select", "path:models/staging", *WITHOUT_TESTS)
STOP_ON = "macro.ai_in_education.stop_on"
# Among many files DuckDB's reader loses what is cut inside quotation marks, so a
# rejected row is looked for in a folder of its own.
IN_A_LOT = [
    (guard, name)
    for guard, some in DAMAGES.items()
    if guard != "rejected_rows"
    for name in some
]


@pytest.fixture(scope="module")
def seen() -> set[str]:
    """The checks that found their mutants; filled by the tests, read by the last."""
    return set()


@pytest.fixture
def bench(
    tmp_path: Path,
    shipped_warehouse: Build,
    project_manifest: Manifest,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Bench]:
    """A build script to run on mutants, with a warehouse of an earlier day."""
    yield Bench.with_earlier(
        tmp_path, shipped_warehouse, project_manifest, monkeypatch, capsys
    )
    shutil.rmtree(tmp_path)  # many would fill a small disk


@pytest.fixture(scope="module")
def seeded_file(
    project_manifest: Manifest, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A work file with the reference tables, which no bad input changes."""
    return seed(tmp_path_factory.mktemp("seeded"), project_manifest)


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
    number = IN_A_LOT.index((guard, name))
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
    for guard, name in IN_A_LOT:
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
@pytest.mark.parametrize(("guard", "name"), IN_A_LOT)
def test_damaged_file_is_found_by_its_check(
    guard: str, name: str, is_official: bool, lot: Lot, seen: set[str]
) -> None:
    place = place_of(guard, name, is_official)
    fault, found = lot.faults[place], lot.found.get(place, [])
    assert any(problem.names(guard, fault) for problem in found), (fault, found[:5])
    stopping = {problem.check for problem in lot.stopping.get(place, [])}
    assert (guard in stopping) == stops(guard, is_official)
    if not stops(guard, is_official):
        assert not stopping, "nothing else may stop the build either"
    seen.add(guard)


@needs_two_kinds
def test_each_check_is_of_the_kind_that_the_seed_says() -> None:
    rows = (PROJECT / "seeds/reference/input_checks.csv").read_text(encoding="utf-8")
    said = dict(re.findall(r"^(\w+),(damage|surprise|always)", rows, re.MULTILINE))
    assert said == KINDS


@needs_two_kinds
@pytest.mark.parametrize(
    ("guard", "name"), [pair for pair in IN_A_LOT if KINDS[pair[0]] == "surprise"]
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
    seen: set[str],
) -> None:
    needs_both = guard == "unknown_geographies"
    folder = DataFolder(bench.folder / "data", PLATFORMS if needs_both else (API,))
    fault = damage(folder)
    shutil.copy(seeded_file, bench.work_file)
    message = bench.refusal(
        *STAGING, data_dir=folder.root, manifest=only(project_manifest, guard)
    )

    assert "The input was refused; nothing was published." in message
    problems = [
        Problem(**found.groupdict() | {"row": int(found["row"] or 0) or None})
        for found in PROBLEM.finditer(message)
    ]
    assert {problem.check for problem in problems} == {guard}
    assert any(problem.names(guard, fault) for problem in problems), message
    seen.add(guard)


def test_other_checks_are_off_when_one_runs_alone(
    tmp_path: Path, seeded_file: Path, project_manifest: Manifest
) -> None:
    folder = DataFolder(tmp_path / "data", (API,))
    damage_to(folder, DAMAGES["duplicate_keys"]["row twice"])
    shutil.copy(seeded_file, tmp_path / "work.duckdb")
    manifest = only(project_manifest, "misdated_rows")
    arguments = ["build", *STAGING]
    assert failures(run_dbt(arguments, tmp_path, folder.root, manifest=manifest)) == []
    found = "select distinct check_name from staging.stg_aei__input_problems"
    assert ("duplicate_keys",) in query(tmp_path / "work.duckdb", found)


# Odd but good files -------------------------------------------------------------------

STAGED = """
    select * exclude (level_text) from staging.stg_aei__facet_values
    order by relative_path, row_number
"""
STYLE_NAMES = list(STYLES)


@pytest.mark.parametrize(
    ("api_style", "chat_style"),
    list(zip(STYLE_NAMES, [*STYLE_NAMES[1:], STYLE_NAMES[0]], strict=True)),
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
        clean = folder.raw(platform).read_bytes()
        odd = STYLES[style](clean.decode()).encode()
        assert style == "written anew" or odd != clean
        folder.raw(platform).write_bytes(odd)

    shutil.copy(seeded_file, tmp_path / "work.duckdb")
    arguments = ["build", *STAGING]
    result = run_dbt(arguments, tmp_path, folder.root, manifest=project_manifest)

    assert failures(result) == []
    staged = query(tmp_path / "work.duckdb", STAGED)
    assert len(staged) > 10_000
    assert staged == shipped_warehouse.query(STAGED)


def checks_of_the_loader() -> set[str]:
    """The names of all checks, as they stand in the SQL or the seed."""
    seed = PROJECT / "seeds" / "reference" / "input_checks.csv"
    if seed.exists():
        return {row["check_name"] for row in read_rows(seed)}
    folder = PROJECT / "models" / "staging" / "aei"
    sql = (folder / "stg_aei__input_problems.sql").read_text(encoding="utf-8")
    sql += (PROJECT / "macros" / "input_checks.sql").read_text(encoding="utf-8")
    return set(re.findall(r"'(\w+)'(?: as check_name)?\n    from", sql))


def test_checks_seen_failing_are_those_of_the_loader(seen: set[str]) -> None:
    """Last in the file: everything above was seen before, or this has to be red."""
    assert seen == checks_of_the_loader() == set(KINDS), "run the whole file"
