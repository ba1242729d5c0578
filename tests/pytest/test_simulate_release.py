"""The simulator: its draws, its rules of publication, its shipped sample, its truth."""

from __future__ import annotations

import csv
import hashlib
import re
import statistics
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

PROJECT_ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT_ROOT / "scripts"))

import simulate_release  # noqa: E402
from simulation import draw, files  # noqa: E402
from simulation.count import count_platform  # noqa: E402
from simulation.model import (  # noqa: E402
    ALIAS_PARTS,
    ANSWER_PARTS,
    CATEGORICAL,
    CATEGORIES,
    MEASURED,
    NUMERIC,
    PLATFORMS,
    STYLE_STOPS,
    Model,
    alias_table,
    load_model,
    to_parts,
)
from simulation.plan import ALL, Plan, parse_plan  # noqa: E402
from simulation.publish import Rules  # noqa: E402
from simulation.releases import (  # noqa: E402
    open_database,
    release_runs,
    simulate_releases,
)
from simulation.task_lists import (  # noqa: E402
    redrawn,
    scaled,
    superpopulation,
    with_regions,
)

SEEDS = PROJECT_ROOT / "seeds" / "simulation"
SHIPPED = PROJECT_ROOT / "seeds" / "aei"
SAMPLE = SHIPPED / "release_simulated_2026_01" / "data" / "intermediate"
MANIFEST = PROJECT_ROOT / "seeds" / "reference" / "release_manifest.csv"
SAMPLE_SIZE = {"claude_ai": 998_400, "1p_api": 971_300}
PRIVACY_FLOOR = 15  # data guide, thresholds; stated here apart from the seed
REQUEST_FLOOR = 500
MAX_SHIPPED_BYTES = 3_500_000
SMALL = {"claude_ai": 20_000, "1p_api": 12_000}
PSEUDO_TASKS = ("none", "not_classified")


# --- what is checked, as functions of rows, so that a broken release can be shown


def load_raw(con: duckdb.DuckDBPyConnection, table: str, path: Path) -> None:
    """A raw file as a table; texts stay texts, empty ones too."""
    con.execute(
        f"create or replace table {table} as "
        "select * replace (value::double as value) from read_csv(?, delim = ',', "
        "header = true, all_varchar = true, force_not_null = ['geo_id', 'geography', "
        "'facet', 'level', 'variable', 'cluster_name'])",
        [str(path)],
    )


CLUSTERS = """
    select
        *,
        regexp_extract(cluster_name, '^(.*)::([^:]*)$', 1) as base,
        regexp_extract(cluster_name, '^(.*)::([^:]*)$', 2) as category
    from {table}
"""


def cells_under(con: duckdb.DuckDBPyConnection, table: str, floor: int) -> list[tuple]:
    """Named cells of categorical facets that hold fewer than ``floor``."""
    return con.execute(
        f"with c as ({CLUSTERS.format(table=table)}) "
        "select geo_id, facet, cluster_name, value from c "
        "where variable like '%_count' and value < ? "
        "and not (variable similar to '.*(cost|tokens|time|years|autonomy)_count') "
        "and geo_id not like '%not_classified' and cluster_name <> 'not_classified' "
        "and category <> 'not_classified'",
        [floor],
    ).fetchall()


def broken_partitions(con: duckdb.DuckDBPyConnection, table: str) -> list[tuple]:
    """Places, tasks and clusters whose cells do not sum to what they are cells of."""
    base = con.execute(
        "with total as (select geo_id, value as total from "
        f"{table} where variable = 'usage_count' union all "
        f"select 'GLOBAL', sum(value) from {table} where geography = 'global' "
        "and variable = 'onet_task_count') "
        "select geo_id, facet, level, sum(value), any_value(total) "
        f"from {table} inner join total using (geo_id) "
        "where variable = facet || '_count' and facet in ('onet_task', 'request', "
        "'collaboration', 'use_case', 'task_success', 'multitasking', "
        "'human_only_ability') group by all having sum(value) <> any_value(total)"
    ).fetchall()
    inside = con.execute(
        f"with c as ({CLUSTERS.format(table=table)}), "
        "node as (select facet, level, cluster_name, value as total from "
        f"{table} where geography = 'global' and variable in ('onet_task_count', "
        "'request_count') and cluster_name <> 'not_classified') "
        "select node.cluster_name, f.facet, node.level, sum(x.value), "
        "any_value(node.total) "
        "from node inner join (select distinct facet, level from c "
        "where facet similar to '(onet_task|request)::(collaboration|use_case|"
        "task_success|multitasking|human_only_ability)') f "
        "on split_part(f.facet, '::', 1) = node.facet and f.level = node.level "
        "left join c as x on x.facet = f.facet and x.level = f.level "
        "and x.base = node.cluster_name "
        "and x.variable = replace(x.facet, '::', '_') || '_count' "
        "group by all having sum(x.value) is distinct from any_value(node.total)"
    ).fetchall()
    return base + inside


def wrong_percentages(con: duckdb.DuckDBPyConnection, table: str) -> list[tuple]:
    """Percentages that are not count / base x 100, to the last digit."""
    return con.execute(
        f"with c as ({CLUSTERS.format(table=table)}), "
        "counted as (select *, sum(value) over (partition by geography, "
        "case when geography = 'country-state' and facet = 'country-state' "
        "then split_part(geo_id, '-', 1) when facet = 'country' then '' "
        "else geo_id end, facet, level, variable, base) as total "
        "from c where variable like '%_count' and variable not like '%histogram%') "
        "select counted.geo_id, counted.facet, counted.cluster_name, c.value "
        "from c inner join counted using (geo_id, geography, facet, level, "
        "cluster_name) where c.variable = replace(counted.variable, '_count', '_pct') "
        "and c.value <> counted.value / counted.total * 100"
    ).fetchall()


# --- what is built once


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model(SEEDS)


@pytest.fixture(scope="module")
def sample() -> duckdb.DuckDBPyConnection:
    """The shipped sample: one table per platform, and ``statement``, ``scope``."""
    con = duckdb.connect()
    for platform in PLATFORMS:
        load_raw(con, f'"{platform}"', SAMPLE / files.raw_name(platform))
    con.execute(
        "create table statement as select lower(trim(Task)) as task, "
        "\"O*NET-SOC Code\" as code from read_csv(?, delim = ',', header = true, "
        "all_varchar = true)",
        [str(SAMPLE / "onet_task_statements.csv")],
    )
    con.execute(
        "create table scope as with low as (select task, min(code) filter "
        "(code like '25-%') as code from statement group by task) "
        "select task, 'all_tasks' as scope from low union all "
        "select task, 'education' from low where code is not null union all "
        "select task, case left(code, 4) when '25-1' then 'postsecondary' "
        "when '25-2' then 'k12' when '25-3' then 'other_teachers' "
        "when '25-4' then 'library' else 'education_support' end "
        "from low where code is not null"
    )
    return con


@pytest.fixture(scope="module")
def everything(model: Model) -> duckdb.DuckDBPyConnection:
    """One small release with all facets, and its truth."""
    con = open_database()
    runs = release_runs(model, 1, SMALL, seed=3)
    simulate_releases(con, model, runs, Plan(ALL))
    con.execute(
        "create table row_text as select * replace (level::varchar as level) "
        "from release_row"
    )
    return con


def release(
    model: Model, rules: Rules | None = None, plan: Plan | None = None, seed: int = 5
) -> duckdb.DuckDBPyConnection:
    """A small release in the table ``release_row``, one platform in ``row_text``."""
    con = open_database()
    runs = release_runs(model, 1, SMALL, seed=seed)
    simulate_releases(con, model, runs, plan or parse_plan("sample"), rules)
    con.execute(
        "create table row_text as select * replace (level::varchar as level) "
        "from release_row where platform = 'claude_ai'"
    )
    return con


# --- the draws


def test_a_draw_is_what_the_md5_number_of_its_key_says(model: Model) -> None:
    """An independent reading of the bits, conversation by conversation."""
    size, seed = 400, 11
    facets = (*CATEGORICAL, *MEASURED)
    for platform in PLATFORMS:
        run = draw.Run(0, "r", seed, dict.fromkeys(PLATFORMS, size))
        con = open_database()
        slots = draw.prepare(con, model, platform, [run])
        wanted = draw.platform_facets(platform, facets)
        has_regions = platform == "claude_ai"
        query = draw.draw_sql(model, wanted, slots, 0, size, has_regions, True)
        drawn = con.execute(
            "select conversation_no, country_no, task_no, style, day_no, "
            f"account_group, {', '.join(wanted)} from ({query})"
        ).fetchall()
        assert sorted(r[0] for r in drawn) == list(range(size))
        by_number = {r[0]: r[1:] for r in drawn}
        expected = _expected_draws(model, platform, seed, size, slots, wanted)
        assert by_number == expected


def _expected_draws(
    model: Model, platform: str, seed: int, size: int, slots: int, wanted: Iterable[str]
) -> dict[int, tuple]:
    countries = draw.country_rows(model, platform)
    usage = [float(str(c[2])) for c in countries]
    country_alias = alias_table(range(len(countries)), usage, draw.COUNTRY_SLOTS)
    blocks = {
        block: alias_table(ids, weights, slots)
        for block, (ids, weights) in draw.block_weights(model, platform).items()
    }
    answers = {(r[0], r[1]): r[2:] for r in draw.answer_rows(model, platform)}
    out = {}
    for i in range(size):
        number = {
            name: int.from_bytes(
                hashlib.md5(f"{seed}:{platform}:{i}:{name}".encode()).digest(), "little"
            )
            for name in "abc"
        }
        bits = {
            f"{n}_{half}": (number[n] >> shift) & (2**64 - 1)
            for n in "abc"
            for half, shift in (("low", 0), ("high", 64))
        }
        low, high = bits["a_low"], bits["a_high"]
        slot = country_alias[low & 255]
        country = slot[1] if (low >> 8) % 2**20 < slot[0] else slot[2]
        block_draw = (low >> 28) % 2**16
        education, coordinated = countries[country][3:]
        block = 0
        if block_draw < education:
            block = draw.BLOCK_EDUCATION
        elif block_draw < coordinated:
            block = draw.BLOCK_COORDINATED
        slot = blocks[block][high % slots]
        task = slot[1] if (high >> 16) % 2**20 < slot[0] else slot[2]
        groups, *cells = answers[task, block == draw.BLOCK_COORDINATED]
        places = _answer_cells(cells)
        style_draw = (bits["b_high"] >> 16) % 2**16
        row = [
            country,
            task,
            sum(style_draw >= s for s in STYLE_STOPS),
            (low >> 50) % 7,
            (low >> 44) % 64 % groups,
        ]
        for facet in wanted:
            if facet in CATEGORICAL:
                half, shift = draw.CATEGORICAL_BITS[facet]
                value = (bits[half] >> shift) % 2**16
                row.append(sum(value >= s for s in places[facet]))
            else:
                half, shift = draw.MEASURED_BITS[facet]
                ones = ((bits[half] >> shift) % 2**16).bit_count()
                spec = model.numeric[facet]
                place = (places[facet][0] + (ones - 8) * spec.step) // 256
                row.append(max(0, min(len(spec.grid) - 1, place)))
        out[i] = tuple(row)
    return out


def _answer_cells(cells: list[int]) -> dict[str, list[int]]:
    places, rest = {}, list(cells)
    for facet in CATEGORICAL:
        width = len(CATEGORIES[facet]) - 1
        places[facet], rest = rest[:width], rest[width:]
    for facet, location in zip(MEASURED, rest, strict=True):
        places[facet] = [location]
    return places


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=40).filter(any))
def test_an_alias_table_gives_each_id_exactly_its_parts(weights: list[int]) -> None:
    slots = 64
    parts = Counter()
    for threshold, below, otherwise in alias_table(range(len(weights)), weights, slots):
        parts[below] += threshold
        parts[otherwise] += ALIAS_PARTS - threshold
    expected = to_parts(weights, slots * ALIAS_PARTS)
    assert [parts[i] for i in range(len(weights))] == expected
    assert sum(expected) == slots * ALIAS_PARTS


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=9).filter(lambda w: sum(w) > 0))
def test_whole_parts_sum_to_the_total_and_stray_by_less_than_one(
    weights: list[float],
) -> None:
    parts = to_parts(weights, ANSWER_PARTS)
    assert sum(parts) == ANSWER_PARTS
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part - weight / sum(weights) * ANSWER_PARTS) < 1


def test_weights_that_sum_to_zero_are_refused_in_words() -> None:
    with pytest.raises(ValueError, match="observed: .* expected: .* do: "):
        to_parts([0.0, 0.0], 10)
    with pytest.raises(ValueError, match="observed: 5 ids for 4 slots"):
        alias_table(range(5), [1] * 5, 4)


# --- determinism


def content(folder: Path) -> dict[str, bytes]:
    return {
        p.relative_to(folder).as_posix(): p.read_bytes()
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }


def run_command(folder: Path, *options: str) -> dict[str, bytes]:
    assert simulate_release.main(["--output-dir", str(folder), *options]) == 0
    return content(folder)


def test_the_shipped_files_are_what_the_command_writes(tmp_path: Path) -> None:
    """Regenerated byte for byte, with the manifest's rows."""
    manifest = tmp_path / "release_manifest.csv"
    manifest.write_bytes(MANIFEST.read_bytes())
    written = run_command(tmp_path / "aei", "--manifest", str(manifest))
    shipped = content(SHIPPED / "release_simulated_2026_01")
    assert set(written) == {f"release_simulated_2026_01/{p}" for p in shipped}
    for path, data in shipped.items():
        assert written[f"release_simulated_2026_01/{path}"] == data, path
    assert manifest.read_bytes() == MANIFEST.read_bytes()


def test_threads_do_not_change_a_byte_and_the_seed_does(tmp_path: Path) -> None:
    size = ("--conversations", "20000", "--api-records", "9000", "--facets", "all")
    one = run_command(tmp_path / "1", *size, "--threads", "1")
    two = run_command(tmp_path / "2", *size, "--threads", "4")
    other = run_command(tmp_path / "3", *size, "--seed", "8")
    assert one == two
    raw = [p for p in one if "aei_raw" in p]
    assert len(raw) == 2
    assert all(one[p] != other[p] for p in raw)


def test_slices_do_not_change_a_count(model: Model) -> None:
    plan = parse_plan("all")
    cells = []
    for slice_size in (1_500, 10**6):
        con = open_database()
        run = draw.Run(0, "r", 2, {"claude_ai": 9_000, "1p_api": 1})
        count_platform(con, model, "claude_ai", [run], plan, slice_size=slice_size)
        cells.append(con.execute("select * from cell order by all").fetchall())
    assert cells[0] == cells[1]


# --- the shipped sample


def test_the_sample_has_the_columns_and_line_ends_of_a_raw_file() -> None:
    header = (
        "geo_id,geography,date_start,date_end,platform_and_product,facet,level,"
        "variable,cluster_name,value\n"
    )
    labels = {"claude_ai": "Claude AI (Free and Pro)", "1p_api": "1P API"}
    for platform, label in labels.items():
        text = (SAMPLE / files.raw_name(platform)).read_bytes().decode("utf-8")
        assert text.startswith(header) and text.endswith("\n") and "\r" not in text
        rows = list(csv.DictReader(text.splitlines()))
        assert {r["platform_and_product"] for r in rows} == {label}
        assert {r["level"] for r in rows} == {"0"}
        assert {(r["date_start"], r["date_end"]) for r in rows} == {
            ("2026-01-05", "2026-01-12")
        }
        counts = [r["value"] for r in rows if r["variable"].endswith("_count")]
        assert all(re.fullmatch(r"[1-9][0-9]*\.0", v) for v in counts)
        totals = [r for r in rows if r["variable"].startswith("usage_")]
        assert {r["cluster_name"] for r in totals} <= {""}
        keys = [tuple(r[c] for c in files.RAW_COLUMNS[:-1]) for r in rows]
        assert len(set(keys)) == len(keys)


def test_the_shipped_files_stay_small() -> None:
    size = sum(p.stat().st_size for p in SHIPPED.rglob("*") if p.is_file())
    assert size < MAX_SHIPPED_BYTES, (
        f"observed: {size} bytes under seeds/aei; expected: under {MAX_SHIPPED_BYTES}; "
        "do: ship fewer facets or thinner countries"
    )


@pytest.mark.parametrize("platform", PLATFORMS)
def test_published_cells_partition_the_sample(
    sample: duckdb.DuckDBPyConnection, platform: str
) -> None:
    table = f'"{platform}"'
    assert broken_partitions(sample, table) == []
    total = sample.execute(
        f"select sum(value) from {table} where geography = 'global' "
        "and variable = 'onet_task_count'"
    ).fetchone()
    assert total == (SAMPLE_SIZE[platform],)
    if platform == "claude_ai":
        usage = sample.execute(
            f"select sum(value) from {table} "
            "where facet = 'country' and variable = 'usage_count'"
        ).fetchone()
        assert usage == (SAMPLE_SIZE[platform],)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_no_named_cell_holds_under_15(
    sample: duckdb.DuckDBPyConnection, platform: str
) -> None:
    table = f'"{platform}"'
    assert cells_under(sample, table, PRIVACY_FLOOR) == []
    assert cells_under(sample, table, PRIVACY_FLOOR + 1), "no cell sits on the floor"


@pytest.mark.parametrize("platform", PLATFORMS)
def test_percentages_are_counts_over_the_right_base(
    sample: duckdb.DuckDBPyConnection, platform: str
) -> None:
    assert wrong_percentages(sample, f'"{platform}"') == []


@pytest.mark.parametrize("platform", PLATFORMS)
def test_pseudo_tasks_stand_where_a_release_has_them(
    sample: duckdb.DuckDBPyConnection, platform: str
) -> None:
    base = sample.execute(
        f"select cluster_name from \"{platform}\" where geography = 'global' "
        "and variable = 'onet_task_count'"
    ).fetchall()
    assert {("none",), ("not_classified",)} <= set(base)
    inside = sample.execute(
        f"with c as ({CLUSTERS.format(table=chr(34) + platform + chr(34))}) "
        "select distinct base from c where facet = 'onet_task::collaboration' "
        "and base in ('none', 'not_classified')"
    ).fetchall()
    assert inside == [("none",)]


def test_labels_and_traps_of_the_sample(sample: duckdb.DuckDBPyConnection) -> None:
    def values(query: str) -> set[str]:
        return {r[0] for r in sample.execute(query).fetchall()}

    patterns = values(
        "select distinct cluster_name from claude_ai where facet = 'collaboration'"
    )
    assert patterns == set(CATEGORIES["collaboration"])
    assert {"feedback loop", "task iteration"} <= patterns
    countries = values("select geo_id from claude_ai where facet = 'country'")
    assert {"NA", "SC", "not_classified"} <= countries and len(countries) > 55
    regions = values("select geo_id from claude_ai where facet = 'country-state'")
    assert {"US-CA", "US-not_classified"} <= regions
    with (SAMPLE / "iso_country_codes.csv").open(newline="", encoding="utf-8") as f:
        names = {r["iso_alpha_2"]: r["country_name"] for r in csv.DictReader(f)}
    assert names["NA"] == "Namibia"
    assert countries - {"not_classified"} <= set(names)
    assert values('select distinct geography from "1p_api"') == {"global"}
    assert not values("select variable from \"1p_api\" where variable like 'usage%'")
    tasks = values("select distinct task from statement")
    for mark in (",", '"', "'"):
        assert any(mark in t for t in tasks)
    named = values(
        "select cluster_name from claude_ai where facet = 'onet_task' union "
        "select cluster_name from \"1p_api\" where facet = 'onet_task'"
    )
    assert named - set(PSEUDO_TASKS) <= tasks


def test_thin_countries_are_thin(sample: duckdb.DuckDBPyConnection) -> None:
    named, share = sample.execute(
        "select median(tasks), median(named / total * 100) from ("
        "select geo_id, count(*) filter (cluster_name not in "
        "('none', 'not_classified')) as tasks, "
        "sum(value) filter (cluster_name <> 'not_classified') as named, "
        "sum(value) as total from claude_ai where geography = 'country' "
        "and variable = 'onet_task_count' group by geo_id)"
    ).fetchone()
    assert 10 <= named <= 25  # 19 in November 2025, data guide
    assert 20 <= share <= 50  # 34% in November 2025, data guide
    small = sample.execute(
        "select count(*) from claude_ai where facet = 'country' "
        "and variable = 'usage_count' and value < 200"
    ).fetchone()
    assert small[0] >= 8
    hidden = sample.execute(
        f"with c as ({CLUSTERS.format(table='claude_ai')}) select count(*) from ("
        "select base from c inner join scope on c.base = scope.task "
        "and scope.scope = 'education' where facet = 'onet_task::collaboration' "
        "group by base having bool_and(category = 'not_classified'))"
    ).fetchone()
    assert hidden[0] >= 10  # tasks that publish no pattern: 58 of 266 in November


def test_a_task_of_few_accounts_is_not_published(model: Model) -> None:
    con = open_database()
    runs = release_runs(model, 1, {"claude_ai": 1, "1p_api": 150_000}, seed=4)
    simulate_releases(con, model, runs, parse_plan("onet_task"))
    few = [t for t in model.tasks if t.account_groups["1p_api"] < 5]
    assert few
    for task in few:
        drawn = con.execute(
            "select sum(conversations) from truth_cell where platform = '1p_api' "
            "and facet = 'onet_task' and task = ?",
            [task.key],
        ).fetchone()
        shown = con.execute(
            "select count(*) from release_row where platform = '1p_api' "
            "and starts_with(cluster_name, ?)",
            [task.key],
        ).fetchone()
        assert drawn[0] >= PRIVACY_FLOOR and shown == (0,)


# --- calibration


def estimates(
    con: duckdb.DuckDBPyConnection, platform: str
) -> dict[tuple[str, str, str], float]:
    """The sample's figures under the reports' definitions, by metric and scope."""
    table = f'"{platform}"'
    out: dict[tuple[str, str, str], float] = {}
    con.execute(
        "create or replace temp table node as select cluster_name as task, "
        f"value as n, sum(value) over () as total from {table} "
        "where geography = 'global' and variable = 'onet_task_count'"
    )
    for scope, share in con.execute(
        "select scope, sum(n / total) * 100 from node inner join scope using (task) "
        "group by scope"
    ).fetchall():
        metric = "education_share" if scope == "education" else "subsector_share"
        out[metric, scope, ""] = share
    sizes = sorted(
        (
            r[0]
            for r in con.execute(
                "select n from node inner join scope using (task) "
                "where scope = 'education'"
            ).fetchall()
        ),
        reverse=True,
    )
    for k in (5, 10):
        share = sum(sizes[:k]) / sum(sizes) * 100
        out["top_k_concentration", "education", str(k)] = share
    shares = con.execute(
        f"with c as ({CLUSTERS.format(table=table)}), answered as ("
        "select facet, base as task, category, "
        "value / sum(value) over (partition by facet, base) as share from c "
        "where facet similar to 'onet_task::(collaboration|use_case|task_success)' "
        "and variable like '%_count' and category not in ('none', 'not_classified')), "
        "pseudo as (select task, scope from scope union all "
        "select 'none', 'all_tasks'), "
        "weighted as (select facet, scope, category, task, share, n from answered "
        "inner join node using (task) inner join pseudo using (task)), "
        "weight as (select facet, scope, sum(n) as n from (select distinct facet, "
        "scope, task, n from weighted) group by all) "
        "select facet, scope, category, sum(share * weighted.n) / any_value(weight.n) "
        "* 100 from weighted inner join weight using (facet, scope) group by all"
    ).fetchall()
    names = {"collaboration": "pattern_share", "use_case": "use_case_share"}
    for facet, scope, category, share in shares:
        facet = facet.removeprefix("onet_task::")
        if facet in names:
            out[names[facet], scope, category] = share
        elif category == "yes":
            out["success_rate", scope, ""] = share
    for geo_id, facet, category, share in con.execute(
        f"select geo_id, facet, cluster_name, value from {table} "
        "where variable = facet || '_pct' and facet not like '%::%'"
    ).fetchall():
        if geo_id == "GLOBAL":
            out["facet_share", facet, category] = share
        elif facet == "collaboration":
            out["country_facet_share", geo_id, category] = share
    for geo_id, share in con.execute(
        f"select geo_id, value from {table} where variable = 'usage_pct'"
    ).fetchall():
        out["facet_share", "country", geo_id] = share
    for geo_id, share in con.execute(
        f"select geo_id, sum(value) from {table} inner join scope "
        "on cluster_name = task and scope = 'education' "
        "where variable = 'onet_task_pct' and geography = 'country' group by geo_id"
    ).fetchall():
        out["country_education_share", geo_id, ""] = share
    return out


def targets() -> list[dict[str, str]]:
    with (SEEDS / "calibration_targets.csv").open(newline="", encoding="utf-8") as f:
        return list(csv.DictReader(f))


@pytest.mark.parametrize("platform", PLATFORMS)
def test_margins_are_near_the_calibration_targets(
    sample: duckdb.DuckDBPyConnection, platform: str
) -> None:
    found = estimates(sample, platform)
    far = []
    rows = [
        r
        for r in targets()
        if r["platform"] == platform and r["metric"] != "numeric_mean"
    ]
    assert len(rows) > 15
    for row in rows:
        key = (row["metric"], row["scope"], row["category"])
        gap = abs(found[key] - float(row["target"]))
        if gap > float(row["tolerance"]):
            far.append((key, found[key], row["target"], row["tolerance"]))
    assert far == []


def test_numeric_means_are_near_the_calibration_targets(model: Model) -> None:
    plan = parse_plan(",".join(f"global/{f}" for f in NUMERIC))
    con = open_database()
    sizes = dict.fromkeys(PLATFORMS, 150_000)
    simulate_releases(con, model, release_runs(model, 1, sizes, seed=1), plan)
    found = {
        (platform, facet): mean
        for platform, facet, mean in con.execute(
            "select platform, facet, value from release_row "
            "where variable = facet || '_mean'"
        ).fetchall()
    }
    rows = [r for r in targets() if r["metric"] == "numeric_mean"]
    assert rows
    for row in rows:
        mean = found[row["platform"], row["scope"]]
        assert abs(mean - float(row["target"])) <= float(row["tolerance"]), row


def test_every_seed_row_names_a_known_source() -> None:
    known = {r["source_id"] for r in csv.DictReader((SEEDS / "sources.csv").open())}
    used = set()
    for path in SEEDS.glob("*.csv"):
        with path.open(newline="", encoding="utf-8") as handle:
            for row in csv.DictReader(handle):
                ids = {v for k, v in row.items() if k.endswith("source_id")}
                assert ids and all(ids), path.name
                used |= ids
    assert used == known


def test_the_task_list_has_the_stated_shape(model: Model) -> None:
    texts = [t.key for t in model.tasks]
    assert 290 <= len(texts) == len(set(texts))
    groups = {c[:2] for t in model.tasks for c in t.holder_codes}
    assert groups == {str(g) for g in range(11, 54, 2)}
    education = [t for t in model.tasks if t.is_education]
    assert 85 <= len(education) <= 100
    assert {c[:4] for t in education for c in t.holder_codes if c[:2] == "25"} == {
        "25-1",
        "25-2",
        "25-3",
        "25-4",
        "25-9",
    }
    several = [t for t in education if len(t.holder_codes) > 1]
    assert len(several) >= 20
    assert any(len({c[:4] for c in t.holder_codes}) > 1 for t in several)
    assert any(len({c[:2] for c in t.holder_codes}) > 1 for t in several)
    assert all(
        re.fullmatch(r"\d\d-\d{4}\.\d\d", c)
        for t in model.tasks
        for c in t.holder_codes
    )
    assert all(t.text.endswith(".") and "::" not in t.text for t in model.tasks)


# --- the rules, and that their guards can fail


@pytest.mark.parametrize("seed", [21, 22])
def test_small_releases_keep_the_rules(model: Model, seed: int) -> None:
    con = release(model, seed=seed)
    assert cells_under(con, "row_text", PRIVACY_FLOOR) == []
    assert broken_partitions(con, "row_text") == []
    assert wrong_percentages(con, "row_text") == []


def test_a_floor_of_14_is_noticed(model: Model) -> None:
    con = release(model, replace(Rules.of(model), floor=14))
    assert {r[3] for r in cells_under(con, "row_text", PRIVACY_FLOOR)} == {14.0}


def test_a_dropped_residual_is_noticed(model: Model) -> None:
    con = release(model, replace(Rules.of(model), keep_residual=False))
    facets = {r[1] for r in broken_partitions(con, "row_text")}
    assert {"onet_task", "onet_task::collaboration"} <= facets


# --- all facets


def test_every_facet_of_the_plan_is_published(
    everything: duckdb.DuckDBPyConnection,
) -> None:
    found = everything.execute(
        "select distinct platform, geography, facet from release_row"
    ).fetchall()
    claude = {(g, f) for p, g, f in found if p == "claude_ai"}
    api = {(g, f) for p, g, f in found if p == "1p_api"}
    indexed = {f for f in ALL if f[1].endswith(("cost", "tokens"))}
    assert claude == ALL - indexed
    assert api == {f for f in ALL if f[0] == "global"}


def test_all_facets_keep_the_rules(everything: duckdb.DuckDBPyConnection) -> None:
    for platform in PLATFORMS:
        table = f"(select * from row_text where platform = '{platform}')"
        assert cells_under(everything, table, PRIVACY_FLOOR) == []
        assert broken_partitions(everything, table) == []
        assert wrong_percentages(everything, table) == []


def test_request_clusters_hold_500_in_the_world(
    everything: duckdb.DuckDBPyConnection,
) -> None:
    least = everything.execute(
        "select min(value), count(distinct level) from release_row "
        "where geography = 'global' and variable = 'request_count' "
        "and cluster_name <> 'not_classified'"
    ).fetchone()
    assert least[0] >= REQUEST_FLOOR and least[1] == 3
    stray = everything.execute(
        "select distinct platform, level, cluster_name from release_row "
        "where geography <> 'global' and variable = 'request_count' except "
        "select distinct platform, level, cluster_name from release_row "
        "where geography = 'global' and variable = 'request_count'"
    ).fetchall()
    assert [r for r in stray if r[2] != "not_classified"] == []


def test_numeric_statistics_are_those_of_the_conversations(
    model: Model, everything: duckdb.DuckDBPyConnection
) -> None:
    """Against Python's statistics over the unsuppressed values, one by one."""
    published = everything.execute(
        "select facet, cluster_name, variable, value from release_row "
        "where platform = 'claude_ai' and geo_id = 'GLOBAL' "
        "and facet like 'onet_task::%' and level = 0"
    ).fetchall()
    stats: dict[tuple[str, str], dict[str, float]] = defaultdict(dict)
    for facet, cluster, variable, value in published:
        name = facet.removeprefix("onet_task::")
        if name in NUMERIC:
            stats[name, cluster][variable.removeprefix(f"onet_task_{name}_")] = value
    assert len(stats) > 100
    values: dict[tuple[str, str], list[int]] = defaultdict(list)
    for facet, task, parts, n in everything.execute(
        "select facet, task, category::integer, conversations from truth_cell "
        "where platform = 'claude_ai' and geography = 'global' "
        f"and facet in {NUMERIC}"
    ).fetchall():
        values[facet, task] += [parts] * n
    for key, found in list(stats.items())[:60]:
        unit = model.numeric[key[0]].parts_per_unit
        numbers = [v / unit for v in values[key]]
        mean, spread = statistics.fmean(numbers), statistics.stdev(numbers)
        error = 1.96 * spread / len(numbers) ** 0.5
        expected = {
            "count": len(numbers),
            "mean": mean,
            "median": statistics.median(numbers),
            "stdev": spread,
            "mean_ci_lower": mean - error,
            "mean_ci_upper": mean + error,
        }
        for name, value in expected.items():
            assert found[name] == pytest.approx(value, rel=1e-9), (key, name)
        assert set(found) == {*expected, "median_ci_lower", "median_ci_upper"}


def test_histograms_partition_and_indices_have_mean_one(
    everything: duckdb.DuckDBPyConnection,
) -> None:
    bins = everything.execute(
        "select platform, facet, sum(value), min(value) filter (cluster_name <> "
        "'not_classified') from release_row where variable like '%_histogram_count' "
        "group by all"
    ).fetchall()
    assert len(bins) == 2 * len(NUMERIC)
    for platform, _, total, least in bins:
        assert total == SMALL[platform] and least >= PRIVACY_FLOOR
    indices = everything.execute(
        "select platform, facet, level, avg(value), bool_and(ends_with(cluster_name, "
        "'::index')) from release_row where variable like '%_index' group by all"
    ).fetchall()
    assert {r[0] for r in indices} == {"1p_api"} and len(indices) == 3 * 4
    for row in indices:
        assert row[3] == pytest.approx(1.0) and row[4]


# --- the truth


def test_what_is_published_is_the_truth_where_nothing_is_hidden(
    everything: duckdb.DuckDBPyConnection,
) -> None:
    """A named cell equals its unsuppressed count; none is made up."""
    wrong = everything.execute(
        f"with c as ({CLUSTERS.format(table='row_text')}), "
        "shown as (select platform, split_part(facet, '::', 2) as facet, base as task, "
        "category, value from c where facet like 'onet_task::%' "
        "and variable like '%_count' and category not in "
        "('not_classified', 'count', '')) "
        "select * from shown left join (select * from truth_cell "
        "where geography = 'global') as truth using (platform, facet, task, category) "
        "where conversations is distinct from value::bigint"
    ).fetchall()
    assert wrong == []
    hidden = everything.execute(
        "select count(*) from truth_cell where geography = 'global' "
        f"and facet in {CATEGORICAL} and conversations < 15"
    ).fetchone()
    assert hidden[0] > 0


def test_truth_and_parameters_are_whole(everything: duckdb.DuckDBPyConnection) -> None:
    for platform, size in SMALL.items():
        sums = everything.execute(
            "select facet, sum(conversations) from truth_cell where platform = ? "
            "and geography = 'global' group by facet",
            [platform],
        ).fetchall()
        assert {n for _, n in sums} == {size}
        share = everything.execute(
            "select sum(probability) from task_parameter where platform = ?", [platform]
        ).fetchone()
        assert share[0] == pytest.approx(1)
    for table, keys in (
        ("answer_parameter", "platform, task, is_coordinated, facet"),
        ("scope_parameter", "release_id, platform, scope, estimator, facet"),
        ("country_parameter", "release_id, geo_id, facet"),
    ):
        value = "share" if table == "answer_parameter" else "value"
        sums = everything.execute(
            f"select sum({value}) from {table} where facet not in "
            f"('onet_task', 'usage') group by {keys}"
        ).fetchall()
        assert sums and all(s == pytest.approx(1) for (s,) in sums), table


def test_the_sample_lies_near_its_own_parameters(model: Model) -> None:
    """Shares of 200,000 conversations, at most five standard errors off."""
    con = open_database()
    size = dict.fromkeys(PLATFORMS, 200_000)
    simulate_releases(
        con, model, release_runs(model, 1, size, seed=9), parse_plan("sample")
    )
    far = con.execute(
        "with truth as (select platform, facet, category, sum(conversations) / 200000 "
        "as share from truth_cell where geography = 'global' and facet <> 'onet_task' "
        "group by all) select * from truth inner join scope_parameter as p "
        "using (platform, facet, category) where p.scope = 'all_with_pseudo' "
        "and p.estimator = 'all_conversations' "
        "and abs(share - value) > 5 * sqrt(value * (1 - value) / 200000)"
    ).fetchall()
    assert far == []
    far = con.execute(
        "with place as (select geo_id, sum(conversations) as n from truth_cell "
        "where geography = 'country' and facet = 'onet_task' group by geo_id), "
        "truth as (select geo_id, facet, category, conversations / n as share, n "
        "from truth_cell inner join place using (geo_id) "
        "where geography = 'country' and facet = 'use_case') "
        "select * from truth inner join country_parameter using "
        "(geo_id, facet, category) where n > 1000 "
        "and abs(share - value) > 5 * sqrt(value * (1 - value) / n)"
    ).fetchall()
    assert far == []


# --- many releases at once


@pytest.fixture(scope="module")
def many(model: Model) -> tuple[Model, list[draw.Run], duckdb.DuckDBPyConnection]:
    whole = superpopulation(model, copies=3)
    runs = release_runs(
        whole, 4, {"claude_ai": 4_000, "1p_api": 3_000}, seed=6, tasks_per_release=200
    )
    con = open_database()
    simulate_releases(con, whole, runs, parse_plan("sample"))
    return whole, runs, con


def test_many_releases_are_those_drawn_one_by_one(
    many: tuple[Model, list[draw.Run], duckdb.DuckDBPyConnection],
) -> None:
    whole, runs, con = many
    alone = open_database()
    simulate_releases(alone, whole, [runs[2]], parse_plan("sample"))
    for table in ("release_row", "truth_cell", "task_parameter"):
        query = f"select * from {table} where release_id = ? order by all"
        ids = [runs[2].release_id]
        rows = con.execute(query, ids).fetchall()
        assert rows and rows == alone.execute(query, ids).fetchall()


def test_lists_are_redrawn_and_the_superpopulation_is_told(
    many: tuple[Model, list[draw.Run], duckdb.DuckDBPyConnection],
) -> None:
    whole, runs, con = many
    assert len({r.members for r in runs}) == len(runs)
    for run in runs:
        named = con.execute(
            "select count(*) from task_parameter where release_id = ? "
            "and platform = 'claude_ai' and task not in ('none', 'not_classified')",
            [run.release_id],
        ).fetchone()
        assert named == (200,)
    total = con.execute(
        "select platform, sum(value) from scope_parameter "
        "where release_id = 'superpopulation' and scope = 'education' "
        "and estimator = 'all_conversations' and facet = 'collaboration' group by all"
    ).fetchall()
    assert len(total) == 2 and all(v == pytest.approx(1) for _, v in total)
    shares = {
        r[0]
        for r in con.execute(
            "select round(value, 3) from scope_parameter where scope = 'education' "
            "and platform = 'claude_ai' and category = 'share_of_sample'"
        ).fetchall()
    }
    assert len(shares) == 1  # countries fix the education share, whatever the list
    directive = con.execute(
        "select count(distinct value) from scope_parameter where scope = 'education' "
        "and platform = 'claude_ai' and category = 'directive' "
        "and estimator = 'pooled'"
    ).fetchone()
    assert directive == (len(runs) + 1,)
    statements = con.execute(
        "select count(distinct lower(trim(Task))) from release_statement"
    ).fetchone()
    assert statements == (len(whole.tasks),)


def test_runs_that_share_an_id_are_refused(model: Model) -> None:
    run = draw.Run(0, "r", 1, SMALL)
    with pytest.raises(ValueError, match="share a release id or a run number"):
        simulate_releases(open_database(), model, [run, run], parse_plan("sample"))


# --- task lists, places, options


@settings(max_examples=8, deadline=None)
@given(st.sampled_from([40, 150, 304, 500, 1_200, 4_100]))
def test_a_scaled_list_keeps_its_strata_and_its_head(count: int) -> None:
    model = load_model(SEEDS)
    longer = scaled(model, count)
    assert len({t.key for t in longer.tasks}) == len(longer.tasks) == count
    for platform in PLATFORMS:
        before: Counter[str] = Counter()
        after: Counter[str] = Counter()
        for task in model.tasks:
            before[task.stratum] += task.size[platform]
        for task in longer.tasks:
            after[task.stratum] += task.size[platform]
        for stratum, size in before.items():
            assert after[stratum] == pytest.approx(size)
        if count >= len(model.tasks):
            head = {t.task_no: t.size[platform] for t in longer.tasks}
            biggest = max(model.tasks, key=lambda t: t.size[platform])
            assert head[biggest.task_no] == biggest.size[platform]


def test_lists_that_cannot_be_made_are_refused_in_words(model: Model) -> None:
    with pytest.raises(ValueError, match="observed: 5 tasks; expected: at least 26"):
        scaled(model, 5)
    with pytest.raises(ValueError, match="observed: variant .* do: ask for a shorter"):
        scaled(model, 40_000)
    with pytest.raises(ValueError, match="observed: 0 copies"):
        superpopulation(model, 0)
    with pytest.raises(ValueError, match="observed: 999 tasks to draw from 304"):
        redrawn(model, 999, 1)


def test_regions_of_a_country_share_it_out(model: Model) -> None:
    regions = draw.region_rows(with_regions(model, 300))
    by_country: Counter[int] = Counter()
    for _, geo_id, country_no, share in regions:
        by_country[country_no] += share
        assert geo_id.startswith(model.countries[country_no].geo_id + "-")
    assert all(s == pytest.approx(1) for s in by_country.values())
    assert sum("not_classified" not in r[1] for r in regions) >= 280


def test_facets_are_read_as_written() -> None:
    plan = parse_plan("use_case, country/country")
    assert ("country", "use_case") in plan.published
    assert ("country", "country") in plan.published
    assert ("global", "onet_task") in plan.published
    assert ("country", "onet_task") not in plan.published
    assert ("global", "request") in parse_plan("request::use_case").published
    with pytest.raises(ValueError, match="observed: facet 'usecase'"):
        parse_plan("usecase")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--conversations", "0"], "at least 1 of each"),
        (["--facets", "nothing"], "observed: facet 'nothing'"),
        (["--tasks", "3"], "at least 26"),
        (["--regions", "0"], "observed: 0 regions"),
    ],
)
def test_the_command_refuses_in_words(
    options: list[str],
    words: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as stopped:
        simulate_release.main(["--output-dir", str(tmp_path), *options])
    assert stopped.value.code == 2
    assert words in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "options", [["--full-size"], ["--truth"], ["--seed", "1"], ["--release-id", "r"]]
)
def test_only_the_sample_is_written_into_the_project(
    options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    before = content(SHIPPED)
    with pytest.raises(SystemExit) as stopped:
        simulate_release.main(options)
    assert stopped.value.code == 2
    assert "--output-dir" in capsys.readouterr().err
    assert content(SHIPPED) == before


def test_conversations_and_truth_are_written_beside_the_release(
    tmp_path: Path,
) -> None:
    size = {"claude_ai": 6_000, "1p_api": 4_000}
    run_command(
        tmp_path,
        "--conversations",
        "6000",
        "--api-records",
        "4000",
        "--release-id",
        "r",
        "--truth",
        "--conversations-parquet",
        str(tmp_path / "conversations"),
    )
    con = duckdb.connect()
    truth = tmp_path / "release_r" / "truth" / "truth_cell.parquet"
    for platform in PLATFORMS:
        source = f"'{tmp_path}/conversations/{platform}/*.parquet'"
        columns = con.execute(f"describe select * from {source}").fetchall()
        assert [(c[0], c[1]) for c in columns] == [
            ("conversation_id", "VARCHAR"),
            ("conversation_date", "DATE"),
            ("platform", "VARCHAR"),
            ("country", "VARCHAR"),
            ("task", "VARCHAR"),
            ("collaboration", "VARCHAR"),
            ("use_case", "VARCHAR"),
            ("task_success", "VARCHAR"),
            ("classifier_version", "VARCHAR"),
        ]
        rows, ids, first, last, placed = con.execute(
            "select count(*), count(distinct conversation_id), "
            "min(conversation_date)::varchar, max(conversation_date)::varchar, "
            f"count(country) from {source}"
        ).fetchone()
        assert rows == ids == size[platform]
        assert (first, last) == ("2026-01-05", "2026-01-11")
        assert placed == (rows if platform == "claude_ai" else 0)
        differs = con.execute(
            "select * from (select task, collaboration as category, count(*) as n "
            f"from {source} group by all) full join (select task, category, "
            f"conversations as m from '{truth}' where platform = '{platform}' "
            "and geography = 'global' and facet = 'collaboration') "
            "using (task, category) where n is distinct from m"
        ).fetchall()
        assert differs == []


def test_the_manifest_keeps_the_rows_of_other_releases(tmp_path: Path) -> None:
    manifest = tmp_path / "release_manifest.csv"
    manifest.write_bytes(MANIFEST.read_bytes())
    row = dict.fromkeys(files.MANIFEST_COLUMNS, "x")
    files.update_manifest(manifest, [row])
    assert manifest.read_bytes().startswith(MANIFEST.read_bytes())
    files.update_manifest(manifest, [row])
    assert manifest.read_bytes().count(b"\nx,") == 1
    (tmp_path / "other.csv").write_text("a,b\n")
    with pytest.raises(ValueError, match="observed: manifest columns"):
        files.update_manifest(tmp_path / "other.csv", [row])
