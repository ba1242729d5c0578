"""Run commands and measure them, each beside a baseline of the same run."""

from __future__ import annotations

import contextlib
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from warehouse.errors import WarehouseError

INTERVAL = 0.1  # seconds between two looks at the memory
HEADER = (
    f"{'':38} {'seconds':>8} {'baseline':>9} {'ratio':>6} {'peak MB':>8}\n{'-' * 73}"
)


class BenchError(WarehouseError):
    """A command that failed: its figures would mean nothing."""


@dataclass(frozen=True)
class Measured:
    """Seconds on the clock, and the most memory, in MB, that the command and all that
    it started held at one time. Pages that processes share count in each; where the
    system has no /proc, the memory is 0."""

    seconds: float
    peak_mb: float

    def line(self, title: str, baseline: Measured) -> str:
        """A line of the table."""
        ratio = self.seconds / baseline.seconds
        return (
            f"{title:38} {self.seconds:8.1f} {baseline.seconds:9.1f} {ratio:6.2f} "
            f"{self.peak_mb:8,.0f}"
        )


def measure(
    command: Sequence[str | Path], folder: Path, environment: Mapping[str, str]
) -> Measured:
    """Run a command to its end; raises BenchError with the end of its output."""
    peak = 0
    with tempfile.TemporaryFile() as output:
        began = time.monotonic()
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=output, stderr=output
        )
        while process.returncode is None:
            peak = max(peak, sum(map(resident, tree(process.pid))))
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(INTERVAL)
        seconds = time.monotonic() - began
        if process.returncode:
            output.seek(0)
            text = output.read().decode(errors="replace")[-3000:].strip()
            raise BenchError(
                f"{' '.join(map(str, command))} ended with {process.returncode}; "
                f"expected 0.\n{text}"
            )
    return Measured(seconds, peak / 1e6)


def tree(pid: int) -> Iterator[int]:
    """A process and all that it started, as far as they are still there."""
    yield pid
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in children.read_text().split():
                yield from tree(int(child))


def resident(pid: int) -> int:
    """The memory of a process, in bytes, of pages that processes share its part; 0 when
    it has ended."""
    try:
        said = Path(f"/proc/{pid}/smaps_rollup").read_text()
        return int(re.search(r"^Pss: +(\d+) kB", said, re.MULTILINE)[1]) * 1024
    except (OSError, TypeError):
        return 0
