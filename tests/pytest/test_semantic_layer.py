"""The semantic layer: metrics equal the marts, wrong questions get no number."""

from __future__ import annotations

import csv
import functools
import hashlib
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import pytest
from conftest import PROJECT, SHIPPED_RELEASE, Build, copy_project, query
from metricflow.engine.metricflow_engine import (
    MetricFlowEngine,
    MetricFlowQueryRequest,
)
from metricflow.protocols.sql_client import SqlEngine
from metricflow.sql.render.duckdb_renderer import DuckDbSqlPlanRenderer
from metricflow_semantics.errors.error_classes import InvalidQueryException
from metricflow_semantics.model.dbt_manifest_parser import (
    parse_manifest_from_dbt_generated_manifest,
)
from metricflow_semantics.model.semantic_manifest_lookup import SemanticManifestLookup

CONNECT = PROJECT / "docs" / "connect.md"
BIN = Path(sys.executable).parent
SAMPLE = ("sample__release_id", "sample__platform")
# Rules whose weights are 1: equal_split is not in the layer.
RULES = ("any_holder", "lowest_code", "exclusive")
# Rows of these tables never overlap; the others only name what a row is.
ADDITIVE = "fct_task_cells"
NAMING = {"bridge_task_allocations", "dim_releases", "dim_tasks"}
GUARDS = ("sample_count", "whole_sample_count")

Key = tuple[str, ...]
Answer = dict[Key, dict[str, float | None]]


class Renderer:
    """What MetricFlow needs to know of a database to write SQL for it."""

    sql_engine_type = SqlEngine.DUCKDB
    sql_plan_renderer = DuckDbSqlPlanRenderer()


class SemanticLayer:
    """The project as mf sees it, asked in this process; the SQL is MetricFlow's own."""

    def __init__(self, project: Path) -> None:
        self.project = project
        text = (project / "target" / "semantic_manifest.json").read_text()
        self.manifest: dict[str, Any] = json.loads(text)
        self.metrics = {each["name"]: each for each in self.manifest["metrics"]}
        lookup = SemanticManifestLookup(
            parse_manifest_from_dbt_generated_manifest(manifest_json_string=text)
        )
        self.engine = MetricFlowEngine(lookup, Renderer())  # type: ignore[arg-type]

    def meta(self, name: str) -> dict[str, str]:
        """What the YAML says of a metric beside its definition."""
        found: dict[str, str] = self.metrics[name]["config"]["meta"]
        return found

    @property
    def guarded(self) -> list[str]:
        """The metrics for readers: all that are not plain sums or counts of samples."""
        return [name for name, each in self.metrics.items() if each["type"] != "simple"]

    def of_whole_samples(self, name: str) -> bool:
        """Whether a metric rests on the models that cannot be split by task."""
        inputs = [
            each["name"] for each in self.metrics[name]["type_params"]["metrics"] or []
        ]
        return "whole_sample_count" in inputs or any(
            self.of_whole_samples(each) for each in inputs
        )

    def ask(
        self,
        file: Path,
        metrics: Sequence[str],
        group_by: Sequence[str] = SAMPLE,
        where: Sequence[str] = (),
    ) -> Answer:
        """The answer by the values of group_by; raises what mf query raises."""
        explained = self.engine.explain(
            MetricFlowQueryRequest.create(
                metric_names=list(metrics),
                group_by_names=list(group_by),
                where_constraints=list(where) or None,
            )
        )
        answer: Answer = {}
        with duckdb.connect(str(file), read_only=True) as con:
            result = con.execute(explained.sql_statement.sql)
            names = [column[0] for column in result.description]
            for values in result.fetchall():
                row = dict(zip(names, values, strict=True))
                key = tuple(row.pop(name) for name in group_by)
                assert key not in answer
                assert set(row) == set(metrics)
                answer[key] = row
        return answer


def environment(file: Path) -> dict[str, str]:
    """The environment of a shell that asks mf; without a way to the network."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AEI_", "DBT_"))
    }
    return kept | {
        "AEI_WAREHOUSE_FILE": str(file),
        "DBT_TARGET": "published",
        "HTTPS_PROXY": "http://127.0.0.1:9",
    }


def run(command: Sequence[str], project: Path, file: Path) -> str:
    """Run a command of the environment in a project; its stdout, or the failure."""
    ended = subprocess.run(
        [str(BIN / command[0]), *command[1:]],
        cwd=project,
        env=environment(file),
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.fixture(scope="module")
def layer(
    shipped_warehouse: Build, tmp_path_factory: pytest.TempPathFactory
) -> SemanticLayer:
    """The semantic layer of a copy of the project, parsed for the published file."""
    project = copy_project(tmp_path_factory.mktemp("metrics") / "project")
    run(["dbt", "parse", "--quiet"], project, shipped_warehouse.file)
    return SemanticLayer(project)


@pytest.fixture(params=["shipped_warehouse", "real_warehouse"])
def warehouse(request: pytest.FixtureRequest) -> Build:
    """The warehouse on simulated, then on real data; real data may be absent."""
    found: Build = request.getfixturevalue(request.param)
    return found


# What a metric stands on --------------------------------------------------------------


def test_measures_stand_on_the_additive_cells_only(layer: SemanticLayer) -> None:
    models = layer.manifest["semantic_models"]
    measured = {each["node_relation"]["alias"] for each in models if each["measures"]}
    assert measured == {ADDITIVE}
    used = {each["node_relation"]["alias"] for each in models}
    assert used == {ADDITIVE} | NAMING


def test_what_splits_a_cell_is_no_dimension(layer: SemanticLayer) -> None:
    """Facet, category and geography are fixed in each measure."""
    for model in layer.manifest["semantic_models"]:
        if not model["measures"]:
            continue
        assert [each["name"] for each in model["dimensions"]] == ["no_time"]
        for measure in model["measures"]:
            assert "geo_level = 'global'" in measure["expr"], measure["name"]
            assert "facet = '" in measure["expr"], measure["name"]


def test_keys_of_joined_tables_are_unique(
    layer: SemanticLayer, warehouse: Build
) -> None:
    """MetricFlow believes them; a key that repeats would multiply counts."""
    keys = [
        (model["node_relation"], entity["expr"])
        for model in layer.manifest["semantic_models"]
        for entity in model["entities"]
        if entity["type"] in ("primary", "unique")
    ]
    assert len(keys) == 2 + len(RULES)
    for relation, key in keys:
        ((filled, distinct),) = warehouse.query(
            f"select count({key}), count(distinct {key}) "
            f"from {relation['schema_name']}.{relation['alias']}"
        )
        assert filled == distinct > 0, key


def test_every_plain_sum_says_that_it_is_unguarded(layer: SemanticLayer) -> None:
    for name, metric in layer.metrics.items():
        if metric["type"] == "simple":
            assert name.startswith("unguarded_") or name in GUARDS
        else:
            assert metric["type"] == "derived"
            assert "unguarded" not in name


def test_every_share_has_its_numerator_and_base(layer: SemanticLayer) -> None:
    shares = [name for name in layer.guarded if name.endswith("_pct")]
    assert len(shares) >= 25
    for name in shares:
        meta = layer.meta(name)
        for part in (meta["numerator"], meta["base"]):
            assert layer.meta(part)["kind"] == "count"
        params = layer.metrics[name]["type_params"]
        assert {each["name"] for each in params["metrics"]} >= {
            meta["numerator"],
            meta["base"],
        }
        assert f"nullif({meta['base']}, 0)" in params["expr"]


def test_every_metric_is_described(layer: SemanticLayer) -> None:
    for name, metric in layer.metrics.items():
        assert metric["label"] and metric["description"], name
        assert "{{" not in metric["description"], name
    for name in layer.guarded:
        if "pattern" in layer.meta(name).get("where", "") and name.endswith("_pct"):
            assert (
                "A pattern is not an intent" in layer.metrics[name]["description"]
                or layer.meta(name)["kind"] == "bound"
            ), name
    assert "it is not learning" in layer.metrics["success_pct"]["description"]


# Answers equal the marts --------------------------------------------------------------


@functools.cache
def mart_values(file: Path, mart: str, column: str, where: str) -> dict[Key, Any]:
    """The values of a mart column by release, platform, scope and rule."""
    found = query(
        file,
        "select release_id, platform, scope, allocation_rule, "
        f"{column} from marts.{mart} where {where}",
    )
    values = {row[:4]: row[4] for row in found}
    assert len(values) == len(found)
    return values


def differences(
    layer: SemanticLayer, file: Path, answer: Answer, scope: str, rule: str = ""
) -> tuple[int, list[str]]:
    """How many values were compared, and those that differ from the mart.

    Without a rule the metric itself has one. Where a copy lacks a facet the mart has no
    row, and the metric must be NULL, but for the base, which comes from task totals.
    """
    compared = 0
    found = []
    for name in next(iter(answer.values())):
        meta = layer.meta(name)
        if "mart" not in meta:
            continue
        values = mart_values(file, meta["mart"], meta["column"], meta["where"])
        mart = {
            key[:2]: value
            for key, value in values.items()
            if key[2] == scope and rule in ("", key[3])
        }
        for key in {*mart, *answer}:
            if name == "conversations" and key not in mart:
                continue
            seen, expected = answer.get(key, {}).get(name), mart.get(key)
            compared += expected is not None
            if (seen is None) != (expected is None) or (
                seen is not None and seen != pytest.approx(expected, rel=1e-9)
            ):
                found.append(f"{name} of {scope} {key}: {seen}, the mart {expected}")
    return compared, found


def test_every_metric_names_its_mart_column(layer: SemanticLayer) -> None:
    without = {name for name in layer.guarded if "mart" not in layer.meta(name)}
    numerators = {
        layer.meta(name).get("numerator")
        for name in layer.guarded
        if layer.meta(name)["kind"] == "bound" and "mart" in layer.meta(name)
    }
    assert without <= numerators


def test_education_shares_equal_the_mart(
    layer: SemanticLayer, warehouse: Build
) -> None:
    metrics = [name for name in layer.guarded if layer.of_whole_samples(name)]
    assert len(metrics) == 3 + 4 * len(RULES)
    answer = layer.ask(warehouse.file, metrics)
    compared, found = differences(layer, warehouse.file, answer, "education")
    assert found == []
    assert compared == len(metrics) * len(answer) > 0


def within_tasks(layer: SemanticLayer) -> list[str]:
    """The metrics that can be split by task."""
    return [name for name in layer.guarded if not layer.of_whole_samples(name)]


# Scopes of the marts as filters of mf query.
SCOPES = {
    "education": "{{{{ Dimension('task__is_education_{rule}') }}}}",
    "non_education": (
        "{{{{ Dimension('task__is_education_{rule}') }}}} is null "
        "and {{{{ Dimension('task__is_pseudo_task') }}}} = false"
    ),
    "all_named": "{{{{ Dimension('task__is_pseudo_task') }}}} = false",
    "all_with_pseudo": "",
}


@pytest.mark.parametrize(
    ("scope", "rule"),
    [
        *(("education", rule) for rule in RULES),
        *(("non_education", rule) for rule in RULES),
        # The same under every rule.
        ("all_named", "any_holder"),
        ("all_with_pseudo", "any_holder"),
    ],
)
def test_shares_within_a_scope_equal_the_marts(
    scope: str, rule: str, layer: SemanticLayer, warehouse: Build
) -> None:
    filters = [SCOPES[scope].format(rule=rule)] if SCOPES[scope] else []
    answer = layer.ask(warehouse.file, within_tasks(layer), where=filters)
    compared, found = differences(layer, warehouse.file, answer, scope, rule)
    assert found == []
    assert compared >= len(within_tasks(layer)) * 0.8


@pytest.mark.parametrize("rule", RULES)
def test_shares_within_subsectors_equal_the_marts(
    rule: str, layer: SemanticLayer, warehouse: Build
) -> None:
    metrics = within_tasks(layer)
    subsector = f"task__education_subsector_{rule}"
    answer = layer.ask(warehouse.file, metrics, (*SAMPLE, subsector))
    subsectors = {key[2] for key in answer} - {None}
    assert len(subsectors) == 5
    for name in subsectors:
        part = {key[:2]: row for key, row in answer.items() if key[2] == name}
        compared, found = differences(layer, warehouse.file, part, name, rule)
        assert found == []
        assert compared > 0


# Wrong questions ----------------------------------------------------------------------


def test_two_samples_pooled_give_null(
    layer: SemanticLayer, shipped_warehouse: Build
) -> None:
    """Simulated data hold two platforms of one release."""
    file = shipped_warehouse.file
    for group_by in ((), ("sample__release_id",), ("sample__is_simulated",)):
        (values,) = layer.ask(file, layer.guarded, group_by).values()
        assert {name: n for name, n in values.items() if n is not None} == {}
    # Not because nothing is there: one sample filtered answers without grouping.
    (values,) = layer.ask(
        file, layer.guarded, (), ["{{ Dimension('sample__platform') }} = 'claude_ai'"]
    ).values()
    assert [name for name, n in values.items() if n is None] == []


def test_two_releases_pooled_give_null(
    layer: SemanticLayer, real_warehouse: Build
) -> None:
    platform = ("sample__platform",)
    answer = layer.ask(real_warehouse.file, [*layer.guarded, "sample_count"], platform)
    pooled = {key: row for key, row in answer.items() if row["sample_count"] != 1}
    for values in pooled.values():
        assert {n for name, n in values.items() if name != "sample_count"} == {None}
    if not pooled:
        pytest.skip("the real files hold one release only")


def test_pooled_subsectors_give_null(
    layer: SemanticLayer, shipped_warehouse: Build
) -> None:
    subsector = ("task__education_subsector_any_holder",)
    metrics = [*within_tasks(layer), "sample_count"]
    answer = layer.ask(shipped_warehouse.file, metrics, subsector)
    assert {row["sample_count"] for row in answer.values()} == {2}
    for values in answer.values():
        assert {n for name, n in values.items() if name != "sample_count"} == {None}


@pytest.mark.parametrize(
    ("group_by", "where"),
    [
        ("task", ""),
        ("task__is_pseudo_task", ""),
        ("task__is_education_any_holder", ""),
        ("task__education_subsector_exclusive", ""),
        ("", "{{ Dimension('task__is_pseudo_task') }} = false"),
        ("", "{{ Dimension('task__is_education_lowest_code') }}"),
    ],
)
def test_whole_samples_are_not_split_by_task(
    group_by: str, where: str, layer: SemanticLayer, shipped_warehouse: Build
) -> None:
    """The education share of named tasks only would be a share of another base."""
    for name in layer.guarded:
        if not layer.of_whole_samples(name):
            continue
        with pytest.raises(InvalidQueryException, match="does not match any"):
            layer.ask(
                shipped_warehouse.file,
                [name],
                (*SAMPLE, group_by) if group_by else SAMPLE,
                [where] if where else [],
            )


@pytest.mark.parametrize(
    "group_by",
    [
        "task_cell__category",
        "task_cell__facet",
        "task_cell__geo_level",
        "sample__allocation_rule",
        "task__soc_major_group",
        "task__allocation_rule",
    ],
)
def test_no_metric_is_split_by_what_would_split_its_base(
    group_by: str, layer: SemanticLayer, shipped_warehouse: Build
) -> None:
    for name in ("learning_share_pct", "success_pct", "coursework_conversations"):
        with pytest.raises(InvalidQueryException, match="does not match any"):
            layer.ask(shipped_warehouse.file, [name], (*SAMPLE, group_by))


def test_there_is_no_time_to_add_up_over(
    layer: SemanticLayer, shipped_warehouse: Build
) -> None:
    answer = layer.ask(
        shipped_warehouse.file, ["learning_share_pct"], (*SAMPLE, "metric_time__day")
    )
    assert {key[2] for key in answer} == {None}


# mf itself ----------------------------------------------------------------------------


def test_mf_finds_nothing_wrong(layer: SemanticLayer, shipped_warehouse: Build) -> None:
    said = run(["mf", "validate-configs"], layer.project, shipped_warehouse.file)
    stages = re.findall(r"Successfully validated (.+?) \(ERRORS: (\d+), .*?\)", said)
    assert [name.split()[0] for name, _ in stages] == [
        "the",
        "semantic",
        "dimensions",
        "entities",
        "measures",
        "metrics",
    ]
    assert {errors for _, errors in stages} == {"0"}


def commands_of(page: Path) -> list[tuple[list[str], str]]:
    """The mf commands of a page, as words, each with the output printed below it."""
    text = page.read_text(encoding="utf-8")
    found = re.findall(r"```sh\n(DBT_TARGET=.*?)```\s+```text\n(.*?)```", text, re.S)
    commands = []
    for shell, output in found:
        lines = shell.replace("\\\n", " ").strip().splitlines()
        for line in lines:
            setting, *words = shlex.split(line)
            assert setting == "DBT_TARGET=published"
            assert words[0].startswith(".venv/bin/")
            commands.append(
                (
                    [words[0].removeprefix(".venv/bin/"), *words[1:]],
                    output if line == lines[-1] else "",
                )
            )
    return commands


def columns_of(table: str) -> list[list[str]]:
    """The words of a printed table, without its ruler."""
    return [line.split() for line in table.splitlines() if line and "---" not in line]


def test_documented_query_answers_as_documented(
    layer: SemanticLayer, shipped_warehouse: Build
) -> None:
    before = hashlib.sha256(shipped_warehouse.file.read_bytes()).hexdigest()
    commands = commands_of(CONNECT)
    assert [words[:2] for words, _ in commands] == [["dbt", "parse"], ["mf", "query"]]
    for words, output in commands:
        said = run(words, layer.project, shipped_warehouse.file)
        assert columns_of(said) == columns_of(output)
    # The file is opened read-only.
    after = hashlib.sha256(shipped_warehouse.file.read_bytes()).hexdigest()
    assert after == before


def test_mf_query_answers_as_the_mart(
    layer: SemanticLayer, shipped_warehouse: Build, tmp_path: Path
) -> None:
    metrics = ["success_pct", "success_base_conversations", "learning_pooled_share_pct"]
    file = tmp_path / "answer.csv"
    run(
        [
            *("mf", "query", "--quiet", "--csv", str(file)),
            *("--metrics", ",".join(metrics), "--group-by", ",".join(SAMPLE)),
            *("--where", SCOPES["education"].format(rule="lowest_code")),
        ],
        layer.project,
        shipped_warehouse.file,
    )
    with file.open(newline="") as handle:
        answer: Answer = {
            (row["sample__release_id"], row["sample__platform"]): {
                name: float(row[name]) for name in metrics
            }
            for row in csv.DictReader(handle)
        }
    assert {key[0] for key in answer} == {SHIPPED_RELEASE}
    compared, found = differences(
        layer, shipped_warehouse.file, answer, "education", "lowest_code"
    )
    assert found == []
    assert compared == 6


def test_published_target_cannot_be_written(
    layer: SemanticLayer, shipped_warehouse: Build
) -> None:
    ended = subprocess.run(
        [str(BIN / "dbt"), "run", "--select", "dim_allocation_rules"],
        cwd=layer.project,
        env=environment(shipped_warehouse.file),
        capture_output=True,
        text=True,
    )
    assert ended.returncode != 0
    assert "read-only mode" in ended.stdout
