"""Family C: two calendar months per platform, rounded percentages without counts.

A month is a draw of its own: the first that of the request's seed (so the very
conversations of a family B release of that seed), the second that of a seed derived
from it. Rules:

* ``pct`` is of the place's conversations with a named task, all else of the node's
  conversations; what the classifier left open is in no base, and the pseudo-tasks are
  in no node but ``overall``;
* a task's occupation is its lowest holder code, a request's topic follows the first
  holder that the list names, so that the two say different things;
* ``usage_pct`` of a country is of the world, of a subregion of its country, and the
  index sets it against the share of the people of working age (a subregion's are
  spread over its country as the seed's usage is);
* the world has every metric of every node; a country of ``overall`` and the top
  levels, a subregion of ``overall``; of all else they have ``pct``. The API has the
  world alone, and no usage;
* a value is absent if it rests on less conversations than the cell floor, or its place
  has less than the floor of its kind; rounded to two decimals, half up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import duckdb

from simulation import files
from simulation.count import COUNTRY_PLACE, GLOBAL_PLACE, REGION_PLACE, draw_slices
from simulation.draw import (
    ARTIFACT,
    NO_REGION,
    Run,
    draw_sql,
    load_rows,
    platform_facets,
    prepare,
    region_rows,
    request_labels,
    sql,
)
from simulation.model import (
    ANSWER_PARTS,
    CATEGORIES,
    NUMERIC,
    PLATFORMS,
    STYLES,
    VARIANT_STEP,
    Model,
    to_parts,
    unit,
)

MONTHS = (("2026-04-01", "2026-05-01"), ("2026-05-01", "2026-06-01"))
ANSWERS = ("collaboration", "use_case", "multitasking", "human_only_ability")
GROUP_SIZES = (2, 12, 110)  # tasks in a made-up group of onet level 1, 2 and 3
TOP_LEVELS = {("soc_occupation", 1), ("onet", 3), ("request", 2)}
# By --facets; the sample is what fits into the megabyte that the project ships.
SHOWN = {
    "all": "true",
    "sample": """
        (
            metric_id not like 'artifact_%'
            or metric_id = 'artifact_educational_material_pct'
            or (place_kind = 0 and category_name = 'overall')
        )
        and (
            category_name = 'overall'
            or (place_kind = 0 and category_name || hierarchy_level = 'soc_occupation1')
            or (place_kind = 1 and node_external_id in ('25', 'request_25'))
            or (
                metric_id = 'pct'
                and category_name || hierarchy_level <> 'request0'
                and (
                    place_kind = 0
                    or category_name || hierarchy_level = 'soc_occupation1'
                    or category_name || hierarchy_level = 'request2'
                )
            )
        )
    """,
}
LAYOUT = (
    "date_start, date_end, geo_id, geo_level, category_name, hierarchy_level, "
    "metric_id, {value} as value, node_name, node_external_id"
)


def monthly_runs(release_id: str, seed: int, sizes: Mapping[str, int]) -> list[Run]:
    """The draws of the two months; ``sizes``: conversations of each, by platform."""
    seeds = (seed, unit("second month", seed))
    return [Run(n, release_id, s, sizes) for n, s in enumerate(seeds)]


def node_rows(model: Model) -> Iterator[list[object]]:
    """Category, level, id, name, whether a top level, task number and style."""
    occupations = {c[:7]: model.titles[c] for c in sorted(model.titles, reverse=True)}
    for number in (-1, 0, *(t.task_no for t in model.tasks)):
        for style in range(len(STYLES)):
            yield ["overall", 0, "-", "Overall", True, number, style]
    for place, task in enumerate(model.tasks):
        code, first = min(task.holder_codes), task.holder_codes[0]
        base = task.task_no % VARIANT_STEP
        for style in range(len(STYLES)):
            about, asked_as = request_labels(model, task, style)
            nodes = [
                ("soc_occupation", 0, f"{code[:7]}.00", occupations[code[:7]]),
                ("soc_occupation", 1, code[:2], f"Major group {code[:2]}"),
                ("onet", 0, str(90_000 + task.task_no * 10), task.text),
                ("request", 0, f"request_{base}_{style}", about),
                ("request", 1, f"request_{first}", asked_as),
                ("request", 2, f"request_{first[:2]}", model.topics[first[:2]]),
            ]
            for level, size in enumerate(GROUP_SIZES, start=1):
                name = f"Simulated activity {level}.{place // size + 1}"
                nodes.append(("onet", level, f"{level}.{place // size + 1}", name))
            for category, level, node, name in nodes:
                is_top = (category, level) in TOP_LEVELS
                yield [category, level, node, name, is_top, task.task_no, style]


def place_rows(model: Model, platform: str) -> Iterator[list[object]]:
    """Kind, number, level, id, people, floor, parent's kind, number and people.

    People are those of working age; 0 on the API, which publishes no usage.
    """
    listed = [] if platform == "1p_api" else model.countries
    world = [GLOBAL_PLACE, 0, sum(c.working_age for c in listed) * 1000]
    yield [GLOBAL_PLACE, 0, "global", "GLOBAL", world[2], 0, *world]
    country_floor, region_floor = (
        int(model.parameters[f"monthly_minimum_{kind}_conversations"])
        for kind in ("country", "region")
    )
    countries = {}
    for number, c in enumerate(listed):
        if c.alpha_3:
            countries[number] = [COUNTRY_PLACE, number, c.working_age * 1000]
            place = [COUNTRY_PLACE, number, "country", c.alpha_3]
            yield [*place, c.working_age * 1000, country_floor, *world]
    for number, geo_id, country_no, share in region_rows(model) if listed else ():
        parent = countries[int(str(country_no))]
        if not str(geo_id).endswith("-not_classified"):
            people = max(1, int(parent[2] * float(str(share))))
            place = [REGION_PLACE, number, "subregion", geo_id, people]
            yield [*place, region_floor, *parent]


def counted(model: Model) -> dict[str, str]:
    """What is counted of ``drawn`` in every cell: column and expression."""
    columns = {"n": "count(*)"}
    for facet in ANSWERS:
        for code in range(len(CATEGORIES[facet]) - 1):
            columns[f"{facet}_{code}"] = f"count(*) filter ({facet} = {code})"
    for facet in NUMERIC:
        grid = list(model.numeric[facet].grid)
        columns[facet] = f"sum({grid}[{facet} + 1])"
    weights = zip(*model.artifacts.values(), strict=True)
    ends = [to_parts(w, ANSWER_PARTS) for w in weights]
    for code in range(len(model.artifacts)):
        low, high = (
            "if(is_education, {}, {})".format(*(sum(e[:stop]) for e in ends))
            for stop in (code, code + 1)
        )
        columns[f"artifact_{code}"] = (
            f"count(*) filter (artifact >= {low} and artifact < {high})"
        )
    return columns


def metrics(model: Model) -> Iterator[tuple[str, str, str, str]]:
    """Id, numerator, denominator and base of each metric, over ``counted``."""

    def total(facet: str, codes: range) -> str:
        return f"({' + '.join(f'{facet}_{i}' for i in codes)})::hugeint"

    def share(name: str, part: str, base: str) -> tuple[str, str, str, str]:
        return f"{name}_pct", f"100 * {part}", base, base

    for facet in ("use_case", "collaboration"):
        named = CATEGORIES[facet][:-1]
        base = total(facet, range(len(named)))
        for code, label in enumerate(named):
            part = total(facet, range(code, code + 1))
            yield share(f"{facet}_{label.replace(' ', '_')}", part, base)
    patterns = total("collaboration", range(5))
    for name, codes in (("automation", range(2)), ("augmentation", range(2, 5))):
        part = total("collaboration", codes)
        yield share(f"collaboration_bucket_{name}", part, patterns)
    for facet in ("multitasking", "human_only_ability"):
        yield share(facet, total(facet, range(1)), total(facet, range(2)))
    for code, label in enumerate(model.artifacts):
        part = total("artifact", range(code, code + 1))
        yield share(f"artifact_{label}", part, "n::hugeint")
    for facet in NUMERIC:
        units = model.numeric[facet].parts_per_unit
        yield f"{facet}_mean", f"{facet}::hugeint", f"n::hugeint * {units}", "n"


def count_months(
    con: duckdb.DuckDBPyConnection, model: Model, platform: str, runs: list[Run]
) -> None:
    """Draw a platform's months and leave their counts in the table ``place_task``.

    Grain: month, place, task and style; columns of ``counted``.
    """
    slots = prepare(con, model, platform, runs)
    facets = [*platform_facets(platform, (*ANSWERS, *NUMERIC)), ARTIFACT]
    draw = partial(draw_sql, model, facets, slots, platform == "claude_ai", True)
    columns = counted(model)
    counts = ", ".join(f"{c}::integer as {name}" for name, c in columns.items())
    select = (
        f"select run_no, country_no, region_no, task_no, style, {counts} from drawn "
        "left join education_task using (task_no) group by all"
    )
    education = [[t.task_no, t.is_education] for t in model.tasks]
    load_rows(con, "education_task", "task_no integer, is_education boolean", education)
    con.execute("drop table if exists task_cell")
    for number in draw_slices(con, draw, [r.conversations[platform] for r in runs]):
        con.execute(
            f"insert into task_cell {select}"
            if number
            else f"create table task_cell as {select}"
        )
    sums = ", ".join(f"sum({name})::bigint as {name}" for name in columns)
    parts = [
        f"select run_no, {kind} as place_kind, {place} as place_no, task_no, style, "
        f"{sums} from task_cell where {condition} group by all"
        for kind, place, condition in (
            (GLOBAL_PLACE, "0", "true"),
            (COUNTRY_PLACE, "country_no", f"'{platform}' = 'claude_ai'"),
            (REGION_PLACE, "region_no", f"region_no <> {NO_REGION}"),
        )
    ]
    con.execute(
        f"create or replace table place_task as select * from ("
        f"{' union all '.join(parts)}) semi join monthly_place "
        "using (place_kind, place_no)"
    )
    con.execute("drop table task_cell")


def write_monthly(
    con: duckdb.DuckDBPyConnection,
    model: Model,
    runs: list[Run],
    data: Path,
    shown: str,
    with_truth: bool,
) -> list[dict[str, str]]:
    """Draw and write the release of two months; returns its files' manifest rows.

    ``shown``: what is published, a key of ``SHOWN``. The truth, in
    ``<release>/truth/monthly_<platform>.parquet``: the columns of the layout with the
    unrounded value of every cell, ``conversations`` that it rests on, and whether it
    is published. Raises ValueError for another ``shown``.
    """
    if shown not in SHOWN:
        raise ValueError(
            f"observed: facets {shown!r}; expected: one of {', '.join(SHOWN)} in "
            "family C; do: correct --facets"
        )
    release_id = runs[0].release_id
    folder = data / f"release_{release_id}"
    load_rows(
        con,
        "monthly_node",
        "category_name varchar, hierarchy_level integer, node_external_id varchar, "
        "node_name varchar, is_top boolean, task_no integer, style utinyint",
        node_rows(model),
    )
    load_rows(
        con,
        "month",
        "run_no usmallint, date_start varchar, date_end varchar",
        [[n, *dates] for n, dates in enumerate(MONTHS)],
    )
    statements = sql(
        "monthly.sql",
        counted=", ".join(counted(model)),
        sums=",\n    ".join(f"sum({c})::bigint as {c}" for c in counted(model)),
        metrics=", ".join(
            f"{{metric_id: '{name}', numerator: {numerator}, "
            f"denominator: {denominator}, base: {base}::bigint}}"
            for name, numerator, denominator, base in metrics(model)
        ),
        cell_floor=int(model.parameters["monthly_minimum_cell_conversations"]),
        shown=SHOWN[shown],
    )
    rows = []
    for platform in PLATFORMS:
        load_rows(
            con,
            "monthly_place",
            "place_kind utinyint, place_no usmallint, geo_level varchar, "
            "geo_id varchar, people bigint, floor bigint, parent_kind utinyint, "
            "parent_no usmallint, parent_people bigint",
            place_rows(model, platform),
        )
        count_months(con, model, platform, runs)
        con.execute(statements)
        path = folder / "data" / f"aei_simulated_{platform}_2026-06-26.csv"
        files.copy_csv(
            con,
            f"select {LAYOUT.format(value='rounded')} from monthly_row "
            "where is_published order by geo_level = 'global' desc, geo_level, geo_id, "
            "date_start, category_name, hierarchy_level, node_external_id, metric_id",
            path,
        )
        rows.append(
            files.manifest_row(data, path, release_id, "raw", platform, files.MONTHLY)
        )
        if with_truth:
            target = folder / "truth" / f"monthly_{platform}.parquet"
            target.parent.mkdir(parents=True, exist_ok=True)
            con.execute(
                f"copy (select {LAYOUT.format(value='value')}, conversations, "
                f"is_published from monthly_row order by all) to '{target}' "
                "(format parquet, compression zstd)"
            )
    return rows
