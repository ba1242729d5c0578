"""docs/kill-table.md: the hand-made mutants, and how many are made of the project."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple


class Kill(NamedTuple):
    """A hand-made mutant that its guard caught: the kind of guard, what is broken."""

    kind: str
    guard: str
    mutation: str


HEAD = """\
# The kill table

Written by `make kill-table` from what the tests saw; don't edit by hand.

Each guard of the warehouse has at least one mutant: the smallest wrong input that it
has to catch. Each was caught by its guard, whatever the other guards say of it, and
stands as one that stops the build or as a finding; that the build then stops, with
nothing published and the earlier warehouse as before, is seen at each place where it
looks. A surprise, a warning and damage in the official file are published as findings.
A guard without a mutant, or one that lets its mutant pass, makes `make test` red.

## Mutants made by hand

Functions in `tests/pytest/mutations`, done to a copy of the shipped sample or of a part
of it. Files are damaged; releases are wrong and consistent (their sums and percentages
agree, so that no check of the loader sees them); a row of a built table is made wrong
where no file can.

| kind | guard | mutation |
| --- | --- | --- |
"""

GENERATED = """
## Mutants made from the project

| kind | guards | mutation |
| --- | ---: | --- |
"""

MADE = {
    "not_null": "a NULL in the column",
    "check": "a row changed so that the condition does not hold",
    "keeps_its_keys": "a row of the table twice; each parent of a row deleted",
}

GOOD = """
## Odd input that is good

Staged row by row like the clean file, in every layout:

"""

SURVIVORS = """
## What nothing catches

Releases that are wrong and pass every guard, run with the tests too. What they would do
to the figures is a caveat in the register of assumptions:

| mutation | caveat |
| --- | --- |
"""


def page(
    kills: Iterable[Kill],
    generated: Counter[tuple[str, str]],
    good: Iterable[str],
    survivors: dict[str, str],
) -> str:
    """The text of the page: hand-made kills, counts by kind, good styles, survivors."""
    text = HEAD + "".join(
        f"| {kill.kind} | `{kill.guard}` | {kill.mutation} |\n" for kill in kills
    )
    text += GENERATED + "".join(
        f"| {kind} `{name}` | {count} | {MADE[name]} |\n"
        for (kind, name), count in sorted(generated.items())
    )
    text += GOOD + "".join(f"- {style}\n" for style in good)
    return (
        text
        + SURVIVORS
        + "".join(
            f"| {mutation} | `{caveat}` |\n" for mutation, caveat in survivors.items()
        )
    )


def guards_on(page_text: str) -> set[str]:
    """The guards that the table of a page names."""
    row = r"^\| [^|]+ \| `(\w+)` \| [^|]+ \|$"
    return set(re.findall(row, page_text, re.MULTILINE))
