"""All wrong releases in work files: staged, and as far as a guard has to see them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import duckdb
import pytest
from conftest import SHIPPED_DATA, Build, configured, failures, query, run_dbt
from dbt.contracts.graph.manifest import Manifest
from expectations import CHECKS
from warehouse import building

from mutations import release_guards
from mutations.bench import list_files


class Pool(NamedTuple):
    """Work files of all wrong releases: staged, and the marts of those that a guard
    past staging has to see."""

    staged: Path
    built: Path


def only_staged() -> list[str]:
    """The wrong releases that every guard has to see in the raw rows."""
    mutants = release_guards.release_mutants()
    boundary = {check.expectation_id: check.boundary for check in CHECKS}
    later = [
        *release_guards.DATA_TESTS.values(),
        *(
            of_guard
            for guard, of_guard in release_guards.EXPECTATIONS.items()
            if boundary[guard] == "marts"
        ),
        release_guards.SURVIVORS,
        [release_guards.NUMERIC],
    ]
    built = {mutant for of_guard in later for mutant in of_guard}
    return [mutant.release_id for mutant in mutants if mutant not in built]


@pytest.fixture(scope="module")
def pool(
    tmp_path_factory: pytest.TempPathFactory,
    seeded_file: Path,
    shipped_warehouse: Build,
    project_manifest: Manifest,
) -> Iterator[Pool]:
    """All wrong releases: no check of the loader sees one, nor a constraint one that is
    built. Official files with damage are built beside them."""
    folder = tmp_path_factory.mktemp("pool")
    data, work_file = folder / "data", folder / "work.duckdb"
    shutil.copytree(SHIPPED_DATA, data)
    shutil.copy(seeded_file, work_file)
    with duckdb.connect(str(work_file)) as con:
        rows = release_guards.write_releases(data) + release_guards.write_official(data)
        list_files(con, folder, [*rows, release_guards.write_populations(data)])
        release_guards.list_releases(con, shipped_warehouse.file)
        # Of so many releases the rest would take as long as all other marts.
        con.execute(
            "delete from reference.comparisons "
            "where comparison not in ('platforms', 'education_all_named')"
        )

    def run(*selection: str) -> None:
        arguments = ["run", *selection, "--no-write-json"]
        # Intervals are not what is looked at.
        with configured(project_manifest, {"bootstrap_replicate_count": 200}):
            ran = run_dbt(arguments, folder, data, manifest=project_manifest)
        assert failures(ran) == []

    run(*building.STAGING)
    staged = Path(shutil.copy(work_file, folder / "staged.duckdb"))
    with duckdb.connect(str(work_file)) as con:
        for table, column in tables_of_releases(con):
            con.execute(
                f"delete from {table} where {of_releases(column)}", [only_staged()]
            )
    run(*building.MARTS)
    run(*building.EXPECTATION_RESULTS)
    damaged = query(
        staged,
        "select distinct release_id from intermediate.int_input_problems "
        "where problem_kind = 'damage'",
    )
    official = {release_guards.official_id(guard) for guard in release_guards.OFFICIAL}
    assert {release_id for (release_id,) in damaged} <= official
    yield Pool(staged, work_file)
    shutil.rmtree(folder, ignore_errors=True)


def tables_of_releases(con: duckdb.DuckDBPyConnection) -> list[tuple[str, str]]:
    """The tables with rows of releases, and the column that names these."""
    return con.execute(
        "select schema_name || '.' || table_name, min(column_name) "
        "from duckdb_columns() where column_name in ('release_id', 'sample_id') "
        "and schema_name <> 'reference' "
        "and table_name in (select table_name from duckdb_tables()) group by 1"
    ).fetchall()


def of_releases(column: str) -> str:
    """SQL: whether a row is of one of the releases that are given."""
    # A sample is a release, a platform and a window.
    return f"list_contains(?, split_part({column}, ' ', 1))"


def isolate(pool: Path, file: Path, *release_ids: str) -> None:
    """A copy of a file of the pool in which some releases are alone."""
    shutil.copy(pool, file)
    with duckdb.connect(str(file)) as con:
        for table, column in tables_of_releases(con):
            con.execute(
                f"delete from {table} where not {of_releases(column)}",
                [list(release_ids)],
            )
