"""Files for the fuzz of the loader, drawn by Hypothesis.

Bytes are mutated from a valid file or drawn from nothing, and rows that look valid are
drawn with odd values.
"""

from __future__ import annotations

import csv
import io
import os
import random
import re
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pytest
from conftest import Row, csv_text
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

# make fuzz: seconds of all tests that draw files, and how many these are.
SECONDS = float(os.environ.get("FUZZ_SECONDS", "0"))
DRAWING_TESTS = 3
# Files of one draw; make fuzz draws until its time is over. What Hypothesis draws hangs
# on the constants of the code that is imported too, and not on the seed alone.
FILES = 30
MOST_DRAWS = 10


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
# Of the flat and the monthly layout.
OWN_TEXTS = [
    *("2026-04-01", "2026-05-01", "2026-06-01", "2026-4-1", "2026-05-1", "2026-02-30"),
    *("2026-04-01 ", "2026-05-01 00:00:00", "infinity", "5881580-07-10", "epoch"),
    *("DEU", "DE", "FRA", "XQZ", "NAM", "US-CA", "USA-CA", "US-", "deu", "NONE-X"),
    *("subregion", "global", "state_us", "country-state", "region", "unknown"),
    *("onet", "overall", "soc_occupation", "usage_pct", "pct", "multitasking_pct"),
    *("-", "25", "25.0", "not classified", "task iteration", "filtered", "a::learning"),
]
ODD = [*ODD_TEXTS, *3 * OWN_TEXTS]
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
def mutated(draw: st.DrawFn, base: Base) -> bytes:
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
    base: Base,
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


def try_many(
    load: Callable[[Any], str],
    cases: st.SearchStrategy[Any],
    capsys: pytest.CaptureFixture[str],
    kinds: int = 1,
) -> Counter[str]:
    """Load drawn files; returns how often each outcome came.

    Draws again while fewer than ``kinds`` came, ``MOST_DRAWS`` times at most.
    """
    outcomes: Counter[str] = Counter()
    end = time.monotonic() + SECONDS / DRAWING_TESTS
    is_failing = [False]

    def load_one(case: Any) -> None:
        if SECONDS and time.monotonic() > end and not is_failing[0]:
            return
        try:
            outcomes[load(case)] += 1
        except AssertionError:
            is_failing[0] = True
            raise

    number = 0
    while (
        number == 0
        or time.monotonic() < end
        or (not SECONDS and len(outcomes) < kinds and number < MOST_DRAWS)
    ):
        number = random.SystemRandom().randrange(1 << 32) if SECONDS else number + 1
        run = given(cases)(load_one)
        run = settings(
            max_examples=500 if SECONDS else FILES,
            deadline=None,
            database=None,
            print_blob=False,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        )(run)
        seed(number)(run)()
    with capsys.disabled():
        if SECONDS:
            print(f"\n{outcomes.total()} files, the last seed {number}:")
            for name, count in outcomes.most_common():
                print(f"  {count:7,} {name}")
    return outcomes
