"""The project copied to another place, and commands run there as from a fresh shell."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from warehouse.paths import DBT_FILES, PROJECT


def copy_project(project: Path, folders: Iterable[str]) -> None:
    """Copy dbt's files and some folders, so that nothing of this project is touched."""
    ignored = shutil.ignore_patterns("node_modules")
    for folder in folders:
        shutil.copytree(
            PROJECT / folder, project / folder, ignore=ignored, dirs_exist_ok=True
        )
    for file in DBT_FILES:
        shutil.copy(PROJECT / file, project)


def fresh_environment() -> dict[str, str]:
    """The variables of this process without the settings of dbt and of this project."""
    own = ("AEI_", "DBT_")
    return {name: text for name, text in os.environ.items() if not name.startswith(own)}
