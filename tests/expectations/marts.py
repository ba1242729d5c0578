"""Expectations on the marts, before they replace the published ones.

Constraints guard types and ranges, dbt tests the relations between our rows; these ask
what a reader of the figures takes for granted.
"""

from __future__ import annotations

from collections.abc import Iterable

from expectations.check import Check, bounded, only_values


def of_slice(marts: Iterable[str] | str, columns: str, condition: str = "true") -> str:
    """The SQL of columns of a mart in one platform of a release; of several marts, one
    below the other, with their names."""
    if isinstance(marts, str):
        return (
            f"select {columns} from marts.{marts} where release_id = '$release_id' "
            f"and platform = '$platform' and {condition}"
        )
    named = (
        of_slice(mart, f"'{mart}' as mart, {columns}", condition) for mart in marts
    )
    return " union all ".join(named)


# The global education share, the report's rule and base.
EDUCATION = of_slice(
    "fct_education_shares",
    "*",
    "geo_level = 'global' and scope = 'education' and allocation_rule = 'any_holder'",
)
SCOPE_SHARES = ("fct_education_shares", "fct_occupation_group_shares")
# Their share is a numerator over a base, but for task_renormalised: there the count is
# the weight behind the figure.
ESTIMATES = ("fct_interaction_patterns", "fct_use_case_shares")
COUNTED = "share_pct, conversation_count, base_conversation_count"
OTHER_SHARES = ("fct_task_concentration", "fct_facet_shares")
SHARES = " union all ".join(
    (
        of_slice((*SCOPE_SHARES, *OTHER_SHARES), COUNTED),
        of_slice(ESTIMATES, COUNTED, "estimator <> 'task_renormalised'"),
    )
)
BOUNDS = "bound_low_pct, bound_high_pct"
RANGES = " union all ".join(
    (
        of_slice((*SCOPE_SHARES, *ESTIMATES), f"share_pct, {BOUNDS}"),
        of_slice(["fct_task_success"], f"success_pct, {BOUNDS}"),
    )
)
OTHER_INTERVALS = ("fct_facet_shares", "fct_education_tasks", "fct_task_success")
INTERVALS = of_slice((*SCOPE_SHARES, *ESTIMATES, *OTHER_INTERVALS), "interval_kind")


def _no_facet_is(status: str, **says: str) -> Check:
    """No facet of a release has this status in the coverage of its cells."""
    return Check(
        families="ABCD",
        assumption_id="copy_completeness",
        boundary="marts",
        severity="warning",
        keys=("facet", "geo_level"),
        rows=of_slice("fct_cell_coverage", "facet, geo_level", f"status = '{status}'"),
        **says,
    )


MART_CHECKS: tuple[Check, ...] = (
    Check(
        expectation_id="shares_are_their_counts",
        assumption_id="percentages_by_base",
        boundary="marts",
        families="BD",
        severity="critical",
        sentence="A share is not its numerator over its base; no figure of that mart "
        "can be recomputed by a reader.",
        expected="share_pct = 100 x conversation_count / base_conversation_count, and "
        "both given wherever a share is",
        keys=("mart", "share_pct", "conversation_count", "base_conversation_count"),
        rows=f"""
            select * from ({SHARES})
            where
                share_pct is not null
                and coalesce(
                    abs(
                        share_pct
                        - 100 * conversation_count / nullif(base_conversation_count, 0)
                    ) > 1e-6,
                    true
                )
        """,
    ),
    Check(
        expectation_id="percentages_carry_no_counts",
        assumption_id="count_basis",
        boundary="marts",
        families="AC",
        severity="critical",
        sentence="A release of percentages has a count: it was made up from one.",
        expected="no conversation_count and no base_conversation_count",
        keys=("mart", "share_pct", "conversation_count", "base_conversation_count"),
        rows=f"""
            select * from ({SHARES})
            where conversation_count is not null or base_conversation_count is not null
        """,
    ),
    Check(
        expectation_id="shares_lie_in_their_range",
        families="ABCD",
        assumption_id="unpublished_tasks",
        boundary="marts",
        severity="critical",
        sentence="A share lies outside the range that unseen conversations and "
        "suppressed cells allow it: one of the two is wrong.",
        expected="bound_low_pct <= share_pct <= bound_high_pct",
        keys=("mart", "share_pct", "bound_low_pct", "bound_high_pct"),
        rows=f"""
            select * from ({RANGES})
            where
                share_pct < bound_low_pct - 1e-6
                or share_pct > bound_high_pct + 1e-6
        """,
    ),
    bounded(
        expectation_id="education_share_is_usual",
        assumption_id="classifier_change",
        boundary="marts",
        severity="warning",
        sentence="The education share has left the range of the releases before: a "
        "classifier, a task list or a sample has changed, or use has. The data can't "
        "tell which.",
        measure="education_share_pct",
        rows=f"""
            select share_pct as measured from ({EDUCATION})
            where share_base = 'all_conversations'
        """,
    ),
    bounded(
        expectation_id="named_tasks_cover_the_sample",
        assumption_id="country_coverage",
        boundary="marts",
        severity="warning",
        sentence="Named tasks cover another part of the sample than before: shares on "
        "named tasks and on all conversations are further apart or closer.",
        measure="named_task_pct",
        rows=f"""
            select
                100 * max(base_conversation_count)
                    filter (where share_base = 'named_tasks')
                / max(base_conversation_count)
                    filter (where share_base = 'all_conversations') as measured
            from ({EDUCATION})
            having count(*) > 0
        """,
    ),
    bounded(
        expectation_id="country_task_lists_are_as_thin_as_known",
        assumption_id="country_coverage",
        boundary="marts",
        severity="warning",
        sentence="Named tasks cover another part of the countries' conversations than "
        "before: country figures of education are lower bounds of another quality.",
        measure="country_named_task_pct",
        platforms=("claude_ai",),
        rows="""
            select
                100 * median(named.base_conversation_count / nullif(
                    everything.base_conversation_count, 0
                )) as measured
            from marts.fct_education_shares as named
            inner join marts.fct_education_shares as everything
                on
                    named.release_id = everything.release_id
                    and named.platform = everything.platform
                    and named.geo_level = everything.geo_level
                    and named.geo_id = everything.geo_id
                    and named.allocation_rule = everything.allocation_rule
                    and named.scope = everything.scope
            where
                named.release_id = '$release_id'
                and named.platform = '$platform'
                and named.geo_level = 'country'
                and named.scope = 'education'
                and named.allocation_rule = 'any_holder'
                and named.share_base = 'named_tasks'
                and everything.share_base = 'all_conversations'
            having count(*) > 0
        """,
    ),
    Check(
        expectation_id="every_occupation_group_is_there",
        assumption_id="task_join",
        boundary="marts",
        severity="warning",
        sentence="A major group of occupations has no task at all: the rank of "
        "education among the groups is out of fewer than it says.",
        expected="every major group but military occupations under each rule and base",
        keys=("allocation_rule", "share_base", "missing_group"),
        rows="""
            select
                rules.allocation_rule,
                bases.share_base,
                soc_major_groups.group_title as missing_group
            from reference.soc_major_groups
            cross join marts.dim_allocation_rules as rules
            cross join (values ('all_conversations'), ('named_tasks'))
                as bases (share_base)
            left join marts.fct_occupation_group_shares as shares
                on
                    shares.release_id = '$release_id'
                    and shares.platform = '$platform'
                    and rules.allocation_rule = shares.allocation_rule
                    and bases.share_base = shares.share_base
                    and soc_major_groups.soc_major_group = shares.soc_major_group
            where
                shares.soc_major_group is null
                and rules.allocates_tasks
                and exists (
                    select 1 from marts.fct_occupation_group_shares as others
                    where
                        others.release_id = '$release_id'
                        and others.platform = '$platform'
                )
                -- O*NET has no tasks of military occupations.
                and soc_major_groups.soc_major_group <> '55'
        """,
    ),
    bounded(
        expectation_id="education_rests_on_enough_tasks",
        assumption_id="effective_tasks",
        boundary="marts",
        severity="warning",
        sentence="The education share rests on very few effective tasks: one task "
        "moves it, and its intervals say little.",
        expected="at least $lowest $unit ($basis)",
        measure="education_effective_task_count",
        rows=f"""
            select effective_task_count as measured from ({EDUCATION})
            where share_base = 'all_conversations'
        """,
    ),
    bounded(
        expectation_id="most_tasks_publish_a_pattern",
        assumption_id="residual_size",
        boundary="marts",
        severity="warning",
        sentence="Many tasks publish no pattern at all: the report's estimator drops "
        "them, and its figures are about the others.",
        measure="patternless_task_pct",
        rows=of_slice(
            "fct_interaction_patterns",
            "100.0 * (max(task_count) - max(task_with_pattern_count)) "
            "/ nullif(max(task_count), 0) as measured",
            "scope = 'all_with_pseudo' and estimator = 'all_conversations' "
            # Nothing to measure without tasks.
            "having count(task_count) > 0",
        ),
    ),
    bounded(
        expectation_id="education_success_is_usual",
        assumption_id="classifier_change",
        boundary="marts",
        severity="warning",
        sentence="Self-assessed success has left the range of the releases before; the "
        "assessor may have changed rather than the answers.",
        measure="education_success_pct",
        rows=of_slice(
            "fct_task_success",
            "success_pct as measured",
            "scope = 'education' and estimator = 'published_yes' "
            "and allocation_rule = 'any_holder' and success_pct is not null",
        ),
    ),
    Check(
        expectation_id="per_million_counts_carry_no_sampling_interval",
        assumption_id="count_basis",
        boundary="marts",
        severity="critical",
        sentence="A figure of re-based counts carries a sampling interval: its width "
        "is made up, because the number of conversations is unknown.",
        expected="no wilson_95 where counts are per million",
        keys=("mart", "interval_count"),
        rows=f"""
            select
                intervals.mart,
                count(*) as interval_count
            from ({INTERVALS}) as intervals
            inner join marts.dim_releases as releases
                on
                    releases.release_id = '$release_id'
                    and releases.platform = '$platform'
                    and releases.count_basis = 'per_million'
            where intervals.interval_kind = 'wilson_95'
            group by intervals.mart
        """,
    ),
    Check(
        expectation_id="the_copy_is_the_official_file",
        families="ABC",
        assumption_id="file_identity",
        boundary="marts",
        severity="warning",
        sentence="The loaded file is not known to be the official one: cite figures "
        "with the hash of the copy, and expect others to find different ones.",
        expected="file_status verified",
        keys=("relative_path", "file_status"),
        may_be_empty=False,
        rows=of_slice("dim_releases", "relative_path, file_status"),
        ask=only_values("file_status", ["verified"]),
    ),
    _no_facet_is(
        "not_in_copy",
        expectation_id="the_copy_holds_every_facet",
        sentence="The copy lacks facets that its release publishes: figures on them "
        "have no number.",
        expected="every facet that the release is known to publish (seed facet_sets)",
    ),
    _no_facet_is(
        "in_copy_not_listed",
        expectation_id="every_facet_of_a_file_is_listed",
        sentence="A file holds a facet that the seed facet_sets does not list: "
        "elsewhere it would count as never published.",
        expected="a row of seeds/reference/facet_sets.csv for each facet",
    ),
    Check(
        expectation_id="excluded_metrics_stay_out",
        assumption_id="excluded_metrics",
        boundary="marts",
        severity="critical",
        sentence="A mart shows time, autonomy or education years, which carry no "
        "meaning for education in this data.",
        expected="no column and no facet of an excluded metric in a mart",
        keys=("mart", "column_or_facet"),
        is_per_release=False,
        rows="""
            select
                columns.table_name as mart,
                columns.column_name as column_or_facet
            from information_schema.columns as columns
            inner join reference.facets
                on
                    facets.facet_kind = 'numeric'
                    and columns.column_name like facets.facet || '%'
            where columns.table_schema = 'marts'
            union all
            select
                'fct_facet_shares' as mart,
                shares.facet as column_or_facet
            from marts.fct_facet_shares as shares
            inner join reference.facets
                on shares.facet = facets.facet and facets.facet_kind = 'numeric'
            group by shares.facet
        """,
    ),
    Check(
        expectation_id="contradicted_figures_are_explained",
        assumption_id="published_figures",
        boundary="marts",
        severity="warning",
        sentence="A printed figure does not come out of the files, and nobody has said "
        "why: cite the recomputed figure with its definition.",
        expected="a finding in the seed published_numbers for each contradicted figure",
        keys=("number_id", "published_value", "computed_value"),
        is_per_release=False,
        rows="""
            select
                figures.number_id,
                figures.published_value,
                figures.computed_value
            from marts.fct_published_reconciliation as figures
            inner join reference.published_numbers as numbers
                on figures.number_id = numbers.number_id
            where figures.status = 'contradicted' and numbers.finding is null
        """,
    ),
    Check(
        expectation_id="simulated_releases_are_marked",
        assumption_id="simulated_data",
        boundary="marts",
        severity="critical",
        sentence="A simulated release is not marked as such, or a real one is: made-up "
        "figures could be quoted as findings.",
        expected="is_simulated exactly where the release_id begins with simulated",
        keys=("release_id", "platform", "is_simulated"),
        is_per_release=False,
        rows="""
            select
                release_id,
                platform,
                is_simulated
            from marts.dim_releases
            where is_simulated <> starts_with(release_id, 'simulated')
        """,
    ),
    Check(
        expectation_id="measured_bounds_hold_their_truth",
        assumption_id="suppression_shift",
        boundary="marts",
        severity="warning",
        sentence="In simulated releases the bounds did not always hold the share that "
        "suppression hid: they can't be read as certain.",
        expected="100 % of known truths inside the bounds that are promised",
        keys=("mart", "figure", "estimator", "scope", "inside_pct"),
        is_per_release=False,
        rows="""
            select
                mart,
                figure,
                estimator,
                scope,
                inside_pct
            from marts.fct_interval_calibration
            where
                interval_kind = 'bounds'
                and verdict <> 'not_promised'
                and inside_pct < 100
        """,
    ),
)
