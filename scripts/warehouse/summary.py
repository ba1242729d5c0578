"""The closing text of a build."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
from validation import findings

from warehouse.paths import shown
from warehouse.reading import connect, records
from warehouse.runner import rows_of_test

SHARES = """
    select
        releases.release_id, releases.platform, releases.window_label,
        releases.file_status, releases.count_basis, releases.is_simulated,
        shares.* exclude (release_id, platform, window_start_date, is_simulated)
    from marts.dim_releases as releases
    left join (
        from marts.fct_education_shares
        where geo_level = 'global' and scope = 'education'
            and allocation_rule in ('any_holder', 'published')
            and share_base = 'all_conversations'
    ) as shares using (release_id, platform, window_start_date)
    where releases.is_loaded
    order by releases.platform desc, releases.window_start_date, releases.release_id
"""
COUNTS = """
    select
        (
            select
                string_agg(
                    figures || ' ' || replace(status, '_', ' '), ', '
                    order by figures desc, status
                )
            from (
                select status, count(*) as figures
                from marts.fct_published_reconciliation group by status
            )
        ) as reconciled,
        (
            select string_agg(name, ', ' order by name)
            from (
                select
                    release_id || ' ('
                    || string_agg(distinct platform, ', ' order by platform) || ')'
                        as name
                from marts.dim_releases where not is_loaded and not is_simulated
                group by release_id
            )
        ) as absent,
        count(*) filter (is_held) as held,
        count(*) filter (not is_held) as failed,
        count(*) filter (is_held is null) as open
    from (
        select bool_and(is_success) as is_held
        from marts.fct_expectation_results where is_latest_run
        group by expectation_id
    )
"""
# What a check found in a file is said of each file.
FAILED = """
    select
        expectation_id, any_value(sentence) as sentence,
        string_agg(
            if(release_id = 'all', 'the warehouse', release_id || ' ' || platform), ', '
            order by release_id, platform
        ) as judged
    from marts.fct_expectation_results
    where is_latest_run and not is_success and expectation <> 'loader_check'
    group by expectation_id
    order by expectation_id
"""
# Warnings that belong to the shipped data: what the simulator leaves out on purpose.
BY_DESIGN = {
    "the_copy_holds_every_facet": "the simulator makes the facets that figures use",
    "countries_sum_to_the_sample": "the simulated months publish part of the countries",
}
MOVED = """
    select
        mart,
        replace(change_reason, '_', ' ') as reason,
        count(*) filter (change_kind = 'value_changed') as value_count,
        count(*) filter (change_kind = 'row_new') as new_count,
        count(*) filter (change_kind = 'row_gone') as gone_count
    from marts.fct_figure_changes
    group by all
    order by all
"""
# The share by each definition, for who looks inside for the first time.
HEADLINE = """
select release_id, platform, window_start_date, allocation_rule,
    round(share_pct, 2) as share_pct
from marts.fct_education_shares
where geo_level = 'global' and scope = 'education'
    and share_base = 'all_conversations'
order by all"""
SIMULATED = """\
SIMULATED DATA: {} describe nobody. They show the shape of the
warehouse; load the real files for figures (below).
"""


def summary(published_file: Path, results: list[Any], data_dir: Path | None) -> str:
    """The closing text: the file, headline shares with bases, what was checked."""
    with connect(published_file) as con:
        shares = records(con, SHARES)
        (counts,) = records(con, COUNTS)
        failed = records(con, FAILED)
        found = findings.lines(con)
        moved = moved_lines(con)
    own = any(row["file_status"] == "own_data" for row in shares)
    simulated = {row["release_id"] for row in shares if row["is_simulated"]}
    is_all_simulated = all(
        row["is_simulated"] or row["file_status"] == "own_data" for row in shares
    )
    which = f"the figures of {', '.join(sorted(simulated))}" if own else "these figures"

    def passed(resource_type: str) -> int:
        return sum(
            str(result.node.resource_type) == resource_type
            and result.status in ("success", "pass")
            for result in results
        )

    def by_design(name: str) -> str:
        reason = BY_DESIGN.get(name) if is_all_simulated else None
        return f" By design: {reason}." if reason else ""

    warnings = [
        f"  {row['expectation_id']} ({row['judged']}): {row['sentence']}"
        + by_design(row["expectation_id"])
        for row in failed
    ]
    warned = [result for result in results if result.status == "warn"]
    for result in warned:
        warnings.append(f"  {result.node.name}: {result.message.partition(',')[0]}.")
        warnings += rows_of_test(result.node, published_file)
    warned_count = counts["failed"] + len(warned)
    file = shown(published_file)
    folder = published_file.parent
    lines = [
        *("", f"Warehouse published: {file}", ""),
        *([SIMULATED.format(which)] if simulated else []),
        "Education share (rule any_holder, base all conversations; as published where "
        "a release gives the share itself):",
        *map(share_line, shares),
        f"Published figures against the marts: {counts['reconciled']}"
        + (", by design: they are of real files." if is_all_simulated else "."),
        f"Checked: {passed('model')} models built, {passed('test')} data tests passed; "
        f"{counts['held']} expectations held, {counts['open']} had nothing to judge; "
        f"see {shown(folder / 'validation.html')}",
        f"Checks that failed with a warning: {warned_count}"
        + (", published with the marts:" if warned_count else ""),
        *warnings,
        *found,
        *moved,
        *absent_lines(counts["absent"], is_all_simulated),
        "",
        f"Report page:  {shown(folder / 'report.html')} (opens without network; beside "
        "it Parquet, CSV and a workbook)",
        f"Lineage docs: {shown(folder / 'docs/index.html')} (opens without network)",
        'Look inside:  .venv/bin/python -c "import duckdb',
        f"duckdb.connect('{file}', read_only=True).sql('''{HEADLINE}''')"
        '.show(max_width=120)"',
    ]
    if data_dir is None:
        lines.append(
            "Real data:    make fetch RELEASE=2026_01_15, then "
            "AEI_DATA_DIR=data/aei make warehouse"
        )
    return "\n".join(lines)


def absent_lines(names: str | None, is_all_simulated: bool) -> list[str]:
    """The releases that were not loaded; by design where only simulated ones were."""
    if is_all_simulated:
        return [
            "The real releases are not in this folder, by design; see the last line."
        ]
    return [f"Not in the data folder: {names}."] if names else []


def moved_lines(con: duckdb.DuckDBPyConnection) -> list[str]:
    """What moved since the warehouse that was published before; nothing without one."""
    if not con.execute(
        "select 1 from marts.dim_build where compared_build_id is not null"
    ).fetchall():
        return []
    rows = records(con, MOVED)
    if not rows:
        return ["Since the warehouse published before no figure has moved."]
    return [
        "Moved since the warehouse published before (marts.fct_figure_changes):",
        *(
            f"  {row['mart']}: {row['value_count']:,} values changed, "
            f"{row['new_count']:,} rows new, {row['gone_count']:,} gone; cause: "
            f"{row['reason']}"
            for row in rows
        ),
    ]


def share_line(row: dict[str, Any]) -> str:
    """A headline share of a sample with its window, its base and its bounds."""
    text = f"  {row['release_id']} {row['platform']}, {row['window_label']}: "
    copy = f" [file: {row['file_status']}]"
    if row["share_pct"] is None:
        return f"{text}none in this copy{copy}"
    text += f"{row['share_pct']:.2f}%"
    if row["allocation_rule"] == "published":
        return f"{text} as published, which gives percentages only{copy}"
    if row["count_basis"] == "percent_only":
        return f"{text} from percentages only, {row['task_count']} tasks{copy}"
    unit = "records" if row["platform"] == "1p_api" else "conversations"
    if row["count_basis"] == "per_million":
        unit = f"{unit} per million"
    return (
        f"{text} = {row['conversation_count']:,.0f} of "
        f"{row['base_conversation_count']:,.0f} {unit}, {row['task_count']} tasks; "
        f"with the unseen {row['bound_low_pct']:.1f} to {row['bound_high_pct']:.1f}%"
        f"{copy}"
    )
