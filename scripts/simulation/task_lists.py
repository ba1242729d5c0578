"""Task lists: longer, shorter, and redrawn from a superpopulation.

All of them keep the hand-written list's holder codes; generated tasks are variants
of a hand-written one, with a clause that tells them apart.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from simulation.model import (
    ACCOUNT_GROUPS,
    PLATFORMS,
    VARIANT_STEP,
    Model,
    Region,
    Task,
    spread_factor,
    to_parts,
    unit,
)

HEADS = 25  # tasks that are never split, so that concentration stays as it was
# Piece k of a split task weighs 1 / ((k + 2) (1 + k / scale)): the API falls off
# faster, so that about 2,250 of its tasks are published where Claude.ai has 3,170.
PIECE_SCALE = {"claude_ai": 60, "1p_api": 3}

SETTINGS = (
    "for a small firm",
    "for a public office",
    "for a charity",
    "for a family",
    "for new staff",
    "for people who work at a distance",
    "for a customer abroad",
    "for a yearly review",
    "for a first attempt",
    "for a group of beginners",
    "for experienced readers",
    "for an audience without training in the field",
    "for a project that runs late",
    "for a site in another language",
    "for a school or college",
    "for a hospital or clinic",
)
PURPOSES = (
    "with a record of each step",
    "within a fixed budget",
    "before a deadline",
    "from incomplete notes",
    "with examples for later use",
    "and compare at least two ways to do it",
    "according to written rules",
    "and explain the result to others",
    "with attention to cost, time, and quality",
    "and prepare a short summary",
    "using data from earlier years",
    "and list what is still open",
    "as part of a larger plan",
    "after talks with those concerned",
    "and check the outcome twice",
    "in a form that others can repeat",
)


def variant_text(text: str, number: int) -> str:
    """The text of variant ``number`` (from 1 to 256): one more clause, own words.

    Raises ValueError beyond 256, where the clauses would repeat.
    """
    if not 1 <= number <= len(SETTINGS) * len(PURPOSES):
        raise ValueError(
            f"observed: variant {number} of a task; expected: 1 to "
            f"{len(SETTINGS) * len(PURPOSES)}; do: ask for a shorter list"
        )
    setting = SETTINGS[(number - 1) % len(SETTINGS)]
    if number <= len(SETTINGS) // 2:
        return f"{text.rstrip('.')}, {setting}."
    purpose = PURPOSES[((number - 1) // len(SETTINGS) + number) % len(PURPOSES)]
    return f"{text.rstrip('.')}, {setting}, {purpose}."


def _total(tasks: Sequence[Task], platform: str) -> float:
    return math.fsum(t.size[platform] for t in tasks)


def _thinned(model: Model, count: int) -> Model:
    """The ``count`` tasks of highest rank within their stratum, at the same totals."""
    by_stratum: dict[str, list[Task]] = {}
    for task in model.tasks:
        by_stratum.setdefault(task.stratum, []).append(task)
    ranked = []
    for tasks in by_stratum.values():
        tasks = sorted(tasks, key=lambda t: (-t.size["claude_ai"], t.task_no))
        ranked += [(i / len(tasks), t.task_no) for i, t in enumerate(tasks)]
    chosen = {n for _, n in sorted(ranked)[:count]}
    kept = []
    for tasks in by_stratum.values():
        inside = [t for t in tasks if t.task_no in chosen]
        ratio = {p: _total(tasks, p) / _total(inside, p) for p in PLATFORMS if inside}
        kept += [
            replace(t, size={p: t.size[p] * ratio[p] for p in PLATFORMS})
            for t in inside
        ]
    return model.with_tasks(sorted(kept, key=lambda t: t.task_no))


def scaled(model: Model, count: int) -> Model:
    """The model over a list of ``count`` tasks.

    Above the hand-written list, tasks outside the 25 largest are split into pieces
    of falling size (more pieces for larger tasks), so the totals of
    every stratum and the head of the list stay. Below it, the list is thinned.
    Raises ValueError under 26 tasks (one per stratum), and where a task would need
    more than 256 variants (from about 20,000 tasks).
    """
    if count < 26:
        raise ValueError(
            f"observed: {count} tasks; expected: at least 26, one per stratum; "
            "do: ask for more"
        )
    extra = count - len(model.tasks)
    if extra < 0:
        return _thinned(model, count)
    if extra == 0:
        return model
    biggest = sorted(model.tasks, key=lambda t: -max(t.size.values()))[:HEADS]
    heads = {t.task_no for t in biggest}
    split = [t for t in model.tasks if t.task_no not in heads and not t.coordinated]
    pieces = to_parts([math.sqrt(max(t.size.values())) for t in split], extra)
    added = dict(zip((t.task_no for t in split), pieces, strict=True))
    tasks: list[Task] = []
    for task in model.tasks:
        tasks += _pieces(task, added.get(task.task_no, 0))
    return model.with_tasks(tasks)


def _pieces(task: Task, extra: int) -> list[Task]:
    """The task and ``extra`` variants that share its size."""
    if not extra:
        return [task]
    weights = {
        p: [
            spread_factor(0.4, "piece", p, task.task_no, k)
            / ((k + 2) * (1 + k / PIECE_SCALE[p]))
            for k in range(extra + 1)
        ]
        for p in PLATFORMS
    }
    sizes = [
        {p: task.size[p] * weights[p][k] / math.fsum(weights[p]) for p in PLATFORMS}
        for k in range(extra + 1)
    ]
    own = replace(task, size=sizes[0])
    return [own] + [
        replace(
            task,
            task_no=task.task_no + VARIANT_STEP * k,
            text=variant_text(task.text, k),
            size=sizes[k],
            success=None,
            account_groups=dict.fromkeys(PLATFORMS, ACCOUNT_GROUPS),
        )
        for k in range(1, extra + 1)
    ]


def superpopulation(model: Model, copies: int = 10) -> Model:
    """A finite superpopulation: ``copies`` tasks for each hand-written one.

    Copies are alike in kind (codes, and the distribution of size and profile), and
    differ in their size (a factor with about 0.55 on the log scale, both platforms
    alike) and in their own profile around the stratum's. Nothing is raked and no
    task is fixed, so a release's list is a plain sample of it. There is no
    coordinated traffic. Raises ValueError outside 1 to 60 copies.
    """
    if not 1 <= copies <= 60:
        raise ValueError(
            f"observed: {copies} copies; expected: 1 to 60; do: choose fewer copies"
        )
    plain = model.without_coordinated_traffic()
    tasks = []
    for task in plain.tasks:
        for k in range(copies):
            factor = spread_factor(0.55, "copy", task.task_no, k)
            tasks.append(
                replace(
                    task,
                    task_no=task.task_no + VARIANT_STEP * k,
                    text=variant_text(task.text, k) if k else task.text,
                    size={p: max(task.size[p], 1.0) * factor for p in PLATFORMS},
                    success=None,
                    account_groups=dict.fromkeys(PLATFORMS, ACCOUNT_GROUPS),
                )
            )
    total = {
        (p, e): _total([t for t in plain.tasks if t.is_education is e], p)
        / _total([t for t in tasks if t.is_education is e], p)
        for p in PLATFORMS
        for e in (True, False)
    }
    sized = [
        replace(t, size={p: t.size[p] * total[p, t.is_education] for p in PLATFORMS})
        for t in tasks
    ]
    return plain.with_tasks(sized, rake=False)


def redrawn(model: Model, count: int, *key: object) -> tuple[int, ...]:
    """Numbers of ``count`` tasks, drawn without replacement; only ``key`` decides."""
    if count > len(model.tasks):
        raise ValueError(
            f"observed: {count} tasks to draw from {len(model.tasks)}; expected: no "
            "more than there are; do: draw fewer, or make more copies"
        )
    order = sorted(model.tasks, key=lambda t: unit("redraw", *key, t.task_no))
    return tuple(sorted(t.task_no for t in order[:count]))


def with_regions(model: Model, count: int) -> Model:
    """The model with about ``count`` regions in place of the listed ones.

    Countries get regions by the square root of their usage (at most 60), coded
    ``<alpha-2>-01`` and so on, with shares as 1/3, 1/4, 1/5, ...; 3% of a country stay
    without a region. Raises ValueError under 1 region.
    """
    if count < 1:
        raise ValueError(
            f"observed: {count} regions; expected: at least 1; do: ask for more, or "
            "leave the option out to keep the listed regions"
        )
    places = [c for c in model.countries if c.alpha_3]
    numbers = to_parts([math.sqrt(c.usage) for c in places], count)
    regions: list[Region] = []
    for country, number in zip(places, numbers, strict=True):
        shares = _falling_shares(min(number, 60))
        regions += [
            Region(f"{country.geo_id}-{i + 1:02d}", country.geo_id, s * 0.97)
            for i, s in enumerate(shares)
        ]
    return replace(model, regions=tuple(regions))


def _falling_shares(count: int) -> Sequence[float]:
    weights = [1 / (k + 3) for k in range(count)]
    return [w / math.fsum(weights) for w in weights]
