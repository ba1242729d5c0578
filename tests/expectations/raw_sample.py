"""Expectations on the sample, its cells and its labels, before any mart is made.

The loader checks (``int_input_problems``) refuse damaged files and set unknown rows
aside; these ask whether the other rows are the sample that the figures assume.
"""

from __future__ import annotations

from expectations.check import Check, bounded, each_at_least, share_of
from expectations.raw_rows import CELLS, COUNTS, FLOOR, ROWS, TASKS

SAMPLE_CHECKS: tuple[Check, ...] = (
    bounded(
        expectation_id="window_is_one_week",
        assumption_id="window_length",
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
    ),
    bounded(
        expectation_id="sample_is_about_a_million",
        assumption_id="sample_size",
        severity="warning",
        sentence="The sample has another size than the releases before: the privacy "
        "floor hides another part of it, and counts are not comparable.",
        measure="sample_conversations",
        rows=f"""
            select sum(value) as measured from ({TASKS})
            where count_basis = 'conversations'
            having count(*) > 0
        """,
    ),
    bounded(
        expectation_id="per_million_counts_sum_to_a_million",
        assumption_id="count_basis",
        severity="warning",
        sentence="Counts that the manifest calls per million don't sum to a million: "
        "part of the tasks is unpublished, or the counts have another unit.",
        measure="per_million_total",
        rows=f"""
            select sum(value) as measured from ({TASKS})
            where count_basis = 'per_million'
            having count(*) > 0
        """,
    ),
    Check(
        expectation_id="conversations_are_not_per_million",
        assumption_id="count_basis",
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
    ),
    Check(
        expectation_id="base_cells_hold_the_floor",
        assumption_id="base_cell_floor",
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
    ),
    Check(
        expectation_id="every_named_label_is_used",
        assumption_id="label_sets",
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
    ),
    Check(
        expectation_id="residual_is_the_known_one",
        assumption_id="residual_labels",
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
    ),
    Check(
        expectation_id="unclassified_tasks_have_no_cells",
        assumption_id="residual_labels",
        severity="warning",
        sentence="The pseudo-task not_classified has cells of its own, which no "
        "release had: what its patterns mean is unknown.",
        expected="no cell of the pseudo-task not_classified",
        keys=("row_number", "facet", "cluster_name"),
        rows=f"{CELLS} and base_cluster_name = 'not_classified'",
    ),
    bounded(
        expectation_id="unclassified_task_share_is_usual",
        assumption_id="residual_size",
        severity="warning",
        sentence="The part of the sample without a visible task has moved: the range "
        "of the education share is wider or narrower than before.",
        measure="unclassified_task_pct",
        rows=share_of(TASKS, "cluster_name = 'not_classified'"),
    ),
    bounded(
        expectation_id="no_task_share_is_usual",
        assumption_id="residual_size",
        severity="warning",
        sentence="The part of the sample that fits no task has moved: shares on all "
        "conversations and on named tasks drift apart.",
        measure="no_task_pct",
        rows=share_of(TASKS, "cluster_name = 'none'"),
    ),
    bounded(
        expectation_id="folded_pattern_share_is_usual",
        assumption_id="residual_size",
        severity="warning",
        sentence="More of the tasks' conversations than usual are folded into "
        "residuals: the bounds of patterns are wide.",
        measure="folded_pattern_pct",
        rows=share_of(
            f"{CELLS} and facet = 'onet_task::collaboration'",
            "category = 'not_classified'",
        ),
    ),
    bounded(
        expectation_id="facet_residual_is_usual",
        assumption_id="residual_size",
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
    ),
    bounded(
        expectation_id="releases_differ",
        assumption_id="release_distinct",
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
    ),
    Check(
        expectation_id="releases_share_one_task_list",
        assumption_id="taxonomy_version",
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
    ),
    Check(
        expectation_id="reference_files_are_the_official_ones",
        assumption_id="file_identity",
        severity="warning",
        sentence="A list that the figures are made with is not the official one: other "
        "holders of a task make other tasks education, and other codes other places.",
        expected="file_status verified for task statements, countries and populations",
        keys=("relative_path", "file_status"),
        is_per_release=False,
        rows="""
            select relative_path, file_status
            from staging.stg_aei__release_files
            where
                is_loaded
                and file_role not in ('raw', 'soc_structure')
                and file_status <> 'verified'
        """,
    ),
)
