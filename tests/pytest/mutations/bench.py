"""The build script, run in this process on a work file that was made before."""

from __future__ import annotations

import filecmp
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import build_warehouse
import pytest
from conftest import dbt_environment, query
from dbt.contracts.graph.manifest import Manifest
from validation.run import Result

FAILURE_TEXT = build_warehouse.failure_text


@dataclass(frozen=True)
class Bench:
    """Runs the build script, in this process, on a work file that is made before."""

    folder: Path
    published: Path
    earlier: Path
    manifest: Manifest
    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]
    results: list[Any] = field(default_factory=list)

    @property
    def work_file(self) -> Path:
        """The file that dbt writes; the build script does not clear it here."""
        return self.folder / "work.duckdb"

    def refusal(
        self,
        *selection: str,
        data_dir: Path | None = None,
        manifest: Manifest | None = None,
        ask: Callable[[Path, str], list[Result]] = lambda work_file, boundary: [],
        work_file: Path | None = None,
    ) -> str:
        """What the build script says when a guard stops it.

        dbt builds the selection and nothing else, and ``ask`` alone asks expectations.
        Nothing was published, and the earlier warehouse answers as before. ``results``
        are those of dbt.
        """
        with self.monkeypatch.context() as patch:
            self._limit(patch, selection, manifest or self.manifest)
            patch.setattr(build_warehouse, "ask_expectations", ask)
            patch.setattr(build_warehouse, "failure_text", self._failure_text)
            with dbt_environment(self.folder, data_dir):
                status = build_warehouse.main(
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

    def _failure_text(self, results: Any, work_file: Path) -> str:
        self.results[:] = results or []
        return FAILURE_TEXT(results, work_file)

    def _limit(
        self, patch: pytest.MonkeyPatch, selection: Sequence[str], manifest: Manifest
    ) -> None:
        class ReadyDbt(build_warehouse.Dbt):
            def __init__(self, work_file: Path, data_dir: Path | None) -> None:
                os.environ["AEI_WORK_FILE"] = str(work_file)
                self.results = []
                self._manifest = manifest

        nothing = ("--select", "nothing_of_this_name")
        patch.setattr(build_warehouse, "remove_work_file", lambda _: None)
        patch.setattr(build_warehouse, "Dbt", ReadyDbt)
        patch.setattr(build_warehouse, "STAGING", selection or nothing)
        patch.setattr(build_warehouse, "MARTS", nothing)
        patch.setattr(build_warehouse, "EXPECTATION_RESULTS", nothing)
