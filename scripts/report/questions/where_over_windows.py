"""Countries over windows: one place at a time beside all places, with the breaks."""

from __future__ import annotations

from itertools import pairwise

from markupsafe import Markup

from report.charts import Chart
from report.kit import draw
from report.parts import Choice, Figure, Row, Slice, sentence
from report.questions.trend import between
from report.reading import Warehouse, sample_key

# What differs between two windows is the same whatever is measured, but for the rule of
# the tasks: a definition of countries has one.
STEPS = """
    select distinct platform, previous_window_start_date, window_start_date,
        array_to_string(
            list_filter(
                string_split(coalesce(break_reasons, ''), ', '),
                lambda reason: reason not in ('', 'rule')
            ), ', '
        ) as break_reasons
    from marts.fct_education_trend
    where previous_window_start_date is not null
"""
UNKNOWN = "Two measurements: what differs is not known"
SERIES = {"country": "This country", "global": "All places"}


def figures(
    warehouse: Warehouse, shown: dict[tuple[str, Slice], list[Row]]
) -> list[Figure]:
    """A figure per definition that has two windows with countries."""
    steps = {
        (
            row["platform"],
            row["previous_window_start_date"],
            row["window_start_date"],
        ): between([row])
        for row in warehouse.records(STEPS)
    }
    drawn = []
    series = dict.fromkeys((name, each.platform) for name, each in shown)
    for definition, platform in series:
        windows = sorted(
            (
                each
                for name, each in shown
                if (name, each.platform) == (definition, platform)
            ),
            key=lambda each: each.window_start_date,
        )
        if len(windows) > 1:
            breaks = [
                steps.get(
                    (new.platform, old.window_start_date, new.window_start_date),
                    UNKNOWN,
                )
                for old, new in pairwise(windows)
            ]
            drawn.append(
                _figure(
                    warehouse,
                    definition,
                    breaks,
                    {each: shown[definition, each] for each in windows},
                )
            )
    return drawn


def _figure(
    warehouse: Warehouse,
    definition: str,
    breaks: list[str],
    windows: dict[Slice, list[Row]],
) -> Figure:
    """The country with the most use; the page puts another in its place."""
    newest = list(windows.values())[-1]
    title = newest[0]["definition_title"]
    place = next(
        row for row in newest if row["geo_level"] == "country" and row["size_rank"] == 1
    )
    labels = {sample_key(row): row["window_label"] for row in warehouse.releases()}
    names = {each.slug: labels[each.key] for each in windows}
    rows = [
        row
        | {
            "window_key": each.slug,
            "window_label": names[each.slug],
            "series": row["geo_level"],
        }
        for each, own in windows.items()
        for row in own
        if row["geo_level"] == "global" or row["geo_id"] == place["geo_id"]
    ]
    present = {row["series"] for row in rows}
    reading = sentence(
        "{} over {} windows, beside all places where their figure is here. {}",
        title,
        len(windows),
        "A dashed line is a break: the points on its two sides are two measurements "
        "and no trend."
        if any(breaks)
        else "Nothing that is known breaks the steps.",
    )
    figure = draw(
        warehouse,
        f"countries-over-windows-{definition}-{newest[0]['platform']}".replace(
            "_", "-"
        ),
        f"{title} of a country by window",
        reading,
        "fct_country_education",
        Chart(
            "window_key",
            names,
            f"{title}, share of the place's conversations",
            "series",
            {key: name for key, name in SERIES.items() if key in present},
            breaks=breaks,
        ),
        rows,
        "window_label geo_name geo_id flags status",
        panels={place["title"]: rows},
        base="the place's own conversations of each window",
        notes=[
            Markup(
                "The country that is searched for, else the one with the most use. The "
                "values of every country are in the tables of its windows."
            )
        ],
    )
    figure.choice = Choice(definition, title)
    figure.panels[0]["usermeta"] = {
        "windows": [
            {
                "chart": f"countries-{definition}-{each.slug}-1".replace("_", "-"),
                "label": label,
                "run": sum(map(bool, breaks[:n])),
            }
            for n, (each, label) in enumerate(zip(windows, names.values(), strict=True))
        ]
    }
    return figure
