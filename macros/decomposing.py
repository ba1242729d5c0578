"""The sides of gaps as matrices, for models in Python (module_paths of profiles.yml).

dbt does not see a change here: after one, build what is made of it anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

Array = NDArray[np.float64]
Rows = NDArray[np.int64]

FIGURE = ["figure", "estimator", "category"]
SIDE = ["allocation_rule", "scope"]


@dataclass(frozen=True)
class Group:
    """Pairs of a new and an old side, of two samples and compared by one kind of unit.

    ``new``, ``old``: values of both samples, columns x tasks x figures, the base last,
    0 where a task has none; ``weights``: sides x tasks; ``at``: the rows of each pair's
    new and old side in them.
    """

    pairs: pl.DataFrame
    figures: pl.DataFrame
    tasks: pl.DataFrame
    new: Array
    old: Array
    weights: Array
    at: tuple[Rows, Rows]

    def fewer_tasks(self) -> Array:
        """Effective tasks of the side with fewer, pairs x figures."""
        effective = [
            np.array([part.sum(0) ** 2 / (part**2).sum(0) for part in parts])
            for parts in (
                self.weights[..., None] * values[-1] for values in (self.new, self.old)
            )
        ]
        return np.minimum(effective[0][self.at[0]], effective[1][self.at[1]])

    def frame(self, values: dict[str, Array]) -> pl.DataFrame:
        """Values, pairs x figures, with the keys of their rows; NaN is NULL."""
        return (
            self.pairs.select("pair_number")
            .join(self.figures, how="cross", maintain_order="left_right")
            .with_columns(
                pl.Series(name, found.ravel()).fill_nan(None)
                for name, found in values.items()
            )
        )


def groups_of(
    pairs: pl.DataFrame, ratios: pl.DataFrame, scope_tasks: pl.DataFrame
) -> Iterator[Group]:
    """The groups of all pairs. ``ratios``: keys of int_task_ratios, then the columns
    that are wanted as matrices."""
    of_sample = ratios.partition_by("sample_id", as_dict=True, include_key=False)
    samples = ["sample_id", "baseline_sample_id", "unit_kind"]
    has_ratios = pl.col(*samples[:2]).is_in(ratios["sample_id"].unique().implode())
    pairs = pairs.filter(pl.all_horizontal(has_ratios))
    for (new_id, old_id, _), group in pairs.partition_by(samples, as_dict=True).items():
        of_sides = of_sample[new_id,], of_sample[old_id,]
        figures = (
            of_sides[0]
            .select(FIGURE)
            .unique()
            .join(of_sides[1].select(FIGURE).unique(), on=FIGURE)
            .sort(FIGURE)
        )
        names = pl.concat([part["task_id"] for part in of_sides]).unique().sort()
        tasks = pl.DataFrame({"task_id": names}).with_row_index("task")
        values = (_matrices(part, tasks, figures) for part in of_sides)
        is_of_either = pl.col("sample_id").is_in([new_id, old_id])
        weights, sides = _weights(scope_tasks.filter(is_of_either), tasks)
        new_at, old_at = (
            group.join(
                sides, left_on=keys, right_on=SIDE, how="left", maintain_order="left"
            )["side_row"].to_numpy()
            for keys in (SIDE, [f"baseline_{key}" for key in SIDE])
        )
        yield Group(group, figures, tasks, *values, weights, (new_at, old_at))


def _matrices(
    ratios: pl.DataFrame, tasks: pl.DataFrame, figures: pl.DataFrame
) -> Array:
    """The columns of a sample behind its keys, columns x tasks x figures."""
    columns = [name for name in ratios.columns if name not in ("task_id", *FIGURE)]
    figures = figures.with_row_index("figure_row")
    rows = ratios.join(tasks, on="task_id").join(figures, on=FIGURE)
    at = rows["task"].to_numpy(), rows["figure_row"].to_numpy()
    found = np.zeros((len(columns), len(tasks), len(figures)))
    for values, name in zip(found, columns, strict=True):
        values[at] = rows[name]
    return found


def _weights(
    scope_tasks: pl.DataFrame, tasks: pl.DataFrame
) -> tuple[Array, pl.DataFrame]:
    """Weights, sides x tasks, and the row of each side as a frame."""
    rows = scope_tasks.join(tasks, on="task_id")
    sides = rows.select(SIDE).unique().sort(SIDE).with_row_index("side_row")
    rows = rows.join(sides, on=SIDE)
    weights = np.zeros((len(sides), len(tasks)))
    weights[rows["side_row"].to_numpy(), rows["task"].to_numpy()] = rows["weight"]
    return weights, sides
