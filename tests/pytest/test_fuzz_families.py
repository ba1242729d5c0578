"""Fuzzing of the flat and the monthly layout, as of the long one.

A drawn file is loaded as a copy that the manifest does not know, which damage stops, or
as the official file, whose damaged rows are named and kept out. What the rows mean is
read a second time from Python's csv: the labels and places of `oracle_families`, and
what the data guide says of a row that may be used.
"""

from __future__ import annotations

import math
import os
import re
import shutil
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from conftest import (
    PROJECT,
    DataFolder,
    Row,
    manifest_rows,
    read_rows,
    shipped_row,
    write_rows,
)
from dbt.contracts.graph.manifest import Manifest
from family_damages import LABELS, MONTHLY, RATIOS, SHARES, again, at, put
from family_data import Families, unlisted
from hypothesis import strategies as st
from loader_replay import File, Loader, Outcome
from oracle import PATTERNS, holder_codes
from oracle_families import country_keys, facet_of
from test_fuzz_loader import (
    ODD_TEXTS,
    Base,
    Unreadable,
    judge_refusal,
    load_and_judge,
    mutated,
    odd_rows,
    rows_in,
    try_many,
)

# Seconds of one test of two.
BUDGET = float(os.environ.get("FUZZ_SECONDS", "12")) / 2
NUMBER = re.compile(r"-?\d+(\.\d*)?([eE][-+]?\d+)?", re.A)
FLAT = [SHARES, RATIOS, LABELS]
MEANING = (
    *("sample_id", "geo_level", "geo_id", "facet", "cluster_name", "level"),
    *("measure", "value"),
)
# The text of a row, as it is staged: of a flat file in as many rows as it has numbers.
FLAT_TEXT = ("facet", "cluster_name", "value_text")
MONTHLY_TEXT = {
    "date_start": "date_start",
    "date_end": "date_end",
    "geo_id": "published_geo_id",
    "category_name": "category_name",
    "hierarchy_level": "level_text",
    "metric_id": "metric_id",
    "node_name": "node_name",
    "node_external_id": "node_external_id",
    "value": "value_text",
}
LEVELS = {"global": "global", "country": "country", "subregion": "region"}
HIGHEST = {"overall": 0, "soc_occupation": 1, "request": 2, "onet": 3}
METRICS = read_rows(PROJECT / "seeds" / "reference" / "monthly_metrics.csv")
MEASURES = {row["metric_id"]: row["measure"] for row in METRICS}
USAGE = ("usage_pct", "usage_per_capita_index")
Cells = list[tuple[Any, ...]]


@dataclass(frozen=True)
class Kind:
    """A layout as the fuzz needs it: a small file, its manifest row, and the lists that
    its names are from (task statements, or alpha-3 to alpha-2 codes)."""

    layout: str
    base: Base
    row: Row
    tasks: frozenset[str]
    countries: dict[str, str]

    @property
    def file(self) -> File:
        """The file, and what to read of its staged rows: text first, then meaning."""
        is_monthly = self.layout == MONTHLY
        texts = tuple(MONTHLY_TEXT.values()) if is_monthly else FLAT_TEXT
        models = [
            f"stg_aei__{'monthly' if is_monthly else 'flat'}_{what}"
            for what in ("values", "problems")
        ]
        return File(self.row["relative_path"], *models, (*texts, *MEANING))


# The small files ----------------------------------------------------------------------


def small_tasks(rows: list[Row], ratios: list[Row]) -> tuple[list[Row], list[Row]]:
    """Some tasks with their ratios; the share of all others is with the pseudo-task."""
    kept = [row for row in ratios if row["task_name"] != "none"][:12]
    names = {row["task_name"] for row in kept}
    shares = [row for row in rows if row["task_name"] in names]
    rest = 100 - math.fsum(float(row["pct"]) for row in shares)
    return [*shares, {"task_name": "none", "pct": repr(rest)}], kept


def small_months(rows: list[Row]) -> list[Row]:
    """Every kind of row in both months of four places, and a node in many letters."""
    nodes = ("-", "11", "15", "25")
    rows = [
        row | {"geo_id": row["geo_id"].replace("FRA", "NAM")}
        for row in rows
        if row["geo_id"] in ("GLOBAL", "DEU", "FRA", "US-CA")
        and row["node_external_id"] in nodes
        and not row["metric_id"].startswith(("artifact_a", "artifact_d", "artifact_p"))
    ]
    new = {"node_name": 'say "hello", twice\nand again', "metric_id": "pct"}
    node = {"category_name": "request", "hierarchy_level": "2"}
    return [*rows, rows[0] | node | new | {"node_external_id": "a::b, c"}]


def write_small_files(
    root: Path, simulated: Families
) -> tuple[list[Row], dict[str, Kind]]:
    """Write a small file of each layout into a data folder; returns the rows that the
    manifest lacks, and what was written."""
    shutil.copytree(simulated.root, root, dirs_exist_ok=True)
    listed = [row for row in unlisted(simulated.rows) if row["file_role"] == "raw"]
    rows = {row["schema_family"]: row for row in listed}
    known = [row for row in manifest_rows() if (root / row["relative_path"]).is_file()]
    (rows[MONTHLY],) = (
        row
        for row in known
        if row["schema_family"] == MONTHLY and row["platform"] == "claude_ai"
    )
    lists = [row for row in known if row["file_role"] == "iso_country_codes"]
    countries = country_keys(*(root / row["relative_path"] for row in lists))
    # the list of the shipped release, of the same version
    statements = shipped_row("", "onet_task_statements")["relative_path"]
    tasks = frozenset(holder_codes(root / statements))
    contents = {
        layout: read_rows(root / row["relative_path"]) for layout, row in rows.items()
    }
    contents[SHARES], contents[RATIOS] = small_tasks(contents[SHARES], contents[RATIOS])
    contents[MONTHLY] = small_months(contents[MONTHLY])
    kinds = {}
    for layout, content in contents.items():
        write_rows(root / rows[layout]["relative_path"], content)
        columns = list(content[0])
        is_monthly = layout == MONTHLY
        numbers = ["value", "hierarchy_level"] if is_monthly else columns[1:]
        key = [name for name in columns if name != "value"] if is_monthly else columns
        base = Base(content, numbers, key)
        kinds[layout] = Kind(layout, base, rows[layout], tasks, countries)
    return listed, kinds


# The independent reading --------------------------------------------------------------


def number_of(text: str) -> float | None:
    """A plain decimal number, None for another text."""
    is_plain = NUMBER.fullmatch(text) and math.isfinite(float(text))
    return float(text) if is_plain else None


def flat_cells(kind: Kind, row: Row) -> Cells:
    """What a row of a flat file is staged as."""
    sample = " ".join(
        kind.row[name] for name in ("release_id", "platform", "window_start_date")
    )
    name = row["interaction_type" if kind.layout == LABELS else "task_name"]
    facet = {
        SHARES: "onet_task",
        RATIOS: "onet_task::collaboration",
        LABELS: "collaboration",
    }[kind.layout]
    cells = []
    for column in kind.base.columns[1:]:
        label, unit = name, 1
        if kind.layout == RATIOS:
            pattern = column.replace("_", " ").replace("filtered", "not_classified")
            label, unit = f"{name}::{pattern}", 100
        value = number_of(row[column])
        percent = None if value is None else unit * value
        text = (facet, label, row[column])
        place = (sample, "global", "GLOBAL")
        cells.append((*text, *place, facet, label, 0, "pct", percent))
    return cells


def monthly_cells(kind: Kind, row: Row) -> Cells:
    """What a row of a monthly file is staged as; without meaning where it has none."""
    text = tuple(row[name] for name in MONTHLY_TEXT)
    if any(monthly_faults(kind, row)):
        return [text]
    level, metric, node = row["geo_level"], row["metric_id"], row["node_external_id"]
    sample = f"{kind.row['release_id']} {kind.row['platform']} {row['date_start']}"
    place = kind.countries[row["geo_id"]] if level == "country" else row["geo_id"]
    attribute, label = facet_of(metric) or (metric.removesuffix("_mean"), None)
    facet = row["category_name"]
    if metric in USAGE:
        facet, label = "country-state" if level == "subregion" else "country", None
    elif facet == "overall":
        facet = attribute
    elif metric == "pct":
        label = node
    else:
        facet, label = (
            f"{facet}::{attribute}",
            f"{node}::{label}" if label else node,
        )
    meaning = (sample, LEVELS[level], place, facet, label)
    whole = int(float(row["hierarchy_level"]))
    return [(*text, *meaning, whole, MEASURES[metric], number_of(row["value"]))]


# What no row that marts use may be ----------------------------------------------------


def flat_faults(kind: Kind, row: Row) -> Iterator[str]:
    """What is wrong with a row of a flat file, by itself."""
    name, *texts = (row[column] for column in kind.base.columns)
    values = [number_of(text) for text in texts]
    highest = 1 + 1e-6 if kind.layout == RATIOS else 100.0001
    if any(value is None or not 0 <= value <= highest for value in values):
        yield f"the numbers {texts}"
    elif kind.layout == RATIOS and abs(math.fsum(values) - 1) > 1e-6:
        yield f"ratios that sum to {math.fsum(values)}"
    known = (
        {*PATTERNS, "none", "not_classified"} if kind.layout == LABELS else kind.tasks
    )
    if name not in known | {"none"}:
        yield f"the name {name!r}"


def monthly_faults(kind: Kind, row: Row) -> Iterator[str]:
    """What is wrong with a row of a monthly file, by itself."""
    try:
        start = date.fromisoformat(row["date_start"])
        end = (start + timedelta(31)).replace(day=1)
        first, last = kind.row["window_start_date"], kind.row["window_end_date"]
        is_month = (start.isoformat(), end.isoformat()) == (
            row["date_start"],
            row["date_end"],
        )
        is_in_window = first <= start.isoformat() <= last
    except (ValueError, OverflowError):
        is_month = is_in_window = False
    if not (is_month and is_in_window and start.day == 1):
        yield f"the month {row['date_start']!r} to {row['date_end']!r}"
    place, level = row["geo_id"], row["geo_level"]
    region = r"([A-Z]{2}|NONE)-.+|not_classified|NONE"
    if not (
        (level, place) == ("global", "GLOBAL")
        or (level == "country" and place in kind.countries)
        or (level == "subregion" and re.fullmatch(region, place, re.A))
    ):
        yield f"the place {level!r} {place!r}"
    whole = re.fullmatch(r"\d+(\.0+)?", row["hierarchy_level"], re.A)
    deepest = HIGHEST.get(row["category_name"], -1)
    if not whole or float(row["hierarchy_level"]) > deepest:
        yield f"the level {row['hierarchy_level']!r} in {row['category_name']!r}"
    metric, value = row["metric_id"], number_of(row["value"])
    is_overall = row["category_name"] == "overall"
    if metric not in MEASURES or (metric == "pct" if is_overall else metric in USAGE):
        yield f"the metric {metric!r} in {row['category_name']!r}"
    highest = 100.0001 if MEASURES.get(metric) == "pct" else math.inf
    if value is None or not 0 <= value <= highest:
        yield f"the value {row['value']!r} of {metric!r}"
    node = row["node_external_id"]
    if not node or (is_overall and node != "-"):
        yield f"the id {node!r} of a node in {row['category_name']!r}"


def judge(kind: Kind, content: bytes, outcome: Outcome, path: Path) -> None:
    """Fail when the loader did with the bytes what it may not."""
    judge_refusal(content, outcome, path)
    if outcome.problems or outcome.raised or outcome.failed_tests:
        return
    try:
        rows = dict(enumerate(rows_in(content, kind.base.columns), start=2))
    except Unreadable as error:
        raise AssertionError(f"accepted, though {error}") from error
    is_monthly = kind.layout == MONTHLY
    cells_of, faults_of = (
        (monthly_cells, monthly_faults) if is_monthly else (flat_cells, flat_faults)
    )
    staged: dict[int, Cells] = defaultdict(list)
    for number, *cell in outcome.rows:
        staged[number].append(tuple(cell))
    assert staged.keys() == rows.keys(), "rows were dropped or made up"
    assert outcome.used | outcome.named == rows.keys(), "neither used nor named"
    assert not outcome.used & outcome.named
    keys: Counter[tuple[Any, ...]] = Counter()
    width = len(MONTHLY_TEXT if is_monthly else FLAT_TEXT)
    for number, row in rows.items():
        shown, expected = Counter(staged[number]), Counter(cells_of(kind, row))
        if number in outcome.named:
            shown, expected = (
                Counter(cell[:width] for cell in cells.elements())
                for cells in (shown, expected)
            )
        else:
            assert list(faults_of(kind, row)) == [], f"row {number} is used"
            keys.update(cell[width:-1] for cell in expected)
        assert shown == expected, f"row {number} is another one than in the file"
    assert {key: count for key, count in keys.items() if count > 1} == {}


# The tests ----------------------------------------------------------------------------

TOTAL = at(geo_id="DEU", metric_id="usage_pct", date_start="2026-04-01")
REGION = at(geo_id="US-CA", metric_id="usage_pct")
# Single changes of a small file that a loader could take for something else.
ODD_FILES = {
    "level of another layout": (MONTHLY, put(REGION, geo_level="country-state")),
    "state of another layout": (
        MONTHLY,
        put(REGION, geo_level="state_us", geo_id="CA"),
    ),
    "two ids of everything": (
        MONTHLY,
        again(TOTAL, node_external_id="25", value="99"),
    ),
    "date without a next month": (MONTHLY, put(TOTAL, date_start="5881580-07-10")),
    "date without an end": (MONTHLY, put(TOTAL, date_end="infinity")),
    "end without a zero": (MONTHLY, put(TOTAL, date_end="2026-05-1")),
    "end with a time": (MONTHLY, put(TOTAL, date_end="2026-05-01 00:00:00")),
    "level of 400 digits": (MONTHLY, put(TOTAL, hierarchy_level="9" * 400)),
    "thousands with a comma": (MONTHLY, put(TOTAL, value="1,234")),
    "share with a comma": (SHARES, put(at(task_name="none"), pct="1,234")),
    "share of 400 digits": (SHARES, put(at(task_name="none"), pct="9" * 400)),
    "label in another spelling": (
        LABELS,
        put(at(interaction_type="none"), interaction_type="None"),
    ),
}

OWN_TEXTS = [
    *("2026-04-01", "2026-05-01", "2026-06-01", "2026-4-1", "2026-05-1", "2026-02-30"),
    *("2026-04-01 ", "2026-05-01 00:00:00", "infinity", "5881580-07-10", "epoch"),
    *("DEU", "DE", "FRA", "XQZ", "NAM", "US-CA", "USA-CA", "US-", "deu", "NONE-X"),
    *("subregion", "global", "state_us", "country-state", "region", "unknown"),
    *("onet", "overall", "soc_occupation", "usage_pct", "pct", "multitasking_pct"),
    *("-", "25", "25.0", "not classified", "task iteration", "filtered", "a::learning"),
]
ODD = [*ODD_TEXTS, *3 * OWN_TEXTS]


@dataclass(frozen=True)
class Fuzz:
    """The small files, and the staging statements that dbt sends for all of them."""

    kinds: dict[str, Kind]
    loader: Loader

    def of(self, layout: str, is_official: bool) -> tuple[Kind, Loader]:
        """A layout, and the loader of its file."""
        kind = self.kinds[layout]
        return kind, self.loader.of(replace(kind.file, is_official=is_official))


@pytest.fixture(scope="module")
def fuzz(
    seeded_file: Path,
    simulated_families: Families,
    project_manifest: Manifest,
    tmp_path_factory: pytest.TempPathFactory,
) -> Fuzz:
    """A data folder with a small file of each layout, staged."""
    folder = tmp_path_factory.mktemp("fuzz")
    data = DataFolder(folder / "data", ()).root
    listed, kinds = write_small_files(data, simulated_families)
    file = kinds[MONTHLY].file
    loader = Loader(folder, seeded_file, project_manifest, data, file, listed)
    return Fuzz(kinds, loader)


each_layout = pytest.mark.parametrize("layout", [*FLAT, MONTHLY])
each_status = pytest.mark.parametrize(
    "is_official", [False, True], ids=["copy", "official"]
)


@each_status
@each_layout
def test_small_file_is_valid(layout: str, is_official: bool, fuzz: Fuzz) -> None:
    kind, loader = fuzz.of(layout, is_official)
    outcome = loader.load(kind.base.content)
    assert outcome.is_accepted, outcome
    assert not outcome.named
    assert len(outcome.used) == len(kind.base.rows)
    judge(kind, kind.base.content, outcome, loader.path)


@each_status
@pytest.mark.parametrize("name", ODD_FILES)
def test_odd_file_is_refused_clearly_or_its_row_is_named(
    name: str, is_official: bool, fuzz: Fuzz
) -> None:
    layout, change = ODD_FILES[name]
    kind, loader = fuzz.of(layout, is_official)
    changed = change(list(kind.base.rows))
    assert isinstance(changed, str)
    outcome = loader.load(changed.encode())
    loader.of(kind.file).put(kind.base.content)
    judge(kind, changed.encode(), outcome, loader.path)
    assert outcome.problems or outcome.named


@pytest.mark.parametrize("layouts", [FLAT, [MONTHLY]], ids=["flat", "monthly"])
def test_any_file_is_refused_clearly_or_staged_whole(
    layouts: list[str], fuzz: Fuzz, capsys: pytest.CaptureFixture[str]
) -> None:
    # whatever another test left staged
    assert fuzz.loader.load(fuzz.kinds[MONTHLY].base.content).is_accepted

    def load(case: tuple[str, bool, bytes]) -> str:
        layout, is_official, content = case
        kind, loader = fuzz.of(layout, is_official)
        try:
            return load_and_judge(content, loader, kind.base, partial(judge, kind))
        finally:
            loader.of(kind.file).put(kind.base.content)

    def contents(layout: str) -> st.SearchStrategy[tuple[str, bool, bytes]]:
        base, name = fuzz.kinds[layout].base, st.just(layout)
        # damage stops a copy at once; of the official file every row is judged
        few, many = odd_rows(base, ODD, 2), odd_rows(base, ODD, 20)
        return st.one_of(
            st.tuples(name, st.just(True), many),
            st.tuples(name, st.just(False), few),
            st.tuples(name, st.booleans(), mutated(base)),
        )

    cases = st.one_of([contents(layout) for layout in layouts])
    outcomes = try_many(load, cases, capsys, BUDGET)
    assert outcomes["accepted"] > 0
    # How many files are drawn depends on the time; both ends are among them.
    assert len(outcomes) >= 2, outcomes
