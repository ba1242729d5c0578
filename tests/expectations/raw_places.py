"""Expectations on countries and regions, before any mart is made."""

from __future__ import annotations

from expectations.check import Check, bounded, only_values, share_of
from expectations.raw_rows import COUNTRY_THRESHOLD, COUNTS, ROUNDING, ROWS, TASKS

PLACE_CHECKS: tuple[Check, ...] = (
    Check(
        expectation_id="places_sum_to_their_total",
        assumption_id="partition",
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
    ),
    Check(
        expectation_id="api_rows_are_global",
        assumption_id="api_is_global",
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
    ),
    Check(
        expectation_id="namibia_is_among_the_countries",
        assumption_id="geography_codes",
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
    ),
    Check(
        expectation_id="no_place_is_more_than_the_whole",
        assumption_id="geographic_nesting",
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
    ),
    Check(
        expectation_id="regions_are_no_more_than_their_country",
        assumption_id="geographic_nesting",
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
    ),
    bounded(
        expectation_id="small_countries_are_published",
        assumption_id="country_threshold",
        severity="warning",
        sentence="Another part of the countries than before lies under the threshold "
        f"of {COUNTRY_THRESHOLD}: the release may apply a threshold of its own.",
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
    ),
    bounded(
        expectation_id="share_without_country_is_usual",
        assumption_id="share_without_country",
        severity="warning",
        sentence="The part of the sample without a country has moved: country shares "
        "of the sample move with it.",
        measure="conversation_without_country_pct",
        platforms=("claude_ai",),
        rows=share_of(
            f"{COUNTS} and facet = 'country'", "geo_id in ('not_classified', 'NONE')"
        ),
    ),
    bounded(
        expectation_id="no_place_outgrows_its_people",
        assumption_id="anomalous_geographies",
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
    ),
    bounded(
        expectation_id="no_country_is_mostly_feedback_loops",
        assumption_id="anomalous_geographies",
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
    ),
)
