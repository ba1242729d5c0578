"""Expectations on the flat layouts (family A).

That shares of tasks sum to 100 and ratios of a task to 1 are checks of the loader
(``incomplete_facets``, ``unpartitioned_tasks``).
"""

from __future__ import annotations

from expectations.check import Check, bounded, each_at_least
from expectations.raw_rows import SAMPLE, usable

# The global patterns of a release.
PATTERNS = usable(
    "stg_aei__flat_values",
    "stg_aei__flat_problems",
    f"{SAMPLE} and staged.facet = 'collaboration'",
)
# The shares of tasks.
TASKS = usable(
    "stg_aei__flat_values",
    "stg_aei__flat_problems",
    f"{SAMPLE} and staged.base_facet = 'onet_task' and staged.attribute_facet is null",
)

FLAT_CHECKS: tuple[Check, ...] = (
    Check(
        expectation_id="flat_patterns_sum_to_100",
        families="A",
        assumption_id="percentages_by_base",
        boundary="raw",
        severity="warning",
        sentence="The global patterns do not sum to 100: the rest is unpublished, and "
        "their shares are of all conversations, not of those with a pattern.",
        expected="patterns that sum to 100",
        keys=("relative_path", "total_pct"),
        platforms=("claude_ai",),
        rows=f"""
            select
                relative_path,
                round(sum(value), 3) as total_pct,
                0.05 - abs(sum(value) - 100) as measured
            from ({PATTERNS})
            group by relative_path
        """,
        ask=each_at_least(0),
    ),
    bounded(
        expectation_id="flat_patterns_are_no_fractions",
        families="A",
        assumption_id="percentages_by_base",
        severity="critical",
        sentence="The global patterns together hold next to nothing: they are "
        "fractions where percentages belong, a hundredth of what they are.",
        expected="at least $lowest $unit ($basis)",
        measure="flat_pattern_total_pct",
        keys=("relative_path", "measured"),
        platforms=("claude_ai",),
        rows=f"""
            select relative_path, sum(value) as measured
            from ({PATTERNS})
            group by relative_path
        """,
    ),
    Check(
        expectation_id="flat_patterns_are_all_there",
        families="A",
        assumption_id="label_sets",
        boundary="raw",
        severity="warning",
        sentence="A pattern is nowhere among the global patterns: its row is lost or "
        "names it otherwise, and its figure is absent here, not zero.",
        expected="every pattern of the seed facet_labels but the residual",
        keys=("relative_path", "label"),
        platforms=("claude_ai",),
        rows=f"""
            select
                files.relative_path,
                labels.label,
                count(found.cluster_name) as measured
            from (
                select relative_path
                from staging.stg_aei__release_files
                where
                    release_id = '$release_id'
                    and platform = '$platform'
                    and layout = 'A_patterns'
                    and is_loaded
            ) as files
            cross join (
                select label
                from reference.facet_labels
                where facet = 'collaboration' and label_kind <> 'residual'
            ) as labels
            left join ({PATTERNS}) as found
                on
                    files.relative_path = found.relative_path
                    and labels.label = found.cluster_name
            group by files.relative_path, labels.label
        """,
        ask=each_at_least(1),
    ),
    bounded(
        expectation_id="flat_releases_differ",
        families="A",
        assumption_id="release_distinct",
        severity="critical",
        sentence="Two releases hold the same shares of tasks: one file is loaded under "
        "two names, and nothing can be said about change between them.",
        expected="at most $highest $unit with the same share ($basis)",
        measure="equal_task_share_pct",
        keys=("other_release_id", "shared_task_count", "measured"),
        platforms=("claude_ai",),
        rows=f"""
            select
                others.release_id as other_release_id,
                count(*) as shared_task_count,
                100.0 * count(*) filter (where abs(tasks.value - others.value) < 1e-6)
                / count(*) as measured
            from ({TASKS}) as tasks
            inner join staging.stg_aei__flat_values as others
                on
                    tasks.base_cluster_name = others.base_cluster_name
                    and tasks.release_id <> others.release_id
                    and others.base_facet = 'onet_task'
                    and others.attribute_facet is null
            group by others.release_id
        """,
    ),
)
