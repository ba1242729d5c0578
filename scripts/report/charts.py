"""Altair charts of shares with their bounds and intervals.

Colours are names of CSS variables: the page follows light, dark and print by its style
sheet alone; figures for papers get the light values (see figures.py).
"""

from __future__ import annotations

import json
import textwrap
from collections import Counter
from collections.abc import Sequence
from typing import Any

import altair as alt

from report.parts import Panel, ReportError, Row, count, number, pct

SERIES_COLOURS = ["var(--c1)", "var(--c2)", "var(--c3)", "var(--c4)"]
SHAPES = ["circle", "diamond", "square", "triangle-up"]
FONT = "system-ui, -apple-system, Segoe UI, Roboto, Helvetica, Arial, sans-serif"
ROW_HEIGHT = 30
SERIES_HEIGHT = 15
LABEL_WIDTH = 22
SIMULATED = "SIMULATED DATA"


def config() -> dict[str, Any]:
    """The look of every chart: quiet axes, no frame."""
    return {
        "font": FONT,
        "background": "transparent",
        "aria": False,  # the figure has one label and a data table
        "view": {"stroke": None},
        "axis": {
            "labelColor": "var(--soft)",
            "titleColor": "var(--soft)",
            "gridColor": "var(--grid)",
            "domain": False,
            "ticks": False,
            "labelFontSize": 12,
            "titleFontSize": 12,
            "titleFontWeight": "normal",
            "labelPadding": 6,
        },
        "axisY": {"labelColor": "var(--text)", "grid": False},
        "title": {
            "color": "var(--text)",
            "fontSize": 13,
            "fontWeight": 600,
            "anchor": "start",
            "frame": "group",
            "offset": 8,
            "subtitleColor": "var(--soft)",
            "subtitleFontSize": 12,
        },
        "legend": {
            "labelColor": "var(--text)",
            "titleColor": "var(--soft)",
            "orient": "top",
            "direction": "horizontal",
            "title": None,
            "labelFontSize": 12,
            "labelLimit": 260,
            "symbolSize": 90,
            "symbolStrokeWidth": 0,
            "offset": 4,
        },
    }


def range_panel(
    rows: Sequence[Row],
    *,
    title: str,
    label: dict[str, str],
    label_key: str,
    value_key: str = "share_pct",
    series: dict[str, str] | None = None,
    series_key: str = "",
    x_title: str = "",
    is_simulated: bool = False,
    x_max: float | None = None,
    unit: str = "%",
    has_bar: bool = False,
    breaks: Sequence[str] = (),
) -> Panel:
    """A row per label: the share as a dot, its bound as a band, its interval as a line.

    ``label`` and ``series`` map the keys in the rows to what is shown, in order. Rows
    without a value say why. ``breaks`` are words for the gaps between the rows, where
    they may not be compared without them.

    Raises ReportError when two rows would be one mark: rows of several definitions.
    """
    names = series or {"": "Published"}
    marks = []
    for row in rows:
        key = row[series_key] if series else ""
        if row[label_key] not in label or key not in names:
            continue
        place = list(label).index(row[label_key])
        offset = (list(names).index(key) - (len(names) - 1) / 2) * 0.62 / len(names)
        value = row[value_key]
        marks.append(
            {
                "y": place + offset,
                "row": label[row[label_key]],
                "series": names[key],
                "value": value,
                "low": row.get("bound_low_pct"),
                "high": row.get("bound_high_pct"),
                "from": row.get("interval_low_pct"),
                "to": row.get("interval_high_pct"),
                "note": "no visible cell" if value is None else None,
                "share": number(value, 1) + unit,
                "bound": _range(row.get("bound_low_pct"), row.get("bound_high_pct")),
                "interval": _interval(row),
                "base": _base(row),
            }
        )
    # By place, not by name: two countries may be called alike.
    places = Counter((mark["y"], mark["row"], mark["series"]) for mark in marks)
    for (_, row_name, series_name), times in places.items():
        if times > 1:
            raise ReportError(
                f"The chart {title!r} has {times} rows for {row_name} {series_name}; "
                "expected one. Filter one definition in the query of report/questions."
            )
    lines = 2 if any("|" in _wrapped(text) for text in label.values()) else 1
    row_height = max(SERIES_HEIGHT * len(names) + 8, 20 + 10 * (lines - 1))
    if breaks:
        row_height = max(row_height, 74)
    chart = _layers(marks, names, label, x_title, x_max, unit, has_bar, breaks)
    heading = alt.Title(title, subtitle=SIMULATED) if is_simulated else alt.Title(title)
    spec = chart.properties(height=row_height * len(label), title=heading).to_dict()
    spec.pop("config", None)
    spec.pop("datasets", None)
    # One copy of the rows for all layers; only the breaks have data of their own.
    for layer in spec["layer"]:
        if layer.get("data") == {"values": []}:
            del layer["data"]
    spec["data"] = {"values": marks}
    return Panel(spec)


def _layers(
    marks: list[Row],
    names: dict[str, str],
    label: dict[str, str],
    x_title: str,
    x_max: float | None,
    unit: str,
    has_bar: bool,
    breaks: Sequence[str],
) -> alt.LayerChart:
    """The marks of a range panel, from the back to the front."""
    order = list(names.values())
    tops = [
        value
        for mark in marks
        for value in (mark["value"], mark["high"], mark["to"])
        if value is not None
    ]
    top = x_max if x_max is not None else max(tops, default=1.0)
    texts = json.dumps([_wrapped(text) for text in label.values()])
    y = alt.Y(
        "y:Q",
        title=None,
        scale=alt.Scale(
            domain=[-0.5, len(label) - 0.5], reverse=True, nice=False, zero=False
        ),
        axis=alt.Axis(
            values=list(range(len(label))),
            labelExpr=f"split({texts}[datum.value], '|')",
            labelLimit=190,
            labelBaseline="middle",
            labelLineHeight=13,
        ),
    )

    def x(field: str) -> alt.X:
        return alt.X(
            f"{field}:Q",
            title=x_title or None,
            scale=alt.Scale(domain=[0, top], nice=True, zero=True),
            axis=alt.Axis(
                labelExpr=f"datum.label + '{unit}'", tickCount=5, titleAnchor="start"
            ),
        )

    legend = (
        alt.Legend(columns=1 if max(len(n) for n in order) > 18 else 2, symbolOpacity=1)
        if len(names) > 1
        else None
    )
    colour = alt.Color(
        "series:N",
        scale=alt.Scale(domain=order, range=SERIES_COLOURS[: len(order)]),
        legend=legend,
    )
    shape = alt.Shape(
        "series:N",
        scale=alt.Scale(domain=order, range=SHAPES[: len(order)]),
        legend=legend,
    )
    tooltip = [
        alt.Tooltip("row:N", title=" "),
        alt.Tooltip("share:N", title="Figure"),
        alt.Tooltip("bound:N", title="Bound"),
        alt.Tooltip("interval:N", title="Interval"),
        alt.Tooltip("base:N", title="Base"),
    ]
    if len(names) > 1:
        tooltip.insert(1, alt.Tooltip("series:N", title="By"))
    base = alt.Chart(alt.Data(values=[])).encode(y=y)
    layers: list[alt.Chart] = []
    if breaks:
        layers += _break_marks(breaks)
    if has_bar:
        layers.append(
            base.transform_filter("isValid(datum.value)")
            .mark_rule(strokeWidth=7, opacity=0.35)
            .encode(x=x("value"), x2=alt.datum(0), color=colour, tooltip=tooltip)
        )
    if any(mark["high"] is not None for mark in marks):
        layers.append(
            base.transform_filter("isValid(datum.high)")
            .mark_rule(strokeWidth=10, opacity=0.3, strokeCap="butt")
            .encode(x=x("low"), x2="high:Q", color=colour, tooltip=tooltip)
        )
    if any(mark["to"] is not None for mark in marks):
        with_interval = base.transform_filter("isValid(datum.to)")
        layers.append(
            with_interval.mark_rule(strokeWidth=1.5).encode(
                x=x("from"), x2="to:Q", color=colour, tooltip=tooltip
            )
        )
        for end in ("from", "to"):
            layers.append(
                with_interval.mark_tick(
                    orient="vertical", size=9, thickness=1.5
                ).encode(x=x(end), color=colour)
            )
    layers.append(
        base.transform_filter("isValid(datum.value)")
        .mark_point(filled=True, size=62, opacity=1)
        .encode(x=x("value"), color=colour, shape=shape, tooltip=tooltip)
    )
    if any(mark["note"] for mark in marks):
        layers.append(
            base.transform_filter("isValid(datum.note)")
            .mark_text(align="left", dx=4, fontSize=11, fill="var(--soft)")
            .encode(x=alt.datum(0), text="note:N")
        )
    return alt.layer(*layers)


def _break_marks(breaks: Sequence[str]) -> list[alt.Chart]:
    """A dashed line with words in each gap between two rows."""
    gaps = alt.Data(
        values=[{"y": n + 0.5, "words": words} for n, words in enumerate(breaks)]
    )
    y = alt.Y("y:Q")
    line = (
        alt.Chart(gaps)
        .mark_rule(strokeDash=[5, 4], strokeWidth=1.5, stroke="var(--break)")
        .encode(y=y)
    )
    words = (
        alt.Chart(gaps)
        .mark_text(
            align="right", dy=-7, fontSize=11, fontWeight=600, fill="var(--break)"
        )
        .encode(y=y, x=alt.value("width"), text="words:N")
    )
    return [line, words]


def _wrapped(text: str) -> str:
    """A label in lines of at most LABEL_WIDTH characters, joined by bars."""
    lines = textwrap.wrap(text.replace("|", "/"), LABEL_WIDTH)
    if len(lines) > 2:
        lines = [lines[0], textwrap.shorten(" ".join(lines[1:]), LABEL_WIDTH + 2)]
        lines[1] = lines[1].replace("[...]", "…")
    return "|".join(lines)


def _range(low: float | None, high: float | None) -> str:
    return "none" if low is None or high is None else f"{low:.1f} to {pct(high)}"


def _interval(row: Row) -> str:
    if row.get("interval_low_pct") is None:
        return f"none: {row.get('interval_missing_reason') or 'not in this mart'}"
    low, high = row["interval_low_pct"], row["interval_high_pct"]
    return f"{low:.1f} to {pct(high)} ({row['interval_kind']})"


def _base(row: Row) -> str:
    """Numerator of base, where the row has both."""
    above = row.get("conversation_count", row.get("yes_count"))
    below = row.get("base_conversation_count")
    if below is None:
        return "not known"
    return count(below) if above is None else f"{count(above)} of {count(below)}"
