"""Countries over windows: one place at a time beside all places, with the breaks."""

from __future__ import annotations

from itertools import pairwise

from markupsafe import Markup

from report.charts import Chart
from report.kit import draw
from report.parts import Choice, Figure, Row, Slice, sentence
from report.questions.trend import between
from report.reading import Warehouse

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
SERIES = {"place": "This country", "GLOBAL": "All places"}


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
    for definition in dict.fromkeys(name for name, _ in shown):
        windows = sorted(
            (each for name, each in shown if name == definition),
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
    labels = {
        row["release_id"] + row["window_start_date"].isoformat(): row["window_label"]
        for row in warehouse.releases()
    }
    rows, names = [], {}
    for each, own in windows.items():
        key = each.release_id + each.window_start_date.isoformat()
        names[key] = labels[key]
        rows += [
            row
            | {
                "window_key": key,
                "window_label": labels[key],
                "series": "GLOBAL" if row["geo_id"] == "GLOBAL" else "place",
            }
            for row in own
            if row["geo_id"] in ("GLOBAL", place["geo_id"])
        ]
    reading = sentence(
        "{} over {} windows, beside all places of the same source. {}",
        title,
        len(windows),
        "A dashed line is a break: the points on its two sides are two measurements "
        "and no trend."
        if any(breaks)
        else "Nothing that is known breaks the steps.",
    )
    figure = draw(
        warehouse,
        f"countries-over-windows-{definition}".replace("_", "-"),
        f"{title} of a country by window",
        reading,
        "fct_country_education",
        Chart(
            "window_key",
            names,
            f"{title}, share of the place's conversations",
            "series",
            SERIES,
            breaks=breaks,
        ),
        rows,
        "window_label geo_name geo_id flags status",
        panels={place["title"]: rows},
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
