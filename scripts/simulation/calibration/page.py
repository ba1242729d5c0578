"""What a run of the interval calibration leaves on a page of the docs."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import jinja2
from scipy import stats
from warehouse.fetching import read_manifest
from warehouse.paths import PROJECT

Row = dict[str, object]

TEMPLATE = Path(__file__).resolve().with_name("page.md.j2")
SCOPES = PROJECT / "seeds" / "reference" / "scopes.csv"
MEANING = {
    "uncertainty": "the band | the value or gap over all tasks of the superpopulation",
    "shown": "interval over tasks | the same, though it does not know what is hidden",
    "bounds": "bounds | what the release's own conversations give, nothing hidden",
    "task_bootstrap_t_95": "interval of a gap and its parts | the gap and the parts "
    "over all tasks of the superpopulation",
    "wilson_95": "Wilson interval | the probability that the release was drawn with",
}
RULE_FREE = "not_applicable"


def broken_text(rows: Iterable[Row]) -> str:
    """One line for each kind of bounds that misses a truth; empty if none does."""
    return "".join(
        f"observed: bounds of {row['mart']} ({row['figure']}, {row['scope']}) hold "
        f"{row['inside_count']} of {row['truth_count']} truths; expected: all; "
        "do: correct the bounds of the mart\n"
        for row in rows
        if row["verdict"] == "broken"
    )


def grouped(rows: Iterable[Row], *names: str) -> list[tuple[tuple, list[Row]]]:
    """The rows by the values of columns, sorted by them."""
    key = itemgetter(*names)
    return [(k, list(of_key)) for k, of_key in groupby(sorted(rows, key=key), key)]


def write_page(path: Path, rows: Sequence[Row], facts: Mapping[str, object]) -> None:
    """Write the page in Markdown. ``facts``: the options of the run, the sizes of the
    lists, and how much is suppressed, as the template names them."""
    scopes = [row["scope"] for row in read_manifest(SCOPES)]
    bands = [row for row in rows if row["interval_kind"] == "uncertainty"]
    gaps = [row for row in rows if row["interval_kind"] == "task_bootstrap_t_95"]
    gap_bands = [row for row in bands if str(row["figure"]).endswith("_gap")]
    place = itemgetter("figure", "platform", "allocation_rule", "scope")
    found = {place(row): row for row in bands}

    def find(figure: str, platform: str, rule: str, scope: str) -> Row | None:
        """The row of a band; one that no rule changes stands under the first."""
        row = found.get((figure, platform, rule, scope))
        return row or (
            found.get((figure, platform, RULE_FREE, scope))
            if rule == "any_holder"
            else None
        )

    environment = jinja2.Environment(
        trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    environment.filters |= {
        "fixed": lambda value, digits=1: "" if value is None else f"{value:.{digits}f}",
        "words": lambda text: text.replace("_", " "),
    }
    environment.tests["ends_with"] = str.endswith
    share = ("share_", "rank_")
    count = int(str(facts["releases"]))
    text = environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        **facts,
        date=datetime.date.today(),
        scopes=scopes,
        bands=bands,
        find=find,
        meaning=MEANING,
        chance=[100 * stats.binom.ppf(p, count, 0.95) / count for p in (0.025, 0.975)],
        verdicts=grouped(rows, "interval_kind", "batch"),
        shares=grouped(
            (row for row in bands if str(row["figure"]).startswith(share)),
            *("mart", "figure", "platform", "allocation_rule"),
        ),
        gaps=grouped(gaps, "mart", "scope"),
        every_gap=gaps,
        gap_bands=gap_bands,
        by_gap=grouped(gap_bands, "mart", "scope", "platform"),
        releases_of=lambda rows: max((row["release_count"] for row in rows), default=0),
        short=[
            row
            for row in rows
            if row["verdict"] in ("covers_too_rarely", "broken") and row not in gaps
        ],
    )
    path.write_text(text, encoding="utf-8")
