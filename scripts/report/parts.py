"""What the page is made of: samples, figures, questions, numbers in sentences."""

from __future__ import annotations

import string
from collections import ChainMap
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

from markupsafe import Markup, escape
from warehouse.errors import WarehouseError

Row = dict[str, Any]
Spec = dict[str, Any]  # a Vega-Lite specification
# What a figure is of: one sample, all samples of a window, all of a platform, or what
# a claim says, whatever the reader chooses.
Of = Literal["sample", "window", "platform", "claim"]

PLATFORMS = {"claude_ai": "Claude.ai", "1p_api": "API"}


class ReportError(WarehouseError):
    """The page can't be made; the text says what was found and what to do."""


@dataclass(frozen=True)
class Sample:
    """One sample that the warehouse has loaded: a release, a platform, a window.

    ``window`` names the window in the address of the page.
    """

    release_id: str
    platform: str
    window_start_date: date
    window_label: str
    window: str
    count_basis: str
    licence: str
    citation: str
    is_simulated: bool

    @property
    def platform_title(self) -> str:
        """The platform as a reader knows it."""
        return PLATFORMS.get(self.platform, self.platform)

    @property
    def label(self) -> str:
        """Window and platform as a reader sees them."""
        simulated = " (simulated)" if self.is_simulated else ""
        return f"{self.window_label}, {self.platform_title}{simulated}"

    @property
    def where(self) -> str:
        """The sample at the head of a sentence."""
        article = "the " if self.platform == "1p_api" else ""
        return f"On {article}{self.platform_title} ({self.window_label})"

    @property
    def address(self) -> dict[str, str]:
        """The choice of this sample in the address of the page."""
        return {"window": self.window, "platform": self.platform}

    @property
    def unit(self) -> str:
        """What is counted."""
        unit = "API records" if self.platform == "1p_api" else "conversations"
        return f"{unit} per million" if self.count_basis == "per_million" else unit

    def key(self, of: Of = "sample") -> str:
        """What the reader chooses to see a figure of this sample."""
        return self.address.get(of, f"{self.window} {self.platform}")


@dataclass(frozen=True)
class Text:
    """What is said of a figure for one choice of the reader."""

    reading: Markup
    base: str = ""
    samples: tuple[Sample, ...] = ()


@dataclass
class Figure:
    """A figure for every sample, with all that a reader needs to judge it.

    ``rows`` hold ``row``, and ``series`` and ``panel`` where there are several, as
    words; ``picks`` are further columns of which a reader chooses one value.
    """

    figure_id: str
    title: str
    mart: str
    column: str
    query: str
    spec: Spec
    rows: list[Row]
    columns: dict[str, tuple[str, str]]  # of the data table: title and kind
    texts: dict[str, Text]
    of: Of
    line: str
    notes: list[Markup]
    caveats: list[Row]
    picks: dict[str, str] = field(default_factory=dict)
    tops: dict[str, float] = field(default_factory=dict)  # of the scale, by pick

    def top(self, rows: list[Row]) -> float:
        """The end of the scale of these rows: that of all rows that they compare to."""
        picked = " ".join(str(rows[0][pick]) for pick in self.picks)
        return self.tops.get(picked) or self.tops.get("", 1.0)

    def shown(self, key: str, picked: dict[str, Any] | None = None) -> list[Row]:
        """The rows of a choice; of each pick the value given, else the first."""
        rows = [row for row in self.rows if row["key"] == key]
        for pick in self.picks:
            first = (picked or {}).get(pick) or (rows[0][pick] if rows else None)
            rows = [row for row in rows if row[pick] == first]
        return [row for row in rows if row.get("is_large", True)]

    def text(self, key: str) -> Text:
        """What is said of a choice, of the first value of its picks."""
        return next(
            text
            for name, text in self.texts.items()
            if name == key or name.startswith(f"{key} ")
        )


@dataclass
class Question:
    """A question, what a reader must know first, and the figures that answer it."""

    question_id: str
    title: str
    lede: Markup
    figures: list[Figure] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    answer: Markup = Markup("")  # where no figure gives it


# Numbers and sentences ----------------------------------------------------------------


def count(value: float | None) -> str:
    """A count: whole, or with one decimal where an allocation splits conversations."""
    if value is None:
        return "not known"
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.1f}"


def data(value: float | None, text: str) -> Markup:
    """A figure in a sentence, with the exact value of the mart behind it."""
    if value is None:
        return Markup("{}").format("not known")
    return Markup('<data value="{}">{}</data>').format(repr(float(value)), text)


class _Sentence(string.Formatter):
    """Fields escaped; ``:n`` is a count, ``:%`` a share, a digit the decimals."""

    def format_field(self, value: Any, format_spec: str) -> str:
        if not format_spec:
            return str(escape(value))
        if value is None or format_spec == "n":
            return data(value, count(value))
        if format_spec == "%":
            return data(value, f"{value:,.1f}%")
        return data(value, f"{value:,.{int(format_spec)}f}")


def sentence(text: str, *values: object, of: Row | None = None, **named: Any) -> Markup:
    """A sentence with values filled in, by place, by name, or by column of a row."""
    # A row of which nothing is known is empty, and still says so of each field.
    fields = ChainMap(named, {} if of is None else of)
    return Markup(_Sentence().vformat(text, values, fields))


def listed(parts: Iterable[object]) -> Markup:
    """Parts joined as in a sentence, escaped."""
    *first, last = (escape(part) for part in parts)
    return Markup(" and ").join([Markup(", ").join(first), last] if first else [last])
