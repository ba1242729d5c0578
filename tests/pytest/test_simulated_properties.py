"""What must hold of the marts on any simulated release, and that damage is noticed.

The truth of simulated releases is known. Properties: the marts on many kinds of release
must be what the oracle computes from the raw files, with bounds that hold the truth.
Damage: a table between two models is changed in the built file, or a var is,
what rests on it is built anew, and the figures named for it, and no other, must differ.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import duckdb
import oracle
import pytest
from conftest import configured, failures, run_dbt
from dbt.contracts.graph.manifest import Manifest
from mutations.bench import list_files
from oracle_comparisons import (
    leave_out_figures,
    same_scope_figures,
    scopes_of,
    use_case_figures,
)
from oracle_marts import MARTS, differences, own_figures
from simulated import (
    TASK_MARTS,
    Setting,
    broken_rules,
    floor_of,
    is_not_the_truth,
    leaves_out_the_truth,
    simulate_batch,
    task_model,
    true_sample,
    true_shares,
    untrue,
)
from simulation import files


@dataclass(frozen=True)
class Batch:
    """Simulated releases, and the marts built on them in ``work_file``."""

    con: duckdb.DuckDBPyConnection
    folder: Path
    manifest: Manifest
    samples: list[oracle.Sample]

    @property
    def work_file(self) -> Path:
        """The file that dbt writes."""
        return self.folder / "work.duckdb"

    def make(self, *select: str, variables: Mapping[str, object] | None = None) -> None:
        """Run the models selected, or all, without their tests."""
        arguments = ["run", "--no-write-json", "--vars", json.dumps(variables or {})]
        arguments += ["--select", *select] if select else []
        data = self.folder / "data"
        with configured(self.manifest, variables or {}):
            ran = run_dbt(arguments, self.folder, data, manifest=self.manifest)
        assert failures(ran) == []

    @cached_property
    def own(self) -> dict[str, oracle.Figures]:
        """What the oracle computes, by mart; once for all that is done to the marts."""
        file = self.work_file
        return {mart: own_figures(mart, self.samples, file) for mart in MARTS}

    @cached_property
    def truth(self) -> dict[str, dict[oracle.Key, float]]:
        """The true shares, by mart."""
        return true_shares(self.con, self.samples)

    def noticed(self, file: Path, clean: Path | None = None) -> dict[str, object]:
        """By what is wrong: columns of marts that differ from the oracle, marts with
        bounds that leave out the truth, marts with another share than the true one.

        What is ``clean`` is right: marts that are as there need no other look.
        """
        releases = {s.key for s in self.samples}
        complete = {key for key in releases if floor_of(SHARED, key[0]) == 1}
        found: dict[str, object] = {}
        changed = [mart for mart in MARTS if not clean or differs(mart, file, clean)]
        for mart in changed:
            for key in differences(mart, self.own[mart], file):
                found.setdefault(f"{mart}.{key[-3]}", key)
        for rule, of, is_wrong in (
            ("bounds", releases, leaves_out_the_truth),
            ("truth", complete, is_not_the_truth),
        ):
            truth = {mart: self.truth[mart] for mart in self.truth if mart in changed}
            for mart, rows in untrue(truth, of, file, is_wrong).items():
                found[f"{rule} of {mart}"] = rows[0]
        return found


def differs(mart: str, file: Path, clean: Path) -> bool:
    """Whether a mart has other rows than in another file."""
    with duckdb.connect(str(file), read_only=True) as con:
        con.execute(f"attach '{clean}' as clean (read_only)")
        one, other = f"from marts.{mart}", f"from clean.marts.{mart}"
        return bool(
            con.execute(
                f"({one} except all {other}) union all ({other} except all {one}) "
                "limit 1"
            ).fetchall()
        )


# Properties ---------------------------------------------------------------------------

# Every kind of release: with the list of tasks of the Index or one of its own, with and
# without the API, with other facets and other floors; floor 1 hides nothing.
SHARED = (
    Setting(1, ((30_000, 15_000), (6_000, 4_000))),
    Setting(2, ((12_000, 0),), tasks=90, is_redrawn=True, facets="all"),
    Setting(
        3,
        ((9_000, 5_000),),
        tasks=150,
        floor=4,
        facets="onet_task::use_case,global/request,global/use_case,country",
    ),
    Setting(
        4,
        ((14_000, 12_000),),
        floor=1,
        facets="onet_task::task_success,country/onet_task,country-state,"
        "country-state/onet_task",
    ),
    Setting(
        5,
        ((8_000, 16_000),),
        tasks=88,
        is_redrawn=True,
        floor=1,
        facets="global/onet_task::collaboration,global/onet_task::use_case,"
        "country/country,country/use_case",
    ),
)


@pytest.fixture(scope="module")
def shared(
    seeded_file: Path,
    project_manifest: Manifest,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Batch]:
    """Simulates releases, checks what is published, builds the marts on them alone."""
    folder = tmp_path_factory.mktemp("damage")
    con = simulate_batch(task_model(), SHARED)
    for release_id, platform, size in con.execute("from release_size").fetchall():
        where = f"release_id = '{release_id}' and platform = '{platform}'"
        table = f"(select * from release_row where {where})"
        assert broken_rules(con, table, floor_of(SHARED, release_id)) == []
        total = con.execute(
            f"select coalesce(sum(value), 0) from {table} "
            "where geography = 'global' and variable = 'onet_task_count'"
        ).fetchone()
        assert total == (size,), (release_id, platform)
    rows = files.write_releases(con, folder / "data")
    samples = oracle.read_samples(folder / "data", rows)
    batch = Batch(con, folder, project_manifest, samples)
    shutil.copy(seeded_file, batch.work_file)
    with duckdb.connect(str(batch.work_file)) as work:
        work.execute("delete from reference.release_manifest")
        list_files(work, folder, rows)
    batch.make()
    shutil.copy(batch.work_file, batch.folder / "clean.duckdb")
    yield batch
    con.close()


# Damage -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Damage:
    """A fault: SQL on a table between models, or vars; what to build anew; what must
    be noticed: ends of the names that `Batch.noticed` gives, by mart."""

    sql: str = ""
    select: tuple[str, ...] = ()
    variables: Mapping[str, object] = field(default_factory=dict)
    noticed: tuple[str, ...] = ()


FIGURE_KEYS = "allocation_rule, scope, figure, estimator, category"
# Keys of a row, the value that has bounds, and they.
SPLIT_ENDS = [
    (f"release_id, {FIGURE_KEYS}", value, f"{part}_bound_low", f"{part}_bound_high")
    for part, value in (
        ("gap", "gap_pct_points"),
        ("composition", "kitagawa_composition"),
        ("within", "kitagawa_within"),
    )
]
WITHOUT_ENDS = (
    f"release_id, platform, {FIGURE_KEYS}, task_key",
    *("share_without_pct", "bound_low_pct", "bound_high_pct"),
)
USE_CASE_ENDS = (
    "release_id, platform, allocation_rule, task_group, use_case",
    "share_of_use_case_pct",
    *("share_of_use_case_bound_low_pct", "share_of_use_case_bound_high_pct"),
)


def columns(marts: Sequence[str], *names: str) -> tuple[str, ...]:
    """The names of columns of marts that differ."""
    return tuple(f"{mart}.{name}" for mart in marts for name in names)


INTERVAL = ("interval_low_pct", "interval_high_pct", "interval_kind")
BAND = ("uncertainty_low_pct", "uncertainty_high_pct")
WILSON_MARTS = ("fct_facet_shares", "fct_education_tasks", "fct_education_shares")
TASK_FIGURES = ("int_task_ratios", "int_scope_figures", "int_scope_intervals")
TASK_FIGURES += ("int_uncertainty",)
DAMAGES: Mapping[str, Damage] = {
    "another floor, quantile and threshold": Damage(
        variables={
            "privacy_floor_conversations": 5,
            "interval_z": 2,
            "bootstrap_minimum_effective_task_count": 5,
        },
        select=(
            *(f"int_task_cells+,+{mart}" for mart in MARTS),
            *("int_place_shares", "fct_facet_shares"),
        ),
        noticed=(
            *columns(TASK_MARTS, "bound_high_pct", *INTERVAL, *BAND),
            *columns(WILSON_MARTS, "interval_low_pct", "interval_high_pct"),
            # what a label that a place does not publish can hold
            "fct_facet_shares.bound_high_pct",
            *(f"bounds of {mart}" for mart in TASK_MARTS),
        ),
    ),
    "a country's total is lost, and the stated sample": Damage(
        sql="delete from intermediate.int_facet_cells where facet = 'country' "
        "and geo_id = (select min(geo_id) from intermediate.int_facet_cells "
        "where facet = 'country'); update intermediate.int_facet_cells "
        "set stated_base_count = null where facet = 'country'",
        select=("int_place_cells", "int_place_shares", "fct_facet_shares"),
        noticed=columns(
            ("fct_facet_shares",),
            *("row", "base_conversation_count", "share_pct"),
            *("interval_low_pct", "interval_high_pct"),
        ),
    ),
    "equal_split gives every holder the whole task": Damage(
        sql="update intermediate.int_scope_weights set weight = 1 "
        "where allocation_rule = 'equal_split'",
        select=(
            *("int_scope_tasks", "int_scope_shares", "int_uncertainty"),
            *("fct_education_shares", "fct_task_concentration"),
        ),
        noticed=(
            *columns(
                ("fct_education_shares",),
                *("conversation_count", "share_pct", "effective_task_count"),
                *("bound_low_pct", "bound_high_pct", *BAND),
            ),
            *columns(
                ("fct_task_concentration",),
                *("conversation_count", "base_conversation_count", "share_pct"),
                "effective_task_count",
            ),
            "bounds of fct_education_shares",
            "truth of fct_education_shares",
        ),
    ),
    "exclusive takes tasks with holders in several groups": Damage(
        sql="insert into intermediate.int_task_allocations "
        "select * replace ('exclusive' as allocation_rule) "
        "from intermediate.int_task_allocations as any_holder "
        "where allocation_rule = 'any_holder' and not exists (select 1 "
        "from intermediate.int_task_allocations as held "
        "where held.allocation_rule = 'exclusive' "
        "and held.task_id = any_holder.task_id)",
        select=(
            *("int_scope_weights", "int_scope_shares", "int_uncertainty"),
            "fct_occupation_group_shares",
        ),
        noticed=(
            *columns(
                ("fct_occupation_group_shares",),
                *("conversation_count", "share_pct", "share_rank", "task_count"),
                *("bound_low_pct", "bound_high_pct", "effective_task_count"),
                *(*BAND, "rank_low", "rank_high"),
            ),
            "bounds of fct_occupation_group_shares",
            "truth of fct_occupation_group_shares",
        ),
    ),
    "one conversation of every answer is lost": Damage(
        sql="update intermediate.int_task_cells set "
        "conversation_count = conversation_count - 1, "
        "minimum_conversation_count = minimum_conversation_count - 1 "
        "where geo_level = 'global' and conversation_count > 1 "
        "and category in ('directive', 'yes', 'coursework')",
        select=(*TASK_FIGURES, *TASK_MARTS, "fct_education_tasks"),
        noticed=(
            *columns(TASK_MARTS, "share_pct", "bound_low_pct", *BAND),
            *columns(("fct_education_tasks",), "yes_count", "success_pct"),
            *(f"truth of {mart}" for mart in TASK_MARTS),
        ),
    ),
}


def test_the_shared_releases_are_right(shared: Batch) -> None:
    """Releases that hide nothing, keep the floor of the Index or another, have a list
    of their own, no API, or other facets; every damage is compared with this build."""
    assert shared.noticed(shared.folder / "clean.duckdb") == {}


def test_bounds_of_comparisons_hold_the_truth(shared: Batch) -> None:
    """Of gaps and their parts, of figures without a task, and of how much of a use case
    lies outside SOC 25: what nothing hidden would give."""
    folded, whole = (
        {s.key: true_sample(shared.con, s, is_folded=is_folded) for s in shared.samples}
        for is_folded in (True, False)
    )
    scopes = scopes_of(list(folded.values()))
    own: dict[str, oracle.Figures] = {
        "fct_platform_decomposition": {
            (*key[:1], *key[2:]): figure
            for (release, platform), api in folded.items()
            if platform == "1p_api"
            for key, figure in same_scope_figures(
                api, folded[release, "claude_ai"], scopes
            ).items()
        },
        "fct_leave_one_task_out": leave_out_figures(
            list(folded.values()), {t: t for s in folded.values() for t in s.nodes}, 999
        ),
        "fct_education_by_use_case": use_case_figures(list(whole.values())),
    }
    found: Counter[str] = Counter()
    with duckdb.connect(str(shared.folder / "clean.duckdb"), read_only=True) as con:
        for mart, keys, value, low, high in (
            *(("fct_platform_decomposition", *ends) for ends in SPLIT_ENDS),
            ("fct_leave_one_task_out", *WITHOUT_ENDS),
            ("fct_education_by_use_case", *USE_CASE_ENDS),
        ):
            rows = con.execute(
                f"select {keys}, {low}, {high} from marts.{mart} "
                f"where {low} is not null"
            ).fetchall()
            truths = own[mart]
            if mart == "fct_leave_one_task_out":
                truths = {
                    (*key[:-1], figure["task_key"]): figure
                    for key, figure in truths.items()
                }
            for *key, lowest, highest in rows:
                truth = truths.get(tuple(key), {}).get(value)
                if truth is not None:
                    assert lowest - 1e-9 <= truth <= highest + 1e-9, (mart, value, key)
                    found[f"{mart}.{value}"] += 1
    assert len(found) == 5 and min(found.values()) > 20, found


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_is_noticed(name: str, shared: Batch) -> None:
    damage = DAMAGES[name]
    work_file = shared.work_file
    shutil.copy(shared.folder / "clean.duckdb", work_file)
    if damage.sql:
        with duckdb.connect(str(work_file)) as con:
            con.execute(damage.sql)
    shared.make(*damage.select, variables=damage.variables)
    found = shared.noticed(work_file, shared.folder / "clean.duckdb")
    missing = set(damage.noticed) - set(found)
    assert not missing, (missing, found)
    marts = {name.partition(".")[0].split(" ")[-1] for name in damage.noticed}
    other = {n for n in found if n.partition(".")[0].split(" ")[-1] not in marts}
    assert not other, {n: found[n] for n in other}


def test_everything_that_is_compared_is_seen_to_differ() -> None:
    """A comparison that no damage changes proves nothing."""
    noticed = [name for damage in DAMAGES.values() for name in damage.noticed]
    assert {n.partition(".")[0] for n in noticed if "." in n} == set(MARTS)
    assert {n.split(" ")[0] for n in noticed if " " in n} == {"bounds", "truth"}
