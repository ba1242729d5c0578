"""Fuzzing of the loader: whatever a file holds, it is refused clearly or staged whole.

Bytes are drawn by Hypothesis, mutated from a valid file or from nothing, and rows that
look valid are drawn with odd values. What the loader may do with them is decided by an
independent reader, Python's csv on the same bytes: a file that is accepted has every
row of it, in order and letter by letter, and each row satisfies the contract or is
named and kept out of the marts; every other file is refused by a check with a name, or
by DuckDB with the name of the file.

`make test` draws the same examples each time and stops after a minute; `make fuzz`
draws others until its time is over (make fuzz SECONDS=3600) and prints what it tried.
"""

from __future__ import annotations

import csv
import io
import math
import os
import random
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import pytest
from conftest import DataFolder, Row, csv_text, shipped_row
from dbt.contracts.graph.manifest import Manifest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from loader_replay import TEXT_COLUMNS, File, Loader, Outcome
from mutations.sheet import CHAT, GLOBAL, Cell, Sheet, hide_tasks

COLUMNS = list(TEXT_COLUMNS)
KEY = [column for column in COLUMNS if column != "value"]
# Seconds of one test of two; make fuzz takes longer.
BUDGET = float(os.environ.get("FUZZ_SECONDS", "16")) / 2
# Files of one test, however slow the machine is.
FEWEST = 30
IS_LONG = "FUZZ_SECONDS" in os.environ
csv.field_size_limit(1 << 30)


# A small valid file -------------------------------------------------------------------


@dataclass(frozen=True)
class Base:
    """A small valid file: its rows, the columns of numbers, and those of the key."""

    rows: list[Row]
    numbers: Sequence[str]
    key: Sequence[str]

    @property
    def columns(self) -> list[str]:
        """The columns of its layout."""
        return list(self.rows[0])

    @cached_property
    def content(self) -> bytes:
        """The bytes of the file."""
        return csv_text(self.rows).encode()


def small_release() -> list[Row]:
    """Rows of a valid file with every kind of cell, some hundred in number."""
    sheet = Sheet.shipped(CHAT)
    hide_tasks(sheet, sheet.named_tasks()[:-3])
    places = {"GLOBAL", "NA", "DE", "US", "not_classified"}
    for cell in list(sheet.counts):
        is_thin = "onet_task" in cell.facet and cell.geo_id not in ("GLOBAL", "NA")
        if cell.geo_id.partition("-")[0] not in places or is_thin:
            del sheet.counts[cell]
    for level in ("0", "1"):
        cell = Cell(*GLOBAL, "request", 'say "hello", twice\nand again', level)
        sheet.counts[cell] = 25.0
    sheet.add_number("cost", "mean", 1.0)
    return sheet.rows()


BASE = Base(
    [{name: row[name] for name in COLUMNS} for row in small_release()],
    ("value", "level"),
    KEY,
)


# The independent reader ---------------------------------------------------------------


class Unreadable(Exception):
    """Python's reader can't make rows of the bytes."""


def rows_in(content: bytes, columns: Sequence[str] = COLUMNS) -> list[Row]:
    """The rows of a CSV file with these columns as Python reads them; raises
    Unreadable."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Unreadable(str(error)) from error
    text = text.removeprefix("\ufeff")
    try:
        lines = [
            line for line in csv.reader(io.StringIO(text, newline=""), strict=True)
        ]
    except csv.Error as error:
        raise Unreadable(str(error)) from error
    lines = [line for line in lines if line]  # a line without anything is no row
    if not lines:
        raise Unreadable("no header")
    header, *rest = lines
    for line in rest:
        while len(line) > len(header) and not line[-1]:
            line.pop()  # empty fields behind the last column say nothing
        if len(line) != len(header):
            raise Unreadable(f"{len(line)} fields under a header of {len(header)}")
    if missing := set(columns) - set(header):
        raise Unreadable(f"no column {sorted(missing)}")
    return [dict(zip(header, line, strict=True)) for line in rest]


def broken_promises(rows: dict[int, Row]) -> Iterator[str]:
    """What no row that marts use may be, judged without the loader's SQL."""
    manifest = shipped_row(CHAT)
    keys = Counter(
        tuple(float(row[name]) if name == "level" else row[name] for name in KEY)
        for row in rows.values()
    )
    for key, count in keys.items():
        if count > 1:
            yield f"{count} rows of the key {key}"
    for number, row in rows.items():
        if row["value"] or row["variable"].endswith(("_count", "_pct")):
            if not re.fullmatch(r"-?\d+(\.\d*)?([eE][-+]?\d+)?", row["value"], re.A):
                yield f"row {number}: the value {row['value']!r}"
            elif not math.isfinite(float(row["value"])):
                yield f"row {number}: the infinite value {row['value']!r}"
        if not re.fullmatch(r"\d+(\.0+)?", row["level"], re.A):
            yield f"row {number}: the level {row['level']!r}"
        if row["platform_and_product"] != manifest["product_label"]:
            yield f"row {number}: the product {row['platform_and_product']!r}"
        window = (manifest["window_start_date"], manifest["window_end_date"])
        if (row["date_start"], row["date_end"]) != window:
            yield f"row {number}: the window {row['date_start']} {row['date_end']}"
        places = {
            "global": r"GLOBAL",
            "country": r"[A-Z]{2}|not_classified|NONE",
            "country-state": r"([A-Z]{2}|NONE)-.+|not_classified|NONE",
            "state_us": r"[A-Z]{2}|not_classified|NONE",
        }
        place = places.get(row["geography"], "(?!)")
        if not re.fullmatch(place, row["geo_id"], re.A):
            yield f"row {number}: {row['geography']!r} {row['geo_id']!r}"


def judge_refusal(content: bytes, outcome: Outcome, path: Path) -> None:
    """Fail when a file is refused without saying what is wrong with it, and where."""
    for problem in outcome.problems:
        said = (
            problem.relative_path,
            problem.observed,
            problem.expected,
            problem.advice,
        )
        assert all(said), f"a message with a gap: {problem}"
        last = 2 + len(re.findall(rb"\r\n|\r|\n", content))
        is_here = path.match(problem.relative_path)
        assert 1 <= (problem.row_number or 1) <= last or not is_here, problem
    assert not outcome.failed_tests, outcome.failed_tests
    assert path.name in outcome.raised or not outcome.raised, outcome.raised


def judge(content: bytes, outcome: Outcome, path: Path) -> None:
    """Fail when the loader did with the bytes what it may not."""
    judge_refusal(content, outcome, path)
    if not outcome.is_accepted:
        return
    try:
        rows = rows_in(content)
    except Unreadable as error:
        raise AssertionError(f"accepted, though {error}") from error
    assert len(outcome.rows) == len(rows), "rows were dropped or made up"
    used = {}
    for (number, level, value, *text), row in zip(outcome.rows, rows, strict=True):
        assert dict(zip(COLUMNS, text, strict=True)) == {
            name: row[name] for name in COLUMNS
        }, f"row {number} is another one than in the file"
        if number not in outcome.named:
            used[number] = row
            assert level == float(row["level"])
            assert value == (float(row["value"]) if row["value"] else None)
    assert [row[0] for row in outcome.rows] == list(range(2, len(rows) + 2))
    assert list(broken_promises(used)) == []


# What is drawn ------------------------------------------------------------------------

TOKENS = [
    *(b'"', b'""', b",", b";", b"\t", b"\n", b"\r", b"\r\n", b"\n\n", b"\\", b"'"),
    *(b"\x00", b"\x1a", b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"#"),
    *("\u00a0", "\u2028", "\u3000", "\u200b", "\u0085", "\ufeff", "e\u0301"),
    *("1e400", "-1e400", "NaN", "inf", "-0.0", "0x10", "1_000", "9" * 400, "=1+1"),
    *("NULL", "NA", "::", "::value", "x" * 3_000_000, ",,,,,,,,,", '"\n"'),
]
TOKENS = [token.encode() if isinstance(token, str) else token for token in TOKENS]
ODD_TEXTS = [
    *("", " ", "NA", "NULL", "null", "None", "\u00a0", "\u3000", "\ufeff", "\x00"),
    *("a,b", 'a"b', "a\nb", "a\rb", "a\r\nb", "a::b", "::", "a::b::c", "%", "'", "\\"),
    *("GLOBAL", "US", "us", "\uff35\uff33", "XX", "NONE", "not_classified", "none"),
    *("onet_task", "request", "planet", "onet_task::planet", "cost", "country"),
    *("onet_task::collaboration::use_case", "planet::collaboration", "::onet_task"),
    *("onet_task_count", "onet_task_pct", "usage_count", "_count", "count", "cost_sd"),
    *("directive", "feedback loop", "feedback_loop", "e\u0301", "\U0001f600"),
    "x" * 70000,
]
ODD_NUMBERS = [
    *("0", "-0", "00", "0.0", "1", "1.", ".5", "1.5", "15", "14", "25.0", "+25"),
    *("25e0", "2.5e1", "1e400", "-1e400", "1e308", "1e-400", "9" * 400, "1e", "e1"),
    *("NaN", "nan", "inf", "-inf", "Infinity", "1,234", "1 234", "1_000", "0x10"),
    *("\uff11", "\u0661", "25.0 ", " 25.0", "25.0\n", "25\u00a0", "true", "1/2"),
    "2147483648",
    *("9223372036854775808", "170141183460469231731687303715884105728", "99999999.0"),
]


@st.composite
def spliced(draw: st.DrawFn, content: bytes) -> bytes:
    """The bytes with a piece put in, in place of others or between them, often where a
    field begins or ends."""
    places = [m.start() for m in re.finditer(rb"[,\n]", content)] or [0]
    size = max(len(content), 1)
    at = draw(st.one_of(st.sampled_from(places), st.integers(0, size - 1)))
    until = min(size, at + draw(st.sampled_from([0, 0, 1, 2, 10, 100, 2000])))
    old = content[at:until]
    pieces = [b"", old * 2, bytes(byte ^ 1 << at % 8 for byte in old), *TOKENS]
    piece = draw(st.one_of(st.sampled_from(pieces), st.binary(max_size=40)))
    return content[:at] + piece + content[until:]


@st.composite
def mutated(draw: st.DrawFn, base: Base = BASE) -> bytes:
    """The small file with up to four things done to its bytes."""
    content = base.content
    for _ in range(draw(st.integers(1, 4))):
        kind = draw(
            st.sampled_from(["splice"] * 6 + ["cut", "ends", "encode", "twice"])
        )
        if kind == "splice":
            content = draw(spliced(content))
        elif kind == "cut":
            content = content[: draw(st.integers(0, len(content)))]
        elif kind == "ends":
            ends = [b"\r", b"\r\n", b"\n\n", b"\n\r", b"\x0b", b"\x85"]
            new = draw(st.sampled_from(ends))
            content = content.replace(b"\n", new, draw(st.sampled_from([1, 20, -1])))
        elif kind == "encode":
            encoding = draw(st.sampled_from(["utf-16", "utf-8-sig", "cp037", "utf-7"]))
            content = content.decode("utf-8", "replace").encode(encoding, "replace")
        else:
            content = content * 2
    return content


numbers = st.one_of(
    st.sampled_from(ODD_NUMBERS), st.floats().map(repr), st.integers().map(str)
)


def texts_like(base: Base, odd_texts: Sequence[str]) -> st.SearchStrategy[str]:
    """Odd texts, any, and those of the small file."""
    return st.one_of(
        st.sampled_from(odd_texts),
        st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
        st.sampled_from([text for row in base.rows for text in row.values()]),
    )


NEW_COLUMNS = [
    *("artifact", "filename", "scan_position", "row_number", "release_id", "level "),
    *("Value", "value", "VALUE_1", "", "a,b", "is_simulated", "file_path", "level_1"),
]


@st.composite
def odd_rows(
    draw: st.DrawFn,
    base: Base = BASE,
    odd_texts: Sequence[str] = ODD_TEXTS,
    most_changes: int = 3,
) -> bytes:
    """Rows that look valid, written as CSV: values changed, rows and columns moved."""
    rows = [dict(row) for row in base.rows]
    texts, key = texts_like(base, odd_texts), st.sampled_from(base.key)
    for _ in range(draw(st.integers(0, most_changes))):
        row = rows[draw(st.integers(0, len(rows) - 1))]
        kinds = ["number", "number", "text", "copy", "drop", "all"]
        kind = draw(st.sampled_from(kinds))
        if kind == "number":
            row[draw(st.sampled_from(base.numbers))] = draw(numbers)
        elif kind == "text":
            row[draw(key)] = draw(texts)
        elif kind == "copy":
            changed = draw(st.dictionaries(key, texts, max_size=2))
            rows.append(row | changed)
        elif kind == "drop" and len(rows) > 1:
            rows.remove(row)
        elif kind == "all":
            # the same value everywhere: a file that agrees with itself
            column, old = draw(key), row[draw(key)]
            new = draw(texts)
            for each in rows:
                each[column] = new if each[column] == old else each[column]
    if draw(st.booleans()):
        random.Random(draw(st.integers(0, 9))).shuffle(rows)
    columns = base.columns
    if draw(st.booleans()):
        columns = draw(st.permutations(columns))
    more = (
        draw(st.lists(st.sampled_from(NEW_COLUMNS), max_size=2))
        if draw(st.integers(0, 3)) == 0
        else []
    )
    text = io.StringIO()
    quoting = draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
    ends = draw(st.sampled_from(["\n", "\r\n"]))
    writer = csv.writer(text, quoting=quoting, lineterminator=ends)
    writer.writerow([*columns, *more])
    for row in rows:
        writer.writerow([*(row[name] for name in columns), *("7" for _ in more)])
    return text.getvalue().encode("utf-8", "surrogatepass")


# The tests ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def loader(
    seeded_file: Path,
    project_manifest: Manifest,
    tmp_path_factory: pytest.TempPathFactory,
) -> Loader:
    """The staging statements that dbt sends."""
    folder = tmp_path_factory.mktemp("fuzz")
    data = DataFolder(folder / "data", (CHAT,)).root
    columns = ("level", "value", *TEXT_COLUMNS.values())
    path = shipped_row(CHAT)["relative_path"]
    file = File(path, "stg_aei__facet_values", "stg_aei__row_problems", columns)
    return Loader(folder, seeded_file, project_manifest, data, file)


def difference(content: bytes, base: Base) -> str:
    """Where a file differs from the valid one, for the message of a failure."""
    start = len(os.path.commonprefix([content, base.content]))
    rest, old = content[start:], base.content[start:]
    same = len(os.path.commonprefix([rest[::-1], old[::-1]]))
    new, old = rest[: len(rest) - same], old[: len(old) - same]
    return f"at byte {start}: {new[:300]!r} in place of {old[:300]!r}"


def load_and_judge(
    content: bytes,
    loader: Loader,
    base: Base = BASE,
    judge: Callable[[bytes, Outcome, Path], None] = judge,
) -> str:
    """Load a file; returns what to count the outcome as."""
    outcome = loader.load(content)
    try:
        judge(content, outcome, loader.path)
    except AssertionError as error:
        raise AssertionError(f"{error}\n{difference(content, base)}") from None
    return outcome.name


def try_many(
    load: Callable[[Any], str],
    cases: st.SearchStrategy[Any],
    capsys: pytest.CaptureFixture[str],
    budget: float = BUDGET,
) -> Counter[str]:
    """Load drawn files until the time is over; returns how often each outcome came."""
    outcomes: Counter[str] = Counter()
    end = time.monotonic() + budget
    is_shrinking = [False]

    def load_one(case: Any) -> None:
        is_enough = outcomes.total() >= FEWEST and time.monotonic() > end
        if is_enough and not is_shrinking[0]:
            return
        try:
            outcomes[load(case)] += 1
        except AssertionError:
            is_shrinking[0] = True
            raise

    number = 0
    while number == 0 or (IS_LONG and time.monotonic() < end):
        number = random.SystemRandom().randrange(1 << 32) if IS_LONG else 1
        run = given(cases)(load_one)
        run = settings(
            max_examples=500,
            deadline=None,
            database=None,
            print_blob=False,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        )(run)
        seed(number)(run)()
    with capsys.disabled():
        if IS_LONG:
            print(f"\n{outcomes.total()} files, the last seed {number}:")
            for name, count in outcomes.most_common():
                print(f"  {count:7,} {name}")
    return outcomes


def test_base_file_is_valid(loader: Loader) -> None:
    outcome = loader.load(BASE.content)
    assert outcome.is_accepted, outcome
    assert not outcome.named
    assert len(outcome.rows) == len(BASE.rows) > 200
    judge(BASE.content, outcome, loader.path)


def test_what_nobody_knows_is_staged_and_named(loader: Loader) -> None:
    content = BASE.content.replace(b"feedback loop", b"feedback_loop")
    outcome = loader.load(content)
    judge(content, outcome, loader.path)
    odd = {n for n, r in enumerate(rows_in(content), 2) if "_loop" in r["cluster_name"]}
    assert outcome.is_accepted and outcome.named == odd, outcome.name


def test_any_bytes_are_refused_clearly_or_staged_whole(
    loader: Loader, capsys: pytest.CaptureFixture[str]
) -> None:
    contents = st.one_of(mutated(), mutated(), mutated(), st.binary(max_size=3000))
    load = partial(load_and_judge, loader=loader)
    outcomes = try_many(load, contents, capsys)
    assert len(outcomes) >= 3, outcomes
    assert outcomes["accepted"] > 0


def test_any_rows_are_refused_clearly_or_staged_whole(
    loader: Loader, capsys: pytest.CaptureFixture[str]
) -> None:
    load = partial(load_and_judge, loader=loader)
    outcomes = try_many(load, odd_rows(), capsys)
    assert len(outcomes) >= 5, outcomes
    assert outcomes["accepted"] > 0
