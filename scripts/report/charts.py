"""Vega-Lite specifications: a chart of ranges, and the curve of a claim.

A specification has the form of a file: a heading, the chart, what is needed to cite it.
Its rows come later (``fill``); the page takes the chart alone out of it. Colours are
names of CSS variables: the page follows light, dark and print by its style sheet alone.
"""

from __future__ import annotations

import copy
import json
import textwrap
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from report.parts import ReportError, Row, Spec

VEGA_LITE = "6.4"
COLOURS = ["var(--c1)", "var(--c2)", "var(--c3)", "var(--c4)"]
SHAPES = ["circle", "diamond", "square", "triangle-up"]
FONT = "system-ui, -apple-system, Segoe UI, Roboto, Helvetica, Arial, sans-serif"
LABEL_WIDTH = 24
LABEL_PIXELS = 158
FILE_WIDTH = 720
CHARACTERS = 112  # of a line of text of FILE_WIDTH
# The line of a chart: the whole uncertainty where a row has it, else its interval.
LINES = [
    {
        "calculate": f"isValid(datum.uncertainty_{end}_pct) "
        f"? datum.uncertainty_{end}_pct : datum.interval_{end}_pct",
        "as": f"line_{end}",
    }
    for end in ("low", "high")
]
HIGHEST = ("bound_high_pct", "interval_high_pct", "uncertainty_high_pct")
TOOLTIP = {
    "row": " ",
    "series": "By",
    "bound_low_pct": "Bound, low",
    "bound_high_pct": "Bound, high",
    "interval_low_pct": "95% interval, low",
    "interval_high_pct": "95% interval, high",
    "uncertainty_low_pct": "Uncertainty, low",
    "uncertainty_high_pct": "Uncertainty, high",
    "base_conversation_count": "Base",
}
SOFT = {"labelColor": "var(--soft)", "titleColor": "var(--soft)"}
CONFIG: dict[str, Any] = {
    "font": FONT,
    "background": "transparent",
    "aria": False,  # the figure has one label and a data table
    "view": {"stroke": None},
    "axis": SOFT
    | {
        "gridColor": "var(--grid)",
        "domain": False,
        "ticks": False,
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "labelPadding": 6,
    },
    "axisY": {"labelColor": "var(--text)", "grid": False},
    "header": {
        "title": None,
        "labelColor": "var(--text)",
        "labelFontSize": 13,
        "labelFontWeight": 600,
        "labelAnchor": "start",
    },
    "legend": {
        "labelColor": "var(--text)",
        "labelFontSize": 12,
        "orient": "top",
        "direction": "horizontal",
        "title": None,
        "labelLimit": 260,
        "symbolSize": 90,
        "symbolStrokeWidth": 0,
        "offset": 4,
    },
}


@dataclass(frozen=True)
class Chart:
    """How rows are drawn: a row per ``row``, a mark per ``series``, a panel per
    ``panel``; all on the scale of all samples, so that they compare."""

    x_title: str
    value_key: str = "share_pct"
    unit: str = "%"
    has_breaks: bool = False


def wrapped(text: str, lines: int = 2) -> str:
    """A label in at most so many lines of LABEL_WIDTH characters, joined by bars."""
    short = textwrap.wrap(
        text.replace("|", "/"), LABEL_WIDTH, max_lines=lines, placeholder=" …"
    )
    return "|".join(short)


def once(rows: Sequence[Row], title: str) -> None:
    """Raise ReportError where two rows would be one mark, of several definitions."""
    keys = Counter((row.get("panel"), row["row"], row.get("series")) for row in rows)
    for key, times in keys.items():
        if times > 1:
            name = " ".join(part for part in key if part)
            raise ReportError(
                f"The chart {title!r} has {times} rows for {name}; expected one. "
                "Filter one definition in the query of report/questions."
            )


def top(chart: Chart, rows: Sequence[Row]) -> float:
    """The end of a scale that holds these rows, in the unit of the value."""
    ends = (chart.value_key, *HIGHEST)
    return max((row[e] for row in rows for e in ends if row.get(e)), default=1.0)


def range_chart(chart: Chart, rows: Sequence[Row]) -> Spec:
    """The value as a dot with its number, its bound as a band, its line with ends.

    ``rows`` are those of every sample: they give the series and the panels. The end of
    the scale is the parameter ``top``.
    """
    series = list(dict.fromkeys(row["series"] for row in rows if row.get("series")))
    panels = list(dict.fromkeys(row["panel"] for row in rows if row.get("panel")))
    value = chart.value_key
    held = {key for row in rows for key in row if row[key] is not None}
    has_line = bool(held & {"uncertainty_high_pct", "interval_high_pct"})
    lines = max((row["row"].count("|") + 1 for row in rows), default=1)
    step = max(15 * max(len(series), 1) + 9, 8 + 14 * lines)
    step = max(step, 62) if chart.has_breaks else step
    x = {
        "type": "quantitative",
        "title": chart.x_title,
        "scale": {"domain": [0, {"expr": "top"}], "nice": True},
        "axis": {
            "labelExpr": f"datum.label + '{chart.unit}'",
            "tickCount": 4,
            "titleAnchor": "start",
            "titleLimit": 300,
        },
    }
    seen: Spec = {
        "tooltip": [
            {"field": value, "title": "Figure", "format": ",.2f"},
            *(
                {"field": key, "title": title}
                | ({} if key in ("row", "series") else {"format": ",.2f"})
                for key, title in TOOLTIP.items()
                if key not in ("base_conversation_count",)
                and any(row.get(key) is not None for row in rows)
            ),
            {"field": "base_conversation_count", "title": "Base", "format": ",.0f"},
        ]
    }
    y: Spec = {"y": _rows_axis()}
    point: Spec = {"type": "point", "filled": True, "size": 62, "opacity": 1}
    if series:
        scale = {"domain": series, "range": COLOURS[: len(series)]}
        columns = 1 if max(map(len, series)) > 18 else 3
        seen["color"] = {
            "field": "series",
            "scale": scale,
            "legend": {"columns": columns, "symbolOpacity": 1},
        }
        seen["yOffset"] = {"field": "series", "scale": {"domain": series}}
        shape = {
            "field": "series",
            "scale": {"domain": series, "range": SHAPES[: len(series)]},
        }
    else:
        seen["color"] = {"value": COLOURS[0]}
        shape = {"value": "circle"}
    low, high = "line_low", "line_high"
    tick = {"type": "tick", "orient": "vertical", "size": 9, "thickness": 1.5}
    layers = [
        (
            "bound_high_pct",
            {"type": "rule", "strokeWidth": 10, "opacity": 0.3, "strokeCap": "butt"},
            {"x": x | {"field": "bound_low_pct"}, "x2": {"field": "bound_high_pct"}},
        ),
        (
            high,
            {"type": "rule", "strokeWidth": 1.5},
            {"x": x | {"field": low}, "x2": {"field": high}},
        ),
        (high, tick, {"x": x | {"field": low}}),
        (high, tick, {"x": x | {"field": high}}),
        (value, point, {"x": x | {"field": value}, "shape": shape}),
    ]
    ends = [high] * has_line + [e for e in (value, "bound_high_pct") if e in held]
    farthest = ", ".join(f"datum.{end}" for end in ends or [value])
    offset = {"yOffset": seen["yOffset"]} if series else {}
    words: Spec = {"type": "text", "align": "left", "dx": 7, "fontSize": 11}
    drawn = [
        {
            "transform": [{"filter": f"isValid(datum['{field}'])"}],
            "mark": mark,
            "encoding": encoding | seen,
        }
        for field, mark, encoding in layers
        if field in (value, high * has_line) or field in held
    ]
    drawn += [
        {
            "transform": [
                {"filter": f"isValid(datum.{value})"},
                {"calculate": f"max({farthest})", "as": "end"},
                {
                    "calculate": f"format(datum.{value}, ',.1f') + '{chart.unit}'",
                    "as": "text",
                },
            ],
            "mark": words | {"fill": "var(--text)"},
            "encoding": offset | {"x": x | {"field": "end"}, "text": {"field": "text"}},
        },
        {
            "transform": [{"filter": f"!isValid(datum.{value})"}],
            "mark": words | {"fill": "var(--soft)"},
            "encoding": offset | {"x": {"datum": 0}, "text": {"field": "why"}},
        },
    ]
    inner: Spec = {
        "transform": LINES,
        "encoding": y,
        "layer": (_breaks() if chart.has_breaks else []) + drawn,
        "width": FILE_WIDTH - LABEL_PIXELS - 60,
        "height": {"step": step, "for": "position"},
    }
    if panels:
        inner["width"] = 180
        inner = {
            "facet": {"field": "panel", "type": "nominal", "sort": panels},
            "columns": 2,
            "spacing": {"column": 50, "row": 24},
            "spec": inner,
        }
    return _file(inner)


def curve(
    y_title: str,
    choices: dict[str, list[str]],
    threshold: float | None,
    answers: Sequence[str],
) -> Spec:
    """All specifications of a claim in the order of their value, choices below.

    ``choices`` are the values of each dimension that varies, in the order to show;
    ``answers`` whether the claim holds, of those that there are.
    """
    dimensions = list(choices)
    x = {"field": "place", "type": "quantitative", "axis": None}
    colour = {
        "field": "holds",
        "scale": {
            "domain": ["The claim holds", "It does not", "Not known"],
            "range": [COLOURS[0], COLOURS[1], "var(--soft)"],
        },
        "legend": {"values": list(answers)},
    }
    shape = colour | {
        "scale": {
            "domain": colour["scale"]["domain"],  # type: ignore[index]
            "range": ["circle", "triangle-down", "square"],
        }
    }
    y: Spec = {"field": "value", "type": "quantitative", "title": y_title}
    y["scale"] = {"zero": False}
    y["axis"] = {"grid": True, "tickCount": 5, "minExtent": LABEL_PIXELS}
    tooltip = [{"field": "value", "title": y_title, "format": ",.2f"}]
    tooltip += [{"field": name, "title": name} for name in dimensions]
    points: Spec = {
        "mark": {"type": "point", "filled": True, "size": 26, "opacity": 1},
        "encoding": {"x": x, "y": y, "color": colour, "shape": shape}
        | {"tooltip": tooltip},
    }
    preferred = [
        {
            "transform": [{"filter": "datum.is_preferred"}],
            "mark": {"type": "point", "size": 190, "stroke": "var(--text)"},
            "encoding": {"x": x, "y": y},
        },
        {
            "transform": [{"filter": "datum.is_preferred"}],
            "mark": {"type": "text", "dy": -16, "fill": "var(--text)"},
            "encoding": {"x": x, "y": y, "text": {"value": "preferred"}},
        },
    ]
    rule = [{"mark": {"type": "rule", "strokeDash": [4, 3], "stroke": "var(--soft)"}}]
    rule[0]["encoding"] = {"y": {"datum": threshold}}
    width = FILE_WIDTH - LABEL_PIXELS - 60
    below: Spec = {
        "transform": [{"fold": dimensions, "as": ["dimension", "choice"]}],
        "width": width,
        "height": {"step": 15},
        "mark": {"type": "tick", "thickness": 1.5, "size": 9},
        "encoding": {
            "x": x,
            "y": {
                "field": "choice",
                "type": "ordinal",
                "title": None,
                "sort": [name for names in choices.values() for name in names],
                "axis": _rows_axis()["axis"] | {"grid": True},
            },
            "color": colour,
        },
    }
    above: Spec = {
        "width": width,
        "height": 190,
        "layer": (rule if threshold is not None else []) + [points, *preferred],
    }
    views = [above, below] if dimensions else [above]
    return _file({"vconcat": views, "spacing": 10})


def fill(
    spec: Spec,
    rows: Sequence[Row],
    top: float,
    title: str,
    heading: str,
    about: Sequence[str],
) -> Spec:
    """A specification with its rows and texts: ready to be converted."""
    spec = copy.deepcopy(spec) | {"config": CONFIG}
    spec["params"] = [{"name": "top", "value": top}]
    texts = {
        "heading": [(title, 17), *((line, 12.5) for line in _lines([heading]))],
        "footer": [(line, 10.5) for line in _lines(about)],
    }
    spec["datasets"] = {
        name: [
            {"n": n, "text": text, "size": size} for n, (text, size) in enumerate(of)
        ]
        for name, of in texts.items()
    } | {"marks": list(rows)}
    chart = spec["vconcat"][1]
    inner = chart.get("spec", chart)
    if "encoding" in inner:
        names = list(dict.fromkeys(row["row"] for row in rows))
        inner["encoding"]["y"]["scale"]["domain"] = names
    if "facet" in chart:
        shown = {row["panel"] for row in rows}
        order = [name for name in chart["facet"]["sort"] if name in shown]
        chart["facet"]["sort"] = order
    return json.loads(json.dumps(spec, default=str))


def _lines(texts: Sequence[str]) -> list[str]:
    return [line for text in texts for line in textwrap.wrap(text, CHARACTERS)]


def _rows_axis() -> Spec:
    return {
        "field": "row",
        "type": "ordinal",
        "title": None,
        "scale": {"type": "band", "domain": []},
        "axis": {
            "labelExpr": "split(datum.label, '|')",
            "labelLimit": LABEL_PIXELS,
            "labelBaseline": "middle",
            "labelLineHeight": 13,
            "minExtent": LABEL_PIXELS,
            "maxExtent": LABEL_PIXELS,
        },
    }


def _breaks() -> list[Spec]:
    """A dashed line above a row that lies beyond a break, and what breaks there."""
    y = {"field": "row", "type": "ordinal", "bandPosition": 0}
    kept = [{"filter": "isValid(datum.breaks)"}]
    return [
        {
            "transform": kept,
            "mark": {
                "type": "rule",
                "strokeDash": [5, 4],
                "strokeWidth": 1.5,
                "stroke": "var(--break)",
            },
            "encoding": {"y": y},
        },
        {
            "transform": kept,
            "mark": {
                "type": "text",
                "align": "left",
                "baseline": "top",
                "dy": 3,
                "fontSize": 11,
                "fill": "var(--break)",
            },
            "encoding": {"y": y, "x": {"value": 0}, "text": {"field": "breaks"}},
        },
    ]


def _file(chart: Spec) -> Spec:
    """A heading, the chart and a footer, with names for what fills them."""
    return {
        "$schema": f"https://vega.github.io/schema/vega-lite/v{VEGA_LITE[0]}.json",
        "padding": 16,
        "vconcat": [
            _texts("heading", 19),
            {"data": {"name": "marks"}} | chart,
            _texts("footer", 14),
        ],
        "spacing": 16,
        "resolve": {"scale": dict.fromkeys(("color", "shape"), "independent")},
    }


def _texts(name: str, step: int) -> Spec:
    """Lines of text as a view of their own."""
    return {
        "data": {"name": name},
        "width": FILE_WIDTH - LABEL_PIXELS,
        "height": {"step": step},
        "mark": {"type": "text", "align": "left", "fill": "var(--text)"},
        "encoding": {
            "x": {"value": -LABEL_PIXELS},
            "y": {"field": "n", "type": "ordinal", "axis": None},
            "text": {"field": "text"},
            "size": {
                "field": "size",
                "type": "quantitative",
                "scale": None,
                "legend": None,
            },
        },
    }
