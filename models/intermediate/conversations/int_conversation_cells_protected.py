# grain: release_id, platform, window_start_date, geo_level, geo_id, facet,
#        base_cluster_name, category
# why: statistical disclosure control: no cell under the floor can be had by subtraction
"""Own conversations as they may be published: the private cells, folded.

One row per release, platform, window, place, facet, base cluster and category, as in
int_conversation_cells. A cell under the floor is folded into ``not_classified``
(primary suppression), and further cells until no linear combination of what is
published pins it below the floor (secondary suppression; A. Hundepool et al.,
Statistical Disclosure Control, 2012). What is protected, why it suffices, and what
isn't: docs/disclosure.md.
"""

import contextlib
import math
import os
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars as pl
import suppression
from suppression import Floor, Table, needs

RESIDUAL = "not_classified"
SAMPLE = ["release_id", "source_id", "platform", "window_start_date"]
CELL = ["geo_level", "geo_id", "facet", "base_cluster_name", "category"]
TASK = "onet_task"
ATTRIBUTES = ["collaboration", "use_case", "task_success"]
# What the total of a place is called.
PLACES = {"country": "country", "region": "country-state"}
TABLE = "intermediate.int_conversation_cells_protected"
# Where the build publishes, of the project; dbt by hand looks there too.
PUBLISHED_FILE = "warehouse/ai_in_education.duckdb"
SCHEMA = {
    **dict.fromkeys(SAMPLE[:3], pl.String),
    "window_start_date": pl.Date,
    **dict.fromkeys(CELL, pl.String),
    "conversation_count": pl.Int64,
}


class Names:
    """The names of a sample as numbers, in the order of the names."""

    def __init__(self, *columns: pl.Series) -> None:
        every = pl.concat([pl.Series([RESIDUAL]), *(own.unique() for own in columns)])
        self.kind = pl.Enum(every.drop_nulls().unique().sort())
        self.name = self.kind.categories.to_list()
        self.number = {name: number for number, name in enumerate(self.name)}

    def numbered(self, frame: pl.DataFrame, *columns: str) -> pl.DataFrame:
        """The columns as numbers; what has no name is the residual."""
        own = pl.col(*columns).fill_null(RESIDUAL)
        return frame.with_columns(own.cast(self.kind).to_physical())

    def positions(self, numbers: pl.Series, names: Sequence[str]) -> np.ndarray:
        """Where in the names each stands; the last place is that of all others."""
        places = np.full(len(self.name), len(names) - 1)
        places[[self.number[name] for name in names]] = range(len(names))
        return places[numbers.to_numpy()]


def table_of(
    names: Names,
    cells: pl.DataFrame,
    groups: pl.DataFrame,
    rows: dict[str, int],
    columns: dict[str, int],
    floor: Floor,
) -> Table:
    """The table of cells by numbers of ``row`` and ``column``; rows and columns: those
    with published sums, and their accounts. All others are its last row or column.

    groups: the same conversations by ``row``, ``column`` and ``rest``, all else that is
    published of them.
    """
    titles = [*rows, RESIDUAL], [*columns, RESIDUAL]
    shape = len(titles[0]), len(titles[1])

    def at(frame: pl.DataFrame) -> tuple[np.ndarray, ...]:
        keys = frame["row"], frame["column"]
        return tuple(map(names.positions, keys, titles))

    arrays = [np.zeros(shape, dtype=np.int64) for _ in range(3)]
    count, accounts = cells["conversation_count"], cells["account_count"]
    count, accounts = count.to_numpy(), accounts.to_numpy()
    places = at(cells)
    np.add.at(arrays[0], places, count)
    np.maximum.at(arrays[1], places, accounts)
    np.maximum.at(arrays[2], places, needs(count, accounts, floor))
    rest = groups["rest"].to_numpy()
    # The numbers that there are, without gaps.
    rest = (np.bincount(rest) > 0).cumsum()[rest] - 1
    kinds = (*shape, int(rest.max()) + 1)
    parts = np.bincount(
        np.ravel_multi_index((*at(groups), rest), kinds),
        groups["conversation_count"].to_numpy(),
        math.prod(kinds),
    )
    # Which unnamed conversations are of how many accounts, the published sums settled.
    return Table(
        *titles,
        *arrays,
        np.array([*rows.values(), floor.accounts]),
        np.array([*columns.values(), floor.accounts]),
        parts.reshape(kinds).astype(np.int32),
    )


# Of each name: conversations, and accounts at least.
Sums = dict[str, tuple[int, int]]


def with_rest(table: Table, row: int, published: np.ndarray) -> Sums:
    """What is published of a row, and under the residual what is not."""
    kept = {
        table.columns[at]: (int(table.count[row, at]), int(table.accounts[row, at]))
        for at in np.flatnonzero(published[row])
    }
    rest = int(table.count[row].sum()) - sum(count for count, _ in kept.values())
    return kept | ({RESIDUAL: (rest, 0)} if rest else {})


def protected_sums(
    names: Names, cells: pl.DataFrame, accounts: int, floor: Floor
) -> Sums:
    """What may be published of cells by ``column``; nothing where their sum is small.

    accounts: of their sum, at least.
    """
    cells = cells.with_columns(row=pl.lit(names.number[RESIDUAL]), rest=pl.lit(0))
    columns = {names.name[number]: 0 for number in cells["column"].unique().sort()}
    columns.pop(RESIDUAL, None)
    table = table_of(names, cells, cells, {}, columns, floor)
    table.row_accounts[:] = accounts
    published = suppression.may_be_published(table, floor)
    published = suppression.fold_rows(table, published, floor)
    if not suppression.is_safe(table, published, floor).all():
        return {}
    return with_rest(table, 0, published)


class TooLittleAlikeError(Exception):
    """No exchange hides some cell beside the tables of places."""


def protected_table(
    names: Names,
    cells: pl.DataFrame,
    groups: pl.DataFrame,
    rows: Sums,
    columns: Sums,
    floor: Floor,
    is_alone: bool,
) -> dict[str, Sums]:
    """What may be published of each row beside the published sums.

    is_alone: whether no other table tells of these names; then sums can be told.
    """
    accounts = (
        {name: own[1] for name, own in sums.items() if name != RESIDUAL}
        for sums in (rows, columns)
    )
    table = table_of(names, cells, groups, *accounts, floor)
    published = suppression.fold_table(table, floor)
    if published is None:
        if not is_alone:
            raise TooLittleAlikeError
        published = np.zeros(table.count.shape, dtype=bool)
    return {
        name: with_rest(table, at, published) for at, name in enumerate(table.rows[:-1])
    }


# Of each place ("" for the globe): accounts, at least, and what is published by facet.
Places = dict[str, tuple[int, dict[str, Sums]]]


class Sample:
    """What may be published of one sample, from the top down: what the globe does not
    publish, no place publishes; what a country does not, none of its regions.

    levels: of which places more is published than totals.
    """

    def __init__(
        self,
        cells: pl.DataFrame,
        groups: pl.DataFrame,
        floor: Floor,
        levels: Sequence[str],
    ) -> None:
        self.floor, self.levels = floor, levels
        geo_id, is_crossed = pl.col("geo_id"), pl.col("facet").str.contains("::")
        cells = cells.with_columns(
            pl.col("account_count").fill_null(floor.accounts),
            # A region begins with the code of its country.
            parent=pl.when(pl.col("geo_level") == "region")
            .then(geo_id.str.head(2))
            .otherwise(pl.lit("")),
            row=pl.when(is_crossed)
            .then("base_cluster_name")
            .when(geo_id.str.ends_with(RESIDUAL))
            .then(pl.lit(RESIDUAL))
            .otherwise(geo_id),
            column=pl.when(is_crossed).then("category").otherwise("base_cluster_name"),
        )
        delivered = set(cells["facet"])
        self.facets = [own for own in (TASK, *ATTRIBUTES) if own in delivered]
        names = [*self.facets, *PLACES]
        self.names = Names(*cells.select("row", "column"), *groups.select(names))
        self.groups = self.names.numbered(groups, *names)
        self.parts = self.names.numbered(cells, "row", "column").partition_by(
            "geo_level", "parent", "facet", as_dict=True
        )
        accounts = cells["account_count"].max()
        self.places: Places = {"": (accounts, {})}
        self.globe = self.places[""][1]
        for facet in self.facets:
            own = self.parts["global", "", facet]
            self.globe[facet] = protected_sums(self.names, own, accounts, floor)
        self.is_shown = all(self.globe.values())
        self.add_places()
        self.known = self.among_published()

    def add_places(self) -> None:
        """The published totals of places, each under the place that it lies in."""
        for geo_level, total in PLACES.items():
            for parent, (accounts, facets) in list(self.places.items()):
                own = self.parts.get((geo_level, parent, total))
                if own is None:
                    continue
                own = own.with_columns(column="row")
                facets[total] = protected_sums(self.names, own, accounts, self.floor)
                for place, (_, least) in facets[total].items():
                    if place != RESIDUAL:
                        self.places[place] = least, {}

    def among_published(self) -> dict[str, tuple[np.ndarray, int]]:
        """Of each key where its names stand among those that are published, all others
        being one, and how many these are."""
        shown: dict[str, Iterable[str]] = dict(self.globe)
        shown |= {
            level: self.places if level in self.levels else [] for level in PLACES
        }
        named = {
            key: [*sorted({*names} - {"", RESIDUAL}), RESIDUAL]
            for key, names in shown.items()
        }
        return {
            key: (self.names.positions(self.groups[key], names), len(names))
            for key, names in named.items()
        }

    def table(
        self,
        cells: pl.DataFrame,
        keys: tuple[str, str],
        rows: Sums,
        columns: Sums,
        parent: str = "",
    ) -> dict[str, Sums]:
        """A table by two keys: what of it is published of each row."""
        level, facet = keys
        # Who takes another's task keeps the labels, and so on: no other table changes.
        others = [TASK] if facet != TASK else self.facets[1:]
        if level == TASK:
            others = list(self.levels)
        # One number for each set of them.
        rest = np.zeros(self.groups.height, dtype=np.int64)
        for known, kinds in (self.known[name] for name in others):
            rest = rest * kinds + known
        groups = pl.DataFrame(
            {
                "row": self.groups[level],
                "column": self.groups[facet],
                "rest": rest,
                "conversation_count": self.groups["conversation_count"],
            }
        )
        if level == "region":
            groups = groups.filter(self.groups["country"] == self.names.number[parent])
        return protected_table(
            self.names,
            cells,
            groups,
            rows,
            columns,
            self.floor,
            is_alone=not self.levels,
        )

    def published(self) -> Iterator[tuple[Any, ...]]:
        """CELL and conversation_count; none of a sample under the floor."""
        if not self.is_shown:
            return
        for facet in self.facets:
            yield from rows_of("global", "GLOBAL", facet, self.globe[facet])
        for facet in self.facets[1:]:
            crossed = f"{TASK}::{facet}"
            tables = self.table(
                self.parts["global", "", crossed],
                (TASK, facet),
                self.globe[TASK],
                self.globe[facet],
            )
            for task, labels in tables.items():
                for label, (count, _) in labels.items():
                    yield "global", "GLOBAL", crossed, task, label, count
        for geo_level, total in PLACES.items():
            for parent, (_, above) in self.places.items():
                if total in above:
                    yield from self.of_places(geo_level, parent, above)

    def of_places(
        self, geo_level: str, parent: str, above: dict[str, Sums]
    ) -> Iterator[tuple[Any, ...]]:
        """The rows of the countries, or of the regions of one."""
        total = PLACES[geo_level]
        prefix = f"{parent}-" if parent else ""
        for place, (count, _) in above[total].items():
            geo_id = prefix + place if place == RESIDUAL else place
            yield geo_level, geo_id, total, "", None, count
        for facet in self.facets if geo_level in self.levels else []:
            tables = self.table(
                self.parts[geo_level, parent, facet],
                (geo_level, facet),
                above[total],
                above[facet],
                parent,
            )
            for place, labels in tables.items():
                yield from rows_of(geo_level, place, facet, labels)
                self.places[place][1][facet] = labels


def rows_of(
    geo_level: str, geo_id: str, facet: str, sums: Sums
) -> Iterator[tuple[Any, ...]]:
    """The published rows of a plain facet of a place."""
    for name, (count, _) in sums.items():
        yield geo_level, geo_id, facet, name, None, count


def protected(cells: pl.DataFrame, groups: pl.DataFrame, floor: Floor) -> pl.DataFrame:
    """The private cells of one sample as they may be published."""
    (sample,) = cells.select(SAMPLE).unique().rows()
    has = [level for level in PLACES if level in cells["geo_level"]]
    for levels in (has, has[:1], []):
        with contextlib.suppress(TooLittleAlikeError):
            rows = [*Sample(cells, groups, floor, levels).published()]
            break
    return pl.DataFrame([(*sample, *row) for row in rows], schema=SCHEMA, orient="row")


# What was published before -----------------------------------------------------------


def closed(
    cells: pl.DataFrame, window: str, closing_days: int, today: date
) -> pl.DataFrame:
    """The rows of windows (month, week) that ended more than some days ago."""
    end = pl.col("window_start_date").dt.offset_by(
        {"month": "1mo", "week": "1w"}[window]
    )
    return cells.filter(end + timedelta(days=closing_days) <= today)


def place_totals(cells: pl.DataFrame) -> dict[tuple[str, str], int]:
    """Conversations of the sample and of each named place in it."""
    is_total = pl.col("facet").is_in(list(PLACES.values())) | (
        (pl.col("geo_level") == "global") & (pl.col("facet") == TASK)
    )
    totals = (
        cells.filter(is_total & ~pl.col("geo_id").str.ends_with(RESIDUAL))
        .group_by("geo_level", "geo_id")
        .agg(pl.col("conversation_count").sum())
    )
    return {(level, place): count for level, place, count in totals.iter_rows()}


def holds_the_same(cells: pl.DataFrame, published: pl.DataFrame) -> bool:
    """Whether all places hold as many conversations as another release published of the
    same window: of sets that differ, the difference would be known by subtraction."""
    own = place_totals(cells)
    return all(own.get(at) == n for at, n in place_totals(published).items())


def release(
    cells: pl.DataFrame,
    groups: pl.DataFrame,
    released: pl.DataFrame,
    floors: dict[str, Floor],
) -> pl.DataFrame:
    """What is published of the private cells of closed windows.

    released: what was published before, and is published again as it was. floors: by
    source; ``default`` is that of the others.
    """
    before = released.partition_by(SAMPLE, as_dict=True)
    grouped = groups.partition_by(SAMPLE, as_dict=True)
    samples = sorted(
        cells.partition_by(SAMPLE, as_dict=True).items(),
        key=lambda item: (item[0] not in before, item[0]),
    )
    # Releases of the same conversations, under two versions of a classifier.
    published: dict[tuple[Any, ...], list[pl.DataFrame]] = {}
    for sample, own in samples:
        floor = floors.get(sample[1], floors["default"])
        others = published.setdefault(sample[1:], [])
        if sample in before:
            others.append(before[sample])
        elif all(holds_the_same(own, other) for other in others):
            others.append(protected(own, grouped[sample], floor))
    parts = [part for parts in published.values() for part in parts]
    order = [*SAMPLE, *CELL]
    return pl.concat([pl.DataFrame(schema=SCHEMA), *parts]).sort(order)


def released_cells(published_file: str, window: str) -> pl.DataFrame:
    """What the published warehouse file shows of own conversations.

    Raises ValueError where it can't be read or its windows are of another length.
    """
    nothing = pl.DataFrame(schema=SCHEMA)
    if not Path(published_file).exists():
        return nothing
    try:
        with duckdb.connect(published_file, read_only=True) as con:
            cells = con.sql(f"select {', '.join(SCHEMA)} from {TABLE}").pl()
    except duckdb.CatalogException:
        return nothing  # published without own conversations
    except duckdb.Error as error:
        raise ValueError(
            f"The published file {published_file} can't be read: {error}. What it "
            "shows of own conversations has to stay: bring it back, or withdraw it."
        ) from error
    cells = cells.cast(SCHEMA)
    start = pl.col("window_start_date").dt
    fits = start.day() == 1 if window == "month" else start.weekday() == 1
    if not cells.select(fits.all()).item():
        raise ValueError(
            f"The published file {published_file} shows own conversations in windows "
            f"that are no {window}s (own_window): windows of two lengths show small "
            "cells by subtraction. Set own_window as before, or withdraw that file "
            "and publish to another with --output."
        )
    return cells


def model(dbt: Any, session: Any) -> Any:
    """The dbt model."""
    dbt.config(materialized="table")
    window = dbt.config.get("own_window")
    floors = {
        source: Floor(**own) for source, own in dbt.config.get("own_floors").items()
    }
    private = dbt.ref("int_conversation_cells").select(*SCHEMA, "account_count")
    groups = (
        dbt.ref("int_conversation_groups")
        .join(dbt.ref("int_conversation_labels"), "label_key")
        .select(*SAMPLE, TASK, *ATTRIBUTES, *PLACES, "conversation_count")
    )
    samples = closed(
        private.select(*SAMPLE).distinct().pl(),
        window,
        int(dbt.config.get("own_closing_days")),
        datetime.now(UTC).date(),
    )
    published_file = os.environ.get("AEI_WAREHOUSE_FILE", PUBLISHED_FILE)
    released = released_cells(published_file, window)
    released = released.join(samples, on=SAMPLE, how="semi")
    new = samples.join(released, on=SAMPLE, how="anti")
    days = new["window_start_date"].unique().sort().to_list()
    at = pl.col("window_start_date")
    # One window at a time: the cells of all of them can be many.
    parts = [
        release(
            private.filter(f"window_start_date = date '{day}'").pl().cast(SCHEMA),
            groups.filter(f"window_start_date = date '{day}'").pl(),
            released.filter(at == day),
            floors,
        )
        for day in days
    ]
    return pl.concat([released.filter(~at.is_in(days)), *parts])
