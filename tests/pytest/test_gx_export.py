"""What `make validate EXPORT_GX=folder` writes, for who has Great Expectations only."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import validate
from conftest import Build

EXPORTED = """
import importlib.util, json, sys
import great_expectations as gx
for ours in ("validation", "warehouse", "expectations"):
    assert importlib.util.find_spec(ours) is None, ours
context = gx.get_context(mode="file", project_root_dir=sys.argv[1])
for boundary in ("raw", "marts"):
    ended = context.checkpoints.get(boundary).run()
    names = {each.suite_name: each.success for each in ended.run_results.values()}
    print(json.dumps(names))
"""


def test_export_answers_the_same_without_this_project(
    tmp_path: Path, shipped_warehouse: Build
) -> None:
    """In a process that can't import the project, from another folder, after a move."""
    made, moved = tmp_path / "made", tmp_path / "moved"
    made.mkdir()
    shutil.copy(shipped_warehouse.file, made / "file.duckdb")
    options = ["--warehouse", str(made / "file.duckdb")]
    assert validate.main([*options, "--export-gx", str(made / "exported")]) == 0
    made.rename(moved)
    ended = subprocess.run(
        [sys.executable, "-I", "-c", EXPORTED, str(moved / "exported")],
        cwd="/",
        env=os.environ | {"HOME": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr
    lines = [line for line in ended.stdout.splitlines() if line.startswith("{")]
    answered = json.loads(lines[0]) | json.loads(lines[1])
    assert answered == {
        "-".join([*names, *(part for part in judged if part != "all")]): is_success
        for *names, release_id, platform, is_success in shipped_warehouse.query(
            "select assumption_id, expectation_id, release_id, platform, is_success "
            "from marts.fct_expectation_results "
            "where is_latest_run and expectation <> 'loader_check' "
            "and observed <> 'nothing to judge in this copy'"
        )
        for judged in [(release_id, platform)]
    }
    assert False in answered.values()
