"""The shares of the oracle: of groups of tasks, of single tasks, and of places."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from oracle import (
    LARGEST_FOLDED_CELL,
    PATTERNS,
    PSEUDO_TASKS,
    RESIDUAL,
    RULES,
    SUBSECTORS,
    USAGE_FACETS,
    USE_CASES,
    WORLD,
    Figures,
    Sample,
    every_scope,
    group_weight,
    weights_of,
)
from oracle_intervals import Array, band_columns, effective_tasks, pct, wilson_columns

BASES = ("all_conversations", "named_tasks")
UNPUBLISHED = ("country", "unpublished")
# Facets with a closed list of labels, and the labels that name an answer.
NAMED_LABELS = {
    "collaboration": PATTERNS,
    "use_case": USE_CASES,
    "task_success": ("yes", "no"),
}


def is_countable(sample: Sample, place: tuple[str, str]) -> bool:
    """Whether counts are whole conversations of a place that has a name: the rest
    can't have a Wilson interval."""
    is_named = place[1] != "NONE" and not place[1].endswith(RESIDUAL)
    return sample.count_basis == "conversations" and is_named


def share_figures(
    sample: Sample, place: tuple[str, str], rule: str, base: str, weighted: Array
) -> dict[str, Any]:
    """A group of tasks as a share of all conversations or of named tasks.

    The unseen conversations, those of no task that shows, may be of the group or not.
    On the base of named tasks they may be of named tasks, so that they widen the base
    as well.
    """
    inside = weighted[weighted > 0]
    count = float(inside.sum()) if len(inside) else None
    nodes = sample.counts[place]["onet_task", 0]
    whole = sample.total(place)
    seen = math.fsum(n for task, n in nodes.items() if task != RESIDUAL)
    unseen = max(whole - seen, 0.0)
    if base == "named_tasks":
        whole = math.fsum(n for task, n in nodes.items() if task not in PSEUDO_TASKS)
    widest = whole if base == "all_conversations" else whole + unseen
    is_whole = is_countable(sample, place) and not unseen
    is_named = [task not in PSEUDO_TASKS for task in nodes]
    sizes = np.array(list(nodes.values()))[is_named]
    return {
        "conversation_count": count,
        "base_conversation_count": whole,
        "share_pct": pct(count, whole),
        "bound_low_pct": pct(count or 0, widest),
        "bound_high_pct": pct((count or 0) + unseen, widest),
        "task_count": len(inside),
        "effective_task_count": effective_tasks(inside),
        **wilson_columns(count, whole, is_whole and rule != "equal_split"),
        **band_columns(
            weighted[is_named],
            weighted[is_named],
            sizes,
            effective_tasks(inside) if len(inside) > 1 else None,
            unseen=unseen,
            unseen_base=widest - sizes.sum(),
        ),
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
                            share_figures(sample, place, rule, base, weighted)
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
                shares = {
                    group: share_figures(sample, WORLD, rule, base, sizes)
                    for group, sizes in shown.items()
                }
                for group, sizes in shown.items():
                    larger = (w.sum() > sizes.sum() + 1e-9 for w in shown.values())
                    figures[(*sample.key, rule, base, group)] = (
                        shares[group]
                        | {"share_rank": 1 + sum(larger)}
                        | rank_columns(shares, group)
                    )
    return figures


def rank_columns(shares: Figures, group: str) -> dict[str, Any]:
    """The ranks that the bands leave open: a group without one may be anywhere."""
    bands = {
        other: (row["uncertainty_low_pct"], row["uncertainty_high_pct"])
        for other, row in shares.items()
        if row["uncertainty_kind"]
    }
    if group not in bands:
        return {"rank_low": None, "rank_high": None}
    low, high = bands[group]
    return {
        "rank_low": 1 + sum(other[0] > high for other in bands.values()),
        "rank_high": len(shares) - sum(other[1] < low for other in bands.values()),
    }


def concentration_figures(samples: Sequence[Sample]) -> Figures:
    """Shares of the largest tasks, and how many tasks a scope amounts to."""
    figures: Figures = {}
    for key, sample, weights in every_scope(samples):
        sizes = np.sort(weights * sample.sizes)[::-1]
        sizes = sizes[sizes > 0]
        bases = {"scope": sizes.sum(), "all_conversations": sample.total(WORLD)}
        for base, whole in bases.items():
            for top_k in (1, 5, 10, 20):
                part, is_part = float(sizes[:top_k].sum()), top_k <= len(sizes)
                figures[(*key, base, top_k)] = {
                    "share_pct": pct(part, whole) if is_part else None,
                    "status": "visible" if is_part else "fewer_tasks",
                    "conversation_count": part,
                    "base_conversation_count": float(whole),
                    "effective_task_count": effective_tasks(sizes),
                    "task_count": len(sizes),
                }
    return figures


def place_figures(samples: Sequence[Sample]) -> Figures:
    """The base facets of every place, as shares of its conversations and of its named
    labels, and the places' shares of what they lie in."""
    figures: Figures = {}
    for sample in samples:
        for place, facets in sample.counts.items():
            is_honest = is_countable(sample, place)
            for (facet, level), labels in facets.items():
                if "::" in facet:
                    continue
                is_usage = facet in USAGE_FACETS
                whole = (
                    usage_base(sample, facet, place[1])
                    if is_usage
                    else sample.total(place)
                )
                named = NAMED_LABELS.get(facet, ())
                answered = math.fsum(labels.get(label, 0.0) for label in named)
                is_closed = is_honest and labels.keys() >= set(named)
                for label, count in labels.items():
                    key = (*sample.key, *place, facet, level, label)
                    share = pct(count, whole) if label in named else None
                    figures[(*key, "all_conversations")] = count_figure(
                        count, whole, is_honest and label != RESIDUAL
                    ) | {"bound_low_pct": share, "bound_high_pct": share}
                    if label in named:
                        figures[(*key, "named_labels")] = count_figure(
                            count, answered, is_closed
                        ) | {"left_out_pct": 100 - 100 * answered / whole}
                for label in set(named) - labels.keys():
                    key = (*sample.key, *place, facet, level, label)
                    most = min(largest_folded(sample, facet), labels.get(RESIDUAL, 0.0))
                    figures[(*key, "all_conversations")] = count_figure(
                        None, whole, False
                    ) | {
                        "status": "suppressed",
                        "bound_low_pct": 0.0,
                        "bound_high_pct": pct(most, whole),
                    }
        unpublished = unpublished_count(sample)
        if unpublished:
            key = (*sample.key, *UNPUBLISHED, "country", 0, "all", "all_conversations")
            whole = usage_base(sample, "country", "")
            figures[key] = count_figure(unpublished, whole, False)
    return figures


def largest_folded(sample: Sample, facet: str) -> float:
    """The most that a label folded into the residual of a place can hold: where counts
    are per million, the smallest that is published of any place."""
    if sample.count_basis == "conversations":
        return LARGEST_FOLDED_CELL
    cells = (facets.get((facet, 0), {}) for facets in sample.counts.values())
    named = NAMED_LABELS[facet]
    return min((n for c in cells for label, n in c.items() if label in named))


def count_figure(count: float | None, base: float, is_honest: bool) -> dict[str, Any]:
    """A count as a share, with a Wilson interval where one is honest."""
    return {
        "conversation_count": count,
        "base_conversation_count": base,
        "share_pct": pct(count, base),
        "bound_low_pct": None,
        "bound_high_pct": None,
        "left_out_pct": 0.0,
        **wilson_columns(count, base, is_honest),
    }


def usage_base(sample: Sample, facet: str, geo_id: str) -> float:
    """What a place is a share of: a country of the stated sample, a region of its
    country's usage; where that is missing, of the places that lie in the same."""

    def lies_in(region: str) -> str:
        return "US" if facet == "state_us" else region.split("-")[0]

    counts = sample.usage(facet)
    if facet == "country":
        return sample.sample_count or math.fsum(counts.values())
    siblings = [n for other, n in counts.items() if lies_in(other) == lies_in(geo_id)]
    return sample.usage("country").get(lies_in(geo_id)) or math.fsum(siblings)


def unpublished_count(sample: Sample) -> float | None:
    """What the countries leave open of the stated sample; nothing where that is no
    more than their rounding, half a unit each where counts are per million."""
    counts = sample.usage("country").values()
    if not counts or sample.sample_count is None:
        return None
    rest = sample.sample_count - math.fsum(counts)
    rounding = 0.0 if sample.count_basis == "conversations" else len(counts) / 2
    return rest if rest > rounding else None


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
                "holder_code_count": len(codes),
                "education_code_count": sum(code.startswith("25") for code in codes),
                "conversation_count": size,
                "volume_share_pct": pct(size, sample.total(WORLD)),
                "yes_count": yes,
                "success_pct": pct(yes, answered or 0.0),
                **wilson_columns(yes, answered or 0.0, is_whole),
            }
    return figures
