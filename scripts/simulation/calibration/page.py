"""What a run of the interval calibration leaves on a page of the docs."""

from __future__ import annotations

import csv
import datetime
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import jinja2
from warehouse.paths import PROJECT

Row = dict[str, object]

TEMPLATE = Path(__file__).resolve().with_name("page.md.j2")
SCOPES = PROJECT / "seeds" / "reference" / "scopes.csv"
SIDES = ("interval_kind", "figure", "estimator", "batch", "scope")


def broken_text(rows: Iterable[Row]) -> str:
    """One line for each kind of bounds that misses a truth; empty if none does."""
    return "".join(
        f"observed: bounds of {row['mart']} ({row['figure']}, {row['scope']}) hold "
        f"{row['inside_count']} of {row['truth_count']} truths; expected: all; "
        "do: correct the bounds of the mart\n"
        for row in rows
        if row["verdict"] == "broken"
    )


def write_page(path: Path, rows: Sequence[Row], facts: Mapping[str, object]) -> None:
    """Write the page in Markdown. ``facts``: the options of the run, the sizes of the
    lists, and how much is suppressed, as the template names them."""
    with SCOPES.open(encoding="utf-8", newline="") as handle:
        scopes = [row["scope"] for row in csv.DictReader(handle)]
    of_kind = {tuple(row[key] for key in SIDES): row for row in rows}

    def beside(row: Row, kind: str) -> Row | None:
        """The other kind of interval of a figure over tasks."""
        return of_kind.get(tuple((row | {"interval_kind": kind})[key] for key in SIDES))

    environment = jinja2.Environment(
        trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    environment.filters |= {
        "fixed": lambda value, digits=1: "" if value is None else f"{value:.{digits}f}",
        "words": lambda text: text.replace("_", " "),
    }
    shown = [row for row in rows if row["interval_kind"] == "shown"]
    text = environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        **facts,
        date=datetime.date.today(),
        rows=rows,
        short=[
            row
            for row in rows
            if not str(row["interval_kind"]).startswith("task_")
            and row["verdict"] in ("covers_too_rarely", "broken")
        ],
        shown=sorted(
            shown, key=lambda r: (r["batch"] == "published", scopes.index(r["scope"]))
        ),
        beside=beside,
    )
    path.write_text(text, encoding="utf-8")
