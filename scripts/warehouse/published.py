"""Whether a warehouse file is still as it was published."""

from __future__ import annotations

import hashlib
from pathlib import Path

import duckdb

from warehouse.errors import WarehouseError
from warehouse.paths import shown
from warehouse.reading import connect, has_table

# What says how the figures were made and checked; made after them.
OWN = (
    "bridge_assumption_guards",
    "dim_build",
    "dim_build_marts",
    "fct_expectation_results",
    "fct_figure_changes",
)
MARTS = f"""
    select table_name from duckdb_tables()
    where database_name = ? and schema_name = 'marts' and table_name not in {OWN}
    order by table_name
"""
CONTENT = "select count(*), cast(sum(cast(hash(t) as hugeint)) as varchar) from {} as t"
MEND = "Publish it again with make warehouse; what was edited is no figure of ours."


class EditedError(WarehouseError):
    """A published file whose content is not what was published."""


def contents(
    con: duckdb.DuckDBPyConnection, database: str
) -> dict[str, tuple[int, str]]:
    """Rows and hash of each mart of figures in an attached database, by name."""
    found = {}
    for (mart,) in con.execute(MARTS, [database]).fetchall():
        relation = f'"{database}".marts.{mart}'
        ((count, content),) = con.execute(CONTENT.format(relation)).fetchall()
        found[mart] = (count, content or "0")
    return found


def sidecar(published_file: Path) -> Path:
    """The file beside it that holds its sha256, in the format of sha256sum."""
    return published_file.with_name(f"{published_file.name}.sha256")


def sha256_of(file: Path) -> str:
    """The sha256 of a file."""
    with file.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def check(published_file: Path) -> None:
    """Make sure that nobody edited the file since it was published.

    A write-ahead log beside it, marts with another content than dim_build_marts says,
    or another sha256 than that of the sidecar raise EditedError. What there is nothing
    to compare with is not compared: the hashes are those of one version of DuckDB, and
    a file may be moved without its sidecar. Raises WarehouseError without a file.
    """
    log = published_file.with_name(f"{published_file.name}.wal")
    if log.exists():
        raise EditedError(
            f"Beside {shown(published_file)} lies {log.name}, a log of changes that "
            "another program made or is making: the file is not as it was published. "
            f"Close it there. {MEND}"
        )
    with connect(published_file) as con:
        edited = edited_marts(con)
    if edited:
        raise EditedError(
            f"{shown(published_file)} is not as it was published: somebody edited "
            f"{', '.join(edited)}. {MEND}"
        )
    beside = sidecar(published_file)
    if beside.exists() and beside.read_text("utf-8").split()[0] != sha256_of(
        published_file
    ):
        raise EditedError(
            f"{shown(published_file)} is not as it was published: its sha256 differs "
            f"from that in {beside.name}. {MEND}"
        )


def edited_marts(con: duckdb.DuckDBPyConnection) -> list[str]:
    """The marts of figures whose content is not that of dim_build_marts."""
    if not has_table(con, "marts.dim_build_marts"):
        return []
    builds = con.execute("select duckdb_version from marts.dim_build").fetchall()
    if builds != [(duckdb.__version__,)]:
        return []
    ((database,),) = con.execute("select current_database()").fetchall()
    found = contents(con, database)
    kept = con.execute("from marts.dim_build_marts").fetchall()
    published = {mart: tuple(content) for mart, *content in kept}
    names = found.keys() | published.keys()
    return sorted(name for name in names if found.get(name) != published.get(name))
