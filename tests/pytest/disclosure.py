"""Simulated sources, and an attack on what is published of them.

The audit of statistical disclosure control: for each private cell the feasibility
interval, the least and the most that it can hold given everything public. Two
attackers: one who knows how the tables add up, and one who counts people and so knows
that all tables are of the same conversations.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from functools import cache
from itertools import combinations, product
from types import ModuleType
from typing import Any

import numpy as np
import polars as pl
from conftest import python_model
from scipy.optimize import linprog
from scipy.sparse import csr_array

LABELS = {
    "collaboration": ["directive", "learning", "validation"],
    "use_case": ["coursework", "work"],
}
CELL = ["geo_level", "geo_id", "facet", "base_cluster_name", "category"]
COUNT = "conversation_count"
RESIDUAL = "not_classified"
# A cell: the values of CELL.
Key = tuple[str | None, ...]
Terms = Mapping[Any, float]


@cache
def load_model() -> ModuleType:
    """The dbt model as a module."""
    return python_model("conversations/int_conversation_cells_protected")


def published_of(
    conversations: pl.DataFrame,
    released: pl.DataFrame | None = None,
    cells: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """What the model publishes of one sample, or of the sample with other ``cells``."""
    model = load_model()
    return model.release(
        cells_of(conversations) if cells is None else cells,
        groups_of(conversations),
        pl.DataFrame(schema=model.SCHEMA) if released is None else released,
        {"default": model.Floor()},
    )


# Sources ------------------------------------------------------------------------------


def source(
    seed: int,
    conversations: int = 150,
    tasks: int = 5,
    places: Iterable[str] = ("AA-1", "AA-2", "BB-1", "BB-not_classified", ""),
    accounts: int = 0,
    labels: Mapping[str, list[str]] = LABELS,
    evenness: float = 0.8,
) -> pl.DataFrame:
    """Made-up conversations with few large and many small cells.

    accounts: how many, 0 for one each; evenness: of how many sizes names are.
    """
    random = np.random.default_rng(seed)

    def drawn(names: list[str]) -> np.ndarray:
        weights = random.pareto(evenness, len(names)) + 0.05
        return random.choice(names, conversations, p=weights / weights.sum())

    names = [f"task {at}" for at in range(tasks)]
    names += ["not_classified"] * int(random.integers(2))
    task = drawn(names)
    columns: dict[str, Any] = {"onet_task": task}
    for facet, own in labels.items():
        column = drawn([*own, "not_classified"] if random.integers(2) else own)
        # Some tasks have a pattern of their own.
        for name in sorted(set(task)):
            if random.random() < 0.4:
                column[task == name] = drawn(own)[task == name]
        columns[facet] = column
    columns["region"] = drawn(list(places))
    account = random.integers(accounts or 10**9, size=conversations)
    return pl.DataFrame(columns).with_columns(account_id=account)


def with_places(conversations: pl.DataFrame) -> pl.DataFrame:
    """The conversations with the place of each level."""
    region = pl.col("region")
    known = region != ""
    return conversations.with_columns(
        global_=pl.lit("GLOBAL"),
        country=pl.when(known)
        .then(region.str.head(2))
        .otherwise(pl.lit("not_classified")),
        region=pl.when(known).then(region),
    )


def keys_of(row: Mapping[str, Any], labels: Mapping[str, Any]) -> list[Key]:
    """Every cell that a conversation is in."""
    keys: list[Key] = []
    for level, geo_id in (
        ("global", "GLOBAL"),
        ("country", row["country"]),
        ("region", row["region"]),
    ):
        if geo_id is None:
            continue
        if level != "global":
            facet = "country" if level == "country" else "country-state"
            keys.append((level, geo_id, facet, "", None))
        for facet in ("onet_task", *labels):
            keys.append((level, geo_id, facet, row[facet], None))
    for facet in labels:
        crossed = f"onet_task::{facet}"
        keys.append(("global", "GLOBAL", crossed, row["onet_task"], row[facet]))
    return keys


def cells_of(
    conversations: pl.DataFrame,
    labels: Mapping[str, Any] = LABELS,
    window: date = date(2026, 1, 1),
) -> pl.DataFrame:
    """The complete private cells of one sample."""
    count: dict[Key, int] = {}
    accounts: dict[Key, set[int]] = {}
    for row in with_places(conversations).iter_rows(named=True):
        for key in keys_of(row, labels):
            count[key] = count.get(key, 0) + 1
            accounts.setdefault(key, set()).add(row["account_id"])
    rows = [
        ("own", "own", "claude_ai", window, *key, count[key], len(accounts[key]))
        for key in count
    ]
    schema = load_model().SCHEMA | {"account_count": pl.Int64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def groups_of(
    conversations: pl.DataFrame,
    labels: Mapping[str, Any] = LABELS,
    window: date = date(2026, 1, 1),
) -> pl.DataFrame:
    """The same conversations by all their names."""
    names = ["onet_task", *labels, "country", "region"]
    return (
        with_places(conversations)
        .group_by(names)
        .agg(pl.len().alias(COUNT))
        .with_columns(
            release_id=pl.lit("own"),
            source_id=pl.lit("own"),
            platform=pl.lit("claude_ai"),
            window_start_date=window,
        )
    )


# The attack ---------------------------------------------------------------------------


class World:
    """What an attacker knows beforehand: all names, and how the cells add up.

    Cells are sums of counts that are not negative. With ``as_people`` these are the
    conversations of each combination of names; without, the cells of each table, whose
    sums agree.
    """

    def __init__(
        self,
        conversations: pl.DataFrame,
        labels: Mapping[str, Any] = LABELS,
        as_people: bool = False,
    ) -> None:
        tasks = {f"task {at}" for at in range(3)} | set(conversations["onet_task"])
        self.names: dict[str, list[str]] = {
            "onet_task": sorted(tasks | {RESIDUAL}),
            **{facet: [*own, RESIDUAL] for facet, own in labels.items()},
            "region": sorted(set(conversations["region"])),
        }
        self.facets = ["onet_task", *labels]
        self.as_people = as_people

    def terms(self, **fixed: str | set[str]) -> Terms:
        """The conversations of which some names are fixed, as a sum of counts."""
        fixed = {key: {v} if isinstance(v, str) else v for key, v in fixed.items()}
        names = {
            key: [name for name in own if name in fixed.get(key, own)]
            for key, own in self.names.items()
        }
        if self.as_people:
            return dict.fromkeys(product(*names.values()), 1.0)
        # A table that has all that is fixed.
        keys = [key for key in self.names if key in fixed]
        others = [key for key in self.names if key not in keys]
        keys = sorted([*keys, *others][:2], key=list(self.names).index)
        return {(*keys, *pair): 1.0 for pair in product(names[keys[0]], names[keys[1]])}

    def identities(self) -> Iterator[Terms]:
        """Sums that are nought: the same margin of two tables."""
        if self.as_people:
            return
        for key, own in self.names.items():
            tables = [
                pair
                for pair in combinations(self.names, 2)
                # No mart crosses two attributes.
                if key in pair and {"onet_task", "region"} & set(pair)
            ]
            for name in own:
                margins = [
                    {
                        (*pair, *at): 1.0
                        for at in product(
                            *([name] if k == key else self.names[k] for k in pair)
                        )
                    }
                    for pair in tables
                ]
                for other in margins[1:]:
                    yield margins[0] | {at: -1.0 for at in other}

    def regions(self, geo_level: str, geo_id: str) -> set[str]:
        """The finest places in a place."""
        own = set(self.names["region"])
        if geo_level == "global":
            return own
        if geo_id == RESIDUAL:
            return {""} & own
        return {name for name in own if name.startswith(geo_id)}

    def cell(self, key: Key) -> Terms:
        """A private cell as a sum of counts."""
        geo_level, geo_id, facet, base, category = key
        fixed: dict[str, str | set[str]] = {}
        if geo_level != "global":
            fixed["region"] = self.regions(geo_level, geo_id)
        if facet in self.names:
            fixed[facet] = base
        elif category is not None:
            fixed["onet_task"], fixed[facet.split("::")[1]] = base, category
        return self.terms(**fixed)

    def public(self, published: pl.DataFrame) -> Iterator[tuple[Terms, float]]:
        """The published rows as sums; a rest is of all that is not named beside it."""
        rows = [(row[:5], row[5]) for row in published.select(*CELL, COUNT).iter_rows()]
        for key, value in rows:
            siblings = self.siblings(key)
            if siblings is None:
                yield self.cell(key), value
                continue
            named = {other for other, _ in rows}
            total: dict[Any, float] = {}
            for other in siblings:
                if other == key or other not in named:
                    total |= self.cell(other)
            yield total, value

    def siblings(self, key: Key) -> list[Key] | None:
        """The cells that a residual stands for or beside; None for a named cell."""
        geo_level, geo_id, facet, base, category = key
        if base == "":
            if not geo_id.endswith(RESIDUAL):
                return None
            regions = self.names["region"]
            if geo_level == "country":
                names = {name[:2] for name in regions} - {""} | {RESIDUAL}
            else:
                names = {name for name in regions if name.startswith(geo_id[:2])}
            return [(geo_level, name, *key[2:]) for name in sorted(names | {geo_id})]
        if category is None:
            if base != RESIDUAL:
                return None
            return [(*key[:3], name, None) for name in self.names[facet]]
        if category != RESIDUAL:
            return None
        return [(*key[:4], name) for name in self.names[facet.split("::")[1]]]


class Attack:
    """What can be known of the counts from sums of them."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.at: dict[Any, int] = {}
        self.entries: list[tuple[int, int, float]] = []
        self.values: list[float] = []
        self.matrix = csr_array((0, 0))

    def learn(self, terms: Terms, value: float = 0) -> None:
        """A public figure: a sum of counts, each with a known weight."""
        self.entries += [
            (len(self.values), self.at.setdefault(key, len(self.at)), weight)
            for key, weight in terms.items()
        ]
        self.values.append(value)

    def read(self, published: pl.DataFrame, *of: str) -> None:
        """Learn a publication; ``of`` says of which of several populations."""
        for terms, value in (
            *((terms, 0) for terms in self.world.identities()),
            *self.world.public(published),
        ):
            self.learn(
                {(each, key): w for key, w in terms.items() for each in of}, value
            )

    def highest(self, terms: Terms) -> float:
        """The upper end of the feasibility interval of a sum of counts."""
        target = np.zeros(len(self.at))
        for key, weight in terms.items():
            if key not in self.at:
                return np.inf  # nothing public rests on it
            target[self.at[key]] = weight
        shape = (len(self.values), len(self.at))
        if self.matrix.shape != shape:
            rows, columns, weights = zip(*self.entries, strict=True)
            self.matrix = csr_array((weights, (rows, columns)), shape=shape)
        found = linprog(-target, A_eq=self.matrix, b_eq=self.values)
        assert found.status in (0, 3), found.message
        return float(-found.fun) if found.status == 0 else np.inf

    def pinned(self, cells: pl.DataFrame, floor: Any, of: str = "") -> dict[Key, float]:
        """Private cells under the floor that are shown to be so, with the most that
        they can hold."""
        count = pl.col(COUNT)
        accounts = pl.col("account_count").fill_null(floor.accounts)
        risky = cells.filter(
            (count < floor.conversations) | (accounts < floor.accounts)
        ).with_columns(
            need=pl.max_horizontal(
                floor.conversations, count + floor.accounts - accounts
            )
        )
        found = {}
        for *key, need in risky.select(*CELL, "need").iter_rows():
            terms = self.world.cell(tuple(key))
            high = self.highest({(of, own): w for own, w in terms.items()})
            if high < need - 1e-6:
                found[tuple(key)] = high
        return found
