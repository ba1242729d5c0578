"""A server of the warehouse's folder, on this machine only."""

from __future__ import annotations

import functools
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from explore.bundle import ExploreError

POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; "
    "connect-src 'self'; style-src 'self'; img-src data:; form-action 'none'; "
    "base-uri 'none'; frame-ancestors 'none'"
)


class Handler(SimpleHTTPRequestHandler):
    """Files of one folder, with the policy that keeps a page on this machine."""

    extensions_map = SimpleHTTPRequestHandler.extensions_map | {
        ".wasm": "application/wasm",
        ".js": "text/javascript",
        ".duckdb": "application/octet-stream",
    }

    def end_headers(self) -> None:
        """Add the policy to each answer of the page; other pages have their own."""
        if self.path.startswith("/explore/"):
            self.send_header("Content-Security-Policy", POLICY)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cache-Control", "no-cache")
        super().end_headers()

    def list_directory(self, path: object) -> None:  # type: ignore[override]
        """No listing: a folder without a page is not found."""
        self.send_error(404, "No page here; the query page is /explore/")

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing about each file; errors go to the browser."""


def server(folder: Path, port: int) -> ThreadingHTTPServer:
    """A server of a folder, on this machine only; port 0 takes a free one."""
    try:
        return ThreadingHTTPServer(
            ("127.0.0.1", port), functools.partial(Handler, directory=str(folder))
        )
    except OSError as error:
        raise ExploreError(
            f"Port {port} of 127.0.0.1 can't be used ({error.strerror}). Say another: "
            "make explore PORT=8124"
        ) from error
