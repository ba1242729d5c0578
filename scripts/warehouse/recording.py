"""What a warehouse says of its own making: of which code, with which content, and what
moved since the one that was published before.
"""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

import duckdb
import yaml

from warehouse.changes import write_changes
from warehouse.paths import PROJECT
from warehouse.published import contents, sha256_of
from warehouse.reading import attach

# What makes the figures.
CODE = ("models", "macros", "seeds/reference")
CODE_FILES = ("dbt_project.yml",)


def record(
    work_file: Path,
    published_file: Path,
    build_id: str,
    built_at: datetime,
    grains: Mapping[str, Sequence[str]],
) -> None:
    """Write the build, the hashes of its marts and what moved into the work file.

    ``grains`` are the keys of the marts, ``built_at`` is UTC. A published file that
    can't be read, or says nothing of its making, is not compared.
    """
    with duckdb.connect(str(work_file)) as con:
        ((own,),) = con.execute("select current_database()").fetchall()
        now = contents(con, own)
        before = _attach(con, published_file)
        values = (build_id, built_at, before, *code())
        con.execute("delete from validation.builds")
        con.execute(
            f"insert into validation.builds values ({', '.join('?' * len(values))})",
            values,
        )
        con.execute("delete from validation.build_marts")
        con.executemany(
            "insert into validation.build_marts values (?, ?, ?)",
            [(mart, *content) for mart, content in now.items()],
        )
        con.execute("delete from validation.figure_changes")
        if before is not None:
            write_changes(con, now, grains)


def code() -> tuple[str, str | None, str, str | None, str]:
    """Version of the project, its commit, the hashes of its code and of its lock where
    there is one, DuckDB's version."""
    project = yaml.safe_load((PROJECT / "dbt_project.yml").read_text("utf-8"))
    files = [PROJECT / name for name in CODE_FILES]
    files += [
        path
        for name in CODE
        for ending in ("sql", "py", "yml", "md", "csv")
        for path in (PROJECT / name).rglob(f"*.{ending}")
    ]
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(f"{path.relative_to(PROJECT).as_posix()}\n".encode())
        digest.update(path.read_bytes())
    lock = PROJECT / "requirements.lock"
    return (
        str(project["version"]),
        commit(),
        digest.hexdigest(),
        sha256_of(lock) if lock.is_file() else None,
        duckdb.__version__,
    )


def commit() -> str | None:
    """The commit of the project, with -modified where its files differ; None without
    git, or where the project lies in a repository of something else."""
    git = ["git", "-C", str(PROJECT)]
    describe = ["describe", "--always", "--exclude=*", "--abbrev=40"]
    try:
        (top, named) = (
            subprocess.run(
                [*git, *command], capture_output=True, text=True, check=True
            ).stdout.strip()
            for command in (
                ["rev-parse", "--show-toplevel"],
                [*describe, "--dirty=-modified"],
            )
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return named if Path(top) == PROJECT else None


def _attach(con: duckdb.DuckDBPyConnection, published_file: Path) -> str | None:
    """Attach the published file as old; its build_id, None where there is none."""
    if not published_file.exists():
        return None
    try:
        attach(con, published_file, "old")
        found = con.execute("select build_id from old.marts.dim_build").fetchone()
    except duckdb.Error:
        return None
    return found[0] if found else None
