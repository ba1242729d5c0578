"""Two more processes beside dbt's, for what does not depend on it meanwhile."""

from __future__ import annotations

import atexit
import contextlib
import importlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from typing import Any

_pool: ProcessPoolExecutor | None = None


@contextlib.contextmanager
def at_hand() -> Iterator[None]:
    """Within it, `beside` has processes to run in; afterwards they are gone."""
    global _pool
    # Fresh processes: a fork would copy the threads' locks of dbt and DuckDB.
    _pool = ProcessPoolExecutor(
        2, multiprocessing.get_context("spawn"), initializer=_begin
    )
    try:
        yield
    finally:
        _pool.shutdown(cancel_futures=True)
        _pool = None


def beside(module: str, function: str, *arguments: Any) -> Future[Any]:
    """Call a function of a module, which is imported there, in another process.

    The future's ``result`` raises what the function raised.
    """
    assert _pool is not None, "no processes are at hand"
    return _pool.submit(_call, module, function, *arguments)


def warm(module: str) -> None:
    """Begin to import a module that takes seconds where it will be needed."""
    beside("importlib", "import_module", module)


def aside(module: str, function: str) -> None:
    """Call a function whose result nobody waits for in a process that ends with it."""
    process = multiprocessing.get_context("spawn").Process
    process(target=_call_aside, args=(module, function), daemon=True).start()


def _call_aside(module: str, function: str) -> None:
    _begin()
    _call(module, function)


def _call(module: str, function: str, *arguments: Any) -> Any:
    return getattr(importlib.import_module(module), function)(*arguments)


def _begin() -> None:
    # The last that is done: what was imported need not be cleared away.
    atexit.register(os._exit, 0)
    # Ctrl-C is answered by the parent, and a killed parent leaves nobody behind.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
