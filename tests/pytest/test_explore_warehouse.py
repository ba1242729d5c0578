"""The query page without a browser: its bundle, its lock, its server."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import explore_warehouse
import pytest
from explore_warehouse import SOURCE, ExploreError


def test_lock_names_hashes_and_no_address_of_a_registry() -> None:
    lock = json.loads((SOURCE / "package-lock.json").read_text("utf-8"))
    packages = {name: each for name, each in lock["packages"].items() if name}
    assert "node_modules/@duckdb/duckdb-wasm" in packages
    assert [name for name, each in packages.items() if "integrity" not in each] == []
    assert [name for name, each in packages.items() if "resolved" in each] == []
    assert "omit-lockfile-registry-resolved=true" in (SOURCE / ".npmrc").read_text()


def test_examples_are_the_queries_of_the_readme() -> None:
    readme = (
        "# Title\n\nText.\n\nHow `much`, in\ntwo lines:\n\n```sql\nselect 1;\n```\n\n"
        "```text\n1\n```\n\nWhich?\n\n```sql\nselect 2;\n```\n"
    )
    assert explore_warehouse.examples(readme) == [
        {"question": "How much, in two lines", "query": "select 1;"},
        {"question": "Which?", "query": "select 2;"},
    ]
    with pytest.raises(ExploreError, match="no SQL block"):
        explore_warehouse.examples("# Title\n")
    assert len(explore_warehouse.examples(explore_warehouse.README.read_text())) >= 3


def test_missing_node_says_what_is_needed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ExploreError, match=r"needs Node.js 18 or newer with npm"):
        explore_warehouse.bundle(tmp_path / "explore")


def test_old_node_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("node", "npm"):
        (tmp_path / name).write_text("#!/bin/sh\necho v12.22.0\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ExploreError, match=r"found v12.22.0"):
        explore_warehouse.check_node()


def test_missing_warehouse_says_what_builds_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / explore_warehouse.PUBLISHED_FILE.name
    assert explore_warehouse.main(["--warehouse", str(file)]) == 1
    assert "make warehouse" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    """A served folder with a file of each kind."""
    (tmp_path / "explore").mkdir()
    for name in ("index.html", "page.js", "duckdb.wasm"):
        (tmp_path / "explore" / name).write_text("x")
    (tmp_path / "report.html").write_text("x")
    serving = explore_warehouse.server(tmp_path, 0)
    assert serving.server_address[0] == "127.0.0.1"
    thread = threading.Thread(target=serving.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{serving.server_port}"
    serving.shutdown()
    serving.server_close()
    thread.join()


def headers(address: str) -> dict[str, str]:
    """The headers of an answer."""
    with urllib.request.urlopen(address) as answer:
        return dict(answer.headers)


def test_server_names_types_and_policy(served: str) -> None:
    wasm = headers(f"{served}/explore/duckdb.wasm")
    assert wasm["Content-type"] == "application/wasm"
    assert wasm["Content-Security-Policy"] == explore_warehouse.POLICY
    script = headers(f"{served}/explore/page.js")
    assert script["Content-type"] == "text/javascript"
    # The other pages hold their scripts inside and have a policy of their own.
    assert "Content-Security-Policy" not in headers(f"{served}/report.html")


@pytest.mark.parametrize("path", ["/", "/nothing.html", "/../../etc/passwd"])
def test_server_gives_pages_only(path: str, served: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(served + path)
    assert error.value.code == 404


def test_taken_port_is_said(tmp_path: Path) -> None:
    with (
        explore_warehouse.server(tmp_path, 0) as taken,
        pytest.raises(ExploreError, match="make explore PORT="),
    ):
        explore_warehouse.server(tmp_path, taken.server_port)
