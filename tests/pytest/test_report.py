"""What the report draws: figures of ten questions, claims, countries."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest
import vl_convert
from conftest import Build, query
from report import claims
from report.charts import VEGA_LITE, Chart, fill, range_chart
from report.claims import Claim
from report.parts import Figure, Question, ReportError, Row, Spec
from report.questions import build
from report.reading import opened
from report_page import changed, data_of, held_by, unpacked

QUESTIONS = [
    "how-much",
    "who",
    "how",
    "how-well",
    "how-concentrated",
    "where",
    "platforms",
    "between-releases",
    "which-hold",
    "what-not",
]
# What a chart draws beside its value.
RANGES = tuple(
    f"{kind}_{end}_pct"
    for kind in ("bound", "interval", "uncertainty")
    for end in ("low", "high")
)
SVG = "{http://www.w3.org/2000/svg}"


def dots_of(spec: Spec) -> int:
    """How many dots of figures a specification draws."""
    svg = vl_convert.vegalite_to_svg(spec, vl_version=VEGA_LITE)
    return sum(
        len(list(group))
        for group in ElementTree.fromstring(svg).iter(f"{SVG}g")
        if {"mark-symbol", "role-mark"} <= set(group.get("class", "").split())
    )


def panel(*rows: Row, has_breaks: bool = False) -> Spec:
    """A chart of such rows."""
    spec = range_chart(Chart("Share", has_breaks=has_breaks), rows)
    return fill(spec, rows, 10.0, "One", "Two", ["Three"])


# What is drawn ------------------------------------------------------------------------
# Columns of the mart behind a column of a chart that has another name.
RENAMED = {
    ("without-largest", "share_pct"): ["share_pct", "share_without_pct"],
    ("education-of-use-case", "bound_low_pct"): ["share_of_use_case_bound_low_pct"],
    ("education-of-use-case", "bound_high_pct"): ["share_of_use_case_bound_high_pct"],
}


def test_page_answers_ten_questions_in_order(questions: list[Question]) -> None:
    assert [question.question_id for question in questions] == QUESTIONS
    for question in questions:
        assert question.lede
        assert question.figures or (question.answer and question.rows)


def test_every_figure_says_for_every_sample_what_it_shows_or_why_it_cannot(
    drawn: list[Figure], warehouse_file: Path
) -> None:
    with opened(warehouse_file) as warehouse:
        samples = warehouse.samples
    assert len(drawn) >= 12
    shown = 0
    for figure in drawn:
        assert all(row["consequence"] for row in figure.caveats) and figure.caveats
        for sample in samples:
            key = sample.key(figure.of)
            text, rows = figure.text(key), figure.shown(key)
            assert str(text.reading).endswith("."), (figure.figure_id, key)
            assert bool(rows) == bool(text.samples) == bool(text.base)
            assert {row["sample"] for row in rows} <= set(text.samples)
            shown += bool(rows)
            if rows:
                assert "not known" not in text.reading, text.reading
    assert shown > 15


def test_release_whose_own_share_the_copy_lacks_is_said_to_show_none(
    shipped_warehouse: Build, tmp_path: Path
) -> None:
    file = changed(
        shipped_warehouse,
        tmp_path,
        "update marts.fct_education_shares set share_pct = null, "
        "status = 'not_in_copy' where allocation_rule = 'published'",
    )
    with opened(file) as warehouse:
        (shares,) = (
            figure
            for question in build(warehouse)
            for figure in question.figures
            if figure.mart == "fct_education_shares"
        )
        keys = [sample.key(shares.of) for sample in warehouse.samples]
    said = [str(shares.text(key).reading) for key in keys]
    assert len([text for text in said if "not visible" in text]) == 4


def test_what_is_drawn_is_in_the_mart_and_on_the_page(
    warehouse_file: Path, drawn: list[Figure], html: str
) -> None:
    held, data = held_by(warehouse_file), data_of(html)["figures"]
    count = 0
    for figure in drawn:
        # Where a chart has two columns of its mart on one scale, either may hold it.
        for key in (figure.column, *RANGES):
            of = RENAMED.get((figure.figure_id, key), [key])
            shown = {row.get(key) for row in figure.rows} - {None}
            known = set().union(*(held.get((figure.mart, name), set()) for name in of))
            assert shown <= known, (figure.figure_id, key)
            count += len(shown)
        on_page = unpacked(data[figure.figure_id]["rows"])
        assert len(on_page) == len(figure.rows)
        for row, source in zip(on_page, figure.rows, strict=True):
            for key, value in row.items():
                expected = source.get(key)
                if isinstance(expected, float):
                    expected = pytest.approx(expected, abs=1e-6)
                assert value == expected, (figure.figure_id, key)
            assert {figure.column, "row", "key"} <= set(row)
    assert count > 100


def test_every_figure_with_a_value_is_a_dot(drawn: list[Figure]) -> None:
    # A chart whose axes and breaks are drawn, and whose figures are not, looks drawn.
    for figure in drawn:
        for key in list(figure.texts)[:3]:
            rows = figure.shown(" ".join(key.split()[: 1 + (figure.of == "sample")]))
            expected = sum(row[figure.column] is not None for row in rows)
            if rows:
                spec = fill(
                    figure.spec, rows, figure.top(rows), "One", "Two", ["Three"]
                )
                assert dots_of(spec) == expected > 0, (figure.figure_id, key)


def test_windows_and_platforms_of_a_figure_have_one_scale(drawn: list[Figure]) -> None:
    for figure in drawn:
        ends: dict[tuple[Any, ...], set[float]] = {}
        for row in figure.rows:
            picked = tuple(row[pick] for pick in figure.picks)
            ends.setdefault(picked, set()).add(figure.top([row]))
            for key in (figure.column, *RANGES):
                assert (row.get(key) or 0) <= figure.top([row])
        assert all(len(tops) == 1 for tops in ends.values())


def test_break_between_rows_leaves_the_figures_drawn_and_joins_nothing() -> None:
    rows = [
        {"row": name, "share_pct": 3.0, "breaks": breaks}
        for name, breaks in (("May", None), ("June", "Break: season"))
    ]
    spec = panel(*rows, has_breaks=True)
    assert dots_of(spec) == 2
    svg = vl_convert.vegalite_to_svg(spec, vl_version=VEGA_LITE)
    assert "Break: season" in svg and "stroke-dasharray" in svg
    assert "mark-line" not in svg


def test_suppressed_share_is_words_and_no_dot() -> None:
    suppressed = {"share_pct": None, "bound_low_pct": 0.0, "bound_high_pct": 4.0}
    spec = panel(
        {"row": "K-12", "why": "no visible cell"} | suppressed,
        {"row": "Libraries", "share_pct": 3.0},
    )
    assert dots_of(spec) == 1
    svg = vl_convert.vegalite_to_svg(spec, vl_version=VEGA_LITE)
    assert "no visible cell" in svg


def test_rows_of_several_definitions_are_no_chart(
    shipped_warehouse: Build, tmp_path: Path
) -> None:
    file = changed(
        shipped_warehouse,
        tmp_path,
        "insert into marts.fct_task_success select * from marts.fct_task_success",
    )
    with opened(file) as warehouse, pytest.raises(ReportError, match="2 rows for"):
        build(warehouse)


# Claims -------------------------------------------------------------------------------


def test_every_claim_stands_on_the_page_and_five_stand_first(
    claimed: list[Claim], html: str, warehouse_file: Path
) -> None:
    rows = query(
        warehouse_file,
        "select claim_id, status, is_headline from marts.fct_claims order by 1",
    )
    found = re.findall(
        r'<details class="claim item" id="([^"]+)" data-status="(\w+)"', html
    )
    ids = {claim.row["claim_id"]: claim.claim_id for claim in claimed}
    assert sorted(found) == sorted((ids[name], status) for name, status, _ in rows)
    first = re.findall(r'<article class="finding" data-claim="([^"]+)"', html)
    assert sorted(first) == sorted(ids[name] for name, _, is_first in rows if is_first)
    assert len(first) == 5


def test_claim_that_other_tasks_may_turn_is_not_shown_as_one_that_they_can_not(
    claimed: list[Claim], html: str
) -> None:
    words: dict[bool, set[str]] = {True: set(), False: set()}
    for claim in claimed:
        if claim.row["status"] == "holds":
            shown = re.findall(
                rf'id="{claim.claim_id}" data-status="holds">.*?</summary>', html, re.S
            )
            text = re.sub("<[^>]+>", "", shown[0].split('class="status')[1])
            words[claim.row["survives_interval"] == "yes"].add(text.strip())
    assert words[True] and words[False]
    assert not words[True] & words[False]


def test_curve_holds_every_specification_in_the_order_of_its_value(
    claimed: list[Claim], html: str, warehouse_file: Path
) -> None:
    data = data_of(html)["figures"]
    curves = [claim for claim in claimed if claim.figure]
    assert curves
    for claim in curves:
        rows = unpacked(data[claim.claim_id]["rows"])
        values = [row["value"] for row in rows]
        assert values == sorted(values)
        found = query(
            warehouse_file,
            "select coalesce(difference, value), holds, is_preferred "
            "from marts.fct_claim_specifications "
            f"where claim_id = '{claim.row['claim_id']}' "
            "and coalesce(difference, value) is not null",
        )
        assert sorted(values) == pytest.approx(
            sorted(value for value, *_ in found), abs=1e-6
        )
        for held, words in claims.HOLDS.items():
            shown = sum(row["holds"] == words for row in rows)
            assert shown == sum(holds is held for _, holds, _ in found)
        preferred = [value for value, _, is_preferred in found if is_preferred]
        marked = [row["value"] for row in rows if row["is_preferred"]]
        assert marked == pytest.approx(preferred, abs=1e-6)


def test_every_curve_can_be_drawn(claimed: list[Claim]) -> None:
    curves = [claim.figure for claim in claimed if claim.figure]
    for figure in curves[:3]:
        spec = fill(figure.spec, figure.rows, 1.0, "One", "Two", ["Three"])
        marked = sum(row["is_preferred"] for row in figure.rows)
        assert dots_of(spec) == len(figure.rows) + marked


# Countries ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def countries(drawn: list[Figure]) -> Figure:
    """The figure of countries under each definition."""
    (figure,) = (each for each in drawn if each.figure_id == "countries")
    return figure


def test_definition_is_shown_where_a_country_publishes_it_and_nowhere_else(
    countries: Figure, warehouse_file: Path
) -> None:
    published = query(
        warehouse_file,
        "select distinct release_id, platform, window_start_date, definition "
        "from marts.fct_country_education where geo_level = 'country' "
        "and share_pct is not null and not is_residual and geo_id <> 'unpublished'",
    )
    columns = ("release_id", "platform", "window_start_date", "definition")
    shown = {tuple(row[column] for column in columns) for row in countries.rows}
    assert shown == set(published)
    assert countries.rows[0]["definition"] == "coursework"


def test_every_country_with_a_use_case_is_drawn_with_its_flags(
    countries: Figure, warehouse_file: Path
) -> None:
    places = query(
        warehouse_file,
        "select distinct release_id, platform, window_start_date, geo_id, "
        "coalesce(places.conversation_count < 200, false) "
        "from marts.fct_facet_shares inner join marts.fct_place_usage as places "
        "using (release_id, platform, window_start_date, geo_level, geo_id) "
        "where facet = 'use_case' and geo_level = 'country' "
        "and not is_residual and geo_id <> 'unpublished'",
    )
    columns = ("release_id", "platform", "window_start_date", "geo_id")
    shown = {
        tuple(row[column] for column in columns): row["flags"]
        for row in countries.rows
        if row["definition"] == "coursework"
    }
    samples = {place[:3] for place in shown}
    expected = [place for place in places if place[:3] in samples]
    assert expected
    for *place, is_small in expected:
        assert ("under 200" in shown[tuple(place)]) == is_small, place


def test_countries_that_vanished_stand_there_and_a_folded_one_has_its_range(
    shipped_warehouse: Build,
) -> None:
    with opened(shipped_warehouse.file) as warehouse:
        figures_of = [f for question in build(warehouse) for f in question.figures]
    (figure,) = (each for each in figures_of if each.figure_id == "countries")
    rows = {
        row["geo_id"]: row
        for row in figure.rows
        if row["release_id"] == "simulated_2026_01"
        and row["definition"] == "coursework"
    }
    for geo_id in ("LA", "MU", "TT"):
        assert rows[geo_id]["share_pct"] is not None and not rows[geo_id]["flags"]
    assert sum("under 200" in row["flags"] for row in rows.values()) == 10
    bhutan = rows["BT"]
    assert bhutan["share_pct"] is None and bhutan["status"] == "suppressed"
    assert (bhutan["bound_low_pct"], round(bhutan["bound_high_pct"], 1)) == (0, 26.9)
    # Whole and parts have one source: the published facet, not the tasks.
    assert round(rows["GLOBAL"]["share_pct"], 2) == 19.23


def test_which_pairs_are_apart_is_what_the_mart_says(
    countries: Figure, warehouse_file: Path
) -> None:
    apart = {
        tuple(key): pairs
        for *key, pairs in query(
            warehouse_file,
            "select release_id, platform, window_start_date, definition, count(*) "
            "from marts.fct_country_comparisons group by all",
        )
    }
    columns = ("release_id", "platform", "window_start_date", "definition")
    for count in ("above_count", "below_count"):
        shown: dict[tuple[Any, ...], int] = {}
        for row in countries.rows:
            key = tuple(row[column] for column in columns)
            shown[key] = shown.get(key, 0) + (row[count] or 0)
        assert {key: pairs for key, pairs in shown.items() if pairs} == apart
