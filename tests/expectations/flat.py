"""Expectations on the flat layouts (family A).

That shares of tasks sum to 100 and ratios of a task to 1 are checks of the loader
(``incomplete_facets``, ``unpartitioned_tasks``).
"""

from __future__ import annotations

from expectations.check import Check, each_at_least

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
        rows="""
            select
                staged.relative_path,
                round(sum(staged.value), 3) as total_pct,
                0.05 - abs(sum(staged.value) - 100) as measured
            from staging.stg_aei__flat_values as staged
            left join staging.stg_aei__flat_problems as problems
                on
                    staged.relative_path = problems.relative_path
                    and staged.row_number = problems.row_number
            where
                staged.release_id = '$release_id'
                and staged.platform = '$platform'
                and staged.facet = 'collaboration'
                and coalesce(problems.is_usable, true)
            group by staged.relative_path
        """,
        ask=each_at_least(0),
    ),
)
