"""The stated model of a simulated release, in whole numbers.

A probability is a whole number of parts, and a draw compares whole numbers, so it
falls the same way on any machine:

* answers (pattern, use case, ...): parts of ``ANSWER_PARTS`` = 65,536;
* tasks, countries and regions: alias tables with whole thresholds;
* numeric facets: a place on a grid of values, moved by the number of ones in 16
  random bits.

On the way from the seeds to the parts, floats meet only ``+ - * /``, ``sqrt`` and
``fsum``, whose results IEEE 754 (and exact summation) fix. ``exp``, ``log`` and powers
differ in the last digit between machines, and ``sum`` between versions of Python.

Parameters: ``seeds/simulation``; each row names its source (``sources.csv``).
"""

from __future__ import annotations

import csv
import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

ANSWER_PARTS = 1 << 16
ALIAS_PARTS = 1 << 20
ACCOUNT_GROUPS = 64

PLATFORMS = ("claude_ai", "1p_api")
PLATFORM_LABELS = {"claude_ai": "Claude AI (Free and Pro)", "1p_api": "1P API"}

NONE_TASK = 0
UNCLASSIFIED_TASK = -1
NOT_CLASSIFIED = "not_classified"
VARIANT_STEP = 1000  # variant k of task n is task n + 1000 k

SUBSECTORS = {
    "25-1": "postsecondary",
    "25-2": "k12",
    "25-3": "other_teachers",
    "25-4": "library",
    "25-9": "education_support",
}

# The code of a category is its place; not_classified comes last. The labels yes and
# no of multitasking and human_only_ability answer "more than one task?" and "could a
# human do it without AI?".
CATEGORIES: dict[str, tuple[str, ...]] = {
    "collaboration": (
        "directive",
        "feedback loop",
        "task iteration",
        "learning",
        "validation",
        "none",
        NOT_CLASSIFIED,
    ),
    "use_case": ("coursework", "work", "personal", NOT_CLASSIFIED),
    "task_success": ("yes", "no", NOT_CLASSIFIED),
    "multitasking": ("yes", "no", NOT_CLASSIFIED),
    "human_only_ability": ("yes", "no", NOT_CLASSIFIED),
}
CATEGORICAL = tuple(CATEGORIES)
NUMERIC = (
    "human_only_time",
    "human_with_ai_time",
    "ai_autonomy",
    "human_education_years",
    "ai_education_years",
)
INDEXED = ("prompt_tokens", "completion_tokens", "cost")
MEASURED = NUMERIC + INDEXED
FACET_NO = {f: n for n, f in enumerate(("onet_task", *CATEGORICAL, *MEASURED))}

# A request cluster of level 0 is a task in one of three styles.
STYLES = ("first version", "explanation", "check")
STYLE_STOPS = (36_045, 55_706)  # 55%, 30%, 15% of ANSWER_PARTS: own choice

# exp(0.55 z) at the 16 mid-quantiles z of a standard normal, written out so that no
# machine computes an exponential. Other spreads move these factors towards 1.
SPREAD_OF_FACTORS = 0.55
SPREAD_FACTORS = (
    0.3593,
    0.4835,
    0.5738,
    0.6523,
    0.7258,
    0.7977,
    0.8700,
    0.9442,
    1.0591,
    1.1494,
    1.2536,
    1.3778,
    1.5330,
    1.7428,
    2.0683,
    2.7832,
)


@dataclass(frozen=True)
class Task:
    """One task of a list.

    ``size``: conversations per million of the platform. ``success``: fixed share of
    ``yes`` on Claude.ai (0 to 1), or None. ``coordinated``: share (0 to 1) of all
    coordinated traffic. ``account_groups``: how many of the 64 account groups ask for
    the task, by platform.
    """

    task_no: int
    text: str
    holder_codes: tuple[str, ...]
    size: Mapping[str, float]
    success: float | None = None
    coordinated: float = 0.0
    account_groups: Mapping[str, int] = field(
        default_factory=lambda: dict.fromkeys(PLATFORMS, ACCOUNT_GROUPS)
    )

    @property
    def key(self) -> str:
        """The task as a release prints it: ``lower(trim(Task))``."""
        return self.text.strip().lower()

    @property
    def is_education(self) -> bool:
        """Whether any holder code starts with 25-."""
        return any(c.startswith("25-") for c in self.holder_codes)

    @property
    def stratum(self) -> str:
        """Subsector of the lowest 25- code, else the lowest code's major group."""
        education = [c for c in self.holder_codes if c.startswith("25-")]
        if education:
            return SUBSECTORS[min(education)[:4]]
        return min(self.holder_codes)[:2]


@dataclass(frozen=True)
class Country:
    """A country: conversations per million, shares (0 to 1) of its two blocks.

    ``working_age``: thousands of people.
    """

    geo_id: str
    alpha_3: str
    name: str
    usage: float
    education_share: float
    coordinated_share: float
    working_age: int


@dataclass(frozen=True)
class Region:
    """A region: ISO 3166-2 id, its country, its share (0 to 1) of the country."""

    geo_id: str
    country: str
    share: float


@dataclass(frozen=True)
class NumericFacet:
    """A numeric facet: an answer is a place on ``grid``.

    ``grid`` is in parts, ``parts_per_unit`` of which make one unit. ``location``,
    ``step`` and ``spread`` are in 1/256 of a place: where a platform's typical task
    lies, how far one bit moves an answer, and how far one bit moves a task.
    """

    name: str
    parts_per_unit: int
    grid: tuple[int, ...]
    step: int
    spread: int
    location: Mapping[str, int]


@dataclass(frozen=True)
class Model:
    """All parameters of the simulation, as read from the seeds."""

    tasks: tuple[Task, ...]
    titles: Mapping[str, str]
    countries: tuple[Country, ...]
    regions: tuple[Region, ...]
    profiles: Mapping[tuple[str, str, str], tuple[float, ...]]
    numeric: Mapping[str, NumericFacet]
    shifts: Mapping[tuple[str, str], int]
    request_groups: Mapping[str, str]
    topics: Mapping[str, str]
    artifacts: Mapping[str, tuple[float, float]]
    parameters: Mapping[str, float]
    rake: bool = True

    @cached_property
    def written(self) -> dict[int, str]:
        """The hand-written tasks by number; a variant's number leads to its own."""
        return {t.task_no: t.key for t in self.tasks if t.task_no < VARIANT_STEP}

    def with_tasks(self, tasks: Iterable[Task], rake: bool = True) -> Model:
        """The same model over another task list."""
        return replace(self, tasks=tuple(tasks), rake=rake)

    def without_coordinated_traffic(self) -> Model:
        """The same model, where no country carries coordinated traffic."""
        return replace(
            self,
            tasks=tuple(replace(t, coordinated=0.0) for t in self.tasks),
            countries=tuple(replace(c, coordinated_share=0.0) for c in self.countries),
        )


def unit(*parts: object) -> int:
    """A 64-bit whole number that only the parts decide (md5, little-endian)."""
    digest = hashlib.md5(":".join(map(str, parts)).encode(), usedforsecurity=False)
    return int.from_bytes(digest.digest()[:8], "little")


def read_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a seed; raises FileNotFoundError that says what to restore."""
    if not path.exists():
        raise FileNotFoundError(
            f"observed: no file {path.name}; expected: a seed of the simulation; "
            "do: restore seeds/simulation from the repository"
        )
    with path.open(newline="", encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


def _read_tasks(path: Path) -> tuple[Task, ...]:
    return tuple(
        Task(
            task_no=int(r["task_no"]),
            text=r["task"],
            holder_codes=tuple(r["holder_codes"].split(";")),
            size={p: float(r[f"{p}_per_million"]) for p in PLATFORMS},
            success=(
                float(r["claude_ai_success_share"])
                if r["claude_ai_success_share"]
                else None
            ),
            coordinated=float(r["coordinated_share"] or 0),
            account_groups={p: int(r[f"{p}_account_groups"]) for p in PLATFORMS},
        )
        for r in read_rows(path)
    )


def _read_profiles(path: Path) -> dict[tuple[str, str, str], tuple[float, ...]]:
    shares: dict[tuple[str, str, str], dict[str, float]] = {}
    for r in read_rows(path):
        key = (r["platform"], r["stratum"], r["facet"])
        shares.setdefault(key, {})[r["category"]] = float(r["share"])
    profiles = {}
    for key, by_category in shares.items():
        profile = tuple(by_category[c] for c in CATEGORIES[key[2]][:-1])
        total = math.fsum(profile)
        if abs(total - 1) > 0.001:
            raise ValueError(
                f"observed: the shares of {key} sum to {total:.4f}; expected: 1; "
                "do: correct seeds/simulation/stratum_profiles.csv"
            )
        profiles[key] = profile
    return profiles


def load_model(folder: Path) -> Model:
    """Read the seeds in ``folder`` (``seeds/simulation``) into a Model.

    Raises FileNotFoundError for a missing seed, ValueError for a profile that does
    not sum to one or for a holder code without a title.
    """
    titles = {
        r["occupation_code"]: r["title"]
        for r in read_rows(folder / "occupation_list.csv")
    }
    tasks = _read_tasks(folder / "task_list.csv")
    untitled = sorted({c for t in tasks for c in t.holder_codes} - set(titles))
    if untitled:
        raise ValueError(
            f"observed: holder codes without a title: {untitled}; expected: none; "
            "do: add them to seeds/simulation/occupation_list.csv"
        )
    groups = read_rows(folder / "request_groups.csv")
    return Model(
        tasks=tasks,
        titles=titles,
        countries=tuple(
            Country(
                geo_id=r["geo_id"],
                alpha_3=r["iso_alpha_3"],
                name=r["country_name"],
                usage=float(r["usage_per_million"]),
                education_share=float(r["education_share"]),
                coordinated_share=float(r["coordinated_share"]),
                working_age=int(r["working_age_thousands"]),
            )
            for r in read_rows(folder / "countries.csv")
        ),
        regions=tuple(
            Region(r["geo_id"], r["country_geo_id"], float(r["share_of_country"]))
            for r in read_rows(folder / "regions.csv")
        ),
        profiles=_read_profiles(folder / "stratum_profiles.csv"),
        numeric={
            r["facet"]: NumericFacet(
                name=r["facet"],
                parts_per_unit=int(r["parts_per_unit"]),
                grid=tuple(int(v) for v in r["grid_parts"].split(";")),
                step=int(r["step"]),
                spread=int(r["spread"]),
                location={p: int(r[f"{p}_location"]) for p in PLATFORMS},
            )
            for r in read_rows(folder / "numeric_facets.csv")
        },
        shifts={
            (r["stratum"], r["facet"]): int(r["shift"])
            for r in read_rows(folder / "numeric_shifts.csv")
        },
        request_groups={r["major_group"]: r["label"] for r in groups},
        topics={r["major_group"]: r["monthly_topic"] for r in groups},
        artifacts={
            r["artifact"]: (float(r["education_weight"]), float(r["other_weight"]))
            for r in read_rows(folder / "artifacts.csv")
        },
        parameters={
            r["parameter"]: float(r["value"])
            for r in read_rows(folder / "simulation_parameters.csv")
        },
    )


def to_parts(weights: Sequence[float], total: int) -> list[int]:
    """Whole parts in proportion to the weights, which sum to ``total`` exactly.

    The largest remainders get the parts left over; of equal ones, the first.
    Raises ValueError if the weights sum to zero.
    """
    weight_sum = math.fsum(weights)
    if weight_sum <= 0:
        raise ValueError(
            "observed: weights that sum to zero; expected: at least one above zero; "
            "do: check the sizes in the seeds, or draw a longer task list"
        )
    exact = [w / weight_sum * total for w in weights]
    parts = [int(x) for x in exact]
    order = sorted(range(len(parts)), key=lambda i: (parts[i] - exact[i], i))
    for i in order[: total - sum(parts)]:
        parts[i] += 1
    return parts


def alias_table(
    ids: Sequence[int],
    weights: Sequence[float],
    slots: int,
    slot_parts: int = ALIAS_PARTS,
) -> list[tuple[int, int, int]]:
    """Walker's alias table: one (threshold, below, otherwise) per slot.

    A draw picks a slot, then a number from 0 to ``slot_parts`` - 1: under the
    threshold it is the id ``below``, else ``otherwise``. The parts of an id add up to
    exactly what ``to_parts`` gives it. Raises ValueError for more ids than slots.
    """
    if len(ids) > slots:
        raise ValueError(
            f"observed: {len(ids)} ids for {slots} slots; expected: at most one id per "
            "slot; do: shorten the list or raise the number of slots"
        )
    parts = to_parts(weights, slots * slot_parts) + [0] * (slots - len(ids))
    owner = [*ids, *[ids[0]] * (slots - len(ids))]
    rows = [(slot_parts, owner[i], owner[i]) for i in range(slots)]
    small = [i for i, p in enumerate(parts) if p < slot_parts]
    large = [i for i, p in enumerate(parts) if p >= slot_parts]
    while small and large:
        low, high = small.pop(), large[-1]
        rows[low] = (parts[low], owner[low], owner[high])
        parts[high] -= slot_parts - parts[low]
        if parts[high] < slot_parts:
            small.append(large.pop())
    return rows


def slots_for(count: int) -> int:
    """The power of two that holds ``count`` ids: at least 2, at most 65,536."""
    slots = 1 << max(1, (count - 1).bit_length())
    if slots > 1 << 16:
        raise ValueError(
            f"observed: {count} ids; expected: at most 65,536; do: shorten the list"
        )
    return slots


def spread_factor(spread: float, *parts: object) -> float:
    """A factor around 1 that only the parts decide, about ``spread`` on a log scale."""
    factor = SPREAD_FACTORS[unit("spread", *parts) % len(SPREAD_FACTORS)]
    return 1 + (factor - 1) * (spread / SPREAD_OF_FACTORS)


def _normalised(values: Sequence[float]) -> tuple[float, ...]:
    total = math.fsum(values)
    return tuple(v / total for v in values)


def _raked(
    shares: dict[int, tuple[float, ...]],
    fixed: Mapping[int, tuple[float, ...]],
    weights: Mapping[int, float],
    target: Sequence[float],
) -> dict[int, tuple[float, ...]]:
    """Shares whose weighted mean is the target; the fixed tasks keep theirs."""
    places = range(len(target))
    total = math.fsum(weights[n] for n in shares)
    kept = [math.fsum(weights[n] * fixed[n][i] for n in fixed) for i in places]
    free = [n for n in shares if n not in fixed]
    for _ in range(40 if free else 0):
        mean = [math.fsum(weights[n] * shares[n][i] for n in free) for i in places]
        ratio = [
            max(0.0, target[i] * total - kept[i]) / mean[i] if mean[i] else 1.0
            for i in places
        ]
        for n in free:
            shares[n] = _normalised([shares[n][i] * ratio[i] for i in places])
    return shares


def task_profiles(
    model: Model, platform: str, facet: str
) -> dict[int, tuple[float, ...]]:
    """Each task's shares (0 to 1) of the categories, without not_classified.

    A task's shares are its stratum's, times one factor per category. If the model
    rakes, their mean over the stratum, weighted by size, is the stratum's profile.
    """
    spread = model.parameters[f"{facet}_spread"]
    by_stratum: dict[str, list[Task]] = {}
    for task in model.tasks:
        by_stratum.setdefault(task.stratum, []).append(task)
    result: dict[int, tuple[float, ...]] = {}
    for stratum, tasks in by_stratum.items():
        target = model.profiles[platform, stratum, facet]
        shares = {
            t.task_no: _normalised(
                [
                    m * spread_factor(spread, platform, facet, t.task_no, i)
                    for i, m in enumerate(target)
                ]
            )
            for t in tasks
        }
        fixed = {
            t.task_no: (t.success, 1 - t.success)
            for t in tasks
            if facet == "task_success" and platform == "claude_ai" and t.success
        }
        if model.rake:
            weights = {t.task_no: t.size[platform] for t in tasks}
            shares = _raked(shares | fixed, fixed, weights, target)
        result.update(shares | fixed)
    return result


def stops(shares: Sequence[float], unclassified: float) -> list[int]:
    """Cumulative parts of ANSWER_PARTS up to each category; not_classified is last."""
    parts = to_parts(
        [*(s * (1 - unclassified) for s in shares), unclassified], ANSWER_PARTS
    )
    return [sum(parts[: i + 1]) for i in range(len(parts) - 1)]


def numeric_location(model: Model, platform: str, facet: str, task: Task) -> int:
    """Where a task lies on the facet's grid, in 1/256 of a place."""
    spec = model.numeric[facet]
    bits = (unit("location", platform, facet, task.task_no) & 0xFFFF).bit_count()
    shift = model.shifts.get((task.stratum, facet), 0)
    return spec.location[platform] + shift + (bits - 8) * spec.spread
