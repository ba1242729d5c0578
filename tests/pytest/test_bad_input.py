"""Bad input stops the build with a message that helps; odd but good input does not.

Each case damages a copy of the shipped release in one way. The build script then runs
as far as the staging models, where every check of the input stands.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
import shutil
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import build_warehouse
import pytest
from conftest import (
    PLATFORMS,
    SHIPPED_DATA,
    WITHOUT_TESTS,
    Build,
    DataFolder,
    Row,
    csv_text,
    dbt_environment,
    failures,
    limit_build,
    query,
    read_rows,
    run_build,
    run_dbt,
    shipped_row,
    write_rows,
)
from dbt.contracts.graph.manifest import Manifest

STAGING = ("--select", "path:models/staging", *WITHOUT_TESTS)
API = "1p_api"
CHAT = "claude_ai"

# "- file F, row 3, column c: found this; expected that. What to do."
PROBLEM = re.compile(
    r"^ *- file (?P<file>[^:,]+)(?:, row (?P<row>\d+))?(?:, column (?P<column>[^:]+))?"
    r": found (?P<observed>.*); expected (?P<expected>.+)\. (?P<advice>[A-Z].*\.)$",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Fault:
    """Where a damaged file is wrong, as the message has to say it.

    A row or column of None is not looked at; text fragments have to occur.
    """

    row: int | None = None
    column: str | None = None
    observed: str = ""
    expected: str = ""
    file: str = shipped_row(API)["relative_path"]


Damage = Callable[[DataFolder], Fault]


# Ways to damage a file ----------------------------------------------------------------


def number_of(rows: list[Row], skip: int = 0, **values: str) -> int:
    """The file's row number of a row with these values, the header being row 1."""
    found = [
        number
        for number, row in enumerate(rows, start=2)
        if all(row[column] == value for column, value in values.items())
    ]
    return found[skip]


# A count in the middle of the tasks: many rows stand before and behind it.
def task_count_number(rows: list[Row]) -> int:
    """The row number of the count of a task in the middle of the file's tasks."""
    return number_of(rows, 120, facet="onet_task", variable="onet_task_count")


def pattern_count_number(rows: list[Row]) -> int:
    """The row number of the count of a task's pattern, in the middle of the file."""
    variable = "onet_task_collaboration_count"
    return number_of(rows, 500, facet="onet_task::collaboration", variable=variable)


def change_cell(
    column: str,
    value: str,
    expected: str,
    of: Callable[[list[Row]], int] = task_count_number,
    platform: str = API,
) -> Damage:
    """Put a value into one row; the message names this row, the column, the value."""

    def damage(folder: DataFolder) -> Fault:
        path = folder.raw(platform)
        rows = read_rows(path)
        number = of(rows)
        rows[number - 2][column] = value
        write_rows(path, rows)
        file = shipped_row(platform)["relative_path"]
        return Fault(number, column, value, expected, file)

    return damage


def change_text(change: Callable[[str], str], fault: Fault) -> Damage:
    """Change the whole text of the API file."""

    def damage(folder: DataFolder) -> Fault:
        path = folder.raw(API)
        path.write_bytes(change(path.read_bytes().decode()).encode())
        return fault

    return damage


def change_bytes(change: Callable[[bytes], bytes], fault: Fault) -> Damage:
    """Change the bytes of the API file."""

    def damage(folder: DataFolder) -> Fault:
        path = folder.raw(API)
        path.write_bytes(change(path.read_bytes()))
        return fault

    return damage


def drop_column(column: str) -> Damage:
    """Leave out one column."""

    def damage(folder: DataFolder) -> Fault:
        path = folder.raw(API)
        rows = read_rows(path)
        columns = [name for name in rows[0] if name != column]
        kept = [{name: row[name] for name in columns} for row in rows]
        path.write_bytes(csv_text(kept, columns).encode())
        return Fault(1, column, "the header geo_id" if column != "geo_id" else "")

    return damage


def rename_column(column: str, name: str) -> Damage:
    """Give one column another name in the header."""

    def change(text: str) -> str:
        header, rest = text.split("\n", 1)
        names = [name if old == column else old for old in header.split(",")]
        return ",".join(names) + "\n" + rest

    return change_text(change, Fault(1, column, name, f"the column {column}"))


def unquoted_thousands(folder: DataFolder) -> Fault:
    """A count written as 1,234 without quotes: a line with a field too many."""
    path = folder.raw(API)
    number = task_count_number(read_rows(path))
    lines = path.read_bytes().decode().split("\n")
    start = lines[number - 1].rsplit(",", 1)[0]
    lines[number - 1] = f"{start},1,234"
    path.write_bytes("\n".join(lines).encode())
    return Fault(number, None, "too many columns", "as many fields as the header")


def repeat_row(change: dict[str, str]) -> Damage:
    """Write one row twice, the second time changed."""

    def damage(folder: DataFolder) -> Fault:
        path = folder.raw(API)
        rows = read_rows(path)
        number = pattern_count_number(rows)
        rows.append(rows[number - 2] | change)
        write_rows(path, rows)
        observed = f"the same key in 2 rows ({number}: "
        return Fault(number, None, observed, "one row per key")

    return damage


def paste_twice(folder: DataFolder) -> Fault:
    """Append the whole file, with its header, to itself."""
    path = folder.raw(API)
    path.write_bytes(path.read_bytes() * 2)
    return Fault(None, None, "the same key in 2 rows", "one row per key")


def rename_pattern(label: str, new: str) -> Damage:
    """Give a pattern of one task another label."""

    def damage(folder: DataFolder) -> Fault:
        path = folder.raw(API)
        rows = read_rows(path)
        middle = pattern_count_number(rows)
        number = next(
            number
            for number, row in enumerate(rows[middle - 2 :], start=middle)
            if row["cluster_name"].endswith(f"::{label}")
        )
        name = rows[number - 2]["cluster_name"]
        for row in rows:
            if row["cluster_name"] == name:
                row["cluster_name"] = name.removesuffix(label) + new
        write_rows(path, rows)
        expected = "directive, feedback loop, learning"
        return Fault(number, "cluster_name", f'the label "{new}"', expected)

    return damage


def cut_in_line(folder: DataFolder) -> Fault:
    """End the file in the middle of a line."""
    path = folder.raw(API)
    lines = path.read_bytes().decode().split("\n")
    kept = lines[:3000]
    path.write_bytes("\n".join([*kept, lines[3000][:40]]).encode())
    return Fault(3001, None, lines[3000][:40], "as many fields as the header")


def cut_in_quotes(folder: DataFolder) -> Fault:
    """End the file inside a quoted text."""
    path = folder.raw(API)
    lines = path.read_bytes().decode().split("\n")
    last = next(index for index in range(2500, len(lines)) if '"' in lines[index])
    start = lines[last][: lines[last].index('"') + 9]
    path.write_bytes("\n".join([*lines[:last], start]).encode())
    return Fault(last + 1)


def cut_between_pair(folder: DataFolder) -> Fault:
    """End the file behind the count of a task's pattern, before its percentage."""
    path = folder.raw(API)
    rows = read_rows(path)
    last = pattern_count_number(rows)
    write_rows(path, rows[: last - 1])
    return Fault(last, "variable", "a count without its pct", "both in every cell")


def cut_behind_pair(folder: DataFolder) -> Fault:
    """End the file behind the count and the percentage: every cell is whole."""
    path = folder.raw(API)
    rows = read_rows(path)
    last = pattern_count_number(rows) + 1
    assert rows[last - 2]["variable"].endswith("_pct")
    write_rows(path, rows[: last - 1])
    return Fault(expected="the sum of the counts in its group")


def swap_files(folder: DataFolder) -> Fault:
    """Give each platform the file of the other."""
    api, chat = folder.raw(API), folder.raw(CHAT)
    other = folder.root / "other"
    api.rename(other)
    chat.rename(api)
    other.rename(chat)
    expected = f'"{shipped_row(API)["product_label"]}" (release manifest)'
    observed = f'"{shipped_row(CHAT)["product_label"]}"'
    return Fault(2, "platform_and_product", observed, expected)


def move_window(first_row: int) -> Damage:
    """Give all rows from one on another window."""

    def damage(folder: DataFolder) -> Fault:
        path = folder.raw(API)
        rows = read_rows(path)
        for row in rows[first_row - 2 :]:
            row["date_start"], row["date_end"] = "2026-03-02", "2026-03-09"
        write_rows(path, rows)
        row = shipped_row(API)
        window = f"{row['window_start_date']} to {row['window_end_date']}"
        observed = "2026-03-02 to 2026-03-09"
        return Fault(first_row, "date_start, date_end", observed, window)

    return damage


def country_code(code: str) -> Damage:
    """Change the code of one country row of the chat file."""
    return change_cell(
        "geo_id",
        code,
        "a geo_id like NA",
        of=lambda rows: number_of(rows, 20, facet="country", variable="usage_count"),
        platform=CHAT,
    )


def swap_count_and_pct(folder: DataFolder) -> Fault:
    """Exchange the count and the percentage of one pattern of a task."""
    path = folder.raw(API)
    rows = read_rows(path)
    number = pattern_count_number(rows)
    count, pct = rows[number - 2], rows[number - 1]
    assert count["cluster_name"] == pct["cluster_name"]
    count["value"], pct["value"] = pct["value"], count["value"]
    write_rows(path, rows)
    return Fault(number, "value")


def pct_as_fraction(folder: DataFolder) -> Fault:
    """Write every percentage as a fraction of one."""
    path = folder.raw(API)
    rows = read_rows(path)
    for row in rows:
        if row["variable"].endswith("_pct"):
            row["value"] = repr(float(row["value"]) / 100)
    write_rows(path, rows)
    return Fault(None, "value", "pct 0.", "= count / ")


def drop_residual(folder: DataFolder) -> Fault:
    """Leave out count and pct of the residual of one task."""
    path = folder.raw(API)
    rows = read_rows(path)
    residuals = [
        row["cluster_name"]
        for row in rows
        if row["facet"] == "onet_task::collaboration"
        and row["cluster_name"].endswith("::not_classified")
    ]
    name = residuals[len(residuals) // 2]
    write_rows(path, [row for row in rows if row["cluster_name"] != name])
    return Fault(None, "value", name[:40], "the sum of the counts in its group")


def write_consistently(path: Path, rows: list[Row]) -> None:
    """Write the rows with percentages that agree with what is left of the counts."""

    def group(row: Row) -> tuple[str, ...]:
        base = row["cluster_name"].rpartition("::")[0] if "::" in row["facet"] else ""
        return (row["facet"], row["level"], base)

    counts: dict[tuple[str, ...], dict[str, float]] = defaultdict(dict)
    for row in rows:
        if row["variable"].endswith("_count"):
            counts[group(row)][row["cluster_name"]] = float(row["value"])
    for row in rows:
        if row["variable"].endswith("_pct"):
            cells = counts[group(row)]
            share = cells[row["cluster_name"]] / sum(cells.values())
            row["value"] = repr(100 * share)
    write_rows(path, rows)


def drop_pattern_consistently(folder: DataFolder) -> Fault:
    """Leave out a pattern of a task and put the percentages right."""
    path = folder.raw(API)
    rows = read_rows(path)
    name = rows[pattern_count_number(rows) - 2]["cluster_name"]
    task = name.rpartition("::")[0]
    write_consistently(path, [row for row in rows if row["cluster_name"] != name])
    expected = "the onet_task_count of the task"
    return Fault(None, "value", f'"{task[:40]}', expected)


def drop_task_total(folder: DataFolder) -> Fault:
    """Leave out the total of a task, whose intersections stay."""
    path = folder.raw(API)
    rows = read_rows(path)
    name = rows[task_count_number(rows) - 2]["cluster_name"]
    write_consistently(path, [row for row in rows if row["cluster_name"] != name])
    observed = f'cells of "{name[:40]}'
    return Fault(None, "cluster_name", observed, "rows of the task in the facet")


def drop_one_count(folder: DataFolder) -> Fault:
    """Leave out the count of one pattern of a task and keep its percentage."""
    path = folder.raw(API)
    rows = read_rows(path)
    number = pattern_count_number(rows)
    name = rows[number - 2]["cluster_name"]
    del rows[number - 2]
    write_rows(path, rows)
    assert rows[number - 2]["cluster_name"] == name
    return Fault(number, "variable", "a pct without its count", "both in every cell")


def unknown_task(folder: DataFolder) -> Fault:
    """Rename one task to a statement that no task list has."""
    path = folder.raw(API)
    rows = read_rows(path)
    old = rows[task_count_number(rows) - 2]["cluster_name"]
    for row in rows:
        if row["cluster_name"] == old or row["cluster_name"].startswith(f"{old}::"):
            row["cluster_name"] = row["cluster_name"].replace(old, "juggle torches.")
    number = number_of(rows, cluster_name="juggle torches.")
    write_rows(path, rows)
    expected = f"a statement of the task list {shipped_row(API)['taxonomy_version']}"
    return Fault(number, "cluster_name", 'the task "juggle torches."', expected)


def no_statements(folder: DataFolder) -> Fault:
    """Take the task statements away."""
    folder.statements.unlink()
    expected = "this copy has none, fetch it with make fetch"
    return Fault(None, "cluster_name", "the task ", expected)


def change_reference(file_role: str, change: Callable[[bytes], bytes]) -> Damage:
    """Change the bytes of a reference file; the message names it."""

    def damage(folder: DataFolder) -> Fault:
        file = shipped_row("", file_role)["relative_path"]
        path = folder.root / file
        path.write_bytes(change(path.read_bytes()))
        return Fault(file=file)

    return damage


def no_colons(folder: DataFolder) -> Fault:
    """Leave the `::` out of an intersection's name."""
    path = folder.raw(API)
    rows = read_rows(path)
    number = pattern_count_number(rows)
    name = rows[number - 2]["cluster_name"]
    for row in rows:
        if row["cluster_name"] == name:
            row["cluster_name"] = name.replace("::", " ")
    write_rows(path, rows)
    observed = name.replace("::", " ")[:40]
    return Fault(number, "cluster_name", observed, "base::category, both named")


def latin_1(text: str) -> bytes:
    """The text with an accented letter in a task, in the encoding of old Windows."""
    lines = text.split("\n")
    lines[3000] = lines[3000].replace("e", "\u00e9", 5)
    return "\n".join(lines).encode("latin-1")


HTML = (
    "<!DOCTYPE html>\n<html><head><title>Sign in</title></head>\n"
    "<body>Too many requests</body></html>\n"
)
NUMBER = "a plain decimal number"

COLUMNS = list(read_rows(SHIPPED_DATA / shipped_row(API)["relative_path"])[0])

BAD_INPUT: dict[str, Damage] = {
    # The shape of the file
    **{
        f"column {column} dropped": drop_column(column)
        for column in ("geo_id", "facet", "cluster_name", "value")
    },
    "column cluster_name renamed": rename_column("cluster_name", "category_name"),
    "column value in capitals": rename_column("value", "Value"),
    "semicolons": change_text(
        lambda text: text.replace(",", ";"), Fault(1, "value", "geo_id;geography")
    ),
    "a web page": change_text(lambda _: HTML, Fault(1, "value", "<!DOCTYPE html>")),
    "UTF-16": change_bytes(
        lambda content: content.decode().encode("utf-16"),
        Fault(1, "value", "not UTF-8 text"),
    ),
    "Latin-1 in a line": change_bytes(
        lambda content: latin_1(content.decode()),
        Fault(3001, None, "", "a UTF-8 line"),
    ),
    "empty file": change_bytes(lambda _: b"", Fault(1, "value")),
    "header only": change_bytes(
        lambda content: content.split(b"\n")[0] + b"\n",
        Fault(None, None, "no row", "at least one row behind the header"),
    ),
    "cut in the middle of a line": cut_in_line,
    "cut inside a quoted text": cut_in_quotes,
    "cut between count and pct": cut_between_pair,
    "cut behind count and pct": cut_behind_pair,
    "statements a web page": change_reference(
        "onet_task_statements", lambda _: HTML.encode()
    ),
    "statements empty": change_reference("onet_task_statements", lambda _: b""),
    "statements cut in a line": change_reference(
        "onet_task_statements", lambda content: content[: len(content) // 2]
    ),
    "statements without the task": change_reference(
        "onet_task_statements", lambda content: content.replace(b",Task,", b",Text,")
    ),
    "country list a web page": change_reference(
        "iso_country_codes", lambda _: HTML.encode()
    ),
    # Numbers
    "value abc": change_cell("value", "abc", NUMBER),
    "value 1,234 in quotes": change_cell("value", "1,234", NUMBER),
    "value 1,234 without quotes": unquoted_thousands,
    "value NaN": change_cell("value", "NaN", NUMBER),
    "value empty": change_cell("value", "", NUMBER),
    "value with a space": change_cell("value", " 5", NUMBER),
    "value abc in an intersection": change_cell(
        "value", "abc", NUMBER, pattern_count_number
    ),
    "level not a number": change_cell("level", "fine", "a whole number such as 0"),
    "count negative": change_cell("value", "-25.0", "0 or more, whole"),
    "count fractional": change_cell("value", "25.5", "0 or more, whole"),
    "count of a pattern negative": change_cell(
        "value", "-25.0", "0 or more, whole", pattern_count_number
    ),
    "count and pct swapped": swap_count_and_pct,
    "pct as a fraction": pct_as_fraction,
    # Rows
    "row twice": repeat_row({}),
    "row twice with another value": repeat_row({"value": "17.0"}),
    "file pasted twice": paste_twice,
    "residual dropped": drop_residual,
    "count dropped": drop_one_count,
    "pattern dropped, percentages put right": drop_pattern_consistently,
    "total of a task dropped": drop_task_total,
    # Names
    "pattern with an underscore": rename_pattern("feedback loop", "feedback_loop"),
    "new pattern": rename_pattern("learning", "tutoring"),
    "variable unknown": change_cell(
        "variable", "onet_task_number", "onet_task_count or onet_task_pct"
    ),
    "task of no task list": unknown_task,
    "statements missing": no_statements,
    "task without a name": change_cell("cluster_name", "", "a name"),
    "intersection without colons": no_colons,
    "platforms swapped": swap_files,
    "other window": move_window(2),
    "two windows": move_window(2400),
    "country with three letters": country_code("NAM"),
    "geography unknown": change_cell(
        "geography",
        "planet",
        "global, country, state_us or country-state",
    ),
}


# Every other case makes do with the API file, which is smaller.
NEEDS_BOTH_FILES = {"platforms swapped", "country with three letters"}


# Running the staging models -----------------------------------------------------------


@pytest.fixture(scope="module")
def seeded_file(
    project_manifest: Manifest, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A work file with the reference tables, which no bad input changes."""
    folder = tmp_path_factory.mktemp("seeded")
    arguments = ["seed", "--no-write-json"]
    assert failures(run_dbt(arguments, folder, manifest=project_manifest)) == []
    return folder / "work.duckdb"


@pytest.fixture
def staging_only(
    monkeypatch: pytest.MonkeyPatch, project_manifest: Manifest, seeded_file: Path
) -> None:
    """Let the build script build the staging models only, on the seeded file."""

    def start_from_seeds(work_file: Path) -> None:
        shutil.copy(seeded_file, work_file)

    monkeypatch.setattr(build_warehouse, "remove_work_file", start_from_seeds)
    limit_build(monkeypatch, project_manifest, *STAGING)


@pytest.fixture(scope="module")
def published(
    shipped_warehouse: Build, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A published warehouse of an earlier day."""
    file = tmp_path_factory.mktemp("earlier") / "published.duckdb"
    shutil.copy(shipped_warehouse.file, file)
    return file


def digest(file: Path) -> str:
    """The sha256 of a file."""
    with file.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def has(problem: re.Match[str], fault: Fault) -> bool:
    """Whether a line of the message names the fault."""
    return (
        problem["file"] == fault.file
        and fault.row in (None, int(problem["row"] or 0))
        and fault.column in (None, problem["column"])
        and fault.observed in problem["observed"]
        and fault.expected in problem["expected"]
    )


@pytest.mark.usefixtures("staging_only")
@pytest.mark.parametrize("name", BAD_INPUT)
def test_bad_input_is_refused_by_name(
    name: str, tmp_path: Path, published: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    platforms = PLATFORMS if name in NEEDS_BOTH_FILES else (API,)
    folder = DataFolder(tmp_path / "data", platforms)
    fault = BAD_INPUT[name](folder)
    before = digest(published)

    with dbt_environment(tmp_path, folder.root):
        status = build_warehouse.main(
            [
                *("--output", str(published)),
                *("--work-file", str(tmp_path / "work.duckdb")),
                "--no-docs",
            ]
        )

    message = capsys.readouterr().err
    problems = list(PROBLEM.finditer(message))
    assert status == 1
    assert "The input was refused; nothing was published." in message
    assert problems, f"no problem in the form file, row, column: {message}"
    assert any(has(problem, fault) for problem in problems), f"{fault}\n{message}"
    assert f"The published warehouse is as it was: {published}" in message
    assert digest(published) == before
    assert [path.name for path in published.parent.iterdir()] == [published.name]
    assert query(published, "select count(*) from marts.dim_releases")[0][0] > 0


@pytest.mark.parametrize("name", ["a web page", "residual dropped"])
def test_whole_build_refuses_bad_input(
    name: str, tmp_path: Path, shipped_warehouse: Build
) -> None:
    folder = DataFolder(tmp_path / "data")
    fault = BAD_INPUT[name](folder)
    file = tmp_path / "published.duckdb"
    shutil.copy(shipped_warehouse.file, file)

    build = run_build(tmp_path, folder.root)

    problems = list(PROBLEM.finditer(build.stderr))
    assert build.status == 1
    assert any(has(problem, fault) for problem in problems), build.stderr
    assert "Warehouse published" not in build.stdout
    assert f"The published warehouse is as it was: {file}" in build.stderr
    assert digest(file) == digest(shipped_warehouse.file)
    # What dbt adds about its own workings helps nobody who has a bad file.
    assert "macro" not in build.stderr
    assert "Traceback" not in build.stderr


# Odd but good input -------------------------------------------------------------------


def read_text(text: str) -> list[Row]:
    """The rows of CSV text."""
    return list(csv.DictReader(io.StringIO(text, newline="")))


def shuffle_columns(text: str) -> str:
    """The same rows with the columns in another order."""
    rows = read_text(text)
    return csv_text(rows, sorted(rows[0]))


def add_column(text: str) -> str:
    """The same rows with a column that no release has yet, in the middle."""
    rows = read_text(text)
    columns = [*COLUMNS[:4], "artifact", *COLUMNS[4:]]
    return csv_text([row | {"artifact": "7.5"} for row in rows], columns)


def quote_all(text: str) -> str:
    """The same rows with every field in quotes."""
    rows = read_text(text)
    lines = [list(rows[0]), *(list(row.values()) for row in rows)]
    return "".join(
        ",".join('"' + field.replace('"', '""') + '"' for field in line) + "\n"
        for line in lines
    )


GOOD_INPUT: dict[str, Callable[[str], bytes]] = {
    "written anew": lambda text: csv_text(read_text(text)).encode(),
    "byte order mark": lambda text: text.encode("utf-8-sig"),
    "Windows line ends": lambda text: text.replace("\n", "\r\n").encode(),
    "columns shuffled": lambda text: shuffle_columns(text).encode(),
    "a column more": lambda text: add_column(text).encode(),
    "level as a float": lambda text: re.sub(
        r",0,([a-z_]+_(?:count|pct),)", r",0.0,\1", text
    ).encode(),
    "no newline at the end": lambda text: text.rstrip("\n").encode(),
    "every field in quotes": lambda text: quote_all(text).encode(),
}

STAGED = """
    select * exclude (level_text) from staging.stg_aei__facet_values
    order by relative_path, row_number
"""


STYLES = list(GOOD_INPUT)


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
        path.write_bytes(GOOD_INPUT[style](clean.decode()))
        assert style == "written anew" or path.read_bytes() != clean

    shutil.copy(seeded_file, tmp_path / "work.duckdb")
    result = run_dbt(
        ["build", *STAGING], tmp_path, folder.root, manifest=project_manifest
    )

    assert failures(result) == []
    staged = query(tmp_path / "work.duckdb", STAGED)
    assert len(staged) > 10_000
    assert staged == shipped_warehouse.query(STAGED)
