"""Every page in a real browser: opened from its file, at the width of a desk and of a
phone, with no way to any network. Screenshots are kept in target/screenshots.

The query page is served, on this machine, because it loads DuckDB and a database file.
"""

from __future__ import annotations

import contextlib
import csv
import os
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import explore_warehouse
import pytest
from conftest import PROJECT, Build
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, sync_playwright

SCREENSHOTS = PROJECT / "target" / "screenshots"
MODEL = "model.ai_in_education.fct_education_shares"
PAGES = {
    "report": "report.html",
    "validation": "validation.html",
    "docs": "docs/index.html",
    "docs of a model": f"docs/index.html#!/model/{MODEL}",
    "lineage": "docs/lineage.html",
    "entity relationships": "docs/erd.html",
}
OWN_PAGES = ("report", "validation", "entity relationships")
# What is there when a page is drawn; else its title.
DRAWN = {"lineage": ".react-flow__node"}
WIDTHS = (1280, 390)
HEIGHT = 900
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # No name has an address, not even through a proxy: nothing can leave.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--no-proxy-server",
)

Opener = Callable[..., "Watched"]


@dataclass
class Watched:
    """A page, and what it asked for and complained about since it was opened."""

    page: Page
    requests: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def watch(self) -> None:
        """Note requests, errors in the console and errors nobody caught."""
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", self._on_console)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.errors.append(message.text)

    def foreign_requests(self, folder: Path) -> list[str]:
        """Requests to anything but files of a folder and what is in the page itself."""
        inside = ("data:", "blob:", "about:", f"{folder.as_uri()}/")
        return [url for url in self.requests if not url.startswith(inside)]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium without a window; .ci/run installs it."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        reason = "no chromium on this machine: apt-get install chromium"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=chromium, args=list(FLAGS), headless=True
        )
        yield started
        started.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Opener]:
    """Opens an address in a window of its own and waits until it is drawn."""
    contexts = []

    def opened(
        address: str, width: int = WIDTHS[0], drawn: str = "h1", **settings: Any
    ) -> Watched:
        context = browser.new_context(
            viewport={"width": width, "height": HEIGHT}, **settings
        )
        contexts.append(context)
        watched = Watched(context.new_page())
        watched.watch()
        watched.page.goto(address, wait_until="load")
        # Charts and graphs are drawn after the page is loaded, some step by step.
        watched.page.locator(drawn).first.wait_for()
        watched.page.wait_for_timeout(1500)
        return watched

    yield opened
    for context in contexts:
        context.close()


@pytest.fixture(scope="module")
def site(shipped_warehouse: Build) -> Path:
    """The folder of a published warehouse, with the pages beside it."""
    return shipped_warehouse.folder


def address(site: Path, name: str) -> str:
    """The address of a page as a double click opens it."""
    file, _, fragment = PAGES[name].partition("#")
    path = site / file
    assert path.is_file(), f"the build wrote no {file}"
    return path.as_uri() + (f"#{fragment}" if fragment else "")


def keep(page: Page, name: str, full_page: bool = False) -> None:
    """Keep a screenshot under a name."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    file = re.sub(r"\W+", "-", name) + ".png"
    page.screenshot(path=SCREENSHOTS / file, full_page=full_page)


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


def overflow(page: Page) -> int:
    """By how many pixels the page is wider than the window."""
    pixels: int = page.evaluate(
        # A page may also be cut off: then its body is wider than what scrolls.
        "Math.max(document.documentElement.scrollWidth, document.body.scrollWidth,"
        " document.body.offsetWidth) - window.innerWidth"
    )
    return pixels


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
def test_own_page_has_a_dark_face_and_prints_on_white(
    name: str, open_page: Opener, site: Path
) -> None:
    watched = open_page(address(site, name), color_scheme="dark")
    keep(watched.page, f"{name}-dark", full_page=True)
    assert luminance(watched.page) < 80
    watched.page.emulate_media(media="print")
    watched.page.wait_for_timeout(500)
    keep(watched.page, f"{name}-print", full_page=True)
    assert luminance(watched.page) > 240
    printed = watched.page.pdf(path=SCREENSHOTS / f"{name.replace(' ', '-')}.pdf")
    assert printed.startswith(b"%PDF")
    assert watched.foreign_requests(site) == []
    assert watched.errors == []


@pytest.mark.parametrize("name", OWN_PAGES)
def test_own_page_has_one_title_and_a_language(
    name: str, open_page: Opener, site: Path
) -> None:
    page = open_page(address(site, name)).page
    assert page.locator("h1").count() == 1
    assert page.locator("html[lang]").count() == 1
    levels = [
        int(level)
        for level in page.locator("h1, h2, h3, h4").evaluate_all(
            "headings => headings.map(heading => heading.tagName[1])"
        )
    ]
    # No level is skipped on the way down.
    assert all(
        after - before <= 1 for before, after in zip(levels, levels[1:], strict=False)
    )


# The docs -----------------------------------------------------------------------------


def test_lineage_graph_opens_from_the_page_of_a_model(
    open_page: Opener, site: Path
) -> None:
    watched = open_page(address(site, "docs of a model"))
    page = watched.page
    assert page.locator("h1").first.inner_text().startswith("fct_education_shares")
    page.get_by_title("View Lineage Graph").click()
    drawn = page.locator("canvas[data-id=layer2-node]")
    drawn.wait_for()
    page.wait_for_timeout(1500)
    keep(page, "lineage graph of a model")
    pixels = drawn.evaluate(
        """canvas => new Set(new Uint32Array(canvas.getContext('2d')
            .getImageData(0, 0, canvas.width, canvas.height).data.buffer)).size"""
    )
    assert pixels > 20, "the graph is blank"
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
    expected = {site / "docs" / "lineage.html", site / "docs" / "erd.html"}
    expected |= {site / "validation.html", site / "report.html"}
    assert files == expected
    for file in files:
        assert file.is_file()
    page.get_by_role("link", name="entity relationships").click()
    page.wait_for_url("**/erd.html")
    page.locator("svg a", has_text="fct_facet_shares").click()
    page.wait_for_url("**/index.html#!/model/**")
    page.locator("h1", has_text="fct_facet_shares").wait_for()


def test_lineage_page_draws_where_a_figure_comes_from(
    open_page: Opener, site: Path
) -> None:
    watched = open_page(address(site, "lineage"), drawn=DRAWN["lineage"])
    page = watched.page
    page.locator(".react-flow__edge").first.wait_for(state="attached")
    tables = page.locator(".react-flow__node").all_inner_texts()
    assert any(text.startswith("fct_education_shares") for text in tables)
    assert any(text.startswith("int_task_cells") for text in tables)
    assert page.locator(".react-flow__edge").count() > 5
    # The vendor's paid service is not advertised.
    assert page.locator("a[href*='colibri-data.com/features']:visible").count() == 0
    page.goto(address(site, "lineage") + "?model=model.ai_in_education.dim_tasks")
    page.locator(".react-flow__node", has_text="dim_tasks").wait_for()
    assert watched.errors == []
    assert watched.foreign_requests(site) == []


# The report ---------------------------------------------------------------------------


def marks_of(chart: Locator) -> int:
    """How many marks a chart shows; of a canvas, how many colours."""
    marks: int = chart.evaluate(
        """chart => {
            const svg = chart.querySelector('svg');
            if (svg) {
                const box = svg.getBoundingClientRect();
                if (!box.width || !box.height) return 0;
                return [...svg.querySelectorAll('[class*="role-mark"] *')].filter(
                    mark => mark.getBBox && !mark.children.length
                        && mark.getBBox().width + mark.getBBox().height > 0
                ).length;
            }
            const canvas = chart.querySelector('canvas');
            if (!canvas || !canvas.width || !canvas.height) return 0;
            return new Set(new Uint32Array(canvas.getContext('2d').getImageData(
                0, 0, canvas.width, canvas.height).data.buffer)).size - 1;
        }"""
    )
    return marks


def test_blank_chart_has_no_marks(open_page: Opener, tmp_path: Path) -> None:
    mark = '<g class="role-mark"><rect width="5" height="5"/></g>'
    (tmp_path / "page.html").write_text(
        "<h1>Four charts, three of them blank</h1>"
        f"<figure><svg>{mark}</svg></figure><figure><svg></svg></figure>"
        "<figure><canvas></canvas></figure><figure></figure>"
    )
    page = open_page((tmp_path / "page.html").as_uri()).page
    assert [marks_of(figure) for figure in page.locator("figure").all()] == [1, 0, 0, 0]


@pytest.mark.parametrize("width", WIDTHS)
def test_every_chart_of_the_report_is_drawn(
    width: int, open_page: Opener, site: Path
) -> None:
    page = open_page(address(site, "report"), width).page
    page.locator("html[data-charts=drawn]").wait_for()
    for fold in page.locator("details.more").all():
        fold.locator("summary").first.click()
    page.wait_for_timeout(500)
    charts = page.locator("figure .chart")
    assert charts.count() >= 8
    drawn = {chart.get_attribute("id"): marks_of(chart) for chart in charts.all()}
    assert len(drawn) == charts.count()
    assert [chart for chart, marks in drawn.items() if marks == 0] == []


@pytest.fixture(scope="module")
def judged_report(
    shipped_warehouse: Build, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A report on figures of which some match and one does not.

    The simulated release makes every printed figure `not_computable`.
    """
    import report

    folder = tmp_path_factory.mktemp("judged")
    warehouse = shutil.copy(shipped_warehouse.file, folder / "judged.duckdb")
    with duckdb.connect(str(warehouse)) as con:
        con.execute(
            """
            update marts.fct_published_reconciliation
            set status = case number_id when 'A3-013' then 'contradicted' else 'match'
                end
            where number_id in ('A3-001', 'A3-002', 'A3-013')
            """
        )
    report.write(Path(warehouse), folder)
    return folder / "report.html"


def test_reconciliation_filter_narrows_by_text_and_by_status(
    judged_report: Path, open_page: Opener
) -> None:
    watched = open_page(judged_report.as_uri())
    page = watched.page
    rows = page.locator("#reconciliation tbody tr:visible")
    everything = rows.count()
    assert everything == 147

    text = page.locator("#filter-words")
    text.fill("A3-013")
    page.wait_for_timeout(300)
    assert 1 <= rows.count() < everything
    assert all("A3-013" in row for row in rows.all_inner_texts())
    text.fill("")
    page.wait_for_timeout(300)
    assert rows.count() == everything

    status = page.locator("#filter-status")
    status.select_option("match")
    page.wait_for_timeout(300)
    assert rows.count() == 2
    status.select_option("contradicted")
    page.wait_for_timeout(300)
    assert rows.count() == 1
    text.fill("nothing like this")
    page.wait_for_timeout(300)
    assert rows.count() == 0
    assert watched.errors == []


def test_report_says_that_its_data_are_simulated(open_page: Opener, site: Path) -> None:
    page = open_page(address(site, "report"), 390).page
    banner = page.locator(".banner")
    assert banner.inner_text().startswith("SIMULATED DATA")
    # On every screen: it stays in sight wherever the page is read.
    for section in ("in-short", "which-hold-title", "what-not-title"):
        page.locator(f"#{section}").scroll_into_view_if_needed()
        page.wait_for_timeout(200)
        box = banner.bounding_box()
        assert box is not None
        assert 0 <= box["y"] < HEIGHT / 3


# The query page -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def explore(
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """The bundle of the query page, made once; needs Node.js."""
    folder = tmp_path_factory.mktemp("bundle") / "explore"
    if shutil.which("npm") is None and not os.environ.get("CI"):
        pytest.skip("no npm on this machine: the query page is bundled with Node.js")
    explore_warehouse.bundle(folder)
    return folder


@contextlib.contextmanager
def served(warehouse: Path, explore: Path, folder: Path) -> Iterator[str]:
    """The address of the query page on a warehouse, served while in use."""
    (folder / "explore").symlink_to(explore)
    (folder / explore_warehouse.PUBLISHED_FILE.name).symlink_to(warehouse)
    serving = explore_warehouse.server(folder, 0)
    thread = threading.Thread(target=serving.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{serving.server_port}"
    finally:
        serving.shutdown()
        serving.server_close()
        thread.join()


@pytest.fixture
def query_page(
    shipped_warehouse: Build, explore: Path, tmp_path: Path
) -> Iterator[str]:
    """The query page on the shipped warehouse."""
    with served(shipped_warehouse.file, explore, tmp_path) as address:
        yield f"{address}/explore/"


READY = "#run:enabled"


def answer(page: Page) -> list[list[str]]:
    """Names and rows of the table, once the query has ended without an error."""
    page.locator(READY).wait_for()
    assert page.locator("#error:visible").all_inner_texts() == []
    return [
        row.locator("th, td").all_text_contents()
        for row in page.locator("#result tr").all()
    ]


def as_shown(value: object) -> str | float:
    """A value of DuckDB in Python, or a cell of the page, in comparable form."""
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return "NULL" if value is None else str(value)


def compare_examples(file: Path, page: Page) -> list[int]:
    """Ask each example in the page and in Python; how many rows each has."""
    counts = []
    buttons = page.locator("#examples button")
    questions = explore_warehouse.examples(explore_warehouse.README.read_text("utf-8"))
    assert buttons.all_inner_texts() == [each["question"] for each in questions]
    for place, example in enumerate(questions):
        buttons.nth(place).click()
        names, *rows = answer(page)
        with duckdb.connect(str(file), read_only=True) as con:
            result = con.execute(example["query"])
            expected = result.fetchall()
            assert names == [column[0] for column in result.description]
        assert [[as_shown(cell) for cell in row] for row in rows] == [
            [as_shown(value) for value in row] for row in expected
        ]
        unit = "row," if len(rows) == 1 else "rows,"
        assert page.locator("#status").inner_text().startswith(f"{len(rows)} {unit}")
        counts.append(len(rows))
    return counts


@pytest.mark.parametrize("width", WIDTHS)
def test_examples_answer_in_the_browser_as_in_python(
    width: int, query_page: str, shipped_warehouse: Build, open_page: Opener
) -> None:
    watched = open_page(query_page, width, READY)
    page = watched.page
    assert page.locator("#simulated").is_visible()
    assert "simulated_2026_01 (claude_ai)" in page.locator("#holds").inner_text()
    counts = compare_examples(shipped_warehouse.file, page)
    assert counts[0] == 4
    page.locator("#examples button").first.click()
    answer(page)
    keep(page, f"query page-{width}", full_page=True)
    assert overflow(page) <= 0
    home = query_page.removesuffix("explore/")
    assert [url for url in watched.requests if not url.startswith(home)] == []
    assert watched.errors == []


def test_examples_answer_on_the_real_files_too(
    real_warehouse: Build, explore: Path, open_page: Opener, tmp_path: Path
) -> None:
    with served(real_warehouse.file, explore, tmp_path) as address:
        page = open_page(f"{address}/explore/", drawn=READY).page
        assert not page.locator("#simulated").is_visible()
        assert all(compare_examples(real_warehouse.file, page))


def test_keyboard_alone_asks_and_errors_are_plain(
    query_page: str, open_page: Opener
) -> None:
    page = open_page(query_page, drawn=READY).page
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "sql":
            break
    page.keyboard.press("Control+a")
    page.keyboard.type("select count(*) as n, null as nothing from marts.dim_scopes")
    page.keyboard.press("Control+Enter")
    names, row = answer(page)
    assert names == ["n", "nothing"]
    assert int(row[0]) > 5
    assert row[1] == "NULL"

    page.locator("#sql").fill("select no_such_column from marts.dim_scopes")
    page.locator("#run").click()
    error = page.locator("#error")
    error.wait_for()
    assert "no_such_column" in error.inner_text()
    assert page.locator("#status").inner_text() == "No answer."
    assert not page.locator("#result").is_visible()


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("create table marts.mine as select 1", "read-only mode"),
        ("attach 'other.db'", "disabled by configuration"),
        ("set autoload_known_extensions = true", "configuration has been locked"),
        ("select json_extract('{}', '$.a')", "This page loads no extensions."),
        ("from 'http://127.0.0.1:9/x.csv'", ""),
    ],
)
def test_page_refuses_what_would_change_or_leave(
    query: str, reason: str, query_page: str, open_page: Opener
) -> None:
    watched = open_page(query_page, drawn=READY)
    before = len(watched.requests)
    watched.page.locator("#sql").fill(query)
    watched.page.locator("#run").click()
    watched.page.locator("#error").wait_for()
    assert reason in watched.page.locator("#error").inner_text()
    assert watched.requests[before:] == []


def test_result_is_downloaded_whole(
    query_page: str, shipped_warehouse: Build, open_page: Opener
) -> None:
    page = open_page(query_page, drawn=READY).page
    query = (
        "select number_id, section, explanation, published_value, computed_value "
        "from marts.fct_published_reconciliation cross join range(10) order by all"
    )
    page.locator("#sql").fill(query)
    page.locator("#run").click()
    assert len(answer(page)) == 1 + 1000
    assert "1,470 rows, the first 1,000 shown" in page.locator("#status").inner_text()
    with page.expect_download() as download:
        page.locator("#download").click()
    with download.value.path().open(encoding="utf-8", newline="") as handle:
        _, *rows = list(csv.reader(handle))
    assert [[as_shown(cell or None) for cell in row] for row in rows] == [
        [as_shown(value) for value in row] for row in shipped_warehouse.query(query)
    ]


def test_missing_warehouse_is_said_on_the_page(
    explore: Path, open_page: Opener, tmp_path: Path
) -> None:
    with served(tmp_path / "none.duckdb", explore, tmp_path) as address:
        page = open_page(f"{address}/explore/", drawn="#error:visible").page
        assert "Run make warehouse" in page.locator("#error").inner_text()
        assert not page.locator("#run").is_enabled()
