"""Simulated releases for tests: batches, the rules of publication, and the truth.

The rules are checked on the raw rows, by SQL on the tables that `simulate_releases`
leaves. The truth is the unsuppressed counts, as samples that the oracle reads like a
published file.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest import mock

import duckdb
import oracle
import oracle_shares
from conftest import PROJECT  # its import makes scripts importable
from oracle import Key, Sample
from oracle_intervals import BAND
from oracle_marts import MARTS, mart_figures
from simulation.draw import Run
from simulation.model import PLATFORMS, Model, load_model
from simulation.plan import parse_plan
from simulation.publish import Rules
from simulation.releases import open_database, release_runs, simulate_releases
from simulation.task_lists import scaled, superpopulation

PRIVACY_FLOOR = 15  # data guide, thresholds; stated here apart from the seed
ACCOUNT_FLOOR = 5
REQUEST_FLOOR = 500
BATCH_TABLES = (
    "release_row",
    "release_size",
    "release_statement",
    "release_country",
    "truth_cell",
)
ANSWERS = "collaboration|use_case|task_success|multitasking|human_only_ability"
NUMBERS = ".*(cost|tokens|time|years|autonomy)"

# Releases to simulate -----------------------------------------------------------------


@dataclass(frozen=True)
class Setting:
    """Releases of a batch that share a task list, a plan and the floors.

    ``sizes``: conversations on Claude.ai and records of the API, one pair per release.
    ``tasks``: length of the list. ``is_redrawn``: whether each release draws its list
    anew from a superpopulation. ``floor``: the smallest named cell; 1 suppresses
    nothing, because the floors of accounts and requests fall with it. ``facets``: as
    the simulator's option ``--facets`` reads them.
    """

    seed: int
    sizes: tuple[tuple[int, int], ...]
    tasks: int = 304
    is_redrawn: bool = False
    floor: int = PRIVACY_FLOOR
    facets: str = "sample"

    def rules(self) -> Rules:
        """The floors to publish by."""
        if self.floor == 1:
            return Rules(floor=1, account_floor=1, request_floor=1)
        return Rules(self.floor, ACCOUNT_FLOOR, REQUEST_FLOOR)

    def runs(self, model: Model, prefix: str) -> list[Run]:
        """One run per pair of sizes, named after ``prefix``."""
        tasks = self.tasks if self.is_redrawn else None
        nothing = dict.fromkeys(PLATFORMS, 0)
        drawn = release_runs(model, len(self.sizes), nothing, self.seed, tasks, prefix)
        return [
            replace(run, conversations=dict(zip(PLATFORMS, size, strict=True)))
            for run, size in zip(drawn, self.sizes, strict=True)
        ]


def task_model() -> Model:
    """The project's model, with ``::`` in the text of its largest tasks.

    A statement may hold the mark that parts it from a category; the split is at the
    last one.
    """
    model = load_model(PROJECT / "seeds" / "simulation")
    largest = {
        max(
            (t for t in model.tasks if t.is_education is kind),
            key=lambda t: t.size["claude_ai"],
        ).task_no
        for kind in (True, False)
    }
    return model.with_tasks(
        replace(t, text=f"{t.text.rstrip('.')} (scale: 1::5).")
        if t.task_no in largest
        else t
        for t in model.tasks
    )


def simulate_batch(
    model: Model, settings: Sequence[Setting]
) -> duckdb.DuckDBPyConnection:
    """Simulate the releases of all settings; their tables end up together.

    Every third task of the statements is listed twice under one occupation, as in the
    real file. Release ids are ``setting_0_0000`` and so on.
    """
    con = open_database(threads=2)
    for number, setting in enumerate(settings):
        scale = superpopulation if setting.is_redrawn else scaled
        used = scale(model, 2 if setting.is_redrawn else setting.tasks)
        runs = setting.runs(used, f"setting_{number}")
        simulate_releases(con, used, runs, parse_plan(setting.facets), setting.rules())
        for table in BATCH_TABLES:
            make = "insert into" if number else "create table"
            word = "" if number else "as"
            con.execute(f"{make} batch_{table} {word} select * from {table}")
    for table in BATCH_TABLES:
        con.execute(
            f"create or replace table {table} as select distinct * from batch_{table}"
        )
    con.execute(
        "insert into release_statement select * replace "
        '(("Task ID"::integer + 500000)::varchar as "Task ID") '
        "from release_statement where length(Task) % 3 = 0"
    )
    return con


def floor_of(settings: Sequence[Setting], release_id: str) -> int:
    """The floor of the setting that a release of a batch belongs to."""
    return settings[int(release_id.split("_")[1])].floor


# Rules of publication: each returns what breaks it ------------------------------------

CLUSTERS = """
    select
        *,
        if(contains(facet, '::'), regexp_extract(cluster_name, '^(.*)::', 1), '')
            as base,
        if(contains(facet, '::'), regexp_extract(cluster_name, '.*::(.*)$', 1), '')
            as category
    from {table}
"""


def cells_under(con: duckdb.DuckDBPyConnection, table: str, floor: int) -> list[tuple]:
    """Named cells of categorical facets that hold fewer than ``floor``."""
    return con.execute(
        f"with c as ({CLUSTERS.format(table=table)}) "
        "select geo_id, facet, cluster_name, value from c "
        "where variable like '%_count' and value < ? "
        f"and not (variable similar to '{NUMBERS}_count') "
        "and geo_id not like '%not_classified' and cluster_name <> 'not_classified' "
        "and category <> 'not_classified'",
        [floor],
    ).fetchall()


def broken_partitions(con: duckdb.DuckDBPyConnection, table: str) -> list[tuple]:
    """Places, tasks and clusters of a release whose cells do not sum to what they are
    cells of."""
    base = con.execute(
        "with total as (select geo_id, value as total from "
        f"{table} where variable = 'usage_count' union all "
        f"select 'GLOBAL', sum(value) from {table} where geography = 'global' "
        "and variable = 'onet_task_count') "
        "select geo_id, facet, level, sum(value), any_value(total) "
        f"from {table} inner join total using (geo_id) "
        "where variable = facet || '_count' "
        f"and facet similar to 'onet_task|request|{ANSWERS}' "
        "group by all having sum(value) <> any_value(total)"
    ).fetchall()
    inside = con.execute(
        f"with c as ({CLUSTERS.format(table=table)}), "
        "node as (select facet, level, cluster_name, value as total from "
        f"{table} where geography = 'global' and variable in ('onet_task_count', "
        "'request_count') and cluster_name <> 'not_classified') "
        "select node.cluster_name, f.facet, node.level, sum(x.value), "
        "any_value(node.total) "
        "from node inner join (select distinct facet, level from c "
        f"where facet similar to '(onet_task|request)::({ANSWERS})') f "
        "on split_part(f.facet, '::', 1) = node.facet and f.level = node.level "
        "left join c as x on x.facet = f.facet and x.level = f.level "
        "and x.base = node.cluster_name "
        "and x.variable = replace(x.facet, '::', '_') || '_count' "
        "group by all having sum(x.value) is distinct from any_value(node.total)"
    ).fetchall()
    return base + inside


def wrong_percentages(con: duckdb.DuckDBPyConnection, table: str) -> list[tuple]:
    """Percentages of a release that are not count / base x 100, to the last digit."""
    return con.execute(
        f"with c as ({CLUSTERS.format(table=table)}), "
        "counted as (select *, sum(value) over (partition by geography, "
        "case when geography = 'country-state' and facet = 'country-state' "
        "then split_part(geo_id, '-', 1) when facet = 'country' then '' "
        "else geo_id end, facet, level, variable, base) as total "
        "from c where variable like '%_count' and variable not like '%histogram%') "
        "select counted.geo_id, counted.facet, counted.cluster_name, c.value "
        "from c inner join counted using (geo_id, geography, facet, level, "
        "cluster_name) where c.variable = replace(counted.variable, '_count', '_pct') "
        "and c.value <> counted.value / counted.total * 100"
    ).fetchall()


def broken_rules(
    con: duckdb.DuckDBPyConnection, table: str, floor: int = PRIVACY_FLOOR
) -> list[tuple]:
    """What breaks any of the three rules, in the rows of one release and platform."""
    return [
        *cells_under(con, table, floor),
        *broken_partitions(con, table),
        *wrong_percentages(con, table),
    ]


# The truth ----------------------------------------------------------------------------


def true_sample(
    con: duckdb.DuckDBPyConnection, published: Sample, is_folded: bool
) -> Sample:
    """The unsuppressed counts of a release as a sample.

    Folded, a task that the release does not publish is in the node not_classified, as
    it is there: a scope of published tasks is the same in both.
    """
    counts: dict[Any, Any] = defaultdict(
        lambda: defaultdict(lambda: defaultdict(float))
    )
    rows = con.execute(
        "select replace(geography, 'country-state', 'region'), geo_id, facet, task, "
        "category, conversations from truth_cell "
        "where (release_id, platform) = (?, ?) and facet in "
        "('onet_task', 'collaboration', 'use_case', 'task_success')",
        list(published.key),
    ).fetchall()
    for geo_level, geo_id, facet, task, category, count in rows:
        cells = counts[geo_level, geo_id]
        if is_folded and task not in published.nodes:
            task = oracle.RESIDUAL
        if facet == "onet_task":
            cells[facet, 0][task] += count
        elif geo_level == "global":
            cells[f"onet_task::{facet}", 0][f"{task}::{category}"] += count
    return replace(published, counts=counts)


def task_shares(samples: Sequence[Sample], figure: str) -> dict[Key, float]:
    """The share of every category in every scope, in percent, without intervals.

    Keys end in the oracle's own name of the estimator and the category.
    """
    ratios = {s.key: list(oracle.task_ratios(s, figure)) for s in samples}
    return {
        (*key, estimator, category): 100
        * float(weights @ part)
        / float(weights @ whole)
        for key, sample, weights in oracle.every_scope(samples)
        for estimator, category, part, whole in ratios[sample.key]
        if (weights @ whole) > 0
    }


def true_shares(
    con: duckdb.DuckDBPyConnection, samples: Sequence[Sample]
) -> dict[str, dict[Key, float]]:
    """By mart, the true shares of all conversations."""
    folded = [true_sample(con, s, is_folded=True) for s in samples]
    whole = [true_sample(con, s, is_folded=False) for s in samples]
    shares = {mart: task_shares(folded, MARTS[mart].figure) for mart in TASK_MARTS}
    # Nothing is uncertain of them, and a band takes time.
    no_band = mock.Mock(return_value=dict.fromkeys(BAND))
    with mock.patch.multiple(oracle_shares, band_columns=no_band):
        for mart in TRUE_SHARES:
            own = MARTS[mart].figures(whole)
            shares[mart] = {key: row["share_pct"] for key, row in own.items()}
    return shares


def untrue(
    truth: dict[str, dict[Key, float]],
    releases: set[Key],
    file: Path,
    is_wrong: Callable[[Key, dict[str, Any], float], bool],
) -> dict[str, list[Key]]:
    """By mart, the rows of releases whose share is wrong beside the true one: key,
    bounds, share and true share."""
    found: dict[str, list[Key]] = defaultdict(list)
    for mart, shares in truth.items():
        shown = mart_figures(mart, file)
        if mart in TASK_MARTS:
            shown = {
                (*key[:4], "all", key[5]): row
                for key, row in shown.items()
                if key[4] == oracle.BOUNDED and key[5] != oracle.RESIDUAL
            }
        for key, row in shown.items():
            share = shares.get(key) or 0.0
            if key[:2] in releases and is_wrong(key, row, share):
                bounds = (row["bound_low_pct"], row["bound_high_pct"])
                found[mart].append((*key, bounds, row["share_pct"], share))
    return dict(found)


TASK_MARTS = ("fct_interaction_patterns", "fct_task_success", "fct_use_case_shares")
TRUE_SHARES = ("fct_education_shares", "fct_occupation_group_shares")


def leaves_out_the_truth(_: Key, row: dict[str, Any], share: float) -> bool:
    """The bounds of a row do not hold the true share."""
    low, high = row["bound_low_pct"], row["bound_high_pct"]
    if low is None or high is None:
        # there is no share of named tasks in a place without any
        return row["base_conversation_count"] != 0
    return not low - 1e-9 <= share <= high + 1e-9


def is_not_the_truth(key: Key, row: dict[str, Any], share: float) -> bool:
    """What a release that hides nothing shows of a share is not the true one.

    Of a task figure that is the lower bound. No intersection shows the pseudo-task
    not_classified, so a scope that holds it stays open.
    """
    is_share = "share_rank" in row or "unseen_conversation_count" in row
    shown = row["share_pct"] if is_share else row["bound_low_pct"]
    return "all_with_pseudo" not in key and abs((shown or 0.0) - share) > 1e-9
