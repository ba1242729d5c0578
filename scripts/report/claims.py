"""The claims of published work: what each says, whether it holds, and under what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from report.charts import curve
from report.parts import PLATFORMS, Figure, Row, Text, data
from report.reading import Warehouse

CLAIMS = "select * from marts.fct_claims order by claim_number"
SPECIFICATIONS = """
    select *, coalesce(difference, value) as shown
    from marts.fct_claim_specifications
    where coalesce(difference, value) is not null
    order by claim_id, shown, specification_id
"""
# The sign and the words of each status.
STATUSES = {
    "holds": ("✓", "Holds"),
    "depends": ("≈", "Depends on choices"),
    "fails": ("✗", "Does not hold"),
    "not_identified": ("?", "The data leave it open"),
    "not_computable": ("–", "Can't be computed here"),
}
DIMENSIONS = {
    "allocation_rule": "Rule",
    "estimator": "Way of summing",
    "baseline": "Compared with",
    "residual_treatment": "Hidden cells",
    "task_omission": "Tasks",
}
CHOICES = {
    "published": "Hidden cells left out",
    "low": "Hidden cells low",
    "high": "Hidden cells high",
    "none": "With every task",
    "largest": "Without the largest task",
}
RANGES = ("bound", "uncertainty")
AXES = {"ratio": "Ratio", "rank": "Place"}
HOLDS = {True: "The claim holds", False: "It does not", None: "Not known"}


@dataclass(frozen=True)
class Claim:
    """A claim, and the curve of its specifications where it has any."""

    row: Row
    figure: Figure | None

    @property
    def claim_id(self) -> str:
        """The claim in an address, an id or the name of a file."""
        return f"claim-{self.row['claim_id']}".replace("_", "-")

    @property
    def where(self) -> str:
        """Platform and window as a reader sees them."""
        platform = PLATFORMS.get(self.row["platform"], self.row["platform"])
        return ", ".join(filter(None, (platform, self.row["window_label"])))

    def shown(self, column: str) -> Markup:
        """A value of one side of the claim, with that of the mart behind it."""
        value = self.row[column]
        if value is None:
            return Markup("")
        return data(value, "".join(self._words(value, self._is_result(column))))

    def _is_result(self, column: str) -> bool:
        """Whether a column holds what the sides come to, not one of them."""
        if column.startswith("printed"):
            return self.row["printed_comparison_value"] is None
        return column not in ("value", "comparison_value") or (
            self.row["difference"] is None
        )

    @property
    def band(self) -> Markup:
        """What the value, or the difference of a comparison, may be: the widest range
        that is known."""
        row = self.row
        parts = [self.shown("difference")] if row["difference"] is not None else []
        ranges = [(row[f"{kind}_low"], row[f"{kind}_high"]) for kind in RANGES]
        known = [ends for ends in ranges if None not in ends]
        if known:
            ends = [min(low for low, _ in known), max(high for _, high in known)]
            ends.sort(key=abs if ends[0] * ends[1] > 0 else None)
            (low, unit), (high, last) = (self._words(end, True) for end in ends)
            first = data(ends[0], low if unit == last else low + unit)
            second = data(ends[1], high + last)
            parts.append(
                Markup("between {} and {}").format(first, second)
                if ends[0] != ends[1]
                else Markup("the same whatever hidden cells hold")
            )
        return Markup("; ").join(parts)

    def _words(self, value: float, is_result: bool) -> tuple[str, str]:
        """A number and its unit; a step between two shares says its direction."""
        unit = self.row["unit"]
        if unit == "rank":
            return f"place {value:,.0f}", ""
        if unit == "ratio" and is_result:
            return f"{value:,.2f}", " times"
        is_step = unit == "pct_points" and is_result
        if is_step and value:
            direction = " points lower" if value < 0 else " points higher"
            return f"{abs(value):,.1f}", direction
        return f"{value:,.1f}", " points" if is_step else "%"


def read(warehouse: Warehouse) -> list[Claim]:
    """All claims, in the order of their seed."""
    words = _words(warehouse)
    specifications: dict[str, list[Row]] = {}
    for row in warehouse.records(SPECIFICATIONS):
        specifications.setdefault(row["claim_id"], []).append(row)
    return [
        _claim(warehouse, row, specifications.get(row["claim_id"], []), words)
        for row in warehouse.records(CLAIMS)
    ]


def _claim(
    warehouse: Warehouse, row: Row, found: list[Row], words: dict[str, dict[str, str]]
) -> Claim:
    if not found:
        return Claim(row, None)
    choices: dict[str, list[str]] = {}
    for dimension, title in DIMENSIONS.items():
        held = dict.fromkeys(each[dimension] for each in found)
        if len(held) > 1:
            order = [key for key in words[dimension] if key in held]
            order += [key for key in held if key not in order]
            choices[title] = [_word(words[dimension], key) for key in order]
    rows = [
        {
            "key": "",
            "place": place,
            "value": each["shown"],
            "holds": HOLDS[each["holds"]],
            "is_preferred": bool(each["is_preferred"]),
        }
        | {
            title: _word(words[dimension], each[dimension])
            for dimension, title in DIMENSIONS.items()
            if title in choices
        }
        for place, each in enumerate(found)
    ]
    is_difference = found[0]["difference"] is not None
    title = AXES.get(row["unit"], "Difference, points" if is_difference else "Share, %")
    against = row["threshold_value"]
    if against is None and is_difference:
        against = 1.0 if row["unit"] == "ratio" else 0.0
    sample = warehouse.sample(row)
    return Claim(
        row,
        Figure(
            Claim(row, None).claim_id,
            row["claim_title"],
            "fct_claim_specifications",
            "difference" if is_difference else "value",
            row["example_query"],
            curve(
                title, choices, against, list(dict.fromkeys(r["holds"] for r in rows))
            ),
            rows,
            {"value": (title, "number"), "holds": ("Does the claim hold?", "text")}
            | {name: (name, "text") for name in choices},
            {"": Text(Markup("{}").format(row["claim_text"]), "", (sample,))}
            if sample
            else {},
            "claim",
            "",
            [],
            [],
        ),
    )


def _words(warehouse: Warehouse) -> dict[str, dict[str, str]]:
    """The choices of each dimension as a reader sees them, in their order."""
    return {
        "allocation_rule": warehouse.words(
            "dim_allocation_rules", "allocation_rule, rule_title"
        ),
        "estimator": warehouse.words("dim_estimators", "estimator, estimator_title"),
        "baseline": warehouse.words("dim_scopes", "scope, scope_title"),
        "residual_treatment": CHOICES,
        "task_omission": CHOICES,
    }


def _word(words: dict[str, str], key: Any) -> str:
    text = words.get(key) or str(key or "none").replace("_", " ").capitalize()
    return text if len(text) < 30 else text[:28].rsplit(" ", 1)[0] + " …"
