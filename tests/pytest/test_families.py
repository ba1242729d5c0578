"""Families A (flat) and C (monthly): loaded whole, computed as the guides say, true.

One warehouse is built of simulated releases with known truth, of the real files where
they are at hand, and of the shipped release of family B.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import oracle_families as own
import pytest
from conftest import (
    Row,
    manifest_rows,
    query,
    read_rows,
)
from dbt.contracts.graph.manifest import Manifest
from expectations import CHECKS
from expectations.flat import FLAT_CHECKS
from expectations.monthly import MONTHLY_CHECKS
from family_data import Families, build_models, mixed_folder, unlisted
from oracle import Figures, Key, Sample, holder_codes
from oracle_marts import compared, mart_figures
from validation.run import run_checks

TRUTH = "release_simulated_{}/truth/{}.parquet"


@dataclass(frozen=True)
class Mixed:
    """The warehouse of all families, its folder, and what its files hold."""

    data: Path
    work_file: Path
    rows: list[Row]
    samples: list[Sample]
    months: dict[tuple[str, str, str], own.Month]


@pytest.fixture(scope="module")
def mixed(
    request: pytest.FixtureRequest,
    project_manifest: Manifest,
    seeded_file: Path,
    simulated_families: Families,
    tmp_path_factory: pytest.TempPathFactory,
) -> Mixed:
    """The warehouse of all families, with the real files where they are at hand."""
    folder = tmp_path_factory.mktemp("families")
    data = folder / "data"
    try:
        real = request.getfixturevalue("real_data_dir")
    except pytest.skip.Exception:
        real = None
    rows = mixed_folder(data, simulated_families, real)
    work_file = build_models(seeded_file, folder, data, rows, project_manifest)
    there = [
        row
        for row in [*unlisted(rows), *manifest_rows()]
        if (data / row["relative_path"]).is_file() and row["copy_status"] == "current"
    ]

    def files(role: str) -> list[Row]:
        return [row for row in there if row["file_role"] == role]

    codes = {
        row["taxonomy_version"]: holder_codes(data / row["relative_path"])
        for row in files("onet_task_statements")
    }
    lists = [data / row["relative_path"] for row in files("iso_country_codes")]
    months = own.read_monthly(data, there, own.country_keys(*lists))
    return Mixed(data, work_file, there, own.read_flat(data, there, codes), months)


# The oracle ---------------------------------------------------------------------------

FLAT: dict[str, Callable[..., Figures]] = {
    "fct_education_shares": own.flat_education,
    "fct_occupation_group_shares": own.flat_groups,
    "fct_task_concentration": own.flat_concentration,
    "fct_interaction_patterns": own.flat_patterns,
    "fct_facet_shares": own.flat_places,
}
MONTHS: dict[str, Callable[..., Figures]] = {
    "fct_education_shares": own.monthly_education,
    "fct_occupation_group_shares": own.monthly_groups,
    "fct_interaction_patterns": partial(own.monthly_answers, facet="collaboration"),
    "fct_use_case_shares": partial(own.monthly_answers, facet="use_case"),
    "fct_facet_shares": own.monthly_places,
}


def wrong_figures(shown: Figures, figures: Figures) -> list[Key]:
    """Where a mart says another thing than the oracle; a row that has no share in
    either need not be there."""
    return compared(
        {k: row for k, row in figures.items() if shares(row, k, shown)},
        {k: row for k, row in shown.items() if shares(row, k, figures)},
    )


def shares(row: Mapping[str, Any], key: Key, others: Figures) -> bool:
    """Whether a row has a share, or stands among the others too."""
    return row["share_pct"] is not None or key in others


@pytest.mark.parametrize("mart", FLAT)
def test_flat_release_agrees_with_the_oracle(mart: str, mixed: Mixed) -> None:
    # where a release prints the global patterns, these are the figure
    printed = {s.key for s in mixed.samples if ("collaboration", 0) in s.world}
    figures, shown = (
        {
            key: row
            for key, row in rows.items()
            if mart != "fct_interaction_patterns"
            or key[:2] not in printed
            or key[3] != "all_with_pseudo"
        }
        for rows in (
            FLAT[mart](mixed.samples),
            mart_figures(mart, mixed.work_file, "A"),
        )
    )
    assert len(figures) > 40
    assert wrong_figures(shown, figures) == []


def test_education_tasks_of_a_flat_release_agree_with_the_oracle(mixed: Mixed) -> None:
    figures = own.flat_tasks(mixed.samples)
    shown = mart_figures("fct_education_tasks", mixed.work_file, "A")
    assert compared(figures, shown) == []
    assert sum(row.get("learning_pct") is not None for row in figures.values()) > 20


@pytest.mark.parametrize("mart", MONTHS)
def test_month_agrees_with_the_oracle(mart: str, mixed: Mixed) -> None:
    figures = MONTHS[mart](mixed.months)
    assert len(figures) > 10
    shown = mart_figures(mart, mixed.work_file, "C")
    assert wrong_figures(shown, figures) == []


def test_percentages_have_no_counts(mixed: Mixed) -> None:
    columns = query(
        mixed.work_file,
        "select table_name, column_name from information_schema.columns "
        "where table_schema = 'marts' and (column_name like '%conversation_count' "
        "or column_name in ('published_pattern_count', 'yes_count')) "
        "and table_name in (select table_name from information_schema.columns "
        "where table_schema = 'marts' and column_name = 'window_start_date')",
    )
    assert len(columns) > 10
    for mart, column in columns:
        found = query(
            mixed.work_file,
            f"select release_id, count({column}) from marts.{mart} semi join "
            "(from marts.dim_releases where count_basis = 'percent_only') "
            "using (release_id, platform, window_start_date) group by all",
        )
        assert all(count == 0 for _, count in found), (mart, column, found)


def test_figures_that_the_guide_states(mixed: Mixed) -> None:
    if not any(row["release_id"] == "2025_02_10" for row in mixed.rows):
        pytest.skip("the real files of family A are not there")
    shares = query(
        mixed.work_file,
        "select release_id, round(share_pct, 2) from marts.fct_education_shares "
        "where allocation_rule = 'any_holder' and scope = 'education' "
        "and share_base = 'all_conversations' and release_id in "
        "('2025_02_10', '2025_03_27') order by all",
    )
    assert shares == [("2025_02_10", 9.29), ("2025_03_27", 10.97)]


# The truth ----------------------------------------------------------------------------


def test_flat_shares_are_those_of_the_conversations(mixed: Mixed) -> None:
    truth = mixed.data / TRUTH.format("2025_02", "truth_cell")
    true = query(
        mixed.work_file,
        f"""
        with tasks as (
            select task, sum(conversations) as n from '{truth}'
            where facet = 'onet_task' and task <> 'not_classified'
            group by task having n >= 15
        )
        select
            100 * sum(n) filter (education) / sum(n),
            100 * sum(n) filter (education) / sum(n) filter (task <> 'none')
        from tasks
        left join (
            select lower(trim("Task")) as task,
                bool_or("O*NET-SOC Code" like '25-%') as education
            from '{mixed.data}/release_simulated_2025_02/onet_task_statements.csv'
            group by all
        ) using (task)
        """,
    )[0]
    shown = query(
        mixed.work_file,
        "select share_pct from marts.fct_education_shares "
        "where release_id = 'simulated_2025_02' and scope = 'education' "
        "and allocation_rule = 'any_holder' order by share_base",
    )
    assert [share for (share,) in shown] == pytest.approx(true, abs=1e-9)


def test_patterns_of_a_flat_release_leave_room_for_the_truth(mixed: Mixed) -> None:
    truth = mixed.data / TRUTH.format("2025_02", "truth_cell")
    rows = query(
        mixed.work_file,
        f"""
        with cells as (
            select task, category, sum(conversations) as n from '{truth}'
            where facet = 'collaboration' and task in (
                select task_key from marts.fct_education_tasks
                where release_id = 'simulated_2025_02'
            )
            group by all
        ),
        true_shares as (
            select category, 100 * sum(n) / (select sum(n) from cells) as true_pct
            from cells group by category
        )
        select pattern, share_pct, true_pct, share_pct + suppressed_pct
        from marts.fct_interaction_patterns
        inner join true_shares on pattern = category
        where release_id = 'simulated_2025_02' and scope = 'education'
            and allocation_rule = 'any_holder' and estimator = 'all_conversations'
            and share_pct is not null and pattern <> 'not_classified'
        """,
    )
    assert len(rows) == 5
    for pattern, low, true, high in rows:
        assert low - 1e-9 <= true <= high + 1e-9, pattern


def true_months(
    mixed: Mixed, truth: Path, key: tuple[str, str]
) -> dict[tuple[str, str, str], own.Month]:
    """The published cells of a simulated file, with what they were rounded from."""
    rows = query(
        mixed.work_file,
        "select date_start, geo_level, geo_id, category_name, hierarchy_level, "
        f"node_external_id, metric_id, value from '{truth}'",
    )
    values = {tuple(row[:-1]): row[-1] for row in rows}
    (path,) = (
        mixed.data / row["relative_path"]
        for row in mixed.rows
        if (row["release_id"], row["platform"]) == key
    )
    keys = own.country_keys(
        *(
            mixed.data / row["relative_path"]
            for row in mixed.rows
            if row["file_role"] == "iso_country_codes"
        )
    )

    def true_value(line: Row) -> float:
        place = (line["date_start"], line["geo_level"], line["geo_id"])
        node = (line["category_name"], int(line["hierarchy_level"]))
        return values[(*place, *node, line["node_external_id"], line["metric_id"])]

    return own.months_of(key, read_rows(path), keys, true_value)


@pytest.mark.parametrize("platform", ["claude_ai", "1p_api"])
def test_months_hold_the_truth_within_rounding(platform: str, mixed: Mixed) -> None:
    truth = mixed.data / TRUTH.format("2026_06", f"monthly_{platform}")
    key = ("simulated_2026_06", platform)
    true = {
        cell: row["share_pct"]
        for cell, row in own.monthly_places(true_months(mixed, truth, key)).items()
    }
    shown = {
        cell: row
        for cell, row in mart_figures("fct_facet_shares", mixed.work_file, "C").items()
        if cell[:2] == key and cell[-1] == "all_conversations"
    }
    assert len(shown) > 500
    for cell, row in shown.items():
        low, high = row["bound_low_pct"], row["bound_high_pct"]
        assert low - 1e-9 <= true[cell] <= high + 1e-9, (cell, low, true[cell], high)


# Every row is used or named -----------------------------------------------------------


def test_every_row_of_a_file_is_accounted_for(mixed: Mixed) -> None:
    counts = {
        path: (rows, aside)
        for path, rows, aside in query(
            mixed.work_file,
            "select relative_path, row_count, set_aside_row_count "
            "from marts.dim_release_files where is_loaded and file_role = 'raw'",
        )
    }
    looked_at = 0
    for row in mixed.rows:
        if row["schema_family"] and row["schema_family"] != "B_long":
            with (mixed.data / row["relative_path"]).open(newline="") as handle:
                rows = sum(1 for _ in csv.reader(handle)) - 1
            assert counts[row["relative_path"]] == (rows, 0), row["relative_path"]
            looked_at += 1
    assert looked_at >= 5


# Expectations -------------------------------------------------------------------------

CHANGED = ("stg_aei__monthly_values", "stg_aei__flat_values")
CHAT, API = "sample_id like '% claude_ai %'", "sample_id like '% 1p_api %'"
APRIL = "date_start = '2026-04-01' and sample_id like 'simulated%'"
SOC_25 = "category_name = 'soc_occupation' and node_external_id = '25'"
GERMANY = "published_geo_id = 'DEU'"
GROUPS = "category_name = 'soc_occupation' and level = 1 and metric_id = 'pct'"
# As many rows of usage as a real month has countries, and more.
MANY_COUNTRIES = f"{APRIL} and geo_level = 'country' and metric_id like '%pct'"
USAGE_SUMS_TO = (
    "metric_id = 'usage_pct', value = {} / (select count(*) from "
    f"staging.stg_aei__monthly_values where {MANY_COUNTRIES})"
)
# What is changed in the staged rows, by the expectation that has to see it.
MUTANTS: dict[str, tuple[str, str]] = {
    "monthly_use_cases_sum_to_100": (
        "value = value + 0.1",
        f"{APRIL} and {SOC_25} and {GERMANY} and metric_id = 'use_case_work_pct'",
    ),
    "monthly_collaborations_sum_to_100": (
        "value = value / 100",
        f"{APRIL} and {CHAT} and measure = 'pct'",
    ),
    "monthly_collaboration_buckets_sum_to_100": (
        "value = value - 0.1",
        f"{APRIL} and {GERMANY} and metric_id = 'collaboration_bucket_automation_pct'",
    ),
    "monthly_automation_is_its_two_patterns": (
        "metric_id = case metric_id when 'collaboration_learning_pct' then "
        "'collaboration_directive_pct' else 'collaboration_learning_pct' end",
        f"{APRIL} and {SOC_25} and metric_id in "
        "('collaboration_learning_pct', 'collaboration_directive_pct')",
    ),
    "monthly_countries_sum_to_at_most_100": (
        "value = 4 * value",
        f"{APRIL} and geo_level = 'country' and metric_id = 'usage_pct'",
    ),
    "monthly_regions_sum_to_at_most_100": (
        "value = 99.9",
        f"{APRIL} and geo_level = 'region' and metric_id = 'usage_pct'",
    ),
    "monthly_major_groups_sum_to_at_most_100": (
        "value = value + 20",
        f"{APRIL} and {SOC_25} and geo_level = 'global' and metric_id = 'pct'",
    ),
    "monthly_percentages_are_no_fractions": (
        "value = value / 100",
        f"{APRIL} and {CHAT} and metric_id = 'pct'",
    ),
    "monthly_major_groups_are_the_whole": (
        "value = value / 2",
        f"{APRIL} and {GROUPS} and geo_level = 'global'",
    ),
    "monthly_nodes_of_a_place_are_the_whole": (
        "value = value / 2",
        f"{APRIL} and {GROUPS} and geo_level = 'country'",
    ),
    "monthly_countries_hold_most_of_the_usage": (
        USAGE_SUMS_TO.format(50),
        MANY_COUNTRIES,
    ),
    "monthly_metrics_are_all_there": (
        "metric_id = 'use_case_work_pct'",
        f"{CHAT} and metric_id = 'multitasking_pct'",
    ),
    "monthly_occupations_have_codes": (
        "node_external_id = '25.0'",
        f"{APRIL} and {SOC_25} and {GERMANY}",
    ),
    "monthly_major_groups_have_their_names": (
        "node_external_id = case node_external_id when '25' then '27' else '25' end",
        f"{APRIL} and {GROUPS} and node_external_id in ('25', '27')",
    ),
    "monthly_occupations_fit_into_their_group": (
        "value = value / 2",
        f"{APRIL} and {SOC_25} and geo_level = 'global' and metric_id = 'pct'",
    ),
    "monthly_api_is_global": ("geo_level = 'country'", f"{APRIL} and {API}"),
    "monthly_chat_has_countries": (
        "geo_level = 'global'",
        f"{APRIL} and geo_level = 'country'",
    ),
    "months_differ": (
        "value = april.value from (from staging.stg_aei__monthly_values "
        f"where {APRIL}) as april",
        "told.date_start = '2026-05-01'"
        + "".join(
            f" and told.{name} = april.{name}"
            for name in (
                *("node_external_id", "relative_path", "geo_id", "metric_id"),
                *("category_name", "level"),
            )
        ),
    ),
    "flat_patterns_sum_to_100": (
        "value = 6.5",
        "facet = 'collaboration' and cluster_name = 'learning'",
    ),
    "flat_patterns_are_no_fractions": (
        "value = value / 100",
        "facet = 'collaboration'",
    ),
    "flat_patterns_are_all_there": (
        "cluster_name = 'none'",
        "facet = 'collaboration' and cluster_name = 'learning'",
    ),
    "flat_releases_differ": (
        "release_id = 'another', attribute_facet = null, value = shares.value from "
        "(from staging.stg_aei__flat_values where base_facet = 'onet_task' "
        "and attribute_facet is null) as shares",
        "told.attribute_facet is not null and told.category = 'learning' "
        "and told.sample_id = shares.sample_id "
        "and told.base_cluster_name = shares.base_cluster_name",
    ),
}
# Simulated months have fewer countries than are judged; beside the flat files of one
# release there may be no others.
NOTHING_TO_JUDGE = {"monthly_countries_hold_most_of_the_usage", "flat_releases_differ"}


def answers(work_file: Path, *expectation_ids: str) -> dict[str, set[bool | None]]:
    """What expectations say of the simulated releases."""
    checks = [c for c in CHECKS if c.expectation_id in expectation_ids]
    said: dict[str, set[bool | None]] = {c.expectation_id: set() for c in checks}
    for answer in run_checks(work_file, "raw", checks):
        if str(answer.release_id).startswith("simulated"):
            said[answer.expectation_id].add(answer.is_success)
    return said


@pytest.fixture(scope="module")
def staged(mixed: Mixed, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The staged rows of A and C and the reference tables, to be changed; every
    expectation holds."""
    file = tmp_path_factory.mktemp("staged") / "staged.duckdb"
    with duckdb.connect(str(file)) as con:
        con.execute(f"attach '{mixed.work_file}' as built (read_only)")
        for schema in ("staging", "reference"):
            con.execute(f"create schema {schema}")
            for (table,) in con.execute(
                "select table_name from duckdb_tables() "
                f"where database_name = 'built' and schema_name = '{schema}' and "
                "not regexp_matches(table_name, 'stg_aei__(row|facet|country)')"
            ).fetchall():
                con.execute(
                    f"create table {schema}.{table} as from built.{schema}.{table}"
                )
        for table in CHANGED:
            con.execute(f"create table clean_{table} as from staging.{table}")
    said = answers(file, *MUTANTS)
    assert said.keys() == MUTANTS.keys()
    open_ = {name for name, held in said.items() if held == {None}}
    assert open_ <= NOTHING_TO_JUDGE
    assert {name for name, held in said.items() if False in held} == set()
    return file


def after(
    staged: Path, expectation_id: str, change: str, where: str
) -> set[bool | None]:
    """What an expectation says of changed rows, which are restored."""
    table = CHANGED[expectation_id.startswith("flat_")]
    with duckdb.connect(str(staged)) as con:
        update = f"update staging.{table} as told set {change} where {where}"
        assert con.execute(update).fetchone()[0] > 0
    try:
        return answers(staged, expectation_id)[expectation_id]
    finally:
        with duckdb.connect(str(staged)) as con:
            restore = f"create or replace table staging.{table} as from clean_{table}"
            con.execute(restore)


@pytest.mark.parametrize("expectation_id", MUTANTS)
def test_expectation_catches_its_mutant(expectation_id: str, staged: Path) -> None:
    assert False in after(staged, expectation_id, *MUTANTS[expectation_id])


def test_usage_of_many_countries_holds_as_in_real_months(staged: Path) -> None:
    name = "monthly_countries_hold_most_of_the_usage"
    held = after(staged, name, USAGE_SUMS_TO.format(82.03), MANY_COUNTRIES)
    assert held == {True}


def test_names_of_groups_hold_as_titles_and_a_shift_of_their_ids_does_not(
    staged: Path,
) -> None:
    name = "monthly_major_groups_have_their_names"
    titles = (
        "node_name = group_title || {}, node_external_id = {} "
        "from reference.soc_major_groups"
    )
    where = f"{GROUPS} and told.node_external_id = soc_major_group"
    own = titles.format("' Occupations'", "node_external_id")
    assert after(staged, name, own, where) == {True}
    shifted = titles.format("''", "(node_external_id::int + 2)::text")
    assert False in after(staged, name, shifted, where)


def test_every_expectation_on_these_layouts_has_a_mutant() -> None:
    assert {c.expectation_id for c in (*FLAT_CHECKS, *MONTHLY_CHECKS)} == set(MUTANTS)
