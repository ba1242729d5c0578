"""What the page is made of: slices, tables, figures, sections, numbers in sentences."""

from __future__ import annotations

import string
from collections import ChainMap
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from markupsafe import Markup, escape
from warehouse.errors import WarehouseError

Row = dict[str, Any]
Spec = dict[str, Any]  # a Vega-Lite specification without width

PLATFORMS = {"claude_ai": "Claude.ai", "1p_api": "API"}


def platform_title(platform: str) -> str:
    """A platform as a reader knows it."""
    return PLATFORMS.get(platform, platform)


class ReportError(WarehouseError):
    """The page can't be made; the text says what was found and what to do."""


@dataclass(frozen=True)
class Slice:
    """One sample that the warehouse has loaded: a release, a platform, a window.

    ``window_label`` is empty where the release has one window on the platform.
    """

    release_id: str
    platform: str
    window_start_date: date
    window_label: str
    count_basis: str
    licence: str
    citation: str
    is_simulated: bool

    @property
    def key(self) -> tuple[str, str, date]:
        """What identifies the slice in the rows of a mart."""
        return (self.release_id, self.platform, self.window_start_date)

    @property
    def platform_title(self) -> str:
        """The platform as a reader knows it."""
        return platform_title(self.platform)

    @property
    def label(self) -> str:
        """Release and platform as a reader sees them."""
        window = f", {self.window_label}" if self.window_label else ""
        return f"{self.release_id}, {self.platform_title}{window}"

    @property
    def where(self) -> str:
        """The slice inside a sentence."""
        article = "the " if self.platform_title == "API" else ""
        window = f" ({self.window_label})" if self.window_label else ""
        return f"In {self.release_id}{window} on {article}{self.platform_title}"

    @property
    def unit(self) -> str:
        """What is counted."""
        unit = "API records" if self.platform == "1p_api" else "conversations"
        return f"{unit} per million" if self.count_basis == "per_million" else unit

    @property
    def slug(self) -> str:
        """The slice in an id or a file name."""
        # Months, but for the weeks of own conversations.
        days = "%Y-%m" if self.window_start_date.day == 1 else "%Y-%m-%d"
        window = f"-{self.window_start_date:{days}}" if self.window_label else ""
        return f"{self.release_id}-{self.platform}{window}".replace("_", "-")


@dataclass(frozen=True)
class Column:
    """A column of a data table: the key in its rows, its heading, how it is shown."""

    key: str
    title: str
    kind: str = "text"  # text, code, count, pct, number


@dataclass(frozen=True)
class Table:
    """Rows of a mart under headings; values are as they stand in the mart."""

    caption: str
    columns: tuple[Column, ...]
    rows: list[Row]
    mart: str = ""


@dataclass(frozen=True)
class Choice:
    """What a reader chooses to see a figure; ``sample`` is empty where it shows all."""

    definition: str
    definition_title: str
    sample: str = ""
    sample_label: str = ""


@dataclass
class Figure:
    """A figure with all that a reader needs to judge it."""

    figure_id: str
    title: str
    reading: Markup
    base: str
    mart: str
    slices: list[Slice]
    panels: list[Spec]
    table: Table
    bound: str
    interval: str
    notes: list[Markup]
    caveats: list[Row]
    is_more: bool = False  # the same for another slice: folded away
    choice: Choice | None = None  # shown when it is chosen; None: always

    @property
    def is_simulated(self) -> bool:
        """True when any row of the figure describes nobody."""
        return any(each.is_simulated for each in self.slices)


@dataclass
class Section:
    """A question, what shows its answer, and the answer where no figure gives it."""

    section_id: str
    title: str
    lede: Markup
    figures: list[Figure] = field(default_factory=list)
    absent: list[Markup] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    breaks: list[Row] = field(default_factory=list)
    answer: Markup = Markup("")

    @property
    def short(self) -> Markup:
        """The answer in a sentence: the reading of the first figure, where one is."""
        return self.figures[0].reading if self.figures else self.answer


# Numbers and sentences ----------------------------------------------------------------


def count(value: float | None) -> str:
    """A count: whole, or with one decimal where an allocation splits conversations."""
    if value is None:
        return "not known"
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.1f}"


def number(value: float | None, decimals: int = 1, unit: str = "") -> str:
    """A number with fixed decimals."""
    return "not known" if value is None else f"{value:,.{decimals}f}{unit}"


def data(value: float | None, text: str) -> Markup:
    """A figure in a sentence, with the exact value of the mart behind it."""
    if value is None:
        return Markup("{}").format(text)
    return Markup('<data value="{}">{}</data>').format(repr(float(value)), text)


class _Sentence(string.Formatter):
    """Fields escaped; ``:n`` is a count, ``:%`` a share, a digit the decimals."""

    def format_field(self, value: Any, format_spec: str) -> str:
        if not format_spec:
            return str(escape(value))
        if format_spec == "n":
            return data(value, count(value))
        if format_spec == "%":
            return data(value, number(value, unit="%"))
        return data(value, number(value, int(format_spec)))


def sentence(text: str, *values: object, of: Row | None = None, **named: Any) -> Markup:
    """A sentence with values filled in, by place, by name, or by column of a row."""
    fields = ChainMap(named, of or {})
    return Markup(_Sentence().vformat(text, values, fields))


def listed(parts: Iterable[object]) -> Markup:
    """Parts joined as in a sentence, escaped."""
    *first, last = (escape(part) for part in parts)
    return Markup(" and ").join([Markup(", ").join(first), last] if first else [last])
