"""Made-up own conversations of any size, and the same cells by DuckDB and by pandas.

``python -m benchmarks.conversations duckdb|pandas|project FOLDER`` counts what the
project counts, from the same files: alone, with nothing around it, as the baselines of
make bench.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path

import duckdb
from warehouse.paths import SIMULATED_DATA

from benchmarks.measuring import Measured, measure

MONTHS = 12
IN_MEMORY = 10_000_000  # more than that pandas can't hold
LABELS = ("collaboration", "use_case", "task_success")
# A cell is a value of each of these columns.
CELLS: tuple[tuple[str, ...], ...] = tuple(
    chain.from_iterable(
        ((*place, "task_text"), *((*place, label) for label in LABELS))
        for place in ((), ("country",), ("country", "region"))
    )
) + (
    *(("task_text", label) for label in LABELS),
    ("country",),
    ("country", "region"),
)
DRAWN = "create macro drawn(number, kinds) as cast(hash(number) % kinds as bigint)"
SAMPLE = ("source_id", "platform", "classifier_version")
ROWS = """
    copy (
        with tasks as (
            select row_number() over (order by task) - 1 as position, task
            from (
                select distinct lower(trim("Task")) as task
                from read_csv('{statements}', all_varchar = true)
            )
        )
        select
            'c{month}-' || number as conversation_id,
            'a' || drawn(number + 7, {count} * {months} // 8 + 1) as account_id,
            date '2025-01-01' + interval {month} month
            + interval (drawn(number + 1, {days})) day as started_on,
            'made_up' as source_id,
            'chat' as platform,
            ['US', 'DE', 'IN', 'BR', null][1 + drawn(number + 2, 5)] as country,
            case when drawn(number + 2, 5) = 0
                then ['US-CA', 'US-NY', 'US-TX'][1 + drawn(number + 3, 3)]
            end as region,
            tasks.task as task_text,
            ['directive', 'learning', 'task iteration', 'validation', 'feedback loop'][
                1 + drawn(number + 4, 5)] as collaboration,
            ['coursework', 'work', 'personal'][1 + drawn(number + 5, 3)] as use_case,
            ['yes', 'no'][1 + drawn(number + 6, 2)] as task_success,
            'simulated' as classifier,
            'v1' as classifier_version
        from (
            select
                range + {month} * {count} as number,
                cast(
                    pow(hash(range + {month} * {count}) % 1000000 / 1e6, 3)
                    * (select count(*) from tasks) as bigint
                ) as position
            from range({count})
        )
        inner join tasks using (position)
    ) to '{file}'
"""


def write(folder: Path, count: int, months: int = MONTHS, days: int = 28) -> None:
    """Write so many conversations as Parquet: a file a month, from 2025 on, all of them
    on its first days."""
    folder.mkdir(parents=True)
    (statements,) = SIMULATED_DATA.glob("*/data/intermediate/onet_task_statements.csv")
    with duckdb.connect() as con:
        con.execute(DRAWN)
        for month in range(months):
            sql = ROWS.format(
                statements=statements,
                month=month,
                months=months,
                days=days,
                count=count // months,
                file=folder / f"month_{month:02}.parquet",
            )
            con.execute(sql)


def by_duckdb(folder: Path) -> int:
    """The number of cells, by one scan and group, and the sums of its groups."""
    sets = ", ".join(f"(month, {', '.join((*SAMPLE, *cell))})" for cell in CELLS)
    columns = ", ".join((*SAMPLE, "task_text", *LABELS, "country", "region"))
    with duckdb.connect() as con:
        con.execute("set threads = 2")
        con.execute(
            f"""
            create table groups as
            select month, {columns}, count(*) as conversation_count,
                bit_or(1::ubigint << (hash(account_id) % 64)::integer) as accounts
            from (
                select *, date_trunc('month', started_on) as month
                from read_parquet('{folder}/*.parquet')
            )
            group by all;
            create table cells as
            select month, {columns}, sum(conversation_count) as conversation_count,
                bit_count(bit_or(accounts)) as account_count
            from groups
            group by grouping sets ({sets})
            """
        )
        return int(con.execute("select count(*) from cells").fetchall()[0][0])


def by_pandas(folder: Path) -> int:
    """The number of cells, by pandas."""
    import pandas as pd

    rows = pd.read_parquet(folder)
    rows["month"] = pd.to_datetime(rows["started_on"]).dt.to_period("M").astype(str)
    return sum(
        len(
            rows.groupby(["month", *SAMPLE, *cell], dropna=False)["account_id"].agg(
                ["size", "nunique"]
            )
        )
        for cell in CELLS
    )


def by_the_project(folder: Path, work_file: Path) -> int:
    """The number of published cells, by the part of a build that counts them."""
    from conversations.incoming import VARIABLE, keep, prepare
    from warehouse.publishing import remove_work_file
    from warehouse.runner import Dbt

    os.environ[VARIABLE] = str(folder)
    incoming = prepare(work_file, SIMULATED_DATA)
    assert incoming is not None
    remove_work_file(work_file)
    dbt = Dbt(work_file, None)
    nodes = ["--select", "+stg_conversations__values", *incoming.days]
    dbt.build(*nodes, "--exclude-resource-type", "test")
    keep(incoming)
    with duckdb.connect(str(work_file), read_only=True) as con:
        sql = "select count(*) from intermediate.int_conversation_cells_protected"
        return int(con.execute(sql).fetchall()[0][0])


def as_csv(folder: Path) -> None:
    """The same conversations as CSV, a file for each."""
    for file in folder.glob("*.parquet"):
        duckdb.execute(f"copy (from '{file}') to '{file.with_suffix('.csv')}'")
        file.unlink()


def lines(project: Path, environment: Mapping[str, str], count: int) -> Iterator[str]:
    """The lines of make bench for so many conversations; raises BenchError.

    Of the build the part that reads conversations: what follows rests on their cells,
    whose number hardly grows. It stands beside the bare scan and group of the same
    files plus what dbt costs for a thousand conversations, and a day more beside that;
    all but the first in a project that dbt has parsed before, as it mostly has.
    """
    folder = project.parent / "conversations"

    def deliver(rows: int) -> None:
        """So many conversations, of which the project has seen none."""
        shutil.rmtree(folder, ignore_errors=True)
        write(folder, rows)
        forget()

    def forget() -> None:
        shutil.rmtree(folder.with_suffix(".private"), ignore_errors=True)

    def run(way: str) -> tuple[Measured, Measured]:
        """The seconds of processors, for others may be at work, and of the clock."""
        command = [sys.executable, "-m", "benchmarks.conversations", way, folder]
        before = os.times()
        found = measure(command, project / "scripts", environment)
        now = os.times()
        seconds = now.children_user - before.children_user
        seconds += now.children_system - before.children_system
        return Measured(seconds, found.peak_mb), found

    title = f"{count:,} conversations"
    deliver(1_000)
    first, _ = run("project")
    yield first.line("dbt parses the project", first)
    forget()
    fixed, _ = run("project")
    yield fixed.line("dbt, 1,000 conversations", first)
    deliver(count)
    bare, _ = run("duckdb")
    yield bare.line(f"{title}: DuckDB alone", bare)
    whole, whole_clock = run("project")
    yield whole.line(f"{title}: build", Measured(fixed.seconds + bare.seconds, 0))
    if count <= IN_MEMORY:
        _, pandas_clock = run("pandas")
        yield whole_clock.line(f"{title}: build, on the clock", whole_clock)
        yield pandas_clock.line(f"{title}: pandas, on the clock", whole_clock)
    write(project.parent / "day", count // 365 + 1, months=1, days=1)
    # Ids of their own: what is delivered twice is refused.
    duckdb.execute(
        "copy (select * replace ('d' || conversation_id as conversation_id) "
        f"from '{project.parent}/day/*.parquet') to '{folder}/day.parquet'"
    )
    yield run("project")[0].line(f"{title}: a day more", fixed)
    as_csv(folder)
    forget()
    yield run("project")[0].line(f"{title}: build from CSV", whole)


def main(way: str, folder: Path) -> None:
    """Count in one of the ways; a later count of the project begins from the last."""
    if way == "project":
        by_the_project(folder, folder.with_suffix(".duckdb"))
        os._exit(0)  # as scripts/build.py does
    else:
        {"duckdb": by_duckdb, "pandas": by_pandas}[way](folder)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
