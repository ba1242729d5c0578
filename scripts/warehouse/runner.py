"""dbt in this process: parsed once, for many commands, with its progress shown."""

from __future__ import annotations

import contextlib
import gc
import os
import re
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from warehouse import paths
from warehouse.errors import BuildError
from warehouse.reading import failing_rows

REFUSAL = "The input was refused"
LOCKED = re.compile(r"Could not set lock on file")
# A file that DuckDB can't begin to split, where it rejects no line but raises.
UNSPLIT = re.compile(
    r'Error when sniffing file "(.+?)"\.\n|CSV Error on Line.*?\n *file = (.+?)\n',
    re.DOTALL,
)
# A term, or a sum, of macros/exact_sum.sql that it has no room for.
TOO_LARGE = re.compile(r"to DECIMAL\(38, ?0\)|Overflow in HUGEINT")


@dataclass
class Progress:
    """Counts finished dbt nodes and shows them: one line that moves on a terminal,
    a line for each tenth part elsewhere."""

    total: int = 0
    done: int = 0
    tenths: int = 0
    started: float = field(default_factory=time.monotonic)
    # dbt's threads finish nodes at the same time, and a count must not go back.
    _one_at_a_time: threading.Lock = field(default_factory=threading.Lock)

    def on_event(self, event: Any) -> None:
        """Take one event of dbt's event stream."""
        with self._one_at_a_time:
            if event.info.name == "LogStartLine":
                self.total = max(self.total, event.data.total)
            elif event.info.name == "NodeFinished":
                self.done += 1
                self._show(event.data.node_info.node_name)

    def _show(self, node: str) -> None:
        total = max(self.total, self.done)
        seconds = time.monotonic() - self.started
        line = f"  {self.done}/{total} {seconds:4.0f} s"
        if sys.stdout.isatty():
            end = "\n" if self.done == total else ""
            print(f"\r\033[K{line}  {node[:60]}", end=end, flush=True)
        elif self.done * 10 // total > self.tenths:
            self.tenths = self.done * 10 // total
            print(line, flush=True)


@contextlib.contextmanager
def only_reading() -> Iterator[None]:
    """Within it, dbt opens the work file to read it only."""
    os.environ["AEI_ACCESS_MODE"] = "read_only"
    try:
        yield
    finally:
        del os.environ["AEI_ACCESS_MODE"]


class Dbt:
    """dbt in this process, on one work file: parsed once, for many commands."""

    def __init__(
        self, work_file: Path, data_dir: Path | None, manifest: Any = None
    ) -> None:
        """Parse the project, unless its manifest is given; raises BuildError.

        dbt keeps what it parsed in its target folder and parses what has changed.
        """
        os.environ["AEI_WORK_FILE"] = str(work_file)
        os.environ["DBT_SEND_ANONYMOUS_USAGE_STATS"] = "false"
        if data_dir is None:
            os.environ.pop("AEI_DATA_DIR", None)
        else:
            os.environ["AEI_DATA_DIR"] = str(data_dir)
        self.results: list[Any] = []
        self._manifest = manifest
        self._manifest = manifest or self._invoke("parse").result

    def build(self, *selection: str) -> None:
        """Run ``dbt build`` on a selection and add its results to ``results``.

        Unit tests judge the code and not the data: `make test` runs them. Raises
        BuildError with the message of each failed node.
        """
        if "DBT_EXCLUDE_RESOURCE_TYPES" not in os.environ:
            selection = (*selection, "--exclude-resource-type", "unit_test")
        self.results += list(self._invoke("build", *selection).result)

    def write_manifest(self) -> None:
        """Write the manifest where dbt does, with the SQL of what was built; what dbt
        built batch by batch, or found as it should be, is compiled for it. Others may
        read the work file meanwhile."""
        from dbt.parser.manifest import write_manifest

        without_sql = [
            node.name
            for node in self._manifest.nodes.values()
            if str(node.resource_type) == "model" and not node.compiled_code
        ]
        if without_sql:
            with only_reading():
                self._invoke("compile", "--select", *without_sql)
        write_manifest(self._manifest, str(paths.target_folder()))

    def grains(self) -> dict[str, list[str]]:
        """The columns that tell the rows of a model apart, by model."""
        return {
            node.name: node.config.meta["grain"]
            for node in self._manifest.nodes.values()
            if "grain" in node.config.meta
        }

    def compiled(self, text: str) -> str:
        """What dbt makes of a text with Jinja."""
        return self._invoke("compile", "--inline", text).result[0].node.compiled_code

    def generate_docs(self) -> Path:
        """Write the artifacts of the docs; others may read the work file meanwhile.

        What was built has its SQL in the manifest. Returns their folder; raises
        BuildError.
        """
        with only_reading():
            self._invoke("docs", "generate", *(["--no-compile"] * bool(self.results)))
        return paths.target_folder()

    def _invoke(self, *command: str) -> Any:
        # Most of what dbt makes stays: to look through it for rings, as often as Python
        # would, takes a twentieth of a run.
        gc.set_threshold(100_000, 50, 1000)
        # Imported here: dbt takes a second to import, and --help should not.
        from dbt.adapters.duckdb.connections import DuckDBConnectionManager
        from dbt.cli.main import dbtRunner

        shown = [Progress().on_event] if command[0] == "build" else []
        runner = dbtRunner(manifest=self._manifest, callbacks=shown)
        project = str(paths.PROJECT)
        where = ["--project-dir", project, "--profiles-dir", project]
        # Written with each command it would cost a second each time.
        where.append("--no-write-json")
        try:
            done = runner.invoke(["--quiet", "--log-level", "none", *command, *where])
        finally:
            # Else the file can't be opened by anybody else in this process.
            DuckDBConnectionManager.close_all_connections()
        if not done.success:
            work_file = Path(os.environ["AEI_WORK_FILE"])
            if LOCKED.search(str(done.exception)):
                raise BuildError(
                    f"Another program has the work file {paths.shown(work_file)} open "
                    "(an IDE, a notebook, a dbt command); close it there, or name "
                    "another file with --work-file, and build again."
                )
            if done.exception is not None:
                raise BuildError(str(done.exception))
            raise BuildError(failure_text(done.result, work_file))
        return done


def failure_text(results: Any, work_file: Path) -> str:
    """What went wrong in a dbt run, one paragraph for each failed node, unique ones."""
    paragraphs: list[str] = []
    for result in results or []:
        if result.status not in ("error", "fail", "runtime error"):
            continue
        message = str(result.message or "").strip()
        if REFUSAL in message:
            message = message[message.index(REFUSAL) :].split("\n\n")[0]
            lines = [
                line
                for line in message.splitlines()
                if not line.lstrip().startswith("> ") and line.strip()
            ]
        elif unsplit := UNSPLIT.search(message):
            lines = [unsplit_file(unsplit[1] or unsplit[2])]
        elif TOO_LARGE.search(message):
            lines = [
                f"{result.node.name}: a sum of counts, or of their squares, is larger "
                "than 8e19; expected samples of at most 9,000,000,000 conversations. "
                "Look for a count that is too large, and at sample_count in "
                "seeds/reference/release_manifest.csv."
            ]
        else:
            where = getattr(result.node, "original_file_path", "")
            lines = [f"{result.node.name} ({where}): {message}"]
            lines += rows_of_test(result.node, work_file)
        paragraphs.append("\n".join(lines))
    return "\n".join(dict.fromkeys(paragraphs)) or "dbt failed; see logs/dbt.log."


def unsplit_file(path: str) -> str:
    """What to say of a file whose lines DuckDB can't tell apart."""
    from warehouse.folder import refusal  # which says it as runs of dbt say it

    root = os.environ.get("AEI_DATA_DIR") or str(paths.SIMULATED_DATA)
    observed = (
        "lines that can't be told apart: their ends are of two kinds (\\n, \\r\\n), a "
        'quotation mark in a text is not doubled (\\" for ""), or one has over 2 MB'
    )
    problem = (path.removeprefix(f"{root}/"), "rejected_rows", observed)
    return str(refusal([problem]))


def rows_of_test(node: Any, warehouse: Path) -> list[str]:
    """The first rows that a data test found, indented; nothing for other nodes."""
    sql = getattr(node, "compiled_code", None)
    if str(node.resource_type) != "test" or not sql:
        return []
    return failing_rows(warehouse, sql, node.database)
