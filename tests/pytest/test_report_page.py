"""The report page and its files: what they say, carry and lead to."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import parse_qs

import duckdb
import pytest
from browser import words_in
from conftest import Build, query
from report import figures, page
from report.parts import Figure
from report_page import changed, data_of, held_by, unpacked, written
from warehouse.errors import WarehouseError

LARGEST_PAGE = 2_000_000
SVG = "{http://www.w3.org/2000/svg}"


def test_reader_meets_no_key_before_asking(html: str) -> None:
    class Seen(HTMLParser):
        """The text of what is in sight: of a closed fold its summary alone."""

        void = ("meta", "link", "input", "br")

        def __init__(self) -> None:
            super().__init__()
            self.path: list[str] = []
            self.texts: list[str] = []

        def handle_starttag(self, tag: str, attrs: object) -> None:
            if tag not in self.void:
                self.path.append(tag)

        def handle_endtag(self, tag: str) -> None:
            assert self.path.pop() == tag

        def handle_data(self, text: str) -> None:
            folds = self.path.count("details") - ("summary" in self.path)
            if folds == 0 and not {"script", "style"} & set(self.path):
                self.texts.append(text)

    seen = Seen()
    seen.feed(html)
    text = " ".join(seen.texts)
    assert len(text) > 3000
    assert re.findall(r"\w*[a-z]_\w*|\d{4}_\d\d\S*", text) == []


def test_page_calls_nobody_is_small_and_its_links_lead_somewhere(
    html: str, warehouse_file: Path
) -> None:
    markup = re.sub(r"<script.*?</script>", "", html, flags=re.DOTALL)
    links = set(re.findall(r"\s(?:src|href|action)=[\"']([^\"']*)[\"']", markup))
    links = {link.replace("&amp;", "&") for link in links}
    columns = query(
        warehouse_file,
        "select table_name, column_name from duckdb_columns() "
        "where schema_name = 'marts'",
    )
    model = "model.ai_in_education."
    for link in {link for link in links if link.startswith("docs/lineage.html")}:
        asked = parse_qs(link.partition("?")[2])
        mart = asked["model"][0].removeprefix(model)
        assert (mart, asked["column"][0]) in columns, link
        links.remove(link)
    marts = {f"docs/index.html#!/model/{model}{mart}" for mart, _ in columns}
    assert len(links & marts) >= 8
    allowed = {"data:,", "docs/index.html", "validation.html", page.DATASET}
    allowed |= {f"#{name}" for name in re.findall(r'\sid="([^"]+)"', html)}
    assert links - marts <= allowed, links - marts - allowed
    assert "default-src 'none'" in html
    assert len(html.encode()) < LARGEST_PAGE


def test_ids_are_of_one_element_each(html: str) -> None:
    found = re.findall(r'\sid="([^"]+)"', re.sub(r"<script.*?</script>", "", html))
    assert len(found) == len(set(found)) > 50


def test_sentences_print_values_of_the_marts(
    html: str, drawn: list[Figure], warehouse_file: Path
) -> None:
    """Each number in a sentence or a cell carries the exact value behind it."""
    texts = [str(text.reading) for figure in drawn for text in figure.texts.values()]
    found = re.findall(r'<data value="([^"]+)">', html + " ".join(texts))
    numbers = {float(value) for value in found}
    assert len(numbers) > 200
    strange = numbers.difference(*held_by(warehouse_file).values())
    # Counts of rows: how many countries, pairs, tasks a sentence speaks of.
    assert {value for value in strange if not value.is_integer()} == set()


def test_simulated_data_are_marked_and_real_are_not(
    html: str, warehouse_file: Path
) -> None:
    (is_simulated,) = query(
        warehouse_file, "select bool_or(is_simulated) from marts.fct_education_shares"
    )[0]
    assert ('class="banner"' in html) == is_simulated
    abouts = [
        text["about"]
        for figure in data_of(html)["figures"].values()
        for text in figure["texts"].values()
        if "about" in text
    ]
    assert abouts
    for lines in abouts:
        assert (figures.SIMULATED in lines) == is_simulated


def test_page_of_the_same_warehouse_is_the_same(
    html: str, warehouse_file: Path, tmp_path: Path
) -> None:
    assert written(warehouse_file, tmp_path) == html


def test_another_figure_or_title_in_a_mart_is_another_on_the_page(
    shipped_warehouse: Build, tmp_path: Path
) -> None:
    titles = {
        "dim_scopes": "scope_title",
        "dim_facet_labels": "label_title",
        "dim_interaction_patterns": "pattern_title",
        "dim_estimators": "estimator_title",
        "dim_allocation_rules": "rule_title",
    }
    file = changed(
        shipped_warehouse,
        tmp_path,
        "update marts.fct_interaction_patterns set share_pct = 87.654321, "
        "bound_low_pct = 80, bound_high_pct = 90, "
        "uncertainty_low_pct = if(uncertainty_low_pct is null, null, 79), "
        "uncertainty_high_pct = if(uncertainty_low_pct is null, null, 91) "
        "where pattern = 'directive' and scope = 'education' "
        "and estimator = 'all_conversations'",
        *(
            f"update marts.{dimension} set {title} = 'New ' || {title}"
            for dimension, title in titles.items()
        ),
    )
    data = data_of(written(file, tmp_path))["figures"]
    assert any(
        '<data value="87.654321">87.7%</data>' in text["reading"]
        for text in data["patterns"]["texts"].values()
    )
    rows = [row for figure in data.values() for row in unpacked(figure["rows"])]
    assert any(
        (row.get("share_pct"), row.get("bound_high_pct")) == (87.654321, 90)
        for row in rows
    )
    words = {word for row in rows for word in row.values() if isinstance(word, str)}
    assert {
        "New Education",
        "New Coursework",
        "New Directive",
        "New Pooled",
        "New Any holder",
    } <= words


def test_two_releases_of_one_window_are_told_apart(
    shipped_warehouse: Build, tmp_path: Path
) -> None:
    marts = {
        mart
        for (mart,) in shipped_warehouse.query(
            "select table_name from information_schema.columns "
            "where table_schema = 'marts' and column_name = 'window_start_date'"
        )
    }
    file = changed(
        shipped_warehouse,
        tmp_path,
        *(
            f"update marts.{mart} set window_start_date = '2026-04-01' "
            "where release_id = 'simulated_2026_01'"
            for mart in sorted(marts)
        ),
        "update marts.dim_releases set window_label = 'Apr 2026' "
        "where window_start_date = '2026-04-01'",
    )
    figure = data_of(written(file, tmp_path))["figures"]["country-windows"]
    windows = {row["row"] for row in unpacked(figure["rows"])}
    assert len([window for window in windows if window.startswith("Apr 2026")]) == 2


def test_foot_of_the_page_says_what_built_it(
    shipped_warehouse: Build, tmp_path: Path
) -> None:
    file = changed(
        shipped_warehouse,
        tmp_path,
        "drop table if exists marts.dim_build",
        "create table marts.dim_build as select 'abc1234' as code_commit",
    )
    foot = re.search(
        '<dl class="facts" id="provenance">.*?</dl>', written(file, tmp_path), re.S
    )
    assert foot and "<dt>code commit</dt><dd>abc1234</dd>" in foot[0]


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
    assert any(path.name.startswith("claim-") for path in drawings)
    for svg in drawings:
        source = svg.read_text(encoding="utf-8")
        root = ElementTree.fromstring(source)
        metadata = root.findtext(f"{SVG}metadata") or ""
        png = svg.with_suffix(".png").read_bytes()
        assert words_in(png) == metadata
        visible = " ".join(
            " ".join(text.itertext()) for text in root.iter(f"{SVG}text")
        )
        for words in ("SIMULATED DATA", "Release: simulated_", "Mart: marts.", "Data:"):
            assert words in metadata and words in visible, (svg.name, words)
        assert svg.name.startswith("claim-") or "Base:" in metadata
        assert re.search(r"built \d{4}-\d\d-\d\d", metadata)
        assert "var(--" not in source
        width, height = (int.from_bytes(png[n : n + 4]) for n in (16, 20))
        assert width > 800 and height > 300
        # A picture of one colour compresses to nothing.
        assert len(png) > 20_000
