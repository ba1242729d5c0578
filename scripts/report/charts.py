"""Altair charts of shares with their bounds and intervals.

Colours are names of CSS variables: the page follows light, dark and print by its style
sheet alone; figures for papers get the light values (see figures.py).
"""

from __future__ import annotations

import json
import textwrap
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
from altair.utils.schemapi import debug_mode

from report.parts import ReportError, Row, Spec, count, number

SERIES_COLOURS = ["var(--c1)", "var(--c2)", "var(--c3)", "var(--c4)"]
SHAPES = ["circle", "diamond", "square", "triangle-up"]
FONT = "system-ui, -apple-system, Segoe UI, Roboto, Helvetica, Arial, sans-serif"
SERIES_HEIGHT = 15
LABEL_WIDTH = 22
BREAK_WIDTH = 30
SIMULATED = "SIMULATED DATA"
TOOLTIP = {
    "row": " ",
    "series": "By",
    "share": "Figure",
    "bound": "Bound",
    "interval": "Interval",
    "base": "Base",
}


def config() -> dict[str, Any]:
    """The look of every chart: quiet axes, no frame."""
    soft, text = {"labelColor": "var(--soft)"}, {"labelColor": "var(--text)"}
    return {
        "font": FONT,
        "fontSize": {"guideLabel": 12, "guideTitle": 12, "groupTitle": 13},
        "background": "transparent",
        "aria": False,  # the figure has one label and a data table
        "view": {"stroke": None},
        "axis": soft
        | {
            "titleColor": "var(--soft)",
            "gridColor": "var(--grid)",
            "domain": False,
            "ticks": False,
            "titleFontWeight": "normal",
            "labelPadding": 6,
        },
        "axisY": text | {"grid": False},
        "title": {
            "color": "var(--text)",
            "fontWeight": 600,
            "anchor": "start",
            "frame": "group",
            "offset": 8,
            "subtitleColor": "var(--soft)",
            "subtitleFontSize": 12,
        },
        "legend": text
        | {
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
    """How rows are drawn: a row per label, a mark per series.

    ``label`` and ``series`` map keys in the rows to what is shown, in order; other rows
    are not drawn. ``breaks`` are words for the gaps between the rows, where they may
    not be compared without them; where a gap has none, a line joins the dots.
    ``reference`` is a value that stands across all rows.
    """

    label_key: str
    label: dict[str, str] | dict[int, str]
    x_title: str
    series_key: str = ""
    series: dict[str, str] | None = None
    value_key: str = "share_pct"
    unit: str = "%"
    has_bar: bool = False
    breaks: Sequence[str] = ()
    reference: float | None = None

    @property
    def names(self) -> dict[str, str]:
        """The series; where there are none, all rows are one without a name."""
        return self.series or {"": "Published"}

    def series_of(self, row: Row) -> str:
        """The series that a row belongs to."""
        return row[self.series_key] if self.series else ""

    def drawn(self, rows: Sequence[Row]) -> list[Row]:
        """The rows that are drawn."""
        return [
            row
            for row in rows
            if row[self.label_key] in self.label and self.series_of(row) in self.names
        ]

    def top(self, rows: Sequence[Row]) -> float:
        """The end of a scale that holds these rows, in the unit of the value."""
        keys = (self.value_key, "bound_high_pct", "interval_high_pct")
        values = [row.get(key) for row in rows for key in keys]
        return max((value for value in values if value is not None), default=1.0)


def range_panel(
    chart: Chart,
    rows: Sequence[Row],
    *,
    title: str,
    is_simulated: bool = False,
    top: float | None = None,
) -> Spec:
    """A row per label: the share as a dot, its bound as a band, its interval as a line.

    Rows without a value say so. ``top`` is the end of the scale, where several panels
    have one in common.

    Raises ReportError when two rows would be one mark: rows of several definitions.
    """
    marks = [_mark(chart, row) for row in chart.drawn(rows)]
    # By place, not by name: two countries may be called alike.
    places = Counter((mark["y"], mark["row"], mark["series"]) for mark in marks)
    for (_, row_name, series_name), times in places.items():
        if times > 1:
            raise ReportError(
                f"The chart {title!r} has {times} rows for {row_name} {series_name}; "
                "expected one. Filter one definition in the query of report/questions."
            )
    lines = 2 if any("|" in _wrapped(text) for text in chart.label.values()) else 1
    height = max(SERIES_HEIGHT * len(chart.names) + 8, 10 + 10 * lines)
    if chart.breaks:
        # room for the words above the line, clear of the dots
        lines = max(len(textwrap.wrap(words, BREAK_WIDTH)) for words in chart.breaks)
        height = max(height, 60 + 14 * lines)
    top = chart.top(chart.drawn(rows)) if top is None else top
    with debug_mode(False):  # the converter judges the whole; by part it costs seconds
        spec = alt.layer(
            *_layers(chart, marks, top),
            data=alt.Data(values=marks),
            height=height * len(chart.label),
            title=alt.Title(title, **{"subtitle": SIMULATED} if is_simulated else {}),
        ).to_dict(validate=False)
    spec.pop("config", None)
    return spec


def _mark(chart: Chart, row: Row) -> Row:
    """The data of one mark: where it stands, what it shows, what a pointer reads."""
    names = list(chart.names)
    offset = (names.index(chart.series_of(row)) - (len(names) - 1) / 2) / len(names)
    value = row[chart.value_key]
    place = list(chart.label).index(row[chart.label_key])
    return {
        "y": place + 0.62 * offset,
        "row": chart.label[row[chart.label_key]],
        "series": chart.names[chart.series_of(row)],
        "value": value,
        "low": row.get("bound_low_pct"),
        "high": row.get("bound_high_pct"),
        "from": row.get("interval_low_pct"),
        "to": row.get("interval_high_pct"),
        "note": _note(row) if value is None else None,
        "share": number(value, unit=chart.unit),
        "bound": _range(row.get("bound_low_pct"), row.get("bound_high_pct")),
        "interval": _interval(row),
        "base": _base(row, has_numerator=chart.unit == "%"),
    } | ({"run": sum(map(bool, chart.breaks[:place]))} if chart.breaks else {})


def _layers(chart: Chart, marks: list[Row], top: float) -> list[alt.Chart]:
    """The marks of a range panel, from the back to the front."""
    order = list(chart.names.values())
    texts = json.dumps([_wrapped(text) for text in chart.label.values()])
    y = alt.Y(
        "y:Q",
        title=None,
        scale=alt.Scale(
            domain=[-0.5, len(chart.label) - 0.5], reverse=True, nice=False, zero=False
        ),
        axis=alt.Axis(
            values=list(range(len(chart.label))),
            labelExpr=f"split({texts}[datum.value], '|')",
            labelLimit=190,
            labelBaseline="middle",
            labelLineHeight=13,
        ),
    )

    def x(field: str) -> alt.X:
        return alt.X(
            f"{field}:Q",
            title=chart.x_title or None,
            scale=alt.Scale(domain=[0, top], nice=True, zero=True),
            axis=alt.Axis(
                labelExpr=f"datum.label + '{chart.unit}'",
                tickCount=5,
                titleAnchor="start",
            ),
        )

    legend = (
        alt.Legend(columns=1 if max(len(n) for n in order) > 18 else 2, symbolOpacity=1)
        if len(order) > 1
        else None
    )
    colour, shape = (
        channel(
            "series:N",
            scale=alt.Scale(domain=order, range=values[: len(order)]),
            legend=legend,
        )
        for channel, values in ((alt.Color, SERIES_COLOURS), (alt.Shape, SHAPES))
    )
    tooltip = [
        alt.Tooltip(f"{key}:N", title=title)
        for key, title in TOOLTIP.items()
        if key != "series" or len(order) > 1
    ]

    base, seen = alt.Chart().encode(y=y), {"color": colour, "tooltip": tooltip}
    tick = base.mark_tick(orient="vertical", size=9, thickness=1.5)
    bar = base.mark_rule(strokeWidth=7, opacity=0.35)
    # Each with the field that a mark must have for it.
    layers = [
        *(
            [("value", bar.encode(x=x("value"), x2=alt.datum(0), **seen))]
            * chart.has_bar
        ),
        (
            "high",
            base.mark_rule(strokeWidth=10, opacity=0.3, strokeCap="butt").encode(
                x=x("low"), x2="high:Q", **seen
            ),
        ),
        (
            "to",
            base.mark_rule(strokeWidth=1.5).encode(x=x("from"), x2="to:Q", **seen),
        ),
        ("to", tick.encode(x=x("from"), color=colour)),
        ("to", tick.encode(x=x("to"), color=colour)),
        (
            "value",
            base.mark_point(filled=True, size=62, opacity=1).encode(
                x=x("value"), shape=shape, **seen
            ),
        ),
        (
            "note",
            base.mark_text(align="left", dx=4, fontSize=11, fill="var(--soft)").encode(
                x=alt.datum(0), text="note:N"
            ),
        ),
    ]
    beneath = _break_marks(chart.breaks)
    if chart.breaks and not all(chart.breaks):
        joined = base.mark_line(strokeWidth=1, opacity=0.7).encode(
            x=x("value"), color=colour, detail="run:N", order="y:Q"
        )
        beneath.append(joined.transform_filter("isValid(datum.value)"))
    if chart.reference is not None:
        rule = alt.Chart().mark_rule(stroke="var(--soft)", strokeDash=[2, 3])
        beneath.append(rule.encode(x=alt.datum(chart.reference)))
    return beneath + [
        layer.transform_filter(f"isValid(datum.{field})")
        for field, layer in layers
        if field == "value" or any(mark[field] is not None for mark in marks)
    ]


def _break_marks(breaks: Sequence[str]) -> list[alt.Chart]:
    """A dashed line with words in each gap between two rows that has words."""
    gaps = [
        {"y": n + 0.5, "lines": textwrap.wrap(words, BREAK_WIDTH)[::-1]}
        for n, words in enumerate(breaks)
        if words
    ]
    if not gaps:
        return []
    rule = alt.Chart(alt.Data(values=[{"y": gap["y"]} for gap in gaps])).mark_rule(
        strokeDash=[5, 4], strokeWidth=1.5, stroke="var(--break)"
    )
    marks = [rule.encode(y="y:Q")]
    # A mark for each line of words, from the lowest up: all stand above the rule.
    for n in range(max(len(gap["lines"]) for gap in gaps)):
        words = [
            {"y": gap["y"], "words": gap["lines"][n]}
            for gap in gaps
            if n < len(gap["lines"])
        ]
        text = alt.Chart(alt.Data(values=words)).mark_text(
            fill="var(--break)",
            align="right",
            baseline="bottom",
            dy=-3 - 13 * n,
            fontSize=11,
            fontWeight=600,
        )
        marks.append(text.encode(y="y:Q", x=alt.value("width"), text="words:N"))
    return marks


def _wrapped(text: str) -> str:
    """A label in lines of at most LABEL_WIDTH characters, joined by bars."""
    lines = textwrap.wrap(text.replace("|", "/"), LABEL_WIDTH)
    if len(lines) > 2:
        lines = [lines[0], textwrap.shorten(" ".join(lines[1:]), LABEL_WIDTH + 2)]
        lines[1] = lines[1].replace("[...]", "…")
    return "|".join(lines)


def _note(row: Row) -> str:
    """Why a row has no value."""
    words = {
        "fewer_tasks": "fewer tasks than that",
        "suppressed": "folded into the rest",
        "not_published": "not published",
    }
    return words.get(str(row.get("status")), "no visible cell")


def _range(low: float | None, high: float | None) -> str:
    return "none" if low is None or high is None else f"{low:.1f} to {high:.1f}%"


def _interval(row: Row) -> str:
    if row.get("interval_low_pct") is None:
        return f"none: {row.get('interval_missing_reason') or 'not in this mart'}"
    low, high = row["interval_low_pct"], row["interval_high_pct"]
    return f"{low:.1f} to {high:.1f}% ({row['interval_kind']})"


def _base(row: Row, has_numerator: bool) -> str:
    """Numerator of base, where the row has both and the figure is their ratio."""
    above = row.get("conversation_count", row.get("yes_count"))
    below = row.get("base_conversation_count")
    if above is None or below is None or not has_numerator:
        return count(below)
    return f"{count(above)} of {count(below)}"
