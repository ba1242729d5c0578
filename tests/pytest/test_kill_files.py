"""The checks of the loader: each finds the smallest damage that it is there for.

All damaged files are staged in one run of dbt with nothing that stops, each as a copy
that the manifest does not know and as the official file; what would have stopped the
build is noted down. A check is judged by its own query: it finds its mutant alone,
whatever the others say. One damage of each check then goes through the build script
with the other checks switched off: nothing is published, and the earlier warehouse is
as before. The guards past the loader are in test_kill_table.
"""

from __future__ import annotations

import contextlib
import re
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import duckdb
import pytest
from conftest import (
    SHIPPED_DATA,
    SHIPPED_RELEASE,
    WITHOUT_TESTS,
    Build,
    DataFolder,
    failures,
    query,
    run_dbt,
    shipped_row,
)
from dbt.contracts.graph.manifest import Manifest
from mutations.bench import Bench, list_files
from mutations.damages import ALONE, CHECKS, DAMAGES, stops
from mutations.files import Fault, read_text
from mutations.sheet import API, CHAT
from mutations.styles import STYLES
from mutations.ways import damage_to
from warehouse import building

# The reference tables stand in a work file already.
GATE = (*building.STAGING, "--exclude-resource-type", "seed", *WITHOUT_TESTS)
STOP_ON, STOP_ON_UNREADABLE = (
    f"macro.ai_in_education.{name}" for name in ("stop_on", "stop_on_unreadable")
)
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


NOTHING_STOPS = {
    STOP_ON: "{% macro stop_on(relation) %}select 1{% endmacro %}",
    STOP_ON_UNREADABLE: """
        {% macro stop_on_unreadable(query) %}
        insert into main.unreadable by name
        select found.*, input_checks.expected, input_checks.advice
        from ({{ query }}) as found
        inner join {{ ref('input_checks') }} as input_checks using (check_name)
        {% endmacro %}
    """,
}


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
            and (fault.expected or CHECKS[guard]["expected"]) in self.expected
            and self.advice.endswith(".")
        )


@contextlib.contextmanager
def hooks(manifest: Manifest, sql_of: dict[str, str]) -> Iterator[None]:
    """Within it, other macros stand behind the models that may stop the build."""
    with contextlib.ExitStack() as stack:
        for name, sql in sql_of.items():
            macro = manifest.macros[name]
            assert macro.macro_sql != sql
            stack.enter_context(mock.patch.object(macro, "macro_sql", sql))
        yield


def only(manifest: Manifest, guard: str) -> AbstractContextManager[None]:
    """Within it, every check of the loader is switched off but one."""
    own = f"check_name = '{guard}'"
    gate, reader = (
        manifest.macros[name].macro_sql for name in (STOP_ON, STOP_ON_UNREADABLE)
    )
    changed = {
        STOP_ON: gate.replace(
            "where stops_the_build", f"where stops_the_build and {own}"
        ),
        STOP_ON_UNREADABLE: reader.replace(
            "order by", f"where found.{own} order by", 1
        ),
    }
    return hooks(manifest, changed)


class Lot(NamedTuple):
    """Every damaged file, twice, behind the gate with nothing that stops.

    ``stopping`` are the checks that would have stopped the build, ``found`` all
    findings, by file.
    """

    work_file: Path
    faults: dict[str, Fault]
    stopping: dict[str, set[str]]
    found: dict[str, list[Problem]]


def place_of(guard: str, name: str, is_official: bool) -> str:
    """Where a damaged file lies in the folder of the lot."""
    number = IN_A_LOT.index((guard, name))
    copy = "official" if is_official else "other"
    damage = DAMAGES[guard][name]
    return f"release_{number}_{copy}/{Path(damage.manifest['relative_path']).name}"


def all_found(work_file: Path, table: str) -> list[tuple[Any, ...]]:
    """The findings in a table: those of the gate or of what can't be read."""
    return query(
        work_file,
        "select relative_path, row_number, column_name, observed, expected, advice, "
        f"check_name from {table}",
    )


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
        damage = DAMAGES[guard][name]
        content, fault = damage.done()
        for is_official in (False, True):
            place = place_of(guard, name, is_official)
            (data / place).parent.mkdir()
            (data / place).write_bytes(content)
            row = damage.official(place.partition("/")[0], place)
            row["sha256"] = row["sha256"] if is_official else "0" * 64
            if row["file_role"] == "onet_task_statements":
                row["taxonomy_version"] = row["release_id"]
            rows.append(row)
            refused += [place] if guard == "refused_files" else []
            faults[place] = fault
    shutil.copy(seeded_file, work_file)
    with duckdb.connect(str(work_file)) as con:
        list_files(con, folder, rows)
        con.execute(
            "create table unreadable (relative_path text, row_number bigint, "
            "column_name text, observed text, check_name text, expected text, "
            "advice text)"
        )
    with hooks(project_manifest, NOTHING_STOPS):
        first = ["run", "--select", "stg_aei__release_files", "--no-write-json"]
        assert failures(run_dbt(first, folder, data, manifest=project_manifest)) == []
        with duckdb.connect(str(work_file)) as con:
            # What can't be read at all is in nobody's way from here on.
            con.execute(
                "delete from reference.release_manifest where relative_path in "
                "(select unnest(?))",
                [refused],
            )
        rest = ["run", *building.STAGING, "--no-write-json"]
        assert failures(run_dbt(rest, folder, data, manifest=project_manifest)) == []
    gate = "intermediate.int_input_problems"
    unreadable = all_found(work_file, "main.unreadable")
    stopping, found = defaultdict(set), defaultdict(list)
    for row in [*unreadable, *all_found(work_file, f"{gate} where stops_the_build")]:
        stopping[row[0]].add(row[-1])
    for row in [*unreadable, *all_found(work_file, gate)]:
        found[row[0]].append(Problem(*row))
    yield Lot(work_file, faults, stopping, found)
    shutil.rmtree(folder)


@pytest.mark.parametrize("is_official", [False, True], ids=["other", "official"])
@pytest.mark.parametrize(("guard", "name"), IN_A_LOT)
def test_damaged_file_is_found_by_its_check(
    guard: str, name: str, is_official: bool, lot: Lot, seen: set[str]
) -> None:
    place = place_of(guard, name, is_official)
    fault, found = lot.faults[place], lot.found.get(place, [])
    assert any(problem.names(guard, fault) for problem in found), (fault, found[:5])
    stopping = lot.stopping.get(place, set())
    assert (guard in stopping) == stops(guard, is_official)
    # Nothing else may stop the build either.
    assert stopping == set() or stops(guard, is_official), stopping
    seen.add(guard)


def test_every_row_is_staged_once_and_used_or_named(lot: Lot) -> None:
    staged = {
        place: counts
        for place, *counts in query(
            lot.work_file,
            "select relative_path, count(*), count(*) filter (where is_usable), "
            "count(*) filter (where not is_usable and check_name is not null) "
            "from intermediate.int_facet_values group by relative_path",
        )
    }
    looked_at = 0
    for guard, name in IN_A_LOT:
        damage = DAMAGES[guard][name]
        if guard == "refused_files" or damage.file_role != "raw":
            continue
        rows_in = len(read_text(damage.done().content.decode()))
        for is_official in (False, True):
            place = place_of(guard, name, is_official)
            rows, used, named = staged.get(place, (0, 0, 0))
            assert rows_in == rows == used + named, place
            if CHECKS[guard]["problem_kind"] == "surprise":
                assert named or guard == "unknown_samples", place
            looked_at += 1
    assert looked_at > 80


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
    folder = DataFolder(bench.folder / "data", (API,))
    fault = damage(folder)
    shutil.copy(seeded_file, bench.work_file)
    listed = DAMAGES[guard][name].listed if guard in DAMAGES else {}
    with duckdb.connect(str(bench.work_file)) as con:
        for column, value in listed.items():
            # Nor is it the official file.
            con.execute(
                f"update reference.release_manifest set {column} = ?, sha256 = '0' "
                "where is_simulated and file_role = 'raw'",
                [value],
            )
    with only(project_manifest, guard):
        message = bench.refusal(*GATE, data_dir=folder.root)

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
    with only(project_manifest, "misdated_rows"):
        ran = run_dbt(
            ["build", *GATE], tmp_path, folder.root, manifest=project_manifest
        )
    assert failures(ran) == []
    found = "from intermediate.int_input_problems select check_name, stops_the_build"
    assert ("duplicate_keys", True) in query(tmp_path / "work.duckdb", found)


# Odd but good files -------------------------------------------------------------------

STAGED = """
    select * exclude (level_text, sample_id, release_id, relative_path)
    from staging.stg_aei__facet_values where release_id = '{}'
    order by platform, row_number
"""


def test_odd_but_good_input_is_staged_alike(
    tmp_path: Path,
    shipped_warehouse: Build,
    project_manifest: Manifest,
    seeded_file: Path,
) -> None:
    # Each style is a release of both platforms: the file that is read first must not
    # rule the others.
    folder = DataFolder(tmp_path / "data", ())
    shutil.copy(seeded_file, tmp_path / "work.duckdb")
    rows = []
    for number, (style, written) in enumerate(STYLES.items()):
        for platform in (API, CHAT):
            row = shipped_row(platform)
            clean = (SHIPPED_DATA / row["relative_path"]).read_bytes()
            odd = written(clean.decode()).encode()
            assert style == "written anew" or odd != clean
            row |= {
                "release_id": f"simulated_{number}",
                "relative_path": f"release_simulated_{number}/{platform}.csv",
                "sha256": "0",
            }
            (folder.root / row["relative_path"]).parent.mkdir(exist_ok=True)
            (folder.root / row["relative_path"]).write_bytes(odd)
            rows.append(row)
    with duckdb.connect(str(tmp_path / "work.duckdb")) as con:
        list_files(con, tmp_path, rows)
    arguments = ["build", *GATE]
    result = run_dbt(arguments, tmp_path, folder.root, manifest=project_manifest)

    assert failures(result) == []
    shipped = shipped_warehouse.query(STAGED.format(SHIPPED_RELEASE))
    assert len(shipped) > 10_000
    for number, style in enumerate(STYLES):
        staged = query(tmp_path / "work.duckdb", STAGED.format(f"simulated_{number}"))
        assert staged == shipped, style


def test_checks_seen_failing_are_those_of_the_loader(seen: set[str]) -> None:
    """Last in the file: everything above was seen before, or this has to be red."""
    assert seen == set(CHECKS), "run the whole file"
