"""Where the figures of `oracle` stand in the marts, and whether they are the same."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
from oracle import Figures, Key, Sample, task_figures
from oracle_intervals import interval_columns
from oracle_shares import (
    concentration_figures,
    education_figures,
    education_task_figures,
    occupation_group_figures,
    place_figures,
)


@dataclass(frozen=True)
class Mart:
    """Where figures stand: key columns, columns with another name.

    ``left_out``: own columns that the mart does not hold.
    """

    figures: Callable[..., Figures]
    keys: str
    renamed: Mapping[str, str] | None = None
    figure: str | None = None
    left_out: tuple[str, ...] = ()


SCOPE_KEYS = "release_id platform allocation_rule scope "
MARTS = {
    "fct_interaction_patterns": Mart(
        task_figures,
        SCOPE_KEYS + "estimator pattern",
        renamed={
            "task_with_count": "task_with_pattern_count",
            "publishing_count": "task_publishing_pattern_count",
            "published_count": "published_pattern_count",
        },
        figure="pattern",
    ),
    "fct_task_success": Mart(
        task_figures,
        SCOPE_KEYS + "estimator 'yes'",
        renamed={
            "task_with_count": "task_with_success_count",
            "share_pct": "success_pct",
            "published_count": "yes_count",
        },
        figure="success",
        left_out=("conversation_count", "suppressed_pct", "publishing_count"),
    ),
    "fct_use_case_shares": Mart(
        task_figures,
        SCOPE_KEYS + "estimator use_case",
        renamed={"task_with_count": "task_with_use_case_count"},
        figure="use_case",
        left_out=("published_count", "suppressed_pct", "publishing_count"),
    ),
    "fct_task_concentration": Mart(
        concentration_figures, SCOPE_KEYS + "share_base top_k"
    ),
    "fct_occupation_group_shares": Mart(
        occupation_group_figures,
        "release_id platform allocation_rule share_base soc_major_group",
    ),
    "fct_education_shares": Mart(
        education_figures,
        "release_id platform geo_level geo_id allocation_rule share_base scope",
    ),
    "fct_facet_shares": Mart(
        place_figures,
        "release_id platform geo_level geo_id facet level category share_base",
    ),
    "fct_education_tasks": Mart(education_task_figures, "release_id platform task_key"),
}


def own_figures(mart: str, samples: Sequence[Sample], file: Path) -> Figures:
    """The figures of a mart as computed here; of ``file`` only the ids of tasks."""
    if MARTS[mart].figure is None:
        return MARTS[mart].figures(samples)
    with duckdb.connect(str(file), read_only=True) as con:
        # another taxonomy gives the same statement another id
        rows = con.execute(
            "select task_key, task_id from marts.dim_tasks semi join "
            "(from marts.dim_releases where schema_family = 'B' and is_loaded) "
            "using (taxonomy_version)"
        ).fetchall()
    task_ids = dict(rows)
    assert len(task_ids) == len(rows), "one statement, two ids"
    return task_figures(samples, MARTS[mart].figure, task_ids)


def says_why_not(row: Mapping[str, Any]) -> bool:
    """Whether a row has no figure and says why: its sample lacks the facet."""
    tasks = row.get("shared_task_count", row.get("task_count"))
    is_absent = row.get("status") in ("not_in_copy", "not_published")
    return "missing_facet" in row and is_absent and tasks is None


def mart_figures(mart: str, file: Path, family: str = "B") -> Figures:
    """The figures of a family of a mart by their key, under the names that stand here.

    Release and platform are of one window, that of `dim_releases`; of C of several.
    """
    names = {new: own for own, new in (MARTS[mart].renamed or {}).items()}
    keys = MARTS[mart].keys.split()
    if family == "C":
        keys.insert(2, "cast(shown.window_start_date as varchar)")
    with duckdb.connect(str(file), read_only=True) as con:
        result = con.execute(
            f"select ({', '.join(keys)}) as key, shown.*, "
            "releases.is_loaded as is_of_a_release "
            f"from marts.{mart} as shown left join marts.dim_releases as releases "
            "using (release_id, platform, window_start_date) "
            "where coalesce(releases.schema_family, 'B') = ?",
            [family],
        )
        columns = [names.get(c[0], c[0]) for c in result.description]
        rows = [dict(zip(columns, row, strict=True)) for row in result.fetchall()]
    assert all(row["is_of_a_release"] for row in rows), "rows of no loaded window"
    figures = {row.pop("key"): row for row in rows}
    assert len(figures) == len(rows), "two rows of one key"
    return {key: row for key, row in figures.items() if not says_why_not(row)}


def is_same(mart: Any, own: Any) -> bool:
    """Whether two values are the same number within 1e-9, or the same text or none."""
    if isinstance(mart, float | int) and isinstance(own, float | int):
        return math.isclose(mart, own, rel_tol=1e-9, abs_tol=1e-9)
    return mart == own


def compared(own: Figures, shown: Figures, left_out: Sequence[str] = ()) -> list[Key]:
    """What is shown otherwise than ``own`` figures: key, column, both values.

    Rows that only one of the two has differ in the column "row".
    """
    found: list[Key] = [
        (*key, "row", key in shown, key in own) for key in own.keys() ^ shown.keys()
    ]
    found += [
        (*key, column, shown[key][column], value)
        for key in own.keys() & shown.keys()
        for column, value in own[key].items()
        if column not in left_out and not is_same(shown[key][column], value)
    ]
    return sorted(found, key=str)


def differences(mart: str, own: Figures, file: Path) -> list[Key]:
    """What the mart says otherwise than ``own`` figures."""
    shown = mart_figures(mart, file)
    no_interval = interval_columns(None, None)
    # A copy that lacks cells gives another figure than the release: no interval.
    partial = {
        key
        for key, row in shown.items()
        if "partial_copy" in (row.get("status"), row.get("interval_missing_reason"))
    }
    own = {k: row | no_interval if k in partial else row for k, row in own.items()}
    return compared(own, shown, MARTS[mart].left_out)
