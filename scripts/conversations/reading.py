"""The files of own conversations as rows of the contract: SQL that DuckDB runs.

Only the fields that a column is made of are read; of the others nothing but names,
types and, in a sample of rows, length.
"""

from __future__ import annotations

import glob
import gzip
import os
import re
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
from warehouse.errors import BuildError

from conversations.contract import (
    COLUMNS,
    LONGEST_NAME,
    REQUIRED,
    TEXT_NAMES,
    literal,
)
from conversations.mapping import Mapping, names_of

READERS = {
    ".parquet": "read_parquet({paths}, union_by_name = true, {common})",
    ".csv": "read_csv({paths}, all_varchar = true, header = true, skip = 0, quote = "
    "'\"', union_by_name = true, {common})",
    ".jsonl": "read_json({paths}, format = 'auto', columns = {columns}, {common})",
}
READERS |= {suffix: READERS[".jsonl"] for suffix in (".json", ".ndjson")}
# Names of folders say nothing of rows.
COMMON = "filename = 'source_file', hive_partitioning = false"
# All rows are asked for their fields: a late one may have more.
JSON_FIELDS = "from read_json({paths}, union_by_name = true, sample_size = -1) limit 0"
SAMPLE_ROWS = 20_000
LISTED = 5  # files that a message names
LONGEST_HEADER = 20_000
NAME = re.compile(r"[a-z][a-z0-9_.]{0,40}")


@dataclass(frozen=True)
class Source:
    """What AEI_CONVERSATIONS names: files of one kind, or a table of a DuckDB file."""

    name: str
    files: tuple[str, ...]
    joined: tuple[str, ...]
    mapping: Mapping
    table: str | None = None
    left_out: str = ""  # a note on files that are not read

    def relation(self, con: duckdb.DuckDBPyConnection, files: Sequence[str]) -> str:
        """SQL of the rows of some files as they are, with ``source_file``."""
        if self.table:
            return (
                f"(select *, {literal(self.files[0])} as source_file from {self.table})"
            )
        (suffix,) = {suffix_of(file) for file in files}
        # A path is a pattern that matches nothing but itself.
        paths = f"[{', '.join(literal(glob.escape(file)) for file in files)}]"
        reader = READERS[suffix]
        columns = json_columns(con, paths) if "{columns}" in reader else ""
        return reader.format(paths=paths, columns=columns, common=COMMON)


def json_columns(con: duckdb.DuckDBPyConnection, paths: str) -> str:
    """The columns of JSON lines with their types, so that none is guessed by value."""
    found = con.sql(JSON_FIELDS.format(paths=paths))
    columns = zip(found.columns, found.types, strict=True)
    return (
        f"{{{', '.join(f'{literal(c)}: {literal(as_text(t))}' for c, t in columns)}}}"
    )


def as_text(kind: duckdb.sqltypes.DuckDBPyType) -> str:
    """The type of a JSON value, with text for what is no list or object."""
    if kind.id == "struct":
        parts = (
            '"{}" {}'.format(n.replace('"', '""'), as_text(k)) for n, k in kind.children
        )
        return f"STRUCT({', '.join(parts)})"
    return str(kind) if kind.id in ("list", "map") else "VARCHAR"


def suffix_of(file: str) -> str:
    """The kind of a file, by the end of its name."""
    return Path(file.lower().removesuffix(".gz")).suffix


def find_source(named: str, mapping: Mapping) -> Source:
    """The files or the table that AEI_CONVERSATIONS names.

    Raises BuildError when there is none, or files of several kinds.
    """
    joined: tuple[str, ...] = ()
    if mapping.join:
        name = mapping.join["files"]
        found = [f for f in matching(mapping.folder, name) if suffix_of(f) in READERS]
        joined = checked(f"The mapping {mapping.path} joins {name}", found, mapping)
    # An address of a database may hold a password.
    shown = named if "=" not in named and "://" not in named else "an address"
    said = f"AEI_CONVERSATIONS is {shown}"
    file, _, table = named.rpartition(".duckdb:")
    if file:
        path = Path(f"{file}.duckdb").expanduser().resolve()
        files = checked(said, [str(path)] if path.is_file() else [], mapping)
        return Source(named, files, joined, mapping, f"delivered.{table}")
    own = (mapping.tasks, mapping.path and mapping.path.name)
    others = {*joined, *(mapping.beside(name) for name in own if name)}
    found = [
        file
        for file in matching(Path.cwd(), str(Path(named).expanduser()))
        if file not in others
    ]
    left_out = [file for file in found if suffix_of(file) not in READERS]
    note = "left out, as no Parquet, CSV or JSON lines: " + shown_files(left_out)
    note = note if left_out else ""
    found = [file for file in found if suffix_of(file) in READERS]
    files = checked(said, found, mapping, note)
    return Source(named, files, joined, mapping, left_out=note)


def matching(folder: Path, name: str) -> list[str]:
    """The files that a path or a pattern names, seen from a folder: absolute, in order
    and once each, without hidden ones."""
    path = folder / name
    if path.is_dir():
        found = files_below(path)
    elif path.is_file():
        found = [str(path)]
    else:
        below = glob.glob(name, root_dir=folder, recursive=True)
        found = [str(folder / each) for each in below]
    once = {os.path.realpath(file): file for file in sorted(found, reverse=True)}
    return sorted(file for file in once.values() if Path(file).is_file())


def files_below(folder: Path) -> list[str]:
    """The files of a folder and of the folders in it, without hidden ones; raises
    OSError when one can't be read."""

    def refuse(error: OSError) -> None:
        raise error

    found, seen = [], set()
    for place, folders, names in os.walk(folder, onerror=refuse, followlinks=True):
        # A link may lead back to where it lies.
        is_new = os.path.realpath(place) not in seen
        seen.add(os.path.realpath(place))
        folders[:] = sorted(each for each in folders if is_new and each[0] != ".")
        found += [str(Path(place, each)) for each in names if is_new and each[0] != "."]
    return found


def checked(
    said: str, files: Sequence[str], mapping: Mapping, note: str = ""
) -> tuple[str, ...]:
    """The files that are named by what is said, when there are some, of one kind."""
    kinds = sorted({suffix_of(file) for file in files} - {".duckdb"})
    if not files or len(kinds) > 1:
        found = f"files of {', '.join(kinds)} were" if files else "no file was"
        raise BuildError(
            f"{said}, where {found} found{note and f' ({note})'}; expected a folder "
            "or a pattern of Parquet, CSV or JSON lines, all of one kind, or "
            "file.duckdb:schema.table. Save a sheet of Excel as CSV UTF-8; write a "
            "table of PostgreSQL to Parquet (docs/own-conversations.md)."
        )
    for file in files:
        check_first_line(Path(file), mapping.fields)
    return tuple(files)


def check_first_line(file: Path, fields: set[str]) -> None:
    """Raise BuildError for a CSV file that begins with what is no header, or has a
    field that is needed twice."""
    if suffix_of(file.name) != ".csv":
        return
    is_packed = file.suffix.lower() == ".gz"
    with gzip.open(file) if is_packed else file.open("rb") as handle:
        try:
            line = handle.readline(LONGEST_HEADER + 1)
        except (EOFError, gzip.BadGzipFile, zlib.error):
            return  # DuckDB says what it is.
    names = Counter(names_of(line.decode("utf-8-sig", "replace"))[0])
    twice = sorted(name for name in fields if names[name] > 1)
    found = None
    if not line:
        found = "an empty file"
    elif line.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in line:
        found = "UTF-16 or no text, as of Excel"
    elif len(line) > LONGEST_HEADER:
        found = f"a first line of more than {LONGEST_HEADER:,} letters"
    elif twice:
        found = f"column {', '.join(twice)} more than once"
    if found:
        raise BuildError(
            f"The conversations were refused:\n- file {file.name}, row 1: found "
            f"{found}; expected a header with names of columns. Save it as CSV UTF-8, "
            "with the columns of docs/own-conversations.md only."
        )


def fields_of(con: duckdb.DuckDBPyConnection, relation: str) -> dict[str, tuple]:
    """The fields of a relation, nested ones by dots: SQL and type by small name."""
    found: dict[str, tuple[str, str]] = {}

    def add(name: str, sql: str, kind: duckdb.sqltypes.DuckDBPyType) -> None:
        if kind.id == "struct":
            for child, inner in kind.children:
                quoted = child.replace('"', '""')
                add(f"{name}.{child}", f'{sql}."{quoted}"', inner)
        else:
            found[name.lower()] = (sql, str(kind))

    rows = con.sql(f"select * from {relation} limit 0")
    for name, kind in zip(rows.columns, rows.types, strict=True):
        if name != "source_file":
            quoted = name.replace('"', '""')
            add(name, f'"{quoted}"', kind)
    return found


def delivered_sql(con: duckdb.DuckDBPyConnection, source: Source, file: str) -> str:
    """SQL of the rows of a file in the columns of the contract, all as text, with
    row_number as in the file (the header of a CSV file is row 1)."""
    raw, _ = raw_sql(con, source, [file], numbered=True)
    return source.mapping.stated_sql(raw, ("source_file", "row_number"), COLUMNS)


def raw_sql(
    con: duckdb.DuckDBPyConnection,
    source: Source,
    files: Sequence[str],
    numbered: bool = False,
) -> tuple[str, dict[str, str]]:
    """SQL of the rows of some files: each column of the contract as its field is, and
    the types of these.

    ``numbered`` adds row_number and is for one file. Raises BuildError when a field is
    missing or looks like text.
    """
    mapping = source.mapping
    first = 2 if suffix_of(files[0]) == ".csv" else 1
    number = f", row_number() over () + {first - 1} as row_number" if numbered else ""
    relation = source.relation(con, files)
    rows = f"(select *{number} from {relation})"
    fields = fields_of(con, relation)
    refuse_text(con, mapping, relation, fields, files)
    if mapping.pivot:
        rows, fields = pivoted(rows, fields, source, numbered)
    tables = f"{rows} as delivered"
    named = {name: f"delivered.{sql}" for name, (sql, _) in fields.items()}
    if mapping.join:
        there = Source(source.name, source.joined, (), mapping)
        labels = there.relation(con, source.joined)
        own = fields_of(con, labels)
        refuse_text(con, mapping, labels, own, source.joined)
        ours, theirs = (mapping.join[key].lower() for key in ("on", "equals"))
        missing = [n for n, f in ((ours, fields), (theirs, own)) if n not in f]
        if missing:
            raise missing_fields(source, missing, [*fields, *own])
        tables += (
            f" left join {labels} as joined on "
            f"cast({named[ours]} as varchar) = "
            f"cast(joined.{own[theirs][0]} as varchar)"
        )
        named = {name: f"joined.{sql}" for name, (sql, _) in own.items()} | named
    lacking = [
        mapping.columns.get(column, column)
        for column in COLUMNS
        if mapping.columns.get(column, column).lower() not in named
        and (
            column in mapping.columns
            or column in REQUIRED
            or any(name.startswith(f"{column}.") for name in named)
        )
        and column not in mapping.constants
    ]
    if lacking:
        raise missing_fields(source, lacking, list(named))
    where = {column: mapping.columns.get(column, column).lower() for column in COLUMNS}
    columns = ", ".join(
        f"{named.get(field, 'cast(null as varchar)')} as {column}"
        for column, field in where.items()
    )
    number = "delivered.row_number, " if numbered else ""
    kinds = {
        column: fields[field][1] for column, field in where.items() if field in fields
    }
    return f"select delivered.source_file, {number}{columns} from {tables}", kinds


def pivoted(
    rows: str,
    fields: dict[str, tuple[str, str]],
    source: Source,
    numbered: bool,
) -> tuple[str, dict[str, tuple[str, str]]]:
    """One row per conversation of rows per conversation and facet, and its fields."""
    mapping = source.mapping
    name, value = (mapping.pivot[key].lower() for key in ("name", "value"))
    key = mapping.columns.get("conversation_id", "conversation_id").lower()
    missing = [each for each in (name, value, key) if each not in fields]
    if missing:
        raise missing_fields(source, missing, list(fields))
    facets = {
        where: column
        for column, where in mapping.columns.items()
        if where.lower() not in fields
    }
    kept = {
        each: field
        for each, field in fields.items()
        if each in mapping.fields and each not in (name, value)
    }
    # What differs within a conversation makes it come twice, which is refused; facets
    # may have been labelled at different times.
    last = mapping.columns.get("classified_at", "classified_at").lower()
    of_it = [sql for each, (sql, _) in kept.items() if each != last]
    parts = [
        f'{f"max({sql})" if each == last else sql} as "{each}"'
        for each, (sql, _) in kept.items()
    ]
    for facet in facets:
        given = (
            f"({fields[value][0]}) filter (where {fields[name][0]} = {literal(facet)})"
        )
        parts.append(
            f"unnest(case when min{given} < max{given} then [min{given}, max{given}] "
            f'else [min{given}] end) as "{facet.lower()}"'
        )
    number = ", min(row_number) as row_number" if numbered else ""
    sql = (
        f"(select source_file{number}, {', '.join(parts)} "
        f"from {rows} group by source_file, {', '.join(of_it)})"
    )
    own = {each: (f'"{each}"', kind) for each, (_, kind) in kept.items()}
    own |= {facet.lower(): (f'"{facet.lower()}"', "VARCHAR") for facet in facets}
    return sql, own


def refuse_text(
    con: duckdb.DuckDBPyConnection,
    mapping: Mapping,
    relation: str,
    fields: dict[str, tuple[str, str]],
    files: Sequence[str],
) -> None:
    """Raise BuildError when a field that no column is made of looks like text.

    Nothing of a text is shown: its field, its type, its length.
    """
    problems: dict[str, str] = {}
    lengths: dict[str, str] = {}
    for name, (sql, kind) in fields.items():
        # The name of a field of the contract stands for itself, whatever it is.
        if name in mapping.fields:
            continue
        if name.rpartition(".")[2] in TEXT_NAMES:
            problems[name] = "a field whose name says that it is one"
        elif kind.endswith("[]") and any(t in kind for t in ("VARCHAR", "STRUCT")):
            problems[name] = f"a list of the type {kind[:60]}"
        elif kind in ("VARCHAR", "JSON") or kind.startswith("MAP"):
            lengths[name] = f"max(length(cast({sql} as varchar)))"
    if lengths and not problems:
        few = f"(select * from {relation} limit {SAMPLE_ROWS})"
        longest = con.sql(f"select {', '.join(lengths.values())} from {few}").fetchall()
        for name, length in zip(lengths, longest[0], strict=True):
            if (length or 0) > LONGEST_NAME:
                problems[name] = f"a value of {length:,} letters"
    if problems:
        lines = [
            f"- {shown_files(files)}, column {name}: found {what}; expected labels "
            "only. No text of a conversation may come here: write the file again "
            "without this column. [text_like_columns]"
            for name, what in problems.items()
        ]
        raise BuildError("\n".join(["The conversations were refused:", *lines]))


def missing_fields(
    source: Source, missing: Sequence[str], known: Sequence[str]
) -> BuildError:
    """The error of fields that the files lack."""
    # Without a header these are values, and may be text.
    names = [name for name in sorted(known) if NAME.fullmatch(name)]
    names += ["what is no name"] * (len(names) < len(known))
    return BuildError(
        f"The conversations were refused:\n- {shown_files(source.files)}: no column "
        f"{', '.join(missing)}; found {', '.join(names[-30:])}. Rename it, or "
        "say in a mapping file which column it is (docs/own-conversations.md)."
    )


def shown_files(files: Sequence[str]) -> str:
    """Names of files for a message."""
    names = ", ".join(Path(file).name for file in files[:LISTED])
    more = len(files) - LISTED
    return f"file {names}" + (f" and {more} more" if more > 0 else "")
