"""Simulate releases: one into files, or many at once into DuckDB tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import duckdb

from simulation import files
from simulation.count import Sink, count_platform
from simulation.draw import Run, load_rows, prepare
from simulation.model import PLATFORM_LABELS, PLATFORMS, Model
from simulation.plan import Plan
from simulation.publish import Rules, load_labels, publish_platform
from simulation.task_lists import redrawn
from simulation.truth import add_counts, add_parameters, create_truth_tables

SUPERPOPULATION = "superpopulation"
# The conversations in the columns of docs/own-conversations.md.
MAPPING = """\
columns: {started_on: conversation_date, task_text: task}
constants: {source_id: made_up}
labels: {task_text: {not_classified: ''}, country: {not_classified: ''}}
"""


def open_database(
    path: str = ":memory:", threads: int | None = None
) -> duckdb.DuckDBPyConnection:
    """A DuckDB connection with bounded memory; what does not fit spills to disk."""
    con = duckdb.connect(path)
    con.execute("set memory_limit = '3GB'")
    con.execute("set preserve_insertion_order = false")
    if threads is not None:
        con.execute(f"set threads = {threads}")
    return con


def release_runs(
    model: Model,
    count: int,
    conversations: dict[str, int],
    seed: int,
    tasks_per_release: int | None = None,
    prefix: str = "simulated",
) -> list[Run]:
    """Runs of ``count`` releases of the same size, each with its own seed.

    ``conversations``: number per release, by platform. With ``tasks_per_release``,
    each release's task list is drawn anew, without replacement, from the model's
    tasks (pass a ``superpopulation``); without it, all use the whole list.
    """
    return [
        Run(
            run_no=number,
            release_id=f"{prefix}_{number:04d}",
            seed=seed * 100_000 + number,
            conversations=conversations,
            members=(
                None
                if tasks_per_release is None
                else redrawn(model, tasks_per_release, seed, number)
            ),
        )
        for number in range(count)
    ]


def simulate_releases(
    con: duckdb.DuckDBPyConnection,
    model: Model,
    runs: Sequence[Run],
    plan: Plan,
    rules: Rules | None = None,
    conversations: Path | None = None,
    with_truth: bool = True,
) -> None:
    """Draw and publish many releases at once, with their truth, into tables of ``con``.

    The result depends on the model, the runs, the plan and the rules only.
    ``conversations`` is a folder for the conversations themselves (see
    ``conversation_sink``). Without the truth, its tables stay empty. Other tables that
    the engine leaves in ``con`` are not part of the contract. Tables (replaced if they
    exist):

    ``release_row``
        what each release publishes: ``release_id``, ``platform``, then the ten columns
        of the raw layout (``date_start`` and ``date_end`` as text; ``level`` integer;
        ``value`` double). Counts are conversations (API: records).
    ``release_size``
        ``release_id``, ``platform``, ``conversations`` drawn.
    ``release_statement``
        task texts and holders, in the columns of ``onet_task_statements.csv``, for
        every task of the model. A redrawn list publishes some of them.
    ``release_country``
        countries, in the columns of ``iso_country_codes.csv``.
    ``truth_cell``
        unsuppressed counts: ``release_id``, ``platform``, ``geography``, ``geo_id``,
        ``facet``, ``task``, ``category``, ``conversations``. World: by task (facet
        ``onet_task`` has an empty category, answers have theirs; pseudo-tasks are
        ``none`` and ``not_classified``, and a category ``not_classified`` is the
        classifier's own, never suppression). Countries and regions: ``onet_task`` by
        task, answers with an empty task. Numeric facets: category = value in parts.
    ``task_parameter``
        ``release_id``, ``platform``, ``task``, ``is_coordinated``, ``probability`` that
        a conversation is of this task and kind of traffic; sums to 1 per release.
    ``answer_parameter``
        ``platform``, ``task``, ``is_coordinated``, ``facet``, ``category``, ``share``
        of the task: the same in every release.
    ``country_parameter``
        Claude.ai: ``release_id``, ``geo_id``, ``facet``, ``category``, ``value``: share
        of the country's conversations, with facet ``onet_task`` and category
        ``education`` for those in tasks with a 25- holder, and facet ``usage`` for the
        country's share of the sample.

    A release with a redrawn list has the parameters of that list (target of a Wilson
    interval). If any list is redrawn, ``task_parameter`` also holds the release id
    ``superpopulation``: the same over the whole list that the lists are drawn from
    (target of an interval that treats tasks as sampled).

    Raises ValueError for repeated run numbers or release ids, or for a list that
    leaves education (or all else) without a task.
    """
    ids = [r.release_id for r in runs]
    numbers = [r.run_no for r in runs]
    if len(set(ids)) < len(ids) or len(set(numbers)) < len(numbers):
        raise ValueError(
            "observed: runs that share a release id or a run number; expected: each "
            "its own; do: number the runs from 0 and name them apart"
        )
    used = rules or Rules.of(model)
    wanted = replace(plan, written=files.CONVERSATION_FACETS) if conversations else plan
    load_labels(con, model, wanted)
    create_truth_tables(con)
    con.execute(
        "create or replace table release_row (release_id varchar, platform varchar, "
        "geo_id varchar, geography varchar, date_start varchar, date_end varchar, "
        "platform_and_product varchar, facet varchar, level integer, "
        "variable varchar, cluster_name varchar, value double)"
    )
    load_rows(
        con,
        "release_size",
        "release_id varchar, platform varchar, conversations bigint",
        [[r.release_id, p, n] for r in runs for p, n in r.conversations.items()],
    )
    for table, columns, rows in (
        ("release_statement", files.STATEMENT_COLUMNS, files.statement_rows(model)),
        ("release_country", files.COUNTRY_COLUMNS, files.country_code_rows(model)),
    ):
        load_rows(con, table, ", ".join(f'"{c}" varchar' for c in columns), rows)
    is_redrawn = any(r.members is not None for r in runs)
    for platform in PLATFORMS:
        sink = conversations and conversation_sink(platform, conversations, runs)
        slots = count_platform(con, model, platform, runs, wanted, sink)
        publish_platform(con, model, wanted, used)
        con.execute(
            f"insert into release_row select run.release_id, '{platform}', "
            f"geo_id, geography, '{files.DATE_START}', '{files.DATE_END}', "
            f"'{PLATFORM_LABELS[platform]}', facet, level, variable, cluster_name, "
            "value from published_row inner join run using (run_no)"
        )
        if not with_truth:
            continue
        add_counts(con, platform)
        add_parameters(con, platform, slots)
        if is_redrawn:
            nothing = dict.fromkeys(PLATFORMS, 0)
            whole = Run(0, SUPERPOPULATION, 0, nothing)
            add_parameters(con, platform, prepare(con, model, platform, [whole]))
    con.execute(f"delete from country_parameter where release_id = '{SUPERPOPULATION}'")


def conversation_sink(platform: str, folder: Path, runs: Sequence[Run]) -> Sink:
    """A sink that writes each slice of drawn conversations as one Parquet file.

    ``<folder>/<platform>/part_00000.parquet`` and so on, one row per conversation:

    ======================= ========= ==============================================
    column                  type      meaning
    ======================= ========= ==============================================
    conversation_id         varchar   release id, platform and number, unique
    conversation_date       date      one of the window's seven days
    platform                varchar   claude_ai or 1p_api
    country                 varchar   alpha-2 or not_classified; NULL on the API
    task                    varchar   lower-cased task, none or not_classified
    collaboration           varchar   pattern, labels as in the raw files
    use_case                varchar   coursework, work, personal or not_classified
    task_success            varchar   yes, no or not_classified
    classifier_version      varchar   always simulated_classifier_1
    ======================= ========= ==============================================

    Rows are in the order of the conversation number; the folder is of one release. Its
    mapping.yml makes it a source of own conversations.
    """
    release_id = runs[0].release_id
    target = folder / platform
    target.mkdir(parents=True, exist_ok=True)
    (folder / "mapping.yml").write_text(MAPPING, encoding="utf-8")
    country = "place.geo_id" if platform == "claude_ai" else "null::varchar"
    labels = {
        f: f"(select label from category where facet = '{f}' and code = drawn.{f})"
        for f in files.CONVERSATION_FACETS
    }
    answers = ", ".join(f"{label} as {f}" for f, label in labels.items())

    def write(con: duckdb.DuckDBPyConnection, number: int) -> None:
        path = target / f"part_{number:05d}.parquet"
        con.execute(
            f"copy (select '{release_id}-{platform}-' || "
            "lpad(drawn.conversation_no::varchar, 10, '0') as conversation_id, "
            f"date '{files.DATE_START}' + drawn.day_no::integer as conversation_date, "
            f"'{platform}' as platform, {country} as country, node.label as task, "
            f"{answers}, '{files.CLASSIFIER}' as classifier_version from drawn "
            "inner join node on drawn.task_no = node.task_no "
            "and node.base = 'onet_task' and node.style = 0 "
            "left join place on place.place_kind = 1 "
            "and drawn.country_no = place.place_no "
            f"order by drawn.conversation_no) to '{path}' "
            "(format parquet, compression zstd)"
        )

    return write
