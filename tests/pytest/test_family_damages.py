"""Damaged files of families A and C: each is found by its check, and rows are named.

All are staged in one run, each as a copy that the manifest does not know and as the
official file. That the build stops on them is seen on one of each family.
"""

from __future__ import annotations

import csv
import hashlib
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest
from conftest import (
    WITHOUT_TESTS,
    DataFolder,
    Row,
    failures,
    query,
    read_rows,
    run_dbt,
    write_rows,
)
from dbt.contracts.graph.manifest import Manifest
from family_damages import DAMAGES, MONTHLY, RATIOS, SHARES, Damage, small_month_file
from family_data import Families
from mutations.bench import Bench, list_files
from mutations.damages import CHECKS
from test_kill_files import NOTHING_STOPS, hooks
from warehouse import building

# Damaged files ------------------------------------------------------------------------


@dataclass(frozen=True)
class Lot:
    """Every damaged file behind the gate, with nothing that stops."""

    work_file: Path
    clean: dict[str, tuple[Row, list[Row]]]

    def content(self, damage: Damage) -> bytes:
        """The bytes of a damaged file."""
        changed = damage.change(list(self.clean[damage.layout][1]))
        return changed if isinstance(changed, bytes) else changed.encode()


NAMES = list(DAMAGES)


def folder_of(name: str, is_official: bool) -> str:
    """The folder of a damaged file in the lot."""
    return f"release_{NAMES.index(name)}_{'official' if is_official else 'other'}"


@pytest.fixture(scope="module")
def lot(
    tmp_path_factory: pytest.TempPathFactory,
    seeded_file: Path,
    simulated_families: Families,
    project_manifest: Manifest,
) -> Iterator[Lot]:
    """All damaged files: as copies that the manifest does not know, and as official."""
    folder = tmp_path_factory.mktemp("lot")
    data = folder / "data"
    DataFolder(data, ())
    clean = {}
    for row in simulated_families.rows:
        path = simulated_families.root / row["relative_path"]
        if row["platform"] == "claude_ai":
            is_monthly = row["schema_family"] == MONTHLY
            rows = small_month_file(path) if is_monthly else read_rows(path)
            clean[row["schema_family"]] = (row, rows)
    made = Lot(Path(shutil.copy(seeded_file, folder / "work.duckdb")), clean)
    listed = []
    for name, damage in DAMAGES.items():
        content = made.content(damage)
        for is_official in (False, True):
            row = clean[damage.layout][0]
            place = Path(folder_of(name, is_official), Path(row["relative_path"]).name)
            (data / place).parent.mkdir()
            (data / place).write_bytes(content)
            sha256 = hashlib.sha256(content).hexdigest()
            listed.append(
                row
                | {
                    "release_id": place.parts[0],
                    "relative_path": place.as_posix(),
                    "byte_count": str(len(content)),
                    "sha256": sha256 if is_official else "0" * 64,
                }
            )
            if damage.layout == RATIOS:
                # ratios are of tasks whose shares stand in a file beside them
                shares, tasks = clean[SHARES]
                beside = place.with_name(Path(shares["relative_path"]).name)
                write_rows(data / beside, tasks)
                listed.append(
                    shares
                    | {
                        "release_id": beside.parts[0],
                        "relative_path": beside.as_posix(),
                    }
                )
    with duckdb.connect(str(made.work_file)) as con:
        list_files(con, folder, listed)
        con.execute(
            "create table unreadable (relative_path text, row_number bigint, "
            "column_name text, observed text, check_name text, expected text, "
            "advice text)"
        )
    with hooks(project_manifest, NOTHING_STOPS):
        run = ["run", *building.STAGING, "--no-write-json"]
        assert failures(run_dbt(run, folder, data, manifest=project_manifest)) == []
    yield made
    shutil.rmtree(folder)


def found_in(lot: Lot, name: str, is_official: bool) -> list[tuple[Any, ...]]:
    """The findings of a damaged file, as the gate has them."""
    return query(
        lot.work_file,
        "select check_name, column_name, observed, row_number, expected, advice, "
        "stops_the_build from intermediate.int_input_problems where "
        f"starts_with(relative_path, '{folder_of(name, is_official)}/')",
    )


def first_changed(lot: Lot, damage: Damage) -> int:
    """The number of the first row that a damage changed or added."""
    before = lot.clean[damage.layout][1]
    after = list(csv.DictReader(lot.content(damage).decode("utf-8-sig").splitlines()))
    return next(
        number
        for number, row in enumerate(after, start=2)
        if number - 2 >= len(before) or row != before[number - 2]
    )


@pytest.mark.parametrize("is_official", [False, True], ids=["other", "official"])
@pytest.mark.parametrize("name", [n for n, d in DAMAGES.items() if d.check])
def test_damage_is_found_by_its_check(name: str, is_official: bool, lot: Lot) -> None:
    damage = DAMAGES[name]
    found = found_in(lot, name, is_official)
    of_check = [
        problem
        for problem in found
        if problem[0] == damage.check
        and damage.column in (None, problem[1])
        and damage.observed in problem[2]
    ]
    assert of_check, found[:5]
    assert all(all(problem[:6]) for problem in of_check), "a message with a gap"
    if damage.check not in ("duplicate_keys", "incomplete_facets"):
        assert first_changed(lot, damage) in {problem[3] for problem in of_check}
    is_damage = CHECKS[damage.check]["problem_kind"] == "damage"
    stopping = {problem[0] for problem in found if problem[6]}
    assert (damage.check in stopping) == (is_damage and not is_official)
    assert is_damage and not is_official or not stopping, "a surprise stops nothing"


@pytest.mark.parametrize("name", [n for n, d in DAMAGES.items() if not d.check])
def test_odd_but_good_file_is_staged_alike(name: str, lot: Lot) -> None:
    damage = DAMAGES[name]
    assert found_in(lot, name, False) == []
    values = query(
        lot.work_file,
        "select facet, geo_id, sample_id, cluster_name, value from "
        "intermediate.int_facet_values where "
        f"starts_with(relative_path, '{folder_of(name, False)}/')",
    )
    rows = lot.clean[damage.layout][1]
    assert len(values) >= len(rows)
    if damage.layout == MONTHLY:
        shown = sorted(value for *_, value in values)
        assert shown == sorted(float(row["value"]) for row in rows)
        assert "NA" in {geo_id for _, geo_id, *_ in values}


def test_damaged_rows_are_staged_and_used_or_named(lot: Lot) -> None:
    counts = {
        path: (rows, used, named)
        for path, rows, used, named in query(
            lot.work_file,
            "select relative_path, count(distinct row_number), "
            "count(distinct row_number) filter (where is_usable), "
            "count(distinct row_number) filter (where not is_usable "
            "and check_name is not null) "
            "from intermediate.int_facet_values group by relative_path",
        )
    }
    for name, damage in DAMAGES.items():
        text = lot.content(damage).decode("utf-8-sig")
        rows_in = sum(1 for _ in csv.reader(text.splitlines())) - 1
        for is_official in (False, True):
            file = Path(lot.clean[damage.layout][0]["relative_path"]).name
            rows, used, named = counts[f"{folder_of(name, is_official)}/{file}"]
            assert rows_in == rows == used + named, name
            surprise = (damage.check or "").startswith("unknown_")
            assert named or not surprise, name


@pytest.mark.parametrize(
    "name", ["last day in place of the exclusive end", "task lost"]
)
def test_build_stops_on_a_damaged_file(
    name: str,
    lot: Lot,
    tmp_path: Path,
    seeded_file: Path,
    project_manifest: Manifest,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    # what was published on an earlier day
    earlier, published = (
        tmp_path / "as_it_was",
        tmp_path / "before" / "published.duckdb",
    )
    with duckdb.connect(str(earlier)) as con:
        con.execute("create schema marts")
        con.execute("create table marts.dim_releases as select 1 as release_id")
    published.parent.mkdir()
    shutil.copy(earlier, published)
    bench = Bench(tmp_path, published, earlier, project_manifest, monkeypatch, capsys)
    row = lot.clean[DAMAGES[name].layout][0] | {"sha256": "0" * 64}
    data = DataFolder(tmp_path / "data", ()).root
    path = data / row["relative_path"]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(lot.content(DAMAGES[name]))
    shutil.copy(seeded_file, tmp_path / "work.duckdb")
    with duckdb.connect(str(tmp_path / "work.duckdb")) as con:
        con.execute(
            "delete from reference.release_manifest where relative_path = ?",
            [row["relative_path"]],
        )
        list_files(con, tmp_path, [row])
    gate = (*building.STAGING, "--exclude-resource-type", "seed", *WITHOUT_TESTS)
    message = bench.refusal(*gate, data_dir=data)
    assert re.search(
        rf"file {row['relative_path']}, row \d+, column .*: found .*; expected .*\. "
        rf".*\. \[{DAMAGES[name].check}\]",
        message,
    )
