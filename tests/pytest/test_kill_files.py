"""The checks of the loader: each finds the smallest damage that it is there for.

All damaged files, of every layout, are staged in one run of dbt with nothing that
stops, each as a copy that the manifest does not know and as the official file; what
would have stopped the build is noted down. A check is judged by its own rows: it finds
its mutant alone, whatever the others say. That the build script stops on any such row,
with nothing published and the earlier warehouse as before, is seen on one damage of
each place that looks for them. The guards past the loader are in test_kill_table.
"""

from __future__ import annotations

import contextlib
import re
import shutil
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import duckdb
import pytest
from conftest import WITHOUT_TESTS, Row, csv_text, failures, query, run_dbt
from dbt.contracts.graph.manifest import Manifest
from expectations import CHECKS as EXPECTATIONS
from mutations.bench import Bench, list_files, only_these
from mutations.clean import FLAT, MONTHLY, RATIOS, RAW, SHARES, clean
from mutations.damages import DAMAGES, NO_COUNTRIES, NO_FILES, stops
from mutations.files import CHECKS, Fault, Problem, placed, read_text
from mutations.styles import STYLES
from validation.run import run_checks
from warehouse import building

HAS_COUNTRIES = "monthly_chat_has_countries"
STOP_ON, STOP_ON_UNREADABLE = (
    f"macro.ai_in_education.{name}" for name in ("stop_on", "stop_on_unreadable")
)
ALL = [(guard, name) for guard, some in DAMAGES.items() for name in some]
# Among many files DuckDB's reader loses what is cut inside quotation marks, and a list
# is read for all of them, so these are looked for in a folder of their own.
ALONE = ("rejected_rows", "malformed_lists")
IN_A_LOT = [each for each in ALL if each[0] not in ALONE]
# Through the build script: no file, what can't be read at all, and two of the gate.
STOPPING = [
    NO_FILES,
    ("refused_files", "HTML error page saved as CSV"),
    *(each for each in ALL if each[0] in ALONE),
    ("duplicate_keys", "row twice"),
    ("incomplete_facets", "task lost"),
]
# Bytes and their row of the manifest.
Copy = tuple[Row, bytes]


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


@contextlib.contextmanager
def hooks(manifest: Manifest, sql_of: dict[str, str]) -> Iterator[None]:
    """Within it, other macros stand behind the models that may stop the build."""
    with contextlib.ExitStack() as stack:
        for name, sql in sql_of.items():
            macro = manifest.macros[name]
            assert macro.macro_sql != sql
            stack.enter_context(mock.patch.object(macro, "macro_sql", sql))
        yield


# Files in a folder --------------------------------------------------------------------


def release_of(guard: str, name: str, is_official: bool) -> str:
    """The release id of a damaged file in the lot."""
    return f"{ALL.index((guard, name))}_{'official' if is_official else 'other'}"


def style_of(style: str, file: str) -> str:
    """The release id of an odd file in the lot."""
    return f"{list(STYLES).index(style)}_{file}"


def place_of(release: str, file: str) -> str:
    """Where a file of a release lies."""
    return f"release_{release}/{Path(clean(file)[0]['relative_path']).name}"


def copies(
    release: str, file: str, row: Row, content: bytes, is_official: bool
) -> list[Copy]:
    """A file as the only one of a release, as the official one or not, and what has to
    lie beside it."""
    row = placed(row, content, release, place_of(release, file))
    unknown = {"sha256": "0" * 64}
    row |= {} if is_official else unknown
    if row["file_role"] == "onet_task_statements":
        row["taxonomy_version"] = release
    if file != RATIOS:
        return [(row, content)]
    # ratios are of tasks whose shares stand in a file beside them
    shares, tasks = clean(SHARES)
    beside = csv_text(tasks).encode()
    return [
        (row, content),
        (placed(shares, beside, release, place_of(release, SHARES)) | unknown, beside),
    ]


def damaged(guard: str, name: str, is_official: bool) -> list[Copy]:
    """A damaged file of the lot, and what lies beside it."""
    damage, release = DAMAGES[guard][name], release_of(guard, name, is_official)
    content = damage.done().content
    # No other copy of an official file would be one of another release.
    content += b"\n" * (is_official and content != b"")
    return copies(release, damage.file, damage.manifest, content, is_official)


def odd(style: str, file: str) -> list[Copy]:
    """A clean file, written in a style; none where the style changes nothing."""
    row, rows = clean(file)
    content = STYLES[style](csv_text(rows))
    if style != "written anew" and content == csv_text(rows):
        return []
    return copies(style_of(style, file), file, row, content.encode(), False)


def folder_of(folder: Path, seeded: Path, put: list[Copy]) -> Path:
    """A data folder with these raw files, and a work file that lists them; returns the
    first. The build script looks for a file of the project's manifest, so one lies
    beside them."""
    contents = {row["relative_path"]: content for row, content in put}
    shutil.copy(seeded, folder / "work.duckdb")
    if put:
        beside, rows = clean(MONTHLY)
        contents[beside["relative_path"]] = csv_text(rows).encode()
        with duckdb.connect(str(folder / "work.duckdb")) as con:
            list_files(con, folder, [row for row, _ in put])
    return only_these(folder / "data", contents)


# The lot ------------------------------------------------------------------------------


class Lot(NamedTuple):
    """Every damaged file, twice, and every odd one, behind the gate with nothing that
    stops: the checks that would have stopped the build, and all findings, by file."""

    work_file: Path
    stopping: dict[str, set[str]]
    found: dict[str, list[Problem]]


def all_found(work_file: Path, table: str) -> list[tuple[Any, ...]]:
    """The findings in a table: those of the gate or of what can't be read."""
    return query(work_file, f"select {', '.join(Problem._fields)} from {table}")


@pytest.fixture(scope="module")
def lot(
    tmp_path_factory: pytest.TempPathFactory,
    seeded_file: Path,
    project_manifest: Manifest,
) -> Iterator[Lot]:
    """All damaged files: as copies that the manifest does not know, and as official."""
    folder = tmp_path_factory.mktemp("lot")
    put = [
        copy
        for guard, name in IN_A_LOT
        for is_official in (False, True)
        for copy in damaged(guard, name, is_official)
    ]
    put += [copy for style in STYLES for file in RAW for copy in odd(style, file)]
    data, work_file = folder_of(folder, seeded_file, put), folder / "work.duckdb"
    refused = [
        copy[0]["relative_path"]
        for name in DAMAGES["refused_files"]
        for is_official in (False, True)
        for copy in damaged("refused_files", name, is_official)
    ]
    with duckdb.connect(str(work_file)) as con:
        con.execute(
            "create table unreadable (relative_path text, row_number bigint, "
            "column_name text, observed text, check_name text, expected text, "
            "advice text)"
        )

    def run(*selection: str) -> None:
        arguments = ["run", *selection, "--no-write-json"]
        ran = run_dbt(arguments, folder, data, manifest=project_manifest)
        assert failures(ran) == []

    with hooks(project_manifest, NOTHING_STOPS):
        run("--select", "stg_aei__release_files")
        with duckdb.connect(str(work_file)) as con:
            # What can't be read at all is in nobody's way from here on.
            con.execute(
                "delete from reference.release_manifest where relative_path in "
                "(select unnest(?))",
                [refused],
            )
        run(*building.STAGING)
    gate = "intermediate.int_input_problems"
    unreadable = all_found(work_file, "main.unreadable")
    stopping, found = defaultdict(set), defaultdict(list)
    for row in [*unreadable, *all_found(work_file, f"{gate} where stops_the_build")]:
        stopping[row[0]].add(row[-1])
    for row in [*unreadable, *all_found(work_file, gate)]:
        found[row[0]].append(Problem(*row))
    yield Lot(work_file, stopping, found)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.parametrize("is_official", [False, True], ids=["other", "official"])
@pytest.mark.parametrize(("guard", "name"), IN_A_LOT)
def test_damaged_file_is_found_by_its_check(
    guard: str, name: str, is_official: bool, lot: Lot, seen: set[str]
) -> None:
    damage = DAMAGES[guard][name]
    place = place_of(release_of(guard, name, is_official), damage.file)
    fault, found = damage.done().fault, lot.found.get(place, [])
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
            "select relative_path, count(*), count(distinct row_number), "
            "count(distinct row_number) filter (is_usable), count(distinct row_number) "
            "filter (not is_usable and check_name is not null) "
            "from intermediate.int_facet_values group by relative_path",
        )
    }
    looked_at = 0
    for guard, name in IN_A_LOT:
        damage = DAMAGES[guard][name]
        if guard == "refused_files" or damage.file not in RAW:
            continue
        rows_in = len(read_text(damage.done().content.decode()))
        width = 6 if damage.file == RATIOS else 1
        for is_official in (False, True):
            place = place_of(release_of(guard, name, is_official), damage.file)
            values, rows, used, named = staged.get(place, (0, 0, 0, 0))
            assert rows_in == rows == used + named, place
            assert values == width * rows, place
            if CHECKS[guard]["problem_kind"] == "surprise":
                assert named or guard == "unknown_samples", place
            looked_at += 1
    assert looked_at > 200


@pytest.mark.parametrize("file", RAW)
def test_odd_but_good_file_is_staged_alike(file: str, lot: Lot) -> None:
    table = "flat" if file in FLAT else "monthly" if file == MONTHLY else "facet"
    staged = {}
    for style in STYLES:
        if not odd(style, file):
            assert file in FLAT and style == "level as a float"
            continue
        place = place_of(style_of(style, file), file)
        assert lot.found.get(place, []) == [], style
        staged[style] = query(
            lot.work_file,
            "select columns(lambda name: name not in ('sample_id', 'release_id', "
            "'relative_path', 'level_text')) "
            f"from staging.stg_aei__{table}_values "
            f"where relative_path = '{place}' order by all",
        )
    clean_rows = staged["written anew"]
    assert len(clean_rows) == len(clean(file)[1]) * (6 if file == RATIOS else 1)
    assert [style for style, rows in staged.items() if rows != clean_rows] == []


# The build script ---------------------------------------------------------------------

# "- file F, row 3, column c: found this; expected that. What to do. [check]"
PROBLEM = re.compile(
    r"^ *- file ([^:,]+)(?:, row (\d+))?(?:, column ([^:]+))?: found (.*); "
    r"expected (.+)\. ([A-Z].*\.) \[(\w+)\]$",
    re.MULTILINE,
)


@pytest.mark.parametrize(("guard", "name"), STOPPING)
def test_check_stops_the_build(
    guard: str, name: str, bench: Bench, seeded_file: Path, seen: set[str]
) -> None:
    put, fault = [], Fault(None, None, "no raw file of ")
    if (guard, name) != NO_FILES:
        put = damaged(guard, name, is_official=False)
        fault = DAMAGES[guard][name].done().fault
    data = folder_of(bench.folder, seeded_file, put)
    message = bench.refusal(
        *building.STAGING,
        "--exclude-resource-type",
        "seed",
        *WITHOUT_TESTS,
        data_dir=data,
    )

    assert "The input was refused; nothing was published." in message
    problems = [
        Problem(file, int(row) if row else None, *said)
        for file, row, *said in PROBLEM.findall(message)
    ]
    assert {problem.check_name for problem in problems} == {guard}
    assert any(problem.names(guard, fault) for problem in problems), message
    seen.add(guard)


def test_content_of_another_file_stops_the_build(
    bench: Bench, seeded_file: Path
) -> None:
    row, tasks = clean(SHARES)
    content = csv_text(tasks).encode()
    put = [
        *copies("listed", SHARES, row, content, is_official=True),
        *copies("other", SHARES, row, content, is_official=False),
    ]
    message = bench.refusal(
        *building.STAGING,
        "--exclude-resource-type",
        "seed",
        *WITHOUT_TESTS,
        data_dir=folder_of(bench.folder, seeded_file, put),
    )
    ((file, _, _, observed, _, _, check),) = PROBLEM.findall(message)
    assert (file, check) == (place_of("other", SHARES), "mislabelled_rows")
    assert place_of("listed", SHARES) in observed


def test_months_without_the_list_of_countries_say_that_it_is_absent(
    tmp_path: Path, seeded_file: Path, project_manifest: Manifest, seen: set[str]
) -> None:
    row, months = clean(MONTHLY)
    put = copies("months", MONTHLY, row, csv_text(months).encode(), is_official=False)
    data, work_file = folder_of(tmp_path, seeded_file, put), tmp_path / "work.duckdb"
    (data / clean("iso_country_codes")[0]["relative_path"]).unlink()
    arguments = ["run", *building.STAGING, "--no-write-json"]
    assert failures(run_dbt(arguments, tmp_path, data, manifest=project_manifest)) == []
    counts = dict(
        query(
            work_file,
            "select check_name, count(*) from intermediate.int_input_problems "
            f"where relative_path = '{place_of('months', MONTHLY)}' group by all",
        )
    )
    of_countries = sum(row["geo_level"] == "country" for row in months)
    assert counts == {NO_COUNTRIES[0]: of_countries}
    (check,) = (c for c in EXPECTATIONS if c.expectation_id == HAS_COUNTRIES)
    said = run_checks(work_file, "raw", [check])
    assert {answer.is_success for answer in said} == {True}
    seen.add(NO_COUNTRIES[0])


def test_checks_seen_failing_are_those_of_the_loader(seen: set[str]) -> None:
    """Last in the file: everything above was seen before, or this has to be red."""
    assert seen == set(CHECKS), "run the whole file"
