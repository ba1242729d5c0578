"""The loader at the speed of its SQL: what dbt sends to DuckDB, sent again.

dbt takes seconds to stage and check a file, most of them its own. ``Loader`` lets dbt
bring a folder through the gate, writes down every statement that it sends, and sends
the same statements again for other bytes at the same path.
"""

from __future__ import annotations

import contextlib
import copy
import hashlib
import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
from conftest import PROJECT, Row, dbt_environment, failures
from dbt.cli.main import dbtRunner
from dbt.contracts.graph.manifest import Manifest
from mutations.bench import list_files
from mutations.files import Problem
from warehouse import building

GATE = (
    *building.STAGING,
    *("--exclude-resource-type", "unit_test", "--exclude-resource-type", "seed"),
    "--no-write-json",
)
# The reference tables are of other files, which stay as they are.
OF_THE_FILE = re.compile(r"stg_aei__|(^|[._])int_")
# What dbt asks or notes about its own tables says nothing about a file.
BOOKKEEPING = re.compile(
    r"comment on|select index_name|select column_name, column_type"
    r"|select database_name, type|select table_name, constraint_type",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class File:
    """A file of the manifest, the two models that stage and check it, the columns to
    read of the first, and whether any bytes of it count as the official ones."""

    relative_path: str
    model: str
    checks: str
    columns: tuple[str, ...]
    is_official: bool = False


@dataclass(frozen=True)
class Outcome:
    """What the loader made of a file: rows, or the first problems, or failed tests.

    ``used`` are the numbers of the rows that the marts may use, ``named`` of those that
    a check keeps out; ``raised`` is the text of an error that DuckDB itself raised.
    """

    rows: list[tuple[Any, ...]]
    problems: list[Problem]
    failed_tests: list[str]
    raised: str = ""
    used: frozenset[int] = frozenset()
    named: frozenset[int] = frozenset()

    @property
    def is_accepted(self) -> bool:
        """Whether the build would go on to the marts."""
        return not (self.problems or self.failed_tests or self.raised)

    @property
    def name(self) -> str:
        """What to count the outcome as."""
        if self.problems:
            return self.problems[0].check_name
        if self.raised:
            return "DuckDB: " + self.raised.splitlines()[0][:60]
        return ", ".join(self.failed_tests) or "accepted"


class Loader:
    """The statements of one dbt run, to be sent again for other bytes of one file."""

    def __init__(
        self,
        folder: Path,
        seeded_file: Path,
        manifest: Manifest,
        data: Path,
        file: File,
        listed: Sequence[Row] = (),
    ) -> None:
        """Let dbt stage a data folder twice, the second time aloud: then every table is
        there already, and stays so from one file to the next. The release manifest gets
        the rows of ``listed`` too."""
        self.data = data
        self.file = file
        shutil.copy(seeded_file, folder / "work.duckdb")
        if listed:
            with duckdb.connect(str(folder / "work.duckdb")) as con:
                list_files(con, folder, list(listed))
        self.statements: list[tuple[str, str]] = []
        for _ in range(2):
            self.statements.clear()
            with dbt_environment(folder, data):
                os.environ["DBT_THREADS"] = "1"
                runner = dbtRunner(manifest=manifest, callbacks=[self._listen])
                where = ["--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT)]
                quiet = ["--quiet", "--log-level", "none"]
                done = runner.invoke([*quiet, "build", *GATE, *where])
            assert (broken := failures(done)) == [], broken
        assert len(self.statements) > 25, self.statements
        self.connection = duckdb.connect(str(folder / "work.duckdb"))
        self.connection.execute("set preserve_insertion_order = true")
        self.connection.execute("set timezone = 'UTC'")
        self.connection.execute("set threads = 1")  # the files are small
        # Faster, and nobody minds a lost work file.
        self.connection.execute("set checkpoint_threshold = '1GB'")

    def _listen(self, event: Any) -> None:
        if event.info.name != "SQLQuery":
            return
        node, sql = event.data.conn_name, event.data.sql
        sql = re.sub(r"^/\*.*?\*/", "", sql, flags=re.DOTALL).strip()
        if OF_THE_FILE.search(node) and not BOOKKEEPING.match(sql):
            self.statements.append((node, sql))

    @property
    def path(self) -> Path:
        """Where the bytes of the file lie."""
        return self.data / self.file.relative_path

    def of(self, file: File) -> Loader:
        """The same for another file of the folder, without what stages the others."""
        other = copy.copy(self)
        other.file = file
        needed = re.compile(rf"int_|release_files|{file.model}|{file.checks}")
        other.statements = [s for s in self.statements if needed.search(s[0])]
        return other

    def put(self, content: bytes) -> None:
        """Write the file; the manifest says whether it is the official one."""
        self.path.write_bytes(content)
        sha256 = hashlib.sha256(content).hexdigest() if self.file.is_official else "0"
        self.connection.execute(
            "update reference.release_manifest set sha256 = ? where relative_path = ?",
            [sha256, self.file.relative_path],
        )

    def load(self, content: bytes) -> Outcome:
        """Stage a file of these bytes."""
        self.put(content)
        failed: list[str] = []
        try:
            for node, sql in self.statements:
                # A test leaves its transaction open; dbt rolls it back.
                if sql == "BEGIN":
                    self._rollback()
                result = self.connection.execute(sql)
                if node.startswith("test."):
                    count = 0 if sql == "BEGIN" else result.fetchall()[0][0]
                    failed += [node.split(".")[2]] if count else []
                elif "problem_count" in sql:
                    names = [column[0] for column in result.description]
                    rows = [
                        dict(zip(names, row, strict=True)) for row in result.fetchall()
                    ]
                    found = [Problem(*map(row.get, Problem._fields)) for row in rows]
                    if found:
                        self._rollback()
                        return Outcome([], found, failed)
        except duckdb.Error as error:
            self._rollback()
            return Outcome([], [], [], str(error))
        self._rollback()
        marked = self.connection.execute(
            "select distinct row_number, is_usable, check_name is not null "
            "from intermediate.int_facet_values where relative_path = ?",
            [self.file.relative_path],
        ).fetchall()
        rows = self.connection.execute(
            f"select row_number, {', '.join(self.file.columns)} "
            f"from staging.{self.file.model} where relative_path = ? "
            "order by row_number",
            [self.file.relative_path],
        ).fetchall()
        used = frozenset(number for number, is_used, _ in marked if is_used)
        named = frozenset(n for n, is_used, why in marked if why and not is_used)
        return Outcome(rows, [], failed, used=used, named=named)

    def _rollback(self) -> None:
        with contextlib.suppress(duckdb.TransactionException):  # none was open
            self.connection.execute("rollback")
