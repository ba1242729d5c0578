"""Vega-Lite specifications: a chart of ranges, and the curve of a claim.

A specification has the form of a file: a heading, the chart, what is needed to cite it.
Its rows come later (``fill``); the page takes the chart alone out of it. What does not
depend on rows stands in templates/charts.yaml.
"""

from __future__ import annotations

import copy
import json
import textwrap
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from report.parts import ReportError, Row, Spec

PARTS: dict[str, Any] = yaml.safe_load(
    Path(__file__).with_name("templates").joinpath("charts.yaml").read_text("utf-8")
)
CONFIG: dict[str, Any] = PARTS["config"]
VEGA_LITE = "6.4"
COLOURS = ["var(--c1)", "var(--c2)", "var(--c3)", "var(--c4)"]
SHAPES = ["circle", "diamond", "square", "triangle-up"]
LABEL_WIDTH = 24
LABEL_PIXELS: int = PARTS["rows"]["axis"]["labelLimit"]
FILE_WIDTH = 720
CHART_WIDTH = FILE_WIDTH - LABEL_PIXELS - 60
CHARACTERS = 112  # of a line of text of FILE_WIDTH
HIGHEST = ("bound_high_pct", "interval_high_pct", "uncertainty_high_pct")


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
    parts = PARTS["ranges"]
    series = list(dict.fromkeys(row["series"] for row in rows if row.get("series")))
    panels = list(dict.fromkeys(row["panel"] for row in rows if row.get("panel")))
    value = chart.value_key
    held = {key for row in rows for key in row if row[key] is not None}
    has_line = bool(held & {"uncertainty_high_pct", "interval_high_pct"})
    held |= {value, *(["line_high"] * has_line)}
    lines = max((row["row"].count("|") + 1 for row in rows), default=1)
    step = max(15 * max(len(series), 1) + 9, 8 + 14 * lines)
    x = parts["x"] | {"title": chart.x_title}
    x["axis"] = x["axis"] | {"labelExpr": f"datum.label + '{chart.unit}'"}
    seen, shape, offset = _series(series)
    seen["tooltip"] = [
        {"field": value, "title": "Figure", "format": ",.2f"},
        *(
            {"field": key, "title": title}
            | ({} if key in ("row", "series") else {"format": ",.2f"})
            for key, title in parts["tooltip"].items()
            if key in held
        ),
        {"field": "base_conversation_count", "title": "Base", "format": ",.0f"},
    ]
    ends = [key for key in ("line_high", value, "bound_high_pct") if key in held]
    farthest = ", ".join(f"datum.{end}" for end in ends)
    drawn = [
        {
            "transform": [{"filter": f"isValid(datum['{needed}'])"}],
            "mark": mark,
            "encoding": {"x": x | {"field": low}}
            | ({"x2": {"field": high[0]}} if high else {})
            | seen,
        }
        for needed, mark, low, *high in parts["layers"]
        if needed in held
    ]
    drawn += [
        {
            "transform": [{"filter": f"isValid(datum['{value}'])"}],
            "mark": parts["point"],
            "encoding": {"x": x | {"field": value}, "shape": shape} | seen,
        },
        {
            "transform": [
                {"filter": f"isValid(datum.{value})"},
                {"calculate": f"max({farthest})", "as": "end"},
                {
                    "calculate": f"format(datum.{value}, ',.1f') + '{chart.unit}'",
                    "as": "text",
                },
            ],
            "mark": parts["words"] | {"fill": "var(--text)"},
            "encoding": offset | {"x": x | {"field": "end"}, "text": {"field": "text"}},
        },
        {
            "transform": [{"filter": f"!isValid(datum.{value})"}],
            "mark": parts["words"] | {"fill": "var(--soft)"},
            "encoding": offset | {"x": {"datum": 0}, "text": {"field": "why"}},
        },
    ]
    inner: Spec = {
        "transform": parts["lines"],
        "encoding": {"y": PARTS["rows"]},
        "layer": parts["breaks"] * chart.has_breaks + drawn,
        "width": 180 if panels else CHART_WIDTH,
        "height": {
            "step": max(step, 62) if chart.has_breaks else step,
            "for": "position",
        },
    }
    if panels:
        inner = {
            "facet": {"field": "panel", "type": "nominal", "sort": panels},
            "columns": 2,
            "spacing": {"column": 50, "row": 24},
            "spec": inner,
        }
    return _file(inner)


def _series(series: list[str]) -> tuple[Spec, Spec, Spec]:
    """Colour and place of a mark, its shape, and the place alone: by series."""
    if not series:
        return {"color": {"value": COLOURS[0]}}, {"value": "circle"}, {}

    def scaled(values: list[str]) -> Spec:
        scale = {"domain": series, "range": values[: len(series)]}
        return {"field": "series", "scale": scale}

    columns = 1 if max(map(len, series)) > 18 else 3
    colour = {"legend": {"columns": columns, "symbolOpacity": 1}} | scaled(COLOURS)
    offset = {"yOffset": {"field": "series", "scale": {"domain": series}}}
    return {"color": colour} | offset, scaled(SHAPES), offset


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
    parts = copy.deepcopy(PARTS["claim"])
    dimensions = list(choices)
    legend = {"legend": {"values": list(answers)}}
    colour, shape = parts["colour"] | legend, parts["shape"] | legend
    at: Spec = {"x": parts["x"], "y": parts["y"] | {"title": y_title}}
    tooltip = [{"field": "value", "title": y_title, "format": ",.2f"}]
    tooltip += [{"field": name, "title": name} for name in dimensions]
    layers = [
        {
            "mark": parts["points"],
            "encoding": at | {"color": colour, "shape": shape, "tooltip": tooltip},
        },
        parts["preferred"] | {"mark": parts["ring"], "encoding": at},
        parts["preferred"]
        | {"mark": parts["word"], "encoding": at | {"text": {"value": "preferred"}}},
    ]
    if threshold is not None:
        rule = {"mark": parts["threshold"], "encoding": {"y": {"datum": threshold}}}
        layers.insert(0, rule)
    views = [{"width": CHART_WIDTH, "height": 190, "layer": layers}]
    if dimensions:
        below = parts["below"] | {"width": CHART_WIDTH}
        below["transform"] = [{"fold": dimensions, "as": ["dimension", "choice"]}]
        below["encoding"]["color"] = colour
        order = [name for names in choices.values() for name in names]
        below["encoding"]["y"]["sort"] = order
        views.append(below)
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


def _file(chart: Spec) -> Spec:
    """A heading, the chart and a footer, with names for what fills them."""
    views = [
        _texts("heading", 19),
        {"data": {"name": "marks"}} | copy.deepcopy(chart),
        _texts("footer", 14),
    ]
    schema = f"https://vega.github.io/schema/vega-lite/v{VEGA_LITE[0]}.json"
    return {"$schema": schema, "vconcat": views} | PARTS["file"]


def _texts(name: str, step: int) -> Spec:
    """Lines of text as a view of their own."""
    parts = PARTS["texts"]
    return parts | {
        "data": {"name": name},
        "width": FILE_WIDTH - LABEL_PIXELS,
        "height": {"step": step},
        "encoding": parts["encoding"] | {"x": {"value": -LABEL_PIXELS}},
    }
