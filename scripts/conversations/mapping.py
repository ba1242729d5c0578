"""Where the columns of the contract are in a tool's own output: small YAML files.

``columns`` renames fields (dots go into nested ones), ``constants`` fills what the tool
does not say, ``labels`` translates values, ``tasks`` names a CSV file of task texts and
O*NET statements or Task IDs, ``join`` brings the fields of other files by id, and
``pivot`` turns one row per conversation and facet into one row per conversation.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from warehouse.errors import BuildError

from conversations.contract import COLUMNS, DEFAULTS, LABELS, literal

# What is no part of a value at its ends.
WHITE = " \t\n\r\x0b\x0c\x85\xa0\u1680\u2000\u2003\u2007\u2009\u200b\u202f\u3000\ufeff"
TASK_COLUMNS = ("task_text", "onet_task")


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
        return str(self.folder / name)

    @property
    def folder(self) -> Path:
        """Where the mapping file lies."""
        return Path(self.path or ".").absolute().parent

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
        # begins and ends with a plain letter.
        text = (
            f"case when {text} < '!' or {text} > '~' "
            f"or ({text})[-1] not between '!' and '~' "
            f"then nullif(trim({text}, {literal(WHITE)}), '') else {text} end"
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
    other = path.with_suffix(".yaml")
    if not named and other.is_file():
        raise BuildError(
            f"The mapping {other} is not looked for under this name; call it {path}, "
            "or name it in AEI_CONVERSATIONS_MAPPING."
        )
    if named:
        raise BuildError(
            f"AEI_CONVERSATIONS_MAPPING is {named}, which is no file; expected a YAML "
            "file (docs/own-conversations.md)."
        )
    return Mapping()


class Loader(yaml.BaseLoader):
    """YAML in which every value is a text (yes and 1.0 are labels) and every key of a
    group comes once, whatever its case."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> Any:
        """The group of a node; raises ConstructorError when a key comes again."""
        seen = set()
        for key, _ in node.value:
            name = str(key.value).lower()
            if name in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {name} comes twice", key.start_mark
                )
            seen.add(name)
        return super().construct_mapping(node, deep)


def are_texts(said: Any) -> bool:
    """Whether it is a group of keys with a text each."""
    return isinstance(said, dict) and all(
        isinstance(text, str) and text for text in said.values()
    )


def are_labels(said: Any) -> bool:
    """Whether it is a group of columns with a group of labels each."""
    return isinstance(said, dict) and all(
        isinstance(labels, dict)
        and all(isinstance(label, str) for label in labels.values())
        for labels in said.values()
    )


# What may stand under a key, as an example, and whether something does.
KEYS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "columns": ("{started_on: created_at}", are_texts),
    "constants": ("{platform: chat}", are_texts),
    "labels": ("{use_case: {Homework: coursework}}", are_labels),
    "tasks": ("tasks.csv", lambda said: isinstance(said, str)),
    "join": (
        "{files: labels.csv, on: chat_id, equals: id}",
        lambda said: are_texts(said) and set(said) == {"files", "on", "equals"},
    ),
    "pivot": (
        "{name: facet, value: value}",
        lambda said: are_texts(said) and set(said) == {"name", "value"},
    ),
}


def read(path: Path) -> Mapping:
    """A mapping file; raises BuildError when it says what no mapping can say."""
    text = text_of(path)
    try:
        said: Any = yaml.load(text, Loader=Loader) or {}
    except yaml.YAMLError as error:
        raise BuildError(f"The mapping {path} is no YAML: {error}") from error
    if not isinstance(said, dict) or set(said) - set(KEYS):
        what = "no keys"
        if isinstance(said, dict):
            what = ", ".join(sorted(set(said) - set(KEYS)))
        raise BuildError(
            f"The mapping {path} has {what}; expected keys of {', '.join(KEYS)}."
        )
    said = {key: value for key, value in said.items() if value}
    for key, value in said.items():
        example, is_right = KEYS[key]
        if not is_right(value):
            raise BuildError(
                f"The mapping {path} says under {key} what can't be read; expected "
                f"such as {key}: {example} (docs/own-conversations.md)."
            )
    for key in ("columns", "constants", "labels"):
        unknown = set(said.get(key, {})) - set(COLUMNS)
        if unknown:
            raise BuildError(
                f"The mapping {path} names {', '.join(sorted(unknown))} under {key}; "
                f"expected columns of the contract: {', '.join(COLUMNS)}."
            )
    return Mapping(path=path, text=text, **said)


def text_of(path: Path) -> str:
    """The text of a small file; raises BuildError when it is not UTF-8."""
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BuildError(f"The file {path} is not UTF-8; save it so.") from None


def names_of(header: str) -> tuple[list[str], str]:
    """The small names of the columns in the first line of a CSV file, and what stands
    between them."""
    delimiter = max(",;\t|", key=header.count)
    names = next(csv.reader(header.splitlines()[:1], delimiter=delimiter), [])
    return [name.strip().lower() for name in names], delimiter


def read_tasks(mapping: Mapping) -> dict[str, str]:
    """The O*NET tasks by the texts that the mapping names a file of.

    Raises BuildError when it lacks a column, or a text has two tasks.
    """
    if not mapping.tasks:
        return {}
    path = Path(mapping.beside(mapping.tasks))
    where = f"The tasks file {path} of the mapping {mapping.path}"
    expected = f"expected a CSV file with the columns {' and '.join(TASK_COLUMNS)}"
    if not path.is_file():
        raise BuildError(f"{where} is no file; {expected}.")
    lines = io.StringIO(text_of(path), newline="")
    names, delimiter = names_of(lines.readline())
    lacking = [name for name in TASK_COLUMNS if names.count(name) != 1]
    if lacking:
        raise BuildError(
            f"{where}, row 1: found no column {', '.join(lacking)}, or two; {expected}."
        )
    found: dict[str, str] = {}
    text_at, task_at = map(names.index, TASK_COLUMNS)
    try:
        for number, row in enumerate(csv.reader(lines, delimiter=delimiter), start=2):
            values = [value.strip(WHITE) for value in row] + [""] * len(names)
            text, task = values[text_at], values[task_at]
            if not text or not task:
                continue
            known = found.setdefault(text.lower(), task.lower())
            if known != task.lower():
                raise BuildError(
                    f"{where}, row {number:,}, column onet_task: found another task "
                    "than an earlier row has for the same task_text; expected one. "
                    "Take out one of the rows."
                )
    except csv.Error as error:
        raise BuildError(f"{where} can't be read: {error}; {expected}.") from None
    return found
