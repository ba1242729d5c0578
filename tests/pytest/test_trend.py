"""The trend a second time: values, steps, breaks and their split, from raw files."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import oracle
import oracle_families as families
import pytest
from conftest import PROJECT, SHIPPED_DATA, Build, Row, manifest_rows, read_rows
from oracle import PATTERNS, PSEUDO_TASKS, RULES, WORLD
from oracle_marts import compared

SEEDS = PROJECT / "seeds" / "reference"
SOUTHERN = {r["country_code"] for r in read_rows(SEEDS / "school_calendars.csv")}
NO_COUNTRY = ("not_classified", "NONE", "unpublished")
# measure, category, rule, base, group of countries
Name = tuple[str, str, str, str, str]
# the weight of a task or country, and its rate: None where it publishes none
Units = dict[str, tuple[float, float | None]]


@dataclass
class Window:
    """A sample with the figures of its trend and the units that they are means of."""

    row: Row
    day: str
    values: dict[Name, float] = field(default_factory=dict)
    units: dict[Name, Units] = field(default_factory=dict)

    def add(self, name: Name, value: float | None, units: Units) -> None:
        """Take a figure with its units; None: not published."""
        self.units[name] = units
        if value is not None:
            self.values[name] = value

    def add_countries(
        self, name: Name, value: float | None, usage: dict[str, float], rates: Any
    ) -> None:
        """Take a figure by country; coursework in two groups of countries too."""
        odd = {
            row["geo_id"]
            for row in read_rows(SEEDS / "anomalous_geographies.csv")
            if row["release_id"] == self.row["release_id"]
        }
        units: Units = {
            place: (weight, None if place in (*NO_COUNTRY, *odd) else rates.get(place))
            for place, weight in usage.items()
        }
        self.add(name, value, units if rates else {})
        for group in ("northern", "southern") if name[0] == "coursework" else ():
            own = {
                place: unit
                for place, unit in units.items()
                if (place in SOUTHERN) == (group == "southern")
                and place not in NO_COUNTRY
            }
            self.add((*name[:-1], group), mean(own), own)


def mean(units: Units) -> float | None:
    """The weighted mean of the units with a rate; None without any."""
    shown = [(weight, rate) for weight, rate in units.values() if rate is not None]
    if not shown:
        return None
    return math.fsum(w * r for w, r in shown) / math.fsum(w for w, _ in shown)


def add_tasks(window: Window, sample: oracle.Sample) -> None:
    """The share of education by each rule, and patterns and success of its tasks."""
    codes = {t: sample.codes.get(t, frozenset()) for t in sample.nodes}
    for rule in RULES:
        rates = {t: 100 * oracle.group_weight(rule, c, "25") for t, c in codes.items()}
        for base, left_out in (
            ("all_conversations", ()),
            ("named_tasks", PSEUDO_TASKS),
        ):
            units: Units = {
                task: (size, rates[task])
                for task, size in sample.nodes.items()
                if task not in left_out
            }
            name = ("soc25_share", "education", rule, base, "all")
            whole = (
                sample.total(WORLD)
                if not left_out
                else sum(w for w, _ in units.values())
            )
            window.add(
                name, math.fsum(w * (r or 0) for w, r in units.values()) / whole, units
            )
    ours = {t for t, found in codes.items() if any(c[:2] == "25" for c in found)}
    for measure, facet, labels in (
        ("pattern", "collaboration", PATTERNS),
        ("success", "task_success", ("yes",)),
    ):
        cells = sample.cells(facet)
        for label in labels:
            units = {
                task: (
                    sample.nodes[task],
                    100 * cells[task][label] / sample.nodes[task]
                    if label in cells.get(task, {})
                    else None,
                )
                for task in ours
            }
            name = (measure, label, "any_holder", "all_conversations", "all")
            shown = mean(units)
            nothing: Units = {t: (w, r or 0.0) for t, (w, r) in units.items()}
            window.add(name, None if shown is None else mean(nothing), units)
            if measure == "success":
                window.add((*name[:3], "published_yes", "all"), shown, units)


def long_window(sample: oracle.Sample, row: Row, topic: tuple[int, str]) -> Window:
    """A release of family B."""
    window = Window(row, row["window_start_date"])
    if sample.nodes:
        add_tasks(window, sample)
    usage = sample.usage("country")
    if usage and sample.sample_count:
        usage["unpublished"] = sample.sample_count - math.fsum(usage.values())
    for measure, facet, level, label in (
        ("coursework", "use_case", 0, "coursework"),
        ("education_topic", "request", *topic),
    ):
        rates = {
            place[1]: 100 * facets[facet, level][label] / sample.total(place)
            for place, facets in sample.counts.items()
            if place[0] == "country" and label in facets.get((facet, level), {})
        }
        count = sample.world.get((facet, level), {}).get(label)
        value = None if count is None else 100 * count / sample.total(WORLD)
        category = "coursework" if measure == "coursework" else "education"
        name = (measure, category, "not_applicable", "all_conversations", "all")
        window.add_countries(name, value, usage, rates)
    return window


def month_window(month: families.Month, row: Row, day: str, topic: str) -> Window:
    """A month of family C; ``topic``: the id of the node."""
    window = Window(row, day)
    usage = {
        place: metrics["usage_pct"]
        for (level, place, *_), metrics in month.items()
        if level == "country" and "usage_pct" in metrics
    }
    rest = 100 - math.fsum(usage.values())
    if usage and rest > families.HALF_UNIT * len(usage) + 1e-6:
        usage["unpublished"] = rest
    for name, node, metric in (
        (("soc25_share", "education", "published"), ("soc_occupation", 1, "25"), "pct"),
        (
            ("coursework", "coursework", "not_applicable"),
            ("overall", 0, "-"),
            "use_case_coursework_pct",
        ),
        (
            ("education_topic", "education", "not_applicable"),
            ("request", 2, topic),
            "pct",
        ),
    ):
        rates = {
            key[1]: metrics[metric]
            for key, metrics in month.items()
            if key[0] == "country" and key[2:] == node and metric in metrics
        }
        value = month.get((*WORLD, *node), {}).get(metric)
        whole = (*name, "all_conversations", "all")
        window.add_countries(whole, value, usage, rates)
    ours = month.get((*WORLD, "soc_occupation", 1, "25"), {})
    for label, value in families.answers(ours, "collaboration"):
        if label in PATTERNS:
            name = ("pattern", label, "published", "all_conversations", "all")
            window.add(name, value, {})
    return window


def read_windows(data: Path, rows: Sequence[Row]) -> Iterator[Window]:
    """Every sample of the folder."""
    there = [
        row
        for row in rows
        if (data / row["relative_path"]).is_file() and row["copy_status"] == "current"
    ]
    raw = {(r["release_id"], r["platform"]): r for r in there if r["platform"]}
    topics = {
        row["release_id"]: (int(row["level"]), row["category_title"])
        for row in read_rows(SEEDS / "education_topics.csv")
    }
    lists: dict[str, list[Path]] = defaultdict(list)
    for row in there:
        lists[row["file_role"]].append(data / row["relative_path"])
    for sample in oracle.read_samples(data, there):
        topic = topics.get(sample.release_id, (2, "none"))
        yield long_window(sample, raw[sample.key], topic)
    codes = {
        row["taxonomy_version"]: oracle.holder_codes(data / row["relative_path"])
        for row in there
        if row["file_role"] == "onet_task_statements"
    }
    for sample in families.read_flat(data, there, codes):
        window = Window(raw[sample.key], raw[sample.key]["window_start_date"])
        add_tasks(window, sample)
        yield window
    countries = families.country_keys(*lists["iso_country_codes"])
    months = families.read_monthly(data, there, countries)
    for (*key, day), month in months.items():
        row = raw[key[0], key[1]]
        (topic,) = {
            line["node_external_id"]
            for line in families.read_columns(data / row["relative_path"])
            if (int(line["hierarchy_level"]), line["node_name"]) == topics[key[0]]
        } or {""}
        yield month_window(month, row, day, topic)


def properties(window: Window) -> dict[str, str]:
    """What a sample is like; what nobody states is the same within a release only."""
    row, month = window.row, window.day[5:7]
    stated = {
        known["property"]: known["value"] or row["release_id"]
        for known in read_rows(SEEDS / "sample_properties.csv")
        if (known["release_id"], known["platform"])
        == (row["release_id"], row["platform"])
    }
    return stated | {
        "taxonomy": row["taxonomy_version"],
        "layout": row["schema_family"][0],
        "count_base": row["count_basis"],
        "season": month,
    }


def step(name: Name, old: Window, new: Window, old_name: Name) -> dict[str, Any]:
    """What the trend says of a step."""
    was, now = properties(old), properties(new)
    reasons = {p for p in was.keys() | now.keys() if was.get(p) != now.get(p)}
    reasons |= {"rule"} if name != old_name else set()
    sides = (old.units.get(old_name, {}), new.units[name])
    common = [
        (*sides[0][unit], *sides[1][unit])
        for unit in sides[0].keys() & sides[1].keys()
        if None not in (sides[0][unit][1], sides[1][unit][1])
    ]
    found: dict[str, Any] = {
        "previous_release_id": old.row["release_id"],
        "change_pct_points": new.values[name] - old.values[old_name],
        "is_comparable": not reasons,
        "break_reasons": ", ".join(sorted(reasons)) or None,
        "common_unit_count": len(common),
    }
    if common:
        before = math.fsum(w for w, *_ in common)
        after = math.fsum(w for _, _, w, _ in common)
        # Kitagawa: the mean of both orders of changing weights and rates
        found |= {
            "previous_common_share_pct": share_of(before, sides[0]),
            "common_share_pct": share_of(after, sides[1]),
            "composition_change": math.fsum(
                (v / after - w / before) * (r + s) / 2 for w, r, v, s in common
            ),
            "within_change": math.fsum(
                (v / after + w / before) * (s - r) / 2 for w, r, v, s in common
            ),
        }
    return found


def share_of(weight: float, units: Units) -> float:
    """A weight in percent of all weights."""
    return 100 * weight / math.fsum(w for w, _ in units.values())


def own_trend(windows: Sequence[Window]) -> dict[tuple[Any, ...], dict[str, Any]]:
    """The rows of the mart with a value, by release, platform, day and name."""
    trend = {}
    for new in windows:
        for name, value in new.values.items():
            row: dict[str, Any] = {"value_pct": value, "previous_release_id": None}
            rules = [name[2]] + (["any_holder"] if name[2] == "published" else [])
            for rule in rules:
                old_name = (*name[:2], rule, *name[3:])
                before = [
                    w
                    for w in windows
                    if w.day < new.day
                    and w.row["platform"] == new.row["platform"]
                    and old_name in w.values
                ]
                if before:
                    old = max(before, key=lambda w: w.day)
                    row |= step(name, old, new, old_name)
                    break
            key = (new.row["release_id"], new.row["platform"], new.day, *name)
            trend[key] = row
    return trend


@pytest.mark.parametrize("data", ["shipped", "real"])
def test_trend_agrees_with_the_oracle(
    data: str, request: pytest.FixtureRequest
) -> None:
    build: Build = request.getfixturevalue(f"{data}_warehouse")
    is_real = data == "real"
    root = request.getfixturevalue("real_data_dir") if is_real else SHIPPED_DATA
    rows = [r for r in manifest_rows() if (r["is_simulated"] == "false") == is_real]
    own = own_trend(list(read_windows(root, rows)))
    shown = {
        tuple(str(row.pop(k)) for k in KEY.split(", ")): row
        for row in build.records(
            "from marts.fct_education_trend where value_pct is not null"
        )
    }
    assert len(own) > 40
    assert compared(own, shown) == []
    assert any(row.get("within_change") for row in own.values())


KEY = (
    "release_id, platform, window_start_date, measure, category, allocation_rule, "
    "share_base, country_group"
)
