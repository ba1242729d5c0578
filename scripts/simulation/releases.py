"""Simulate releases: one into files, or many at once into DuckDB tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import duckdb

from simulation import files
from simulation.count import SLICE, Sink, count_platform
from simulation.draw import Run, load_rows, prepare
from simulation.model import PLATFORM_LABELS, PLATFORMS, Model
from simulation.plan import Plan
from simulation.publish import Rules, load_labels, publish_platform
from simulation.task_lists import redrawn
from simulation.truth import add_counts, add_parameters, create_truth_tables

SUPERPOPULATION = "superpopulation"


def open_database(
    path: str = ":memory:",
    memory_limit: str = "3GB",
    threads: int | None = None,
    temp_directory: Path | None = None,
) -> duckdb.DuckDBPyConnection:
    """A DuckDB connection with bounded memory; what does not fit spills to disk."""
    con = duckdb.connect(path)
    con.execute(f"set memory_limit = '{memory_limit}'")
    con.execute("set preserve_insertion_order = false")
    if threads is not None:
        con.execute(f"set threads = {threads}")
    if temp_directory is not None:
        con.execute(f"set temp_directory = '{temp_directory}'")
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
    slice_size: int = SLICE,
) -> None:
    """Draw and publish many releases at once, with their truth, into tables of ``con``.

    The result depends on the model, the runs, the plan and the rules only. Other
    tables that the engine leaves in ``con`` are not part of the contract. Tables
    (replaced if they exist):

    ``release_row``
        what each release publishes: ``release_id``, ``platform``, then the ten columns
        of the raw layout (``date_start`` and ``date_end`` as text; ``level`` integer;
        ``value`` double). Counts are conversations (API: records).
    ``release_size``
        ``release_id``, ``platform``, ``conversations`` drawn.
    ``release_statement``
        task texts and holders, in the columns of ``onet_task_statements.csv``, for
        every task of the model. A redrawn list publishes some of them.
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
    ``scope_parameter``
        ``release_id``, ``platform``, ``scope``, ``estimator``, ``facet``, ``category``,
        ``value`` (0 to 1). Scopes: ``truth.task_scopes``. Estimators:
        ``all_conversations`` (share of all), ``pooled`` (of those with an answer other
        than none and not_classified), ``task_renormalised`` (mean over tasks, weighted
        by task probability, of the shares among those answers). Facet ``onet_task``,
        category ``share_of_sample``: the scope's share of conversations.

    A release with a redrawn list has the parameters of that list (target of a Wilson
    interval). If any list is redrawn, ``task_parameter`` and ``scope_parameter`` also
    hold the release id ``superpopulation``: the same over the whole list that the
    lists are drawn from (target of an interval that treats tasks as sampled).

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
    load_labels(con, model, plan)
    create_truth_tables(con, model)
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
    load_rows(
        con,
        "release_statement",
        ", ".join(f'"{c}" varchar' for c in files.STATEMENT_COLUMNS),
        files.statement_rows(model),
    )
    is_redrawn = any(r.members is not None for r in runs)
    for platform in PLATFORMS:
        simulate_platform(con, model, platform, runs, plan, used, slice_size)
        con.execute(
            f"insert into release_row select run.release_id, '{platform}', "
            f"geo_id, geography, '{files.DATE_START}', '{files.DATE_END}', "
            f"'{PLATFORM_LABELS[platform]}', facet, level, variable, cluster_name, "
            "value from published_row inner join run using (run_no)"
        )
        if is_redrawn:
            nothing = dict.fromkeys(PLATFORMS, 0)
            whole = Run(0, SUPERPOPULATION, 0, nothing)
            add_parameters(con, platform, prepare(con, model, platform, [whole]))
    con.execute("delete from country_parameter where release_id = 'superpopulation'")


def simulate_platform(
    con: duckdb.DuckDBPyConnection,
    model: Model,
    platform: str,
    runs: Sequence[Run],
    plan: Plan,
    rules: Rules,
    slice_size: int = SLICE,
    sink: Sink | None = None,
    with_truth: bool = True,
) -> None:
    """Draw, count and publish one platform: ``published_row`` and the truth tables."""
    slots = count_platform(con, model, platform, runs, plan, sink, slice_size)
    publish_platform(con, model, plan, rules)
    if with_truth:
        add_counts(con, platform)
        add_parameters(con, platform, slots)


def conversation_sink(
    model: Model, platform: str, folder: Path, release_id: str
) -> Sink:
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

    Rows are in the order of the conversation number.
    """
    target = folder / platform
    target.mkdir(parents=True, exist_ok=True)
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


def write_release(
    con: duckdb.DuckDBPyConnection,
    model: Model,
    run: Run,
    plan: Plan,
    output: Path,
    rules: Rules | None = None,
    conversations: Path | None = None,
    with_truth: bool = False,
) -> list[dict[str, str]]:
    """Simulate one release into the raw files under ``output``.

    Files go to ``release_<id>/data/intermediate``; the return value is their manifest
    rows. ``conversations`` is a folder for the conversations themselves (see
    ``conversation_sink``). With ``with_truth``, the truth tables stay in ``con``.
    """
    place = output / f"release_{run.release_id}" / "data" / "intermediate"
    used = rules or Rules.of(model)
    wanted = plan
    if conversations is not None:
        wanted = replace(plan, written=files.CONVERSATION_FACETS)
    load_labels(con, model, wanted)
    if with_truth:
        create_truth_tables(con, model)
    manifest = []
    for platform in PLATFORMS:
        sink = (
            conversation_sink(model, platform, conversations, run.release_id)
            if conversations is not None
            else None
        )
        simulate_platform(
            con, model, platform, [run], wanted, used, SLICE, sink, with_truth
        )
        path = place / files.raw_name(platform)
        files.write_csv(path, files.RAW_COLUMNS, files.raw_rows(con, platform))
        manifest.append(
            files.manifest_row(output, path, run.release_id, "raw", platform)
        )
    for role, columns, rows in (
        ("onet_task_statements", files.STATEMENT_COLUMNS, files.statement_rows(model)),
        ("iso_country_codes", files.COUNTRY_COLUMNS, files.country_code_rows(model)),
    ):
        path = place / f"{role}.csv"
        files.write_csv(path, columns, rows)
        manifest.append(files.manifest_row(output, path, run.release_id, role))
    return manifest
