"""What changed between releases, with the breaks shown."""

from __future__ import annotations

from itertools import pairwise

from markupsafe import Markup

from report.charts import Chart
from report.kit import BASES, draw
from report.parts import PLATFORMS, Figure, Row, Section, listed, sentence
from report.reading import RULE, Warehouse

SHARES = f"""
    select *
    from marts.fct_education_shares
    where geo_level = 'global' and scope = 'education' and allocation_rule = '{RULE}'
        and platform = ?
    order by array_position(?, release_id), share_base
"""
# What may break a series: a word in a chart, the aspect in a table, its column.
ASPECTS = (
    ("plans", "Plans or product", "product_label"),
    ("task list", "Task list", "taxonomy_version"),
    ("count base", "Count base", "count_basis"),
)


def answer(warehouse: Warehouse) -> Section:
    """The education share of each release, and what differs between them."""
    section = Section(
        "between-releases",
        "What changed between releases?",
        Markup(
            "Releases differ in more than time: in the model that classifies, in "
            "season and term dates, in plans, task list and count base. Each such "
            "change is a break. Points on two sides of a break are two measurements, "
            "not a series, and no line joins them."
        ),
        answer=Markup("Only one release is loaded: there is no step to show."),
    )
    for platform in PLATFORMS:
        known = [row for row in warehouse.releases() if row["platform"] == platform]
        order = [row["release_id"] for row in known if row["is_loaded"]]
        rows = warehouse.records(SHARES, platform, order)
        drawn = [
            row for row in known if row["release_id"] in {r["release_id"] for r in rows}
        ]
        if len(drawn) > 1:
            section.figures.append(_figure(warehouse, platform, drawn, rows))
        shown = [row for row in known if row["is_loaded"] or not row["is_simulated"]]
        section.breaks += [_step(warehouse, *step) for step in pairwise(shown)]
    if not section.figures:
        text = " The table says what would break between the releases of the manifest."
        section.absent = [section.answer + text]
    return section


def window(row: Row) -> str:
    """The week of a release."""
    start, end = row["window_start_date"], row["window_end_date"]
    if start is None or end is None:
        return "not known"
    return f"{start.day} {start:%B %Y} to {end.day} {end:%B %Y}"


def _step(warehouse: Warehouse, old: Row, new: Row) -> Row:
    """What differs from one release to the next.

    The classifier is no column of the files: that it changes with each release is an
    assumption of the register.
    """
    classifier = [
        row["statement"]
        for row in warehouse.register()
        if row["assumption_id"] == "classifier_change"
    ]
    return {
        "platform_title": PLATFORMS[new["platform"]],
        "old": old,
        "new": new,
        "classifier": " ".join(classifier) or "Not known",
        "changes": [("Week and season", window(old), window(new), True)]
        + [
            (aspect, old[key], new[key], old[key] != new[key])
            for _, aspect, key in ASPECTS
        ],
    }


def _figure(
    warehouse: Warehouse, platform: str, releases: list[Row], rows: list[Row]
) -> Figure:
    """The education share of each release, oldest first, with the breaks between."""
    breaks = [
        ["classifier", "season"]
        + [word for word, _, key in ASPECTS if old[key] != new[key]]
        for old, new in pairwise(releases)
    ]
    shares = listed(
        sentence(
            "{share_pct:%} (at most {bound_high_pct:%}) of {base_conversation_count:n} "
            "{0.unit} in {0.release_id}",
            each,
            of=row,
        )
        for each, own in warehouse.by_slice(rows).items()
        for row in own
        if row["share_base"] == "all_conversations"
    )
    title = f"Education share by release, {PLATFORMS[platform]}"
    return draw(
        warehouse,
        f"releases-{platform}".replace("_", "-"),
        title,
        sentence(
            "On {}, education tasks hold {}. {} between: the step is no trend.",
            PLATFORMS[platform],
            shares,
            "A break lies" if len(breaks) == 1 else "Breaks lie",
        ),
        "fct_education_shares",
        Chart(
            "release_id",
            {row["release_id"]: row["release_id"] for row in releases},
            f"Share of the base that is education, rule {RULE}",
            "share_base",
            BASES,
            breaks=["Break: " + ", ".join(words) for words in breaks],
        ),
        rows,
        "share_base task_count",
        panels={PLATFORMS[platform]: rows},
    )
