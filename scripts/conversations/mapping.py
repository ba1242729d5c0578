"""Where the columns of the contract are in a tool's own output: small YAML files.

``columns`` renames fields (dots go into nested ones), ``constants`` fills what the tool
does not say, ``labels`` translates values, ``tasks`` names a CSV file of task texts and
O*NET statements or Task IDs, ``join`` brings the fields of other files by id, and
``pivot`` turns one row per conversation and facet into one row per conversation.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from warehouse.errors import BuildError

from conversations.contract import COLUMNS, DEFAULTS, LABELS, literal

KEYS = ("columns", "constants", "labels", "tasks", "join", "pivot")


@dataclass(frozen=True)
class Mapping:
    """The mapping of a source; an empty one is the contract itself."""

    path: Path | None = None
    text: str = ""
    columns: dict[str, str] = field(default_factory=dict)
    constants: dict[str, str] = field(default_factory=dict)
    labels: dict[str, dict[str, str]] = field(default_factory=dict)
    tasks: str | None = None
    join: dict[str, str] = field(default_factory=dict)
    pivot: dict[str, str] = field(default_factory=dict)

    def beside(self, name: str) -> str:
        """A path of the mapping file, from where that file lies."""
        return str(Path(self.path or ".").absolute().parent / name)

    @property
    def fields(self) -> set[str]:
        """The small names of the fields that something is made of."""
        named = (self.columns.get(column, column) for column in COLUMNS)
        return {
            name.lower() for name in (*named, *self.pivot.values(), *self.join.values())
        }

    def column_sql(self, column: str) -> str:
        """A column of the contract as text, of its field under the same name."""
        constant = self.constants.get(column, DEFAULTS.get(column))
        text = f"cast({column} as varchar)"
        # To trim each value takes longer than to see that nothing is to be trimmed: it
        # begins with no space, and is not empty.
        text = (
            f"case when {text} < '!' or {text} like '% ' then nullif(trim({text}), '') "
            f"else {text} end"
        )
        if constant:
            text = f"coalesce({text}, {literal(constant)})"
        return normal(column, translated(text, self.labels.get(column, {})))

    def stated_sql(self, raw: str, kept: Sequence[str], columns: Sequence[str]) -> str:
        """SQL of rows in columns of the contract, all as text, of their raw fields;
        other columns are kept as they are."""
        said = (f"{self.column_sql(column)} as {column}" for column in columns)
        return f"""
            select * replace (
                case
                    when region like '__-%' then upper(region)
                    else country || '-' || upper(region)
                end as region
            )
            from (select {", ".join((*kept, *said))} from ({raw}))
        """


def normal(column: str, text: str) -> str:
    """The text of a column in the form that the contract compares."""
    if column in LABELS:
        return f"nullif(replace(lower({text}), '_', ' '), 'not classified')"
    if column == "task_text":
        return f"lower({text})"
    if column == "country":
        return f"upper({text})"
    if column == "classifier_version":
        return f"regexp_replace(lower({text}), '[^a-z0-9]+', '_', 'g')"
    return text


def translated(text: str, labels: dict[str, str]) -> str:
    """The text with the labels of a tool in the words of the Index; case is ignored."""
    if not labels:
        return text
    cases = " ".join(
        f"when {literal(theirs.lower())} then {literal(ours) if ours else 'null'}"
        for theirs, ours in labels.items()
    )
    return f"case lower({text}) {cases} else {text} end"


def find(source: Path) -> Mapping:
    """The mapping in the file AEI_CONVERSATIONS_MAPPING, else in mapping.yml beside the
    conversations; raises BuildError."""
    folder = source if source.is_dir() else source.parent
    named = os.environ.get("AEI_CONVERSATIONS_MAPPING", "")
    path = Path(named).expanduser() if named else folder / "mapping.yml"
    if path.is_file():
        return read(path)
    if named:
        raise BuildError(
            f"AEI_CONVERSATIONS_MAPPING is {named}, which is no file; expected a YAML "
            "file (docs/own-conversations.md)."
        )
    return Mapping()


def read(path: Path) -> Mapping:
    """A mapping file; raises BuildError when it says what no mapping can say."""
    text = path.read_text(encoding="utf-8")
    try:
        # Every value is a text: yes and 1.0 are labels.
        said: Any = yaml.load(text, Loader=yaml.BaseLoader) or {}
    except yaml.YAMLError as error:
        raise BuildError(f"The mapping {path} is no YAML: {error}") from error
    if not isinstance(said, dict) or set(said) - set(KEYS):
        what = ", ".join(sorted(set(said) - set(KEYS))) if said else "no keys"
        raise BuildError(
            f"The mapping {path} has {what}; expected keys of {', '.join(KEYS)}."
        )
    for key in ("columns", "constants", "labels"):
        unknown = set(said.get(key) or {}) - set(COLUMNS)
        if unknown:
            raise BuildError(
                f"The mapping {path} names {', '.join(sorted(unknown))} under {key}; "
                f"expected columns of the contract: {', '.join(COLUMNS)}."
            )
    return Mapping(path=path, text=text, **{k: v for k, v in said.items() if v})
