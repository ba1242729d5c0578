"""Serve a page that answers SQL on the warehouse, on this machine only.

`make explore` calls this. It bundles the page with DuckDB-Wasm into
warehouse/explore and serves the folder of the warehouse on 127.0.0.1. The page asks
nobody else, and the browser is told to refuse it.

Needs Node.js with npm, for the bundle: `npm ci` installs what
scripts/explore/package-lock.json names, and checks the hashes.
"""

from __future__ import annotations

import argparse
import functools
import json
import re
import shutil
import subprocess
import sys
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
SOURCE = PROJECT / "scripts" / "explore"
README = PROJECT / "README.md"
PUBLISHED_FILE = PROJECT / "warehouse" / "ai_in_education.duckdb"
NODE_MAJOR = 18
DUCKDB = Path("node_modules") / "@duckdb" / "duckdb-wasm" / "dist"
POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; "
    "connect-src 'self'; style-src 'self'; img-src data:; form-action 'none'; "
    "base-uri 'none'; frame-ancestors 'none'"
)


class ExploreError(Exception):
    """A page that is not served; the text is for the person who started it."""


# The bundle ---------------------------------------------------------------------------


def examples(readme: str) -> list[dict[str, str]]:
    """The SQL blocks of the README, each with the question that stands before it."""
    found = []
    for block in re.finditer(r"```sql\n(.*?)```", readme, re.DOTALL):
        before = readme[: block.start()].rstrip().split("\n\n")[-1]
        found.append(
            {
                "question": re.sub(r"[`*]", "", " ".join(before.split())).rstrip(":"),
                "query": block[1].strip(),
            }
        )
    if not found:
        raise ExploreError(
            "README.md has no SQL block; the page takes its examples from there."
        )
    return found


def check_node() -> str:
    """The npm to run; raises ExploreError when Node.js is missing or too old."""
    npm, node = shutil.which("npm"), shutil.which("node")
    needed = f"The query page needs Node.js {NODE_MAJOR} or newer with npm (nodejs.org)"
    if npm is None or node is None:
        raise ExploreError(
            f"{needed}; there is none on the PATH. Without it, open the warehouse "
            "with DuckDB or in Python."
        )
    version = subprocess.run(
        [node, "--version"], capture_output=True, text=True, check=True
    ).stdout.strip()
    if int(version.removeprefix("v").split(".")[0]) < NODE_MAJOR:
        raise ExploreError(f"{needed}; found {version}.")
    return npm


def run(command: list[str]) -> None:
    """Run a command in the folder of the page; raises ExploreError with its output."""
    ended = subprocess.run(command, cwd=SOURCE, capture_output=True, text=True)
    if ended.returncode != 0:
        raise ExploreError(
            f"{' '.join(command)} failed:\n{(ended.stdout + ended.stderr).strip()}"
        )


def install(npm: str) -> None:
    """Install the locked packages, unless they are there already."""
    lock = SOURCE / "package-lock.json"
    installed = SOURCE / "node_modules" / ".installed-lock.json"
    if installed.is_file() and installed.read_bytes() == lock.read_bytes():
        return
    print("Installing the locked packages of the query page ...", flush=True)
    run([npm, "ci", "--ignore-scripts", "--loglevel=error"])
    shutil.copyfile(lock, installed)


def bundle(folder: Path) -> None:
    """Write the page into a folder: one script, DuckDB, its worker, the examples."""
    install(check_node())
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    run(
        [
            str(SOURCE / "node_modules" / ".bin" / "esbuild"),
            "src/page.js",
            "--bundle",
            "--minify",
            "--format=esm",
            "--legal-comments=inline",
            "--log-level=error",
            f"--outfile={folder / 'page.js'}",
        ]
    )
    for name in ("index.html", "page.css"):
        shutil.copyfile(SOURCE / "src" / name, folder / name)
    shutil.copyfile(SOURCE / DUCKDB / "duckdb-eh.wasm", folder / "duckdb.wasm")
    worker = (SOURCE / DUCKDB / "duckdb-browser-eh.worker.js").read_text("utf-8")
    # Its map is not served; a browser with its tools open would ask for it.
    worker = re.sub(r"\n//# sourceMappingURL=\S+\s*$", "\n", worker)
    (folder / "worker.js").write_text(worker, "utf-8")
    questions = json.dumps(examples(README.read_text("utf-8")), indent=1)
    (folder / "examples.json").write_text(questions, "utf-8")


# The server ---------------------------------------------------------------------------


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


def main(arguments: list[str] | None = None) -> int:
    """Command line; exit status 0 stopped by the user, 1 not served."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--warehouse", type=Path, default=PUBLISHED_FILE)
    parser.add_argument("--port", type=int, default=8123)
    options = parser.parse_args(arguments)
    warehouse = options.warehouse.resolve()
    try:
        if warehouse != PUBLISHED_FILE and warehouse.name != PUBLISHED_FILE.name:
            raise ExploreError(f"The file must be named {PUBLISHED_FILE.name}.")
        if not warehouse.is_file():
            raise ExploreError(f"There is no warehouse at {warehouse}: make warehouse.")
        bundle(warehouse.parent / "explore")
        serving = server(warehouse.parent, options.port)
    except (ExploreError, OSError) as error:
        print(f"The query page is not served.\n{error}", file=sys.stderr)
        return 1
    print(
        f"Query page: http://127.0.0.1:{serving.server_port}/explore/  "
        "(this machine only; Control and C stops it)",
        flush=True,
    )
    try:
        serving.serve_forever()
    except KeyboardInterrupt:
        print()
    finally:
        serving.server_close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
