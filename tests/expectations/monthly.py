"""Expectations on the monthly layout (family C): what its rounded percentages must add
up to, and that places, nodes and metrics are the known ones.

Values have two decimals, so that a sum may be off by half a unit for each of them.
"""

from __future__ import annotations

from typing import Any

from expectations.check import Check, bounded, each_at_least, each_within_bound
from expectations.raw_rows import usable

# The usable rows of one platform of a release, with the node that they are about.
ROWS = usable(
    "stg_aei__monthly_values",
    "stg_aei__monthly_problems",
    "starts_with(staged.sample_id, '$release_id $platform ')",
    """
        staged.*,
        concat_ws(
            ' ', staged.date_start, staged.published_geo_id, staged.category_name,
            staged.level_text, staged.node_external_id
        ) as node
    """,
)
USAGE = f"{ROWS} and staged.metric_id = 'usage_pct'"
OCCUPATIONS = f"{ROWS} and staged.category_name = 'soc_occupation'"
# From so many nodes on, those that a place does not publish are too small to matter;
# there are 22 major groups of civilians.
NEARLY_ALL = 20
OF_THE_WORLD = "staged.category_name = 'soc_occupation' and staged.geo_level = 'global'"


def _sums_to_100(facet: str, label_count: int, what: str) -> Check:
    """Where a place or node prints every label of a facet, they sum to 100."""
    return Check(
        expectation_id=f"monthly_{facet}s_sum_to_100",
        assumption_id="percentages_by_base",
        boundary="raw",
        families="C",
        severity="critical",
        sentence=f"The {what} of a place or node do not sum to 100: a value was "
        "edited, is of another base or in another unit, and no share of it holds.",
        expected=f"{label_count} {what} that sum to 100, within their rounding",
        keys=("node", "total_pct"),
        rows=f"""
            select
                node,
                sum(value) as total_pct,
                sum(half_unit_pct) + 1e-6 - abs(sum(value) - 100) as measured
            from ({ROWS})
            where metric_id in (
                select metric_id from reference.monthly_metrics
                where facet = '{facet}'
            )
            group by node
            having count(*) = {label_count}
        """,
        ask=each_at_least(0),
    )


def _at_most_100(
    expectation_id: str, assumption_id: str, what: str, whole: str, rows: str
) -> Check:
    """Parts of a whole, printed as percentages of it, sum to at most 100."""
    return Check(
        expectation_id=expectation_id,
        assumption_id=assumption_id,
        boundary="raw",
        families="C",
        severity="critical",
        sentence=f"The {what} hold more than all of what they are parts of: one is "
        "doubled, of another base or in another unit, and so may be every share.",
        expected="a sum of at most 100, within the rounding",
        keys=("whole", "total_pct"),
        rows=f"""
            select
                {whole} as whole,
                sum(value) as total_pct,
                100 + sum(half_unit_pct) + 1e-6 - sum(value) as measured
            from ({rows})
            group by whole
        """,
        ask=each_at_least(0),
    )


def _whole(expectation_id: str, where: str, **says: Any) -> Check:
    """Where a place publishes nearly all of its largest nodes, they are the whole."""
    return bounded(
        expectation_id=expectation_id,
        assumption_id="percentages_by_base",
        families="C",
        expected="at least $lowest $unit ($basis)",
        measure="monthly_place_total_pct",
        keys=("whole", "measured"),
        rows=f"""
            select
                date_start || ' ' || published_geo_id || ' ' || category_name as whole,
                sum(value) as measured
            from ({ROWS} and staged.metric_id = 'pct' and {where})
            inner join reference.facets on category_name = facet
            where level = highest_level
            group by whole
            having count(*) >= {NEARLY_ALL}
        """,
        **says,
    )


def _holds(expectation_id: str, assumption_id: str, **says: Any) -> Check:
    """A condition on every row of ``rows``: ``measured`` is 1 where it holds."""
    return Check(
        expectation_id=expectation_id,
        assumption_id=assumption_id,
        boundary="raw",
        families="C",
        ask=each_at_least(1),
        **says,
    )


MONTHLY_CHECKS: tuple[Check, ...] = (
    _sums_to_100("use_case", 3, "use cases"),
    _sums_to_100("collaboration", 6, "patterns"),
    _sums_to_100("collaboration_bucket", 2, "buckets of patterns"),
    Check(
        expectation_id="monthly_automation_is_its_two_patterns",
        assumption_id="percentages_by_base",
        boundary="raw",
        families="C",
        severity="critical",
        sentence="Automation is not what its two patterns are of all five: the buckets "
        "or the patterns have another base or meaning than those before.",
        expected="(directive + feedback loop) / (100 - none), within the rounding",
        keys=("node", "automation_pct", "expected_pct"),
        rows=f"""
            select * from (with pivoted as (
                select
                    node,
                    any_value(value) filter (
                        where metric_id = 'collaboration_bucket_automation_pct'
                    ) as automation_pct,
                    any_value(value) filter (
                        where metric_id = 'collaboration_directive_pct'
                    )
                    + any_value(value) filter (
                        where metric_id = 'collaboration_feedback_loop_pct'
                    ) as pattern_pct,
                    100 - any_value(value) filter (
                        where metric_id = 'collaboration_none_pct'
                    ) as base_pct,
                    any_value(half_unit_pct) as half_unit_pct
                from ({ROWS})
                where metric_id in (
                    'collaboration_bucket_automation_pct',
                    'collaboration_directive_pct',
                    'collaboration_feedback_loop_pct',
                    'collaboration_none_pct'
                )
                group by node
            )

            select
                node,
                automation_pct,
                100 * pattern_pct / nullif(base_pct, 0) as expected_pct,
                half_unit_pct + 1e-6
                + 100 * 2 * half_unit_pct / base_pct
                + 100 * pattern_pct * half_unit_pct / (base_pct * base_pct)
                - abs(automation_pct - 100 * pattern_pct / base_pct) as measured
            from pivoted
            where automation_pct + pattern_pct is not null and base_pct > 0)
        """,
        ask=each_at_least(0),
    ),
    _at_most_100(
        "monthly_countries_sum_to_at_most_100",
        "geographic_nesting",
        "countries of a month",
        "date_start",
        f"{USAGE} and staged.geo_level = 'country'",
    ),
    _at_most_100(
        "monthly_regions_sum_to_at_most_100",
        "geographic_nesting",
        "regions of a country",
        "date_start || ' ' || split_part(published_geo_id, '-', 1)",
        f"{USAGE} and staged.geo_level = 'region'",
    ),
    _at_most_100(
        "monthly_major_groups_sum_to_at_most_100",
        "percentages_by_base",
        "major groups of a place",
        "date_start || ' ' || published_geo_id",
        f"{ROWS} and staged.category_name = 'soc_occupation' and staged.level = 1 "
        "and staged.metric_id = 'pct'",
    ),
    Check(
        expectation_id="monthly_percentages_are_no_fractions",
        assumption_id="percentages_by_base",
        boundary="raw",
        families="C",
        severity="critical",
        sentence="Many nodes or countries together hold next to nothing: their shares "
        "are fractions where percentages belong, a hundredth of what they are.",
        expected="at least $lowest $unit ($basis)",
        measure="monthly_whole_pct",
        keys=("whole", "measured"),
        rows=f"""
            select
                date_start || ' ' || published_geo_id || ' ' || category_name as whole,
                sum(value) as measured
            from ({ROWS})
            inner join reference.facets on category_name = facet
            where metric_id = 'pct' and level = highest_level
            group by whole
            having count(*) >= 10
            union all
            select
                date_start || ' countries' as whole,
                sum(value) as measured
            from ({USAGE} and staged.geo_level = 'country')
            group by whole
            having count(*) >= 50
        """,
        ask=each_within_bound,
    ),
    _whole(
        "monthly_major_groups_are_the_whole",
        OF_THE_WORLD,
        severity="critical",
        sentence="The major groups of the world do not hold nearly all of its use: "
        "their shares were scaled or are of another base, education's among them.",
    ),
    _whole(
        "monthly_nodes_of_a_place_are_the_whole",
        f"not ({OF_THE_WORLD})",
        severity="warning",
        sentence="The largest nodes of a place do not hold nearly all of its use: they "
        "were scaled or are of another base, or the copy lacks large ones.",
    ),
    bounded(
        expectation_id="monthly_countries_hold_most_of_the_usage",
        families="C",
        assumption_id="percentages_by_base",
        severity="warning",
        sentence="A hundred countries and more do not hold most of the usage: their "
        "shares were scaled or are of another base.",
        expected="at least $lowest $unit ($basis)",
        measure="monthly_country_usage_pct",
        keys=("date_start", "measured"),
        platforms=("claude_ai",),
        rows=f"""
            select date_start, sum(value) as measured
            from ({USAGE} and staged.geo_level = 'country')
            group by date_start
            having count(*) >= 100
        """,
    ),
    _holds(
        "monthly_metrics_are_all_there",
        "label_sets",
        severity="warning",
        platforms=("claude_ai",),
        sentence="A metric that the release is known for is nowhere in the file: "
        "figures on it are absent here, not zero.",
        expected="every metric of the seed monthly_metrics at least once",
        keys=("metric_id",),
        rows=f"""
            select
                metrics.metric_id,
                count(found.metric_id) as measured
            from reference.monthly_metrics as metrics
            left join (select distinct metric_id from ({ROWS})) as found
                on metrics.metric_id = found.metric_id
            where exists (select 1 from ({ROWS}))
            group by metrics.metric_id
        """,
    ),
    _holds(
        "monthly_occupations_have_codes",
        "task_join",
        severity="critical",
        sentence="An occupation has an id of another kind: education is found by the "
        "code 25, and would read as not published.",
        expected="major groups such as 25 (seed soc_major_groups), occupations such as "
        "25-1121.00",
        keys=("level", "node_external_id"),
        rows=f"""
            select distinct
                nodes.level,
                nodes.node_external_id,
                case
                    when nodes.level = 1 then groups.soc_major_group is not null
                    else regexp_full_match(
                        nodes.node_external_id, '[0-9]{{2}}-[0-9]{{4}}\\.[0-9]{{2}}'
                    )
                end::integer as measured
            from ({OCCUPATIONS}) as nodes
            left join reference.soc_major_groups as groups
                on nodes.node_external_id = groups.soc_major_group
        """,
    ),
    _holds(
        "monthly_major_groups_have_their_names",
        "task_join",
        severity="critical",
        sentence="A major group has the name of another: ids and names are out of "
        "step, and the shares of education may be those of its neighbour.",
        expected="the title of the id (seed soc_major_groups)",
        keys=("node_external_id", "node_name"),
        # Simulated groups are named by their number; a name that is of no group says
        # nothing.
        rows=f"""
            select
                nodes.node_external_id,
                nodes.node_name,
                min((nodes.node_external_id = groups.soc_major_group)::integer)
                    as measured
            from ({OCCUPATIONS} and staged.level = 1) as nodes
            inner join reference.soc_major_groups as groups
                on replace(nodes.node_name, ' Occupations', '') in (
                    groups.group_title, 'Major group ' || groups.soc_major_group
                )
            group by nodes.node_external_id, nodes.node_name
        """,
    ),
    Check(
        expectation_id="monthly_occupations_fit_into_their_group",
        assumption_id="task_join",
        boundary="raw",
        families="C",
        severity="warning",
        sentence="The occupations of a major group hold more than the group: the value "
        "or the id of one of them is another's.",
        expected="at most the pct of the group, within the rounding",
        keys=("whole", "occupation_pct", "group_pct"),
        rows=f"""
            select * from (with groups as (
                select
                    date_start || ' ' || published_geo_id || ' '
                    || left(node_external_id, 2) as whole,
                    level,
                    sum(value) as value,
                    sum(half_unit_pct) as half_unit_pct
                from ({OCCUPATIONS} and staged.metric_id = 'pct')
                group by whole, level
            )

            select
                whole,
                parts.value as occupation_pct,
                groups.value as group_pct,
                groups.value + groups.half_unit_pct + parts.half_unit_pct + 1e-6
                - parts.value as measured
            from groups
            inner join groups as parts using (whole)
            where groups.level = 1 and parts.level = 0)
        """,
        ask=each_at_least(0),
    ),
    _holds(
        "monthly_api_is_global",
        "api_is_global",
        severity="critical",
        platforms=("1p_api",),
        sentence="The file of the API holds places: it is the file of Claude.ai, or "
        "rows of it were mixed in.",
        expected="rows of the world and no usage",
        keys=("geo_level", "metric_id"),
        rows=f"""
            select distinct
                geo_level,
                metric_id,
                (
                    geo_level = 'global' and metric_id not like 'usage%'
                )::integer as measured
            from ({ROWS})
        """,
    ),
    _holds(
        "monthly_chat_has_countries",
        "platform_label",
        severity="critical",
        platforms=("claude_ai",),
        sentence="The file of Claude.ai holds no country: it may be that of the API.",
        expected="a country in every month",
        keys=("date_start",),
        rows="""
            select
                date_start,
                (count(*) filter (where geo_level = 'country') > 0)::integer
                    as measured
            from staging.stg_aei__monthly_values
            where starts_with(sample_id, '$release_id $platform ')
            group by date_start
        """,
    ),
    Check(
        expectation_id="months_differ",
        assumption_id="release_distinct",
        boundary="raw",
        families="C",
        severity="critical",
        sentence="Two months hold the same values: one is a copy of the other, and "
        "would show as stability over time.",
        expected="at most $highest $unit ($basis)",
        measure="equal_month_value_pct",
        keys=("date_start", "other_date_start", "measured"),
        rows=f"""
            select * from (with large as (
                select
                    date_start,
                    value,
                    hash(geo_id, category_name, level, node_external_id, metric_id)
                        as cell
                from ({ROWS})
                where value between 1 and 99
            )

            select
                months.date_start,
                others.date_start as other_date_start,
                100.0 * count(*) filter (where months.value = others.value) / count(*)
                    as measured
            from large as months
            inner join large as others
                on
                    months.cell = others.cell
                    and months.date_start < others.date_start
            group by months.date_start, others.date_start)
        """,
        ask=each_within_bound,
    ),
)
