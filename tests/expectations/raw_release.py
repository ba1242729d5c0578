"""Expectations on the releases as staged, before any mart is made.

The loader checks (``int_input_problems``) refuse damaged files and set unknown rows
aside; these ask whether the other rows are the sample that the figures assume.
"""

from __future__ import annotations

from pathlib import Path

import yaml

from expectations.check import (
    Check,
    each_at_least,
    each_within_bound,
    no_rows,
    only_values,
    within_bound,
)

PROJECT = Path(__file__).resolve().parent.parent.parent
VARS = yaml.safe_load((PROJECT / "dbt_project.yml").read_text())["vars"]
FLOOR = VARS["privacy_floor_conversations"]
COUNTRY_THRESHOLD = VARS["country_threshold_conversations"]

# The usable rows of one platform of a release; its counts; the total of its sample.
ROWS = """
    select staged.*
    from staging.stg_aei__facet_values as staged
    left join staging.stg_aei__row_problems as problems
        on
            staged.relative_path = problems.relative_path
            and staged.row_number = problems.row_number
    where
        staged.release_id = '$release_id'
        and staged.platform = '$platform'
        and coalesce(problems.is_usable, true)
"""
COUNTS = f"{ROWS} and measure = 'count'"
TASKS = f"{COUNTS} and facet = 'onet_task' and geo_level = 'global'"
CELLS = f"{COUNTS} and attribute_facet is not null"
# Rounded per-million counts are off by half a unit each.
ROUNDING = "case when any_value(count_basis) = 'per_million' then 0.5 else 0 end"

RAW_CHECKS: tuple[Check, ...] = (
    Check(
        expectation_id="window_is_one_week",
        assumption_id="window_length",
        boundary="raw",
        severity="critical",
        sentence="The release covers another span than one week; its shares and counts "
        "can't stand beside those of other releases.",
        expected="$lowest $unit from start to end ($basis)",
        measure="window_days",
        keys=("date_start", "date_end"),
        may_be_empty=False,
        rows=f"""
            select
                date_start,
                date_end,
                date_diff(
                    'day', try_cast(date_start as date), try_cast(date_end as date)
                ) as measured
            from ({ROWS})
            group by date_start, date_end
        """,
        ask=each_within_bound,
    ),
    Check(
        expectation_id="sample_is_about_a_million",
        assumption_id="sample_size",
        boundary="raw",
        severity="warning",
        sentence="The sample has another size than the releases before: the privacy "
        "floor hides another part of it, and counts are not comparable.",
        expected="$lowest to $highest $unit ($basis)",
        measure="sample_conversations",
        rows=f"""
            select sum(value) as measured from ({TASKS})
            where count_basis = 'conversations'
            having count(*) > 0
        """,
        ask=within_bound,
    ),
    Check(
        expectation_id="per_million_counts_sum_to_a_million",
        assumption_id="count_basis",
        boundary="raw",
        severity="warning",
        sentence="Counts that the manifest calls per million don't sum to a million: "
        "part of the tasks is unpublished, or the counts have another unit.",
        expected="$lowest to $highest $unit ($basis)",
        measure="per_million_total",
        rows=f"""
            select sum(value) as measured from ({TASKS})
            where count_basis = 'per_million'
            having count(*) > 0
        """,
        ask=within_bound,
    ),
    Check(
        expectation_id="conversations_are_not_per_million",
        assumption_id="count_basis",
        boundary="raw",
        severity="critical",
        sentence="A sample of exactly one million is a re-based one: its counts are "
        "per million, so floors and sampling intervals don't hold.",
        expected="counts of conversations that don't sum to exactly 1,000,000",
        rows=f"""
            select
                sum(value) as sample_count,
                'conversations' as manifest_count_basis
            from ({TASKS})
            where count_basis = 'conversations'
            having abs(sum(value) - 1000000) < 0.5
        """,
        ask=no_rows,
    ),
    Check(
        expectation_id="base_cells_hold_the_floor",
        assumption_id="base_cell_floor",
        boundary="raw",
        severity="critical",
        sentence="A published cell is smaller than the privacy floor allows: the range "
        "for unseen conversations rests on a floor that does not hold.",
        expected=f"at least {FLOOR} conversations in every named base cell",
        keys=("row_number", "geography", "geo_id", "facet", "cluster_name"),
        rows=f"""
            select counts.*, counts.value as measured
            from ({COUNTS}) as counts
            inner join reference.facets on counts.facet = facets.facet
            where
                counts.count_basis = 'conversations'
                and facets.facet_kind in ('task', 'category', 'geography_total')
                and counts.cluster_name not in ('none', 'not_classified')
        """,
        ask=each_at_least(FLOOR),
    ),
    Check(
        expectation_id="intersection_cells_hold_the_floor",
        assumption_id="intersection_cell_floor",
        boundary="raw",
        severity="critical",
        sentence="A named cell of a task is smaller than the privacy floor allows: the "
        "bounds of patterns, success and use case rest on that floor.",
        expected=f"at least {FLOOR} conversations in every named cell of a task",
        keys=("row_number", "facet", "cluster_name"),
        rows=f"""
            select cells.*, cells.value as measured
            from ({CELLS}) as cells
            inner join reference.facets on cells.attribute_facet = facets.facet
            where
                cells.count_basis = 'conversations'
                and facets.facet_kind = 'category'
                and cells.base_facet = 'onet_task'
                and cells.category <> 'not_classified'
        """,
        ask=each_at_least(FLOOR),
    ),
    Check(
        expectation_id="facets_sum_to_the_same_sample",
        assumption_id="partition",
        boundary="raw",
        severity="critical",
        sentence="A facet counts more or fewer conversations than the tasks do: a "
        "label is missing or doubled, and its shares have a wrong base.",
        expected="the sum of the onet_task counts in every single-label facet (whole "
        "conversations; a re-based release may leave a part unpublished)",
        keys=("facet", "facet_count", "task_count"),
        rows=f"""
            select
                facet_totals.facet,
                facet_totals.facet_count,
                task_totals.task_count,
                facet_totals.facet_count - task_totals.task_count as difference
            from (
                select
                    counts.facet,
                    sum(counts.value) as facet_count
                from ({COUNTS}) as counts
                inner join reference.facets on counts.facet = facets.facet
                where counts.geo_level = 'global' and facets.facet_kind = 'category'
                group by counts.facet
            ) as facet_totals
            cross join (
                select sum(value) as task_count
                from ({TASKS})
                where count_basis = 'conversations'
            ) as task_totals
            where facet_totals.facet_count <> task_totals.task_count
        """,
        ask=no_rows,
    ),
    Check(
        expectation_id="places_sum_to_their_total",
        assumption_id="partition",
        boundary="raw",
        severity="warning",
        sentence="A facet of a country counts more or fewer conversations than the "
        "country has: shares of that country have a wrong base.",
        expected="the usage_count of the country in each single-label facet",
        keys=("geo_id", "facet", "facet_count", "usage_count"),
        platforms=("claude_ai",),
        rows=f"""
            select
                facet_totals.geo_id,
                facet_totals.facet,
                facet_totals.facet_count,
                totals.value as usage_count
            from (
                select
                    counts.geo_level,
                    counts.geo_id,
                    counts.facet,
                    sum(counts.value) as facet_count,
                    (count(*) + 1) * {ROUNDING} as rounding
                from ({COUNTS}) as counts
                inner join reference.facets on counts.facet = facets.facet
                where counts.geo_level <> 'global' and facets.facet_kind = 'category'
                group by counts.geo_level, counts.geo_id, counts.facet
            ) as facet_totals
            inner join ({COUNTS}) as totals
                on
                    facet_totals.geo_level = totals.geo_level
                    and facet_totals.geo_id = totals.geo_id
                    and totals.facet in ('country', 'country-state', 'state_us')
            where abs(facet_totals.facet_count - totals.value) > facet_totals.rounding
        """,
        ask=no_rows,
    ),
    Check(
        expectation_id="every_named_label_is_used",
        assumption_id="label_sets",
        boundary="raw",
        severity="critical",
        sentence="A label that every release uses is missing from a facet: its share "
        "would read as nothing published, and the others as too high.",
        expected="each named label of a facet that the file holds, at least once",
        keys=("facet", "missing_label"),
        rows=f"""
            select
                facets_in_file.facet,
                facet_labels.label as missing_label
            from (
                select
                    facet,
                    coalesce(attribute_facet, base_facet) as label_facet
                from ({COUNTS})
                where geo_level = 'global'
                group by facet, label_facet
            ) as facets_in_file
            inner join reference.facet_labels
                on
                    facets_in_file.label_facet = facet_labels.facet
                    and facet_labels.label_kind = 'named'
            left join (
                select
                    facet,
                    coalesce(category, cluster_name) as label
                from ({COUNTS})
                where geo_level = 'global'
                group by facet, label
            ) as labels_in_file
                on
                    facets_in_file.facet = labels_in_file.facet
                    and facet_labels.label = labels_in_file.label
            where labels_in_file.label is null
        """,
        ask=no_rows,
    ),
    Check(
        expectation_id="residual_is_the_known_one",
        assumption_id="residual_labels",
        boundary="raw",
        severity="warning",
        sentence="A facet carries another residual than its release is known for; "
        "shares without the residual may have changed their meaning.",
        expected="the residual of the seed expected_residuals",
        keys=("facet", "found_label", "expected_label"),
        rows=f"""
            select
                counts.facet,
                counts.cluster_name as found_label,
                expected_residuals.label as expected_label
            from ({COUNTS}) as counts
            inner join reference.expected_residuals
                on
                    counts.release_id = expected_residuals.release_id
                    and counts.facet = expected_residuals.facet
            where
                counts.geo_level = 'global'
                and counts.cluster_name in ('none', 'not_classified')
                and counts.cluster_name <> expected_residuals.label
        """,
        ask=no_rows,
    ),
    Check(
        expectation_id="unclassified_tasks_have_no_cells",
        assumption_id="residual_labels",
        boundary="raw",
        severity="warning",
        sentence="The pseudo-task not_classified has cells of its own, which no "
        "release had: what its patterns mean is unknown.",
        expected="no cell of the pseudo-task not_classified",
        keys=("row_number", "facet", "cluster_name"),
        rows=f"{CELLS} and base_cluster_name = 'not_classified'",
        ask=no_rows,
    ),
    Check(
        expectation_id="unclassified_task_share_is_usual",
        assumption_id="residual_size",
        boundary="raw",
        severity="warning",
        sentence="The part of the sample without a visible task has moved: the range "
        "of the education share is wider or narrower than before.",
        expected="$lowest to $highest $unit ($basis)",
        measure="unclassified_task_pct",
        rows=f"""
            select
                100 * coalesce(
                    sum(value) filter (where cluster_name = 'not_classified'), 0
                ) / nullif(sum(value), 0) as measured
            from ({TASKS})
            having count(*) > 0
        """,
        ask=within_bound,
    ),
    Check(
        expectation_id="no_task_share_is_usual",
        assumption_id="residual_size",
        boundary="raw",
        severity="warning",
        sentence="The part of the sample that fits no task has moved: shares on all "
        "conversations and on named tasks drift apart.",
        expected="$lowest to $highest $unit ($basis)",
        measure="no_task_pct",
        rows=f"""
            select
                100 * coalesce(sum(value) filter (where cluster_name = 'none'), 0)
                / nullif(sum(value), 0) as measured
            from ({TASKS})
            having count(*) > 0
        """,
        ask=within_bound,
    ),
    Check(
        expectation_id="folded_pattern_share_is_usual",
        assumption_id="residual_size",
        boundary="raw",
        severity="warning",
        sentence="More of the tasks' conversations than usual are folded into "
        "residuals: the bounds of patterns are wide.",
        expected="$lowest to $highest $unit ($basis)",
        measure="folded_pattern_pct",
        rows=f"""
            select
                100 * coalesce(
                    sum(value) filter (where category = 'not_classified'), 0
                ) / nullif(sum(value), 0) as measured
            from ({CELLS})
            where facet = 'onet_task::collaboration'
            having count(*) > 0
        """,
        ask=within_bound,
    ),
    Check(
        expectation_id="facet_residual_is_usual",
        assumption_id="residual_size",
        boundary="raw",
        severity="warning",
        sentence="A large part of a facet is unclassified: shares with and without the "
        "residual differ, and neither is the share of those who did it.",
        expected="at most $highest $unit ($basis)",
        measure="facet_residual_pct",
        keys=("facet", "measured"),
        rows=f"""
            select
                counts.facet,
                100 * coalesce(
                    sum(counts.value)
                        filter (where counts.cluster_name = 'not_classified'),
                    0
                ) / nullif(sum(counts.value), 0) as measured
            from ({COUNTS}) as counts
            inner join reference.facets on counts.facet = facets.facet
            where counts.geo_level = 'global' and facets.facet_kind = 'category'
            group by counts.facet
        """,
        ask=each_within_bound,
    ),
    Check(
        expectation_id="api_rows_are_global",
        assumption_id="api_is_global",
        boundary="raw",
        severity="critical",
        sentence="Rows of the API name a country or region; the API has none, so these "
        "are rows of another file or mislabelled.",
        expected="the geography global alone",
        keys=("row_number", "geography", "geo_id", "facet"),
        platforms=("1p_api",),
        may_be_empty=False,
        rows=ROWS,
        ask=only_values("geography", ["global"]),
    ),
    Check(
        expectation_id="regions_follow_the_scheme_of_the_release",
        assumption_id="geography_codes",
        boundary="raw",
        severity="critical",
        sentence="The file has regions in another scheme than its release (states as "
        "USPS codes up to 2025, ISO 3166-2 since): a region may be counted twice.",
        expected="state_us or country-state, as the seed facet_sets lists it",
        keys=("row_number", "geography", "geo_id", "facet"),
        rows=f"""
            select
                regions.row_number,
                regions.geography,
                regions.geo_id,
                regions.facet
            from ({ROWS}) as regions
            inner join staging.stg_aei__release_files as release_files
                on regions.relative_path = release_files.relative_path
            where
                regions.geo_level = 'region'
                and not exists (
                    select 1 from reference.facet_sets
                    where
                        facet_sets.facet_set = release_files.facet_set
                        and facet_sets.facet = regions.geography
                )
        """,
        ask=no_rows,
    ),
    Check(
        expectation_id="namibia_is_among_the_countries",
        assumption_id="geography_codes",
        boundary="raw",
        severity="warning",
        sentence="Namibia (NA) is not among the countries: a tool that wrote this copy "
        "may have read its code as a missing value.",
        expected="NA among the countries of a file that lists 50 or more",
        keys=("country_count",),
        rows=f"""
            select count(distinct geo_id) as country_count
            from ({COUNTS})
            where facet = 'country'
            having
                count(distinct geo_id) >= 50
                and count(*) filter (where geo_id = 'NA') = 0
        """,
        ask=no_rows,
    ),
    Check(
        expectation_id="no_place_is_more_than_the_whole",
        assumption_id="geographic_nesting",
        boundary="raw",
        severity="critical",
        sentence="A country or region holds more of a task or label than the whole "
        "release: it was scaled, doubled or taken from another file.",
        expected="at most the global count of the same task or label",
        keys=("row_number", "geo_id", "facet", "cluster_name", "value", "global_count"),
        rows=f"""
            select
                places.row_number,
                places.geo_id,
                places.facet,
                places.cluster_name,
                places.value,
                wholes.value as global_count
            from ({COUNTS}) as places
            inner join ({COUNTS}) as wholes
                on
                    places.facet = wholes.facet
                    and places.level = wholes.level
                    and places.cluster_name = wholes.cluster_name
                    and wholes.geo_level = 'global'
            where places.geo_level <> 'global' and places.value > wholes.value
            union all by name
            select
                row_number,
                geo_id,
                facet,
                cluster_name,
                value,
                (select sum(value) from ({TASKS})) as global_count
            from ({COUNTS})
            where
                facet in ('country', 'country-state', 'state_us')
                and value > (select sum(value) from ({TASKS}))
        """,
        ask=no_rows,
    ),
    Check(
        expectation_id="regions_are_no_more_than_their_country",
        assumption_id="geographic_nesting",
        boundary="raw",
        severity="critical",
        sentence="The regions of a country hold more conversations than the country: "
        "regions are doubled or belong to another file.",
        expected="at most the usage_count of the country",
        keys=("country_code", "region_count", "country_count"),
        platforms=("claude_ai",),
        rows=f"""
            select
                regions.country_code,
                regions.region_count,
                countries.value as country_count
            from (
                select
                    case
                        when facet = 'state_us' then 'US'
                        else split_part(geo_id, '-', 1)
                    end as country_code,
                    sum(value) as region_count,
                    (count(*) + 1) * {ROUNDING} as rounding
                from ({COUNTS})
                where facet in ('country-state', 'state_us')
                group by country_code
            ) as regions
            inner join ({COUNTS}) as countries
                on
                    regions.country_code = countries.geo_id
                    and countries.facet = 'country'
            where regions.region_count > countries.value + regions.rounding
        """,
        ask=no_rows,
    ),
    Check(
        expectation_id="small_countries_are_published",
        assumption_id="country_threshold",
        boundary="raw",
        severity="warning",
        sentence="Another part of the countries than before lies under the threshold "
        f"of {COUNTRY_THRESHOLD}: the release may apply a threshold of its own.",
        expected="$lowest to $highest $unit ($basis)",
        measure="country_below_threshold_pct",
        platforms=("claude_ai",),
        rows=f"""
            select
                100.0 * count(*) filter (where value < {COUNTRY_THRESHOLD})
                / nullif(count(*), 0) as measured
            from ({COUNTS})
            where facet = 'country'
            having count(*) > 0
        """,
        ask=within_bound,
    ),
    Check(
        expectation_id="share_without_country_is_usual",
        assumption_id="share_without_country",
        boundary="raw",
        severity="warning",
        sentence="The part of the sample without a country has moved: country shares "
        "of the sample move with it.",
        expected="$lowest to $highest $unit ($basis)",
        measure="conversation_without_country_pct",
        platforms=("claude_ai",),
        rows=f"""
            select
                100 * coalesce(
                    sum(value) filter (where geo_id in ('not_classified', 'NONE')), 0
                ) / nullif(sum(value), 0) as measured
            from ({COUNTS})
            where facet = 'country'
            having count(*) > 0
        """,
        ask=within_bound,
    ),
    Check(
        expectation_id="no_place_outgrows_its_people",
        assumption_id="anomalous_geographies",
        boundary="raw",
        severity="warning",
        sentence="A country that is not registered as anomalous has more conversations "
        "than its people explain: its traffic may be coordinated and enters the "
        "global patterns.",
        expected="at most $highest $unit ($basis)",
        measure="conversations_per_1000_people",
        keys=("geo_id", "value", "measured"),
        platforms=("claude_ai",),
        rows=f"""
            select
                countries.geo_id,
                countries.value,
                1000.0 * countries.value / populations.working_age_population_count
                    as measured
            from ({COUNTS}) as countries
            inner join staging.stg_reference__populations as populations
                on countries.geo_id = populations.country_code
            where
                countries.facet = 'country'
                and populations.working_age_population_count > 0
                and not exists (
                    select 1 from reference.anomalous_geographies as registered
                    where
                        registered.release_id = countries.release_id
                        and registered.geo_level = 'country'
                        and registered.geo_id = countries.geo_id
                )
        """,
        ask=each_within_bound,
    ),
    Check(
        expectation_id="no_country_is_mostly_feedback_loops",
        assumption_id="anomalous_geographies",
        boundary="raw",
        severity="warning",
        sentence="A country that is not registered as anomalous is dominated by "
        "feedback loops, as automated traffic is: it distorts the global patterns.",
        expected=f"at most $highest $unit ($basis); from {COUNTRY_THRESHOLD} "
        "conversations on",
        measure="country_feedback_loop_pct",
        keys=("geo_id", "conversation_count", "measured"),
        platforms=("claude_ai",),
        rows=f"""
            select
                patterns.geo_id,
                sum(patterns.value) as conversation_count,
                100 * coalesce(
                    sum(patterns.value)
                        filter (where patterns.cluster_name = 'feedback loop'),
                    0
                ) / nullif(sum(patterns.value), 0) as measured
            from ({COUNTS}) as patterns
            where
                patterns.facet = 'collaboration'
                and patterns.geo_level = 'country'
                and not exists (
                    select 1 from reference.anomalous_geographies as registered
                    where
                        registered.release_id = patterns.release_id
                        and registered.geo_level = 'country'
                        and registered.geo_id = patterns.geo_id
                )
            group by patterns.geo_id
            having sum(patterns.value) >= {COUNTRY_THRESHOLD}
        """,
        ask=each_within_bound,
    ),
    Check(
        expectation_id="releases_differ",
        assumption_id="release_distinct",
        boundary="raw",
        severity="critical",
        sentence="Two releases hold the same counts: one file is loaded under two "
        "names, and nothing can be said about change between them.",
        expected="at most $highest $unit with the same count ($basis)",
        measure="equal_task_count_pct",
        keys=("other_release_id", "shared_task_count", "measured"),
        rows=f"""
            select
                others.release_id as other_release_id,
                count(*) as shared_task_count,
                100.0 * count(*) filter (where tasks.value = others.value) / count(*)
                    as measured
            from ({TASKS}) as tasks
            inner join staging.stg_aei__facet_values as others
                on
                    tasks.cluster_name = others.cluster_name
                    and tasks.release_id <> others.release_id
                    and others.platform = '$platform'
                    and others.facet = 'onet_task'
                    and others.geo_level = 'global'
                    and others.measure = 'count'
            group by others.release_id
        """,
        ask=each_within_bound,
    ),
    Check(
        expectation_id="releases_share_one_task_list",
        assumption_id="taxonomy_version",
        boundary="raw",
        severity="warning",
        sentence="The loaded releases are coded with different task lists: education "
        "shares differ between them for that reason alone.",
        expected="one taxonomy_version among the loaded releases",
        keys=("taxonomy_versions",),
        is_per_release=False,
        rows="""
            select string_agg(distinct taxonomy_version, ', ') as taxonomy_versions
            from staging.stg_aei__release_files
            where is_loaded and file_role = 'raw' and not is_simulated
            having count(distinct taxonomy_version) > 1
        """,
        ask=no_rows,
    ),
    Check(
        expectation_id="time_with_the_model_is_in_minutes",
        assumption_id="time_unit",
        boundary="raw",
        severity="warning",
        sentence="Time with the model is not in minutes in this file; figures on time "
        "taken from the raw file would be off by a factor of sixty.",
        expected="a global mean and median of $lowest to $highest $unit ($basis)",
        keys=("variable", "measured"),
        measure="human_with_ai_minutes",
        rows=f"""
            select
                variable,
                value as measured
            from ({ROWS})
            where
                facet = 'human_with_ai_time'
                and geo_level = 'global'
                and variable in ('human_with_ai_time_mean', 'human_with_ai_time_median')
        """,
        ask=each_within_bound,
    ),
    Check(
        expectation_id="time_of_a_person_is_in_hours",
        assumption_id="time_unit",
        boundary="raw",
        severity="warning",
        sentence="Time of a person alone is not in hours in this file; figures on time "
        "taken from the raw file would be off by a factor of sixty.",
        expected="a global mean and median of $lowest to $highest $unit ($basis)",
        keys=("variable", "measured"),
        measure="human_only_hours",
        rows=f"""
            select
                variable,
                value as measured
            from ({ROWS})
            where
                facet = 'human_only_time'
                and geo_level = 'global'
                and variable in ('human_only_time_mean', 'human_only_time_median')
        """,
        ask=each_within_bound,
    ),
    Check(
        expectation_id="autonomy_runs_from_one_to_five",
        assumption_id="numeric_scales",
        boundary="raw",
        severity="warning",
        sentence="Autonomy is on another scale in this file; it can't be read beside "
        "that of other releases.",
        expected="a global mean and median of $lowest to $highest $unit ($basis)",
        measure="autonomy_score",
        keys=("variable", "measured"),
        rows=f"""
            select
                variable,
                value as measured
            from ({ROWS})
            where
                facet = 'ai_autonomy'
                and geo_level = 'global'
                and variable in ('ai_autonomy_mean', 'ai_autonomy_median')
        """,
        ask=each_within_bound,
    ),
    Check(
        expectation_id="education_is_in_years",
        assumption_id="numeric_scales",
        boundary="raw",
        severity="warning",
        sentence="Education years are on another scale in this file; they can't be "
        "read beside those of other releases.",
        expected="a global mean and median of $lowest to $highest $unit ($basis)",
        measure="education_years",
        keys=("variable", "measured"),
        rows=f"""
            select
                variable,
                value as measured
            from ({ROWS})
            where
                facet in ('human_education_years', 'ai_education_years')
                and geo_level = 'global'
                and variable in (facet || '_mean', facet || '_median')
        """,
        ask=each_within_bound,
    ),
)
