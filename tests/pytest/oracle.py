"""The figures of the marts a second time, from the raw files and the analysis guide.

Plain Python and NumPy; no SQL, nothing taken from the models. How the marts call
estimators stands first, their names and columns in `oracle_marts`; which rules and
scopes there are, in the seeds. Counts are conversations, shares and ends of intervals
percent.
"""

from __future__ import annotations

import csv
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
from conftest import PROJECT, read_rows
from oracle_intervals import (
    REPLICATES,
    SEED,
    Array,
    band_columns,
    effective_tasks,
    interval_columns,
    pct,
    task_draws,
    task_interval,
)

REFERENCE = PROJECT / "seeds" / "reference"

# How the marts call things ------------------------------------------------------------

# Rules for a scope that no rule changes.
RULE_FREE_RULES = ("not_applicable",)
# figure -> own name of an estimator -> the mart's
ESTIMATORS = {
    "pattern": {
        "all": "all_conversations",
        "answered": "pooled",
        "mean": "task_renormalised",
    },
    "use_case": {
        "all": "all_conversations",
        "answered": "pooled",
        "mean": "task_renormalised",
    },
    "success": {
        "all": "all_conversations",
        "publishing": "published_yes",
        "mean": "yes_over_answered",
    },
}
# The estimator that carries the bounds.
BOUNDED = "all_conversations"

# The guide ----------------------------------------------------------------------------

RULES = tuple(
    row["allocation_rule"]
    for row in read_rows(REFERENCE / "allocation_rules.csv")
    if row["allocates_tasks"] == "true"
)
USE_CASES = ("coursework", "work", "personal")
PATTERNS = ("directive", "feedback loop", "task iteration", "learning", "validation")
SUBSECTORS = {
    "postsecondary": "25-1",
    "k12": "25-2",
    "other_teachers": "25-3",
    "library": "25-4",
    "education_support": "25-9",
}
SCOPES = {row["scope"]: row for row in read_rows(REFERENCE / "scopes.csv")}
RULE_FREE_SCOPES = {s for s in SCOPES if SCOPES[s]["depends_on_rule"] == "false"}
EXCLUDED_GROUPS = read_rows(REFERENCE / "scope_excluded_groups.csv")
BOTH_PLATFORMS = "education_both_platforms"
RESIDUAL = "not_classified"
PSEUDO_TASKS = ("none", RESIDUAL)
# Fewer than 15 conversations are not published, so a folded cell holds 14 at most.
LARGEST_FOLDED_CELL = 14
# facet, named categories, other answers; a residual is neither
FIGURES = {
    "pattern": ("collaboration", PATTERNS, ("none",)),
    "use_case": ("use_case", USE_CASES, ("none",)),
    "success": ("task_success", ("yes",), ()),
}
# The facets that count the conversations of a place.
USAGE_FACETS = ("country", "country-state", "state_us")
# What counts conversations; a facet with numbers counts what they are means of.
COUNTED_FACETS = {
    *("onet_task", "collaboration", "use_case", "task_success", "request"),
    *("multitasking", "human_only_ability", *USAGE_FACETS),
}
WORLD = ("global", "GLOBAL")

Key = tuple[Any, ...]
Figures = dict[Key, dict[str, Any]]
Codes = Mapping[str, frozenset[str]]


@dataclass(frozen=True)
class Sample:
    """The counts of one raw file, with the holder codes of its tasks.

    ``counts``: (geo_level, geo_id) -> (facet, level) -> label -> count.
    ``sample_count``: conversations as the release states them; None: not stated.
    """

    release_id: str
    platform: str
    count_basis: str
    counts: dict[tuple[str, str], dict[tuple[str, int], dict[str, float]]]
    codes: Codes
    sample_count: float | None = None

    @property
    def key(self) -> Key:
        """The release and platform, as the keys of the marts begin."""
        return (self.release_id, self.platform)

    @property
    def world(self) -> dict[tuple[str, int], dict[str, float]]:
        """The facets of the world; a file may hold other places only."""
        return self.counts.get(WORLD, {})

    def usage(self, facet: str) -> dict[str, float]:
        """The conversations of the places that a facet of usage counts."""
        return {
            geo_id: facets[facet, 0]["all"]
            for (_, geo_id), facets in self.counts.items()
            if (facet, 0) in facets
        }

    @cached_property
    def nodes(self) -> dict[str, float]:
        """Tasks and pseudo-tasks of the world, with their conversations."""
        return self.world.get(("onet_task", 0), {})

    @cached_property
    def sizes(self) -> Array:
        """The conversations of the nodes, in their order."""
        return np.array(list(self.nodes.values()))

    def total(self, place: tuple[str, str]) -> float:
        """The conversations of a place: as the release states them, or else the sum of
        its tasks, or of the labels of the facet that has most of them."""
        if place == WORLD and self.sample_count is not None:
            return self.sample_count
        sums = {
            facet: math.fsum(labels.values())
            for (facet, _), labels in self.counts[place].items()
            if "::" not in facet and facet != "request"
        }
        usage = [n for facet, n in sums.items() if facet in USAGE_FACETS]
        return max(usage or [sums.get("onet_task", 0.0)]) or max(
            sums.values(), default=0.0
        )

    def cells(self, facet: str) -> dict[str, dict[str, float]]:
        """Task -> category -> count; the text before the last :: is the task."""
        cells: dict[str, dict[str, float]] = defaultdict(dict)
        for label, count in self.world.get((f"onet_task::{facet}", 0), {}).items():
            task, _, category = label.rpartition("::")
            cells[task][category] = count
        return cells


def holder_codes(path: Path) -> Codes:
    """The distinct SOC codes of the occupations that list a task."""
    codes: dict[str, set[str]] = defaultdict(set)
    with path.open(encoding="utf-8", newline="") as handle:
        for row in csv.DictReader(handle):
            codes[row["Task"].strip().lower()].add(row["O*NET-SOC Code"])
    return {task: frozenset(found) for task, found in codes.items()}


def read_sample(path: Path, row: Mapping[str, str], codes: Codes) -> Sample:
    """Read the counts of a raw file; ``row``: its row of the manifest."""
    counts: dict[Any, Any] = defaultdict(lambda: defaultdict(dict))
    with path.open(encoding="utf-8", newline="") as handle:
        for line in csv.DictReader(handle):
            facet = line["facet"]
            if not COUNTED_FACETS.issuperset(facet.split("::")):
                continue
            is_total = line["variable"] == "usage_count"
            if line["variable"] == facet.replace("::", "_") + "_count" or is_total:
                level = line["geography"].replace("country-state", "region")
                label = "all" if is_total else line["cluster_name"]
                cell = counts[level, line["geo_id"]][facet, int(line["level"])]
                cell[label] = float(line["value"])
    names = (row["release_id"], row["platform"], row["count_basis"])
    size = float(row["sample_count"]) if row["sample_count"] else None
    return Sample(*names, dict(counts), codes, size)


def read_samples(data_dir: Path, manifest: Iterable[Mapping[str, str]]) -> list[Sample]:
    """Every release of family B of the manifest's rows whose raw file is in the folder.

    Its release and platform say which window a sample is of.
    """
    rows = [row for row in manifest if (data_dir / row["relative_path"]).is_file()]
    codes = {
        row["taxonomy_version"]: holder_codes(data_dir / row["relative_path"])
        for row in rows
        if row["file_role"] == "onet_task_statements"
    }
    return [
        read_sample(data_dir / row["relative_path"], row, codes[version])
        for row in rows
        if row["file_role"] == "raw"
        and row["schema_family"] == "B_long"
        and row["copy_status"] == "current"
        and (version := row["taxonomy_version"]) in codes
    ]


# Weights ------------------------------------------------------------------------------


@cache
def group_weight(rule: str, codes: frozenset[str], prefix: str) -> float:
    """The weight of a task in a SOC major group, or in an education subsector."""
    inside = [code for code in codes if code.startswith(prefix)]
    group = [code for code in codes if code[:2] == prefix[:2]]
    if not inside:
        return 0.0
    if rule == "equal_split":
        return len(inside) / len(codes)
    if min(group) not in inside:
        return 0.0
    if rule == "any_holder":
        return 1.0
    if rule == "lowest_code":
        return float(min(codes) in inside)
    if rule == "exclusive":
        return float(len(group) == len(codes))
    raise ValueError(f"the rule {rule} has no second implementation here")


@cache
def scope_weight(rule: str, codes: frozenset[str], scope: str) -> float:
    """The weight (0 to 1) of a task in a scope; a pseudo-task has no codes."""
    row = SCOPES[scope]
    if not codes:
        return float(row["includes_pseudo_tasks"] == "true")
    if group := SUBSECTORS.get(row["education_subsector"], row["soc_major_group"]):
        return group_weight(rule, codes, group)
    weight = 1 - sum(
        group_weight(rule, codes, excluded["soc_major_group"])
        for excluded in EXCLUDED_GROUPS
        if excluded["scope"] == scope
    )
    return weight if weight > 1e-12 else 0.0


def weights_of(sample: Sample, tasks: Iterable[str], rule: str, scope: str) -> Array:
    """The weights of the tasks in a scope."""
    none: frozenset[str] = frozenset()
    codes = [none if t in PSEUDO_TASKS else sample.codes[t] for t in tasks]
    return np.array([scope_weight(rule, c, scope) for c in codes])


def every_scope(samples: Sequence[Sample]) -> Iterator[tuple[Key, Sample, Array]]:
    """Every sample with every rule and scope that holds a task, and the weights."""
    for sample in samples:
        others = [
            set(other.nodes)
            for other in samples
            if other.release_id == sample.release_id and other is not sample
        ]
        both = np.array([any(t in other for other in others) for t in sample.nodes])
        for scope, row in SCOPES.items():
            for rule in RULE_FREE_RULES if scope in RULE_FREE_SCOPES else RULES:
                weights = weights_of(sample, sample.nodes, rule, scope)
                if row["is_both_platforms_only"] == "true":
                    weights = weights * both
                if weights.any():
                    yield (*sample.key, rule, scope), sample, weights


# Figures that rest on tasks -----------------------------------------------------------


def task_ratios(sample: Sample, figure: str) -> Iterator[tuple[str, str, Array, Array]]:
    """Estimator (own name), category, and each task's numerator and denominator."""
    facet, named, others = FIGURES[figure]
    cells = sample.cells(facet)
    size = sample.sizes

    def count(category: str) -> Array:
        return np.array([cells.get(t, {}).get(category, 0.0) for t in sample.nodes])

    answers = ("yes", "no") if figure == "success" else named
    answered = sum(count(category) for category in answers)
    publishes = (count("yes") if figure == "success" else answered) > 0
    for category in named:
        share = count(category) / np.where(answered > 0, answered, 1)
        yield "mean", category, size * share * publishes, size * publishes
        yield "answered", category, count(category), answered
        yield "publishing", category, count(category), size * publishes
    for category in (*named, *others):
        yield "all", category, count(category), size


def unseen_counts(sample: Sample, figure: str) -> dict[str, Array]:
    """By category, the most that each task can hold of it unseen: all of a task that
    publishes nothing, what one folded cell can hold where the category is missing."""
    facet, named, others = FIGURES[figure]
    cells = sample.cells(facet)

    def most(task: str, category: str) -> float:
        if task not in cells:
            return sample.nodes[task]
        folded = min(LARGEST_FOLDED_CELL, cells[task].get(RESIDUAL, 0.0))
        return 0.0 if category in cells[task] else folded

    return {c: np.array([most(t, c) for t in sample.nodes]) for c in (*named, *others)}


def residual_counts(sample: Sample, figure: str) -> Array:
    """The residual cell of each task, as published."""
    cells = sample.cells(FIGURES[figure][0])
    return np.array([cells.get(t, {}).get(RESIDUAL, 0.0) for t in sample.nodes])


def task_figures(
    samples: Sequence[Sample], figure: str, task_ids: Codes | None = None
) -> Figures:
    """Patterns, success or use cases: every estimator, with bounds, and with intervals
    where the ids are given that tasks are drawn by."""
    facet = f"onet_task::{FIGURES[figure][0]}"
    figures: Figures = {}
    shown = [sample for sample in samples if (facet, 0) in sample.world]
    ratios = {s.key: list(task_ratios(s, figure)) for s in shown}
    unseen = {s.key: unseen_counts(s, figure) for s in shown}
    draws = {
        s.key: task_draws([task_ids[t] for t in s.nodes], SEED, REPLICATES)
        for s in (shown if task_ids else ())
    }
    for key, sample, weights in every_scope(samples):
        if sample.key not in ratios:
            continue
        of_task = ratios[sample.key]
        counts = {c: n for estimator, c, n, _ in of_task if estimator == "all"}
        publishing = next(
            d > 0 for estimator, _, _, d in of_task if estimator == "mean"
        )
        base = float(weights @ sample.sizes)
        residual = base - sum(float(weights @ n) for n in counts.values())
        shared = {
            "task_count": int((weights > 0).sum()),
            "task_with_count": int((publishing & (weights > 0)).sum()),
            "suppressed_pct": pct(residual, base),
        }
        for estimator, category, numerator, denominator in of_task:
            name = ESTIMATORS[figure].get(estimator)
            if name is None:
                continue
            part, whole = weights * numerator, weights * denominator
            # What no task of the scope publishes is not known to be nothing.
            seen = float(weights @ counts[category]) or None
            weight = float(whole.sum()) or None
            bounds, band = (None, None), {}
            if name == BOUNDED:
                most = (seen or 0) + float(weights @ unseen[sample.key][category])
                bounds = (pct(seen or 0, base), pct(most, base))
                kept, own = weights > 0, counts[category]
                band = band_columns(
                    (weights * own)[kept],
                    (weights * (own + unseen[sample.key][category]))[kept],
                    (weights * sample.sizes)[kept],
                    effective_tasks(whole) if kept.sum() > 1 else None,
                )
            figures[(*key, name, category)] = {
                "share_pct": pct(part.sum() if seen else None, whole.sum()),
                # a mean over tasks has a weight behind it, not a count
                "conversation_count": weight if estimator == "mean" else seen,
                "base_conversation_count": weight,
                "effective_task_count": effective_tasks(whole),
                "published_count": seen,
                "publishing_count": int((weights * counts[category] > 0).sum()),
                "bound_low_pct": bounds[0],
                "bound_high_pct": bounds[1],
                **task_interval(part, whole, draws.get(sample.key)),
                **band,
                **shared,
            }
        if figure != "success":
            folded = weights * residual_counts(sample, figure)
            figures[(*key, ESTIMATORS[figure]["all"], RESIDUAL)] = shared | {
                "share_pct": pct(residual, base),
                "conversation_count": residual,
                "base_conversation_count": base,
                "effective_task_count": effective_tasks(weights * sample.sizes),
                "published_count": float(folded.sum()) or None,
                "publishing_count": int((folded > 0).sum()),
                **dict.fromkeys(("bound_low_pct", "bound_high_pct")),
                **interval_columns(None, None),
            }
    return figures
