"""No published cell of own conversations gives one under the floor away."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pytest
from conftest import PROJECT, query
from dbt.contracts.graph.manifest import Manifest
from disclosure import (
    CELL,
    COUNT,
    RESIDUAL,
    Attack,
    World,
    cells_of,
    groups_of,
    load_model,
    published_of,
    source,
)
from own_conversations import Institution, conversations
from warehouse.paths import PUBLISHED_FILE

model = load_model()
suppression = model.suppression
FLOOR = model.Floor()
FLOORS = {"default": FLOOR}
NOTHING = pl.DataFrame(schema=model.SCHEMA)
SIZES = (60, 150, 400, 1500)
SEEDS = range(24)


def source_of(seed: int) -> pl.DataFrame:
    """A small source: of all sizes, with an account each or few accounts."""
    accounts = (0, 30)[seed // 4 % 2]
    return source(seed, conversations=SIZES[seed % 4], tasks=4, accounts=accounts)


@cache
def released(seed: int) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """A small source, its cells, and what is published of it."""
    conversations = source_of(seed)
    cells = cells_of(conversations)
    return conversations, cells, model.protected(cells, groups_of(conversations), FLOOR)


def audit(
    conversations: pl.DataFrame, published: pl.DataFrame, as_people: bool = False
) -> Attack:
    """An attack that knows what is published."""
    attack = Attack(World(conversations, as_people=as_people))
    attack.read(published, "")
    return attack


@pytest.mark.parametrize("as_people", [False, True], ids=["tables", "people"])
@pytest.mark.parametrize("seed", SEEDS)
def test_no_cell_under_the_floor_is_pinned(seed: int, as_people: bool) -> None:
    conversations, cells, published = released(seed)
    if seed % 4 > 1:
        assert not published.is_empty()
    if not published.is_empty():
        assert audit(conversations, published, as_people).pinned(cells, FLOOR) == {}


# Leaky variants -----------------------------------------------------------------------


def none_folded(_table: Any, published: np.ndarray, _floor: Any = None) -> np.ndarray:
    return published


def none_pinned(_table: Any, published: np.ndarray) -> np.ndarray:
    return np.zeros_like(published)


def rows_only(table: Any, floor: Any) -> np.ndarray:
    published = suppression.may_be_published(table, floor)
    published[-1] = False
    return suppression.fold_rows(table, published, floor)


LEAKS: dict[str, dict[str, Callable[..., Any]]] = {
    "primary suppression only": {"fold_rows": none_folded, "is_pinned": none_pinned},
    "no suppression in columns": {"fold_table": rows_only},
    "no look at exchanges": {"is_pinned": none_pinned},
}


def of_one_table(table: Any, folded: np.ndarray, asked: np.ndarray) -> np.ndarray:
    alone = replace(table, parts=table.count[..., None])
    return LIFTS(alone, folded, asked)


LIFTS = suppression.lifts


def test_exchanges_that_other_tables_show_are_caught(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Task by label, place by task and place by label say together what no two of them
    say; who knows that all are of the same people is kept from it."""
    conversations = source_of(22)
    cells = cells_of(conversations)
    for is_leaky in (False, True):
        if is_leaky:
            monkeypatch.setattr(suppression, "lifts", of_one_table)
        attack = audit(conversations, published_of(conversations), as_people=True)
        assert bool(attack.pinned(cells, FLOOR)) == is_leaky


@pytest.mark.parametrize("as_people", [False, True], ids=["tables", "people"])
@pytest.mark.parametrize("leak", LEAKS)
def test_leaky_variant_is_caught(
    leak: str, as_people: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, function in LEAKS[leak].items():
        monkeypatch.setattr(suppression, name, function)
    caught = 0
    for seed in (2, 3, 6, 7):
        conversations = source_of(seed)
        cells = cells_of(conversations)
        attack = audit(
            conversations,
            model.protected(cells, groups_of(conversations), FLOOR),
            as_people,
        )
        caught += bool(attack.pinned(cells, FLOOR))
    assert caught > 0


def scope_sums(
    cells: pl.DataFrame, weights: dict[str, float]
) -> dict[tuple[str, str], float]:
    """A scope mart: what cells of tasks sum to under an allocation rule."""
    sums: dict[tuple[str, str], float] = {}
    crossed = cells.filter(
        pl.col("category").is_not_null() & (pl.col("category") != RESIDUAL)
    )
    for *_, facet, task, label, count in crossed.select(*CELL, COUNT).iter_rows():
        if task in weights:
            sums[facet, label] = sums.get((facet, label), 0) + weights[task] * count
    return sums


@pytest.mark.parametrize("from_private_cells", [False, True])
def test_scope_marts_may_rest_on_published_cells_only(from_private_cells: bool) -> None:
    """Weights of the rule equal_split; the unfolded cells would leak."""
    caught = 0
    for seed in (2, 3, 6, 7):
        conversations, cells, published = released(seed)
        attack = audit(conversations, published)
        summed = cells if from_private_cells else published
        for weights in (
            {"task 0": 1, "task 1": 1 / 2, "task 2": 1 / 3},
            {"task 1": 1 / 2, "task 2": 2 / 3, "task 3": 1},
        ):
            for (facet, label), value in scope_sums(summed, weights).items():
                own = summed.filter(
                    (pl.col("facet") == facet) & (pl.col("category") == label)
                )
                terms: dict[Any, float] = {}
                for task, weight in weights.items():
                    key = ("global", "GLOBAL", facet, task, label)
                    # Who reads the mart sees which cells are summed.
                    if task in set(own["base_cluster_name"]):
                        cell = attack.world.cell(key)
                        terms |= {("", at): weight * w for at, w in cell.items()}
                attack.learn(terms, value)
        caught += bool(attack.pinned(cells, FLOOR))
    assert bool(caught) == from_private_cells


# Windows and builds -------------------------------------------------------------------


def later(conversations: pl.DataFrame, rows: int) -> pl.DataFrame:
    """The conversations with a few that came late: the first ones once more."""
    return pl.concat([conversations, conversations.head(rows)])


def test_window_is_published_once() -> None:
    conversations = source_of(7)
    first = published_of(conversations)
    again = later(conversations, 40)
    assert not first.equals(published_of(again))
    assert first.equals(published_of(again, first))


@pytest.mark.parametrize("is_frozen", [True, False], ids=["as published", "anew"])
def test_late_conversations_are_not_known_by_subtraction(is_frozen: bool) -> None:
    caught = 0
    for seed in (3, 7):
        conversations = source_of(seed)
        arrived = later(conversations, 20)
        late = cells_of(arrived.tail(20))
        attack = Attack(World(conversations))
        first = published_of(conversations)
        second = published_of(arrived, first if is_frozen else None)
        attack.read(first, "first")
        attack.read(second, *(["first"] if is_frozen else ["first", "late"]))
        caught += bool(attack.pinned(late, FLOOR, "late"))
    assert bool(caught) != is_frozen


def test_windows_of_two_lengths_would_leak() -> None:
    caught = 0
    for seed in (3, 7, 11, 15):
        conversations = source_of(seed)
        half = conversations.head(700)
        attack = Attack(World(conversations))
        attack.read(published_of(conversations), "first", "second")
        attack.read(published_of(half), "first")
        rest = conversations.tail(800)
        attack.read(published_of(rest), "second")
        caught += bool(attack.pinned(cells_of(rest), FLOOR, "second"))
    assert caught > 0


def test_change_of_the_window_stops_the_build(tmp_path: Path) -> None:
    published = published_of(source_of(7))
    file = str(tmp_path / "published.duckdb")
    assert model.released_cells(file, "week").is_empty()
    with duckdb.connect(file) as con:
        con.register("published", published)
        con.execute("create schema intermediate")
        con.execute(f"create table {model.TABLE} as from published")
    assert model.released_cells(file, "month").equals(published)
    with pytest.raises(ValueError, match="no weeks"):
        model.released_cells(file, "week")


def test_published_file_that_cannot_be_read_stops_the_build(tmp_path: Path) -> None:
    file = tmp_path / "published.duckdb"
    with duckdb.connect(str(file)) as con:
        con.execute("create table other as select 1 as one")
    assert model.released_cells(str(file), "month").is_empty()
    file.write_bytes(b"no database at all")
    with pytest.raises(ValueError, match="can't be read"):
        model.released_cells(str(file), "month")


def test_plain_dbt_shows_what_was_published_too(
    school: Institution,
) -> None:
    """By the variable of the build, or where the build publishes by itself."""
    assert PROJECT / model.PUBLISHED_FILE == PUBLISHED_FILE
    node = "int_conversation_cells_protected"
    shown = f"from intermediate.{node} order by all"
    rows = conversations(900, seed=8, days=31)
    school.deliver("a.csv", rows)
    school.take(node)
    first = query(school.work_file, shown)
    assert first
    school.deliver("a.csv", rows[40:])
    shutil.copy(school.work_file, school.folder / "published.duckdb")
    school.take(node)
    assert query(school.work_file, shown) == first
    (school.folder / "published.duckdb").unlink()
    school.take(node)
    assert query(school.work_file, shown) != first


@pytest.mark.parametrize(
    ("today", "is_shown"), [(date(2026, 2, 7), False), (date(2026, 2, 8), True)]
)
def test_window_is_open_until_days_after_its_end(today: date, is_shown: bool) -> None:
    cells = cells_of(source_of(7))
    assert model.closed(cells, "month", 7, today).is_empty() != is_shown


@pytest.mark.parametrize(("more", "is_shown"), [(0, True), (3, False), (40, False)])
def test_second_version_of_other_conversations_is_left_out(
    more: int, is_shown: bool
) -> None:
    conversations = source_of(7)
    place = conversations["region"].mode().item()
    others = conversations.filter(pl.col("region") == place).head(more)
    relabelled = pl.concat([conversations, others])
    second = pl.lit("own@2").alias("release_id")
    both = (
        pl.concat([of(conversations), of(relabelled).with_columns(second)])
        for of in (cells_of, groups_of)
    )
    shown = model.release(*both, NOTHING, FLOORS)["release_id"].unique().sort()
    assert shown.to_list() == ["own", *(["own@2"] if is_shown else [])]


def test_only_protected_cells_leave_the_private_file(own_manifest: Manifest) -> None:
    models = {
        key: node
        for key, node in own_manifest.nodes.items()
        if node.resource_type == "model"
    }
    private = {key for key, node in models.items() if node.schema == "private"}
    assert len(private) > 2
    readers = {
        (node.name, models[parent].name)
        for key, node in models.items()
        if key not in private
        for parent in private & set(node.depends_on.nodes)
    }
    assert readers == {
        ("int_conversation_cells_protected", "int_conversation_cells"),
        ("int_conversation_cells_protected", "int_conversation_groups"),
        ("int_conversation_cells_protected", "int_conversation_labels"),
        ("stg_conversations__samples", "int_conversation_windows"),
    }
    names = {node.name: node for node in models.values()}
    read = re.findall(r"windows\.(\w+)", names["stg_conversations__samples"].raw_code)
    columns = names["int_conversation_windows"].columns
    assert read
    assert {columns[name].data_type for name in read} <= {"varchar", "date"}


# What is published --------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
def test_published_rows_add_up_and_obey_the_floor(seed: int) -> None:
    _, cells, published = released(seed)
    assert published.filter(pl.col(COUNT) < FLOOR.conversations).is_empty()
    named = published.filter(
        (pl.col("base_cluster_name") != RESIDUAL)
        & (pl.col("category").fill_null("") != RESIDUAL)
        & ~pl.col("geo_id").str.ends_with(RESIDUAL)
    )
    # A named cell is as it was, and of accounts enough.
    true = named.join(cells, on=CELL, nulls_equal=True, suffix="_true")
    assert len(true) == len(named)
    assert (true[COUNT] == true[f"{COUNT}_true"]).all()
    assert (true["account_count"] >= FLOOR.accounts).all()
    totals = model.place_totals(published)
    for (level, place, facet), own in published.group_by(CELL[:3]):
        if "::" in facet:
            whole = own.group_by("base_cluster_name").agg(pl.col(COUNT).sum())
            tasks = published.filter(
                (pl.col("facet") == "onet_task") & (pl.col("geo_level") == "global")
            )
            joined = whole.join(tasks, on="base_cluster_name", suffix="_of_task")
            assert len(joined) == len(whole)
            assert (joined[COUNT] == joined[f"{COUNT}_of_task"]).all()
        elif facet not in model.PLACES.values():
            assert own[COUNT].sum() == totals[level, place]
    countries = published.filter(pl.col("facet") == "country")[COUNT].sum()
    assert countries in (0, totals.get(("global", "GLOBAL")))


def test_order_of_the_rows_is_of_no_account() -> None:
    conversations = source_of(7)
    shuffled = conversations.sample(fraction=1, shuffle=True, seed=1)
    assert published_of(conversations).equals(published_of(shuffled))


def test_floor_is_of_the_source_and_accounts_count_where_known() -> None:
    conversations = source_of(7)
    cells, groups = cells_of(conversations), groups_of(conversations)
    key = model.protected(cells, groups, FLOOR).filter(
        (pl.col("geo_level") == "country") & (pl.col("base_cluster_name") != RESIDUAL)
    )
    key = key.filter(pl.col("facet") == "collaboration").head(1)
    # Two people have the conversations of one cell.
    few = cells.join(key, on=CELL, nulls_equal=True, how="anti")
    few = pl.concat(
        [
            few,
            cells.join(key, on=CELL, nulls_equal=True, how="semi").with_columns(
                account_count=pl.lit(2, dtype=pl.Int64)
            ),
        ]
    )

    def is_shown(own: pl.DataFrame, floor: Any) -> bool:
        floors = {"default": FLOOR, "own": floor}
        shown = model.release(own, groups, NOTHING, floors)
        return len(shown.join(key, on=CELL, nulls_equal=True, how="semi")) == 1

    assert is_shown(cells, FLOOR)
    assert not is_shown(few, FLOOR)
    assert is_shown(few, model.Floor(accounts=2))
    assert not is_shown(cells, model.Floor(conversations=int(key[COUNT].item()) + 1))
    unknown = few.with_columns(account_count=pl.lit(None, dtype=pl.Int64))
    assert is_shown(unknown, FLOOR)


def test_few_cells_are_folded_for_others() -> None:
    """A source of 40,000 conversations of 300 tasks keeps most that it could show."""
    conversations = source(
        1,
        conversations=40_000,
        tasks=300,
        places=[f"{country}{country}-1" for country in "ABCDEFGH"],
        evenness=2.5,
    )
    cells = cells_of(conversations)
    possible = cells.filter(
        (pl.col(COUNT) >= FLOOR.conversations)
        & (pl.col("account_count") >= FLOOR.accounts)
        & (pl.col("base_cluster_name") != RESIDUAL)
        & (pl.col("category").fill_null("") != RESIDUAL)
    )
    published = model.protected(cells, groups_of(conversations), FLOOR)
    kept = possible.join(published, on=CELL, nulls_equal=True, how="semi")
    assert len(kept) / len(possible) > 0.8
