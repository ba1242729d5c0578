"""What a build reads of own conversations: narrow rows, and the labels they have.

A row has its day, hashes of its ids and the key of its labels; each set of labels is
written out once (``incoming.labels``). So what is asked of labels is asked of each set,
not of each row. A file is read twice: for its rows, which are written as Parquet beside
the private file until dbt has taken them (``incoming.conversations`` is a view on
them), and for its sets of labels, if it has some that no file before it had.
"""

from __future__ import annotations

import glob
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import duckdb
import numpy as np

from conversations.contract import (
    COLUMNS,
    TIMES,
    Check,
    checks,
    literal,
    moment,
    timed_sql,
)
from conversations.mapping import read_tasks
from conversations.reading import Source, raw_sql

IDS = ("conversation_id", "account_id")
LABELS = tuple(column for column in COLUMNS if column not in (*IDS, *TIMES))
LABEL_KEY = f"hash({', '.join(f'cast({column} as varchar)' for column in LABELS)})"
TYPED = {
    *("DATE", "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"),
    "TIMESTAMP WITH TIME ZONE",
}
VIEW = """
    create or replace view incoming.conversations as
    select started_on, label_key, conversation_key, account_group from {rows}
"""
# The same, when all is taken.
NOTHING = """(
    select null::varchar as source_file, null::date as started_on,
        null::ubigint as label_key, null::ubigint as conversation_key,
        null::utinyint as account_group, null::timestamp as classified_at
    where false
)"""
LATEST = """
    anti join incoming.superseded using (conversation_key, label_key, classified_at)
"""
TASK_NAMES = """
    create or replace temp table task_names as
    select lower(task_text) as task_text, any_value(lower(onet_task)) as onet_task
    from (
        select unnest($texts::varchar[]) as task_text,
            unnest($tasks::varchar[]) as onet_task
    )
    group by all
"""
# The files where labels that are not known come first. Of many files these are few.
NEW_LABELS = """
    select distinct min(source_file) over (partition by label_key)
    from (
        select distinct label_key, source_file
        from read_parquet({place}) anti join incoming.labels using (label_key)
    )
"""
# Hashes don't get smaller, and their order is nobody's.
WRITTEN = """
    copy ({rows}) to {place} (
        format parquet, compression uncompressed, dictionary_size_limit 1,
        preserve_order false
    )
"""
# So many keys are sorted at a time: a gigabyte.
MOST_SORTED = 120_000_000


@dataclass
class Rows:
    """The rows of some files, and SQL of them; ``folder`` is where they are written."""

    con: duckdb.DuckDBPyConnection
    source: Source
    folder: Path
    files: list[str] = field(default_factory=list)
    wrong_labels: int = 0

    def add(self, files: Sequence[str], days: tuple[date, date] | None = None) -> None:
        """The rows of further files too, where asked those of some days only."""
        if not files:
            return
        raw, kinds = raw_sql(self.con, self.source, files)
        typed = self.typed(kinds)
        if days:
            # Of a time as it is, so that parts of a file can be left out.
            text = self.source.mapping.column_sql("started_on")
            at = moment(text)
            if "started_on" in typed:
                at = "started_on"
            end = days[1] + timedelta(days=1)
            raw = f"from ({raw}) where {at} >= date '{days[0]}' and {at} < date '{end}'"
        place = literal(self.folder / f"{len(self.files)}.parquet")
        self.con.execute(WRITTEN.format(rows=self.narrow(raw, typed), place=place))
        self.read_labels(raw, files[:1])
        further = self.con.execute(NEW_LABELS.format(place=place)).fetchall()
        self.read_labels(raw, [file for (file,) in further])
        self.files += files

    def typed(self, kinds: Mapping[str, str]) -> set[str]:
        """The columns of times that are times already."""
        mapping = self.source.mapping
        translated = {*mapping.labels, *mapping.constants}
        return {
            column
            for column in TIMES
            if kinds.get(column) in TYPED and column not in translated
        }

    def narrow(self, raw: str, typed: Container[str]) -> str:
        """SQL of the narrow rows; one that can't be used has no day."""
        said = {
            column: column
            if column in typed
            else self.source.mapping.column_sql(column)
            for column in (*IDS, *TIMES)
        }
        wrong = " or ".join(
            f"({check.fails})"
            for check in row_checks()
            # A time has no length.
            if check.column not in typed or check.name != "text_like_columns"
        )
        # A name for each row is written once.
        names = f"enum({', '.join(map(literal, self.source.files))})"
        rows = f"""
            select source_file, {LABEL_KEY} as label_key,
                {", ".join(f"{sql} as {name}" for name, sql in said.items())}
            from ({raw})
        """
        return f"""
            select
                cast(source_file as {names}) as source_file,
                case when not coalesce({wrong}, false)
                    then cast(started_on_utc as date) end
                    as started_on,
                label_key,
                hash(conversation_id) as conversation_key,
                case when account_id is not null
                    then cast(hash(account_id) % 64 as utinyint) end as account_group,
                classified_at_utc as classified_at
            from ({timed_sql(rows)})
        """

    @property
    def sql(self) -> str:
        """SQL of the narrow rows as they are written."""
        files = literal(f"{glob.escape(str(self.folder))}/*.parquet")
        return f"read_parquet({files})" if self.files else NOTHING

    def survey(self) -> int:
        """Note of each file its days and rows; returns how many can't be used."""
        self.con.execute(
            f"""
            create or replace temp table surveyed as
            select source_file as file, min(started_on) as first_day,
                max(started_on) as last_day, count(*) as row_count,
                count(*) filter (where started_on is null) as wrong_count
            from {self.sql} group by source_file
            """
        )
        return self.number("select sum(wrong_count) from surveyed")

    def repeated_keys(self) -> np.ndarray:
        """The keys of conversations that come more than once. They are sorted, a part
        at a time, in a tenth of the time in which DuckDB counts each."""
        count = self.number(f"select count(*) from {self.sql}")
        parts = count // MOST_SORTED + 1
        found = []
        for part in range(parts):
            sql = f"from {self.sql}"
            if parts > 1:
                sql += f" where conversation_key % {parts} = {part}"
            keys = np.empty(self.number(f"select count(*) {sql}"), np.uint64)
            end = 0
            rows = self.con.sql(f"select conversation_key {sql}")
            for batch in rows.to_arrow_reader(1_000_000):
                begin, end = end, end + len(batch)
                keys[begin:end] = batch[0].to_numpy()
            keys.sort()
            found.append(np.unique(keys[1:][keys[1:] == keys[:-1]]))
        return np.concatenate(found)

    def number(self, sql: str) -> int:
        """The one number of a query."""
        return int(self.con.execute(sql).fetchall()[0][0] or 0)

    def read_labels(self, raw: str, files: Sequence[str]) -> None:
        """Write out the sets of labels of some files that are new; note how many can't
        be used."""
        if not files:
            return
        # Columns have the types that they have in all files, for keys are of these.
        raw = f"from ({raw}) where source_file in ({', '.join(map(literal, files))})"
        packed = ", ".join(f"{column} := {column}" for column in LABELS)
        sets = f"""
            select label_key, unnest(labels) from (
                select {LABEL_KEY} as label_key,
                    any_value(struct_pack({packed})) as labels
                from ({raw}) group by label_key
            )
        """
        mapping = self.source.mapping
        stated = mapping.stated_sql(sets, ("label_key",), LABELS)
        named, join = "task_text", ""
        if mapping.tasks:
            tasks = read_tasks(mapping)
            names = {"texts": list(tasks), "tasks": list(tasks.values())}
            self.con.execute(TASK_NAMES, names)
            named = "coalesce(task_names.onet_task, task_text)"
            join = "left join task_names using (task_text)"
        self.con.execute(
            f"""
            create or replace temp table read_labels as
            select label_key, source_id, platform, country, region,
                coalesce(regexp_replace(task_id, '\\.0$', ''), {named}) as task_label,
                taxonomy_version, collaboration, use_case, task_success,
                classifier, classifier_version, {failing(label_checks())} as problem
            from ({stated}) {join}
            """
        )
        self.con.execute(
            "insert into incoming.labels select * exclude (problem) from read_labels "
            "where label_key not in (select label_key from incoming.labels)"
        )
        self.wrong_labels += self.number("select count(problem) from read_labels")

    def show_to_dbt(self) -> None:
        """Let ``incoming.conversations`` be these rows, without the superseded."""
        superseded = self.number("select count(*) from incoming.superseded")
        rows = self.sql + (LATEST if superseded else "")
        self.con.execute(VIEW.format(rows=rows))


def row_checks() -> list[Check]:
    """What is asked of each row."""
    return [check for check in checks() if check.column not in LABELS]


def label_checks() -> list[Check]:
    """What is asked of each set of labels."""
    return [check for check in checks() if check.column in LABELS]


def failing(found: Sequence[Check]) -> str:
    """SQL of the position of the first check that a row fails; NULL for a good row."""
    cases = " ".join(f"when {each.fails} then {n}" for n, each in enumerate(found))
    return f"case {cases} end"
