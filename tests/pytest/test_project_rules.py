"""Rules of the project: layers, grains, descriptions, thresholds, printed figures."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from conftest import PROJECT, Build, Row, copy_project, read_rows, run_dbt
from dbt.contracts.graph.manifest import Manifest

REFERENCE = PROJECT / "seeds" / "reference"


@dataclass(frozen=True)
class Model:
    """What the rules look at in a model of the manifest."""

    name: str
    path: Path
    sql: str
    layer: str
    schema: str
    access: str
    group: str | None
    is_contracted: bool
    description: str
    grain: list[str]
    columns: dict[str, str]  # name -> description
    tests: set[str]


def models_of(manifest: Manifest) -> list[Model]:
    """The models of the project, by name."""
    tests: dict[str, set[str]] = {}
    for node in manifest.nodes.values():
        if node.resource_type == "test" and getattr(node, "test_metadata", None):
            tests.setdefault(node.attached_node, set()).add(node.test_metadata.name)
    models = [
        Model(
            name=node.name,
            path=Path(node.original_file_path),
            sql=node.raw_code,
            layer=Path(node.original_file_path).parts[1],
            schema=node.schema,
            access=str(node.access.value),
            group=node.group,
            is_contracted=node.config.contract.enforced,
            description=node.description.strip(),
            grain=node.config.meta.get("grain", []),
            columns={
                column.name: column.description.strip()
                for column in node.columns.values()
            },
            tests=tests.get(key, set()),
        )
        for key, node in manifest.nodes.items()
        if node.resource_type == "model"
    ]
    return sorted(models, key=lambda model: model.name)


@pytest.fixture(scope="module")
def models(project_manifest: Manifest) -> list[Model]:
    """Every model of the project."""
    found = models_of(project_manifest)
    assert len(found) >= 38
    return found


# Grain and words ----------------------------------------------------------------------


def header_grain(sql: str) -> list[str]:
    """The grain in the header comment, which may run over several comment lines."""
    lines = [line.strip() for line in sql.splitlines()]
    # A model in Python has comments of Python.
    starts = [n for n, line in enumerate(lines) if re.match(r"(--|#) grain:", line)]
    if len(starts) != 1:
        return []
    text = lines[starts[0]].partition("grain:")[2]
    for line in lines[starts[0] + 1 :]:
        if not re.match(r"--|#", line) or re.match(r"(--|#) \w+:", line):
            break
        text += " " + line.lstrip("-#")
    return [column.strip() for column in text.split(",") if column.strip()]


def test_wrapped_header_is_read_whole() -> None:
    sql = "{{ config() }}\n-- grain: a, b,\n--        c_d\n-- why: d, e\nselect 1"
    assert header_grain(sql) == ["a", "b", "c_d"]


ACCESS = {"marts": "public", "intermediate": "protected", "staging": "private"}
PREFIXES = {
    "marts": ("fct_", "dim_", "bridge_"),
    "intermediate": ("int_",),
    "staging": ("stg_",),
}
PAST_STAGING = ("marts", "intermediate")
# The layers that a rule is for, and what each of their models has to keep.
RULES: dict[str, tuple[tuple[str, ...], Callable[[Model], bool]]] = {
    "it has a grain": (tuple(ACCESS), lambda model: bool(model.grain)),
    "it is tested for uniqueness on its grain": (
        tuple(ACCESS),
        # Each row of int_scope_ratios is a pair of rows of two tables that are.
        lambda model: (
            "keeps_its_keys" in model.tests or model.name == "int_scope_ratios"
        ),
    ),
    "its description says what a row is": (
        tuple(ACCESS),
        lambda model: model.description.startswith("One row per "),
    ),
    "its header has the grain of the docs": (
        PAST_STAGING,
        lambda model: header_grain(model.sql) == model.grain,
    ),
    "its header says why": (
        PAST_STAGING,
        lambda model: bool(re.search(r"^(--|#) why: \S", model.sql, re.MULTILINE)),
    ),
    "its access is that of its layer": (
        tuple(ACCESS),
        lambda model: model.access == ACCESS[model.schema],
    ),
    "its name says its layer": (
        tuple(ACCESS),
        lambda model: model.name.startswith(PREFIXES[model.schema]),
    ),
    "a mart has a contract and stands outside the group": (
        ("marts",),
        lambda model: model.is_contracted and model.group is None,
    ),
    "staging is in the group that may read it": (
        ("staging",),
        lambda model: model.group == "ingest",
    ),
}


@pytest.mark.parametrize("rule", RULES)
def test_every_model_keeps_the_rule(rule: str, models: list[Model]) -> None:
    layers, keeps = RULES[rule]
    of_layers = [model for model in models if model.schema in layers]
    assert {model.schema for model in models} == set(ACCESS)
    assert [model.name for model in of_layers if not keeps(model)] == []


def test_no_line_of_sql_is_longer_than_88() -> None:
    files = [
        file
        for folder in ("models", "tests/data_tests")
        for file in (PROJECT / folder).rglob("*.sql")
    ]
    lines = {
        f"{file.relative_to(PROJECT)}:{number}": len(line)
        for file in files
        for number, line in enumerate(file.read_text("utf-8").splitlines(), start=1)
    }
    assert len(lines) > 8_000
    assert {place: length for place, length in lines.items() if length > 88} == {}


def columns_of(models: list[Model]) -> Iterator[tuple[str, str]]:
    """Every column as model.column, with its description."""
    for model in models:
        for name, description in model.columns.items():
            yield f"{model.name}.{name}", description


def first_sentence(text: str) -> str:
    """The text up to the first full stop that ends a sentence."""
    return re.split(r"(?<=\.)\s", text.strip(), maxsplit=1)[0]


def test_every_column_has_a_description(models: list[Model]) -> None:
    columns = list(columns_of(models))
    assert len(columns) > 300
    assert [name for name, description in columns if not description] == []


def test_every_column_begins_with_a_short_sentence(models: list[Model]) -> None:
    too_long = {
        name: first_sentence(description)
        for name, description in columns_of(models)
        if len(first_sentence(description)) > 80
    }
    assert too_long == {}


# Ends of a range, percentages as printed, and measured coverage: nobody would add them.
NO_SHARE = re.compile(r"(bound|interval|uncertainty|published|inside|band)_")


def test_every_share_of_a_mart_says_not_to_sum_or_average(models: list[Model]) -> None:
    shares = {
        f"{model.name}.{name}": description
        for model in models
        if model.schema == "marts"
        for name, description in model.columns.items()
        if name.endswith(("_pct", "_share")) and not NO_SHARE.search(name)
    }
    assert len(shares) > 10
    silent = [
        name
        for name, description in shares.items()
        if not re.search("not sum or average", description, re.IGNORECASE)
    ]
    assert silent == []


def readers_of(manifest: Manifest, name: str) -> set[str]:
    """The models that are made of a model, at whatever distance."""
    found, asked = set(), [f"model.ai_in_education.{name}"]
    while asked:
        own = set(manifest.child_map[asked.pop()]) - found
        found |= own
        asked += own
    return {key.rsplit(".", 1)[-1] for key in found}


def test_described_columns_are_those_of_the_tables(
    models: list[Model], project_manifest: Manifest, shipped_warehouse: Build
) -> None:
    # What an inner model does not list means what the doc block of its name says, or
    # a mart that is made of the model.
    blocks = {doc.name for doc in project_manifest.docs.values()}
    marts = {m.name: set(m.columns) for m in models if m.schema == "marts"}
    readers = {model.name: readers_of(project_manifest, model.name) for model in models}
    in_file: dict[str, set[str]] = {}
    for table, column in shipped_warehouse.query(
        "select table_name, column_name from information_schema.columns"
    ):
        in_file.setdefault(table, set()).add(column)
    for model in models:
        said = blocks.union(*(marts.get(name, ()) for name in readers[model.name]))
        shared = set() if model.name in marts else said & in_file[model.name]
        assert set(model.columns) | shared == in_file[model.name], model.name


def test_every_seed_is_described(project_manifest: Manifest) -> None:
    seeds = [
        node for node in project_manifest.nodes.values() if node.resource_type == "seed"
    ]
    assert {seed.name for seed in seeds} == {
        path.stem for path in REFERENCE.glob("*.csv")
    }
    assert [seed.name for seed in seeds if not seed.description.strip()] == []


# Layers -------------------------------------------------------------------------------


def test_mart_that_reaches_past_a_layer_is_a_parse_error(tmp_path: Path) -> None:
    project = copy_project(tmp_path / "project", only_staging=True)
    (project / "models" / "marts" / "fct_of_a_test.sql").write_text(
        "select * from {{ ref('stg_aei__facet_values') }}\n"
    )
    # Checked before anything is read from a database; columns are not needed.
    (project / "models" / "marts" / "_of_a_test.yml").write_text(
        "models:\n  - name: fct_of_a_test\n    config: {contract: {enforced: false}}\n"
    )
    error = run_dbt(["parse"], tmp_path, project=project).exception
    assert "not allowed because the referenced node is private" in str(error)


# Thresholds ---------------------------------------------------------------------------

THRESHOLDS = {14.0, 15.0, 100.0, 200.0}


# 100 percent: in arithmetic, as a value, or beside a percentage.
WHOLE_BEFORE = re.compile(r"([-+*/]|\b(then|else|select)|_pct\s*[<>]=?)\s*$")
WHOLE_AFTER = re.compile(r"\s*[-+*/]|\s+as\b")


def literal_thresholds(sql: str) -> list[str]:
    """Numbers in the SQL that belong in a variable or a seed.

    Comments and quoted texts don't count, nor does 100 as the whole in percent.
    """
    code = re.sub(r"\{#.*?#\}|--[^\n]*|'(?:[^']|'')*'", " ", sql, flags=re.DOTALL)
    numbers = re.finditer(r"(?<![\w.])\d+(?:\.\d+)?(?![\w.])", code)
    return [
        number.group()
        for number in numbers
        if float(number.group()) in THRESHOLDS
        and not (
            float(number.group()) == 100
            and (
                WHOLE_BEFORE.search(code[: number.start()])
                or WHOLE_AFTER.match(code[number.end() :])
            )
        )
    ]


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("where n >= 15", ["15"]),
        ("least(14, r)", ["14"]),
        ("n < 200.0 or n < 100", ["200.0", "100"]),
        ("100 * a / b, a * 100, 100.0\n* a, 100 / (1 + b), a / 100", []),
        ("100 - a_pct, then 100 end, a_pct > 100, 100 as unit_pct", []),
        ("when n > 100 then 100, b_count >= 100", ["100", "100"]),
        ("'15', left(text, 150), 0.15 -- under 15", []),
        ("col_15, {{ var('floor') }}", []),
    ],
)
def test_literal_thresholds_are_found(sql: str, found: list[str]) -> None:
    assert literal_thresholds(sql) == found


def test_no_model_has_a_literal_threshold(models: list[Model]) -> None:
    found = {model.name: literal_thresholds(model.sql) for model in models}
    assert {name: numbers for name, numbers in found.items() if numbers} == {}


# Printed figures ----------------------------------------------------------------------

NUMBERS = read_rows(REFERENCE / "published_numbers.csv")
TERMS = read_rows(REFERENCE / "published_number_terms.csv")


def test_every_printed_figure_has_a_stated_definition() -> None:
    stated = {term["number_id"] for term in TERMS if term["definition_number"] == "1"}
    excluded = {
        number["number_id"] for number in NUMBERS if number["combination"] == "excluded"
    }
    all_numbers = {number["number_id"] for number in NUMBERS}
    assert len(all_numbers) == len(NUMBERS) == 147
    assert all_numbers - excluded - stated == set()
    assert stated & excluded == set()
    assert {term["number_id"] for term in TERMS} - all_numbers == set()


def key_of(term: Row) -> tuple[str, ...]:
    """What identifies a term."""
    return (term["number_id"], term["definition_number"], term["term_number"])


def test_every_term_stands_once() -> None:
    keys = [key_of(term) for term in TERMS]
    assert len(keys) == len(set(keys))


def test_every_term_names_a_mart_and_a_measure_of_it(
    models: list[Model], shipped_warehouse: Build
) -> None:
    marts = {model.name for model in models if model.schema == "marts"}
    assert {term["mart"] for term in TERMS} - marts == set()
    measures = set(
        shipped_warehouse.query(
            "select distinct mart, measure from intermediate.int_mart_figures"
        )
    )
    assert {(term["mart"], term["measure"]) for term in TERMS} - measures == set()


@pytest.mark.parametrize(
    ("column", "seed"),
    [
        ("allocation_rule", "allocation_rules"),
        ("scope", "scopes"),
    ],
)
def test_every_term_has_a_known_rule_and_scope(column: str, seed: str) -> None:
    known: set[Any] = {row[column] for row in read_rows(REFERENCE / f"{seed}.csv")}
    # The scope of a group share is a group, of a published facet the facet.
    terms = [
        term
        for term in TERMS
        if term["mart"] not in ("fct_occupation_group_shares", "fct_facet_shares")
    ]
    assert {term[column] for term in terms if term[column]} - known == set()


# Comments in the file -----------------------------------------------------------------


def test_every_mart_carries_its_descriptions(
    models: list[Model], shipped_warehouse: Build
) -> None:
    tables = dict(
        shipped_warehouse.query(
            "select table_name, comment from duckdb_tables() "
            "where schema_name = 'marts'"
        )
    )
    columns = {
        (table, column): comment
        for table, column, comment in shipped_warehouse.query(
            "select table_name, column_name, comment from duckdb_columns() "
            "where schema_name = 'marts'"
        )
    }
    for model in models:
        if model.schema != "marts":
            continue
        assert (tables[model.name] or "").strip() == model.description, model.name
        without = [
            name
            for name, description in model.columns.items()
            if (columns[(model.name, name)] or "").strip() != description
        ]
        assert without == [], model.name
