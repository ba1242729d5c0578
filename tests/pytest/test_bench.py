"""The measurement, on commands that do next to nothing."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import bench
import pytest
from benchmarks.measuring import BenchError, Measured, measure

NOTHING = [sys.executable, "-c", "pass"]
# A child of the command holds 200 MB.
LARGE = (
    "import subprocess, sys; subprocess.run([sys.executable, '-c', "
    "'import time; kept = b\"x\" * 200_000_000; time.sleep(1)'])"
)


@pytest.fixture(autouse=True)
def all_cores() -> object:
    """The tests after these run on the cores they had."""
    before = os.sched_getaffinity(0)
    yield
    os.sched_setaffinity(0, before)


def test_each_step_stands_beside_the_first(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    large = [sys.executable, "-c", LARGE]
    is_there = [sys.executable, "-c", "open('models/marts/_education__exposures.yml')"]
    steps = (("first", NOTHING), ("", is_there), ("large", large))
    monkeypatch.setattr(bench, "STEPS", steps)
    assert bench.main(["--data-dir", str(tmp_path)]) == 0
    lines = [line.rsplit(maxsplit=4) for line in capsys.readouterr().out.splitlines()]
    shown = {title: list(map(float, figures)) for title, *figures in lines[2:]}
    assert list(shown) == [
        f"{data}: {step}"
        for data in ("shipped sample", "AEI_DATA_DIR")
        for step in ("first", "large")
    ]
    first, large = shown["shipped sample: first"], shown["shipped sample: large"]
    assert first[2] == 1
    assert large[1] == first[0]
    assert large[3] > 200 > first[3]


def test_ratio_is_of_the_baseline() -> None:
    assert Measured(3.0, 10).line("x", Measured(2.0, 5)).split() == [
        *("x", "3.0", "2.0", "1.50", "10")
    ]


def test_failed_command_gives_no_figures(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    failing = [sys.executable, "-c", "raise SystemExit('out of luck')"]
    with pytest.raises(BenchError, match="out of luck"):
        measure(failing, tmp_path, os.environ)
    monkeypatch.setattr(bench, "STEPS", (("first", failing),))
    assert bench.main([]) == 1
    captured = capsys.readouterr()
    assert "out of luck" in captured.err
    assert "first" not in captured.out
