"""Read own conversations into the private file: what has changed since the last build.

The file holds, beside what dbt keeps there, the ledger of the delivered files, the sets
of labels (``incoming.labels``), the rows of the days that have changed
(``incoming.conversations``) and those days (``incoming.changes``). It lies in a folder
of its own that only its owner may enter: so do those rows, the log of what is written
and what does not fit in memory. A build that ends before ``keep`` is started again from
the same days, so that what it has left half done is done.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import duckdb
import yaml
from warehouse.errors import BuildError
from warehouse.paths import PROJECT, shown
from warehouse.reading import attach

from conversations import problems
from conversations.mapping import Mapping, find, read_tasks
from conversations.reading import Source, find_source
from conversations.rows import NOTHING, VIEW, Rows

VARIABLE = "AEI_CONVERSATIONS"
# What is kept from one build to the next is forgotten when its meaning changes.
VERSION = "6"
# A change of so many days is read by the day, of more by the month; a first one, and
# one of years, by the year: each batch costs dbt as much as some hundred thousand rows.
MOST_DAYS, MOST_MONTHS = 31, 24
TABLES = """
    set TimeZone = 'UTC';
    create schema if not exists incoming;
    create table if not exists incoming.meta (fingerprint varchar);
    create table if not exists incoming.files (
        file varchar primary key, byte_count bigint, modified bigint,
        first_day date, last_day date, row_count bigint
    );
    create table if not exists incoming.changes (first_day date, last_day date);
    create table if not exists incoming.labels (
        label_key ubigint, source_id varchar, platform varchar, country varchar,
        region varchar, task_label varchar, taxonomy_version varchar,
        collaboration varchar, use_case varchar, task_success varchar,
        classifier varchar, classifier_version varchar
    );
    create or replace table incoming.superseded (
        conversation_key ubigint, label_key ubigint, classified_at timestamp
    );
"""

# Of the rows nothing, of the labels those that some conversation has.
FORGET = f"""
    {VIEW.format(rows=NOTHING)};
    delete from incoming.labels where label_key not in (
        select label_key from private.int_conversation_groups
    );
"""
NOT_SHOWN = """
    select release_id || ', ' || platform || ', from ' || window_start_date
    from private_state.private.int_conversation_windows
    anti join work.intermediate.int_conversation_cells_protected
        using (release_id, platform, window_start_date)
    order by all
"""


@dataclass(frozen=True)
class Incoming:
    """What a build has to do: the private file, and the days that dbt reads anew."""

    private_file: Path
    first_day: date | None
    last_day: date | None
    batch_size: str
    note: str
    left_out: str

    @property
    def days(self) -> tuple[str, ...]:
        """Arguments of dbt: the batches of the changed days; none where none has."""
        if self.first_day is None or self.last_day is None:
            return ()
        end = self.last_day + timedelta(days=1)
        return (
            *("--event-time-start", self.first_day.isoformat()),
            *("--event-time-end", end.isoformat()),
        )


def private_file(work_file: Path) -> Path:
    """Where the conversations of a work file are kept; never published."""
    return work_file.with_suffix(".private") / "conversations.duckdb"


def remove_older(work_file: Path) -> list[str]:
    """Remove the private file as earlier versions named it; a note for each file."""
    older = work_file.with_suffix(".private.duckdb")
    found = [file for file in (older, Path(f"{older}.wal")) if file.is_file()]
    for file in found:
        file.unlink()
    return [
        f"removed {shown(file)}: private cells of an earlier version, of no use now"
        for file in found
    ]


def forget_rows(place: Path) -> None:
    """Remove the rows that were read for dbt, of this build or one that has ended."""
    for folder in place.parent.glob("rows_*"):
        shutil.rmtree(folder)


def prepare(work_file: Path, data_dir: Path) -> Incoming | None:
    """Read and check what AEI_CONVERSATIONS names; None where it names nothing.

    Sets AEI_PRIVATE_FILE and AEI_BATCH_SIZE for dbt. Raises BuildError with each
    problem, and then the state of the last build is as it was.
    """
    named = os.environ.get(VARIABLE, "")
    if not named:
        os.environ.pop("AEI_PRIVATE_FILE", None)
        return None
    try:
        mapping = find(Path(named).expanduser())
        source = find_source(named, mapping)
        fingerprint = fingerprint_of(mapping, source, data_dir)
    except OSError as error:
        raise BuildError(
            f"{error.filename or named} can't be read: {error.strerror}. Expected "
            "files and folders that you may read: change their rights, or take them "
            "out of the conversations."
        ) from None
    place = private_file(work_file)
    if is_stale(place, fingerprint):
        shutil.rmtree(place.parent)
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    forget_rows(place)
    try:
        # As dbt has it (profiles.yml); what does not fit goes beside the private file.
        limit = {"memory_limit": os.environ.get("AEI_MEMORY_LIMIT") or "1GB"}
        with duckdb.connect(str(place), config=limit) as con:
            con.execute(TABLES)
            con.execute("delete from incoming.meta")
            con.execute("insert into incoming.meta values (?)", [fingerprint])
            if source.table:
                attach(con, Path(source.files[0]), "delivered")
            incoming = read(con, source, place)
    except (duckdb.Error, BuildError) as error:
        forget_rows(place)
        if isinstance(error, BuildError):
            raise
        raise BuildError(unreadable(named, str(error))) from None
    os.environ["AEI_PRIVATE_FILE"] = str(place)
    os.environ["AEI_BATCH_SIZE"] = incoming.batch_size
    return incoming


def unreadable(named: str, error: str) -> str:
    """What stopped DuckDB; most of its text may quote the file."""
    file = re.search(r"^\s*file = (.+)$", error, re.MULTILINE)
    what = error.splitlines()[0].rstrip(" .")
    if re.search("unicode|utf-?8", error, re.IGNORECASE):
        what += ", where the text is not UTF-8: save it so"
    return (
        f"The conversations of {file[1] if file else named} can't be read: {what}. "
        "Expected Parquet, CSV with a header and as many values in each row, or JSON "
        "lines; nothing of them was taken."
    )


def is_stale(place: Path, fingerprint: str) -> bool:
    """Whether what is kept was made under other settings, or can't be read."""
    if not place.is_file():
        return False
    try:
        with duckdb.connect(str(place), read_only=True) as con:
            return con.execute("from incoming.meta").fetchall() != [(fingerprint,)]
    except duckdb.Error as error:
        if "Could not set lock" in str(error):
            raise BuildError(
                f"Another program has {place} open; close it there, and build again."
            ) from error
        return True


def fingerprint_of(mapping: Mapping, source: Source, data_dir: Path) -> str:
    """What the kept counts depend on beside the conversations themselves."""
    settings = yaml.safe_load((PROJECT / "dbt_project.yml").read_text())["vars"]
    own = sorted((k, v) for k, v in settings.items() if k == "own_window")
    lists = sorted(data_dir.glob("*/data/intermediate/onet_task_statements.csv*"))
    read = [
        *(f"{path.name} {path.stat().st_size}" for path in lists),
        sorted(read_tasks(mapping).items()),
    ]
    # Keys are hashes of this version of DuckDB.
    version = VERSION, duckdb.__version__
    said = repr((version, mapping.text, own, read, source.name))
    return hashlib.sha256(said.encode()).hexdigest()


def read(con: duckdb.DuckDBPyConnection, source: Source, place: Path) -> Incoming:
    """Bring the rows of the changed days; raises BuildError with each problem."""
    seen = {
        file: (size, modified)
        for file, size, modified in con.execute(
            "select file, byte_count, modified from incoming.files"
        ).fetchall()
    }
    now = {file: stamp(file) for file in source.files}
    joined = {file: stamp(file) for file in source.joined}
    if any(seen.get(file) != at for file, at in joined.items()):
        seen = {}
    changed = [file for file, at in now.items() if seen.get(file) != at]
    is_first = not seen
    con.execute("begin")
    con.execute("create temp table arrived (file varchar)")
    con.executemany(
        "insert into arrived values (?)", [[f] for f in (*now, *joined)] or [[""]]
    )
    gone = con.execute(
        "select file from incoming.files where file not in (from arrived)"
    ).fetchall()
    rows = Rows(con, source, Path(tempfile.mkdtemp(prefix="rows_", dir=place.parent)))
    rows.add(changed)
    found = problems.of_rows(con, source, changed) if rows.survey() else []
    refuse(con, found)
    first, last = changed_days(con, [*changed, *(file for (file,) in gone)])
    size = batch_size(first, last, is_first)
    if first and last:
        first, last = whole_batches(first, last, size)
        unchanged = con.execute(
            "select file from incoming.files "
            "where first_day <= ? and last_day >= ? and file in (from arrived)",
            [last, first],
        ).fetchall()
        others = [file for (file,) in unchanged if file not in changed]
        rows.add(others, (first, last))
        if rows.wrong_labels:
            refuse(con, problems.of_rows(con, source, rows.files))
        refuse(con, problems.repeated(con, source, rows, (first, last)))
    refuse_changed(
        {file: at for file, at in now.items() if file in rows.files} | joined
    )
    rows.show_to_dbt()
    keep_ledger(con, now | joined, [*changed, *joined])
    con.execute("delete from incoming.changes")
    con.execute("insert into incoming.changes values (?, ?)", [first, last])
    con.execute("commit")
    note = (
        f"{len(changed):,} of {len(now):,} files new or changed, {len(gone):,} gone; "
        + (f"days {first} to {last} are read" if first else "nothing to read")
        + (f"; {source.left_out}" if source.left_out else "")
    )
    return Incoming(place, first, last, size, note, source.left_out)


def refuse(con: duckdb.DuckDBPyConnection, found: Sequence[str]) -> None:
    """Leave all as it was and raise BuildError, where problems were found."""
    if found:
        con.execute("rollback")
        raise BuildError(problems.text(found))


def stamp(file: str) -> tuple[int, int]:
    """Size and time of change of a file: what tells it from its next version. What a
    program has not yet written into a DuckDB file lies beside it."""
    parts = [Path(file).stat()]
    if Path(f"{file}.wal").is_file():
        parts.append(Path(f"{file}.wal").stat())
    return sum(part.st_size for part in parts), max(part.st_mtime_ns for part in parts)


def refuse_changed(read: dict[str, tuple[int, int]]) -> None:
    """Raise BuildError when a file is not as it was before it was read."""
    for file, before in read.items():
        if not Path(file).is_file() or stamp(file) != before:
            raise BuildError(
                f"The file {Path(file).name} has changed while the build read it; "
                "build again when it is written."
            )


def changed_days(
    con: duckdb.DuckDBPyConnection, files: Sequence[str]
) -> tuple[date | None, date | None]:
    """The first and last day of what arrived, of what these files held before, and of
    what an interrupted build has left."""
    row = con.execute(
        """
        select min(first_day), max(last_day) from (
            select first_day, last_day from surveyed
            union all
            select first_day, last_day from incoming.files where file in (
                select unnest(?)
            )
            union all from incoming.changes
        )
        """,
        [list(files)],
    ).fetchone()
    return row or (None, None)


def batch_size(first: date | None, last: date | None, is_first: bool) -> str:
    """The batches in which dbt reads the days."""
    if is_first or first is None or last is None:
        return "year"
    days = (last - first).days + 1
    if days <= MOST_DAYS:
        return "day"
    return "month" if days <= MOST_MONTHS * 30 else "year"


def whole_batches(first: date, last: date, size: str) -> tuple[date, date]:
    """The days of the batches that the days lie in: dbt replaces whole ones."""
    if size == "year":
        return date(first.year, 1, 1), date(last.year, 12, 31)
    if size == "month":
        after = (last.replace(day=1) + timedelta(days=32)).replace(day=1)
        return first.replace(day=1), after - timedelta(days=1)
    return first, last


def keep_ledger(
    con: duckdb.DuckDBPyConnection,
    now: dict[str, tuple[int, int]],
    changed: Sequence[str],
) -> None:
    """Write which files were read, with the days that they hold."""
    con.execute("delete from incoming.files where file not in (from arrived)")
    held = {
        file: days
        for file, *days in con.execute(
            "select file, first_day, last_day, row_count from surveyed"
        ).fetchall()
    }
    for file in changed:
        con.execute(
            "insert or replace into incoming.files values (?, ?, ?, ?, ?, ?)",
            [file, *now[file], *held.get(file, (None, None, 0))],
        )


def keep(incoming: Incoming | None) -> None:
    """Say that dbt has taken the changed days: the next build begins from here."""
    if incoming is None:
        return
    with duckdb.connect(str(incoming.private_file)) as con:
        con.execute("delete from incoming.changes")
        con.execute("insert into incoming.changes values (null, null)")
        con.execute(FORGET)
    forget_rows(incoming.private_file)


def not_shown(work_file: Path, private_file: Path) -> list[str]:
    """A sentence on each window without a published cell; never how small it is."""
    with duckdb.connect() as con:
        attach(con, work_file, "work")
        attach(con, private_file, "private_state")
        windows = con.execute(NOT_SHOWN).fetchall()
    return [
        f"{window}: not shown. It has not been over for own_closing_days, is under "
        "own_floors, or holds nearly the conversations of another version of the "
        "classifier (docs/disclosure.md)."
        for (window,) in windows
    ]
