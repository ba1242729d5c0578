"""The build script, run in this process on a work file that was made before."""

from __future__ import annotations

import filecmp
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import build
import duckdb
import pytest
from conftest import (
    Build,
    DataFolder,
    Row,
    dbt_environment,
    limit_build,
    manifest_rows,
    query,
    write_rows,
)
from dbt.contracts.graph.manifest import Manifest
from validation.results import Result
from warehouse import building


@dataclass(frozen=True)
class Bench:
    """Runs the build script, in this process, on a work file that is made before."""

    folder: Path
    published: Path
    earlier: Path
    manifest: Manifest
    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]

    @property
    def work_file(self) -> Path:
        """The file that dbt writes; the build script does not clear it here."""
        return self.folder / "work.duckdb"

    def refusal(
        self,
        *selection: str,
        data_dir: Path | None = None,
        ask: Callable[[Path, str], list[Result]] = lambda work_file, boundary: [],
        work_file: Path | None = None,
    ) -> str:
        """What the build script says when a guard stops it.

        dbt builds the selection and nothing else, and ``ask`` alone asks expectations.
        Nothing was published, and the earlier warehouse answers as before.
        """
        stop_on_critical = building.stop_on_critical
        with self.monkeypatch.context() as patch:
            limit_build(
                patch,
                self.manifest,
                *(selection or ("--select", "nothing_of_this_name")),
            )
            patch.setattr(building, "remove_work_file", lambda _: None)
            patch.setattr(building, "ask_expectations", ask)
            patch.setattr(building, "stop_on_critical", stop_on_critical)
            with dbt_environment(self.folder, data_dir):
                status = build.main(
                    [
                        *("--data-dir", str(data_dir or "")),
                        *("--output", str(self.published)),
                        *("--work-file", str(work_file or self.work_file)),
                        "--no-docs",
                    ]
                )
        message = self.capsys.readouterr().err
        assert status == 1, "the mutant survived: nothing stopped the build"
        assert f"The published warehouse is as it was: {self.published}" in message
        assert filecmp.cmp(self.published, self.earlier, shallow=False)
        assert [p.name for p in self.published.parent.iterdir()] == ["published.duckdb"]
        assert query(self.published, "select count(*) from marts.dim_releases")[0][0]
        return message


@pytest.fixture(name="bench")
def bench_fixture(
    tmp_path: Path,
    shipped_warehouse: Build,
    project_manifest: Manifest,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Bench]:
    """A build script to run on mutants, in a folder of its own, with a published
    warehouse of an earlier day."""
    published = tmp_path / "earlier" / "published.duckdb"
    published.parent.mkdir()
    shutil.copy(shipped_warehouse.file, published)
    yield Bench(
        tmp_path,
        published,
        shipped_warehouse.file,
        project_manifest,
        monkeypatch,
        capsys,
    )
    # Many would fill a small disk; a thread of dbt that was stopped may still write.
    shutil.rmtree(tmp_path, ignore_errors=True)


def list_files(con: duckdb.DuckDBPyConnection, folder: Path, rows: list[Row]) -> None:
    """List files in the release manifest, as a person would a new one."""
    write_rows(folder / "listed.csv", rows)
    con.execute(
        "insert into reference.release_manifest by name from read_csv("
        f"'{folder / 'listed.csv'}', delim = ',', all_varchar = true, nullstr = '')"
    )


def only_these(root: Path, contents: dict[str, bytes]) -> Path:
    """A data folder with these files, and the reference files that ship."""
    DataFolder(root)
    for row in manifest_rows():
        if row["file_role"] == "raw":
            (root / row["relative_path"]).unlink(missing_ok=True)
    for place, content in contents.items():
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        (root / place).write_bytes(content)
    return root
