"""The query page as one folder: its script, DuckDB-Wasm, the examples of the cookbook.

Needs Node.js with npm: `npm ci` installs what package-lock.json names, and checks the
hashes.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

from warehouse.errors import WarehouseError
from warehouse.paths import PROJECT

SOURCE = Path(__file__).resolve().parent
COOKBOOK = PROJECT / "docs" / "cookbook.md"
NODE_MAJOR = 18
DUCKDB = Path("node_modules") / "@duckdb" / "duckdb-wasm" / "dist"


class ExploreError(WarehouseError):
    """A page that is not served; the text is for the person who started it."""


def examples(text: str) -> list[dict[str, str]]:
    """The SQL blocks of the cookbook, each with the question that is its heading."""
    found = []
    for section in re.split(r"^## (?:\d+\. )?", text, flags=re.MULTILINE)[1:]:
        question, _, rest = section.partition("\n")
        for query in re.findall(r"```sql\n(.*?)```", rest, re.DOTALL):
            found.append({"question": question, "query": query.strip()})
    if not found:
        raise ExploreError(
            f"{COOKBOOK} has no SQL block; the page takes its examples from there."
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
    questions = json.dumps(examples(COOKBOOK.read_text("utf-8")), indent=1)
    (folder / "examples.json").write_text(questions, "utf-8")
