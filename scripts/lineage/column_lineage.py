"""Column-level lineage: which column of which table a column is made of."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.parse import urlencode

from dbt_colibri.lineage_extractor import extractor as colibri
from dbt_colibri.report.generator import DbtColibriReportGenerator
from sqlglot.optimizer import build_scope
from sqlglot.optimizer.scope import Scope

from lineage.offline import replace_in, with_policy
from lineage.unions import put_in_order

NAME = "dbt-colibri's page"
# Opened without a model, the page shows what the headline figure is made of.
START = {
    "model": "model.ai_in_education.fct_education_shares",
    "column": "share_pct",
    "parents": "4",
}
PAGE = "lineage.html"
HEAD = (
    # Buttons that only lead to the vendor's paid service.
    '<style>a.border-dashed[href^="https://colibri-data.com"]{display:none}</style>'
    "<script>if(!location.search)"
    f"history.replaceState(null,'','?{urlencode(START)}')</script>"
)


def address(model: str) -> str:
    """The page from a model of the manifest on, relative to the page beside it."""
    return f"{PAGE}?{urlencode({'model': model})}"


@contextlib.contextmanager
def followed_unions() -> Iterator[None]:
    """Within it, dbt-colibri follows columns through every kind of union."""
    # dbt-colibri follows the columns of a set operation by position only.
    prepare = colibri.prepare_scope

    def prepare_in_order(*arguments: Any, **options: Any) -> tuple[Any, Any]:
        query, scope = prepare(*arguments, **options)
        return query, build_scope(query) if put_in_order(query) else scope

    # sqlglot 30.29 renamed the attribute that dbt-colibri 0.3.7 reads.
    renamed = property(lambda scope: scope.set_operation_scopes)
    with (
        mock.patch.object(Scope, "union_scopes", renamed, create=True),
        mock.patch.object(colibri, "prepare_scope", prepare_in_order),
    ):
        yield


def write(artifacts: Path, folder: Path) -> tuple[Path, list[str]]:
    """Write lineage.html from manifest.json and catalog.json in `artifacts`.

    The page is dbt-colibri's, with its telemetry off. Also returns a line for each
    column that could not be followed.
    """
    unfollowed: list[str] = []

    def keep(record: logging.LogRecord) -> bool:
        if record.levelno >= logging.ERROR:
            unfollowed.append(record.getMessage().splitlines()[0][:200])
        return False

    logger = logging.getLogger("colibri")
    logger.addFilter(keep)
    try:
        with followed_unions():
            extractor = colibri.DbtColumnLineageExtractor(
                str(artifacts / "manifest.json"), str(artifacts / "catalog.json")
            )
            DbtColibriReportGenerator(
                extractor, light_mode=False, disable_telemetry=True
            ).generate_report(str(artifacts / "colibri"))
    finally:
        logger.removeFilter(keep)
    page = replace_in(
        (artifacts / "colibri" / "index.html").read_text(encoding="utf-8"),
        NAME,
        {"<title>Colibri Data</title>": "<title>AI in education: lineage</title>"},
    )
    target = folder / PAGE
    target.write_text(with_policy(page, NAME, HEAD), encoding="utf-8")
    return target, unfollowed
