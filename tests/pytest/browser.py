"""A real browser for the tests of pages, with no way to any network.

Screenshots are kept in target/screenshots.
"""

from __future__ import annotations

import os
import re
import shutil
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from conftest import PROJECT
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

SCREENSHOTS = PROJECT / "target" / "screenshots"
# A desk and a phone.
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


@pytest.fixture(scope="module", name="browser")
def browser_fixture() -> Iterator[Browser]:
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


@pytest.fixture(name="open_page")
def open_page_fixture(browser: Browser) -> Iterator[Opener]:
    """Opens an address in a window of its own and waits until it is drawn."""
    contexts = []

    def opened(
        address: str, width: int = WIDTHS[0], drawn: str = "h1", **settings: Any
    ) -> Watched:
        context = browser.new_context(
            viewport={"width": width, "height": HEIGHT}, **settings
        )
        context.set_default_timeout(120_000)  # as long as a busy machine may take
        contexts.append(context)
        watched = Watched(context.new_page())
        watched.watch()
        watched.page.goto(address, wait_until="load")
        # Charts and graphs are drawn after the page is loaded, some step by step.
        watched.page.locator(drawn).first.wait_for()
        watched.page.wait_for_timeout(700)
        return watched

    yield opened
    for context in contexts:
        context.close()


def keep(page: Page, name: str, full_page: bool = False) -> None:
    """Keep a screenshot under a name."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    file = re.sub(r"\W+", "-", name) + ".png"
    page.screenshot(path=SCREENSHOTS / file, full_page=full_page)


def overflow(page: Page) -> int:
    """By how many pixels the page is wider than the window."""
    pixels: int = page.evaluate(
        # A page may also be cut off: then its body is wider than what scrolls.
        "Math.max(document.documentElement.scrollWidth, document.body.scrollWidth,"
        " document.body.offsetWidth) - window.innerWidth"
    )
    return pixels


def words_in(png: bytes) -> str:
    """The text chunk of a picture, whose check sums are right."""
    assert png.startswith(b"\x89PNG")
    texts, place = [], 8
    while place < len(png):
        (size,) = struct.unpack(">I", png[place : place + 4])
        chunk = png[place + 4 : place + 8 + size]
        (check,) = struct.unpack(">I", png[place + 8 + size : place + 12 + size])
        assert check == zlib.crc32(chunk)
        if chunk.startswith(b"iTXtDescription\0"):
            texts.append(chunk.rpartition(b"\0")[2].decode())
        place += 12 + size
    (text,) = texts
    return text
