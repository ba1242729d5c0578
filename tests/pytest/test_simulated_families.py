"""The flat and the monthly family: the same conversations in another layout.

What they publish is counted anew here from the conversations that family B writes of
the same seed, and held against the truth that they write themselves.
"""

from __future__ import annotations

from collections import Counter
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import duckdb
import pytest
import simulate
from conftest import PROJECT
from simulation.model import CATEGORIES, PLATFORMS, load_model

SIZE = ("--conversations", "40000", "--api-records", "9000", "--truth")
CELL_FLOOR, COUNTRY_FLOOR, REGION_FLOOR = 15, 200, 100  # stated apart from the seeds
MONTHLY_FILE = "release_simulated_2026_06/data/aei_simulated_{}_2026-06-26.csv"
FLAT = "release_simulated_2025_02"
PATTERNS = CATEGORIES["collaboration"][:-1]
KEY = "date_start, geo_id, category_name, hierarchy_level, metric_id, node_external_id"
METRICS = {  # data guide, families A and C; without the labels of artifacts
    *(f"collaboration_{p.replace(' ', '_')}_pct" for p in PATTERNS),
    *(f"collaboration_bucket_{b}_pct" for b in ("automation", "augmentation")),
    *(f"use_case_{u}_pct" for u in ("work", "personal", "coursework")),
    *(f"{f}_mean" for f in ("ai_autonomy", "human_only_time", "human_with_ai_time")),
    *(f"{who}_education_years_mean" for who in ("ai", "human")),
    *("multitasking_pct", "human_only_ability_pct"),
}


def write(folder: Path, family: str, *options: str) -> Path:
    command = ["--family", family, "--output-dir", str(folder), *SIZE, *options]
    assert simulate.main(command) == 0
    return folder


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release of every family, with its truth, and the conversations."""
    folder = tmp_path_factory.mktemp("families")
    write(folder, "A")
    write(folder, "B", "--conversations-parquet", str(folder / "conversations"))
    return write(folder, "C", "--facets", "all")


@pytest.fixture(scope="module")
def con(written: Path) -> duckdb.DuckDBPyConnection:
    """``<platform>``: a monthly file; ``true_<platform>``; ``said``: conversations."""
    con = duckdb.connect()
    for platform in PLATFORMS:
        con.execute(
            f'create table "{platform}" as select * replace '
            "(value::double as value, hierarchy_level::integer as hierarchy_level) "
            "from read_csv(?, delim = ',', header = true, all_varchar = true)",
            [str(written / MONTHLY_FILE.format(platform))],
        )
        truth = f"{written}/release_simulated_2026_06/truth/monthly_{platform}.parquet"
        con.execute(f"create table true_{platform} as from '{truth}'")
    model = load_model(PROJECT / "seeds" / "simulation")
    con.execute(
        f"create table said as from '{written}/conversations/claude_ai/*.parquet'"
    )
    con.execute("create table holder (task varchar, soc varchar)")
    holders = [[t.key, min(t.holder_codes)[:2]] for t in model.tasks]
    con.executemany("insert into holder values (?, ?)", holders)
    con.execute("create table code (country varchar, alpha_3 varchar)")
    codes = [[c.geo_id, c.alpha_3] for c in model.countries if c.alpha_3]
    con.executemany("insert into code values (?, ?)", codes)
    return con


def rounded(part: int, whole: int) -> float:
    """A percentage to two decimals, half up."""
    exact = Decimal(100 * part) / Decimal(whole)
    return float(exact.quantize(Decimal("0.01"), ROUND_HALF_UP))


# --- family A


def test_flat_files_are_what_the_conversations_say(
    written: Path, con: duckdb.DuckDBPyConnection
) -> None:
    cells = Counter(con.sql("select task, collaboration from said").fetchall())
    tasks, patterns = Counter[str](), Counter[str]()
    for (task, pattern), n in cells.items():
        tasks[task] += n
        patterns[pattern] += n
    shown = {
        t: n for t, n in tasks.items() if n >= CELL_FLOOR and t != "not_classified"
    }
    assert CELL_FLOOR in tasks.values() or min(shown.values()) < 20 < len(shown)

    def read(name: str) -> dict[str, tuple]:
        rows = duckdb.sql(f"from read_csv('{written / FLAT / name}.csv')").fetchall()
        return {row[0]: row[1:] for row in rows}

    shares = read("onet_task_mappings")
    whole = sum(shown.values())
    assert shares == {t: (pytest.approx(n / whole * 100),) for t, n in shown.items()}
    assert sum(pct for (pct,) in shares.values()) == pytest.approx(100)
    assert "none" in shares
    assert read("automation_vs_augmentation") == {
        p: (pytest.approx(n / tasks.total() * 100),)
        for p, n in patterns.items()
        if p != "not_classified"
    }
    order = ("feedback loop", "directive", "task iteration", "validation", "learning")
    by_task = read("automation_vs_augmentation_by_task")
    assert set(by_task) == set(shown) - {"none"}
    for task, row in by_task.items():
        named = [n if n >= CELL_FLOOR else 0 for n in (cells[task, p] for p in order)]
        filtered = shown[task] - sum(named)
        assert row == pytest.approx([n / shown[task] for n in (*named, filtered)])


# --- family C


def test_april_is_of_the_same_conversations(con: duckdb.DuckDBPyConnection) -> None:
    """Countries and the world: use cases, patterns, major groups, usage."""
    cells = con.sql(
        "select coalesce(alpha_3, ''), use_case, collaboration, "
        "coalesce(soc, ''), count(*) from said left join code using (country) "
        "left join holder using (task) group by all"
    ).fetchall()
    count: dict[str, Counter[str]] = {}
    for place, use_case, pattern, soc, n in cells:
        for geo_id in ("GLOBAL", place):
            of_place = count.setdefault(geo_id, Counter())
            for name in ("all", f"use_case_{use_case}", f"soc_{soc}"):
                of_place[name] += n
            of_place[f"collaboration_{pattern.replace(' ', '_')}"] += n
    world = count["GLOBAL"]["all"]
    del count[""]
    expected = {}
    for geo_id, n in count.items():
        if geo_id != "GLOBAL" and n["all"] < COUNTRY_FLOOR:
            continue
        expected[geo_id, "-", "usage_pct"] = rounded(n["all"], world)
        for facet in ("use_case", "collaboration"):
            named = [f"{facet}_{c.replace(' ', '_')}" for c in CATEGORIES[facet][:-1]]
            base = sum(n[c] for c in named)
            for c in named:
                expected[geo_id, "-", f"{c}_pct"] = rounded(n[c], base)
        groups = {c: m for c, m in n.items() if c.startswith("soc_") and c != "soc_"}
        for c, m in groups.items():
            if m >= CELL_FLOOR:
                expected[geo_id, c[4:], "pct"] = rounded(m, sum(groups.values()))
    published = {
        row[:3]: row[3]
        for row in con.sql(
            "select geo_id, node_external_id, metric_id, value from claude_ai "
            "where date_start = '2026-04-01' and geo_level <> 'subregion' and ("
            "category_name = 'overall' and regexp_matches(metric_id, "
            "'^(usage|use_case|collaboration)_') and not regexp_matches(metric_id, "
            "'bucket|index') or category_name || hierarchy_level = 'soc_occupation1' "
            "and metric_id = 'pct')"
        ).fetchall()
    }
    assert published == expected
    assert len({geo_id for geo_id, *_ in expected}) > 10


@pytest.fixture(scope="module", params=PLATFORMS)
def sides(request: pytest.FixtureRequest, con: duckdb.DuckDBPyConnection) -> str:
    """``side``: the truth of a platform, with what is ``shown`` and the ``whole``."""
    con.execute(
        "create or replace table side as select t.*, p.value as shown, "
        "max(t.conversations) filter (t.category_name = 'overall') over "
        f'(partition by date_start, geo_id) as whole from "true_{request.param}" as t '
        f'full join "{request.param}" as p using ({KEY})'
    )
    return request.param


def test_months_are_withheld_and_rounded_as_stated(
    con: duckdb.DuckDBPyConnection, sides: str
) -> None:
    is_stated = (
        f"conversations >= {CELL_FLOOR} and whole >= case geo_level when 'country' "
        f"then {COUNTRY_FLOOR} when 'subregion' then {REGION_FLOOR} else 0 end"
    )
    for rule in (
        f"(shown is not null) = ({is_stated})",
        "shown is null or (abs(shown - value) < 0.00501 and round(shown, 2) = shown)",
        "is_published = (shown is not null)",
        "date_start in ('2026-04-01', '2026-05-01')",
        "date_end = (date_start::date + interval 1 month)::date::varchar",
        "concat(geo_id, node_name) not like '%not_classified%'",
        "geo_level <> 'country' or geo_id in (select alpha_3 from code)",
        "geo_level <> 'subregion' or left(geo_id, 2) in (select country from code)",
        "geo_level <> 'global' or geo_id = 'GLOBAL'",
        "category_name || hierarchy_level <> 'soc_occupation0' "
        "or node_external_id similar to '[0-9]{2}-[0-9]{4}[.]00'",
    ):
        query = f"from side where not coalesce({rule}, false) limit 5"
        assert con.sql(query).fetchall() == [], rule
    hidden = "select count(*) from side where shown is null"
    assert con.sql(hidden).fetchall() > [(100,)]


def test_a_month_holds_what_each_level_has(
    con: duckdb.DuckDBPyConnection, sides: str
) -> None:
    artifacts = load_model(PROJECT / "seeds" / "simulation").artifacts
    every = METRICS | {f"artifact_{label}_pct" for label in artifacts}
    usage = {"usage_pct", "usage_per_capita_index"} if sides == "claude_ai" else set()
    tops = {("soc_occupation", 1), ("onet", 3), ("request", 2)}
    levels = {("onet", n) for n in range(4)} | {("request", n) for n in range(3)}
    levels |= {("soc_occupation", 0), ("soc_occupation", 1)}
    expected = {}
    for place in ("global", "country", "subregion")[: 3 if usage else 1]:
        expected[place, "overall", 0] = every | usage
        for node in levels:
            has_all = place == "global" or (place == "country" and node in tops)
            expected[(place, *node)] = {"pct"} | (every if has_all else set())
    rows = con.sql(
        "select geo_level, category_name, hierarchy_level, list(distinct metric_id) "
        "from side where shown is not null group by all"
    ).fetchall()
    assert {row[:3]: set(row[3]) for row in rows} == expected
    topics = con.sql(
        "select distinct node_name from side where category_name = 'request' "
        "and hierarchy_level = 2"
    ).fetchall()
    assert ("Education & Learning",) in topics


def test_identities_hold_within_rounding(
    con: duckdb.DuckDBPyConnection, sides: str
) -> None:
    cells = con.sql(
        "select map(list(metric_id), list(shown)) from side where shown is not null "
        "group by date_start, geo_id, category_name, hierarchy_level, node_external_id"
    ).fetchall()
    whole = [c for (c,) in cells if "collaboration_bucket_automation_pct" in c]
    assert len(whole) > 100
    for cell in whole:
        for start, count in (
            ("use_case_", 3),
            ("collaboration_bucket_", 2),
            ("collaboration_", 6),
            ("artifact_", 32),
        ):
            is_bucket = "bucket" in start
            parts = [
                v
                for k, v in cell.items()
                if k.startswith(start) and ("bucket" in k) is is_bucket
            ]
            assert len(parts) == count
            assert sum(parts) == pytest.approx(100, abs=count * 0.00501)
        part = sum(
            cell[f"collaboration_{p}_pct"] for p in ("directive", "feedback_loop")
        )
        none = cell["collaboration_none_pct"]
        share = cell["collaboration_bucket_automation_pct"]
        assert part == pytest.approx(share / 100 * (100 - none), abs=0.0201)
    groups = con.sql(
        "select sum(shown) from side where geo_level = 'global' and metric_id = 'pct' "
        "and category_name || hierarchy_level = 'soc_occupation1' group by date_start"
    ).fetchall()
    assert [total for (total,) in groups] == [pytest.approx(99.5, abs=0.6)] * 2
