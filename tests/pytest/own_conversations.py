"""Made-up conversations of an institution, their cells by polars, and short builds."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
import simulate
from conftest import (
    SHIPPED_DATA,
    Build,
    Once,
    dbt_environment,
    failures,
    query,
    read_rows,
    run_build,
    run_dbt,
    settings,
    shipped_row,
)
from conversations.incoming import Incoming, keep, prepare, private_file
from conversations.mapping import find
from dbt.contracts.graph.manifest import Manifest
from parsed import read_parsed
from warehouse.runner import Dbt

LABELS = {
    "collaboration": ["directive", "learning", "task iteration", None],
    "use_case": ["coursework", "work", "personal", "none"],
    "task_success": ["yes", "no"],
}
PLACES = [("US", "US-CA"), ("US", "US-NY"), ("US", None), ("DE", None), (None, None)]
SAMPLE = ["release_id", "platform", "window_start_date"]
CELL = [*SAMPLE, "geo_level", "geo_id", "facet", "base_cluster_name", "category"]
RESIDUAL = "not_classified"
CELLS = f"select {', '.join(CELL)}, conversation_count, account_count from "
OWN_MODELS = (
    "stg_conversations__labelled",
    "stg_conversations__labels",
    "int_conversation_labels",
    "int_conversation_groups",
    "int_conversation_windows",
    "int_conversation_cells",
)


def tasks(count: int) -> list[str]:
    """Statements of the shipped task list."""
    path = SHIPPED_DATA / shipped_row("", "onet_task_statements")["relative_path"]
    return list(dict.fromkeys(row["Task"] for row in read_rows(path)))[:count]


def conversations(
    count: int, seed: int = 1, first: date = date(2026, 3, 1), days: int = 61
) -> pl.DataFrame:
    """Conversations with skewed tasks, and labels that hang on the task."""
    chance = random.Random(seed)
    statements = [*tasks(30), None, "none"]
    rows = []
    for number in range(count):
        task = int(len(statements) * chance.random() ** 2)
        country, region = chance.choice(PLACES)
        rows.append(
            {
                "conversation_id": f"{seed}-{number}",
                "account_id": f"account-{chance.randrange(count // 4 + 1)}",
                "started_on": first + timedelta(days=chance.randrange(days)),
                "source_id": "our_school",
                "platform": "chat",
                "country": country,
                "region": region,
                "task_text": statements[task],
                **{
                    name: labels[int(len(labels) * chance.random() ** (1 + task % 3))]
                    for name, labels in LABELS.items()
                },
                "classifier": "people",
                "classifier_version": "v1",
                "classified_at": "2026-06-01T10:00:00",
            }
        )
    return pl.DataFrame(rows, infer_schema_length=None)


def cells_by_polars(rows: pl.DataFrame) -> pl.DataFrame:
    """The complete cells of conversations, counted facet by facet."""
    # Accounts are counted by their group, of 64.
    groups = duckdb.sql(
        "select distinct account_id, hash(account_id) % 64 as account_group from rows"
    ).pl()
    named = (
        rows.join(groups, on="account_id")
        .with_columns(
            (pl.col("source_id") + "_" + pl.col("classifier_version")).alias(
                "release_id"
            ),
            pl.col("started_on").dt.truncate("1mo").alias("window_start_date"),
            pl.col("task_text")
            .str.to_lowercase()
            .fill_null(RESIDUAL)
            .alias("onet_task"),
            *(pl.col(label).fill_null(RESIDUAL) for label in LABELS),
            pl.col("region")
            .is_not_null()
            .any()
            .over(*SAMPLE_OF, "country")
            .alias("parts"),
            pl.col("country").fill_null(RESIDUAL),
        )
        .with_columns(
            pl.when("parts")
            .then(pl.coalesce("region", pl.col("country") + "-" + RESIDUAL))
            .alias("region")
        )
    )
    parts = list(_parts(named))
    return pl.concat(parts).sort(CELL, nulls_last=True)


SAMPLE_OF = [
    "source_id",
    "platform",
    "classifier_version",
    pl.col("started_on").dt.month(),
]


def _parts(named: pl.DataFrame) -> Iterator[pl.DataFrame]:
    whole = pl.lit("GLOBAL").alias("geo_id")
    nothing = pl.lit(None, pl.String)
    levels = {"global": whole, "country": pl.col("country"), "region": pl.col("region")}
    for level, place in levels.items():
        placed = named.with_columns(place.alias("geo_id")).drop_nulls("geo_id")
        total = {"country": "country", "region": "country-state"}.get(level)
        plain = [("onet_task", "onet_task"), *((name, name) for name in LABELS)]
        if total:
            placed = placed.with_columns(pl.lit("").alias("all"))
            plain.append((total, "all"))
        for facet, column in plain:
            yield _counted(placed, level, facet, pl.col(column), nothing)
        if level == "global":
            for label in LABELS:
                facet = f"onet_task::{label}"
                yield _counted(placed, level, facet, pl.col("onet_task"), pl.col(label))


def _counted(
    rows: pl.DataFrame, level: str, facet: str, base: pl.Expr, category: pl.Expr
) -> pl.DataFrame:
    return (
        rows.with_columns(
            pl.lit(level).alias("geo_level"),
            pl.lit(facet).alias("facet"),
            base.alias("base_cluster_name"),
            category.alias("category"),
        )
        .group_by(CELL)
        .agg(
            pl.len().cast(pl.Int64).alias("conversation_count"),
            pl.col("account_group").n_unique().cast(pl.Int64).alias("account_count"),
        )
    )


def private_cells(work_file: Path) -> pl.DataFrame:
    """The private cells that a build has counted."""
    with duckdb.connect(str(private_file(work_file)), read_only=True) as con:
        found = con.sql(f"{CELLS} private.int_conversation_cells").pl()
    return found.sort(CELL, nulls_last=True)


@contextlib.contextmanager
def own_environment(folder: Path, data: Path) -> Iterator[None]:
    """Within it, dbt runs in this process with the conversations of a folder."""
    with dbt_environment(folder):
        os.environ["AEI_CONVERSATIONS"] = str(data)
        yield


class ParsedDbt(Dbt):
    """dbt with a manifest, in which the size of batches is that of this build."""

    def __init__(self, work_file: Path, data_dir: Path | None, manifest: Manifest):
        labelled = manifest.nodes["model.ai_in_education.stg_conversations__labelled"]
        labelled.config.batch_size = os.environ.get("AEI_BATCH_SIZE", "month")
        super().__init__(work_file, data_dir, manifest)


def small_cells(more: int = 0) -> pl.DataFrame:
    """A task of 3 conversations, a country of 2, and one of 40 by one account; of each
    ``more``, by an account each."""
    rows = conversations(45 + 3 * more, seed=9, days=28)
    at = pl.int_range(pl.len())
    first, second, third = at < 3 + more, at < 5 + 2 * more, at >= 5 + 2 * more
    by_one = third & (at < 45 + 2 * more)
    return rows.with_columns(
        task_text=pl.when(first).then(pl.lit(SMALL_TASK)).otherwise("task_text"),
        country=pl.when(first)
        .then("country")
        .when(second)
        .then(pl.lit("FR"))
        .otherwise(pl.lit("AT")),
        region=pl.when(first).then("region"),
        account_id=pl.when(by_one).then(pl.lit("one")).otherwise("conversation_id"),
    )


# What is delivered for the build that many tests ask.
SMALL_TASK = tasks(40)[-1]
ROWS = pl.concat([conversations(3000), small_cells()])


def simulated(folder: Path) -> pl.DataFrame:
    """Conversations of Claude.ai from the simulator, which leaves their truth beside
    them, under the names that its mapping gives."""
    said = folder / "conversations"
    command = ["--conversations", "20000", "--api-records", "1", "--truth"]
    command += ["--output-dir", str(folder), "--seed", "7", "--release-id", "r"]
    assert simulate.main([*command, "--conversations-parquet", str(said)]) == 0
    mapping = find(said)
    drawn = pl.read_parquet(said / "claude_ai" / "*.parquet")
    drawn = drawn.rename({v: k for k, v in mapping.columns.items()})
    return drawn.with_columns(
        pl.lit(mapping.constants["source_id"]).alias("source_id"),
        *(pl.col(name).replace("not_classified", None) for name in mapping.labels),
    )


# Where an earlier version kept private cells.
OLDER = "work.private.duckdb"


def build_own(folder: Path) -> Build:
    """A build, as a person runs it, on the shipped releases and own conversations."""
    school = Institution(folder)
    (folder / "target").mkdir()
    parsed = folder.with_name("own_parsed") / "target" / "partial_parse.msgpack"
    shutil.copy(parsed, folder / "target")
    drawn = simulated(folder / "simulated")
    school.deliver("march.csv", pl.concat([ROWS, drawn], how="diagonal"))
    (folder / OLDER).touch()
    return run_build(folder, AEI_CONVERSATIONS=str(school.data))


@pytest.fixture(scope="session")
def own(once: Once, own_manifest: Manifest) -> Build:
    """The warehouse with own conversations beside the shipped releases."""
    built: Build = once("own", build_own)
    assert built.status == 0, built.stderr
    return built


@pytest.fixture(scope="session")
def own_manifest(once: Once) -> Manifest:
    """The project with own conversations, parsed once."""

    def parse(folder: Path) -> Path:
        # For the files of the build of `own`, which reads it too.
        place = folder.with_name("own")
        with own_environment(folder, place / "conversations"):
            own = settings(place)
            own["AEI_PRIVATE_FILE"] = str(private_file(place / "work.duckdb"))
            os.environ.update({k: own[k] for k in own if k.startswith("AEI_")})
            Dbt(place / "work.duckdb", None)
        return folder

    return read_parsed(once("own_parsed", parse))


@pytest.fixture(scope="session")
def own_start(once: Once, seeded_file: Path, project_manifest: Manifest) -> Path:
    """A work file with what own conversations are looked up in."""

    def begin(folder: Path) -> Path:
        folder.mkdir()
        shutil.copy(seeded_file, folder / "work.duckdb")
        arguments = ["run", "--select", "+stg_reference__task_holders"]
        ran = run_dbt(arguments, folder, manifest=project_manifest)
        assert failures(ran) == []
        return folder / "work.duckdb"

    started: Path = once("own_start", begin)
    return started


@pytest.fixture
def school(tmp_path: Path, own_manifest: Manifest, own_start: Path) -> Institution:
    """An institution that has delivered nothing yet."""
    return Institution(tmp_path, own_manifest, own_start)


class Institution:
    """A folder of conversations, and short builds that count them, on a copy of the
    work file ``start``."""

    def __init__(
        self,
        folder: Path,
        manifest: Manifest | None = None,
        start: Path | None = None,
    ) -> None:
        self.data = folder / "conversations"
        self.folder = folder / "build"
        self.data.mkdir(parents=True)
        self.work_file = self.folder / "work.duckdb"
        self.manifest, self.start = manifest, start

    def deliver(self, name: str, rows: pl.DataFrame | str | bytes) -> None:
        """Write a file of the institution, as CSV or Parquet by its name."""
        if isinstance(rows, str):
            rows = rows.encode()
        if isinstance(rows, bytes):
            (self.data / name).write_bytes(rows)
        elif name.endswith(".parquet"):
            rows.write_parquet(self.data / name)
        else:
            rows.write_csv(self.data / name)

    def read(self) -> Incoming:
        """Read and check what is new; raises BuildError."""
        with own_environment(self.folder, self.data):
            incoming = prepare(self.work_file, SHIPPED_DATA)
        assert incoming is not None
        return incoming

    def take(self, *more: str, is_kept: bool = True) -> Sequence[Any]:
        """Read what is new and count it, with some nodes more; returns what dbt says.

        Without ``is_kept`` the build ends before it says that it has taken the days.
        """
        assert self.manifest and self.start
        with own_environment(self.folder, self.data):
            incoming = prepare(self.work_file, SHIPPED_DATA)
            assert incoming is not None
            if not self.work_file.exists():
                shutil.copy(self.start, self.work_file)
            dbt = ParsedDbt(self.work_file, None, self.manifest)
            nodes = more if not is_kept and more else (*OWN_MODELS, *more)
            kept = ("--exclude", "stg_conversations__labelled")
            dbt.build("--select", *nodes, *(incoming.days or kept))
            if is_kept:
                keep(incoming)
        return dbt.results

    def cells(self) -> pl.DataFrame:
        """The private cells."""
        return private_cells(self.work_file)

    def private(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows of a query on the private file."""
        return query(private_file(self.work_file), sql)
