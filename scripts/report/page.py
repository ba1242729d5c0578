"""The report page: one HTML file with everything in it, opened without network."""

from __future__ import annotations

import base64
import contextlib
import gzip
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import jinja2
import vl_convert
from markupsafe import Markup
from warehouse.paths import target_folder

from report import claims
from report.charts import CHARACTERS, CONFIG, LABEL_PIXELS, VEGA_LITE
from report.figures import about
from report.parts import PLATFORMS, Figure, Row, Sample, Spec
from report.questions import build
from report.questions.which_hold import STATUSES
from report.reading import Warehouse, opened

NAME = "report.html"
TEMPLATES = Path(__file__).resolve().parent / "templates"
DATASET = "https://huggingface.co/datasets/Anthropic/EconomicIndex"
DECIMALS = 6  # of the values of a chart and its table


def write(warehouse_file: Path, folder: Path) -> list[Path]:
    """Write the page of a warehouse into ``folder``; raises ReportError."""
    with opened(warehouse_file) as warehouse:
        page = render(warehouse)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / NAME
    path.write_text(page, encoding="utf-8")
    return [path]


def render(warehouse: Warehouse) -> str:
    """The page as text."""
    questions = build(warehouse)
    claimed = claims.read(warehouse)
    drawn = [figure for question in questions for figure in question.figures]
    first = _first(warehouse.samples, drawn)
    drawn += [claim.figure for claim in claimed if claim.figure]
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.globals.update(lineage=lineage, printed=printed)
    releases = warehouse.releases()
    return environment.get_template("report.html.j2").render(
        claims=claimed,
        questions=questions,
        first=first,
        samples=warehouse.samples,
        windows={each.window: each for each in reversed(warehouse.samples)},
        platforms=PLATFORMS,
        releases=[row for row in releases if row["is_loaded"]],
        not_loaded=[
            f"{row['window_label']} {PLATFORMS.get(row['platform'], row['platform'])}"
            for row in releases
            if not row["is_loaded"] and not row["is_simulated"]
        ],
        warnings=warehouse.failed_warnings(),
        register=warehouse.register(),
        simulated=[each for each in warehouse.samples if each.is_simulated],
        citations=dict.fromkeys((e.citation, e.licence) for e in warehouse.samples),
        build=warehouse.build,
        provenance=warehouse.provenance,
        statuses=claims.STATUSES,
        printed_statuses=STATUSES,
        dataset=DATASET,
        data=zipped(json.dumps(_data(warehouse, drawn, first), separators=(",", ":"))),
        bundle=script(),
    )


def script() -> str:
    """What draws the charts, zipped. It is kept: it depends on the library only, which
    takes seconds to make it."""
    name = f"vega-lite-{VEGA_LITE}-{vl_convert.__version__}.txt"
    kept = target_folder() / name
    if kept.is_file():
        return kept.read_text("ascii")
    text = zipped(vl_convert.javascript_bundle(vl_version=VEGA_LITE))
    with contextlib.suppress(OSError):
        new = kept.with_name(f"{name}.{os.getpid()}")
        new.write_text(text, "ascii")
        os.replace(new, kept)
    return text


def _first(samples: list[Sample], figures: Iterable[Figure]) -> Sample:
    """The newest sample that most figures can be drawn of: what the page opens on."""
    keys = [{row["key"] for row in figure.rows} for figure in figures]
    return max(samples, key=lambda s: sum(s.key() in own for own in keys))


def _data(warehouse: Warehouse, figures: list[Figure], first: Sample) -> Spec:
    """What the script of the page draws."""
    return {
        "first": first.address,
        "samples": [each.address for each in warehouse.samples],
        "config": CONFIG,
        "labels": LABEL_PIXELS,
        "characters": CHARACTERS,
        "figures": {
            figure.figure_id: {
                "of": figure.of,
                "title": figure.title,
                "spec": figure.spec,
                "picks": figure.picks,
                "tops": figure.tops,
                "columns": figure.columns,
                "texts": {
                    key: {"reading": text.reading, "base": text.base}
                    | (
                        {"about": about(warehouse, figure, text)}
                        if text.samples
                        else {}
                    )
                    for key, text in figure.texts.items()
                },
                "rows": packed(figure),
            }
            for figure in figures
        },
    }


def packed(figure: Figure) -> dict[str, Any]:
    """The rows by column: numbers as they are, words as places in a list of them."""
    used = ["key", "panel", "row", "series", "why", "breaks", "is_large"]
    used += ["place", "value", "holds", "is_preferred"] if figure.of == "claim" else []
    columns = {}
    for name in dict.fromkeys([*used, *figure.picks, *figure.columns]):
        values = [row.get(name) for row in figure.rows]
        if all(value is None for value in values):
            continue
        if any(isinstance(value, str) for value in values):
            words = {word: place for place, word in enumerate(dict.fromkeys(values))}
            columns[name] = {
                "words": list(words),
                "at": [words[value] for value in values],
            }
        else:
            columns[name] = [_rounded(value) for value in values]
    return columns


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return int(value) if value.is_integer() else round(value, DECIMALS)
    return value


def lineage(mart: str, column: str = "") -> str:
    """The address of a column's lineage, or of a mart's page, beside the report."""
    model = f"model.ai_in_education.{mart}"
    if not column:
        return f"docs/index.html#!/model/{model}"
    names = {"model": model, "column": column, "parents": "1"}
    return f"docs/lineage.html?{urlencode(names)}"


def printed(row: Row, key: str) -> Markup:
    """A printed or computed figure: the computed one with two more decimals."""
    value = row[key]
    if value is None:
        return Markup('<span class="null">not computed</span>')
    decimals = max(row["decimals"] or 0, 0)
    if key == "computed_value":
        decimals = min(decimals + 2, 5) if row["unit"] != "tasks" else 0
    return Markup('<data value="{}">{}</data>').format(
        repr(float(value)), f"{value:,.{decimals}f}"
    )


def zipped(text: str) -> str:
    """A long text in the page: gzip in base64, which the browser unpacks itself."""
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()
