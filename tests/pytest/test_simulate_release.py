"""The simulator: its draws, its rules of publication, its shipped sample, its truth."""

from __future__ import annotations

import csv
import re
import statistics
from collections import Counter, defaultdict
from dataclasses import replace
from pathlib import Path

import duckdb
import oracle
import pytest
import simulate
from conftest import MANIFEST, PROJECT, SHIPPED_DATA, manifest_rows
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated import (
    ACCOUNT_FLOOR,
    PRIVACY_FLOOR,
    REQUEST_FLOOR,
    broken_partitions,
    broken_rules,
    cells_under,
    task_shares,
)
from simulation import draw, files
from simulation.count import count_platform
from simulation.model import (
    ALIAS_PARTS,
    ANSWER_PARTS,
    CATEGORICAL,
    CATEGORIES,
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
SAMPLE = SHIPPED_DATA / "release_simulated_2026_01" / "data" / "intermediate"
SAMPLE_SIZE = {"claude_ai": 998_400, "1p_api": 971_300}
MAX_SHIPPED_BYTES = 3_500_000
SMALL = {"claude_ai": 20_000, "1p_api": 12_000}
PSEUDO_TASKS = ("none", "not_classified")


def load_raw(con: duckdb.DuckDBPyConnection, table: str, path: Path) -> None:
    """A raw file as a table; texts stay texts, empty ones too."""
    con.execute(
        f"create or replace table {table} as "
        "select * replace (value::double as value) from read_csv(?, delim = ',', "
        "header = true, all_varchar = true, force_not_null = ['geo_id', 'geography', "
        "'facet', 'level', 'variable', 'cluster_name'])",
        [str(path)],
    )


# --- what is built once


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model(SEEDS)


@pytest.fixture(scope="module")
def sample() -> duckdb.DuckDBPyConnection:
    """The shipped sample: one table per platform, and ``statement``."""
    con = duckdb.connect()
    for platform in PLATFORMS:
        load_raw(con, f'"{platform}"', SAMPLE / files.raw_name(platform))
    con.execute(
        "create table statement as select lower(trim(Task)) as task, "
        "\"O*NET-SOC Code\" as code from read_csv(?, delim = ',', header = true, "
        "all_varchar = true)",
        [str(SAMPLE / "onet_task_statements.csv")],
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
    assert simulate.main(["--output-dir", str(folder), *options]) == 0
    return content(folder)


def test_the_shipped_files_are_what_the_command_writes(tmp_path: Path) -> None:
    """Regenerated byte for byte, with the manifest's rows."""
    manifest = tmp_path / "release_manifest.csv"
    manifest.write_bytes((PROJECT / MANIFEST).read_bytes())
    written = run_command(tmp_path / "aei", "--manifest", str(manifest))
    shipped = content(SHIPPED_DATA / "release_simulated_2026_01")
    assert set(written) == {f"release_simulated_2026_01/{p}" for p in shipped}
    for path, data in shipped.items():
        assert written[f"release_simulated_2026_01/{path}"] == data, path
    assert manifest.read_bytes() == (PROJECT / MANIFEST).read_bytes()


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
    size = sum(p.stat().st_size for p in SHIPPED_DATA.rglob("*") if p.is_file())
    assert size < MAX_SHIPPED_BYTES, (
        f"observed: {size} bytes under seeds/aei; expected: under {MAX_SHIPPED_BYTES}; "
        "do: ship fewer facets or thinner countries"
    )


@pytest.mark.parametrize("platform", PLATFORMS)
def test_the_sample_keeps_the_rules_of_publication(
    sample: duckdb.DuckDBPyConnection, platform: str
) -> None:
    table = f'"{platform}"'
    assert broken_rules(sample, table) == []
    assert cells_under(sample, table, PRIVACY_FLOOR + 1), "no cell sits on the floor"
    totals = sample.execute(
        f"select variable, sum(value) from {table} where variable in "
        "('onet_task_count', 'usage_count') and (geography, facet) in "
        "(('global', 'onet_task'), ('country', 'country')) group by all order by all"
    ).fetchall()
    size = SAMPLE_SIZE[platform]
    of_countries = [("usage_count", size)] if platform == "claude_ai" else []
    assert totals == [("onet_task_count", size), *of_countries]


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
    for platform in PLATFORMS:
        base = values(
            f"select cluster_name from \"{platform}\" where geography = 'global' "
            "and variable = 'onet_task_count'"
        )
        assert set(PSEUDO_TASKS) <= base
        inside = values(
            "select regexp_extract(cluster_name, '^(.*)::', 1) "
            f"from \"{platform}\" where facet = 'onet_task::collaboration'"
        )
        assert inside.intersection(PSEUDO_TASKS) == {"none"}
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
        "select count(*) from (select regexp_extract(cluster_name, '^(.*)::', 1) as "
        "base from claude_ai where facet = 'onet_task::collaboration' group by base "
        "having bool_and(cluster_name like '%::not_classified')) where base in "
        "(select task from statement where code like '25-%')"
    ).fetchone()
    assert hidden[0] >= 10  # tasks that publish no pattern: 58 of 266 in November


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


# --- calibration


def estimates(sample: oracle.Sample) -> dict[tuple[str, str, str], float]:
    """The sample's figures under the reports' definitions, by metric and scope."""
    out: dict[tuple[str, str, str], float] = {}
    for key, row in oracle.education_figures([sample]).items():
        _, _, geo_level, geo_id, rule, base, scope = key
        if (rule, base) != ("any_holder", "all_conversations"):
            continue
        if geo_level == "global":
            is_whole = scope == "education"
            metric = "education_share" if is_whole else "subsector_share"
            out[metric, scope, ""] = row["share_pct"]
        elif scope == "education":
            out["country_education_share", geo_id, ""] = row["share_pct"]
    for key, row in oracle.concentration_figures([sample]).items():
        if key[2:5] == ("any_holder", "education", "scope"):
            out["top_k_concentration", "education", str(key[5])] = row["share_pct"]
    metrics = {"pattern": "pattern_share", "use_case": "use_case_share"}
    for figure in oracle.FIGURES:
        for key, share in task_shares([sample], figure).items():
            _, _, rule, scope, estimator, category = key
            if (rule, estimator) != ("any_holder", "mean"):
                continue
            scope = "all_tasks" if scope == "all_with_pseudo" else scope
            if figure == "success":
                out["success_rate", scope, ""] = share
            else:
                out[metrics[figure], scope, category] = share
    for key, row in oracle.place_figures([sample]).items():
        _, _, geo_level, geo_id, facet, _, label = key
        if geo_level == "global":
            out["facet_share", facet, label] = row["share_pct"]
        elif facet == "country":
            out["facet_share", facet, geo_id] = row["share_pct"]
        elif facet == "collaboration":
            out["country_facet_share", geo_id, label] = row["share_pct"]
    return out


def targets() -> list[dict[str, str]]:
    with (SEEDS / "calibration_targets.csv").open(newline="", encoding="utf-8") as f:
        return list(csv.DictReader(f))


def test_margins_are_near_the_calibration_targets() -> None:
    rows = [r for r in manifest_rows() if r["is_simulated"] == "true"]
    found = {
        (sample.platform, *key): value
        for sample in oracle.read_samples(SHIPPED_DATA, rows)
        for key, value in estimates(sample).items()
    }
    compared = [row for row in targets() if row["metric"] != "numeric_mean"]
    assert len(compared) > 30
    far = []
    for row in compared:
        key = (row["platform"], row["metric"], row["scope"], row["category"])
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
        simulate.main(["--output-dir", str(tmp_path), *options])
    assert stopped.value.code == 2
    assert words in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "options", [["--full-size"], ["--truth"], ["--seed", "1"], ["--release-id", "r"]]
)
def test_only_the_sample_is_written_into_the_project(
    options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    before = content(SHIPPED_DATA)
    with pytest.raises(SystemExit) as stopped:
        simulate.main(options)
    assert stopped.value.code == 2
    assert "--output-dir" in capsys.readouterr().err
    assert content(SHIPPED_DATA) == before


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
    manifest.write_bytes((PROJECT / MANIFEST).read_bytes())
    row = dict.fromkeys(files.MANIFEST_COLUMNS, "x")
    files.update_manifest(manifest, [row])
    assert manifest.read_bytes().startswith((PROJECT / MANIFEST).read_bytes())
    files.update_manifest(manifest, [row])
    assert manifest.read_bytes().count(b"\nx,") == 1
    (tmp_path / "other.csv").write_text("a,b\n")
    with pytest.raises(ValueError, match="observed: manifest columns"):
        files.update_manifest(tmp_path / "other.csv", [row])
