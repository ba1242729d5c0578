"""Data folders with files of families A and C, simulated and real, and their warehouse.

The simulated ones come with their truth; the real ones are copied where they are at
hand. All are built at once, beside the shipped files of family B.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import duckdb
import pytest
from conftest import DataFolder, Once, Row, failures, manifest_rows, run_dbt
from dbt.contracts.graph.manifest import Manifest
from mutations.bench import list_files
from simulation.request import Request, write_release

FAMILIES = ("A_task_shares", "A_task_patterns", "A_patterns", "C_monthly")
REFERENCES = ("onet_task_statements", "iso_country_codes")
# Rows of the real release that no file of it may lack in a folder of its own.
MIX = ("--vars", "{mix_real_and_simulated: true}")


class Families(NamedTuple):
    """A folder with a simulated release of A and of C, and their manifest rows."""

    root: Path
    rows: list[Row]


@pytest.fixture(scope="session")
def simulated_families(once: Once) -> Families:
    """Simulated once, with their truth; to be read, or copied and changed."""

    def simulate(root: Path) -> Families:
        rows = [
            row
            for family in ("A", "C")
            for row in write_release(
                Request(family=family, truth=True, output_dir=root)
            )
        ]
        return Families(root, rows)

    families: Families = once("simulated_families", simulate)
    return families


def copy_real(root: Path, real: Path) -> list[Row]:
    """Copy the real files of the families, and of the lists that they need."""
    rows = [
        row
        for row in manifest_rows()
        if row["is_simulated"] == "false"
        and row["copy_status"] == "current"
        and (row["schema_family"] in FAMILIES or row["file_role"] in REFERENCES)
        and (real / row["relative_path"]).is_file()
    ]
    for row in rows:
        place = root / row["relative_path"]
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(real / row["relative_path"], place)
    return rows


def unlisted(rows: Iterable[Row]) -> list[Row]:
    """The rows of files that the project's manifest does not list."""
    known = {row["relative_path"] for row in manifest_rows()}
    return [row for row in rows if row["relative_path"] not in known]


def mixed_folder(root: Path, simulated: Families, real: Path | None) -> list[Row]:
    """A folder with files of every family; returns the manifest rows of A and C."""
    DataFolder(root, ("1p_api",))
    shutil.copytree(simulated.root, root, dirs_exist_ok=True)
    return [*simulated.rows, *(copy_real(root, real) if real else [])]


def build_models(
    seeded: Path, folder: Path, data: Path, rows: Sequence[Row], manifest: Manifest
) -> Path:
    """Every model on a data folder whose files are listed by ``rows`` too; returns the
    work file, at first a copy of ``seeded``."""
    work_file = Path(shutil.copy(seeded, folder / "work.duckdb"))
    if rows := unlisted(rows):
        with duckdb.connect(str(work_file)) as con:
            list_files(con, folder, rows)
    arguments = ["run", *MIX, "--no-write-json"]
    assert failures(run_dbt(arguments, folder, data, manifest=manifest)) == []
    return work_file
