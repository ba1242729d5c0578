"""The report page: one HTML file with everything in it, opened without network."""

from __future__ import annotations

import functools
import json
from pathlib import Path

import jinja2
import vl_convert
from markupsafe import Markup

from report.charts import config
from report.parts import PLATFORMS, Column, Row, Section, Spec, count, platform_title
from report.questions import build
from report.questions.trend import window
from report.questions.which_hold import STATUSES
from report.reading import Warehouse, opened

NAME = "report.html"
TEMPLATES = Path(__file__).resolve().parent / "templates"
VEGA_LITE = "6.4"  # the version whose specifications Altair 6 writes
DATASET = "https://huggingface.co/datasets/Anthropic/EconomicIndex"


@functools.cache
def bundle() -> Markup:
    """Vega, Vega-Lite and Vega-Embed as one script that needs no other file."""
    script = vl_convert.javascript_bundle(vl_version=VEGA_LITE)
    # Inside a script element only its end tag and comments are special.
    return Markup(script.replace("</script", "<\\/script").replace("<!--", "<\\!--"))


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
    built = build(warehouse)
    releases = warehouse.releases()
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["shown"] = shown
    environment.globals.update(
        platforms=PLATFORMS, statuses=STATUSES, window=window, printed=printed
    )
    return environment.get_template("report.html.j2").render(
        sections=built,
        slices=warehouse.slices,
        releases=[row for row in releases if row["is_loaded"]],
        not_loaded=[
            f"{row['release_id']} {platform_title(row['platform'])}"
            for row in releases
            if not row["is_loaded"] and not row["is_simulated"]
        ],
        warnings=warehouse.failed_warnings(),
        simulated=[each for each in warehouse.slices if each.is_simulated],
        citations=dict.fromkeys((e.citation, e.licence) for e in warehouse.slices),
        charts=_json(charts(built)),
        config=_json(config()),
        bundle=bundle(),
        dataset=DATASET,
    )


def charts(built: list[Section]) -> dict[str, Spec]:
    """The specification of each chart by the id of its place on the page."""
    return {
        f"{figure.figure_id}-{n}": panel
        for section in built
        for figure in section.figures
        for n, panel in enumerate(figure.panels, 1)
    }


def shown(value: object, column: Column) -> Markup:
    """A cell of a data table; numbers carry the exact value of the mart."""
    if value is None or value == "":
        return Markup('<span class="null" title="NULL in the mart">NULL</span>')
    if column.kind in ("count", "pct", "number"):
        number = float(value)  # type: ignore[arg-type]
        text = count(number) if column.kind == "count" else f"{number:.2f}"
        return Markup('<data value="{}">{}</data>').format(repr(number), text)
    if column.kind == "code":
        return Markup("<code>{}</code>").format(value)
    return Markup("{}").format(value)


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


def _json(value: object) -> Markup:
    """JSON inside a script element."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c"))
