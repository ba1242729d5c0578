"""dbt's own docs page as one file: models, columns, tests, SQL, lineage graph."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lineage.offline import replace_in, with_policy

NAME = "dbt's docs page"
# dbt lays the page out for 960 pixels and more; on a phone, the menu goes on top.
NARROW = """<style>@media (max-width: 700px) {
html, body, .app { min-width: 0 !important; max-width: 100%; }
.app-row { flex-direction: column; }
.app .app-menu { width: 100%; min-width: 0; height: 14rem; flex: none; }
.app .app-menu .app-header { display: none; }
.app .app-content { width: 100%; min-width: 0; min-height: 0; flex: 1 1 0; }
.app-frame { width: 100%; padding: 0 1rem; overflow-x: auto; }
}</style>"""


def write(
    template: Path, manifest: dict[str, Any], catalog: dict[str, Any], folder: Path
) -> Path:
    """Write index.html: dbt's page with the manifest and the catalog in it."""
    page = replace_in(
        template.read_text(encoding="utf-8"),
        NAME,
        {
            # Angular fills these in later; until then the browser would try to load
            # the text between the braces as a file.
            'xlink:href="{{ getIcon(': 'ng-href="{{ getIcon(',
            "${require('./assets/favicons/favicon.ico')}": "data:,",
            "<title>dbt Docs</title>": "<title>AI in education: docs</title>",
            "</head>": NARROW + "</head>",
            # What dbt docs generate --static does, with the cleaned texts.
            '"MANIFEST.JSON INLINE DATA"': in_script(manifest),
            '"CATALOG.JSON INLINE DATA"': in_script(catalog),
        },
    )
    target = folder / "index.html"
    target.write_text(with_policy(page, NAME), encoding="utf-8")
    return target


def in_script(value: object) -> str:
    """The value as JSON that can't end the script it stands in."""
    return json.dumps(value, separators=(",", ":")).replace("<", "\\u003c")
