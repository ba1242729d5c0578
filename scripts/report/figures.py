"""The charts of the report as SVG and PNG files for papers."""

from __future__ import annotations

import json
import re
import textwrap
from pathlib import Path

import vl_convert

from report.charts import config
from report.page import TEMPLATES, VEGA_LITE
from report.parts import Figure, Spec
from report.questions import build
from report.reading import opened

PANEL_WIDTH = 300
WIDE = 560
LINE = 105


def write(warehouse_file: Path, folder: Path) -> list[Path]:
    """Write each figure as SVG and PNG into ``folder``; raises ReportError."""
    with opened(warehouse_file) as warehouse:
        built = build(warehouse)
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for number, section in enumerate(built, 1):
        for figure in section.figures:
            spec = specification(figure)
            path = folder / f"{number:02}-{figure.figure_id}"
            svg, png = path.with_suffix(".svg"), path.with_suffix(".png")
            svg.write_text(
                vl_convert.vegalite_to_svg(spec, vl_version=VEGA_LITE), encoding="utf-8"
            )
            png.write_bytes(
                vl_convert.vegalite_to_png(spec, vl_version=VEGA_LITE, scale=2)
            )
            written += [svg, png]
    return written


def specification(figure: Figure) -> Spec:
    """The panels side by side under a title, above what is needed to cite them."""
    is_single = len(figure.panels) == 1
    width = WIDE if is_single else PANEL_WIDTH
    line = LINE if not is_single else LINE - 5
    panels = [{**panel, "width": width} for panel in figure.panels]
    for panel in panels:
        panel.pop("$schema", None)
    marks = "Dot: the published cells."
    marks += " Band: bound, no probability." if figure.bound else ""
    marks += " Line with ends: 95% interval." if figure.interval else ""
    title = textwrap.wrap(figure.title, 70)
    if figure.is_simulated:
        title.insert(0, "SIMULATED DATA: describes nobody")
    spec = {
        "$schema": f"https://vega.github.io/schema/vega-lite/v{VEGA_LITE[0]}.json",
        "padding": 16,
        "background": "white",
        "config": config() | {"background": "white"},
        "title": {
            "text": title,
            "subtitle": [
                part
                for text in (str(figure.reading.striptags()), marks)
                for part in textwrap.wrap(text, line)
            ],
            "fontSize": 16,
            "subtitlePadding": 6,
            "offset": 14,
            "frame": "bounds",
        },
        "vconcat": [
            {"concat": panels, "columns": 1 if is_single else 2, "spacing": 26},
            _footer(figure, line),
        ],
        "spacing": 18,
    }
    return _light(spec)


def citation_lines(figure: Figure) -> list[str]:
    """What an image must carry: its slices, base, unit, source and licence."""
    lines = [
        f"Releases: {'; '.join(each.label for each in figure.slices)}. "
        f"Mart: marts.{figure.mart}.",
        f"Base: {figure.base}.",
    ]
    for citation, licence in dict.fromkeys(
        (each.citation, each.licence) for each in figure.slices
    ):
        lines.append(f"Data: {citation}. {licence}.")
    return lines


def _footer(figure: Figure, line: int) -> Spec:
    """The citation as a view of text below the panels."""
    lines = [
        part
        for text in citation_lines(figure)
        for part in textwrap.wrap(text, line + 10)
    ]
    return {
        "data": {"values": [{}]},
        "mark": {
            "type": "text",
            "align": "left",
            "baseline": "top",
            "fontSize": 10.5,
            "lineHeight": 14,
            "fill": "var(--soft)",
        },
        "width": WIDE,
        "height": 14 * len(lines),
        "encoding": {
            "x": {"value": 0},
            "y": {"value": 0},
            "text": {"value": lines},
        },
    }


def _light(spec: Spec) -> Spec:
    """The specification with the light colours in place of the CSS variables."""
    style = (TEMPLATES / "report.css").read_text(encoding="utf-8")
    # The first of each name: a paper is white, and dark comes after light.
    colours = dict(reversed(re.findall(r"(--[a-z0-9]+): *(#[0-9a-f]+)", style)))
    text = re.sub(
        r"var\((--[a-z0-9]+)\)", lambda name: colours[name[1]], json.dumps(spec)
    )
    # No font of a reader's system: the one that the converter has.
    return json.loads(text.replace(json.dumps(config()["font"])[1:-1], "sans-serif"))
