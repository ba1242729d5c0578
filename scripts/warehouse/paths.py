"""Where things lie: each place of the project stands here once."""

from __future__ import annotations

import os
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
MANIFEST = PROJECT / "seeds" / "reference" / "release_manifest.csv"
SIMULATED_DATA = PROJECT / "seeds" / "aei"
FETCHED_DATA = PROJECT / "data" / "aei"
# Both files have one name, the database of every relation (profiles.yml).
PUBLISHED_FILE = PROJECT / "warehouse" / "ai_in_education.duckdb"
WORK_FILE = PROJECT / "target" / PUBLISHED_FILE.name
# What Spark reads and writes lies beside its own.
SPARK_WORK_FILE = WORK_FILE.parent / "spark" / WORK_FILE.name
# What dbt reads beside the folders of the project.
DBT_FILES = ("dbt_project.yml", "profiles.yml", "selectors.yml")


def target_folder() -> Path:
    """Where dbt writes what it compiles and the artifacts of the docs."""
    return PROJECT / os.environ.get("DBT_TARGET_PATH", "target")


def shown(path: Path) -> str:
    """The path as a person in the current folder would type it."""
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)
