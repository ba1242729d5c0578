"""The figures of the marts a second time, from the raw files and the analysis guide.

Plain Python and NumPy; no SQL, nothing taken from the models. How the marts call
estimators and rules stands first, their names and columns in `oracle_marts`. Counts are
conversations, shares and ends of intervals percent.
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
from oracle_intervals import (
    REPLICATES,
    SEED,
    Array,
    effective_tasks,
    interval_columns,
    pct,
    task_draws,
    task_interval,
    wilson_columns,
)

# How the marts call things ------------------------------------------------------------

# Rules for a scope that no rule changes; the scopes are listed in RULE_FREE_SCOPES.
RULE_FREE_RULES = ("any_holder", "equal_split", "lowest_code", "exclusive")
# figure -> own name of an estimator -> the mart's
ESTIMATORS = {
    "pattern": {
        "all": "all_conversations",
        "answered": "pooled",
        "mean": "task_renormalised",
    },
    "use_case": {
        "all": "with_residual",
        "answered": "without_residual",
        "mean": "task_renormalised",
    },
    "success": {"publishing": "published_yes", "mean": "yes_over_answered"},
}
# The estimators that carry bounds (of the figure over all conversations).
BOUNDED = {
    "pattern": ("all_conversations",),
    "use_case": ("with_residual",),
    "success": ("published_yes", "yes_over_answered"),
}

# The guide ----------------------------------------------------------------------------

RULES = ("any_holder", "equal_split", "lowest_code", "exclusive")
PATTERNS = ("directive", "feedback loop", "task iteration", "learning", "validation")
SUBSECTORS = {
    "postsecondary": "25-1",
    "k12": "25-2",
    "other_teachers": "25-3",
    "library": "25-4",
    "education_support": "25-9",
}
RULE_FREE_SCOPES = ("all_with_pseudo", "all_named")
SCOPES = (
    *RULE_FREE_SCOPES,
    "non_education",
    "non_education_non_computing",
    "education",
    *SUBSECTORS,
)
BOTH_PLATFORMS = "education_both_platforms"
BASES = ("all_conversations", "named_tasks")
RESIDUAL = "not_classified"
PSEUDO_TASKS = ("none", RESIDUAL)
# Fewer than 15 conversations are not published, so a folded cell holds 14 at most.
LARGEST_FOLDED_CELL = 14
# facet, named categories, other answers; a residual is neither
FIGURES = {
    "pattern": ("collaboration", PATTERNS, ("none",)),
    "use_case": ("use_case", ("coursework", "work", "personal"), ()),
    "success": ("task_success", ("yes",), ()),
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

    @cached_property
    def nodes(self) -> dict[str, float]:
        """Tasks and pseudo-tasks of the world, with their conversations."""
        return self.counts[WORLD]["onet_task", 0]

    @cached_property
    def sizes(self) -> Array:
        """The conversations of the nodes, in their order."""
        return np.array(list(self.nodes.values()))

    def cells(self, facet: str) -> dict[str, dict[str, float]]:
        """Task -> category -> count; the text before the last :: is the task."""
        cells: dict[str, dict[str, float]] = defaultdict(dict)
        for label, count in (
            self.counts[WORLD].get((f"onet_task::{facet}", 0), {}).items()
        ):
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
    """Every release of the manifest's rows whose raw file is in the folder."""
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
    return float(len(group) == len(codes))


@cache
def scope_weight(rule: str, codes: frozenset[str], scope: str) -> float:
    """The weight (0 to 1) of a task in a scope; a pseudo-task has no codes."""
    if scope == "all_with_pseudo":
        return 1.0
    if not codes:
        return 0.0
    education = group_weight(rule, codes, "25")
    weights = {
        "all_named": 1.0,
        "education": education,
        "non_education": 1 - education,
        "non_education_non_computing": 1 - education - group_weight(rule, codes, "15"),
    }
    if scope in SUBSECTORS:
        weights[scope] = group_weight(rule, codes, SUBSECTORS[scope])
    return weights[scope] if weights[scope] > 1e-12 else 0.0


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
        for rule in dict.fromkeys((*RULES, *RULE_FREE_RULES)):
            for scope in (*SCOPES, BOTH_PLATFORMS):
                used = RULE_FREE_RULES if scope in RULE_FREE_SCOPES else RULES
                if rule not in used:
                    continue
                name = "education" if scope == BOTH_PLATFORMS else scope
                weights = weights_of(sample, sample.nodes, rule, name)
                if scope == BOTH_PLATFORMS:
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


def task_figures(samples: Sequence[Sample], figure: str, task_ids: Codes) -> Figures:
    """Patterns, success or use cases: every estimator, with bounds and intervals."""
    facet = f"onet_task::{FIGURES[figure][0]}"
    figures: Figures = {}
    shown = [sample for sample in samples if (facet, 0) in sample.counts[WORLD]]
    ratios = {s.key: list(task_ratios(s, figure)) for s in shown}
    unseen = {s.key: unseen_counts(s, figure) for s in shown}
    draws = {
        s.key: task_draws([task_ids[t] for t in s.nodes], SEED, REPLICATES)
        for s in shown
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
        parts = np.array([weights * n for _, _, n, _ in of_task])
        wholes = np.array([weights * d for _, _, _, d in of_task])
        drawn = zip(parts @ draws[sample.key], wholes @ draws[sample.key], strict=True)
        for (estimator, category, _, _), part, whole, sums in zip(
            of_task, parts, wholes, drawn, strict=True
        ):
            name = ESTIMATORS[figure].get(estimator)
            if name is None:
                continue
            # What no task of the scope publishes is not known to be nothing.
            seen = float(weights @ counts[category]) or None
            weight = float(whole.sum()) or None
            bounds = (None, None)
            if name in BOUNDED[figure]:
                most = (seen or 0) + float(weights @ unseen[sample.key][category])
                bounds = (pct(seen or 0, base), pct(most, base))
            figures[(*key, name, category)] = {
                "share_pct": pct(part.sum() if seen else None, whole.sum()),
                # a mean over tasks has a weight behind it, not a count
                "conversation_count": weight if estimator == "mean" else seen,
                "base_conversation_count": weight,
                "effective_task_count": effective_tasks(whole),
                "published_count": seen,
                "bound_low_pct": bounds[0],
                "bound_high_pct": bounds[1],
                **task_interval(part, whole, sums),
                **shared,
            }
        if figure != "success":
            figures[(*key, ESTIMATORS[figure]["all"], RESIDUAL)] = shared | {
                "share_pct": pct(residual, base),
                "conversation_count": residual,
                "base_conversation_count": base,
                **dict.fromkeys(("bound_low_pct", "bound_high_pct")),
                **interval_columns(None, None),
            }
    return figures


# Shares -------------------------------------------------------------------------------


def share_figures(
    sample: Sample, nodes: Mapping[str, float], rule: str, base: str, weighted: Array
) -> dict[str, Any]:
    """A group of tasks as a share of all conversations or of named tasks.

    The unseen conversations may be of the group or not. On the base of named tasks they
    may be of named tasks, so that they widen the base as well.
    """
    inside = weighted[weighted > 0]
    count = float(inside.sum()) if len(inside) else None
    unseen = nodes.get(RESIDUAL, 0.0)
    whole = math.fsum(nodes.values())
    if base == "named_tasks":
        whole -= math.fsum(nodes.get(task, 0.0) for task in PSEUDO_TASKS)
    widest = whole if base == "all_conversations" else whole + unseen
    is_whole = sample.count_basis == "conversations" and not unseen
    return {
        "conversation_count": count,
        "base_conversation_count": whole,
        "share_pct": pct(count, whole),
        "bound_low_pct": pct(count or 0, widest),
        "bound_high_pct": pct((count or 0) + unseen, widest),
        "task_count": len(inside),
        "effective_task_count": effective_tasks(inside),
        **wilson_columns(count, whole, is_whole and rule != "equal_split"),
    }


def education_figures(samples: Sequence[Sample]) -> Figures:
    """Education and its subsectors, in every place that shows tasks."""
    figures: Figures = {}
    for sample in samples:
        for place, facets in sample.counts.items():
            nodes = facets.get(("onet_task", 0), {})
            for rule in RULES if nodes else ():
                for scope in ("education", *SUBSECTORS):
                    weights = weights_of(sample, nodes, rule, scope)
                    weighted = weights * np.array(list(nodes.values()))
                    for base in BASES:
                        figures[(*sample.key, *place, rule, base, scope)] = (
                            share_figures(sample, nodes, rule, base, weighted)
                        )
    return figures


def occupation_group_figures(samples: Sequence[Sample]) -> Figures:
    """Shares and ranks of the SOC major groups in the world."""
    figures: Figures = {}
    for sample in samples:
        codes = [sample.codes.get(task, frozenset()) for task in sample.nodes]
        groups = sorted({code[:2] for found in codes for code in found})
        for rule in RULES:
            weighted = {
                group: sample.sizes
                * np.array([group_weight(rule, found, group) for found in codes])
                for group in groups
            }
            shown = {g: w for g, w in weighted.items() if w.any()}
            for base in BASES:
                for group, sizes in shown.items():
                    larger = (w.sum() > sizes.sum() + 1e-9 for w in shown.values())
                    figures[(*sample.key, rule, base, group)] = share_figures(
                        sample, sample.nodes, rule, base, sizes
                    ) | {"share_rank": 1 + sum(larger)}
    return figures


def concentration_figures(samples: Sequence[Sample]) -> Figures:
    """Shares of the largest tasks, and how many tasks a scope amounts to."""
    figures: Figures = {}
    for key, sample, weights in every_scope(samples):
        sizes = np.sort(weights * sample.sizes)[::-1]
        sizes = sizes[sizes > 0]
        bases = {"scope": sizes.sum(), "all_conversations": sample.sizes.sum()}
        for base, whole in bases.items():
            for top_k in (1, 5, 10, 20):
                figures[(*key, base, top_k)] = {
                    "share_pct": pct(sizes[:top_k].sum(), whole),
                    "conversation_count": float(sizes[:top_k].sum()),
                    "base_conversation_count": float(whole),
                    "effective_task_count": effective_tasks(sizes),
                    "task_count": len(sizes),
                }
    return figures


def place_figures(samples: Sequence[Sample]) -> Figures:
    """The base facets of every place, and the places' shares of what they lie in: the
    stated sample for a country, all regions of its country for a region."""
    figures: Figures = {}
    for sample in samples:
        lies_in: dict[tuple[str, str], float] = defaultdict(float)
        cells = [
            (place, facet, level, labels, (facet, parent_of(facet, place[1])))
            for place, facets in sample.counts.items()
            for (facet, level), labels in facets.items()
            if "::" not in facet
        ]
        for _, _, _, labels, parent in cells:
            lies_in[parent] += labels.get("all", 0.0)
        if sample.sample_count is not None:
            lies_in["country", ""] = sample.sample_count
        for place, facet, level, labels, parent in cells:
            base = lies_in[parent] if "all" in labels else math.fsum(labels.values())
            for label, count in labels.items():
                is_whole = sample.count_basis == "conversations"
                figures[(*sample.key, *place, facet, level, label)] = {
                    "conversation_count": count,
                    "base_conversation_count": base,
                    "share_pct": pct(count, base),
                    **wilson_columns(count, base, is_whole and label != RESIDUAL),
                }
    return figures


def parent_of(facet: str, geo_id: str) -> str:
    """The country that a region lies in; nothing for the world."""
    return "" if facet == "country" else geo_id.split("-")[0]


def education_task_figures(samples: Sequence[Sample]) -> Figures:
    """Each education task: its volume, and its success where both answers show."""
    figures: Figures = {}
    for sample in samples:
        cells = sample.cells("task_success")
        for task, size in sample.nodes.items():
            codes = sample.codes.get(task, frozenset())
            if not group_weight("any_holder", codes, "25"):
                continue
            yes, no = (cells.get(task, {}).get(answer) for answer in ("yes", "no"))
            answered = None if yes is None else yes + (no or 0.0)
            is_whole = sample.count_basis == "conversations" and no is not None
            figures[(*sample.key, task)] = {
                "conversation_count": size,
                "volume_share_pct": pct(size, sample.sizes.sum()),
                "yes_count": yes,
                "success_pct": pct(yes, answered or 0.0),
                **wilson_columns(yes, answered or 0.0, is_whole),
            }
    return figures
