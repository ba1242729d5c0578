"""What is wrong with delivered rows: found on reading, then looked up by row."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import duckdb

from conversations.contract import COLUMNS, Check, checks, timed_sql
from conversations.reading import Source, delivered_sql, raw_sql
from conversations.rows import Rows, failing

KEY = "source_id, platform, classifier_version, conversation_key"
REPEATED = """
    create or replace temp table repeated as
    select source_file, started_on, label_key, conversation_key, classified_at
    from {rows} semi join repeated_keys using (conversation_key)
"""
TWICE = f"""
    select {KEY}, count(*) as row_count
    from repeated inner join incoming.labels using (label_key)
    group by {KEY}
    having
        count(*) > 1
        and (
            count(distinct classified_at) < count(*)
            or count(distinct started_on) > 1
        )
"""
# A conversation that was labelled again by the same version counts as labelled last.
SUPERSEDED = f"""
    insert into incoming.superseded
    select conversation_key, label_key, classified_at
    from repeated inner join incoming.labels using (label_key)
    qualify row_number() over (partition by {KEY} order by classified_at desc) > 1
"""
ON_ANOTHER_DAY = """
    create or replace temp table on_another_day as
    select new.source_file, new.label_key, new.conversation_key, old.label_key as old
    from {rows} as new
    inner join private.stg_conversations__labelled as old using (conversation_key)
    where old.started_on not between date '{first}' and date '{last}'
"""
MOVED = """
    select distinct
        was.source_id, was.platform, was.classifier_version,
        conversation_key, 2 as row_count
    from on_another_day
    inner join incoming.labels as now using (label_key)
    inner join incoming.labels as was on old = was.label_key
    where
        (now.source_id, now.platform) = (was.source_id, was.platform)
        and now.classifier_version is not distinct from was.classifier_version
"""
MOST_SHOWN, MOST_OF_ONE = 10, 3
LONGEST_SHOWN = 30


def line(
    check: Check, file: str, number: int | None, observed: str, has_more: bool = False
) -> str:
    """A row, or the first of several, that stops the ingest, as a line of a message."""
    row = f", row {number:,}" if number else ""
    more = " (and other rows)" if has_more else ""
    return (
        f"- file {file}{row}, column {check.column}: found {observed}"
        f"{more}; expected {check.expected}. {check.advice} [{check.name}]"
    )


def of_rows(
    con: duckdb.DuckDBPyConnection, source: Source, files: Sequence[str]
) -> list[str]:
    """A line for each problem of the rows of some files, the first of each kind and
    file."""
    asked = checks()
    raw, _ = raw_sql(con, source, files)
    stated = timed_sql(source.mapping.stated_sql(raw, ("source_file",), COLUMNS))
    failed = con.execute(
        f"select source_file, {failing(asked)} as problem, count(*) from ({stated}) "
        "where problem is not null group by all order by problem, source_file "
        f"limit {MOST_SHOWN}"
    ).fetchall()
    return [
        located(con, source, file, asked[number], count)
        for file, number, count in failed
    ]


def located(
    con: duckdb.DuckDBPyConnection, source: Source, file: str, check: Check, count: int
) -> str:
    """The line of the first row of a file that fails a check."""
    rows = timed_sql(delivered_sql(con, source, file))
    condition = f"({check.fails})"
    # Never text: a label that is known to nobody may be some.
    shown = (
        f"case when {check.column} is null then 'nothing' "
        f"when length({check.column}) > {LONGEST_SHOWN} "
        f"or {check.column} like '% % %' "
        f"then 'a value of ' || length({check.column}) || ' letters' "
        f"else '\"' || {check.column} || '\"' end"
    )
    row = con.execute(
        f"select row_number, {shown} from ({rows}) where {condition} "
        "order by row_number limit 1"
    ).fetchone() or (None, None)
    return line(check, Path(file).name, row[0], row[1] or "nothing", count > 1)


def repeated(
    con: duckdb.DuckDBPyConnection, source: Source, rows: Rows, days: tuple[date, date]
) -> list[str]:
    """Conversations that are delivered twice, or again under another day. What is left
    are those that were labelled again: ``incoming.superseded`` are earlier rows."""
    con.register("repeated_keys", {"conversation_key": rows.repeated_keys()})
    con.execute(REPEATED.format(rows=rows.sql))
    found = of_keys(con, source, TWICE, "repeated")
    if found:
        return found
    con.execute(SUPERSEDED)
    known = con.execute(
        "select count(*) from duckdb_tables() where schema_name = 'private' "
        "and table_name = 'stg_conversations__labelled'"
    ).fetchone()
    if not known or not known[0]:
        return []
    first, last = days
    con.execute(ON_ANOTHER_DAY.format(rows=rows.sql, first=first, last=last))
    return of_keys(con, source, MOVED, "on_another_day")


def of_keys(
    con: duckdb.DuckDBPyConnection, source: Source, sql: str, table: str
) -> list[str]:
    """The lines of the first conversations that SQL finds in a table."""
    keys = con.execute(
        f"select *, count(*) over () from ({sql}) order by all limit {MOST_OF_ONE}"
    ).fetchall()
    return [
        twice(con, source, table, key, count, total) for *_, key, count, total in keys
    ]


def twice(
    con: duckdb.DuckDBPyConnection,
    source: Source,
    table: str,
    key: int,
    count: int,
    total: int,
) -> str:
    """The line of one conversation that is delivered several times."""
    places: list[tuple[str, int]] = []
    files = con.execute(
        f"select distinct source_file from {table} where conversation_key = ? "
        "order by source_file",
        [key],
    ).fetchall()
    for (file,) in files:
        rows = delivered_sql(con, source, file)
        places += [
            (Path(file).name, number)
            for (number,) in con.execute(
                f"select row_number from ({rows}) where "
                f"hash(conversation_id) = {key} order by 1 limit 3"
            ).fetchall()
        ]
    where = ", ".join(f"{file} row {number:,}" for file, number in places)
    file, number = places[0] if places else ("(gone)", None)
    observed = "a conversation that an earlier file has on another day"
    if len(places) > 1:
        observed = f"one conversation {count} times ({where}; hash of its id {key})"
    of_facets = ", with one value of each facet" if source.mapping.pivot else ""
    check = Check(
        "duplicate_ids",
        "conversation_id",
        "",
        "each conversation once for each version of a classifier, on one day"
        + of_facets,
        f"Take the copies out ({total:,} conversations have some); one that was "
        "labelled again needs a later classified_at.",
    )
    return line(check, file, number, observed)


def text(found: Sequence[str]) -> str:
    """The message of a refusal."""
    head = f"The conversations were refused; {len(found)} problem(s):"
    return "\n".join([head, *found])
