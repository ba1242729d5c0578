"""What is wrong with delivered rows: found on reading, then looked up by row."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import duckdb

from conversations.contract import Check, checks
from conversations.reading import Source, delivered_sql

COLUMNS = """
    source_file varchar, started_on date, conversation_key ubigint,
    account_key ubigint, source_id varchar, platform varchar, country varchar,
    region varchar, task_label varchar, taxonomy_version varchar,
    collaboration varchar, use_case varchar, task_success varchar,
    classifier varchar, classifier_version varchar, classified_at timestamp,
    problem utinyint
"""
KEY = "source_id, platform, classifier_version, conversation_key"
# By one number first: nearly all are there once.
TWICE = f"""
    select {KEY}, count(*) as row_count from incoming.conversations
    where conversation_key in (
        select conversation_key from incoming.conversations
        group by conversation_key having count(*) > 1
    )
    group by {KEY}
    having
        count(*) > 1
        and (
            count(distinct classified_at) < count(*)
            or count(distinct started_on) > 1
        )
"""
ON_ANOTHER_DAY = """
    select distinct
        source_id, platform, new.classifier_version, conversation_key, 2 as row_count
    from incoming.conversations as new
    inner join private.stg_conversations__labelled as old
        using (source_id, platform, conversation_key)
    where
        new.classifier_version is not distinct from old.classifier_version
        and old.started_on not between
            (select min(started_on) from incoming.conversations)
            and (select max(started_on) from incoming.conversations)
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


def table_sql() -> str:
    """The table that delivered rows come into, empty."""
    return f"create table incoming.conversations ({COLUMNS})"


def failing(found: Sequence[Check]) -> str:
    """SQL of the position of the first check that a row fails; NULL for a good row."""
    cases = " ".join(f"when {each.fails} then {n}" for n, each in enumerate(found))
    return f"case {cases} end"


def insert_sql(delivered: str, has_task_names: bool) -> str:
    """SQL that adds delivered rows, typed, to incoming.conversations."""
    named = "coalesce(task_names.onet_task, " if has_task_names else "("
    join = "left join task_names using (task_text)" if has_task_names else ""
    return f"""
        insert into incoming.conversations
        select
            source_file,
            cast(try_cast(started_on as timestamp) as date),
            hash(conversation_id),
            case when account_id is not null then hash(account_id) end,
            source_id, platform, country, region,
            coalesce(regexp_replace(task_id, '\\.0$', ''), {named}task_text)),
            taxonomy_version, collaboration, use_case, task_success,
            classifier, classifier_version,
            try_cast(classified_at as timestamp),
            {failing(checks())}
        from ({delivered}) {join}
    """


def of_rows(con: duckdb.DuckDBPyConnection, source: Source) -> list[str]:
    """A line for each problem of the rows at hand, the first of each kind and file."""
    asked = checks()
    failed = con.execute(
        "select source_file, problem, count(*) from incoming.conversations "
        "where problem is not null group by all order by problem, source_file"
    ).fetchall()
    found = [
        located(con, source, file, asked[number], count)
        for file, number, count in failed[:MOST_SHOWN]
    ]
    return found or repeated(con, source)


def located(
    con: duckdb.DuckDBPyConnection, source: Source, file: str, check: Check, count: int
) -> str:
    """The line of the first row of a file that fails a check."""
    rows = delivered_sql(con, source, [file], numbered=True)
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


def repeated(con: duckdb.DuckDBPyConnection, source: Source) -> list[str]:
    """Conversations that are delivered twice, or again under another day."""
    known = con.execute(
        "select count(*) from duckdb_tables() where schema_name = 'private' "
        "and table_name = 'stg_conversations__labelled'"
    ).fetchone()
    kinds = [TWICE] + ([ON_ANOTHER_DAY] if known and known[0] else [])
    found = []
    for sql in kinds:
        keys = con.execute(
            f"select *, count(*) over () from ({sql}) order by all limit {MOST_OF_ONE}"
        ).fetchall()
        for *_, key, count, total in keys:
            found.append(twice(con, source, key, count, total))
    return found


def twice(
    con: duckdb.DuckDBPyConnection, source: Source, key: int, count: int, total: int
) -> str:
    """The line of one conversation that is delivered several times."""
    places: list[tuple[str, int]] = []
    files = con.execute(
        "select distinct source_file from incoming.conversations "
        "where conversation_key = ? order by source_file",
        [key],
    ).fetchall()
    for (file,) in files:
        rows = delivered_sql(con, source, [file], numbered=True)
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
        observed = f"one conversation {count} times ({where})"
    check = Check(
        "duplicate_ids",
        "conversation_id",
        "",
        "each conversation once for each version of a classifier, on one day",
        f"Take the copies out ({total:,} conversations have some); one that was "
        "labelled again needs a later classified_at.",
    )
    return line(check, file, number, observed)


def text(found: Sequence[str]) -> str:
    """The message of a refusal."""
    head = f"The conversations were refused; {len(found)} problem(s):"
    return "\n".join([head, *found])
