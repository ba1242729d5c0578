"""Parameters as DuckDB tables, and the draw of conversations over them.

Bits of a conversation's three md5 numbers (low and high 64-bit half):

====== ======== =================================================================
half   bits     decides
====== ======== =================================================================
a low  0-7      slot of the country; 8-27 below or otherwise
a low  28-43    block: education, coordinated, other
a low  44-49    account group; 50-63 day
a high 0-15     slot of the task; 16-35 below or otherwise
a high 36-51    region: 6 bits slot, 10 bits below or otherwise
b low  0-63     collaboration, use case, success, multitasking: 16 bits each
b high 0-15     human_only_ability; 16-31 style of the request; 32-47 artifact
c      0-127    the five numeric facets and the three indexed ones: 16 bits each
====== ======== =================================================================
"""

from __future__ import annotations

import csv
import math
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from simulation.model import (
    ACCOUNT_GROUPS,
    ANSWER_PARTS,
    CATEGORICAL,
    CATEGORIES,
    FACET_NO,
    INDEXED,
    MEASURED,
    NONE_TASK,
    STYLE_STOPS,
    STYLES,
    UNCLASSIFIED_TASK,
    VARIANT_STEP,
    Model,
    Task,
    alias_table,
    numeric_location,
    slots_for,
    stops,
    task_profiles,
    to_parts,
)

COUNTRY_SLOTS = 256
REGION_SLOTS = 64
REGION_SLOT_PARTS = 1 << 10
NO_REGION = 65_535
DAY_COUNT = 7

ARTIFACT = "artifact"

BLOCK_OTHER, BLOCK_EDUCATION, BLOCK_COORDINATED = 0, 1, 2
BLOCK_COUNT = 3

CATEGORICAL_BITS = dict(
    zip(
        CATEGORICAL,
        (("b_low", 0), ("b_low", 16), ("b_low", 32), ("b_low", 48), ("b_high", 0)),
        strict=True,
    )
)
MEASURED_BITS = {
    f: ("c_low" if i < 4 else "c_high", 16 * (i % 4)) for i, f in enumerate(MEASURED)
}


@dataclass(frozen=True)
class Run:
    """One release to simulate.

    ``conversations`` is the number to draw, by platform. ``members`` are the task
    numbers of a redrawn list, or None for the model's whole list.
    """

    run_no: int
    release_id: str
    seed: int
    conversations: Mapping[str, int]
    members: tuple[int, ...] | None = None


def sql(name: str, **values: object) -> str:
    """The text of a file of SQL in this folder, with its fields filled in."""
    path = Path(__file__).parent / name
    return path.read_text(encoding="utf-8").format(**values)


def load_rows(
    con: duckdb.DuckDBPyConnection,
    table: str,
    columns: str,
    rows: Iterable[Sequence[object]],
) -> None:
    """Create ``table`` (``columns``: names and types) and fill it with ``rows``.

    By way of a temporary CSV file: one read takes seconds where inserting row by row
    takes minutes. None is not allowed; an empty text stays an empty text.
    """
    con.execute(f"create or replace table {table} ({columns})")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.csv"
        with path.open("w", newline="", encoding="utf-8") as handle:
            csv.writer(handle, lineterminator="\n").writerows(rows)
        if path.stat().st_size:
            con.execute(
                f"copy {table} from '{path}' (format csv, header false, "
                "delim ',', quote '\"', escape '\"', nullstr '<null>', "
                "new_line '\\n', auto_detect false)"
            )


def platform_facets(platform: str, facets: Iterable[str]) -> tuple[str, ...]:
    """The facets to draw, in their fixed order; the indexed ones on the API only."""
    wanted = set(facets)
    return tuple(
        f
        for f in FACET_NO
        if f in wanted and (platform == "1p_api" or f not in INDEXED)
    )


def answer_rows(model: Model, platform: str) -> list[list[object]]:
    """One row per task and kind of traffic.

    Task number, whether coordinated, account groups, stops of the categorical facets
    (cumulative parts of 65,536), locations on the grids (1/256 of a place).
    """
    unclassified = {
        f: model.parameters.get(f"{f}_unclassified_share", 0.0) for f in CATEGORICAL
    }
    profiles = {f: task_profiles(model, platform, f) for f in CATEGORICAL}

    def from_stratum(stratum: str) -> list[object]:
        cells: list[object] = []
        for f in CATEGORICAL:
            cells += stops(model.profiles[platform, stratum, f], unclassified[f])
        for f in MEASURED:
            shift = model.shifts.get((stratum, f), 0)
            cells.append(model.numeric[f].location[platform] + shift)
        return cells

    rows: list[list[object]] = []
    for task in model.tasks:
        cells: list[object] = []
        for f in CATEGORICAL:
            cells += stops(profiles[f][task.task_no], unclassified[f])
        cells += [numeric_location(model, platform, f, task) for f in MEASURED]
        rows.append([task.task_no, False, task.account_groups[platform], *cells])
        if platform == "claude_ai" and task.coordinated:
            coordinated = from_stratum("coordinated")
            rows.append([task.task_no, True, ACCOUNT_GROUPS, *coordinated])
    for number, stratum in (
        (NONE_TASK, "none"),
        (UNCLASSIFIED_TASK, "not_classified"),
    ):
        rows.append([number, False, ACCOUNT_GROUPS, *from_stratum(stratum)])
    return rows


ANSWER_COLUMNS = ", ".join(
    ["task_no integer", "is_coordinated boolean", "account_groups utinyint"]
    + [f"{f}_{i} uinteger" for f in CATEGORICAL for i in range(len(CATEGORIES[f]) - 1)]
    + [f"{f}_location integer" for f in MEASURED]
)


def education_total(model: Model, platform: str) -> float:
    """Share (0 to 1) of the platform's conversations in tasks with a 25- holder."""
    sizes = (t.size[platform] for t in model.tasks if t.is_education)
    return math.fsum(sizes) / 1e6


def country_rows(model: Model, platform: str) -> list[list[object]]:
    """One row per country: number, id, usage, stops of education and coordinated.

    The API has one row: its records carry no country.
    """
    if platform == "1p_api":
        share = education_total(model, platform)
        stop = to_parts([share, 1 - share], ANSWER_PARTS)[0]
        return [[0, "GLOBAL", 1, stop, stop]]
    rows: list[list[object]] = []
    for number, country in enumerate(model.countries):
        shares = [country.education_share, country.coordinated_share]
        parts = to_parts([*shares, 1 - math.fsum(shares)], ANSWER_PARTS)
        rows.append(
            [number, country.geo_id, country.usage, parts[0], parts[0] + parts[1]]
        )
    return rows


def region_rows(model: Model) -> list[list[object]]:
    """One row per region: number, id, number of its country, share of the country.

    What a country's regions leave over is its region ``<country>-not_classified``;
    a country without regions has no row.
    """
    number = {c.geo_id: i for i, c in enumerate(model.countries)}
    rows: list[list[object]] = []
    for parent in dict.fromkeys(r.country for r in model.regions):
        own = [(r.geo_id, r.share) for r in model.regions if r.country == parent]
        rest = 1 - math.fsum(share for _, share in own)
        for geo_id, share in [*own, (f"{parent}-not_classified", rest)]:
            rows.append([len(rows), geo_id, number[parent], max(share, 0.0)])
    return rows


def request_labels(model: Model, task: Task, style: int) -> tuple[str, str]:
    """The labels of a request: of a task in one style, and of its first holder."""
    topic = model.written[task.task_no % VARIANT_STEP].rstrip(".")
    title = model.titles[task.holder_codes[0]].lower()
    return f"requests for a {STYLES[style]}: {topic}", f"requests as of {title}"


def region_alias_rows(regions: Sequence[Sequence[object]]) -> list[list[object]]:
    """The alias tables of all countries with regions, 64 slots each."""
    rows: list[list[object]] = []
    for country_no in dict.fromkeys(int(str(r[2])) for r in regions):
        own = [r for r in regions if r[2] == country_no]
        table = alias_table(
            [int(str(r[0])) for r in own],
            [float(str(r[3])) for r in own],
            REGION_SLOTS,
            REGION_SLOT_PARTS,
        )
        rows += [
            [country_no * REGION_SLOTS + slot, *row] for slot, row in enumerate(table)
        ]
    return rows


def block_weights(
    model: Model, platform: str, members: Sequence[int] | None = None
) -> dict[int, tuple[list[int], list[float]]]:
    """Task numbers and weights of each block.

    A size is the task's total, so what coordinated traffic adds to a task is taken
    off its ordinary weight. With ``members``, the listed tasks share out what the
    whole list has in its block, and the pseudo-tasks keep their share.
    Raises ValueError if the listed tasks leave a block empty.
    """
    chosen = None if members is None else frozenset(members)
    none_share = model.parameters[f"none_share_{platform}"] * 1e6
    named = math.fsum(t.size[platform] for t in model.tasks)
    usage = math.fsum(c.usage for c in model.countries)
    carried = math.fsum(c.usage * c.coordinated_share for c in model.countries)
    flow = carried / usage * 1e6
    if platform == "1p_api":
        flow = 0.0
    weight = {
        t.task_no: max(t.size[platform] - flow * t.coordinated, 0.0)
        for t in model.tasks
    }
    blocks: dict[int, tuple[list[int], list[float]]] = {}
    for block, is_education in ((BLOCK_EDUCATION, True), (BLOCK_OTHER, False)):
        whole = [t.task_no for t in model.tasks if t.is_education is is_education]
        ids = [n for n in whole if chosen is None or n in chosen]
        inside = math.fsum(weight[n] for n in ids)
        if inside <= 0:
            raise ValueError(
                f"observed: no {'education' if is_education else 'other'} task among "
                f"{len(chosen or ())}; expected: at least one; do: draw a longer list"
            )
        ratio = math.fsum(weight[n] for n in whole) / inside
        blocks[block] = (ids, [weight[n] * ratio for n in ids])
    ids, weights = blocks[BLOCK_OTHER]
    blocks[BLOCK_OTHER] = (
        [NONE_TASK, UNCLASSIFIED_TASK, *ids],
        [none_share, max(1e6 - none_share - named, 0.0), *weights],
    )
    flowing = [t for t in model.tasks if t.coordinated and flow]
    if flowing:
        blocks[BLOCK_COORDINATED] = (
            [t.task_no for t in flowing],
            [t.coordinated for t in flowing],
        )
    return blocks


def prepare(
    con: duckdb.DuckDBPyConnection, model: Model, platform: str, runs: Sequence[Run]
) -> int:
    """Create the parameter tables of one platform; returns the slots of a block.

    Tables: ``answer``, ``country``, ``country_alias``, ``region``, ``region_alias``,
    ``task_alias`` (one set per redrawn list; set 0 is the whole list) and ``run``.
    """
    load_rows(con, "answer", ANSWER_COLUMNS, answer_rows(model, platform))
    countries = country_rows(model, platform)
    load_rows(
        con,
        "country",
        "country_no integer, geo_id varchar, usage double, education_stop integer, "
        "coordinated_stop integer",
        countries,
    )
    usage = [float(str(c[2])) for c in countries]
    table = alias_table(range(len(countries)), usage, COUNTRY_SLOTS)
    load_rows(
        con,
        "country_alias",
        "slot ubigint, threshold uinteger, below integer, otherwise integer",
        ([slot, *row] for slot, row in enumerate(table)),
    )
    regions = region_rows(model) if platform == "claude_ai" else []
    load_rows(
        con,
        "region",
        "region_no integer, geo_id varchar, country_no integer, share double",
        regions,
    )
    load_rows(
        con,
        "region_alias",
        "slot_key bigint, threshold uinteger, below integer, otherwise integer",
        region_alias_rows(regions),
    )
    sets: dict[tuple[int, ...] | None, int] = {}
    for run in runs:
        sets.setdefault(run.members, len(sets))
    blocks = {
        number: block_weights(model, platform, members)
        for members, number in sets.items()
    }
    slots = max(
        slots_for(len(ids))
        for by_block in blocks.values()
        for ids, _ in by_block.values()
    )
    load_rows(
        con,
        "task_alias",
        "slot_key bigint, threshold uinteger, below integer, otherwise integer",
        (
            [(number * BLOCK_COUNT + block) * slots + slot, *row]
            for number, by_block in blocks.items()
            for block, (ids, weights) in by_block.items()
            for slot, row in enumerate(alias_table(ids, weights, slots))
        ),
    )
    load_rows(
        con,
        "run",
        "run_no integer, release_id varchar, set_no integer, key_prefix varchar, "
        "conversation_count bigint",
        [
            [
                r.run_no,
                r.release_id,
                sets[r.members],
                f"{r.seed}:{platform}:",
                r.conversations[platform],
            ]
            for r in runs
        ],
    )
    return slots


def _answer(model: Model, facet: str) -> str:
    """The expression that turns a facet's bits into a category code or grid place.

    The artifact stays a number under 65,536: ``monthly`` says what it stands for.
    """
    if facet == ARTIFACT:
        return "((tasked.b_high >> 32) & 65535)::usmallint as artifact"
    if facet in CATEGORICAL:
        half, shift = CATEGORICAL_BITS[facet]
        draw = f"((tasked.{half} >> {shift}) & 65535)"
        terms = [
            f"({draw} >= answer.{facet}_{i})::utinyint"
            for i in range(len(CATEGORIES[facet]) - 1)
        ]
        return f"({' + '.join(terms)})::utinyint as {facet}"
    spec = model.numeric[facet]
    half, shift = MEASURED_BITS[facet]
    bits = f"bit_count(((tasked.{half} >> {shift}) & 65535)::integer)::integer"
    # 65536 keeps the dividend above zero, where // and rounding down agree
    place = (
        f"(answer.{facet}_location + ({bits} - 8) * {spec.step} + 65536) // 256 - 256"
    )
    last = len(spec.grid) - 1
    return f"greatest(0, least({last}, {place}))::utinyint as {facet}"


def draw_sql(
    model: Model,
    facets: Sequence[str],
    slots: int,
    with_regions: bool,
    with_styles: bool,
    first: int,
    stop: int,
) -> str:
    """The select that draws conversations ``first`` to ``stop`` - 1 of every run.

    Facets, regions and styles that are left out cost nothing and change nothing.
    """
    style_draw = "((tasked.b_high >> 16) & 65535)"
    style = " + ".join(f"({style_draw} >= {s})::utinyint" for s in STYLE_STOPS)
    region_draw = "(tasked.a_high >> 36)"
    region_no = (
        f"case when (({region_draw} >> 6) & {REGION_SLOT_PARTS - 1}) "
        "< region_alias.threshold then region_alias.below "
        f"else coalesce(region_alias.otherwise, {NO_REGION}) end"
    )
    region_join = (
        "left join region_alias\n    on\n        "
        f"tasked.country_no * {REGION_SLOTS} + ({region_draw} & {REGION_SLOTS - 1})"
        "::bigint\n        = region_alias.slot_key"
    )
    answers = [_answer(model, f) for f in facets if f != "onet_task"]
    return sql(
        "draw.sql",
        first=first,
        stop=stop,
        slots=slots,
        last_slot=slots - 1,
        day_count=DAY_COUNT,
        style=f"({style})::utinyint" if with_styles else "0::utinyint",
        region_no=f"({region_no if with_regions else NO_REGION})::usmallint",
        region_join=region_join if with_regions else "",
        answers=",\n    ".join(answers) or "0::utinyint as no_answer",
    )
