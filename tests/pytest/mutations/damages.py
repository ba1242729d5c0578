"""Every damage of a file, by the check of the loader that has to find it.

What a finding leads to stands in the seed ``input_checks``. In a copy that is not the
official file ``damage`` stops the build; in an official file it is published with the
marts as a finding, as is a ``surprise`` in any copy, whose rows are staged, named and
kept out of the marts. What can't be read at all always stops.
"""

from __future__ import annotations

import gzip

from conftest import (
    csv_text,
    manifest_rows,
    shipped_row,
)

from mutations.family_damages import FAMILY_DAMAGES
from mutations.files import (
    CHECKS,
    COUNT,
    LEARNING,
    LEARNING_COUNT,
    LINE,
    PCT,
    TASK,
    Damage,
    Fault,
    add,
    at,
    cut,
    cut_in_quotes,
    edit,
    edited_line,
    header,
    is_country,
    leave_out,
    lines,
    listed,
    of_task,
    read_text,
    repeat,
    text,
    without_column,
)
from mutations.lists import MALFORMED_LISTS
from mutations.sheet import API, CHAT, PATTERN_OF_A_TASK
from mutations.ways import (
    HTML,
    OF_A_TASK,
    OF_THE_SAMPLE,
    POINTER,
    country_code,
    dates,
    reference,
    relabel,
    rename_task,
    swap_count_and_pct,
    swapped,
)


def stops(guard: str, is_official: bool) -> bool:
    """Whether what a check finds in a copy has to stop the build, as the seed says."""
    check = CHECKS[guard]
    always = check["always_stops"] == "true"
    return always or (check["problem_kind"] == "damage" and not is_official)


LATER = next(
    row
    for row in manifest_rows()
    if row["release_id"] == "2026_03_24" and row["platform"] == CHAT
)


# Every damage, by the check that has to find it.
DAMAGES: dict[str, dict[str, Damage]] = {
    "refused_files": {
        **{
            f"column {column} dropped": without_column(column)
            for column in ("geo_id", "facet", "cluster_name", "value")
        },
        "column cluster_name renamed": header(
            lambda names: names.replace("cluster_name", "category_name"),
            "cluster_name",
            "category_name",
        ),
        "column value in capitals": header(
            lambda names: names.replace("value", "Value"), "value", "Value"
        ),
        "column value twice": text(
            lambda whole: csv_text([row | {"Value": "7"} for row in read_text(whole)]),
            Fault(1, "value", "value,Value"),
        ),
        "quotation mark lost in the header": header(
            lambda names: names.replace("geo_id,", 'geo_id",'),
            None,
            'geo_id",geography',
        ),
        "two byte order marks": header(
            lambda names: "\ufeff\ufeff" + names, "geo_id", "\ufeffgeo_id"
        ),
        "semicolons instead of commas": text(
            lambda whole: whole.replace(",", ";"), Fault(1, None, "geo_id;geography")
        ),
        "tabs instead of commas": text(
            lambda whole: whole.replace(",", "\t"),
            Fault(1, None, "geo_id\tgeography"),
        ),
        "HTML error page saved as CSV": text(
            lambda _: HTML, Fault(1, None, "a web page (<!DOCTYPE html>)")
        ),
        "UTF-16": text(
            lambda whole: whole.encode("utf-16"), Fault(1, None, "not UTF-8 text")
        ),
        "compressed, but named .csv": text(
            lambda whole: gzip.compress(whole.encode(), mtime=0),
            Fault(1, None, "not UTF-8 text"),
        ),
        "empty file": text(lambda _: "", Fault(1, None, "an empty file")),
        "pointer of Git LFS": text(
            lambda _: POINTER, Fault(1, None, "a pointer of Git LFS")
        ),
        "task statements a web page": reference(
            lambda _: HTML, "onet_task_statements", row=1
        ),
        "task statements empty": reference(lambda _: "", "onet_task_statements", row=1),
        "task statements without the column Task": reference(
            lambda whole: whole.replace(",Task,", ",Text,"),
            "onet_task_statements",
            "Task",
            1,
        ),
        "country list a web page": reference(
            lambda _: HTML, "iso_country_codes", row=1
        ),
    },
    "rejected_rows": {
        "Latin-1 bytes in a line": text(
            lambda whole: edited_line(
                whole, lambda line: line.replace("e", "\u00e9")
            ).encode("latin-1"),
            Fault(LINE),
        ),
        **{
            f"Latin-1 bytes in the {where} line": text(
                lambda whole, at=at: (
                    "\n".join(
                        line.replace("e", "\u00e9") if number == at else line
                        for number, line in enumerate(whole.split("\n")[:LINE])
                    )
                    + "\n"
                ).encode("latin-1"),
                Fault(at + 1),
            )
            for where, at in (("third", 2), ("last", LINE - 1))
        },
        "truncated in the middle of a line": lines(
            lambda all_lines: [*all_lines[: LINE - 1], all_lines[LINE - 1][:40]],
            Fault(LINE),
        ),
        "truncated inside a quoted text": lines(cut_in_quotes, Fault()),
        "two kinds of line ends": text(
            lambda whole: whole.replace("\n", "\r\n", LINE),
            Fault(None, None, "ends are of two kinds"),
        ),
        "a line of three megabytes": text(
            lambda whole: edited_line(whole, lambda line: line + "x" * 3_000_000),
            Fault(None, None, "over 2 MB"),
        ),
        "value 1,234 without quotes": text(
            lambda whole: edited_line(
                whole, lambda line: line.rpartition(",")[0] + ",1,234"
            ),
            Fault(LINE, None, "too many columns"),
        ),
        "task statements truncated in a line": text(
            lambda whole: whole[: len(whole) // 2],
            Fault(),
            "onet_task_statements",
        ),
    },
    "malformed_lists": MALFORMED_LISTS,
    "empty_files": {
        "truncated behind the header": lines(
            lambda all_lines: [all_lines[0], ""],
            Fault(None, None, "no row"),
        ),
    },
    "mislabelled_rows": {
        "platforms swapped": Damage(swapped),
        "a release under another release's id": edit(
            lambda _: True,
            f'"{LATER["product_label"]}"',
            CHAT,
            expected=f'"{shipped_row(CHAT)["product_label"]}" (release manifest)',
            platform_and_product=LATER["product_label"],
            date_start=LATER["window_start_date"],
            date_end=LATER["window_end_date"],
        ),
        "one row of another product": edit(
            COUNT,
            expected=f'"{shipped_row(API)["product_label"]}" (release manifest)',
            platform_and_product="Claude AI (Free, Pro, and Max)",
        ),
    },
    "misdated_rows": {
        "another window": dates(lambda _: True, "2026-03-02", "2026-03-09"),
        "two windows in one file": dates(
            at(facet=PATTERN_OF_A_TASK), "2026-03-02", "2026-03-09"
        ),
        "an eight-day window in the file alone": dates(
            COUNT, "2026-01-05", "2026-01-13"
        ),
        "day before month": dates(COUNT, "05-01-2026", "2026-01-12"),
    },
    "unknown_geographies": {
        "one country with three letters": country_code("NAM"),
        "a country in lower case": country_code("us"),
        "alpha-3 codes for all countries": edit(
            is_country,
            '"country" with geo_id "',
            CHAT,
            geo_id=lambda row: row["geo_id"] + "X",
        ),
        "NA read as null": edit(
            at(geo_id="NA"),
            '"country" with geo_id ""',
            CHAT,
            geo_id="",
        ),
        "USPS codes in a 2026 file": edit(
            at(geography="country-state"),
            '"country-state" with geo_id "',
            CHAT,
            geo_id=lambda row: row["geo_id"].removeprefix("US-"),
        ),
        "a country that is not listed": country_code("QQ"),
        "a region of a country that is not listed": edit(
            at(geo_id="US-CA"), '"QQ-CA"', CHAT, geo_id="QQ-CA"
        ),
        "a region with a space behind": edit(
            at(geo_id="US-CA"), '"US-CA "', CHAT, geo_id="US-CA "
        ),
        "geography unknown": edit(
            at(geography="country-state"),
            '"planet" with geo_id "',
            CHAT,
            geography="planet",
        ),
    },
    "untyped_numbers": {
        **{
            f"value {said}": edit(COUNT, value=value)
            for said, value in {
                "abc": "abc",
                "1,234 in quotes": "1,234",
                "25,5 with a decimal comma": "25,5",
                "NaN": "NaN",
                "inf": "inf",
                "too large for a number": "1e400",
                "empty": "",
                "with a space": " 5",
            }.items()
        },
        "value abc in an intersection": edit(LEARNING_COUNT, value="abc"),
        "level not a number": edit(COUNT, level="fine"),
        "level with a half": edit(COUNT, level="0.5"),
    },
    "impossible_numbers": {
        "count negative": edit(COUNT, value="-25.0"),
        "count fractional": edit(COUNT, value="25.5"),
        "count of a pattern negative": edit(LEARNING_COUNT, value="-25.0"),
        "pct negative": edit(PCT, value="-0.1"),
        "pct over 100": edit(PCT, value="100.5"),
        "count and pct swapped": Damage(swap_count_and_pct),
    },
    "duplicate_keys": {
        "row twice": repeat(),
        "key twice with another value": repeat(value="17.0"),
        "key twice, level 0 and 0.0": repeat(level="0.0"),
        "file pasted twice": text(
            lambda whole: whole * 2,
            Fault(2, None, "the same key in 2 rows"),
        ),
    },
    "unknown_variables": {
        f"{what} more": add(
            Fault(None, "variable", f'"{name}" in facet collaboration'),
            at(variable="collaboration_count", cluster_name="learning"),
            variable=name,
            cluster_name="learning",
        )
        for what, name in {
            "a statistic": "collaboration_mean",
            "a variable of another facet": "use_case_count",
        }.items()
    },
    "unknown_facets": {
        "a facet more": add(
            Fault(None, "facet", " in mood"),
            at(facet="collaboration", cluster_name="learning"),
            facet="mood",
            variable=lambda row: row["variable"].replace("collaboration", "mood"),
        ),
        "an intersection more": add(
            Fault(None, "facet", " in onet_task::mood"),
            LEARNING,
            facet="onet_task::mood",
            variable=lambda row: row["variable"].replace("collaboration", "mood"),
        ),
    },
    "unknown_levels": {
        "a level below the deepest": edit(
            at(facet="use_case"),
            '"1" in use_case',
            level="1",
        ),
    },
    "unknown_samples": {
        "the manifest without sample_count": listed(
            Fault(None, None, "no sample_count"),
            sample_count="",
        ),
    },
    "missing_task_list": {
        "a taxonomy without a task list": listed(
            Fault(None, "cluster_name", "in onet_task"),
            lambda row: row["facet"] == "onet_task" and "." in row["cluster_name"],
            taxonomy_version="onet_0",
        ),
    },
    "incomplete_facets": {
        "a residual left out": leave_out(
            at(facet="use_case", cluster_name="not_classified"),
            Fault(None, "value", "use_case sums to", OF_THE_SAMPLE),
            at(facet="use_case"),
        ),
        "task left out with all its cells": leave_out(
            of_task,
            Fault(None, "value", "onet_task sums to", OF_THE_SAMPLE),
            at(facet="onet_task"),
        ),
    },
    "unpaired_cells": {
        "truncated between count and pct": cut(
            LEARNING_COUNT,
            0,
            Fault(None, "variable", "a count without its pct"),
        ),
        **{
            f"{lost} dropped": leave_out(
                at(
                    variable=f"onet_task_collaboration_{lost}",
                    cluster_name=f"{TASK}::learning",
                ),
                Fault(None, "variable", said),
                LEARNING,
            )
            for lost, said in {
                "count": "a pct without its count",
                "pct": "a count without its pct",
            }.items()
        },
    },
    "unknown_labels": {
        "labels with underscores": relabel("feedback loop", "feedback_loop"),
        "an unknown label": relabel("learning", "tutoring"),
        "a label with a capital": relabel("learning", "Learning"),
        "a label with a space behind it": relabel("learning", "learning "),
        "::value behind the label": edit(
            at(facet=PATTERN_OF_A_TASK),
            "in onet_task::collaboration",
            cluster_name=lambda row: row["cluster_name"] + "::value",
        ),
    },
    "unnamed_cells": {
        "task without a name": edit(COUNT, cluster_name=""),
        "intersection without colons": edit(
            LEARNING,
            TASK[:40],
            cluster_name=f"{TASK} learning",
        ),
        "intersection without a category": edit(
            LEARNING,
            TASK[:40],
            cluster_name=f"{TASK}::",
        ),
        "empty cluster_name read as null": edit(
            lambda row: row["variable"].startswith("usage_"),
            '"NULL" in country',
            CHAT,
            cluster_name="NULL",
        ),
    },
    "unknown_tasks": {
        "a task not in O*NET": rename_task("juggle torches."),
        ":: in the base name": rename_task(f"{TASK}::again"),
        "a task with a capital": rename_task(TASK.capitalize()),
    },
    "contradicted_percentages": {
        "pct as a fraction": edit(
            at(variable="collaboration_pct"),
            "collaboration of ",
            expected="pct = ",
            named=at(variable="collaboration_count"),
            value=lambda row: repr(float(row["value"]) / 100),
        ),
        "pct that sums to 99": edit(
            at(variable="collaboration_pct"),
            "collaboration of ",
            expected="pct = ",
            named=at(variable="collaboration_count"),
            value=lambda row: repr(0.99 * float(row["value"])),
        ),
        "pct of a country halved": edit(
            at(geo_id="DE", variable="collaboration_pct"),
            "collaboration of ",
            CHAT,
            expected=", the total of the place",
            named=at(geo_id="DE", variable="collaboration_count"),
            value=lambda row: repr(float(row["value"]) / 2),
        ),
        "one count of a country edited": edit(
            at(facet="country", geo_id="BR", variable="usage_count"),
            " beside count ",
            CHAT,
            expected=OF_THE_SAMPLE,
            value=lambda row: repr(float(row["value"]) + 1000),
        ),
        "another sample in the manifest": listed(
            Fault(None, "value", "beside count ", " = count / 998400"),
            at(facet="collaboration"),
            sample_count="998400",
        ),
    },
    "totalless_tasks": {
        "total of a task dropped": leave_out(
            at(facet="onet_task", cluster_name=TASK),
            Fault(None, "cluster_name", f'cells of "{TASK[:40]}'),
            of_task,
        ),
    },
    "unpartitioned_tasks": {
        "truncated behind a whole cell": cut(
            LEARNING_COUNT,
            1,
            Fault(None, "value", TASK[:40], OF_A_TASK),
            lambda row: row["facet"] == PATTERN_OF_A_TASK and of_task(row),
        ),
        "one count edited": edit(
            LEARNING_COUNT,
            TASK[:40],
            expected=OF_A_TASK,
            named=lambda row: row["facet"] == PATTERN_OF_A_TASK and of_task(row),
            value=lambda row: repr(float(row["value"]) + 1),
        ),
        **{
            f"{what} dropped": leave_out(
                at(facet=PATTERN_OF_A_TASK, cluster_name=f"{TASK}::{label}"),
                Fault(None, "value", f'"{TASK[:40]}', OF_A_TASK),
                lambda row: row["facet"] == PATTERN_OF_A_TASK and of_task(row),
            )
            for what, label in {
                "pattern": "learning",
                "residual": "not_classified",
            }.items()
        },
    },
}
for guard, of_families in FAMILY_DAMAGES.items():
    DAMAGES[guard] |= of_families


# All of them: the check, and what is done to the file.
NO_FILES = ("no_release_files", "no raw file at all")
NO_COUNTRIES = ("missing_country_list", "monthly file without the list of countries")
MUTANTS = [(guard, name) for guard, some in DAMAGES.items() for name in some]
MUTANTS += [NO_FILES, NO_COUNTRIES]
