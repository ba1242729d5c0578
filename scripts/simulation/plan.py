"""Which facets a release publishes, and where."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from simulation.model import CATEGORICAL, INDEXED, NUMERIC

GEOGRAPHIES = ("global", "country", "country-state")
BASES = ("onet_task", "request")

GLOBAL_FACETS = (
    *BASES,
    *CATEGORICAL,
    *NUMERIC,
    *(f"{b}::{f}" for b in BASES for f in (*CATEGORICAL, *NUMERIC, *INDEXED)),
)
PLACE_FACETS = (*BASES, *CATEGORICAL, *NUMERIC)

ALL = frozenset(
    [("global", f) for f in GLOBAL_FACETS]
    + [(g, f) for g in GEOGRAPHIES[1:] for f in (g, *PLACE_FACETS)]
)
# What fits into the few megabytes that the project ships.
SAMPLE = frozenset(
    [("global", f) for f in ("onet_task", *CATEGORICAL)]
    + [
        ("global", f"onet_task::{f}")
        for f in ("collaboration", "use_case", "task_success")
    ]
    + [
        ("country", f)
        for f in ("country", "onet_task", "collaboration", "use_case", "task_success")
    ]
    + [("country-state", "country-state")]
)
PRESETS = {"all": ALL, "sample": SAMPLE}


@dataclass(frozen=True)
class Plan:
    """Pairs of geography and facet to publish.

    ``written`` are facets that must be drawn for another reason (the conversation
    file), though no cell needs them.
    """

    published: frozenset[tuple[str, str]]
    written: tuple[str, ...] = ()

    def facets(self, geography: str) -> tuple[str, ...]:
        """The published facets of a geography, in their fixed order."""
        order = GLOBAL_FACETS if geography == "global" else (geography, *PLACE_FACETS)
        return tuple(f for f in order if (geography, f) in self.published)

    def counted(self, geography: str) -> tuple[str, ...]:
        """The facets whose cells must be counted to publish a geography.

        Every published place needs its total, that is onet_task.
        """
        facets = self.facets(geography)
        if not facets:
            return ()
        names = {f.rpartition("::")[2] for f in facets}
        return ("onet_task", *sorted(names - {*BASES, *GEOGRAPHIES}))

    @property
    def has_requests(self) -> bool:
        """Whether any published facet needs request clusters."""
        return any(f.startswith("request") for _, f in self.published)


def parse_plan(text: str, written: Iterable[str] = ()) -> Plan:
    """Read the option --facets.

    ``all``, ``sample``, or names parted by commas: a facet as a release calls it
    (``use_case``, ``onet_task::use_case``, ``country``), for every geography that has
    it, or with its geography before a slash (``country/use_case``). Global onet_task
    is always in, and an intersection brings its base facet. Raises ValueError for a
    name that no geography has.
    """
    chosen = {("global", "onet_task")}
    for name in (n.strip() for n in text.split(",")):
        if name in PRESETS:
            chosen |= PRESETS[name]
            continue
        geography, slash, facet = name.rpartition("/")
        found = {(g, f) for g, f in ALL if f == facet and (not slash or g == geography)}
        if not found:
            raise ValueError(
                f"observed: facet {name!r}; expected: all, sample, or one of "
                f"{', '.join(sorted({f for _, f in ALL}))}; do: correct --facets"
            )
        chosen |= found
    chosen |= {("global", f.partition("::")[0]) for g, f in chosen if "::" in f}
    return Plan(frozenset(chosen), tuple(written))
