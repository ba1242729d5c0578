"""The report page and the figures: what they draw and print is what the marts hold."""

from __future__ import annotations

import json
import re
import shutil
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import duckdb
import pytest
import report
import vl_convert
from conftest import Build, query
from report import figures, page
from report.charts import Chart, range_panel
from report.parts import Figure, ReportError, Row, Section, Spec
from report.questions import build
from report.reading import opened
from warehouse.errors import WarehouseError

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
# What a mark holds, and the columns of the marts that it may come from.
RANGES = {
    "value": ("share_pct", "success_pct", "effective_task_count", "value_pct"),
    "low": ("bound_low_pct",),
    "high": ("bound_high_pct",),
    "from": ("interval_low_pct",),
    "to": ("interval_high_pct",),
}
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module", params=["shipped", "real"])
def warehouse_file(request: pytest.FixtureRequest) -> Path:
    """A published warehouse: on simulated data, and on the real files if there."""
    return request.getfixturevalue(f"{request.param}_warehouse").file


@pytest.fixture(scope="module")
def sections(warehouse_file: Path) -> list[Section]:
    """The sections of its page."""
    with opened(warehouse_file) as warehouse:
        return build(warehouse)


@pytest.fixture(scope="module")
def drawn(sections: list[Section]) -> list[Figure]:
    """The figures of its page."""
    return [figure for section in sections for figure in section.figures]


@pytest.fixture(scope="module")
def html(warehouse_file: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page as written."""
    return written(warehouse_file, tmp_path_factory.mktemp("report"))


def written(warehouse_file: Path, folder: Path) -> str:
    """The page of a warehouse."""
    (path,) = report.write(warehouse_file, folder)
    return path.read_text(encoding="utf-8")


def held_by(file: Path) -> dict[tuple[str, str], set[float]]:
    """Every number of the marts by mart and column."""
    columns = query(
        file,
        "select table_name, column_name from duckdb_columns() "
        "where schema_name = 'marts' "
        "and data_type in ('DOUBLE', 'BIGINT', 'INTEGER', 'HUGEINT')",
    )
    with duckdb.connect(str(file), read_only=True) as con:
        return {
            (mart, column): {
                float(value)
                for (value,) in con.execute(
                    f"select distinct {column} from marts.{mart} "
                    f"where {column} is not null"
                ).fetchall()
            }
            for mart, column in columns
        }


def marks_of(figure: Figure) -> list[Row]:
    """The marks of all panels of a figure."""
    return [mark for panel in figure.panels for mark in panel["data"]["values"]]


def dots_of(spec: Spec) -> int:
    """How many dots of figures a specification draws."""
    svg = vl_convert.vegalite_to_svg(spec, vl_version=page.VEGA_LITE)
    return sum(
        len(list(group))
        for group in ElementTree.fromstring(svg).iter(f"{SVG}g")
        if {"mark-symbol", "role-mark"} <= set(group.get("class", "").split())
    )


# What is drawn ------------------------------------------------------------------------


def test_page_answers_ten_questions_in_order(sections: list[Section]) -> None:
    assert [section.section_id for section in sections] == QUESTIONS
    for section in sections:
        assert section.lede and section.short
        assert section.figures or section.absent or section.tables


def test_every_figure_carries_what_a_reader_needs(drawn: list[Figure]) -> None:
    assert len(drawn) >= 8
    for figure in drawn:
        assert figure.base and figure.slices and figure.table.rows and figure.caveats
        assert str(figure.reading).endswith("."), figure.figure_id
        assert "not known" not in figure.reading, figure.reading
        assert all(row["consequence"] for row in figure.caveats)
        # A bound or an interval, or the words that say why there is none.
        words = " ".join(map(str, figure.notes))
        assert figure.bound or figure.interval or re.search("No .*interval", words)


def test_what_is_drawn_is_in_the_mart_and_in_the_table(
    warehouse_file: Path, drawn: list[Figure]
) -> None:
    held = held_by(warehouse_file)
    count = 0
    for figure in drawn:
        cells = {cell for row in figure.table.rows for cell in row.values()}
        for key, columns in RANGES.items():
            shown = {mark[key] for mark in marks_of(figure)} - {None}
            values = [held.get((figure.mart, column), set()) for column in columns]
            assert shown <= set().union(*values), (figure.figure_id, key)
            assert shown <= cells, (figure.figure_id, key)
            count += len(shown)
    assert count > 100


def test_every_figure_with_a_value_is_a_dot(drawn: list[Figure]) -> None:
    # A chart whose axes and breaks are drawn, and whose figures are not, looks drawn.
    for figure in drawn:
        expected = sum(mark["value"] is not None for mark in marks_of(figure))
        assert sum(map(dots_of, figure.panels)) == expected > 0, figure.figure_id
        assert dots_of(figures.specification(figure)) == expected, figure.figure_id


def test_no_table_row_stands_twice(sections: list[Section]) -> None:
    for section in sections:
        for table in [figure.table for figure in section.figures] + section.tables:
            keys = [tuple(sorted(map(str, row.items()))) for row in table.rows]
            assert len(keys) == len(set(keys)), table.caption


def panel(*rows: Row, **how: Any) -> Spec:
    """A panel of scopes."""
    chart = Chart("scope", {"k12": "K-12", "library": "Libraries"}, "Share", **how)
    return range_panel(chart, rows, title="One")


def test_break_between_rows_leaves_the_figures_drawn() -> None:
    rows = [{"scope": scope, "share_pct": 3.0} for scope in ("k12", "library")]
    spec = panel(*rows, breaks=["Break: season"])
    assert dots_of(spec) == 2
    assert "Break: season" in json.dumps(spec)


def test_no_line_joins_dots_across_a_break() -> None:
    scopes = {name: name for name in ("one", "two", "three")}
    rows = [{"scope": name, "share_pct": 3.0} for name in scopes]

    def joins(*breaks: str) -> int:
        chart = Chart("scope", scopes, "Share", breaks=breaks)
        svg = vl_convert.vegalite_to_svg(
            range_panel(chart, rows, title="One"), vl_version=page.VEGA_LITE
        )
        return sum(
            path.get("d", "").count("L")
            for group in ElementTree.fromstring(svg).iter(f"{SVG}g")
            if "mark-line" in group.get("class", "")
            for path in group.iter(f"{SVG}path")
        )

    assert joins("", "") == 2
    assert joins("", "season") == joins("season", "") == 1
    assert joins("season", "plans") == 0


def test_suppressed_share_is_words_and_no_dot() -> None:
    suppressed = {"share_pct": None, "bound_low_pct": 0.0, "bound_high_pct": 4.0}
    spec = panel({"scope": "k12"} | suppressed, {"scope": "library", "share_pct": 3.0})
    assert dots_of(spec) == 1
    svg = vl_convert.vegalite_to_svg(spec, vl_version=page.VEGA_LITE)
    assert "no visible cell" in svg


def test_rows_of_several_definitions_are_no_chart() -> None:
    with pytest.raises(ReportError, match="2 rows for K-12"):
        panel({"scope": "k12", "share_pct": 3.0}, {"scope": "k12", "share_pct": 3.0})


# Countries ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def rankings(sections: list[Section]) -> list[Figure]:
    """The figures of countries under a definition in a sample."""
    (where,) = (section for section in sections if section.section_id == "where")
    return [each for each in where.figures if each.choice and each.choice.sample]


def test_definition_is_shown_where_a_country_publishes_it_and_nowhere_else(
    rankings: list[Figure], warehouse_file: Path
) -> None:
    published = query(
        warehouse_file,
        "select distinct release_id, platform, window_start_date, definition "
        "from marts.fct_country_education where geo_level = 'country' "
        "and share_pct is not null and not is_residual and geo_id <> 'unpublished'",
    )
    shown = [(*f.slices[0].key, f.choice.definition) for f in rankings if f.choice]
    assert sorted(shown) == sorted(published)
    assert rankings[0].choice and rankings[0].choice.definition == "coursework"
    for figure in rankings:
        consequences = [row["consequence"] for row in figure.caveats]
        words = " ".join(map(str, [figure.reading, *figure.notes, *consequences]))
        assert figure.choice
        assert ("lower bound" in words) == (
            figure.choice.definition == "soc25_visible"
        ), figure.figure_id


def test_every_country_with_a_use_case_is_drawn_with_its_flags(
    rankings: list[Figure], warehouse_file: Path
) -> None:
    for figure in rankings:
        assert figure.choice
        if figure.choice.definition != "coursework":
            continue
        sample = "release_id = ? and platform = ? and window_start_date = ?"
        with duckdb.connect(str(warehouse_file), read_only=True) as con:
            places = con.execute(
                "select distinct geo_id from marts.fct_facet_shares "
                "inner join marts.fct_place_usage as places using (release_id, "
                "platform, window_start_date, geo_level, geo_id) "
                f"where {sample} and facet = 'use_case' and geo_level = 'country' "
                "and not is_residual and geo_id <> 'unpublished'",
                figure.slices[0].key,
            ).fetchall()
            small = con.execute(
                "select geo_id from marts.fct_place_usage "
                f"where {sample} and geo_level = 'country' "
                "and conversation_count < 200",
                figure.slices[0].key,
            ).fetchall()
        rows = {row["geo_id"]: row for row in figure.table.rows}
        (chart,) = figure.panels
        order = [place["id"] for place in chart["usermeta"]["places"]]
        drawn = {order[int(mark["y"])] for mark in chart["data"]["values"]}
        assert {geo_id for (geo_id,) in places} <= drawn == set(rows)
        flagged = {
            geo_id for geo_id, row in rows.items() if "under 200" in row["flags"]
        }
        assert flagged == {geo_id for (geo_id,) in small}


def test_countries_that_vanished_stand_there_and_a_folded_one_has_its_range(
    shipped_warehouse: Build,
) -> None:
    with opened(shipped_warehouse.file) as warehouse:
        figures_of = [f for section in build(warehouse) for f in section.figures]
    (figure,) = (
        each
        for each in figures_of
        if each.figure_id == "countries-coursework-simulated-2026-01-claude-ai"
    )
    rows = {row["geo_id"]: row for row in figure.table.rows}
    for geo_id in ("LA", "MU", "TT"):
        assert rows[geo_id]["share_pct"] is not None and not rows[geo_id]["flags"]
    assert sum("under 200" in row["flags"] for row in rows.values()) == 10
    bhutan = rows["BT"]
    assert bhutan["share_pct"] is None and bhutan["status"] == "suppressed"
    assert (bhutan["bound_low_pct"], round(bhutan["bound_high_pct"], 1)) == (0, 26.9)
    # Whole and parts have one source: the published facet, not the tasks.
    assert round(rows["GLOBAL"]["share_pct"], 2) == 19.23


def test_which_pairs_are_apart_is_what_the_mart_says(
    rankings: list[Figure], warehouse_file: Path
) -> None:
    apart = {
        (*sample, definition): pairs
        for *sample, definition, pairs in query(
            warehouse_file,
            "select release_id, platform, window_start_date, definition, count(*) "
            "from marts.fct_country_comparisons group by all",
        )
    }
    shown = {}
    for figure in rankings:
        for column in ("above_count", "below_count"):
            pairs = sum(row[column] or 0 for row in figure.table.rows)
            assert figure.choice
            key = (*figure.slices[0].key, figure.choice.definition)
            assert pairs == apart.get(key, 0)
            shown[key] = pairs
    assert set(apart) <= set(shown)


# The page -----------------------------------------------------------------------------


def test_page_calls_nobody_and_its_links_lead_somewhere(
    html: str, warehouse_file: Path
) -> None:
    markup = re.sub(r"<script>.*?</script>", "", html, flags=re.DOTALL)
    links = set(re.findall(r"\s(?:src|href|action)=[\"']([^\"']*)[\"']", markup))
    mart = "docs/index.html#!/model/model.ai_in_education."
    marts = query(
        warehouse_file,
        "select table_name from duckdb_tables() where schema_name = 'marts'",
    )
    allowed = {"data:,", "docs/index.html", "validation.html", page.DATASET}
    allowed |= {f"#{name}" for name in re.findall(r'\sid="([^"]+)"', html)}
    allowed |= {f"{mart}{name}" for (name,) in marts}
    assert links <= allowed, links - allowed
    assert sum(link.startswith(mart) for link in links) >= 8
    assert "default-src 'none'" in html
    assert len(html) < 3_000_000


def test_sentences_print_values_of_the_marts(html: str, warehouse_file: Path) -> None:
    """Each number in a sentence or a cell carries the exact value behind it."""
    numbers = {float(value) for value in re.findall(r'<data value="([^"]+)">', html)}
    assert len(numbers) > 200
    strange = numbers.difference(*held_by(warehouse_file).values())
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
    html: str, drawn: list[Figure], warehouse_file: Path
) -> None:
    (is_simulated,) = query(
        warehouse_file, "select bool_or(is_simulated) from marts.fct_education_shares"
    )[0]
    assert ('class="banner"' in html) == is_simulated
    for figure in drawn:
        assert figure.is_simulated == is_simulated
        for spec in figure.panels:
            assert ("SIMULATED DATA" in spec["title"].values()) == is_simulated


def test_page_of_the_same_warehouse_is_the_same(
    html: str, warehouse_file: Path, tmp_path: Path
) -> None:
    assert written(warehouse_file, tmp_path) == html


def test_another_figure_or_title_in_a_mart_is_another_on_the_page(
    shipped_warehouse: Build, tmp_path: Path
) -> None:
    file = Path(shutil.copy(shipped_warehouse.file, tmp_path / "changed.duckdb"))
    with duckdb.connect(str(file)) as con:
        con.execute(
            "update marts.fct_interaction_patterns set share_pct = 87.654321, "
            "bound_low_pct = 80, bound_high_pct = 90 "
            "where pattern = 'directive' and scope = 'education' "
            "and estimator = 'all_conversations'"
        )
        titles = {
            "dim_scopes": "scope_title",
            "dim_facet_labels": "label_title",
            "dim_estimators": "estimator_title",
            "dim_allocation_rules": "rule_title",
        }
        for dimension, title in titles.items():
            con.execute(f"update marts.{dimension} set {title} = 'New ' || {title}")
    html = written(file, tmp_path)
    assert '<data value="87.654321">87.7%</data>' in html
    specs = json.loads(re.search(r'id="charts">(.*?)</script>', html)[1])  # type: ignore[index]
    marks = [mark for spec in specs.values() for mark in spec["data"]["values"]]
    assert any((mark["value"], mark["high"]) == (87.654321, 90) for mark in marks)
    for words in (
        "New Education",
        "New Coursework",
        "New Directive",
        "New Pooled",
        "New Any holder",
    ):
        assert words in {text for mark in marks for text in mark.values()} | {
            spec["title"]["text"] for spec in specs.values()
        }


def test_file_that_is_no_warehouse_is_refused(tmp_path: Path) -> None:
    duckdb.connect(str(tmp_path / "empty.duckdb")).close()
    (tmp_path / "text.duckdb").write_text("no database" * 500)
    for name in ("empty.duckdb", "text.duckdb", "absent.duckdb"):
        with pytest.raises(WarehouseError, match="make warehouse"):
            page.write(tmp_path / name, tmp_path)
    assert not (tmp_path / page.NAME).exists()


# Figures for papers -------------------------------------------------------------------


def test_figures_carry_release_base_and_citation(
    shipped_warehouse: Build, tmp_path: Path
) -> None:
    files = figures.write(shipped_warehouse.file, tmp_path)
    drawings = [path for path in files if path.suffix == ".svg"]
    assert len(drawings) * 2 == len(files) >= 16
    for svg in drawings:
        source = svg.read_text(encoding="utf-8")
        text = " ".join(ElementTree.fromstring(source).itertext())
        for words in ("SIMULATED DATA", "Releases:", "Base:", "Mart: marts.", "Data:"):
            assert words in text, (svg.name, words)
        assert "var(--" not in source
        png = svg.with_suffix(".png").read_bytes()
        assert png.startswith(b"\x89PNG")
        width, height = (int.from_bytes(png[n : n + 4]) for n in (16, 20))
        assert width > 800 and height > 300
        # A picture of one colour compresses to nothing.
        assert len(png) > 20_000
