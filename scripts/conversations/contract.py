"""What a row of own conversations may hold, and what is asked of it, as SQL.

docs/own-conversations.md says the same to people. Every value is text here, under the
name of its column.
"""

from __future__ import annotations

from dataclasses import dataclass

from warehouse.fetching import read_manifest
from warehouse.paths import PROJECT
from warehouse.reading import literal

COLUMNS = (
    *("conversation_id", "account_id", "started_on", "source_id", "platform"),
    *("country", "region", "task_text", "task_id", "taxonomy_version"),
    *("collaboration", "use_case", "task_success"),
    *("classifier", "classifier_version", "classified_at"),
)
REQUIRED = ("conversation_id", "started_on")
TIMES = ("started_on", "classified_at")
LABELS = ("collaboration", "use_case", "task_success")
# What a source that says nothing of itself is called.
DEFAULTS = {"source_id": "own", "platform": "own"}

# Names that are published. A release of the Index begins with a digit.
NAMES = {
    "source_id": (
        "[a-z][a-z0-9_]*",
        ", small ones, digits and _, a letter first, such as my_university; "
        "simulated... is of the shipped releases",
    ),
    "platform": ("[a-z0-9_]+", ", small ones, digits and _, such as chat"),
    **dict.fromkeys(
        ("classifier", "classifier_version", "taxonomy_version"),
        ("[^ _]+([ _][^ _]+){0,5}", ", such as prompt_v3"),
    ),
}

FIRST_DAY = "2020-01-01"
# In UTC, as all times are: where a day begins first, it has begun.
TODAY = "cast(now() + interval 14 hours as date)"
# The longest statement of O*NET 20.1 has 378 letters; other values are names.
LONGEST = {"task_text": 600}
LONGEST_NAME = 200
LONGEST_PUBLISHED = 40
# Fields of that name hold what people wrote, however short it is.
TEXT_NAMES = {
    *("text", "prompt", "prompts", "message", "messages", "content", "contents"),
    *("conversation", "conversations", "transcript", "transcripts", "chat", "dialog"),
    *("dialogue", "turn", "turns", "response", "responses", "completion", "query"),
    *("question", "answer", "summary", "request", "user_message", "title"),
    *("assistant_message", "first_message", "user_prompt", "user_input"),
}


@dataclass(frozen=True)
class Check:
    """What stops the ingest: a row for which ``fails`` is true, and what to do."""

    name: str
    column: str
    fails: str
    expected: str
    advice: str


def known_labels() -> dict[str, list[str]]:
    """The labels of each closed facet (seed facet_labels)."""
    path = PROJECT / "seeds" / "reference" / "facet_labels.csv"
    found: dict[str, list[str]] = {}
    for row in read_manifest(path):
        if row["label"] != "not_classified":
            found.setdefault(row["facet"], []).append(row["label"])
    return found


def moment(column: str) -> str:
    """SQL of the time in a column, in UTC; one without an offset stands as it is.

    For a connection whose TimeZone is UTC. What is no text is a time already, and a day
    has no offset: so they are read faster.
    """
    return (
        f"case when typeof({column}) <> 'VARCHAR' or strlen({column}::varchar) = 10 "
        f"then try_cast({column} as timestamp) "
        f"else cast(try_cast({column} as timestamptz) as timestamp) end"
    )


def timed_sql(rows: str) -> str:
    """SQL of rows with their times in UTC beside them, each read once."""
    times = ", ".join(f"{moment(column)} as {column}_utc" for column in TIMES)
    return f"select *, {times} from ({rows})"


def checks() -> list[Check]:
    """What is asked of a row, in the order in which it is said."""
    long_ones = [
        Check(
            "text_like_columns",
            column,
            # Bytes, which are no fewer than letters, need not be counted.
            f"case when strlen({column}) > {LONGEST.get(column, LONGEST_NAME)} "
            f"then length({column}) > {LONGEST.get(column, LONGEST_NAME)} end",
            f"a name or label of at most {LONGEST.get(column, LONGEST_NAME)} letters",
            "This looks like text of a conversation, which must not come here: leave "
            "the column out of the file, or give the label in its place.",
        )
        for column in COLUMNS
    ]
    labels = [
        Check(
            "unknown_labels",
            facet,
            f"{facet} is not null and {facet} not in "
            f"({', '.join(literal(label) for label in known_labels()[facet])})",
            " or ".join(known_labels()[facet]),
            "Map the label to one of these in the mapping file (labels:), or leave "
            "the value empty.",
        )
        for facet in LABELS
    ]
    names = [
        Check(
            "unusable_names",
            column,
            f"not regexp_full_match({column}, '{pattern}') "
            f"or {column} like 'simulated%' and '{column}' = 'source_id' "
            f"or length({column}) > {LONGEST_PUBLISHED}",
            f"a name of at most {LONGEST_PUBLISHED} letters{expected}",
            "It is shown in the warehouse: give a name, never text.",
        )
        for column, (pattern, expected) in NAMES.items()
    ]
    return [
        *long_ones,
        Check(
            "missing_ids",
            "conversation_id",
            "conversation_id is null",
            "an id in every row",
            "Without it a conversation that is delivered twice would count twice.",
        ),
        Check(
            "unreadable_dates",
            "started_on",
            "started_on_utc is null",
            "a date such as 2026-03-14, or a time such as 2026-03-14T09:26:53Z",
            "Write dates year first; 03/04/2026 can be two days.",
        ),
        Check(
            "impossible_dates",
            "started_on",
            f"started_on_utc < date '{FIRST_DAY}' or "
            f"cast(started_on_utc as date) > {TODAY}",
            f"a day from {FIRST_DAY} to today",
            "A date in the future or before such systems is a wrong column or clock.",
        ),
        *names,
        Check(
            "unknown_countries",
            "country",
            "not regexp_full_match(country, '[A-Z]{2}')",
            "an ISO 3166-1 alpha-2 code such as DE",
            "Map other names to codes in the mapping file (labels: country:), or leave "
            "the value empty.",
        ),
        Check(
            "unknown_regions",
            "region",
            "region is not null and (country is null or left(region, 2) <> country or "
            "not regexp_full_match(region, '[A-Z]{2}-[A-Z0-9]{1,3}'))",
            "an ISO 3166-2 code such as US-CA, of the country of the row",
            "Give the country too, or leave the region empty.",
        ),
        *labels,
        Check(
            "unreadable_dates",
            "classified_at",
            "classified_at is not null and classified_at_utc is null",
            "a time such as 2026-03-14T09:26:53Z, or nothing",
            "It decides which labels of a conversation are the latest.",
        ),
    ]
