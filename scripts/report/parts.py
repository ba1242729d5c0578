"""What the page is made of: slices, tables, panels, figures, sections."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup

Row = dict[str, Any]

PLATFORMS = {"claude_ai": "Claude.ai", "1p_api": "API"}


class ReportError(Exception):
    """The page can't be made; the text says what was found and what to do."""


@dataclass(frozen=True)
class Slice:
    """One release on one platform that the warehouse has loaded."""

    release_id: str
    platform: str
    product_label: str
    taxonomy_version: str
    count_basis: str
    window_start_date: dt.date | None
    window_end_date: dt.date | None
    sample_count: float | None
    file_status: str
    licence: str
    citation: str
    is_simulated: bool

    @property
    def key(self) -> tuple[str, str]:
        """What identifies the slice in the rows of a mart."""
        return (self.release_id, self.platform)

    @property
    def label(self) -> str:
        """Release and platform as a reader sees them."""
        return f"{self.release_id}, {PLATFORMS.get(self.platform, self.platform)}"

    @property
    def where(self) -> str:
        """The slice inside a sentence."""
        platform = PLATFORMS.get(self.platform, self.platform)
        return f"In {self.release_id} on {'the ' * (platform == 'API')}{platform}"

    @property
    def unit(self) -> str:
        """What is counted."""
        unit = "API records" if self.platform == "1p_api" else "conversations"
        return f"{unit} per million" if self.count_basis == "per_million" else unit

    @property
    def slug(self) -> str:
        """The slice in an id or a file name."""
        return f"{self.release_id}-{self.platform}".replace("_", "-")


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


@dataclass(frozen=True)
class Panel:
    """One chart, as a Vega-Lite specification without width."""

    spec: dict[str, Any]


@dataclass
class Figure:
    """A figure with all that a reader needs to judge it."""

    figure_id: str
    title: str
    reading: Markup
    base: str
    mart: str
    columns: tuple[str, ...]
    slices: tuple[Slice, ...]
    panels: list[Panel]
    table: Table
    marks: tuple[str, ...] = ("share", "bound")
    bound: str = ""
    interval: str = ""
    notes: list[Markup] = field(default_factory=list)
    caveats: list[Row] = field(default_factory=list)
    is_more: bool = False

    @property
    def is_simulated(self) -> bool:
        """True when any row of the figure describes nobody."""
        return any(each.is_simulated for each in self.slices)


@dataclass
class Section:
    """A question, its short answer, and what shows it."""

    section_id: str
    title: str
    lede: Markup
    figures: list[Figure] = field(default_factory=list)
    absent: list[Markup] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    breaks: list[Row] = field(default_factory=list)
    short: Markup = Markup("")


def count(value: float | None) -> str:
    """A count: whole, or with one decimal where an allocation splits conversations."""
    if value is None:
        return "not known"
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.1f}"


def number(value: float | None, decimals: int = 1) -> str:
    """A number with fixed decimals."""
    return "not known" if value is None else f"{value:,.{decimals}f}"


def pct(value: float | None, decimals: int = 1) -> str:
    """A share in percent."""
    return "not known" if value is None else f"{value:.{decimals}f}%"


def data(value: float | None, text: str) -> Markup:
    """A figure in a sentence, with the exact value of the mart behind it."""
    if value is None:
        return Markup(text)
    return Markup('<data value="{}">{}</data>').format(repr(float(value)), text)


def share(value: float | None) -> Markup:
    """A share in a sentence."""
    return data(value, pct(value))


def counted(value: float | None) -> Markup:
    """A count in a sentence."""
    return data(value, count(value))


def sentence(text: str, *values: object) -> Markup:
    """A sentence with values filled in, escaped."""
    return Markup(text).format(*values)
