"""The simulator's parts: draws, rules of publication, truth, lists of tasks."""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from dataclasses import replace

import duckdb
import pytest
from conftest import PROJECT
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated import (
    ACCOUNT_FLOOR,
    PRIVACY_FLOOR,
    REQUEST_FLOOR,
    broken_partitions,
    broken_rules,
    cells_under,
)
from simulation import draw
from simulation.count import count_platform
from simulation.model import (
    ALIAS_PARTS,
    ANSWER_PARTS,
    CATEGORICAL,
    NUMERIC,
    PLATFORMS,
    Model,
    alias_table,
    load_model,
    to_parts,
)
from simulation.plan import ALL, Plan, parse_plan
from simulation.publish import Rules
from simulation.releases import open_database, release_runs, simulate_releases
from simulation.task_lists import redrawn, scaled, superpopulation, with_regions

SEEDS = PROJECT / "seeds" / "simulation"
SMALL = {"claude_ai": 20_000, "1p_api": 12_000}
PSEUDO_TASKS = ("none", "not_classified")


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model(SEEDS)


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


def test_slices_do_not_change_a_count(model: Model) -> None:
    plan = parse_plan("all")
    cells = []
    for slice_size in (1_500, 10**6):
        con = open_database()
        run = draw.Run(0, "r", 2, {"claude_ai": 9_000, "1p_api": 1})
        count_platform(con, model, "claude_ai", [run], plan, slice_size=slice_size)
        cells.append(con.execute("select * from cell order by all").fetchall())
    assert cells[0] == cells[1]


def test_a_task_of_few_accounts_is_not_published(model: Model) -> None:
    con = open_database()
    runs = release_runs(model, 1, {"claude_ai": 1, "1p_api": 150_000}, seed=4)
    simulate_releases(con, model, runs, parse_plan("onet_task"))
    few = [t for t in model.tasks if t.account_groups["1p_api"] < ACCOUNT_FLOOR]
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


# --- the rules, and that their guards can fail


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
        assert broken_rules(everything, table) == []


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
        "with shown as (select platform, split_part(facet, '::', 2) as facet, "
        "regexp_extract(cluster_name, '^(.*)::', 1) as task, "
        "regexp_extract(cluster_name, '.*::(.*)$', 1) as category, value "
        "from release_row where facet like 'onet_task::%' "
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
        "group by all), parameter as (select platform, facet, category, "
        "sum(probability * share) as value from task_parameter inner join "
        "answer_parameter using (platform, task, is_coordinated) group by all) "
        "select * from truth inner join parameter using (platform, facet, category) "
        "where abs(share - value) > 5 * sqrt(value * (1 - value) / 200000)"
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
    # countries fix the education share, whatever the list
    education = [t.key for t in whole.tasks if t.is_education]
    shares = con.execute(
        "select round(sum(probability), 3) from task_parameter "
        "where platform = 'claude_ai' and task in ? group by release_id",
        [education],
    ).fetchall()
    assert len(shares) == len(runs) + 1 and len(set(shares)) == 1
    whole_list = con.execute(
        "select count(*) from task_parameter where platform = 'claude_ai' "
        "and release_id = 'superpopulation'"
    ).fetchone()
    assert whole_list == (len(whole.tasks) + len(PSEUDO_TASKS),)
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
