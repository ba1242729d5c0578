"""Made-up own conversations of any size, and the same cells by DuckDB and by pandas.

``python -m benchmarks.conversations duckdb|pandas FOLDER`` counts what the project
counts, from the same files, with nothing around it: the baselines of make bench.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path

import duckdb
from warehouse.paths import SIMULATED_DATA

from benchmarks.measuring import Measured, measure

MONTHS = 12
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
    """The number of cells, by one scan and group."""
    sets = ", ".join(f"(month, {', '.join((*SAMPLE, *cell))})" for cell in CELLS)
    columns = ", ".join((*SAMPLE, "task_text", *LABELS, "country", "region"))
    with duckdb.connect() as con:
        con.execute("set threads = 2")
        con.execute(
            f"""
            create table cells as
            select month, {columns}, count(*) as conversation_count,
                count(distinct account_id) as account_count
            from (
                select *, date_trunc('month', started_on) as month
                from read_parquet('{folder}/*.parquet')
            )
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


def lines(project: Path, environment: Mapping[str, str], count: int) -> Iterator[str]:
    """The lines of make bench for so many conversations; raises BenchError.

    The build is beside one without conversations and the bare scan of the same files;
    a day more is beside the build without.
    """
    folder = project.parent / "conversations"
    write(folder, count)
    build = [sys.executable, "scripts/build.py", "--no-docs"]
    own = {**environment, "AEI_CONVERSATIONS": str(folder)}
    alone = [sys.executable, "-m", "benchmarks.conversations"]
    without = measure(build, project, environment)
    bare, pandas = (
        measure([*alone, way, folder], project / "scripts", environment)
        for way in ("duckdb", "pandas")
    )
    title = f"{count:,} conversations"
    yield bare.line(f"{title}: DuckDB alone", bare)
    yield pandas.line(f"{title}: pandas alone", bare)
    whole = Measured(without.seconds + bare.seconds, 0)
    yield measure(build, project, own).line(f"{title}: build", whole)
    write(project.parent / "day", count // 365 + 1, months=1, days=1)
    # Ids of their own: what is delivered twice is refused.
    duckdb.execute(
        "copy (select * replace ('d' || conversation_id as conversation_id) "
        f"from '{project.parent}/day/*.parquet') to '{folder}/day.parquet'"
    )
    yield measure(build, project, own).line(f"{title}: a day more", without)


if __name__ == "__main__":
    print({"duckdb": by_duckdb, "pandas": by_pandas}[sys.argv[1]](Path(sys.argv[2])))
