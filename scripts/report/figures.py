"""The charts of the report as SVG and PNG files for papers."""

from __future__ import annotations

import json
import re
import struct
import zlib
from pathlib import Path

import vl_convert
from markupsafe import escape

from report import claims
from report.charts import CONFIG, VEGA_LITE, fill
from report.parts import Figure, Spec, Text
from report.questions import build
from report.reading import Warehouse, opened

STYLE = Path(__file__).resolve().parent / "templates" / "report.css"
SIMULATED = "SIMULATED DATA: describes nobody"
HEADER = 33  # bytes of a PNG file before its second chunk


def write(warehouse_file: Path, folder: Path) -> list[Path]:
    """Write the figures as SVG and PNG into ``folder``; raises ReportError.

    One of each question's figures and choice of window and platform, and one of each
    claim: the release, base, citation and build stand in the picture and in the file.
    """
    written = []
    folder.mkdir(parents=True, exist_ok=True)
    with opened(warehouse_file) as warehouse:
        for name, figure in _numbered(warehouse):
            for key, text in figure.texts.items():
                rows = figure.shown(key)
                if not rows:
                    continue
                lines = about(warehouse, figure, text)
                reading = str(text.reading.striptags())
                end = figure.top(rows)
                title = "SIMULATED DATA: " * (SIMULATED in lines) + figure.title
                spec = fill(figure.spec, rows, end, title, reading, lines)
                spec = _light(spec)
                path = folder / "-".join([name, *re.findall(r"\w+", key)])
                svg, png = path.with_suffix(".svg"), path.with_suffix(".png")
                drawn = vl_convert.vegalite_to_svg(spec, vl_version=VEGA_LITE)
                svg.write_text(_described(drawn, lines), encoding="utf-8")
                png.write_bytes(_tagged(vl_convert.svg_to_png(drawn, scale=2), lines))
                written += [svg, png]
    return written


def _numbered(warehouse: Warehouse) -> list[tuple[str, Figure]]:
    """All figures with the names of their files."""
    found = [
        (f"{number:02}-{figure.figure_id}", figure)
        for number, question in enumerate(build(warehouse), 1)
        for figure in question.figures
    ]
    found += [
        (claim.claim_id, claim.figure)
        for claim in claims.read(warehouse)
        if claim.figure
    ]
    return found


def about(warehouse: Warehouse, figure: Figure, text: Text) -> list[str]:
    """What a file must carry: its release, base, source, licence and build."""
    is_simulated = any(sample.is_simulated for sample in text.samples)
    releases = dict.fromkeys(sample.release_id for sample in text.samples)
    shown = "; ".join(sample.label for sample in text.samples)
    sources = dict.fromkeys((e.citation, e.licence) for e in text.samples)
    return [
        *([SIMULATED] if is_simulated else []),
        f"Release: {', '.join(releases)} ({shown})",
        *([f"Base: {text.base}"] if text.base else []),
        f"Mart: marts.{figure.mart}, column {figure.column}",
        *(f"Data: {citation}. {licence}" for citation, licence in sources),
        f"Warehouse: {warehouse.build}",
    ]


def _light(spec: Spec) -> Spec:
    """The specification with the light colours in place of the CSS variables."""
    style = STYLE.read_text(encoding="utf-8")
    # The first of each name: a paper is white, and dark comes after light.
    colours = dict(reversed(re.findall(r"(--[a-z0-9]+): *(#[0-9a-f]+)", style)))
    spec["config"] = CONFIG | {"background": "white"}
    text = re.sub(
        r"var\((--[a-z0-9]+)\)", lambda name: colours[name[1]], json.dumps(spec)
    )
    # No font of a reader's system: the one that the converter has.
    return json.loads(text.replace(json.dumps(CONFIG["font"])[1:-1], "sans-serif"))


def _described(svg: str, lines: list[str]) -> str:
    """A drawing that says in its metadata what it is of."""
    start = svg.index(">", svg.index("<svg")) + 1
    metadata = f"<metadata>{escape(chr(10).join(lines))}</metadata>"
    return svg[:start] + metadata + svg[start:]


def _tagged(png: bytes, lines: list[str]) -> bytes:
    """A picture with the same words in a text chunk after its header."""
    chunk = b"iTXtDescription\0\0\0\0\0" + "\n".join(lines).encode()
    sized = struct.pack(">I", len(chunk) - 4) + chunk
    sized += struct.pack(">I", zlib.crc32(chunk))
    return png[:HEADER] + sized + png[HEADER:]
