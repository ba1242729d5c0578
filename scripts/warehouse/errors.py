"""Errors that end a command with a text for the person who started it."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from warehouse.paths import shown


class WarehouseError(Exception):
    """Something that a person can mend; the text says what was seen and what to do.

    The errors of the other rooms are kinds of it, so that a build can stop on each.
    """


class BuildError(WarehouseError):
    """A build that did not publish."""


FULL_DISK = re.compile(r"No space left on device|Disk quota exceeded|File too large")
FULL_MEMORY = re.compile(r"Out of Memory Error")


def with_advice(text: str, *places: Path) -> str:
    """The text of an error; of a full disk or memory with what to do about it."""
    if FULL_MEMORY.search(text):
        limit = os.environ.get("AEI_MEMORY_LIMIT") or "1GB"
        # DuckDB's own advice is for who writes SQL.
        text = text.split("Possible solutions:")[0].rstrip()
        return (
            f"{text}\nThe build needs more memory than it may use ({limit}, and the "
            "disk beside the work file for what does not fit): set AEI_MEMORY_LIMIT "
            "to more, such as AEI_MEMORY_LIMIT=4GB, and build again."
        )
    if not FULL_DISK.search(text):
        return text
    free = ", ".join(
        f"{shutil.disk_usage(place).free / 1e6:,.0f} MB in {shown(place)}"
        for place in dict.fromkeys(places)
        if place.is_dir()
    )
    return (
        f"The disk is full: {text}\nFree now: {free}. A build needs about ten times "
        "the size of the raw files for its work file and as much again for the "
        "published one; free some space, or name another place with --work-file, "
        "--output or DBT_TARGET_PATH, and build again."
    )
