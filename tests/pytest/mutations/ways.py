"""Ways to damage the task or the countries of the shipped files, and what a check says
of them."""

from __future__ import annotations

from collections.abc import Callable

from conftest import Row, csv_text, shipped_row

from mutations.clean import clean
from mutations.files import (
    LEARNING_COUNT,
    TASK,
    Choice,
    Damage,
    Damaged,
    Fault,
    at,
    edit,
    first,
    of_task,
    text,
)
from mutations.sheet import API, CHAT, PATTERN_OF_A_TASK

HTML = (
    "<!DOCTYPE html>\n<html><head><title>Sign in</title></head>\n"
    "<body>Too many requests</body></html>\n"
)
POINTER = (
    "version https://git-lfs.github.com/spec/v1\n"
    f"oid sha256:{'0' * 64}\nsize 94086309\n"
)
OF_A_TASK = "the onet_task_count of the task"
OF_THE_SAMPLE = "the sample of the manifest"
WINDOW = "{window_start_date} to {window_end_date} (release manifest)"


def relabel(old: str, new: str) -> Damage:
    """Give a pattern of the task another label."""
    return edit(
        at(facet=PATTERN_OF_A_TASK, cluster_name=f"{TASK}::{old}"),
        f'"{TASK}::{new}'[:121],
        cluster_name=f"{TASK}::{new}",
    )


def rename_task(new: str) -> Damage:
    """Give the task, with all its cells, a name that the task list lacks."""
    return edit(
        of_task,
        f'"{new}'[:121],
        cluster_name=lambda row: new + row["cluster_name"].removeprefix(TASK),
    )


def swapped(rows: list[Row]) -> Damaged:
    """The content of the other platform's file."""
    row, chat_rows = clean(CHAT)
    return Damaged(
        csv_text(chat_rows).encode(),
        Fault(
            2,
            "platform_and_product",
            f'"{row["product_label"]}"',
            f'"{shipped_row(API)["product_label"]}" (release manifest)',
        ),
    )


def swap_count_and_pct(rows: list[Row]) -> Damaged:
    """Count and percentage of one pattern of the task exchanged."""
    number = first(rows, LEARNING_COUNT)
    count, pct = rows[number - 2 : number]
    rows[number - 2 : number] = [
        count | {"value": pct["value"]},
        pct | {"value": count["value"]},
    ]
    fault = Fault(number, "value", pct["value"][:8])
    return Damaged(csv_text(rows).encode(), fault)


def dates(where: Choice, start: str, end: str) -> Damage:
    """Put a window into the chosen rows."""
    return edit(
        where,
        f"{start} to {end}",
        expected=WINDOW.format(**shipped_row(API)),
        points_to="date_start, date_end",
        date_start=start,
        date_end=end,
    )


def country_code(code: str) -> Damage:
    """Change the code of one country of the chat file."""
    where = at(facet="country", geo_id="BR")
    return edit(where, f'with geo_id "{code}"', CHAT, geo_id=code)


def reference(
    change: Callable[[str], str | bytes],
    role: str,
    column: str | None = None,
    row: int | None = None,
) -> Damage:
    """Change a reference file so that it, or one column of it, can't be read."""
    return text(change, Fault(row, column), role)
