"""Fuzzing of the loader: whatever a file holds, it is refused clearly or staged whole.

A drawn file, of each layout, is loaded as a copy that the manifest does not know, which
damage stops, or as the official file, whose damaged rows are named and kept out. What
the loader may do with it is decided by a second reading (`fuzz_reading`).

`make test` draws the same files each time; `make fuzz` draws others until its time is
over (make fuzz SECONDS=3600) and prints what it tried.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from dbt.contracts.graph.manifest import Manifest
from fuzz_draws import ODD_TEXTS, OWN_TEXTS, mutated, odd_rows, try_many
from fuzz_reading import Kind, judge, kind_of, rows_in
from hypothesis import strategies as st
from loader_replay import Loader, Outcome
from mutations.bench import only_these
from mutations.clean import FLAT, MONTHLY
from mutations.sheet import CHAT

LAYOUTS = (CHAT, *FLAT, MONTHLY)
FAMILIES = ["long", "flat", "monthly"]
ANY_BYTES = st.binary(max_size=3000)


@dataclass(frozen=True)
class Fuzz:
    """The staging statements that dbt sends for a folder with a file of each layout."""

    loader: Loader

    def of(self, layout: str, is_official: bool) -> tuple[Kind, Loader]:
        """A layout, and the loader of its file."""
        kind = kind_of(layout)
        return kind, self.loader.of(replace(kind.file, is_official=is_official))

    def tried(self, layout: str, is_official: bool, content: bytes) -> Outcome:
        """What the loader makes of bytes, if it may; the clean file is put back."""
        kind, loader = self.of(layout, is_official)
        try:
            outcome = loader.load(content)
            judge(kind, content, outcome, loader.path)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{difference(content, kind)}") from None
        finally:
            loader.of(kind.file).put(kind.base.content)
        return outcome


def difference(content: bytes, kind: Kind) -> str:
    """Where a file differs from the valid one, for the message of a failure."""
    start = len(os.path.commonprefix([content, kind.base.content]))
    rest, old = content[start:], kind.base.content[start:]
    same = len(os.path.commonprefix([rest[::-1], old[::-1]]))
    new, old = rest[: len(rest) - same], old[: len(old) - same]
    return f"at byte {start}: {new[:300]!r} in place of {old[:300]!r}"


@pytest.fixture(scope="module")
def fuzz(
    seeded_file: Path,
    project_manifest: Manifest,
    tmp_path_factory: pytest.TempPathFactory,
) -> Fuzz:
    """A data folder with a small file of each layout and no other, staged."""
    folder = tmp_path_factory.mktemp("fuzz")
    kinds = [kind_of(layout) for layout in LAYOUTS]
    contents = {k.row["relative_path"]: k.base.content for k in kinds}
    data = only_these(folder / "data", contents)
    listed = [kind.row for kind in kinds if kind.layout in FLAT]
    file = kind_of(CHAT).file
    return Fuzz(Loader(folder, seeded_file, project_manifest, data, file, listed))


each_layout = pytest.mark.parametrize("layout", LAYOUTS)
each_status = pytest.mark.parametrize(
    "is_official", [False, True], ids=["copy", "official"]
)


@each_status
@each_layout
def test_small_file_is_valid(layout: str, is_official: bool, fuzz: Fuzz) -> None:
    base = kind_of(layout).base
    outcome = fuzz.tried(layout, is_official, base.content)
    assert outcome.is_accepted, outcome
    assert not outcome.named
    assert len(outcome.used) == len(base.rows)


def test_what_nobody_knows_is_staged_and_named(fuzz: Fuzz) -> None:
    base = kind_of(CHAT).base
    content = base.content.replace(b"feedback loop", b"feedback_loop")
    outcome = fuzz.tried(CHAT, False, content)
    rows = enumerate(rows_in(content, base.columns), start=2)
    odd = {number for number, row in rows if "_loop" in row["cluster_name"]}
    assert outcome.is_accepted and outcome.named == odd, outcome.name


@pytest.mark.parametrize("layouts", [[CHAT], FLAT, [MONTHLY]], ids=FAMILIES)
def test_any_file_is_refused_clearly_or_staged_whole(
    layouts: list[str], fuzz: Fuzz, capsys: pytest.CaptureFixture[str]
) -> None:
    # whatever another test left staged
    assert fuzz.loader.load(kind_of(CHAT).base.content).is_accepted

    def contents(layout: str) -> st.SearchStrategy[tuple[str, bool, bytes]]:
        base, name, either = kind_of(layout).base, st.just(layout), st.booleans()
        if layout == CHAT:
            # of its official file rows with another label or window are used
            few = st.one_of(odd_rows(base, ODD_TEXTS, 3), mutated(base))
            return st.tuples(name, st.just(False), st.one_of(few, ANY_BYTES))
        texts = [*ODD_TEXTS, *3 * OWN_TEXTS]
        # damage stops a copy at once; of the official file every row is judged
        return st.one_of(
            st.tuples(name, st.just(True), odd_rows(base, texts, 20)),
            st.tuples(name, st.just(False), odd_rows(base, texts, 2)),
            st.tuples(name, either, mutated(base)),
            st.tuples(name, either, ANY_BYTES),
        )

    cases = st.one_of([contents(layout) for layout in layouts])
    outcomes = try_many(lambda case: fuzz.tried(*case).name, cases, capsys, kinds=4)
    assert outcomes["accepted"] > 0
    assert len(outcomes) >= 4, outcomes
