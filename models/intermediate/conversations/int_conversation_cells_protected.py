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

import os
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars as pl

RESIDUAL = "not_classified"
SAMPLE = ["release_id", "source_id", "platform", "window_start_date"]
CELL = ["geo_level", "geo_id", "facet", "base_cluster_name", "category"]
TASK = "onet_task"
ATTRIBUTES = ["collaboration", "use_case", "task_success"]
# What the total of a place is called.
PLACES = {"country": "country", "region": "country-state"}
TABLE = "intermediate.int_conversation_cells_protected"
SCHEMA = {
    **dict.fromkeys(SAMPLE[:3], pl.String),
    "window_start_date": pl.Date,
    **dict.fromkeys(CELL, pl.String),
    "conversation_count": pl.Int64,
}


@dataclass(frozen=True)
class Floor:
    """The fewest conversations and accounts that a published count may rest on."""

    conversations: int = 15
    accounts: int = 5


@dataclass
class Table:
    """Conversations by rows and columns; the last of each is what is not named.

    ``need`` is what a sum must at least hold to hide the riskiest cell in it. Accounts
    of a cell, row or column are a lower bound: those of its largest part.
    """

    rows: list[str]
    columns: list[str]
    count: np.ndarray
    accounts: np.ndarray
    need: np.ndarray
    row_accounts: np.ndarray
    column_accounts: np.ndarray

    @property
    def turned(self) -> "Table":
        """The table with rows for columns."""
        return Table(
            self.columns,
            self.rows,
            self.count.T,
            self.accounts.T,
            self.need.T,
            self.column_accounts,
            self.row_accounts,
        )


def needs(count: np.ndarray, accounts: np.ndarray, floor: Floor) -> np.ndarray:
    """What a sum that holds each cell must hold to be no smaller than the floor.

    A cell over both floors needs no company; one of few accounts needs as many other
    conversations as it lacks accounts.
    """
    hidden = np.maximum(floor.conversations, count + floor.accounts - accounts)
    risky = (count < floor.conversations) | (accounts < floor.accounts)
    return np.where(count == 0, 0, np.where(risky, hidden, count))


def may_be_published(table: Table, floor: Floor) -> np.ndarray:
    """Primary suppression: cells over the floor, but for the unnamed column."""
    published = (table.count >= floor.conversations) & (
        table.accounts >= floor.accounts
    )
    published[:, -1] = False
    return published


def is_safe(table: Table, published: np.ndarray, floor: Floor) -> np.ndarray:
    """Whether what each row leaves unpublished is nothing, or enough to be shown."""
    folded = ~published & (table.count > 0)
    count = np.where(folded, table.count, 0).sum(axis=1)
    need = np.where(folded, table.need, 0).max(axis=1, initial=0)
    accounts = np.maximum(
        np.where(folded, table.accounts, 0).max(axis=1, initial=0),
        table.row_accounts - np.where(published, table.accounts, 0).sum(axis=1),
    )
    return (count == 0) | ((count >= need) & (accounts >= floor.accounts))


def fold_rows(table: Table, published: np.ndarray, floor: Floor) -> np.ndarray:
    """Fold the smallest published cell of each unsafe row until every row is safe."""
    published = published.copy()
    while True:
        unsafe = ~is_safe(table, published, floor) & published.any(axis=1)
        if not unsafe.any():
            return published
        sizes = np.where(published, table.count, np.iinfo(np.int64).max)[unsafe]
        published[np.flatnonzero(unsafe), sizes.argmin(axis=1)] = False


def is_pinned(table: Table, published: np.ndarray) -> np.ndarray:
    """Folded cells for which no exchange is known that lifts them to their need.

    In safe rows and columns: conversations of other folded cells of the row move into
    the cell, and as many of other folded cells of its column move out, in rows that
    leave open enough of the same columns; or by way of the unnamed column in other rows
    that publish nothing.
    """
    folded = (~published).astype(float)
    count = folded * table.count
    missing = np.where(count > 0, table.need - count, 0)
    corner = np.where(published.any(axis=1), 0, count[:, -1])
    corner = (corner.sum() - corner)[:, None] * np.ones(count.shape[1])
    corner[:, -1] = 0  # the unnamed column itself
    pinned = missing > corner
    at = np.flatnonzero(pinned.any(axis=1))
    shared = count[at] @ folded.T
    shared[np.arange(at.size), at] = 0
    for need in np.unique(table.need[pinned]):
        lifted = ((shared >= need) @ count >= missing[at]) & (table.need[at] == need)
        pinned[at] &= ~lifted
    return pinned


def fold_partner(table: Table, published: np.ndarray, row: int, column: int) -> bool:
    """Fold the fewest conversations in another row that can then exchange with a pinned
    cell of this one; False where no other row has enough."""
    count, need = table.count, table.need[row, column]
    has_enough = count[:, column] >= need - count[row, column]
    has_enough[row] = False
    if not has_enough.any():
        return False
    folded = ~published[row]
    cost = np.where(published, count, 0)
    alone = folded & (count[row] + count[row, column] >= need)
    alone[column] = False
    if alone.any():
        # One other column of the row will do.
        choices = cost + cost[:, [column]]
        choices[~has_enough] = choices[:, ~alone] = np.iinfo(np.int64).max
        partner, other = np.unravel_index(choices.argmin(), choices.shape)
        published[partner, [column, other]] = False
    else:
        choices = np.where(
            has_enough, cost[:, folded].sum(axis=1), np.iinfo(np.int64).max
        )
        published[choices.argmin(), folded] = False
    return True


def fold_table(table: Table, floor: Floor) -> np.ndarray:
    """Which cells of a table may be published beside its sums.

    The sums of its named rows and columns are published. Nothing is published of the
    last row and column.
    """
    published = may_be_published(table, floor)
    published[-1] = False
    sizes = table.count.sum(axis=1)
    while True:
        by_rows = fold_rows(table, published, floor)
        published = fold_rows(table.turned, by_rows.T, floor).T
        if (published != by_rows).any():
            continue
        pinned = is_pinned(table, published)
        open_rows = np.flatnonzero(published.any(axis=1))
        if not pinned.any() or not open_rows.size:
            return published
        helped = [
            fold_partner(table, published, row, int(pinned[row].argmax()))
            for row in np.flatnonzero(pinned.any(axis=1))
        ]
        if not any(helped):
            # A row without published cells hides those of the others.
            published[open_rows[sizes[open_rows].argmin()]] = False


def table_of(
    cells: pl.DataFrame, rows: dict[str, int], columns: dict[str, int], floor: Floor
) -> Table:
    """The table of cells with ``row`` and ``column``; rows and columns: those with
    published sums, and their accounts. All others are its last row or column."""
    names = [*rows, RESIDUAL], [*columns, RESIDUAL]
    shape = len(names[0]), len(names[1])
    row_at, column_at = ({name: at for at, name in enumerate(each)} for each in names)
    accounts = np.array(cells["account_count"].fill_null(floor.accounts))
    count = cells["conversation_count"].to_numpy()
    at = (
        [row_at.get(name, shape[0] - 1) for name in cells["row"]],
        [column_at.get(name, shape[1] - 1) for name in cells["column"]],
    )
    arrays = [np.zeros(shape, dtype=np.int64) for _ in range(3)]
    np.add.at(arrays[0], at, count)
    np.maximum.at(arrays[1], at, accounts)
    np.maximum.at(arrays[2], at, needs(count, accounts, floor))
    # Which unnamed conversations are of how many accounts, the published sums settled.
    return Table(
        *names,
        *arrays,
        np.array([*rows.values(), floor.accounts]),
        np.array([*columns.values(), floor.accounts]),
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


def protected_sums(cells: pl.DataFrame, accounts: int, floor: Floor) -> Sums:
    """What may be published of cells by ``column``; nothing where their sum is small.

    accounts: of their sum, at least.
    """
    names = cells["column"].unique().sort().to_list()
    table = table_of(
        cells.with_columns(pl.lit(RESIDUAL).alias("row")),
        {},
        {name: 0 for name in names if name != RESIDUAL},
        floor,
    )
    table.row_accounts[:] = accounts
    published = fold_rows(table, may_be_published(table, floor), floor)
    if not is_safe(table, published, floor).all():
        return {}
    return with_rest(table, 0, published)


def protected_table(
    cells: pl.DataFrame, rows: Sums, columns: Sums, floor: Floor
) -> dict[str, Sums]:
    """What may be published of each row beside the published sums."""
    accounts = (
        {name: own[1] for name, own in sums.items() if name != RESIDUAL}
        for sums in (rows, columns)
    )
    table = table_of(cells, *accounts, floor)
    published = fold_table(table, floor)
    return {
        name: with_rest(table, at, published) for at, name in enumerate(table.rows[:-1])
    }


def protected_sample(cells: pl.DataFrame, floor: Floor) -> Iterator[tuple[Any, ...]]:
    """The rows of one sample that may be published: CELL and conversation_count.

    From the top down: what the globe does not publish, no place publishes; what a
    country does not, none of its regions. No row for a sample under the floor.
    """
    accounts = cells["account_count"].fill_null(floor.accounts).max()
    parts = cells.filter(pl.col("geo_level") == "global").partition_by(
        "facet", as_dict=True
    )
    globe = {
        facet: protected_sums(
            parts[(facet,)].rename({"base_cluster_name": "column"}), accounts, floor
        )
        for facet in (TASK, *ATTRIBUTES)
        if (facet,) in parts
    }
    if not all(globe.values()):
        return
    for facet, sums in globe.items():
        yield from rows_of("global", "GLOBAL", facet, sums)
        if facet == TASK:
            continue
        crossed = f"{TASK}::{facet}"
        tables = protected_table(
            parts[(crossed,)].rename(
                {"base_cluster_name": "row", "category": "column"}
            ),
            globe[TASK],
            sums,
            floor,
        )
        for task, labels in tables.items():
            for label, (count, _) in labels.items():
                yield "global", "GLOBAL", crossed, task, label, count
    above = {"": (accounts, globe)}
    for geo_level in PLACES:
        above = yield from protected_places(cells, geo_level, above, floor)


def rows_of(
    geo_level: str, geo_id: str, facet: str, sums: Sums
) -> Iterator[tuple[Any, ...]]:
    """The published rows of a plain facet of a place."""
    for name, (count, _) in sums.items():
        yield geo_level, geo_id, facet, name, None, count


# Of each place: its accounts at least, and what it publishes of each facet.
Above = dict[str, tuple[int, dict[str, Sums]]]


def protected_places(
    cells: pl.DataFrame, geo_level: str, above: Above, floor: Floor
) -> Generator[tuple[Any, ...], None, Above]:
    """The rows of countries, or of regions, and what the places publish.

    above: the same of the places that they lie in, "" for the globe.
    """
    # A region begins with the code of its country.
    parent = pl.lit("") if geo_level == "country" else pl.col("geo_id").str.head(2)
    name = pl.col("geo_id")
    parts = (
        cells.filter(pl.col("geo_level") == geo_level)
        .with_columns(
            parent.alias("parent"),
            pl.when(name.str.ends_with(RESIDUAL))
            .then(pl.lit(RESIDUAL))
            .otherwise(name)
            .alias("row"),
            pl.col("base_cluster_name").alias("column"),
        )
        .partition_by("parent", "facet", as_dict=True)
    )
    own: Above = {}
    for parent_id, (accounts, facets) in sorted(above.items()):
        totals = parts.get((parent_id, PLACES[geo_level]))
        if totals is None:
            continue
        places = protected_sums(
            totals.with_columns(pl.col("row").alias("column")), accounts, floor
        )
        prefix = f"{parent_id}-" if parent_id else ""
        for place, (count, place_accounts) in places.items():
            geo_id = prefix + place if place == RESIDUAL else place
            yield geo_level, geo_id, PLACES[geo_level], "", None, count
            if place != RESIDUAL:
                own[place] = place_accounts, {}
        for facet, sums in facets.items():
            tables = protected_table(parts[parent_id, facet], places, sums, floor)
            for place, labels in tables.items():
                yield from rows_of(geo_level, place, facet, labels)
                own[place][1][facet] = labels
    return own


def protected(cells: pl.DataFrame, floor: Floor) -> pl.DataFrame:
    """The private cells of one sample as they may be published."""
    (sample,) = cells.select(SAMPLE).unique().rows()
    rows = [(*sample, *row) for row in protected_sample(cells, floor)]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


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


def differs_by_few(cells: pl.DataFrame, published: pl.DataFrame, floor: Floor) -> bool:
    """Whether a place holds nearly the conversations that another release published of
    the same window: the few would be known by subtraction."""
    own = place_totals(cells)
    return any(
        0 < abs(own.get(place, 0) - count) < floor.conversations
        for place, count in place_totals(published).items()
    )


def release(
    cells: pl.DataFrame, released: pl.DataFrame, floors: dict[str, Floor]
) -> pl.DataFrame:
    """What is published of the private cells of closed windows.

    released: what was published before, and is published again as it was. floors: by
    source; ``default`` is that of the others.
    """
    before = released.partition_by(SAMPLE, as_dict=True)
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
        elif not any(differs_by_few(own, other, floor) for other in others):
            others.append(protected(own, floor))
    parts = [part for parts in published.values() for part in parts]
    order = [*SAMPLE, *CELL]
    return pl.concat([pl.DataFrame(schema=SCHEMA), *parts]).sort(order)


def released_cells(published_file: str | None, window: str) -> pl.DataFrame:
    """What the published warehouse file shows of own conversations.

    Raises ValueError where it can't be read or its windows are of another length.
    """
    nothing = pl.DataFrame(schema=SCHEMA)
    if not published_file or not Path(published_file).exists():
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
    samples = closed(
        private.select(*SAMPLE).distinct().pl(),
        window,
        int(dbt.config.get("own_closing_days")),
        datetime.now(UTC).date(),
    )
    released = released_cells(os.environ.get("AEI_WAREHOUSE_FILE"), window)
    released = released.join(samples, on=SAMPLE, how="semi")
    new = samples.join(released, on=SAMPLE, how="anti")
    days = new["window_start_date"].unique().sort().to_list()
    at = pl.col("window_start_date")
    # One window at a time: the cells of all of them can be many.
    parts = [
        release(
            private.filter(f"window_start_date = date '{day}'").pl().cast(SCHEMA),
            released.filter(at == day),
            floors,
        )
        for day in days
    ]
    return pl.concat([released.filter(~at.is_in(days)), *parts]).to_arrow()
