"""The marts against the printed figures, and against a second implementation.

The second implementation follows the analysis guide: plain Python on the raw files, no
SQL, nothing taken from the models. It is compared with the marts on the shipped release
too. Tests on the real files are skipped where these are absent.
"""

from __future__ import annotations

import csv
import hashlib
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pytest
from conftest import PROJECT, SHIPPED_DATA, Build, Row, manifest_rows, read_rows

# The second implementation ------------------------------------------------------------

RULES = ("any_holder", "equal_split", "lowest_code", "exclusive")
PATTERNS = ("directive", "feedback loop", "task iteration", "learning", "validation")
SUBSECTORS = {
    "postsecondary": "25-1",
    "k12": "25-2",
    "other_teachers": "25-3",
    "library": "25-4",
    "education_support": "25-9",
}
PSEUDO_TASKS = ("none", "not_classified")
RESIDUAL = "not_classified"
# Fewer than 15 conversations are not published, so a folded cell holds 14 at most.
LARGEST_FOLDED_CELL = 14

Key = tuple[Any, ...]
Figures = dict[Key, dict[str, float | None]]
Codes = Mapping[str, set[str]]
Weights = dict[str, float]


@dataclass(frozen=True)
class Release:
    """The global task counts of one raw file, with the holder codes of its tasks."""

    release_id: str
    platform: str
    task_counts: dict[str, float]
    # facet -> task -> category -> count
    cells: dict[str, dict[str, dict[str, float]]]
    codes: Codes

    @property
    def key(self) -> Key:
        """The release and platform, as the keys of the marts begin."""
        return (self.release_id, self.platform)

    @property
    def total(self) -> float:
        """All conversations: the tasks and both pseudo-tasks."""
        return math.fsum(self.task_counts.values())

    @property
    def unseen(self) -> float:
        """Conversations of no visible task."""
        return self.task_counts.get(RESIDUAL, 0.0)

    @property
    def named_total(self) -> float:
        """Conversations of named tasks."""
        return math.fsum(
            count
            for task, count in self.task_counts.items()
            if task not in PSEUDO_TASKS
        )


def holder_codes(path: Path) -> Codes:
    """The distinct SOC codes of the occupations that list a task."""
    codes: dict[str, set[str]] = defaultdict(set)
    for row in read_rows(path):
        codes[row["Task"].strip().lower()].add(row["O*NET-SOC Code"])
    return codes


def read_release(path: Path, row: Row, codes: Codes) -> Release:
    """Read the global counts of a raw file."""
    counts: dict[str, float] = {}
    cells: dict[str, dict[str, dict[str, float]]] = {}
    with path.open(encoding="utf-8", newline="") as handle:
        for line in csv.DictReader(handle):
            facet, name = line["facet"], line["cluster_name"]
            if line["geography"] != "global" or not line["variable"].endswith("_count"):
                continue
            if facet == "onet_task":
                counts[name] = float(line["value"])
            elif facet.startswith("onet_task::"):
                task, _, category = name.rpartition("::")
                tasks = cells.setdefault(facet.removeprefix("onet_task::"), {})
                tasks.setdefault(task, {})[category] = float(line["value"])
    return Release(row["release_id"], row["platform"], counts, cells, codes)


def read_releases(data_dir: Path, simulated: bool) -> list[Release]:
    """Every release of the manifest whose raw file is in the folder."""
    rows = [
        row
        for row in manifest_rows()
        if row["copy_status"] == "current"
        and (row["is_simulated"] == "true") == simulated
        and (data_dir / row["relative_path"]).is_file()
    ]
    codes = {
        row["taxonomy_version"]: holder_codes(data_dir / row["relative_path"])
        for row in rows
        if row["file_role"] == "onet_task_statements"
    }
    return [
        read_release(data_dir / row["relative_path"], row, codes[version])
        for row in rows
        if row["file_role"] == "raw" and (version := row["taxonomy_version"]) in codes
    ]


def group_weight(rule: str, codes: set[str], group: str) -> float:
    """The weight of a task in a SOC major group under an allocation rule."""
    inside = [code for code in codes if code[:2] == group]
    if not inside:
        return 0.0
    if rule == "any_holder":
        return 1.0
    if rule == "equal_split":
        return len(inside) / len(codes)
    if rule == "lowest_code":
        return float(min(codes)[:2] == group)
    return float(len(inside) == len(codes))


def subsector_weight(rule: str, codes: set[str], prefix: str) -> float:
    """The weight of a task in an education subsector under an allocation rule."""
    if rule == "equal_split":
        return sum(code.startswith(prefix) for code in codes) / len(codes)
    education = [code for code in codes if code.startswith("25-")]
    if not education:
        return 0.0
    # The weight in group 25 is 1 only where the lowest code of all lies in it too,
    # except under any_holder, which looks at the 25- codes alone.
    lies_in = min(education).startswith(prefix)
    return group_weight(rule, codes, "25") * lies_in


def scope_weights(release: Release, rule: str, both: set[str]) -> dict[str, Weights]:
    """The weight of every task of a release in every scope, positive ones only.

    `both` holds the tasks that both platforms publish in this release.
    """
    scopes: dict[str, Weights] = defaultdict(dict)
    for task in release.task_counts:
        if task in PSEUDO_TASKS:
            scopes["all_with_pseudo"][task] = 1.0
            continue
        codes = release.codes[task]
        education = group_weight(rule, codes, "25")
        computing = group_weight(rule, codes, "15")
        weights = {
            "all_with_pseudo": 1.0,
            "all_named": 1.0,
            "non_education": 1.0 - education,
            "non_education_non_computing": 1.0 - education - computing,
            "education": education,
            "education_both_platforms": education if task in both else 0.0,
        }
        for subsector, prefix in SUBSECTORS.items():
            weights[subsector] = subsector_weight(rule, codes, prefix)
        for scope, weight in weights.items():
            if weight > 1e-12:
                scopes[scope][task] = weight
    return scopes


def every_scope(releases: list[Release]) -> Iterator[tuple[Key, Release, Weights]]:
    """Every release with every rule and scope that holds a task."""
    for release in releases:
        others = [
            set(other.task_counts)
            for other in releases
            if other.release_id == release.release_id and other is not release
        ]
        both = set.union(set(), *others) & set(release.task_counts)
        for rule in RULES:
            for scope, weights in scope_weights(release, rule, both).items():
                yield (*release.key, rule, scope), release, weights


def pct(part: float, whole: float) -> float | None:
    """The part in percent of the whole; nothing of nothing is not a number."""
    return 100 * part / whole if whole else None


def largest_unseen(
    cells: Mapping[str, float] | None, task_count: float, category: str
) -> float:
    """The most conversations that an unpublished category of a task can hold."""
    if not cells:
        return task_count
    if category in cells:
        return 0.0
    return min(LARGEST_FOLDED_CELL, cells.get(RESIDUAL, 0.0))


def pattern_figures(releases: list[Release]) -> Figures:
    """Interaction patterns: three estimators, bounds on all conversations."""
    figures: Figures = {}
    for key, release, weights in every_scope(releases):
        cells = release.cells["collaboration"]
        counts = release.task_counts
        base = math.fsum(weight * counts[task] for task, weight in weights.items())
        named = {
            task: math.fsum(cells.get(task, {}).get(pattern, 0) for pattern in PATTERNS)
            for task in weights
        }
        shown = [task for task in weights if named[task]]
        shown_base = math.fsum(weights[task] * counts[task] for task in shown)
        named_base = math.fsum(weights[task] * named[task] for task in shown)
        residual = base - math.fsum(
            weight * count
            for task, weight in weights.items()
            for category, count in cells.get(task, {}).items()
            if category != RESIDUAL
        )
        # What no task of the scope publishes is not known to be nothing.
        published = {pattern for task in weights for pattern in cells.get(task, {})}
        shared = {
            "task_count": len(weights),
            "task_with_pattern_count": len(shown),
            "suppressed_pct": pct(residual, base),
        }
        unbounded = {"bound_low_pct": None, "bound_high_pct": None}
        for pattern in PATTERNS:
            mean = math.fsum(
                weights[task] * counts[task] * cells[task].get(pattern, 0) / named[task]
                for task in shown
            )
            figures[(*key, "task_renormalised", pattern)] = {
                "share_pct": pct(mean, shown_base) if pattern in published else None,
                "conversation_count": shown_base or None,
                "base_conversation_count": shown_base or None,
                **unbounded,
                **shared,
            }
        for pattern in (*PATTERNS, "none"):
            count = math.fsum(
                weight * cells.get(task, {}).get(pattern, 0)
                for task, weight in weights.items()
            )
            unseen = math.fsum(
                weight * largest_unseen(cells.get(task), counts[task], pattern)
                for task, weight in weights.items()
            )
            known = pattern in published
            if pattern in PATTERNS:
                figures[(*key, "pooled", pattern)] = {
                    "share_pct": pct(count, named_base) if known else None,
                    "conversation_count": count if known else None,
                    "base_conversation_count": named_base or None,
                    **unbounded,
                    **shared,
                }
            figures[(*key, "all_conversations", pattern)] = {
                "share_pct": pct(count, base) if known else None,
                "conversation_count": count if known else None,
                "base_conversation_count": base,
                "bound_low_pct": pct(count, base),
                "bound_high_pct": pct(count + unseen, base),
                **shared,
            }
        figures[(*key, "all_conversations", RESIDUAL)] = {
            "share_pct": pct(residual, base),
            "conversation_count": residual,
            "base_conversation_count": base,
            **unbounded,
            **shared,
        }
    return figures


def success_figures(releases: list[Release]) -> Figures:
    """Task success: two estimators, bounds over all tasks of the scope."""
    figures: Figures = {}
    with_success = [release for release in releases if "task_success" in release.cells]
    for key, release, weights in every_scope(releases):
        if release not in with_success:
            continue
        cells = release.cells["task_success"]
        counts = release.task_counts
        base = math.fsum(weight * counts[task] for task, weight in weights.items())
        answered = [task for task in weights if "yes" in cells.get(task, {})]
        answered_base = math.fsum(weights[task] * counts[task] for task in answered)
        yes = math.fsum(weights[task] * cells[task]["yes"] for task in answered)
        unseen = math.fsum(
            weight * largest_unseen(cells.get(task), counts[task], "yes")
            for task, weight in weights.items()
        )
        mean = math.fsum(
            weights[task]
            * counts[task]
            * cells[task]["yes"]
            / (cells[task]["yes"] + cells[task].get("no", 0))
            for task in answered
        )
        shared = {
            "yes_count": yes or None,
            "base_conversation_count": answered_base or None,
            "bound_low_pct": pct(yes, base),
            "bound_high_pct": pct(yes + unseen, base),
            "task_count": len(weights),
            "task_with_success_count": len(answered),
        }
        figures[(*key, "published_yes")] = shared | {
            "success_pct": pct(yes, answered_base)
        }
        figures[(*key, "yes_over_answered")] = shared | {
            "success_pct": pct(mean, answered_base)
        }
    return figures


def concentration_figures(releases: list[Release]) -> Figures:
    """Shares of the largest tasks, and how many tasks a scope amounts to."""
    figures: Figures = {}
    for key, release, weights in every_scope(releases):
        counts = sorted(
            (weight * release.task_counts[task] for task, weight in weights.items()),
            reverse=True,
        )
        total = math.fsum(counts)
        effective = 1 / math.fsum((count / total) ** 2 for count in counts)
        for name, base in (("scope", total), ("all_conversations", release.total)):
            for top_k in (1, 5, 10, 20):
                count = math.fsum(counts[:top_k])
                figures[(*key, name, top_k)] = {
                    "share_pct": pct(count, base),
                    "conversation_count": count,
                    "base_conversation_count": base,
                    "effective_task_count": effective,
                    "task_count": len(counts),
                }
    return figures


def share_figures(count: float | None, release: Release, base: str) -> dict[str, Any]:
    """A share of all conversations or of named tasks, with its range.

    The unseen conversations may be of the group or not. On the base of named tasks they
    may be of named tasks, so that they widen the base as well.
    """
    seen = release.total if base == "all_conversations" else release.named_total
    widest = seen if base == "all_conversations" else seen + release.unseen
    return {
        "conversation_count": count,
        "base_conversation_count": seen,
        "share_pct": None if count is None else pct(count, seen),
        "bound_low_pct": pct(count or 0, widest),
        "bound_high_pct": pct((count or 0) + release.unseen, widest),
    }


BASES = ("all_conversations", "named_tasks")


def occupation_group_figures(releases: list[Release]) -> Figures:
    """Shares and ranks of the SOC major groups."""
    figures: Figures = {}
    for release in releases:
        for rule in RULES:
            counts: dict[str, list[float]] = defaultdict(list)
            for task, count in release.task_counts.items():
                codes = release.codes.get(task, set())
                for group in {code[:2] for code in codes}:
                    weight = group_weight(rule, codes, group)
                    if weight:
                        counts[group].append(weight * count)
            sums = {group: math.fsum(parts) for group, parts in counts.items()}
            for base in BASES:
                for group, count in sums.items():
                    figures[(*release.key, rule, base, group)] = share_figures(
                        count, release, base
                    ) | {
                        "task_count": len(counts[group]),
                        "share_rank": 1
                        + sum(other > count + 1e-9 for other in sums.values()),
                    }
    return figures


def education_figures(releases: list[Release]) -> Figures:
    """Education and its subsectors as shares, with the range of the unseen."""
    visible = {
        key: (
            math.fsum(w * release.task_counts[task] for task, w in weights.items()),
            len(weights),
        )
        for key, release, weights in every_scope(releases)
    }
    return {
        (*release.key, rule, base, scope): share_figures(count, release, base)
        | {"task_count": task_count}
        for release in releases
        for rule in RULES
        for base in BASES
        for scope in ("education", *SUBSECTORS)
        for count, task_count in [
            visible.get((*release.key, rule, scope), (None, 0)),
        ]
    }


MARTS = {
    "fct_interaction_patterns": (
        pattern_figures,
        "release_id platform allocation_rule scope estimator pattern",
        "true",
    ),
    "fct_task_success": (
        success_figures,
        "release_id platform allocation_rule scope estimator",
        "true",
    ),
    "fct_task_concentration": (
        concentration_figures,
        "release_id platform allocation_rule scope share_base top_k",
        "true",
    ),
    "fct_occupation_group_shares": (
        occupation_group_figures,
        "release_id platform allocation_rule share_base soc_major_group",
        "true",
    ),
    "fct_education_shares": (
        education_figures,
        "release_id platform allocation_rule share_base scope",
        "geo_level = 'global'",
    ),
}


def is_same(mart: float | None, own: float | None) -> bool:
    """Whether two figures are the same number, or both none."""
    if mart is None or own is None:
        return mart is own
    return math.isclose(mart, own, rel_tol=1e-9, abs_tol=1e-9)


@pytest.fixture(scope="module", params=["shipped", "real"])
def both_readings(request: pytest.FixtureRequest) -> tuple[Build, list[Release]]:
    """A warehouse, and the releases behind it as the second implementation reads
    them."""
    if request.param == "shipped":
        build = request.getfixturevalue("shipped_warehouse")
        return build, read_releases(SHIPPED_DATA, simulated=True)
    data_dir = request.getfixturevalue("real_data_dir")
    build = request.getfixturevalue("real_warehouse")
    return build, read_releases(data_dir, simulated=False)


@pytest.mark.parametrize("mart", MARTS)
def test_mart_agrees_with_the_second_implementation(
    mart: str, both_readings: tuple[Build, list[Release]]
) -> None:
    build, releases = both_readings
    compute, key_columns, rows = MARTS[mart]
    own = compute(releases)
    published = {
        tuple(record[column] for column in key_columns.split()): record
        for record in build.records(f"from marts.{mart} where {rows}")
    }
    assert len(releases) >= 2
    assert own.keys() - published.keys() == set(), "rows that the mart lacks"
    assert published.keys() - own.keys() == set(), "rows that only the mart has"
    differences = [
        (*key, column, published[key][column], value)
        for key, figures in own.items()
        for column, value in figures.items()
        if not is_same(published[key][column], value)
    ]
    assert differences == [], f"{len(differences)} figures differ"


# The printed figures ------------------------------------------------------------------

RELEASE = "release_id = '2026_01_15'"
CHAT = f"{RELEASE} and platform = 'claude_ai'"
API = f"{RELEASE} and platform = '1p_api'"
GLOBAL = "geo_level = 'global' and geo_id = 'GLOBAL'"
EDUCATION = "allocation_rule = 'any_holder' and scope = 'education'"


def education(
    build: Build, release: str, rule: str = "any_holder", scope: str = "education"
) -> dict[str, Any]:
    """The row of the education share of all conversations."""
    (row,) = build.records(
        f"""
        from marts.fct_education_shares
        where {release} and {GLOBAL} and scope = '{scope}'
            and allocation_rule = '{rule}' and share_base = 'all_conversations'
        """
    )
    return row


@pytest.mark.parametrize(
    ("release", "sample"),
    [
        (CHAT, 999_875),
        (API, 971_525),
        ("release_id = '2025_09_15' and platform = 'claude_ai'", 964_494),
        ("release_id = '2025_09_15' and platform = '1p_api'", 944_638),
    ],
)
def test_sample_is_the_printed_one(
    release: str, sample: int, real_warehouse: Build
) -> None:
    rows = real_warehouse.query(
        f"select sample_count from marts.dim_releases where {release}"
    )
    assert rows == [(sample,)]


@pytest.mark.parametrize(
    ("rule", "tasks", "conversations", "share"),
    [
        ("any_holder", 266, 152_088, "15.2107"),
        ("lowest_code", 263, 151_984, None),
        ("exclusive", 260, 151_533, None),
        ("equal_split", 266, None, "15.186"),
    ],
)
def test_education_by_each_allocation_rule(
    rule: str,
    tasks: int,
    conversations: int | None,
    share: str | None,
    real_warehouse: Build,
) -> None:
    row = education(real_warehouse, CHAT, rule)
    assert row["task_count"] == tasks
    assert conversations in (None, row["conversation_count"])
    assert row["base_conversation_count"] == 999_875
    if share is not None:
        decimals = len(share.split(".")[1])
        assert f"{row['share_pct']:.{decimals}f}" == share


@pytest.mark.parametrize(
    ("scope", "tasks"),
    [
        ("postsecondary", 97),
        ("k12", 54),
        ("other_teachers", 26),
        ("library", 36),
        ("education_support", 53),
    ],
)
def test_tasks_of_each_subsector(scope: str, tasks: int, real_warehouse: Build) -> None:
    assert education(real_warehouse, CHAT, scope=scope)["task_count"] == tasks


@pytest.mark.parametrize(
    ("release", "low", "high"), [(CHAT, "15.2", "18.0"), (API, "3.6", "11.7")]
)
def test_range_of_the_education_share(
    release: str, low: str, high: str, real_warehouse: Build
) -> None:
    row = education(real_warehouse, release)
    assert f"{row['bound_low_pct']:.1f}" == low
    assert f"{row['bound_high_pct']:.1f}" == high


def test_education_share_of_august_2025(real_warehouse: Build) -> None:
    row = education(
        real_warehouse, "release_id = '2025_09_15' and platform = 'claude_ai'"
    )
    assert f"{row['share_pct']:.2f}" == "12.37"


def test_education_tasks_with_more_than_one_code(real_warehouse: Build) -> None:
    counts = real_warehouse.query(
        f"""
        select count(*) filter (where education_code_count > 1),
            count(*) filter (where holder_code_count > 1), count(*)
        from marts.fct_education_tasks where {CHAT}
        """
    )
    assert counts == [(64, 68, 266)]


def test_pseudo_tasks_are_no_tasks(real_warehouse: Build) -> None:
    counts = real_warehouse.query(
        f"""
        select cells.platform, tasks.task_key, cells.conversation_count
        from marts.fct_task_cells as cells
        inner join marts.dim_tasks as tasks using (task_id)
        where {RELEASE} and {GLOBAL} and facet = 'onet_task' and is_pseudo_task
        """
    )
    assert set(counts) == {
        ("claude_ai", "none", 37_119),
        ("claude_ai", "not_classified", 27_729),
        ("1p_api", "none", 34_974),
        ("1p_api", "not_classified", 78_898),
    }
    tasks = real_warehouse.query(
        f"""
        select distinct scope, task_count from marts.fct_task_concentration
        where {CHAT} and scope in ('all_with_pseudo', 'all_named')
        """
    )
    assert set(tasks) == {("all_with_pseudo", 3_170), ("all_named", 3_168)}


def test_education_patterns_of_the_report(real_warehouse: Build) -> None:
    rows = real_warehouse.records(
        f"""
        from marts.fct_interaction_patterns
        where {CHAT} and {EDUCATION} and estimator = 'task_renormalised'
        """
    )
    assert {row["pattern"]: f"{row['share_pct']:.2f}" for row in rows} == {
        "directive": "34.56",
        "task iteration": "33.03",
        "learning": "23.70",
        "validation": "7.12",
        "feedback loop": "1.59",
    }
    # 58 tasks show no pattern at all.
    assert {row["task_with_pattern_count"] for row in rows} == {266 - 58}


def test_bounds_of_the_education_feedback_loop(real_warehouse: Build) -> None:
    ((low, high),) = real_warehouse.query(
        f"""
        select bound_low_pct, bound_high_pct from marts.fct_interaction_patterns
        where {CHAT} and {EDUCATION} and estimator = 'all_conversations'
            and pattern = 'feedback loop'
        """
    )
    assert (f"{low:.2f}", f"{high:.2f}") == ("1.55", "3.32")


@pytest.mark.parametrize(("release", "printed"), [(CHAT, 31.73), (API, 63.58)])
def test_bounds_of_all_nodes_hold_the_printed_directive_share(
    release: str, printed: float, real_warehouse: Build
) -> None:
    rows = real_warehouse.query(
        f"""
        select bound_low_pct, bound_high_pct from marts.fct_interaction_patterns
        where {release} and scope = 'all_with_pseudo'
            and estimator = 'all_conversations' and pattern = 'directive'
        """
    )
    assert len(rows) == len(RULES)
    for low, high in rows:
        assert low <= printed <= high
        assert high - low < 25  # a range that holds everything would say nothing


def test_education_rests_on_seventeen_tasks(real_warehouse: Build) -> None:
    rows = real_warehouse.query(
        f"""
        select distinct round(effective_task_count) from marts.fct_task_concentration
        where {CHAT} and {EDUCATION}
        """
    )
    assert rows == [(17,)]


def test_na_is_namibia(real_warehouse: Build) -> None:
    rows = real_warehouse.query(
        """
        select geo_name, country_alpha_3_code, working_age_population_count > 1e6,
            is_unclassified
        from marts.dim_geographies where geo_level = 'country' and geo_id = 'NA'
        """
    )
    assert rows == [("Namibia", "NAM", True, False)]
    ((usage,),) = real_warehouse.query(
        f"""
        select conversation_count from marts.fct_facet_shares
        where {CHAT} and facet = 'country' and geo_id = 'NA'
        """
    )
    assert usage > 0


def test_countries_with_their_anomaly_and_the_rest(real_warehouse: Build) -> None:
    rows = real_warehouse.query(
        f"""
        select count(*),
            max(conversation_count) filter (where is_anomalous),
            max(geo_id) filter (where is_anomalous),
            round(max(share_pct) filter (where is_unclassified), 2)
        from marts.fct_facet_shares
        inner join marts.dim_geographies using (geo_level, geo_id)
        where {CHAT} and facet = 'country'
        """
    )
    assert rows == [(174, 24_715, "SC", 15.66)]


def test_files_are_absent_or_what_their_bytes_say(
    real_warehouse: Build, real_data_dir: Path
) -> None:
    expected = {}
    for row in manifest_rows():
        if row["file_role"] != "raw" or row["copy_status"] != "current":
            continue
        path = real_data_dir / row["relative_path"]
        status = "absent"
        if path.is_file():
            content = path.read_bytes()
            if hashlib.sha256(content).hexdigest() == row["sha256"]:
                status = "verified"
            elif not row["sha256"] and len(content) == int(row["byte_count"]):
                status = "size_only"
            else:
                status = "unverified_copy"
        expected[(row["release_id"], row["platform"])] = status
    rows = real_warehouse.records("from marts.dim_releases")
    assert {
        (row["release_id"], row["platform"]): row["file_status"] for row in rows
    } == expected
    assert {row["is_simulated"] for row in rows if row["is_loaded"]} == {False}
    assert "SIMULATED" not in real_warehouse.stdout


# The reconciliation -------------------------------------------------------------------

NUMBERS = {
    row["number_id"]: row
    for row in read_rows(PROJECT / "seeds" / "reference" / "published_numbers.csv")
}


def report(*ranges: tuple[int, int]) -> set[str]:
    """Numbers of the education report, from first to last of each range."""
    return {f"A3-{n:03d}" for first, last in ranges for n in range(first, last + 1)}


def january(*numbers: int) -> set[str]:
    """Numbers of the January 2026 report."""
    return {f"AEI4-{number:03d}" for number in numbers}


# Every figure that the two task facets and the country usage can give.
MATCH = {
    "sample size": report((1, 1)),
    "task counts": report((3, 4), (6, 11)),
    "education share and conversations": report((2, 2), (5, 5)),
    "concentration": report((12, 12)) | january(4, 5),
    "task volumes": report((14, 23)) | january(6, 7),
    "education patterns": report((34, 38)),
    "patterns of all tasks": report((39, 43)),
    "pattern differences": report((44, 48)),
    "one pattern of the API": report((53, 53)),
    "patterns of the subsectors": report((54, 78)),
    "sums and ratios of patterns": report((123, 124)),
    "occupation group shares": january(1, 2, 3),
    "country usage": january(23),
}
# The report leaves tasks without a Claude.ai count out of its API figures.
MATCH_OTHER_DEFINITION = {"patterns of the API": report((49, 52))}
# Printed as about 58, where 58.57 would round to 59.
CONTRADICTED = {"concentration": report((13, 13))}
# In the sliced copy of the real files task success covers part of the tasks.
MATCH_IN_SLICE = {"success of tasks": report((24, 33), (88, 88), (93, 93))}
PARTIAL_IN_SLICE = {
    "success rates": report((85, 87), (89, 91)),
    "tasks with success": report((92, 92), (94, 97)),
}
NOT_COMPUTABLE_IN_SLICE = {
    "use cases": report((79, 84), (122, 122)) | january(*range(8, 14)),
    "success of all conversations": january(14, 15),
    "education by country": report((100, 121)),
    "patterns of all conversations": january(16, 17, 18, 19, 20),
}
EXCLUDED = {"autonomy": report((98, 99)) | january(21, 22)}
EVERYWHERE = {
    "match": MATCH,
    "match_other_definition": MATCH_OTHER_DEFINITION,
    "contradicted": CONTRADICTED,
    "not_computable": EXCLUDED,
}
IN_SLICE = {
    "match": MATCH_IN_SLICE,
    "partial_input": PARTIAL_IN_SLICE,
    "not_computable": NOT_COMPUTABLE_IN_SLICE,
}


def cases(
    statuses: dict[str, dict[str, set[str]]],
) -> list[Any]:
    """One case for each status and kind of figure."""
    return [
        pytest.param(status, numbers, id=f"{status}: {kind}")
        for status, kinds in statuses.items()
        for kind, numbers in kinds.items()
    ]


@pytest.fixture(scope="module")
def reconciliation(real_warehouse: Build) -> dict[str, dict[str, Any]]:
    """The reconciliation by number."""
    rows = real_warehouse.records("from marts.fct_published_reconciliation")
    return {row["number_id"]: row for row in rows}


@pytest.fixture(scope="module")
def sliced_copy(real_data_dir: Path) -> None:
    """Skip where the real files are complete: they give more than a slice does."""
    (row,) = (
        row
        for row in manifest_rows()
        if (row["release_id"], row["platform"]) == ("2026_01_15", "claude_ai")
    )
    size = (real_data_dir / row["relative_path"]).stat().st_size
    if size == int(row["byte_count"]):
        pytest.skip("the file is complete; these statuses are of the sliced copy")


def test_every_printed_figure_is_in_one_list(
    reconciliation: dict[str, dict[str, Any]],
) -> None:
    listed = [
        number
        for statuses in (EVERYWHERE, IN_SLICE)
        for kinds in statuses.values()
        for numbers in kinds.values()
        for number in numbers
    ]
    assert len(listed) == len(set(listed)) == 147
    assert set(listed) == set(NUMBERS) == set(reconciliation)


def statuses_of(
    reconciliation: dict[str, dict[str, Any]], numbers: set[str]
) -> dict[str, str]:
    """The status of each number."""
    return {number: reconciliation[number]["status"] for number in sorted(numbers)}


@pytest.mark.parametrize(("status", "numbers"), cases(EVERYWHERE))
def test_status_of_printed_figures(
    status: str, numbers: set[str], reconciliation: dict[str, dict[str, Any]]
) -> None:
    assert set(statuses_of(reconciliation, numbers).values()) == {status}


@pytest.mark.usefixtures("sliced_copy")
@pytest.mark.parametrize(("status", "numbers"), cases(IN_SLICE))
def test_status_of_printed_figures_in_the_sliced_copy(
    status: str, numbers: set[str], reconciliation: dict[str, dict[str, Any]]
) -> None:
    assert set(statuses_of(reconciliation, numbers).values()) == {status}


def test_nothing_else_is_contradicted(
    reconciliation: dict[str, dict[str, Any]],
) -> None:
    contradicted = {
        number
        for number, row in reconciliation.items()
        if row["status"] == "contradicted"
    }
    assert contradicted == {"A3-013"}
    assert "58.57" in reconciliation["A3-013"]["explanation"]


def test_a_match_is_the_printed_figure_rounded_half_up(
    reconciliation: dict[str, dict[str, Any]],
) -> None:
    matches = [row for row in reconciliation.values() if row["status"] == "match"]
    assert len(matches) > 70
    for row in matches:
        printed = NUMBERS[row["number_id"]]
        step = Decimal(1).scaleb(-int(printed["decimals"]))
        # The computed value carries noise of the order of 1e-12.
        computed = round(Decimal(row["computed_value"]), 9)
        assert row["published_value"] == float(printed["published_value"])
        assert computed.quantize(step, ROUND_HALF_UP) == Decimal(
            printed["published_value"]
        ).quantize(step, ROUND_HALF_UP), row


def test_every_figure_has_its_difference_and_one_sentence(
    reconciliation: dict[str, dict[str, Any]],
) -> None:
    for row in reconciliation.values():
        assert row["explanation"].endswith((".", ")"))
        if row["computed_value"] is None:
            assert row["difference_in_last_digits"] is None
            continue
        difference = row["computed_value"] - row["published_value"]
        assert row["difference_in_last_digits"] == pytest.approx(
            difference * 10.0 ** row["decimals"], abs=1e-4
        )
