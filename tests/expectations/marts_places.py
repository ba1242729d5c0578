"""Expectations on the places of the marts, before they replace the published ones."""

from __future__ import annotations

from expectations.check import Check, bounded
from expectations.marts import of_slice

SHOWN_PLACES = of_slice(
    ("fct_education_shares", "fct_facet_shares"),
    "release_id, geo_level, geo_id, is_anomalous",
)
MART_PLACE_CHECKS: tuple[Check, ...] = (
    Check(
        expectation_id="countries_sum_to_the_sample",
        families="BCD",
        assumption_id="partition",
        boundary="marts",
        severity="warning",
        sentence="The published countries do not sum to the sample: part of it is in "
        "no country that can be read, and stands as the row unpublished.",
        expected="no row unpublished beside the countries and those of no country",
        keys=("window_start_date", "conversation_count", "share_pct"),
        rows=of_slice(
            "fct_facet_shares",
            "window_start_date, conversation_count, share_pct",
            "geo_id = 'unpublished'",
        ),
    ),
    bounded(
        expectation_id="nearly_all_is_in_a_country",
        assumption_id="partition",
        boundary="marts",
        severity="warning",
        sentence="Much of the sample is in no published country, nor counted as of no "
        "country: the countries were scaled or large ones are lost.",
        expected="at most $highest $unit ($basis)",
        measure="unpublished_country_pct",
        keys=("window_start_date", "conversation_count", "measured"),
        platforms=("claude_ai",),
        rows=of_slice(
            "fct_facet_shares",
            "window_start_date, conversation_count, share_pct as measured",
            "geo_id = 'unpublished'",
        ),
    ),
    Check(
        expectation_id="tasks_of_a_place_sum_to_its_total",
        families="BD",
        assumption_id="partition",
        boundary="marts",
        severity="warning",
        sentence="The tasks of a place, not_classified among them, do not sum to its "
        "conversations: the difference counts as unseen in the bounds of its shares.",
        expected="the total of the place, to within the rounding of one count",
        keys=("window_start_date", "geo_level", "geo_id", "node_count", "total_count"),
        rows="""
            select
                nodes.*,
                totals.conversation_count as total_count
            from (
                select
                    window_start_date, geo_level, geo_id,
                    sum(conversation_count) as node_count
                from marts.fct_task_cells
                where
                    release_id = '$release_id'
                    and platform = '$platform'
                    and facet = 'onet_task'
                    and geo_level <> 'global'
                group by all
            ) as nodes
            inner join marts.fct_facet_shares as totals
                on
                    totals.release_id = '$release_id'
                    and totals.platform = '$platform'
                    and totals.facet in ('country', 'country-state', 'state_us')
                    and nodes.window_start_date = totals.window_start_date
                    and nodes.geo_level = totals.geo_level
                    and nodes.geo_id = totals.geo_id
            where abs(nodes.node_count - totals.conversation_count) > 1
        """,
    ),
    Check(
        expectation_id="published_percentages_agree_by_place",
        families="BD",
        assumption_id="percentages_by_base",
        boundary="marts",
        severity="warning",
        # The loader stops on this where the layout is known from real files.
        sentence="A published percentage is not its count over the base of its place: "
        "one of the two is of something else.",
        expected="count / base, to within the rounding of two decimals",
        keys=("geo_id", "facet", "level", "category", "share_pct", "published_pct"),
        rows=of_slice(
            "fct_facet_shares",
            "geo_level, geo_id, facet, level, category, share_pct, published_pct",
            "abs(share_pct - published_pct) > 0.01",
        ),
    ),
    Check(
        expectation_id="registered_anomalies_are_flagged",
        assumption_id="anomalous_geographies",
        boundary="marts",
        severity="critical",
        sentence="A place known for coordinated traffic is not flagged: its figures "
        "would be ranked as if people had made them.",
        expected="is_anomalous for each place of the seed anomalous_geographies",
        keys=("geo_level", "geo_id", "reason"),
        rows=f"""
            select
                registered.geo_level,
                registered.geo_id,
                registered.reason
            from reference.anomalous_geographies as registered
            inner join ({SHOWN_PLACES}) as shares
                on
                    registered.release_id = shares.release_id
                    and registered.geo_level = shares.geo_level
                    and registered.geo_id = shares.geo_id
            where not shares.is_anomalous
            group by registered.geo_level, registered.geo_id, registered.reason
        """,
    ),
)
