"""What own conversations may be damaged by, and the guard that says so.

Delivered rows that stop the ingest, seen by test_own_contract; changes of all rows that
the data tests find, seen by test_own_conversations.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import polars as pl

from mutations.page import Kill

TOMORROW = (datetime.now(UTC) + timedelta(days=2)).date().isoformat()
HEAD = "conversation_id,started_on,task_text,use_case\n"
GOOD = "a,2026-03-01,none,work\n"
PLACE = "conversation_id,started_on,country,region\n"
LONG = "secret words " * 60
# What is delivered, and the check, row and column that the message names.
BAD: dict[str, tuple[str, str, int, str]] = {
    "no id": (
        f"{HEAD}{GOOD},2026-03-01,none,work\n",
        "missing_ids",
        3,
        "conversation_id",
    ),
    "day before month": (
        f"{HEAD}{GOOD}b,01/02/2026,none,work\n",
        "unreadable_dates",
        3,
        "started_on",
    ),
    "no such month, behind a future day": (
        f"{HEAD}b,{TOMORROW},none,work\na,2026-13-01,none,work\n",
        "unreadable_dates",
        3,
        "started_on",
    ),
    "a day in the future": (
        f"{HEAD}b,{TOMORROW},none,work\n",
        "impossible_dates",
        2,
        "started_on",
    ),
    "an unknown label": (
        f"{HEAD}{GOOD}b,2026-03-01,none,fun\n",
        "unknown_labels",
        3,
        "use_case",
    ),
    "a conversation twice": (
        f"{HEAD}{GOOD}b,2026-03-01,none,work\n{GOOD}",
        "duplicate_ids",
        2,
        "conversation_id",
    ),
    "a conversation on two days": (
        f"{HEAD}{GOOD}a,2026-03-09,none,work\n",
        "duplicate_ids",
        2,
        "conversation_id",
    ),
    "text for a task": (
        f"{HEAD}{GOOD}b,2026-03-02,{LONG},work\n",
        "text_like_columns",
        3,
        "task_text",
    ),
    "a country by its name": (
        f"{PLACE}a,2026-03-01,Germany,\n",
        "unknown_countries",
        2,
        "country",
    ),
    "a region of another country": (
        f"{PLACE}a,2026-03-01,DE,US-CA\n",
        "unknown_regions",
        2,
        "region",
    ),
    "text for a label": (
        f"{HEAD}{GOOD}b,2026-03-01,none,what secret words\n",
        "unknown_labels",
        3,
        "use_case",
    ),
    **{
        f"{column} {value}": (
            f"conversation_id,started_on,{column}\na,2026-03-01,{value}\n",
            "unusable_names",
            2,
            column,
        )
        for column, value in (
            ("source_id", "Our School"),
            ("source_id", "simulated_2026_01"),
            ("source_id", "2026_01_15"),
            ("classifier", "secret words of a person that are no name"),
            ("classifier_version", "secret words of a person that are no name"),
        )
    },
}
# By data test: what is wrong, and how of good rows it becomes so.
DATA_TESTS: dict[str, dict[str, pl.Expr | list[pl.Expr]]] = {
    "own_tasks_match_their_list": {
        "tasks of nobody": pl.lit("a task of nobody").alias("task_text"),
        "a task list that is not loaded": pl.lit("another").alias("taxonomy_version"),
    },
    "own_windows_have_one_task_list": {
        "a tenth of the tasks of another list": pl.when(
            pl.col("conversation_id").str.ends_with("7")
        )
        .then(pl.lit("another"))
        .alias("taxonomy_version"),
    },
    "own_windows_have_one_classifier": {
        "a tenth labelled by another classifier": pl.when(
            pl.col("conversation_id").str.ends_with("7")
        )
        .then(pl.lit("another"))
        .otherwise("classifier")
        .alias("classifier"),
    },
    "own_releases_have_one_source": {
        "a source and a version whose names make that of another": [
            pl.when(pl.col("conversation_id").str.ends_with("7"))
            .then(pl.lit(other))
            .otherwise(name)
            .alias(name)
            for name, other in (
                ("source_id", "our"),
                ("classifier_version", "school_v1"),
            )
        ],
    },
    "own_windows_have_one_classifier_version": {
        "a tenth labelled by another version": pl.when(
            pl.col("conversation_id").str.ends_with("7")
        )
        .then(pl.lit("v2"))
        .otherwise("classifier_version")
        .alias("classifier_version"),
    },
    "own_labels_keep_their_mix": {
        "all of the last month work": pl.when(pl.col("started_on") >= date(2026, 4, 1))
        .then(pl.lit("work"))
        .otherwise("use_case")
        .alias("use_case"),
    },
}
WARNINGS = ("own_windows_have_one_classifier_version", "own_labels_keep_their_mix")


def kills() -> list[Kill]:
    """The rows of the kill table."""
    rows = [
        Kill("own conversations, stops", name, case)
        for case, (_, name, *_) in BAD.items()
    ]
    return rows + [
        Kill(
            "own conversations, " + ("warning" if guard in WARNINGS else "stops"),
            guard,
            case,
        )
        for guard, cases in DATA_TESTS.items()
        for case in cases
    ]
