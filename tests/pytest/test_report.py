"""The report page and the figures: what they draw and print is what the marts hold."""

from __future__ import annotations

import json
import math
import re
import shutil
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import duckdb
import pytest
import vl_convert
import write_report
from conftest import Build, query
from report import page, sections
from report.charts import range_panel
from report.figures import VEGA_LITE, specification, write_figures
from report.parts import Figure, ReportError, Section
from report.questions import Warehouse

QUESTIONS = [
    "how-much",
    "who",
    "how",
    "how-well",
    "how-concentrated",
    "where",
    "platforms",
    "between-releases",
    "which-hold",
    "what-not",
]
RANGES = {
    "value": ("share_pct", "success_pct", "effective_task_count"),
    "low": ("bound_low_pct",),
    "high": ("bound_high_pct",),
    "from": ("interval_low_pct",),
    "to": ("interval_high_pct",),
}


@pytest.fixture(scope="module", params=["shipped", "real"])
def warehouse_file(request: pytest.FixtureRequest) -> Path:
    """A published warehouse: on simulated data, and on the real files if there."""
    build: Build = request.getfixturevalue(f"{request.param}_warehouse")
    return build.file


@pytest.fixture(scope="module")
def built(warehouse_file: Path) -> list[Section]:
    """The sections of its page."""
    with Warehouse(warehouse_file) as warehouse:
        return sections.build(warehouse)


@pytest.fixture(scope="module")
def figures(built: list[Section]) -> list[Figure]:
    """The figures of its page."""
    return [figure for section in built for figure in section.figures]


@pytest.fixture(scope="module")
def html(warehouse_file: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page as written."""
    (path,) = write_report.write(warehouse_file, tmp_path_factory.mktemp("report"))
    return path.read_text(encoding="utf-8")


def values_of(file: Path, mart: str, columns: tuple[str, ...]) -> set[float]:
    """Every value of some columns of a mart."""
    known = {
        name
        for (name,) in query(
            file,
            "select column_name from duckdb_columns() "
            f"where schema_name = 'marts' and table_name = '{mart}'",
        )
    }
    return {
        float(value)
        for column in columns
        if column in known
        for (value,) in query(
            file, f"select {column} from marts.{mart} where {column} is not null"
        )
    }


# What is drawn ------------------------------------------------------------------------


def test_page_answers_ten_questions_in_order(built: list[Section]) -> None:
    assert [section.section_id for section in built] == QUESTIONS
    assert all(section.lede and section.short for section in built)
    assert all(section.figures or section.absent or section.tables for section in built)


def test_every_figure_carries_what_a_reader_needs(figures: list[Figure]) -> None:
    assert len(figures) >= 8
    for figure in figures:
        assert figure.base and figure.slices and figure.mart and figure.table.rows
        assert str(figure.reading).count(".") >= 1, figure.figure_id
        assert figure.caveats, figure.figure_id
        assert all(row["consequence"] for row in figure.caveats)
        # A bound or an interval, or the words that say why there is none.
        words = " ".join(map(str, figure.notes))
        assert figure.bound or figure.interval or re.search("No .*interval", words)


def test_what_is_drawn_is_in_the_mart(
    warehouse_file: Path, figures: list[Figure]
) -> None:
    drawn = 0
    for figure in figures:
        for panel in figure.panels:
            marks = panel.spec["data"]["values"]
            assert marks, figure.figure_id
            for key, columns in RANGES.items():
                held = values_of(warehouse_file, figure.mart, columns)
                shown = {mark[key] for mark in marks if mark[key] is not None}
                assert shown <= held, (figure.figure_id, key, shown - held)
                drawn += len(shown)
    assert drawn > 100


def points_of(svg: str) -> int:
    """How many dots of figures a drawn chart has."""
    tree = ElementTree.fromstring(svg)
    groups = [
        group
        for group in tree.iter("{http://www.w3.org/2000/svg}g")
        if "mark-symbol" in group.get("class", "")
        and "role-mark" in group.get("class", "")
    ]
    return sum(len(list(group)) for group in groups)


def test_every_figure_with_a_value_is_a_dot(figures: list[Figure]) -> None:
    # A chart whose axes and breaks are drawn, and whose figures are not, looks drawn.
    for figure in figures:
        for panel in figure.panels:
            svg = vl_convert.vegalite_to_svg(panel.spec, vl_version=VEGA_LITE)
            values = [
                mark
                for mark in panel.spec["data"]["values"]
                if mark["value"] is not None
            ]
            assert points_of(svg) == len(values) > 0, figure.figure_id


def test_break_between_rows_leaves_the_figures_drawn() -> None:
    rows = [{"release_id": name, "share_pct": 3.0} for name in ("a", "b")]
    panel = range_panel(
        rows,
        title="Two",
        label={"a": "A", "b": "B"},
        label_key="release_id",
        breaks=["Break: season"],
    )
    svg = vl_convert.vegalite_to_svg(panel.spec, vl_version=VEGA_LITE)
    assert points_of(svg) == 2
    assert "Break: season" in svg


def test_rows_of_several_definitions_are_no_chart() -> None:
    rows = [{"geo_id": "DE", "share_pct": 3.0}, {"geo_id": "DE", "share_pct": 3.0}]
    with pytest.raises(ReportError) as error:
        range_panel(rows, title="One", label={"DE": "Germany"}, label_key="geo_id")
    assert "2 rows for Germany" in str(error.value)


def test_no_table_row_stands_twice(built: list[Section]) -> None:
    for section in built:
        tables = [figure.table for figure in section.figures] + section.tables
        for table in tables:
            keys = [tuple(sorted(map(str, row.items()))) for row in table.rows]
            assert len(keys) == len(set(keys)), table.caption


def test_data_tables_hold_what_is_drawn(figures: list[Figure]) -> None:
    for figure in figures:
        cells = {
            float(value)
            for row in figure.table.rows
            for value in row.values()
            if isinstance(value, int | float)
        }
        for panel in figure.panels:
            for mark in panel.spec["data"]["values"]:
                for key in ("value", "low", "high", "from", "to"):
                    assert mark[key] is None or mark[key] in cells, figure.figure_id


# The page -----------------------------------------------------------------------------


def test_page_calls_nobody_and_links_to_what_is_beside_it(html: str) -> None:
    markup = re.sub(r"<script>.*?</script>", "", html, flags=re.DOTALL)
    attributes = re.findall(r"\s(?:src|href|action)=[\"']([^\"']*)[\"']", markup)
    allowed = ("#", "data:", "docs/index.html", "validation.html", page.DATASET)
    assert [link for link in attributes if not link.startswith(allowed)] == []
    assert "default-src 'none'" in html
    assert len(html) < 2_200_000


def test_links_of_the_page_lead_somewhere(html: str, warehouse_file: Path) -> None:
    ids = set(re.findall(r'\sid="([^"]+)"', html))
    assert set(re.findall(r'href="#([^"]+)"', html)) <= ids
    marts = {
        name
        for (name,) in query(
            warehouse_file,
            "select table_name from duckdb_tables() where schema_name = 'marts'",
        )
    }
    linked = set(re.findall(r"#!/model/model\.ai_in_education\.(\w+)", html))
    assert linked <= marts
    assert len(linked) >= 8


def test_sentences_print_values_of_the_marts(html: str, warehouse_file: Path) -> None:
    """Each number in a sentence or a cell carries the exact value behind it."""
    numbers = {float(value) for value in re.findall(r'<data value="([^"]+)">', html)}
    assert len(numbers) > 200
    held = {
        float(value)
        for mart, column in query(
            warehouse_file,
            "select table_name, column_name from duckdb_columns() "
            "where schema_name = 'marts' and data_type in ('DOUBLE', 'BIGINT', "
            "'INTEGER', 'HUGEINT')",
        )
        for (value,) in query(
            warehouse_file,
            f"select distinct {column} from marts.{mart} where {column} is not null",
        )
    }
    strange = {value for value in numbers if value not in held}
    # Counts of rows: how many countries, pairs, tasks a sentence speaks of.
    assert {value for value in strange if not value.is_integer()} == set()


def test_page_says_what_the_words_do_not_mean(html: str) -> None:
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", html))
    for words in (
        "not an intent and not a learning outcome",
        "It is not learning",
        "not adoption",
        "Shares are never to be summed or averaged",
        "no probability",
    ):
        assert words in text, words


def test_simulated_data_are_marked_and_real_are_not(
    html: str, figures: list[Figure], warehouse_file: Path
) -> None:
    (is_simulated,) = query(
        warehouse_file, "select bool_or(is_simulated) from marts.fct_education_shares"
    )[0]
    assert ('class="banner"' in html) == is_simulated
    for figure in figures:
        assert figure.is_simulated == is_simulated
        for panel in figure.panels:
            marked = panel.spec["title"].get("subtitle") == "SIMULATED DATA"
            assert marked == is_simulated


def test_page_of_the_same_warehouse_is_the_same(
    html: str, warehouse_file: Path, tmp_path: Path
) -> None:
    (path,) = write_report.write(warehouse_file, tmp_path)
    assert path.read_text(encoding="utf-8") == html


# Figures for papers -------------------------------------------------------------------


def texts_of(svg: Path) -> str:
    """The words in a drawing."""
    tree = ElementTree.parse(svg)
    return " ".join(
        "".join(element.itertext())
        for element in tree.iter("{http://www.w3.org/2000/svg}text")
    )


def test_figures_carry_release_base_and_citation(
    shipped_warehouse: Build, tmp_path: Path
) -> None:
    written = write_figures(shipped_warehouse.file, tmp_path)
    drawings = [path for path in written if path.suffix == ".svg"]
    assert len(drawings) * 2 == len(written) >= 16
    for svg in drawings:
        text = texts_of(svg)
        for words in ("SIMULATED DATA", "Releases:", "Base:", "Mart: marts.", "Data:"):
            assert words in text, (svg.name, words)
        assert "var(--" not in svg.read_text(encoding="utf-8")
        png = svg.with_suffix(".png").read_bytes()
        assert png.startswith(b"\x89PNG")
        width, height = (int.from_bytes(png[n : n + 4]) for n in (16, 20))
        assert width > 800 and height > 300
        # A picture of one colour compresses to nothing.
        assert len(png) > 20_000


def test_figure_has_all_its_panels(figures: list[Figure]) -> None:
    for figure in figures:
        spec = specification(figure)
        svg = vl_convert.vegalite_to_svg(spec, vl_version=VEGA_LITE)
        dots = sum(
            mark["value"] is not None
            for panel in figure.panels
            for mark in panel.spec["data"]["values"]
        )
        assert points_of(svg) == dots, figure.figure_id


# What can't be shown ------------------------------------------------------------------


def changed(shipped_warehouse: Build, folder: Path, *statements: str) -> Path:
    """A copy of the shipped warehouse, changed."""
    file = Path(shutil.copy(shipped_warehouse.file, folder / "changed.duckdb"))
    with duckdb.connect(str(file)) as con:
        for statement in statements:
            con.execute(statement)
    return file


def test_another_figure_in_the_mart_is_another_on_the_page(
    shipped_warehouse: Build, tmp_path: Path, html: str
) -> None:
    file = changed(
        shipped_warehouse,
        tmp_path,
        "update marts.fct_interaction_patterns set share_pct = 87.654321, "
        "bound_low_pct = 80, bound_high_pct = 90 "
        "where pattern = 'directive' and scope = 'education' "
        "and estimator = 'all_conversations'",
    )
    (path,) = write_report.write(file, tmp_path)
    text = path.read_text(encoding="utf-8")
    assert '<data value="87.654321">87.7%</data>' in text
    assert '<data value="87.654321">' not in html
    charts = json.loads(re.search(r'id="charts">(.*?)</script>', text)[1])  # type: ignore[index]
    drawn: list[dict[str, Any]] = [
        mark for spec in charts.values() for mark in spec["data"]["values"]
    ]
    assert any(
        math.isclose(mark["value"] or 0, 87.654321) and mark["high"] == 90
        for mark in drawn
    )


def test_suppressed_share_is_words_and_no_dot() -> None:
    rows = [
        {
            "scope": "k12",
            "share_pct": None,
            "bound_low_pct": 0.0,
            "bound_high_pct": 4.0,
        },
        {"scope": "library", "share_pct": 3.0},
    ]
    labels = {"k12": "K-12", "library": "Libraries"}
    panel = range_panel(rows, title="One", label=labels, label_key="scope")
    svg = vl_convert.vegalite_to_svg(panel.spec, vl_version=VEGA_LITE)
    assert points_of(svg) == 1
    assert "no visible cell" in svg


def test_file_that_is_no_warehouse_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "other.duckdb"
    duckdb.connect(str(file)).close()
    with pytest.raises(ReportError) as error:
        write_report.write(file, tmp_path)
    assert "make warehouse" in str(error.value)
    with pytest.raises(ReportError) as error:
        write_report.write(tmp_path / "absent.duckdb", tmp_path)
    assert "make warehouse" in str(error.value)
    assert not (tmp_path / "report.html").exists()
