"""What makes a page of another tool open offline: edits that must find their place,
a policy that forbids every request, no path of the machine that built it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from warehouse.errors import WarehouseError

# Everything a page needs is in the page. The browser itself refuses the rest.
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval' blob:; "
    "style-src 'unsafe-inline'; img-src data: blob:; font-src data:; "
    "worker-src blob: data:; connect-src 'none'; form-action 'none'; base-uri 'none'"
)


class DocsError(WarehouseError):
    """Docs that were not written; the text is for the person who started it."""


def replace_in(page: str, name: str, edits: Mapping[str, str]) -> str:
    """The page with each text replaced; raises DocsError where one is not found."""
    for old, new in edits.items():
        if old not in page:
            raise DocsError(
                f"{name} does not hold the text {old[:80]!r}, which the docs replace. "
                "Its version has changed: look at its page, and adapt the edits in "
                "scripts/lineage."
            )
        page = page.replace(old, new)
    return page


def with_policy(page: str, name: str, also: str = "") -> str:
    """The page, with the policy as the first thing in its head; also other elements."""
    meta = f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
    start, head, rest = page.partition("<head>")
    if not head:
        raise DocsError(f"{name} has no <head> to put the policy in.")
    return start + head + meta + also + rest


def without_paths(text: str, paths: Mapping[Path, str]) -> str:
    """A JSON text with each folder of this machine replaced, the longest first.

    `paths` maps a folder to what stands for it; "" leaves a path relative to it.
    """
    for path in sorted(paths, key=lambda path: -len(str(path))):
        folder = json.dumps(str(path))[1:-1]
        stands_for = paths[path]
        text = text.replace(folder + "/", stands_for + "/" if stands_for else "")
        text = text.replace(folder, stands_for)
    return text


def read_artifact(file: Path, paths: Mapping[Path, str]) -> dict[str, Any]:
    """One of dbt's JSON files, without the folders of this machine."""
    if not file.is_file():
        raise DocsError(
            f"{file.name} is not in {file.parent}. dbt docs generate writes it; "
            "run make docs, which does that first."
        )
    artifact: dict[str, Any] = json.loads(
        without_paths(file.read_text(encoding="utf-8"), paths)
    )
    metadata = artifact["metadata"]
    for key in ("env", "user_id", "invocation_id", "invocation_started_at"):
        metadata.pop(key, None)
    return artifact
