"""A SQLAlchemy dialect for DuckDB that reads a result when the statement is run.

Great Expectations 1.24 fetches rows after it has given the connection back, when
duckdb-engine has closed the result. Here the rows are taken at once. Importing this
module registers the dialect as ``duckdb+buffered``.
"""

from __future__ import annotations

import atexit
import os
import sys

from duckdb_engine import Dialect
from sqlalchemy.dialects import registry
from sqlalchemy.engine.cursor import FullyBufferedCursorFetchStrategy

DRIVER = "duckdb+buffered"


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


def _silence_interpreter_exit() -> None:
    """duckdb-engine keeps DuckDB types in module globals; when the interpreter ends,
    DuckDB's binding reports them on stderr as leaks. Nothing of ours is written after
    this point."""
    sys.stderr.flush()
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


registry.register("duckdb.buffered", __name__, BufferedDialect.__name__)
atexit.register(_silence_interpreter_exit)
