"""The guards of a release: each with the releases that it has to catch.

All releases are built in one work file, each under a release id of its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import duckdb
from conftest import SHIPPED_RELEASE, Row, shipped_row, write_rows

from mutations import releases as r
from mutations.damages import DAMAGES, stops
from mutations.sheet import API, CHAT, Sheet

# The facets that the shipped files hold, as a set of their own beside the real ones.
FACET_SET = "as_shipped"


@dataclass(frozen=True)
class ReleaseMutant:
    """A release to build: the file that is changed, and how."""

    platform: str
    change: Callable[[Sheet], None]

    @property
    def name(self) -> str:
        """What is wrong, in words."""
        return str(self.change.__doc__).strip().rstrip(".")

    @property
    def release_id(self) -> str:
        """The id under which it is built."""
        api = "_api" if self.platform == API else ""
        return f"simulated_{self.change.__name__}{api}"

    def write(self, data: Path) -> Row:
        """Write the file; returns its row of the manifest."""
        sheet = Sheet.shipped(self.platform)
        sheet.manifest["sha256"] = ""
        self.change(sheet)
        folder, _, rest = sheet.manifest["relative_path"].partition("/")
        path = data / f"release_{self.release_id}" / rest
        write_rows(path, sheet.rows())
        content = path.read_bytes()
        sheet.manifest |= {
            "release_id": self.release_id,
            "relative_path": path.relative_to(data).as_posix(),
            "byte_count": str(len(content)),
            "sha256": sheet.manifest["sha256"] or hashlib.sha256(content).hexdigest(),
            "facet_set": FACET_SET,
        }
        return sheet.manifest


def api(change: Callable[[Sheet], None]) -> ReleaseMutant:
    """A mutant of the API's file."""
    return ReleaseMutant(API, change)


def chat(change: Callable[[Sheet], None]) -> ReleaseMutant:
    """A mutant of the file of Claude.ai."""
    return ReleaseMutant(CHAT, change)


# A clean release beside the shipped one: with numeric facets.
NUMERIC = api(r.numbers_as_known)

# What each expectation has to catch, and what its message has to say of it.
EXPECTATIONS: dict[str, dict[ReleaseMutant, str]] = {
    "window_is_one_week": {chat(r.eight_day_window): "measured 8"},
    "sample_is_about_a_million": {api(r.ten_times_the_sample): "9,713,000"},
    "per_million_counts_sum_to_a_million": {
        api(r.conversations_as_per_million): "found 971,300 per million"
    },
    "conversations_are_not_per_million": {
        api(r.per_million_as_conversations): "sample_count 1000000"
    },
    "base_cells_hold_the_floor": {chat(r.three_in_a_country): "facet country"},
    "intersection_cells_hold_the_floor": {
        api(r.fourteen_in_a_named_cell): "::directive"
    },
    "facets_sum_to_the_same_sample": {api(r.use_cases_lost): "facet use_case"},
    "places_sum_to_their_total": {
        chat(r.use_cases_of_a_country_lost): "geo_id US, facet use_case",
    },
    "every_named_label_is_used": {
        api(r.pattern_in_no_task): "missing_label learning",
        api(r.pattern_nowhere): "missing_label learning",
    },
    "residual_is_the_known_one": {chat(r.residual_renamed): "found_label none"},
    "unclassified_tasks_have_no_cells": {
        api(r.cells_of_the_unclassified_task): "not_classified::directive"
    },
    "unclassified_task_share_is_usual": {chat(r.tasks_hidden): "% of conversations"},
    "no_task_share_is_usual": {api(r.tasks_without_a_statement): "% of conversations"},
    "folded_pattern_share_is_usual": {api(r.directive_folded): "% of conversations"},
    "facet_residual_is_usual": {
        chat(r.residual_of_half): "facet use_case, measured 50"
    },
    "api_rows_are_global": {
        api(r.api_with_a_country): "geography country, geo_id US, facet country"
    },
    "regions_follow_the_scheme_of_the_release": {
        chat(r.usps_codes): "geography state_us, geo_id "
    },
    "namibia_is_among_the_countries": {chat(r.without_namibia): "country_count 60"},
    "no_place_is_more_than_the_whole": {
        chat(r.country_above_the_sample): "geo_id US, facet country",
        chat(r.task_of_a_country_above_the_task): "geo_id US, facet onet_task",
    },
    "regions_are_no_more_than_their_country": {
        chat(r.region_above_its_country): "country_code US"
    },
    "small_countries_are_published": {chat(r.small_countries_hidden): "% of countries"},
    "share_without_country_is_usual": {
        chat(r.largest_country_hidden): "% of conversations"
    },
    "no_place_outgrows_its_people": {chat(r.more_use_than_people): "geo_id BT"},
    "no_country_is_mostly_feedback_loops": {chat(r.coordinated_traffic): "geo_id BT"},
    "releases_differ": {
        chat(r.same_release_again): f"other_release_id {SHIPPED_RELEASE}"
    },
    "time_with_the_model_is_in_minutes": {
        api(r.hours_for_minutes): "variable human_with_ai_time_mean"
    },
    "time_of_a_person_is_in_hours": {
        api(r.minutes_for_hours): "variable human_only_time_mean, measured 186"
    },
    "autonomy_runs_from_one_to_five": {
        api(r.autonomy_in_percent): "variable ai_autonomy_mean, measured 68"
    },
    "education_is_in_years": {
        api(r.education_in_months): "variable human_education_years_mean"
    },
    "education_share_is_usual": {chat(r.education_of_half): "% of conversations"},
    "named_tasks_cover_the_sample": {chat(r.tasks_hidden): "% of conversations"},
    "country_task_lists_are_as_thin_as_known": {
        chat(r.tasks_of_countries_hidden): "% of conversations (median country)"
    },
    "every_occupation_group_is_there": {
        chat(r.occupation_group_hidden): "missing_group Transportation"
    },
    "education_rests_on_enough_tasks": {
        chat(r.education_in_one_task): "found 1 effective tasks"
    },
    "most_tasks_publish_a_pattern": {
        api(r.patterns_folded_in_most_tasks): "% of tasks"
    },
    "education_success_is_usual": {
        chat(r.success_swapped): "% of conversations of tasks that publish yes"
    },
    "the_copy_is_the_official_file": {
        chat(r.edited_copy): "file_status unverified_copy"
    },
    "the_copy_holds_every_facet": {
        chat(r.facet_missing): "facet task_success",
        api(r.chat_file_of_the_api): "facet country",
    },
    "countries_sum_to_the_sample": {chat(r.country_lost): "share_pct"},
    "nearly_all_is_in_a_country": {chat(r.countries_halved): "measured 50"},
    "tasks_of_a_place_sum_to_its_total": {chat(r.tasks_of_a_country_lost): "geo_id US"},
    "published_percentages_agree_by_place": {
        chat(r.percentages_of_99): "geo_id US-CA, facet country-state"
    },
    "every_facet_of_a_file_is_listed": {
        api(r.api_with_a_country): "facet country, geo_level country",
    },
}

# What each singular data test has to catch in a release, and what it has to say.
DATA_TESTS: dict[str, dict[ReleaseMutant, str]] = {
    "bounds_hold_the_published_share": {
        chat(r.pattern_in_no_task): "figure pattern, category learning",
        chat(r.success_swapped_globally): "figure success, category yes",
    },
}


# What no guard catches: the row of the register that says so.
SURVIVORS: dict[ReleaseMutant, str] = {
    chat(r.patterns_mistaken): "classifier_error",
    chat(r.tasks_mistaken): "occupation_from_task",
    chat(r.traffic_in_many_countries): "anomalous_geographies",
    chat(r.week_of_holidays): "season",
    chat(r.one_account): "base_cell_floor",
}


def release_mutants() -> list[ReleaseMutant]:
    """Every release to build, each once."""
    by_guard = [*EXPECTATIONS.values(), *DATA_TESTS.values(), SURVIVORS, {NUMERIC: ""}]
    return list(dict.fromkeys(mutant for mutants in by_guard for mutant in mutants))


def write_releases(data: Path) -> list[Row]:
    """Write all mutants into a data folder; returns their rows of the manifest."""
    return [mutant.write(data) for mutant in release_mutants()]


# Official files that are not as we assumed, by the check that finds it: one of each.
OFFICIAL = {
    guard: (name, damage)
    for guard, some in DAMAGES.items()
    if not stops(guard, is_official=True)
    for name, damage in list(some.items())[:1]
}
# This one leaves a place that is more than the country around it.
USPS = "USPS codes in a 2026 file"
OFFICIAL["unknown_geographies"] = (USPS, DAMAGES["unknown_geographies"][USPS])


def official_id(guard: str) -> str:
    """The release id of an official file with damage of a check."""
    return f"simulated_official_{guard}"


def write_official(data: Path) -> list[Row]:
    """Write the damaged official files; returns their rows of the manifest."""
    rows = []
    for guard, (_, damage) in OFFICIAL.items():
        place = f"release_{official_id(guard)}/raw.csv"
        (data / place).parent.mkdir()
        (data / place).write_bytes(damage.done().content)
        row = damage.official(official_id(guard), place)
        rows.append(row | {"facet_set": FACET_SET})
    return rows


# Working-age people of some countries, which the shipped sample comes without.
POPULATIONS = {"US": 217_000_000, "BT": 550_000, "DE": 53_000_000}


def write_populations(data: Path) -> Row:
    """Write a population file; returns its row of the manifest."""
    path = data / "release_simulated_numbers" / "working_age_population.csv"
    rows = [
        {
            "iso_alpha_3": "",
            "year": "2024",
            "working_age_pop": str(count),
            "country_code": code,
        }
        for code, count in POPULATIONS.items()
    ]
    write_rows(path, rows)
    return shipped_row("", "iso_country_codes") | {
        "file_role": "working_age_population",
        "relative_path": path.relative_to(data).as_posix(),
        "byte_count": str(path.stat().st_size),
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }


def list_releases(con: duckdb.DuckDBPyConnection, shipped: Path) -> None:
    """Register what a release is known for, for each mutant as for the shipped one."""
    for mutant in release_mutants():
        for table in ("anomalous_geographies", "expected_residuals"):
            con.execute(
                f"insert into reference.{table} select * replace "
                f"('{mutant.release_id}' as release_id) from reference.{table} "
                f"where release_id = '{SHIPPED_RELEASE}'"
            )
    con.execute(f"attach '{shipped}' as shipped (read_only)")
    con.execute(
        f"insert into reference.facet_sets by name "
        f"select '{FACET_SET}' as facet_set, platform, geo_level, facet "
        "from shipped.marts.fct_cell_coverage where status = 'in_copy' "
        f"and release_id = '{SHIPPED_RELEASE}'"
    )
