"""A local HTTP server that answers well or badly, for the tests of the downloader.

Each path has a list of answers: one per request, the last one for all that follow.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self


class Handler(BaseHTTPRequestHandler):
    """Look up the answer for a path, and keep what was asked."""

    server: DownloadServer

    def do_GET(self) -> None:
        path = self.path.removeprefix("/").removeprefix(self.server.prefix)
        self.server.asked.append((path, self.headers.get("Range")))
        answers = self.server.answers.get(path, [status(404)])
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        try:
            answer(self)
        except ConnectionError:
            self.close_connection = True  # the client went away

    def reply(self, code: int, body: bytes = b"", **headers: str | int) -> None:
        """Send a whole answer; header names are written with underscores."""
        self.send_response(code)
        for name, value in ({"Content_Length": len(body)} | headers).items():
            if value != "":
                self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:
        """Keep the tests' output clean."""


Answer = Callable[[Handler], None]


class DownloadServer(ThreadingHTTPServer):
    """A server on a free port of 127.0.0.1; use it in a `with` block.

    Paths of answers are those behind ``prefix``.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self, prefix: str = "") -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: dict[str, list[Answer]] = {}
        self.asked: list[tuple[str, str | None]] = []
        self.prefix = prefix
        self.closing = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def on(self, path: str, *answers: Answer) -> None:
        """Set the answers of a path."""
        self.answers[path] = list(answers)

    def ranges(self, path: str) -> list[str | None]:
        """The Range headers seen for a path, one per request."""
        return [asked_range for asked, asked_range in self.asked if asked == path]

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self.closing.set()
        self.shutdown()
        self.server_close()


def serve(body: bytes) -> Answer:
    """The good answer: 200, or 206 and 416 for a Range."""

    def answer(handler: Handler) -> None:
        asked = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range", ""))
        if not asked:
            return handler.reply(200, body)
        start = int(asked[1])
        if start >= len(body):
            return handler.reply(416, Content_Range=f"bytes */{len(body)}")
        sent = f"bytes {start}-{len(body) - 1}/{len(body)}"
        handler.reply(206, body[start:], Content_Range=sent)

    return answer


def serve_whole(body: bytes) -> Answer:
    """200 and the whole body, whatever Range was asked for."""
    return lambda handler: handler.reply(200, body)


def serve_wrong_range(body: bytes) -> Answer:
    """206, but from the first byte, whatever Range was asked for."""
    sent = f"bytes 0-{len(body) - 1}/{len(body)}"
    return lambda handler: handler.reply(206, body, Content_Range=sent)


def truncate(body: bytes, sent: int, seconds: float = 0) -> Answer:
    """The first `sent` bytes, then nothing for some seconds and a closed connection."""

    def answer(handler: Handler) -> None:
        handler.reply(200, body[:sent], Content_Length=len(body))
        handler.server.closing.wait(seconds)
        handler.close_connection = True

    return answer


def hang_up(handler: Handler) -> None:
    """No answer at all."""
    handler.close_connection = True


def flood(total: int = 64_000_000) -> Answer:
    """Far too much, of no given length."""

    def answer(handler: Handler) -> None:
        handler.reply(200, Content_Length="")
        for _ in range(total // 1000):
            handler.wfile.write(b"25.0," * 200)

    return answer


def status(code: int, body: bytes = b"") -> Answer:
    """A bare status; with 200, any body at all."""
    return lambda handler: handler.reply(code, body)
