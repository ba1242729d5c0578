"""Every page in a real browser: opened from its file, at the width of a desk and of a
phone, with no way to any network. The query page is served: see test_explore.py.
"""

from __future__ import annotations

import base64
import csv
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from functools import partial
from pathlib import Path
from urllib.parse import parse_qsl

import pytest
from browser import (
    HEIGHT,
    SCREENSHOTS,
    WIDTHS,
    Opener,
    Watched,
    keep,
    overflow,
    words_in,
)
from conftest import Build
from playwright.sync_api import Browser, Locator, Page

MODEL = "model.ai_in_education.fct_education_shares"
PAGES = {
    "report": "report.html",
    "validation": "validation.html",
    "docs": "docs/index.html",
    "docs of a model": f"docs/index.html#!/model/{MODEL}",
    "lineage": "docs/lineage.html",
}
OWN_PAGES = ("report", "validation")
# What is there when a page is drawn; else its title.
DRAWN = {"lineage": ".react-flow__node"}


@pytest.fixture(scope="module")
def site(shipped_warehouse: Build) -> Path:
    """The folder of a published warehouse, with the pages beside it."""
    return shipped_warehouse.folder


def address(site: Path, name: str) -> str:
    """The address of a page as a double click opens it."""
    file, mark, fragment = PAGES[name].partition("#")
    assert (site / file).is_file(), f"the build wrote no {file}"
    return (site / file).as_uri() + mark + fragment


# The watch itself ---------------------------------------------------------------------


def test_watch_sees_requests_and_errors(open_page: Opener, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(
        "<h1>A page that calls somebody</h1>"
        "<img src='http://tracker.example/pixel.png'><img src='../outside.png'>"
        "<script>console.error('said by the page'); undefined.property</script>"
    )
    watched = open_page((tmp_path / "page.html").as_uri())
    assert watched.foreign_requests(tmp_path) == [
        "http://tracker.example/pixel.png",
        f"{tmp_path.parent.as_uri()}/outside.png",
    ]
    said = " ".join(watched.errors)
    assert "said by the page" in said
    assert "Cannot read properties of undefined" in said
    assert "ERR_NAME_NOT_RESOLVED" in said


def test_wide_content_is_seen_to_scroll(open_page: Opener, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("<h1 style='width: 800px'>A wide page</h1>")
    watched = open_page((tmp_path / "page.html").as_uri(), 390)
    assert overflow(watched.page) > 300


# Every page ---------------------------------------------------------------------------


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", PAGES)
def test_page_opens_without_network_and_without_errors(
    name: str, width: int, open_page: Opener, site: Path
) -> None:
    watched = open_page(address(site, name), width, DRAWN.get(name, "h1"))
    keep(watched.page, f"{name}-{width}", full_page=name in ("report", "validation"))
    assert watched.requests != []
    assert watched.foreign_requests(site) == []
    assert watched.errors == []
    assert overflow(watched.page) <= 0
    assert watched.page.title() not in ("", "dbt Docs")


def luminance(page: Page) -> float:
    """How light the background of the page is, 0 to 255."""
    colour: str = page.evaluate(
        """() => [document.body, document.documentElement]
            .map(element => getComputedStyle(element).backgroundColor)
            .find(colour => !colour.startsWith('rgba(0, 0, 0, 0')) || 'rgb(255,255,255)'
        """
    )
    channels = [float(number) for number in re.findall(r"[\d.]+", colour)[:3]]
    return sum(channels) / 3


@pytest.mark.parametrize("name", OWN_PAGES)
def test_own_page_has_a_dark_face_prints_on_white_and_has_an_outline(
    name: str, open_page: Opener, site: Path
) -> None:
    watched = open_page(address(site, name), color_scheme="dark")
    page = watched.page
    keep(page, f"{name}-dark", full_page=True)
    assert luminance(page) < 80
    page.emulate_media(media="print")
    page.wait_for_timeout(500)
    keep(page, f"{name}-print", full_page=True)
    assert luminance(page) > 240
    assert page.pdf(path=SCREENSHOTS / f"{name}.pdf").startswith(b"%PDF")
    assert page.locator("html[lang]").count() == 1
    headings = page.locator("h1, h2, h3, h4")
    levels = headings.evaluate_all("found => found.map(each => +each.tagName[1])")
    assert levels.count(1) == 1
    # No level is skipped on the way down.
    assert all(
        after - before <= 1 for before, after in zip(levels, levels[1:], strict=False)
    )
    assert watched.foreign_requests(site) == []
    assert watched.errors == []


# The docs -----------------------------------------------------------------------------


def test_lineage_graph_opens_from_the_page_of_a_model(
    open_page: Opener, site: Path
) -> None:
    watched = open_page(address(site, "docs of a model"))
    page = watched.page
    assert page.locator("h1").first.inner_text().startswith("fct_education_shares")
    page.get_by_title("View Lineage Graph").click()
    page.locator("canvas[data-id=layer2-node]").wait_for()
    # Until it is no longer blank.
    page.wait_for_function(
        """() => {
            const canvas = document.querySelector('canvas[data-id=layer2-node]');
            const pixels = canvas.getContext('2d')
                .getImageData(0, 0, canvas.width, canvas.height).data.buffer;
            return new Set(new Uint32Array(pixels)).size > 20;
        }"""
    )
    keep(page, "lineage graph of a model")
    assert watched.errors == []
    assert watched.foreign_requests(site) == []


def test_landing_page_leads_to_the_other_pages(open_page: Opener, site: Path) -> None:
    page = open_page(address(site, "docs")).page
    assert page.locator("h1").first.inner_text().startswith("AI in education")
    text = page.locator("body").inner_text()
    # Grain, base and comparability come before the tables.
    places = [
        text.index(word) for word in ("Grain:", "Base:", "Comparability:", "The marts")
    ]
    assert places == sorted(places)
    links = page.locator("a[href$='.html']").evaluate_all(
        "links => links.map(link => link.href)"
    )
    files = {Path(link.removeprefix("file://")) for link in links}
    assert files == {site / PAGES[name] for name in ("lineage", "validation", "report")}
    assert all(file.is_file() for file in files)
    # How the marts join, as a table whose names lead to the marts.
    joins = page.locator("tr", has=page.locator("td", has_text="dim_geographies"))
    page.locator("h2", has_text="Which mart joins which").scroll_into_view_if_needed()
    row = joins.filter(has_text="fct_facet_shares").last
    assert "dim_geographies on geo_level, geo_id" in row.inner_text()
    row.get_by_role("link", name="fct_facet_shares").click()
    page.wait_for_url("**/index.html#!/model/**")
    page.locator("h1", has_text="fct_facet_shares").wait_for()


def test_lineage_page_draws_where_a_figure_comes_from(
    open_page: Opener, site: Path
) -> None:
    watched = open_page(address(site, "lineage"), drawn=DRAWN["lineage"])
    page = watched.page
    page.locator(".react-flow__edge").first.wait_for(state="attached")
    # Only what the window shows is drawn: what the headline share is made from.
    nodes = page.locator(".react-flow__node")
    for model in ("int_scope_shares", "int_task_cells"):
        nodes.filter(has_text=model).first.wait_for()
    assert page.locator(".react-flow__edge").count() > 5
    # The vendor's paid service is not advertised.
    assert page.locator("a[href*='colibri-data.com/features']:visible").count() == 0
    page.goto(address(site, "lineage") + "?model=model.ai_in_education.dim_tasks")
    page.locator(".react-flow__node", has_text="dim_tasks").wait_for()
    assert watched.errors == []
    assert watched.foreign_requests(site) == []


def test_page_of_a_model_leads_to_its_lineage(open_page: Opener, site: Path) -> None:
    page = open_page(address(site, "docs of a model")).page
    page.get_by_role("link", name="Where its columns come from").click()
    page.wait_for_url(f"**/lineage.html?model={MODEL}*")
    page.locator(".react-flow__node", has_text=MODEL.split(".")[-1]).first.wait_for()


# The report ---------------------------------------------------------------------------


def marks_of(chart: Locator) -> int:
    """How many marks a chart shows; it is drawn as SVG."""
    marks: int = chart.locator("svg [class*=role-mark] *").evaluate_all(
        """marks => marks.filter(mark => mark.getBBox && !mark.children.length
            && mark.getBBox().width + mark.getBBox().height > 0).length"""
    )
    return marks


def test_blank_chart_has_no_marks(open_page: Opener, tmp_path: Path) -> None:
    mark = '<g class="role-mark"><rect width="5" height="5"/></g>'
    (tmp_path / "page.html").write_text(
        "<h1>Four charts, three of them blank</h1>"
        f"<figure><svg>{mark}</svg></figure><figure><svg></svg></figure>"
        f"<figure>{mark}</figure><figure><svg>{mark.replace('5', '0')}</svg></figure>"
    )
    page = open_page((tmp_path / "page.html").as_uri()).page
    assert [marks_of(figure) for figure in page.locator("figure").all()] == [1, 0, 0, 0]


def shown(page: Page) -> int:
    """How often the page has shown what was chosen."""
    return int(page.locator("html").get_attribute("data-ready") or 0)


def after(page: Page, act: Callable[[], object]) -> None:
    """Do something on the report, and wait until it shows what came of it."""
    before = shown(page)
    act()
    page.wait_for_function(
        "before => Number(document.documentElement.dataset.ready || 0) > before",
        arg=before,
    )


def opened_report(
    open_page: Opener, site: Path, width: int = WIDTHS[0], at: str = ""
) -> Watched:
    """The report, when it shows what its address asks for."""
    watched = open_page(address(site, "report") + at, width, "html[data-ready]")
    watched.page.wait_for_timeout(300)
    return watched


def state_of(page: Page) -> dict[str, str]:
    """What the address of the page holds."""
    return dict(parse_qsl(page.url.partition("#")[2]))


def values_of(page: Page, options: str) -> list[str]:
    """The values of options of a choice."""
    found = page.locator(options).all()
    return [option.get_attribute("value") or "" for option in found]


DRAWN_IN_SIGHT = """() => [...document.querySelectorAll('.question .chart')].every(
    chart => chart.offsetParent === null || chart.dataset.drawn)"""


@pytest.mark.parametrize("width", WIDTHS)
def test_every_chart_of_the_report_is_drawn(
    width: int, open_page: Opener, site: Path
) -> None:
    watched = opened_report(open_page, site, width)
    page = watched.page
    page.locator("#open-all").click()
    seen = set()
    for window in values_of(page, "#choose-window option"):
        if window != page.locator("#choose-window").input_value():
            after(page, partial(page.locator("#choose-window").select_option, window))
        for radio in page.locator("#choose input:enabled").all():
            if not radio.is_checked():
                after(page, radio.check)
            page.wait_for_function(DRAWN_IN_SIGHT)
            for figure in page.locator(".question figure").all():
                chart = figure.locator(".chart")
                reading = figure.locator(".reading").inner_text()
                assert reading.endswith(".")
                if chart.is_visible():
                    assert marks_of(chart) > 0, figure.get_attribute("id")
                    seen.add(figure.get_attribute("id"))
            assert overflow(page) <= 0
    assert len(seen) == page.locator(".question figure").count() >= 12
    assert watched.errors == []
    assert watched.foreign_requests(site) == []


def test_window_and_platform_are_chosen_once_by_keyboard_and_kept_in_the_address(
    open_page: Opener, site: Path
) -> None:
    watched = opened_report(open_page, site, at="#how-much")
    page = watched.page
    figure = page.locator("#education-share")
    assert figure.locator(".chart").is_visible()  # the link opened its question
    first = figure.locator(".reading").inner_text()
    assert "Claude.ai" in first
    page.locator("#choose input:checked").focus()
    after(page, partial(page.keyboard.press, "ArrowRight"))
    assert state_of(page)["platform"] == "1p_api"
    second = figure.locator(".reading").inner_text()
    assert second != first and "API" in second
    assert page.locator("#how-much .answer").text_content() == second
    # Of the address alone, in another window of the browser.
    fragment = "#" + page.url.partition("#")[2]
    again = opened_report(open_page, site, at=fragment).page
    assert again.locator("#education-share .reading").inner_text() == second
    assert again.locator("#choose input:checked").input_value() == "1p_api"
    # A window that the address does not know is the first one.
    other = opened_report(open_page, site, at="#window=1999-01-01&at=how-much").page
    assert other.locator("#education-share .reading").inner_text() == first
    assert watched.errors == []


def test_choice_of_a_figure_changes_its_rows_and_is_kept(
    open_page: Opener, site: Path
) -> None:
    page = opened_report(open_page, site, at="#where").page
    figure = page.locator("#countries")
    definition = figure.locator("select")
    values = values_of(page, "#countries select option")
    assert len(values) > 1
    drawn = figure.locator(".chart svg").text_content()
    definition.focus()
    after(page, partial(page.keyboard.press, "ArrowDown"))
    page.wait_for_timeout(500)
    assert definition.input_value() == values[1]
    assert page.evaluate("document.activeElement.tagName") == "SELECT"
    assert figure.locator(".chart svg").text_content() != drawn
    assert values[1] in state_of(page).values()
    # All countries, one that is folded away among them.
    page.locator("#countries select").select_option(values[0])
    after(page, figure.get_by_role("checkbox").check)
    page.wait_for_timeout(500)
    text = figure.locator(".chart svg").text_content() or ""
    assert "Bhutan" in text and "folded into the rest" in text


def test_data_table_of_a_figure_holds_the_values_of_the_mart(
    open_page: Opener, site: Path, shipped_warehouse: Build
) -> None:
    page = opened_report(open_page, site, at="#how-well").page
    page.locator("#success details.table summary").click()
    cells = page.locator("#success tbody data").evaluate_all(
        "found => found.map(each => +each.value)"
    )
    held = shipped_warehouse.query(
        "select success_pct from marts.fct_task_success "
        "where scope = 'education' and success_pct is not null "
        "and platform = 'claude_ai' and allocation_rule = 'any_holder'"
    )
    for (value,) in held:
        assert any(cell == pytest.approx(value, abs=1e-6) for cell in cells)


def test_claims_are_found_by_status_and_by_words_and_open_to_their_curve(
    open_page: Opener, site: Path, shipped_warehouse: Build
) -> None:
    watched = opened_report(open_page, site)
    page = watched.page
    rows = page.locator(".claim:visible")
    states = dict(
        shipped_warehouse.query(
            "select status, count(*) from marts.fct_claims group by all"
        )
    )
    for status in values_of(page, "#claims-status option"):
        after(page, partial(page.locator("#claims-status").select_option, status))
        assert rows.count() == (
            states.get(status, 0) if status else sum(states.values())
        )
    after(page, partial(page.locator("#claims-status").select_option, ""))
    after(page, partial(page.locator("#claims-words").fill, "K-12 learning"))
    texts = rows.all_text_contents()
    assert 0 < len(texts) < sum(states.values())
    assert all("K-12" in text and "learning" in text.lower() for text in texts)
    fragment = "#" + page.url.partition("#")[2]
    again = opened_report(open_page, site, at=fragment).page
    assert again.locator(".claim:visible").count() == len(texts)
    # The first screen leads to a claim, which opens to its curve.
    page = opened_report(open_page, site).page
    link = page.locator(".finding a[href^='#claim-']").first
    link.focus()
    after(page, partial(page.keyboard.press, "Enter"))
    claim = page.locator(link.get_attribute("href") or "")
    assert claim.get_attribute("open") is not None
    claim.locator(".chart[data-drawn]").wait_for()
    assert marks_of(claim.locator(".chart")) > 1
    assert watched.errors == []


# How many colours a picture has.
COLOURS = """async picture => {
    const image = new Image();
    image.src = 'data:image/png;base64,' + picture;
    await image.decode();
    const canvas = new OffscreenCanvas(image.width, image.height).getContext('2d');
    canvas.drawImage(image, 0, 0);
    const pixels = canvas.getImageData(0, 0, image.width, image.height).data;
    return new Set(new Uint32Array(pixels.buffer)).size;
}"""


def test_saved_chart_holds_release_source_and_that_it_is_simulated(
    open_page: Opener, site: Path
) -> None:
    watched = opened_report(open_page, site, at="#how-much")
    page = watched.page
    saved = {}
    for kind in ("svg", "png", "csv"):
        with page.expect_download() as download:
            page.locator(f"#education-share [data-save={kind}]").click()
        assert download.value.suggested_filename.endswith(f".{kind}")
        saved[kind] = download.value.path().read_bytes()
    lines = words_in(saved["png"])
    assert "Release: simulated_" in lines and "SIMULATED DATA" in lines
    svg = ElementTree.fromstring(saved["svg"])
    assert svg.findtext("{http://www.w3.org/2000/svg}metadata") == lines
    # Drawn in the colours of a paper, whatever style sheets came in between.
    assert b"var(--" not in saved["svg"]
    assert b'fill="#1d2126"' in saved["svg"] and b'stroke="#0a5c9e"' in saved["svg"]
    page.goto("data:text/html,<img>")
    kinds = page.evaluate(COLOURS, base64.b64encode(saved["png"]).decode())
    assert kinds > 10
    for line in lines.splitlines():
        assert f"# {line}" in saved["csv"].decode("utf-8-sig")
    text = saved["csv"].decode("utf-8-sig")
    table = list(csv.DictReader(x for x in text.splitlines() if not x.startswith("#")))
    assert len(table) >= 8
    assert all(row["Base"] for row in table)
    assert watched.errors == []
    assert watched.foreign_requests(site) == []


def test_report_opens_in_under_two_seconds(browser: Browser, site: Path) -> None:
    """Of the processor: what else the machine does is of no account."""
    page = browser.new_page()
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    page.goto(address(site, "report"))
    page.locator("html[data-ready]").wait_for()
    said = session.send("Performance.getMetrics")["metrics"]
    took = {each["name"]: each["value"] for each in said}
    page.close()
    assert 0.01 < took["TaskDuration"] < 2


def test_reconciliation_filter_narrows_by_text_and_by_status(
    open_page: Opener, site: Path
) -> None:
    watched = opened_report(open_page, site, at="#which-hold")
    page = watched.page
    rows = page.locator("#reconciliation tbody tr:visible")

    def narrowed(words: str, status: str) -> list[str]:
        page.locator("#filter-words").fill(words)
        page.locator("#filter-status").select_option(status)
        return rows.all_inner_texts()

    # Of a simulated release, no printed figure can be computed.
    assert len(narrowed("", "")) == len(narrowed("", "not_computable")) == 147
    assert narrowed("", "match") == []
    found = narrowed("A3-013", "not_computable")
    assert 1 <= len(found) < 147
    assert all("A3-013" in row for row in found)
    assert narrowed("A3-013", "contradicted") == []
    assert narrowed("nothing like this", "") == []
    assert watched.errors == []


def test_report_says_that_its_data_are_simulated(open_page: Opener, site: Path) -> None:
    page = open_page(address(site, "report"), 390).page
    banner = page.locator(".banner")
    assert banner.inner_text().startswith("SIMULATED DATA")
    # On every screen: it stays in sight wherever the page is read.
    for section in ("claims-title", "questions-title", "behind-title"):
        page.locator(f"#{section}").scroll_into_view_if_needed()
        page.wait_for_timeout(200)
        box = banner.bounding_box()
        assert box is not None
        assert 0 <= box["y"] < HEIGHT / 3
