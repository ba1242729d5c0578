"""A SQLAlchemy dialect for DuckDB that reads a result when the statement is run.

Great Expectations 1.24 fetches rows after it has given the connection back, when
duckdb-engine has closed the result. Here the rows are taken at once. Importing this
module registers the dialect as ``duckdb+buffered``.

An exported project of Great Expectations holds a copy in its folder ``plugins`` and
imports it for a class that its stores name: nothing else of this project is used here.
"""

from __future__ import annotations

import atexit
import os
import sys
from pathlib import Path
from typing import Any

from duckdb_engine import Dialect
from great_expectations.data_context.store import TupleFilesystemStoreBackend
from sqlalchemy.dialects import registry
from sqlalchemy.engine import URL
from sqlalchemy.engine.cursor import FullyBufferedCursorFetchStrategy

__all__ = ["DRIVER", "BufferedDialect", "TupleFilesystemStoreBackend"]
DRIVER = "duckdb+buffered"
# Of an exported project the folder that holds gx.
FOLDER = Path(__file__).resolve().parents[2]


class BufferedExecutionContext(Dialect.execution_ctx_cls):  # type: ignore[misc]
    """Takes all rows of a statement as soon as it has run."""

    def post_exec(self) -> None:
        """Replace the cursor's way of fetching by rows in memory."""
        super().post_exec()
        if self.cursor.description is not None:
            self.cursor_fetch_strategy = FullyBufferedCursorFetchStrategy(
                self.cursor, initial_buffer=self.cursor.fetchall()
            )


class BufferedDialect(Dialect):
    """duckdb-engine's dialect with rows in memory."""

    driver = "buffered"
    supports_statement_cache = False
    execution_ctx_cls = BufferedExecutionContext

    def create_connect_args(self, url: URL) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The file of an address; a relative one is the project's, not the shell's."""
        return super().create_connect_args(
            url.set(database=str(FOLDER / (url.database or "")))
        )


def _silence_interpreter_exit() -> None:
    """duckdb-engine keeps DuckDB types in module globals; when the interpreter ends,
    DuckDB's binding reports them on stderr as leaks. Nothing of ours is written after
    this point."""
    sys.stderr.flush()
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


registry.register("duckdb.buffered", __name__, BufferedDialect.__name__)
atexit.register(_silence_interpreter_exit)
