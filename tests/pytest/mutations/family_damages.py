"""Damages of the monthly and the flat layouts, by the check that has to find each."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from conftest import Row

from mutations.clean import LABELS, MONTHLY, RATIOS, SHARES, clean
from mutations.files import (
    Choice,
    Damage,
    Fault,
    Value,
    add,
    at,
    edit,
    leave_out,
    repeat,
)

month = partial(edit, file=MONTHLY)
share = partial(edit, file=SHARES)
ratio = partial(edit, file=RATIOS)
label = partial(edit, file=LABELS)

APRIL = at(date_start="2026-04-01")
GERMANY = at(geo_id="DEU")
CALIFORNIA = at(geo_id="US-CA")
IN_APRIL = {"geo_id": "DEU", "date_start": "2026-04-01"}
OVERALL = IN_APRIL | {"category_name": "overall"}
USAGE = at(**OVERALL, metric_id="usage_pct")
INDEX = at(**OVERALL, metric_id="usage_per_capita_index")
DIRECTIVE = at(**OVERALL, metric_id="collaboration_directive_pct")
USE_CASES = at(**OVERALL, metric_id="use_case_coursework_pct")
NODE = at(**IN_APRIL, node_external_id="25", metric_id="pct")
DATES, A_MONTH = "date_start, date_end", "calendar months from"


def window(where: Choice, said: str, **values: str) -> Damage:
    """Put dates into rows; the finding names both."""
    return month(where, said, points_to=DATES, expected=A_MONTH, **values)


def place(where: Choice, geo_id: str) -> Damage:
    """Put another place into rows."""
    return month(where, f'"{geo_id}"', geo_id=geo_id)


def is_task(row: Row) -> bool:
    """Chooses the first task of the shares."""
    return row["task_name"] == clean(SHARES)[1][0]["task_name"]


def is_large(row: Row) -> bool:
    """Chooses the first task with much of a pattern."""
    large = next(r for r in clean(RATIOS)[1] if float(r["directive"]) > 0.2)
    return row["task_name"] == large["task_name"]


def times(column: str, factor: float) -> dict[str, Value]:
    """Every value of a column times a factor."""
    return {column: lambda row: repr(float(row[column]) * factor)}


def everywhere(row: Row) -> bool:
    """Chooses every row."""
    return True


def sums(
    of: Callable[..., Damage],
    facet: str,
    where: Choice,
    named: Choice = everywhere,
    **values: Value,
) -> Damage:
    """Let the percentages of a facet sum to another number."""
    said = {"observed": f"{facet} sums to", "expected": "100 percent"}
    return of(where, points_to="value", named=named, **said, **values)


FAMILY_DAMAGES: dict[str, dict[str, Damage]] = {
    "misdated_rows": {
        "month that is not the manifest's": window(
            APRIL,
            "2026-03-01 to 2026-04-01",
            date_start="2026-03-01",
            date_end="2026-04-01",
        ),
        "last day in place of the exclusive end": window(
            APRIL, "2026-04-01 to 2026-04-30", date_end="2026-04-30"
        ),
        "two months in one row": window(
            USAGE, "2026-04-01 to 2026-06-01", date_end="2026-06-01"
        ),
        "no date": window(USAGE, " to ", date_start=""),
        "date without zeros": window(USAGE, "2026-4-1 to", date_start="2026-4-1"),
        "the same month again, dates without zeros": add(
            Fault(None, DATES, "2026-4-1 to", A_MONTH),
            APRIL,
            MONTHLY,
            date_start="2026-4-1",
        ),
        "dates with a time": add(
            Fault(None, DATES, "00:00:00", A_MONTH),
            USAGE,
            MONTHLY,
            date_start="2026-04-01 00:00:00",
        ),
        "date without a next month": window(
            USAGE, "5881580-07-10", date_start="5881580-07-10"
        ),
        "date without an end": window(USAGE, "infinity", date_end="infinity"),
        "end without a zero": window(USAGE, "2026-05-1", date_end="2026-05-1"),
        "end with a time": window(
            USAGE, "2026-05-01 00:00:00", date_end="2026-05-01 00:00:00"
        ),
    },
    "untyped_numbers": {
        "level of 400 digits": month(USAGE, "9" * 40, hierarchy_level="9" * 400),
        "thousands with a comma": month(USAGE, value="1,234"),
        "share with a comma for thousands": share(is_task, pct="1,234"),
        "share of 400 digits": share(is_task, "9" * 40, pct="9" * 400),
        "word for a number": month(USAGE, '"n/a" for usage_pct', value="n/a"),
        "decimal comma": month(USAGE, value="4,57"),
        "no value": month(USAGE, '""', value=""),
        "value NaN": month(USAGE, value="NaN"),
        "level in words": month(NODE, '"top" in soc_occ', hierarchy_level="top"),
        "share with a decimal comma": share(is_task, pct="0,5"),
        "share left out": share(is_task, '""', pct=""),
        "ratio in words": ratio(is_large, filtered="?"),
    },
    "impossible_numbers": {
        "percentage above 100": month(DIRECTIVE, value="157.3"),
        "negative index": month(INDEX, value="-0.3"),
        "share negative": share(is_task, pct="-1"),
        "share of 120": share(is_task, pct="120"),
        "ratios as percentages": ratio(
            is_large, expected="a ratio from 0 to 1", directive="55.2"
        ),
        "ratio negative": ratio(
            is_large, expected="a ratio from 0 to 1", learning="-0.1"
        ),
    },
    "unnamed_cells": {
        "node without id": month(
            NODE, '"soc_occupation" with node', node_external_id=""
        ),
        "two ids of everything": add(
            Fault(None, "node_external_id", '"overall" with node'),
            USAGE,
            MONTHLY,
            node_external_id="25",
            value="99",
        ),
        "task of the shares without a name": share(is_task, '""', task_name=""),
    },
    "duplicate_keys": {
        "row of a month twice": repeat(DIRECTIVE, MONTHLY),
        "row of a month twice, another value": repeat(DIRECTIVE, MONTHLY, value="1"),
        "month twice": repeat(APRIL, MONTHLY),
        "row of a month twice, level 0 and 0.0": repeat(
            DIRECTIVE, MONTHLY, hierarchy_level="0.0"
        ),
        "task of the shares twice": repeat(is_task, SHARES),
        "ratios of a task twice": repeat(is_large, RATIOS),
        "patterns twice": repeat(everywhere, LABELS),
    },
    "unknown_geographies": {
        "alpha-2 beside alpha-3": add(
            Fault(None, "geo_id", '"DE"'), GERMANY, MONTHLY, geo_id="DE"
        ),
        "alpha-2 in place of alpha-3": place(GERMANY, "DE"),
        "not_classified as a country": place(GERMANY, "not_classified"),
        "alpha-3 without a country": place(GERMANY, "XQZ"),
        "alpha-3 in small letters": place(GERMANY, "deu"),
        "region without its country": place(CALIFORNIA, "CA"),
        "region of a country that is not listed": place(CALIFORNIA, "QQ-CA"),
        "region with an alpha-3 prefix": place(CALIFORNIA, "USA-CA"),
        "region again, with a space behind": add(
            Fault(None, "geo_id", '"US-CA "'), CALIFORNIA, MONTHLY, geo_id="US-CA "
        ),
        "region again, in small letters": add(
            Fault(None, "geo_id", '"US-ca"'), CALIFORNIA, MONTHLY, geo_id="US-ca"
        ),
        "level of places that is new": month(
            GERMANY, '"city" with geo_id "DEU"', points_to="geo_id", geo_level="city"
        ),
        "level of another layout": month(
            CALIFORNIA,
            '"country-state" with',
            points_to="geo_id",
            geo_level="country-state",
        ),
        "state of another layout": month(
            CALIFORNIA, '"CA"', points_to="geo_id", geo_level="state_us", geo_id="CA"
        ),
        "Namibia without a code": month(at(geo_id="NAM"), 'geo_id ""', geo_id=""),
    },
    "unknown_variables": {
        "metric that is new": month(DIRECTIVE, metric_id="task_success_pct"),
        "metric with spaces": month(
            DIRECTIVE, metric_id="collaboration_feedback loop_pct"
        ),
        "usage of a node": month(NODE, metric_id="usage_pct"),
        "share of everything": month(DIRECTIVE, '"pct"', metric_id="pct"),
    },
    "unknown_facets": {
        "category that is new": month(NODE, category_name="industry"),
    },
    "unknown_levels": {
        "level that is deeper": month(
            NODE, '"4" in soc_occupation', hierarchy_level="4"
        ),
    },
    "unknown_tasks": {
        "task of the shares that is new": share(is_task, task_name="herd clouds."),
        "task of the shares in capitals": share(
            is_task, "", task_name=lambda row: row["task_name"].upper()
        ),
        "ratios of a task that is new": ratio(is_large, task_name="herd clouds."),
    },
    "unknown_labels": {
        "pattern that is new": label(
            at(interaction_type="none"), interaction_type="chatting"
        ),
        "none with a capital": label(
            at(interaction_type="none"), interaction_type="None"
        ),
        "pattern with an underscore": label(
            at(interaction_type="feedback loop"), interaction_type="feedback_loop"
        ),
    },
    "unpartitioned_tasks": {
        "ratios that sum to less than 1": ratio(
            is_large,
            "that sum to",
            points_to="task_name",
            expected="ratios that sum to 1",
            directive="0.1",
        ),
    },
    "incomplete_facets": {
        "use cases above 100": sums(
            month, "use_case", USE_CASES, USE_CASES, value="99.5"
        ),
        "tasks that sum to 98": sums(
            share, "onet_task", everywhere, **times("pct", 0.98)
        ),
        "shares as fractions": sums(
            share, "onet_task", everywhere, **times("pct", 0.01)
        ),
        "task lost": leave_out(
            is_task,
            Fault(None, "value", "onet_task sums to", "percent"),
            everywhere,
            SHARES,
        ),
        "ratios of a task lost": leave_out(
            is_large, Fault(None, None, "patterns of 11 tasks", "12 tasks"), file=RATIOS
        ),
        "patterns above 100": sums(
            label,
            "collaboration",
            at(interaction_type="learning"),
            pct="98.2",
        ),
    },
}
