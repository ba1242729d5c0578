"""Everything that a build with own conversations leaves for others, piece by piece.

A piece is a table of the published file, a file beside it, a sheet of the workbook, a
file that dbt keeps, the log, or what the build has printed. Two builds on different
conversations that published the same cells must leave the same pieces: then no number
in them, however it was computed, says more than those cells.
"""

from __future__ import annotations

import base64
import json
import re
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
from warehouse.published import CONTENT

# What only the owner may read: what was delivered is the institution's.
PRIVATE = re.compile(r"work\.private/.*|(conversations|simulated)/.*")
# The work file is what was published. The rest are libraries, seeds, digests of other
# pieces, and what dbt writes before it has seen a row.
NOTHING_NEW = re.compile(
    r"work\.duckdb(\.lock)?|.*\.sha256|target/run/.*/seeds/.*|target/(vega-lite-.*\.txt"
    r"|index\.html|partial_parse\.msgpack|perf_info\.json|semantic_manifest\.json)"
)
# What names a build or tells its time, of how many days files have changed, and whether
# there was a build before.
OF_THE_BUILD = ("compared_build_id", "dbt_invocation_id")
WHEN = re.compile(
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[.\d]*(\+00:00|Z)?|\d\d:\d\d:\d\d\.\d+"
    r"|\"created_at\": ?[\d.]+|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    r"|<dt>compared build id</dt><dd>[^<]*</dd>|\"batch_size\": ?\"\w+\""
    r"|\"macro\.ai_in_education\.in_changed_windows\""
)
PLACE = re.compile(r"(?<=[\"\s])/[^\"\s]*/(?=target/)")
NODE = re.compile(r"\b(START|OK|PASS|WARN|FAIL|ERROR|SKIP|NO-OP)\b")
IN_A_LOG = re.compile(
    r"\x1b\[\d*m|\[Thread-[^\]]*\]|\d+ of \d+ | batch \d[\d-]* | in [\d.]+s| \.+"
)
# What is said of own conversations on the way: files, days, windows.
OWN = re.compile(
    r"  own conversations: ([\d,]+ of [\d,]+ files new or changed, [\d,]+ gone; "
    r"(days [\d-]+ to [\d-]+ are read|nothing to read)"
    r"|\w+, \w+, from [\d-]+: not shown\. [^\d]*)"
)
PROGRESS = re.compile(r" +\d+/\d+ +\d+ s")
SINCE = "Since the warehouse published before no figure has moved."


def pieces(folder: Path) -> dict[str, Any]:
    """What is in each public piece, by its place in the folder of a build.

    Raises AssertionError for a file that no line here says how to read.
    """
    found: dict[str, Any] = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        place = str(path.relative_to(folder))
        if PRIVATE.fullmatch(place) or NOTHING_NEW.fullmatch(place):
            continue
        readers = [read for kind, read in READERS.items() if re.fullmatch(kind, place)]
        assert len(readers) == 1, f"{place}: nothing says how to attack it"
        for part, content in readers[0](path):
            found[f"{place} {part}".strip()] = content
    return found


def moved(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """The pieces that differ, or are in one of two builds only."""
    nothing = object()
    return sorted(
        place
        for place in before.keys() | after.keys()
        if before.get(place, nothing) != after.get(place, nothing)
    )


Parts = Iterator[tuple[str, Any]]


def of_database(path: Path) -> Parts:
    """Each table by rows and hash of its content; views, comments and columns."""
    with duckdb.connect(str(path), read_only=True) as con:
        for schema, table in con.execute(
            "select schema_name, table_name from duckdb_tables()"
        ).fetchall():
            yield f"{schema}.{table}", content(con, f"{schema}.{table}")
        for listed, columns in (
            ("tables", "schema_name, table_name, comment, estimated_size"),
            ("views", "schema_name, view_name, comment, sql"),
            ("columns", "* exclude (database_oid, schema_oid, table_oid)"),
            ("schemas", "schema_name, comment"),
        ):
            sql = f"select {columns} from duckdb_{listed}() where not internal"
            yield listed, sorted(map(str, con.execute(sql).fetchall()))


def content(con: duckdb.DuckDBPyConnection, relation: str) -> Any:
    """How many rows there are, and a hash of them."""
    names = {name for name, *_ in con.execute(f"describe from {relation}").fetchall()}
    left_out = ", ".join(names & set(OF_THE_BUILD))
    rows = f"(select * exclude ({left_out}) from {relation})" if left_out else relation
    return con.execute(CONTENT.format(rows)).fetchall()


def of_file(path: Path) -> Parts:
    """A file, to the last byte."""
    yield "", path.read_bytes()


def of_build(path: Path) -> Parts:
    """The row that says how the build was made."""
    with duckdb.connect() as con:
        yield "", content(con, f"'{path}'")


def of_package(path: Path) -> Parts:
    """The Data Package, without the digests of the files that it lists."""
    said = json.loads(path.read_text("utf-8"))
    for resource in said["resources"]:
        del resource["bytes"], resource["hash"]
    yield "", said


def of_workbook(path: Path) -> Parts:
    """The parts of a workbook; the sheet dim_build is a table of the file."""
    with zipfile.ZipFile(path) as book:
        names = re.findall(
            r'<sheet name="([^"]+)"', book.read("xl/workbook.xml").decode()
        )
        left_out = f"xl/worksheets/sheet{names.index('dim_build') + 1}.xml"
        for name in book.namelist():
            if name != left_out:
                yield name, book.read(name)


def of_page(path: Path) -> Parts:
    """The words and numbers of a page, or of a file of dbt's, in any order."""
    text = PLACE.sub("", path.read_text("utf-8"))
    for packed in re.findall(r"[A-Za-z0-9+/]{9999,}={0,2}", text):
        if packed.startswith("ey"):  # JSON
            text = text.replace(packed, base64.b64decode(packed).decode())
    yield "", Counter(re.findall(r"[\w.]+", WHEN.sub("", text)))


def of_log(path: Path) -> Parts:
    """What dbt says of its nodes, in any order."""
    lines = path.read_text("utf-8").splitlines()
    plain = {" ".join(IN_A_LOG.sub(" ", WHEN.sub("", line)).split()) for line in lines}
    yield "", sorted(line for line in plain if NODE.search(line))


def printed(text: str, folder: Path) -> list[str]:
    """What a build has said, without its progress."""
    lines = text.replace(f"{folder}/", "").splitlines()
    return [
        line
        for line in lines
        if not (PROGRESS.fullmatch(line) or OWN.fullmatch(line) or line == SINCE)
    ]


READERS: dict[str, Callable[[Path], Parts]] = {
    r"published\.duckdb": of_database,
    r"(parquet|csv)/dim_build\.\w+": of_build,
    r"(parquet|csv)/(?!dim_build\.)\w+\.(parquet|csv)|csv/.*-metadata\.json": of_file,
    r"ai_in_education\.xlsx": of_workbook,
    r"(report|validation|docs/(index|lineage))\.html": of_page,
    r"target/(manifest|catalog|graph_summary)\.json": of_page,
    r"target/(compiled|run)/.*\.(sql|py)": of_page,
    r"parquet/datapackage\.json": of_package,
    r"logs/dbt\.log": of_log,
}
