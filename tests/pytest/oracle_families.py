"""The figures of families A and C a second time, from the raw files and the guides.

Plain Python; no SQL, nothing taken from the models. A flat release is read as the
sample that `oracle` knows, with percent in place of counts: its shares depend on no
unit, and what is a count there must be NULL in the marts. A monthly file prints its
shares, each rounded; what is left to compute is their range, the shares among the
named answers and what the places leave open. Everything here is percent.
"""

from __future__ import annotations

import csv
import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from oracle import (
    PATTERNS,
    RESIDUAL,
    USE_CASES,
    WORLD,
    Codes,
    Figures,
    Sample,
    task_figures,
)
from oracle_intervals import pct
from oracle_shares import (
    concentration_figures,
    education_figures,
    education_task_figures,
    occupation_group_figures,
)

HALF_UNIT = 0.005  # monthly values have two decimals
EDUCATION = "25"
NAMED = {
    "collaboration": PATTERNS,
    "use_case": USE_CASES,
    "collaboration_bucket": ("automation", "augmentation"),
}
COUNTS = ("conversation_count", "base_conversation_count", "published_count")
SHARES = ("share_pct", "task_count", "effective_task_count")


# Family A -----------------------------------------------------------------------------


def read_columns(path: Path) -> list[dict[str, str]]:
    """The rows of a file, every value as text."""
    with path.open(encoding="utf-8-sig", newline="") as handle:
        return list(csv.DictReader(handle))


def read_flat(
    data: Path, rows: Sequence[Mapping[str, str]], codes: Mapping[str, Codes]
) -> list[Sample]:
    """The flat releases of the manifest's rows: percent of all conversations in place
    of counts; a ratio of 0 beside a positive ``filtered`` is a cell that is hidden."""
    facets: dict[tuple[str, str], dict[Any, dict[str, float]]] = defaultdict(
        lambda: defaultdict(dict)
    )
    versions = {}
    for row in rows:
        layout = row["schema_family"]
        if not layout.startswith("A_"):
            continue
        key = (row["release_id"], row["platform"])
        versions[key] = row["taxonomy_version"]
        for line in read_columns(data / row["relative_path"]):
            if layout == "A_task_shares":
                facets[key]["onet_task", 0][line["task_name"]] = float(line["pct"])
            elif layout == "A_patterns":
                label = line["interaction_type"]
                facets[key]["collaboration", 0][label] = float(line["pct"])
            else:
                ratios = {name: float(line[name]) for name in list(line)[1:]}
                residual = ratios.pop("filtered")
                cells = facets[key]["ratios", 0]
                for name, ratio in ratios.items():
                    if ratio > 0 or residual == 0:
                        label = name.replace("_", " ")
                        cells[f"{line['task_name']}::{label}"] = ratio
                cells[f"{line['task_name']}::{RESIDUAL}"] = residual
    samples = []
    for (release_id, platform), found in facets.items():
        tasks = found["onet_task", 0]
        found["onet_task::collaboration", 0] = {
            label: ratio * tasks[label.rpartition("::")[0]]
            for label, ratio in found.pop(("ratios", 0), {}).items()
        }
        if not found["onet_task::collaboration", 0]:
            del found["onet_task::collaboration", 0]
        version = versions[release_id, platform]
        samples.append(
            Sample(
                *(release_id, platform, "percent_only"),
                {WORLD: dict(found)},
                codes[version],
                math.fsum(tasks.values()),
            )
        )
    return samples


def uncounted(figures: Figures, columns: Sequence[str]) -> Figures:
    """The figures with those columns alone, and no counts."""
    return {
        key: {name: row[name] for name in columns}
        | {name: None for name in COUNTS if name in row}
        for key, row in figures.items()
    }


def flat_education(samples: Sequence[Sample]) -> Figures:
    """Education and its subsectors under the four rules and two bases."""
    return uncounted(education_figures(samples), SHARES)


def flat_groups(samples: Sequence[Sample]) -> Figures:
    """The SOC major groups under the four rules and two bases, with ranks."""
    return uncounted(occupation_group_figures(samples), (*SHARES, "share_rank"))


def flat_concentration(samples: Sequence[Sample]) -> Figures:
    """Shares of the largest tasks."""
    return uncounted(concentration_figures(samples), (*SHARES, "status"))


def flat_patterns(samples: Sequence[Sample]) -> Figures:
    """Patterns by three estimators, from the releases with patterns by task."""
    columns = ("task_count", "task_with_count", "suppressed_pct", "publishing_count")
    own = ("share_pct", "effective_task_count", *columns)
    return uncounted(task_figures(samples, "pattern"), own)


def flat_tasks(samples: Sequence[Sample]) -> Figures:
    """Each education task: its part of all, and the five patterns among themselves."""
    columns = ("holder_code_count", "education_code_count", "volume_share_pct")
    figures = uncounted(education_task_figures(samples), columns)
    for sample in samples:
        for task, cells in sample.cells("collaboration").items():
            five = math.fsum(cells.get(p, 0.0) for p in PATTERNS)
            if row := figures.get((*sample.key, task)):
                row |= {
                    f"{p.replace(' ', '_')}_pct": pct(cells.get(p), five)
                    for p in PATTERNS
                }
    return figures


def flat_places(samples: Sequence[Sample]) -> Figures:
    """The tasks and patterns of the world as printed; the shares of the five patterns
    among themselves; and what the printed patterns leave open."""
    figures: Figures = {}
    for sample in samples:
        key = (*sample.key, *WORLD)
        for task, share in sample.nodes.items():
            figures[(*key, "onet_task", 0, task, "all_conversations")] = printed(share)
        labels = sample.world.get(("collaboration", 0), {})
        five = math.fsum(labels.get(p, 0.0) for p in PATTERNS)
        for label, share in labels.items():
            cell = (*key, "collaboration", 0, label)
            figures[(*cell, "all_conversations")] = printed(share)
            if label in PATTERNS:
                figures[(*cell, "named_labels")] = {
                    "share_pct": pct(share, five),
                    "published_pct": None,
                }
        if labels:
            cell = (*key, "collaboration", 0, "unpublished", "all_conversations")
            rest = 100 - math.fsum(labels.values())
            figures[cell] = {"share_pct": rest, "published_pct": None}
    return figures


def printed(share: float) -> dict[str, Any]:
    """A share as the release prints it."""
    return {"share_pct": share, "published_pct": share}


# Family C -----------------------------------------------------------------------------

Month = dict[tuple[Any, ...], dict[str, float]]


def read_monthly(
    data: Path, rows: Sequence[Mapping[str, str]], countries: Mapping[str, str]
) -> dict[tuple[str, str, str], Month]:
    """By release, platform and month: (geo_level, geo_id, category, level, node) ->
    metric -> value; countries under their alpha-2 codes."""
    months: dict[tuple[str, str, str], Month] = {}
    for row in rows:
        if row["schema_family"] == "C_monthly":
            key = (row["release_id"], row["platform"])
            lines = read_columns(data / row["relative_path"])
            months |= months_of(key, lines, countries, lambda x: float(x["value"]))
    return months


def months_of(
    key: tuple[str, str],
    lines: Sequence[dict[str, str]],
    countries: Mapping[str, str],
    value: Callable[[dict[str, str]], float],
) -> dict[tuple[str, str, str], Month]:
    """The months of the lines of one file."""
    months: dict[tuple[str, str, str], Month] = defaultdict(lambda: defaultdict(dict))
    for line in lines:
        month = months[(*key, line["date_start"])]
        place = (line["geo_level"].replace("subregion", "region"), line["geo_id"])
        if place[0] == "country":
            place = ("country", countries[line["geo_id"]])
        node = (
            line["category_name"],
            int(line["hierarchy_level"]),
            line["node_external_id"],
        )
        month[(*place, *node)][line["metric_id"]] = value(line)
    return months


def country_keys(*lists: Path) -> dict[str, str]:
    """Alpha-3 to alpha-2 codes."""
    return {
        row["iso_alpha_3"]: row["iso_alpha_2"]
        for path in lists
        for row in read_columns(path)
    }


def facet_of(metric: str) -> tuple[str, str] | None:
    """The facet and label that a metric id means; None for what is no share of a place
    or node."""
    name = metric.removesuffix("_pct")
    if name == metric or metric == "usage_pct":
        return None
    for facet in ("collaboration_bucket", "collaboration", "use_case", "artifact"):
        if name.startswith(facet + "_"):
            label = name.removeprefix(facet + "_")
            is_pattern = facet == "collaboration"
            return facet, label.replace("_", " ") if is_pattern else label
    return name, "yes"


def rounded(value: float, half_unit: float = HALF_UNIT) -> dict[str, float]:
    """The range that rounding leaves to a printed percentage."""
    return {
        "bound_low_pct": max(value - half_unit, 0.0),
        "bound_high_pct": min(value + half_unit, 100.0),
    }


NO_BOUNDS = {"bound_low_pct": None, "bound_high_pct": None}


def monthly_places(months: Mapping[tuple[str, str, str], Month]) -> Figures:
    """Every share of a place, and every node's share of the place."""
    figures: Figures = {}
    for key, month in months.items():
        usage: list[float] = []
        for (geo_level, geo_id, category, level, node), metrics in month.items():
            place = (*key, geo_level, geo_id)
            if category != "overall":
                if "pct" in metrics:
                    cell = (*place, category, level, node, "all_conversations")
                    figures[cell] = both(metrics["pct"])
                continue
            if "usage_pct" in metrics:
                facet = "country-state" if geo_level == "region" else "country"
                cell = (*place, facet, 0, "all", "all_conversations")
                figures[cell] = both(metrics["usage_pct"])
                if geo_level == "country":
                    usage.append(metrics["usage_pct"])
            by_facet: dict[str, dict[str, float]] = defaultdict(dict)
            for metric, value in metrics.items():
                if meaning := facet_of(metric):
                    by_facet[meaning[0]][meaning[1]] = value
            for facet, labels in by_facet.items():
                for label, value in labels.items():
                    cell = (*place, facet, 0, label)
                    figures[(*cell, "all_conversations")] = both(value)
                named = NAMED.get(facet, ())
                answered = math.fsum(labels.get(label, 0.0) for label in named)
                for label in named:
                    if label in labels:
                        figures[(*place, facet, 0, label, "named_labels")] = {
                            "share_pct": pct(labels[label], answered),
                            "published_pct": None,
                            **NO_BOUNDS,
                        }
        if usage:
            rest = 100 - math.fsum(usage)
            # the remainder of so many rounded numbers
            cell = (*key, "country", "unpublished", "country", 0, "all")
            figures[(*cell, "all_conversations")] = {
                "share_pct": rest,
                "published_pct": None,
                **rounded(rest, HALF_UNIT * len(usage)),
            }
    return figures


def both(value: float) -> dict[str, Any]:
    """A printed share with its range."""
    return printed(value) | rounded(value)


def monthly_education(months: Mapping[tuple[str, str, str], Month]) -> Figures:
    """The share of SOC major group 25, wherever it is published."""
    return {
        (*key, *place[:2], "published", "all_conversations", "education"): {
            "share_pct": metrics["pct"],
            "status": "published",
            **rounded(metrics["pct"]),
        }
        for key, month in months.items()
        for place, metrics in month.items()
        if place[2:] == ("soc_occupation", 1, EDUCATION) and "pct" in metrics
    }


def monthly_groups(months: Mapping[tuple[str, str, str], Month]) -> Figures:
    """The SOC major groups of the world, as published."""
    figures: Figures = {}
    for key, month in months.items():
        shares = {
            place[4]: metrics["pct"]
            for place, metrics in month.items()
            if place[:4] == (*WORLD, "soc_occupation", 1)
        }
        for group, share in shares.items():
            figures[(*key, "published", "all_conversations", group)] = {
                "share_pct": share,
                "share_rank": 1 + sum(other > share for other in shares.values()),
                **rounded(share),
            }
    return figures


def monthly_answers(
    months: Mapping[tuple[str, str, str], Month], facet: str
) -> Figures:
    """Patterns or use cases of the world and of SOC major group 25."""
    scopes = {
        ("overall", 0, "-"): ("not_applicable", "all_with_pseudo"),
        ("soc_occupation", 1, EDUCATION): ("published", "education"),
    }
    return {
        (*key, *scopes[place[2:]], "all_conversations", label): {
            "share_pct": value,
            "status": "published",
            **rounded(value),
        }
        for key, month in months.items()
        for place, metrics in month.items()
        if place[:2] == WORLD and place[2:] in scopes
        for label, value in answers(metrics, facet)
    }


def answers(metrics: Mapping[str, float], facet: str) -> Iterator[tuple[str, float]]:
    """The labels of a facet with their values."""
    for metric, value in metrics.items():
        if (meaning := facet_of(metric)) and meaning[0] == facet:
            yield meaning[1], value
