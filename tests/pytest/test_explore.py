"""The query page: its bundle, its lock, its server, and its answers in a browser."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import shutil
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from browser import (
    WIDTHS,
    Opener,
    keep,
    overflow,
)
from conftest import PROJECT, Build
from conversations.incoming import private_file
from explore import bundle
from explore.bundle import SOURCE, ExploreError
from explore.server import POLICY, server
from playwright.sync_api import Page
from warehouse.paths import PUBLISHED_FILE

WASM = "application/wasm"


def test_lock_names_hashes_and_no_address_of_a_registry() -> None:
    lock = json.loads((SOURCE / "package-lock.json").read_text("utf-8"))
    packages = {name: each for name, each in lock["packages"].items() if name}
    assert "node_modules/@duckdb/duckdb-wasm" in packages
    assert [name for name, each in packages.items() if "integrity" not in each] == []
    assert [name for name, each in packages.items() if "resolved" in each] == []
    assert "omit-lockfile-registry-resolved=true" in (SOURCE / ".npmrc").read_text()


def test_examples_are_the_queries_of_the_cookbook() -> None:
    text = (
        "# Title\n\nText.\n\n## 1. How much?\n\nA word.\n\n```sql\nselect 1;\n```\n\n"
        "```text\n1\n```\n\n## Which?\n\n```sql\nselect 2;\n```\n"
    )
    assert bundle.examples(text) == [
        {"question": "How much?", "query": "select 1;"},
        {"question": "Which?", "query": "select 2;"},
    ]
    with pytest.raises(ExploreError, match="no SQL block"):
        bundle.examples("# Title\n")
    assert len(bundle.examples(bundle.COOKBOOK.read_text())) >= 3


@pytest.mark.parametrize("version", ["", "v12.22.0"])
def test_missing_or_old_node_says_what_is_needed(
    version: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("node", "npm") if version else ():
        (tmp_path / name).write_text(f"#!/bin/sh\necho {version}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    said = rf"needs Node.js 18 or newer with npm.*{version}"
    with pytest.raises(ExploreError, match=said):
        bundle.bundle(tmp_path / "explore")


def test_missing_warehouse_says_what_builds_it(tmp_path: Path) -> None:
    command = [sys.executable, PROJECT / "scripts" / "explore.py", "--warehouse"]
    for name, said in ((PUBLISHED_FILE.name, "make warehouse"), ("a.duckdb", "named")):
        ended = subprocess.run(
            [*command, tmp_path / name], capture_output=True, text=True
        )
        assert ended.returncode == 1
        assert said in ended.stderr
    assert list(tmp_path.iterdir()) == []


def test_folder_with_own_conversations_is_not_served(tmp_path: Path) -> None:
    warehouse = tmp_path / PUBLISHED_FILE.name
    private_file(warehouse).parent.mkdir()
    for file in (warehouse, private_file(warehouse)):
        duckdb.connect(str(file)).close()
    command = [sys.executable, PROJECT / "scripts" / "explore.py", "--warehouse"]
    ended = subprocess.run([*command, warehouse], capture_output=True, text=True)
    assert ended.returncode == 1
    assert private_file(warehouse).name in ended.stderr
    assert not (tmp_path / "explore").exists()


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[str]:
    """The address of the server of a folder, while in use."""
    started = server(folder, 0)
    assert started.server_address[0] == "127.0.0.1"
    thread = threading.Thread(target=started.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{started.server_port}"
    finally:
        started.shutdown()
        started.server_close()
        thread.join()


def headers(address: str) -> dict[str, str]:
    """The headers of an answer."""
    with urllib.request.urlopen(address) as answer:
        return dict(answer.headers)


def test_server_gives_pages_with_types_and_policy_and_nothing_else(
    tmp_path: Path,
) -> None:
    (tmp_path / "explore").mkdir()
    for name in ("explore/page.js", "explore/duckdb.wasm", "report.html"):
        (tmp_path / name).write_text("x")
    with serving(tmp_path) as served:
        for name, kind in (("page.js", "text/javascript"), ("duckdb.wasm", WASM)):
            answer = headers(f"{served}/explore/{name}")
            assert answer["Content-type"] == kind
            assert answer["Content-Security-Policy"] == POLICY
        # The other pages hold their scripts inside and have a policy of their own.
        assert "Content-Security-Policy" not in headers(f"{served}/report.html")
        for path in ("/", "/explore/", "/nothing.html", "/../../etc/passwd"):
            with pytest.raises(urllib.error.HTTPError, match="404"):
                urllib.request.urlopen(served + path)
        with pytest.raises(ExploreError, match="make explore PORT="):
            server(tmp_path, int(served.rsplit(":", 1)[1]))


# In a browser -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def explore(
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """The bundle of the query page, made once; needs Node.js."""
    folder = tmp_path_factory.mktemp("bundle") / "explore"
    if shutil.which("npm") is None and not os.environ.get("CI"):
        pytest.skip("no npm on this machine: the query page is bundled with Node.js")
    bundle.bundle(folder)
    return folder


@contextlib.contextmanager
def query_page_of(warehouse: Path, explore: Path, folder: Path) -> Iterator[str]:
    """The address of the query page on a warehouse, served while in use."""
    (folder / "explore").symlink_to(explore)
    (folder / PUBLISHED_FILE.name).symlink_to(warehouse)
    with serving(folder) as address:
        yield f"{address}/explore/"


@pytest.fixture
def query_page(
    shipped_warehouse: Build, explore: Path, tmp_path: Path
) -> Iterator[str]:
    """The query page on the shipped warehouse."""
    with query_page_of(shipped_warehouse.file, explore, tmp_path) as address:
        yield address


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
    questions = bundle.examples(bundle.COOKBOOK.read_text("utf-8"))
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
    if width == WIDTHS[0]:
        assert compare_examples(shipped_warehouse.file, page)[0] == 6
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
    with query_page_of(real_warehouse.file, explore, tmp_path) as address:
        page = open_page(address, drawn=READY).page
        assert not page.locator("#simulated").is_visible()
        counts = compare_examples(real_warehouse.file, page)
        # One is of use cases in tasks, which a copy may lack.
        assert sum(count > 0 for count in counts) >= len(counts) - 1


def test_keyboard_alone_asks(query_page: str, open_page: Opener) -> None:
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


def test_page_refuses_what_would_change_or_leave(
    query_page: str, open_page: Opener
) -> None:
    watched = open_page(query_page, drawn=READY)
    page, before = watched.page, len(watched.requests)
    for query, reason in (
        ("create table marts.mine as select 1", "read-only mode"),
        ("attach 'other.db'", "disabled by configuration"),
        ("set autoload_known_extensions = true", "configuration has been locked"),
        ("select json_extract('{}', '$.a')", "This page loads no extensions."),
        ("from 'http://127.0.0.1:9/x.csv'", ""),
        ("select no_such_column from marts.dim_scopes", "no_such_column"),
    ):
        page.locator("#sql").fill("select 1")
        page.locator("#run").click()
        answer(page)
        page.locator("#sql").fill(query)
        page.locator("#run").click()
        page.locator("#error:visible").wait_for()
        assert reason in page.locator("#error").inner_text()
        assert page.locator("#status").inner_text() == "No answer."
        assert not page.locator("#result").is_visible()
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
    with query_page_of(tmp_path / "none.duckdb", explore, tmp_path) as address:
        page = open_page(address, drawn="#error:visible").page
        assert "Run make warehouse" in page.locator("#error").inner_text()
        assert not page.locator("#run").is_enabled()
