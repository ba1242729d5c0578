"""Which cells of a table may be published (int_conversation_cells_protected).

Primary and secondary suppression (A. Hundepool et al., Statistical Disclosure Control,
2012). The rules, and why they suffice: docs/disclosure.md. dbt does not see a change
here; windows that were published stay as they are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# So many other rows, and columns, are tried for exchanges: those that fold most.
TRIED = 12


@dataclass(frozen=True)
class Floor:
    """The fewest conversations and accounts that a published count may rest on."""

    conversations: int = 15
    accounts: int = 5


@dataclass
class Table:
    """Conversations by rows and columns; the last of each is what is not named.

    ``parts``: rows x columns x all else that is published of a conversation. ``need``
    is what a sum must at least hold to hide the riskiest cell in it. Accounts of a
    cell, row or column are a lower bound: those of its largest part.
    """

    rows: list[str]
    columns: list[str]
    count: np.ndarray
    accounts: np.ndarray
    need: np.ndarray
    row_accounts: np.ndarray
    column_accounts: np.ndarray
    parts: np.ndarray

    @property
    def turned(self) -> Table:
        """The table with rows for columns."""
        return Table(
            self.columns,
            self.rows,
            self.count.T,
            self.accounts.T,
            self.need.T,
            self.column_accounts,
            self.row_accounts,
            self.parts.swapaxes(0, 1),
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


def agreeing(givers: np.ndarray, takers: np.ndarray) -> np.ndarray:
    """Of each giver and taker, how many conversations agree in all else."""
    found = np.zeros((len(givers), len(takers)), dtype=np.int64)
    for part in np.flatnonzero(givers.any(axis=0) & takers.any(axis=0)):
        found += np.minimum.outer(givers[:, part], takers[:, part])
    return found


def is_pinned(table: Table, published: np.ndarray) -> np.ndarray:
    """Folded cells for which no exchange is known that lifts them to their need.

    A conversation of another folded cell of the row changes columns with one of the
    column, in a row that folds both, that agrees with it in all else: then no other
    table changes, and no published sum of this one.
    """
    missing = np.where(published | (table.count == 0), 0, table.need - table.count)
    pinned = missing > lifts(table, ~published, missing > 0)
    return pinned & (missing > lifts(table.turned, ~published.T, pinned.T).T)


def lifts(table: Table, folded: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """The most that exchanges are known to bring into each cell of the rows in which
    some is asked for."""
    best = np.zeros(folded.shape, dtype=np.int64)
    at = np.flatnonzero(asked.any(axis=1))
    if not at.size:
        return best
    parts = table.parts * folded[..., None]
    most = (folded * table.count).sum(axis=1).argsort(kind="stable")[::-1]
    # One other row, or several that fold the same columns.
    partners = [most[[n]] for n in range(min(TRIED, most.size))]
    partners += [most[: 2**n] for n in range(1, most.size.bit_length() + 1)]
    for others in partners:
        both = folded[at] & folded[others].all(axis=0)
        own = parts[at]
        givers = own * both[..., None]
        givers = givers.sum(axis=1, keepdims=True) - givers
        is_own = np.isin(at, others)[:, None, None]
        takers = parts[others].sum(axis=0) - own * is_own
        found = np.minimum(givers, takers).sum(axis=2) * folded[at]
        best[at] = np.maximum(best[at], found)
    return best


def fold_partner(table: Table, published: np.ndarray, row: int, column: int) -> bool:
    """Fold the fewest conversations that then can exchange with a pinned cell: those of
    another column in the row, and of both in another row; False where none has enough.
    """
    enough = agreeing(table.parts[:, column], table.parts[row]) >= (
        table.need[row, column] - table.count[row, column]
    )
    enough[row] = enough[:, column] = False
    if not enough.any():
        return False
    cost = np.where(published, table.count, 0)
    choices = cost + cost[:, [column]] + cost[[row]]
    choices[~enough] = np.iinfo(np.int64).max
    partner, other = np.unravel_index(choices.argmin(), choices.shape)
    published[[row, partner, partner], [other, column, other]] = False
    return True


def fold_table(table: Table, floor: Floor) -> np.ndarray | None:
    """Which cells of a table may be published beside its sums.

    The sums of its named rows and columns are published. Nothing is published of the
    last row and column. None: its sums alone tell too much beside the other tables.
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
        if not pinned.any():
            return published
        open_rows = np.flatnonzero(published.any(axis=1))
        if not open_rows.size:
            return None
        helped = [
            fold_partner(table, published, row, int(pinned[row].argmax()))
            for row in np.flatnonzero(pinned.any(axis=1))
        ]
        if not any(helped):
            # A row without published cells hides those of the others.
            published[open_rows[sizes[open_rows].argmin()]] = False
