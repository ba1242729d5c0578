"""The closing text of a build."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from validation import findings

from warehouse.paths import shown
from warehouse.reading import connect, records
from warehouse.runner import rows_of_test

SHARES = """
    select
        shares.*, releases.file_status, releases.count_basis,
        releases.window_end_date
    from marts.fct_education_shares as shares
    inner join marts.dim_releases as releases
        using (release_id, platform, window_start_date)
    where
        shares.geo_level = 'global' and shares.scope = 'education'
        and shares.allocation_rule in ('any_holder', 'published')
        and shares.share_base = 'all_conversations'
        and shares.share_pct is not null
    order by shares.release_id, shares.platform desc, shares.window_start_date
"""
COUNTS = """
    select
        (
            select
                string_agg(figures || ' ' || status, ', ' order by figures desc, status)
            from (
                select status, count(*) as figures
                from marts.fct_published_reconciliation group by status
            )
        ) as reconciled,
        (
            select string_agg(name, ', ' order by name)
            from (
                select distinct release_id || ' ' || platform as name
                from marts.dim_releases
                where not is_loaded and not is_simulated
            )
        ) as absent,
        count(*) filter (is_success) as held,
        count(*) filter (not is_success) as failed,
        count(*) filter (is_success is null) as open
    from marts.fct_expectation_results where is_latest_run
"""
SIMULATED = """\
SIMULATED DATA: these figures describe nobody. They show the shape of the
warehouse; load the real files for figures (below).
"""


def summary(published_file: Path, results: list[Any], data_dir: Path | None) -> str:
    """The closing text: the file, headline shares with bases, what was checked."""
    with connect(published_file) as con:
        shares = records(con, SHARES)
        (counts,) = records(con, COUNTS)
        found = findings.lines(con)

    def passed(resource_type: str) -> int:
        return sum(
            str(result.node.resource_type) == resource_type
            and result.status in ("success", "pass")
            for result in results
        )

    warnings = [
        line
        for result in results
        if result.status == "warn"
        for line in (
            f"  {result.node.name}: {result.message}",
            *rows_of_test(result.node, published_file),
        )
    ]
    file = shown(published_file)
    folder = published_file.parent
    lines = [
        *("", f"Warehouse published: {file}", ""),
        *([SIMULATED] if any(row["is_simulated"] for row in shares) else []),
        "Education share (rule any_holder or as published, base all conversations):",
        *map(share_line, shares),
        f"Published figures against the marts: {counts['reconciled']}.",
        f"Checked: {passed('model')} models built, {passed('test')} data tests passed "
        "(what tests the code is make test).",
        f"Expectations: {counts['held']} held, {counts['failed']} failed as warnings, "
        f"{counts['open']} had nothing to judge; see "
        + shown(folder / "validation.html"),
        *(["Warnings, published with the marts:", *warnings] if warnings else []),
        *(["Found in the files, kept and shown:", *found] if found else []),
        *([f"Not in the data folder: {counts['absent']}."] if counts["absent"] else []),
        "",
        f"Report page:  {shown(folder / 'report.html')} (opens without network; beside "
        "it Parquet, CSV and a workbook)",
        f"Lineage docs: {shown(folder / 'docs/index.html')} (opens without network)",
        f"Look inside:  .venv/bin/python -c \"import duckdb; duckdb.connect('{file}', "
        "read_only=True).sql('from marts.fct_education_shares').show()\"",
    ]
    if data_dir is None:
        lines.append(
            "Real data:    make fetch RELEASE=2026_01_15, then "
            "AEI_DATA_DIR=data/aei make warehouse"
        )
    return "\n".join(lines)


def share_line(row: dict[str, Any]) -> str:
    """A headline share with its base and its bounds; a release of percentages has no
    base, and its window says which of its months it is."""
    where = f"  {row['release_id']} {row['platform']}"
    share, file = f"{row['share_pct']:.2f}%", f"[file: {row['file_status']}]"
    if row["count_basis"] == "percent_only":
        how = "as the release prints it"
        if row["allocation_rule"] != "published":
            how = f"of the published percentages, {row['task_count']} tasks"
        window = f"{row['window_start_date']} to {row['window_end_date']}"
        return f"{where}, {window}: {share} {how} {file}"
    unit = "records" if row["platform"] == "1p_api" else "conversations"
    if row["count_basis"] == "per_million":
        unit = f"{unit} per million"
    return (
        f"{where}: {share} = "
        f"{row['conversation_count']:,.0f} of {row['base_conversation_count']:,.0f} "
        f"{unit}, {row['task_count']} tasks; with the unseen "
        f"{row['bound_low_pct']:.1f} to {row['bound_high_pct']:.1f}% {file}"
    )
