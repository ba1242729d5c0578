"""The semantic layer: metrics equal the marts, wrong questions get no number."""

from __future__ import annotations

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
from conftest import PROJECT, Build, copy_project
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
from oracle_marts import compared

CONNECT = PROJECT / "docs" / "connect.md"
BIN = Path(sys.executable).parent
SAMPLE = ("sample__release_id", "sample__platform", "sample__window_start_date")
# One value of each of these is one question.
QUESTION = (
    *SAMPLE,
    "question__allocation_rule",
    "question__scope",
    "question__figure",
    "question__estimator",
    "question__category",
)
COUNT = "question_count"
# The columns of a figure's mart that QUESTION and METRICS must equal, in their order.
# The marts' count of a mean over tasks is a weight; the numerator is share times base.
METRICS = (
    "conversations",
    "base_conversations",
    "share_pct",
    "share_low_pct",
    "share_high_pct",
)
# Of a release of percentages there is nothing to add up, so no metric.
COUNTED = """
    semi join (from marts.dim_releases where count_basis <> 'percent_only')
    using (release_id, platform, window_start_date)
"""
MARTS = {
    "scope_share": """
        select
            {sample}, allocation_rule, scope, 'scope_share', share_base, 'all',
            conversation_count, base_conversation_count, share_pct,
            case share_base when 'all_conversations' then bound_low_pct end,
            case share_base when 'all_conversations' then bound_high_pct end
        from marts.fct_education_shares {counted} where geo_level = 'global'
    """,
    "pattern": """
        select
            {sample}, allocation_rule, scope, 'pattern', estimator, pattern,
            case
                when estimator = 'task_renormalised'
                    then share_pct * base_conversation_count / 100
                else conversation_count
            end,
            base_conversation_count, share_pct, bound_low_pct, bound_high_pct
        from marts.fct_interaction_patterns {counted} where task_count is not null
    """,
    "use_case": """
        select
            {sample}, allocation_rule, scope, 'use_case', estimator, use_case,
            case
                when estimator = 'task_renormalised'
                    then share_pct * base_conversation_count / 100
                else conversation_count
            end,
            base_conversation_count, share_pct, bound_low_pct, bound_high_pct
        from marts.fct_use_case_shares {counted} where task_count is not null
    """,
    "success": """
        select
            {sample}, allocation_rule, scope, 'success', estimator, 'yes',
            success_pct * base_conversation_count / 100,
            base_conversation_count, success_pct, bound_low_pct, bound_high_pct
        from marts.fct_task_success {counted} where task_count is not null
    """,
}

Key = tuple[str | None, ...]
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

    @property
    def guarded(self) -> list[str]:
        """The metrics for readers: all that are not plain sums or the count."""
        return [name for name, each in self.metrics.items() if each["type"] != "simple"]

    # It is the same of whatever file it asks.
    @functools.cache  # noqa: B019
    def sql(
        self,
        metrics: tuple[str, ...],
        group_by: tuple[str, ...],
        where: tuple[str, ...],
    ) -> str:
        """The SQL of a question."""
        request = MetricFlowQueryRequest.create(
            metric_names=list(metrics),
            group_by_names=list(group_by),
            where_constraints=list(where) or None,
        )
        return self.engine.explain(request).sql_statement.sql

    def ask(
        self,
        file: Path,
        metrics: Sequence[str],
        group_by: Sequence[str] = QUESTION,
        **chosen: str,
    ) -> Answer:
        """The answer by the values of group_by, where dimensions have chosen values."""
        where = [f"{{{{ Dimension('{name}') }}}} = {chosen[name]}" for name in chosen]
        sql = self.sql(tuple(metrics), tuple(group_by), tuple(where))
        answer: Answer = {}
        with duckdb.connect(str(file), read_only=True) as con:
            result = con.execute(sql)
            names = [column[0] for column in result.description]
            for values in result.fetchall():
                row = dict(zip(names, values, strict=True))
                key = tuple(row.pop(name) for name in group_by)
                assert key not in answer
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


def documented() -> tuple[list[str], list[str], str]:
    """The printed commands that parse and ask, as `run` takes them, and the answer."""
    text = CONNECT.read_text(encoding="utf-8")
    ((shell, printed),) = re.findall(
        r"```sh\n(DBT_TARGET=.*?)```\s+```text\n(.*?)```", text, re.S
    )
    lines = re.split(r"\n(?=DBT_TARGET)", shell.replace("\\\n", " "))
    parse, ask = (shlex.split(line) for line in lines)
    assert parse[:2] == ["DBT_TARGET=published", ".venv/bin/dbt"]
    assert ask[:2] == ["DBT_TARGET=published", ".venv/bin/mf"]
    return ["dbt", *parse[2:]], ["mf", *ask[2:]], printed


@pytest.fixture(scope="module")
def layer(
    shipped_warehouse: Build, tmp_path_factory: pytest.TempPathFactory
) -> SemanticLayer:
    """The semantic layer of a copy of the project, parsed as documented."""
    project = copy_project(tmp_path_factory.mktemp("metrics") / "project")
    parse, _, _ = documented()
    run(parse, project, shipped_warehouse.file)
    return SemanticLayer(project)


@pytest.fixture(params=["shipped_warehouse", "real_warehouse"])
def warehouse(request: pytest.FixtureRequest) -> Build:
    """The warehouse on simulated, then on real data; real data may be absent."""
    found: Build = request.getfixturevalue(request.param)
    return found


# What a metric stands on --------------------------------------------------------------


def test_only_guarded_metrics_have_names_for_readers(layer: SemanticLayer) -> None:
    plain = set(layer.metrics) - set(layer.guarded)
    assert {name for name in plain if not name.startswith("unguarded_")} == {COUNT}
    for name in layer.guarded:
        params = layer.metrics[name]["type_params"]
        inputs = {each["name"] for each in params["metrics"]}
        if name.endswith("_pct"):
            assert "base_conversations" in inputs <= set(layer.guarded)
        else:
            assert COUNT in inputs and f"{COUNT} = 1" in params["expr"]


def test_question_is_all_that_a_row_has_but_its_task(
    layer: SemanticLayer, warehouse: Build
) -> None:
    """A figure, estimator or category that the count leaves out would be added up."""
    (measure,) = (
        measure
        for model in layer.manifest["semantic_models"]
        for measure in model["measures"]
        if measure["name"] == COUNT
    )
    ((rows, questions, tasks),) = warehouse.query(
        f"select count(*), count(distinct {measure['expr']}), "
        f"count(distinct {measure['expr'].strip()[:-1]}, coalesce(task_id, ''))) "
        "from intermediate.int_scope_ratios"
    )
    assert rows == tasks > questions > 0


def test_keys_of_joined_tables_are_unique(
    layer: SemanticLayer, warehouse: Build
) -> None:
    """MetricFlow believes them; a key that repeats would multiply counts."""
    keys = [
        (model["node_relation"]["alias"], entity["expr"])
        for model in layer.manifest["semantic_models"]
        for entity in model["entities"]
        if entity["type"] in ("primary", "unique")
    ]
    assert sorted(table for table, _ in keys) == ["dim_releases", "dim_tasks"]
    for table, key in keys:
        ((rows, distinct),) = warehouse.query(
            f"select count(*), count(distinct {key}) from marts.{table}"
        )
        assert rows == distinct > 0, key


def test_every_metric_is_described(layer: SemanticLayer) -> None:
    for name, metric in layer.metrics.items():
        assert metric["label"] and metric["description"], name
        assert "{{" not in metric["description"], name
    said = layer.metrics["share_pct"]["description"]
    for caveat in ("pattern is not an intent", "it is not learning", "not students"):
        assert caveat in said


# Answers equal the marts --------------------------------------------------------------


@pytest.mark.parametrize("figure", MARTS)
def test_every_answer_equals_the_mart(
    figure: str, layer: SemanticLayer, warehouse: Build
) -> None:
    """Every rule, scope, estimator and category; NULL where the mart has none."""
    size = len(QUESTION)
    query = MARTS[figure].format(
        sample="release_id, platform, cast(window_start_date as varchar)",
        counted=COUNTED,
    )
    mart = {
        row[:size]: dict(zip(METRICS, row[size:], strict=True))
        for row in warehouse.query(query)
    }
    assert all(key[2] for key in mart)
    answer = layer.ask(warehouse.file, METRICS, question__figure=f"'{figure}'")
    assert compared(mart, answer) == []


def test_every_rule_and_scope_is_asked(layer: SemanticLayer, warehouse: Build) -> None:
    """A figure that nothing holds could not differ from its mart."""
    answer = layer.ask(warehouse.file, ["share_pct"])
    filled = {key for key, row in answer.items() if row["share_pct"] is not None}
    for position, mart, column in (
        (
            3,
            "dim_allocation_rules where allocation_rule <> 'published'",
            "allocation_rule",
        ),
        (4, "dim_scopes", "scope"),
    ):
        known = {
            row[0] for row in warehouse.query(f"select {column} from marts.{mart}")
        }
        assert {key[position] for key in filled} == known
    figures = {key[5] for key in filled}
    # The copy of the real files may lack facets.
    assert figures <= set(MARTS) and {"scope_share", "pattern"} <= figures


def test_tasks_add_up_to_their_scope(
    layer: SemanticLayer, shipped_warehouse: Build
) -> None:
    for estimator in ("all_conversations", "task_renormalised"):
        chosen = {
            "question__allocation_rule": "'equal_split'",
            "question__scope": "'k12'",
            "question__figure": "'pattern'",
            "question__estimator": f"'{estimator}'",
        }
        metrics = ("conversations", "base_conversations")
        file = shipped_warehouse.file
        whole = layer.ask(file, metrics, **chosen)
        tasks = layer.ask(file, metrics, (*QUESTION, "task"), **chosen)
        assert len(tasks) > 2 * len(whole)
        for key, row in whole.items():
            parts = [part for task, part in tasks.items() if task[:-1] == key]
            for name in metrics:
                filled = [part[name] for part in parts if part[name] is not None]
                assert sum(filled) == pytest.approx(row[name] or 0, rel=1e-9)


# Wrong questions ----------------------------------------------------------------------


@pytest.mark.parametrize("left_out", range(len(QUESTION)))
def test_pooled_questions_give_null(
    left_out: int, layer: SemanticLayer, shipped_warehouse: Build
) -> None:
    """Whatever is neither grouped by nor filtered: one value of it, or no number."""
    group_by = [name for n, name in enumerate(QUESTION) if n != left_out]
    answer = layer.ask(shipped_warehouse.file, [*layer.guarded, COUNT], group_by)
    pooled = [row for row in answer.values() if row[COUNT] != 1]
    for row in pooled:
        assert {value for name, value in row.items() if name != COUNT} == {None}
    column, *others = [
        QUESTION[n].split("__")[1]
        for n in sorted(range(len(QUESTION)), key=lambda n: n != left_out)
    ]
    overlapping = shipped_warehouse.query(
        f"select {', '.join(others)} from intermediate.int_scope_ratios "
        f"group by all having count(distinct {column}) > 1"
    )
    assert len(pooled) == len(overlapping)


def test_nothing_at_all_gives_null(
    layer: SemanticLayer, shipped_warehouse: Build
) -> None:
    for group_by in ((), ("sample__is_simulated",), ("task",)):
        answer = layer.ask(shipped_warehouse.file, layer.guarded, group_by)
        for values in answer.values():
            assert set(values.values()) == {None}


def test_scope_share_cannot_be_split_by_task(
    layer: SemanticLayer, shipped_warehouse: Build
) -> None:
    """The share in named tasks only would be a share of another base."""
    file, share = shipped_warehouse.file, {"question__figure": "'scope_share'"}
    for dimension in ("task", "task__is_pseudo_task", "task__task_statement"):
        answer = layer.ask(file, ["share_pct"], (*QUESTION, dimension), **share)
        assert {key[-1] for key in answer} == {None}
    assert layer.ask(file, ["share_pct"], **share, task__is_pseudo_task="false") == {}


@pytest.mark.parametrize(
    "group_by", ["task__soc_major_group", "question__geo_id", "task__allocation_rule"]
)
def test_what_would_split_a_base_is_no_dimension(
    group_by: str, layer: SemanticLayer, shipped_warehouse: Build
) -> None:
    with pytest.raises(InvalidQueryException, match="does not match any"):
        layer.ask(shipped_warehouse.file, ["share_pct"], (*QUESTION, group_by))


def test_there_is_no_time_to_add_up_over(
    layer: SemanticLayer, shipped_warehouse: Build
) -> None:
    time = "metric_time__day"
    answer = layer.ask(shipped_warehouse.file, ["share_pct"], (*QUESTION, time))
    assert {key[-1] for key in answer} == {None}


# mf itself ----------------------------------------------------------------------------


def test_mf_finds_nothing_wrong(layer: SemanticLayer, shipped_warehouse: Build) -> None:
    said = run(["mf", "validate-configs"], layer.project, shipped_warehouse.file)
    stages = re.findall(r"Successfully validated (.+?) \(ERRORS: (\d+), .*?\)", said)
    assert len(stages) == 6
    assert {errors for _, errors in stages} == {"0"}


def test_documented_query_answers_as_documented(
    layer: SemanticLayer, shipped_warehouse: Build
) -> None:
    """Run as printed, from a shell; the file is opened read-only."""
    before = hashlib.sha256(shipped_warehouse.file.read_bytes()).hexdigest()
    _, ask, printed = documented()
    said = run(ask, layer.project, shipped_warehouse.file)
    answered = [line.split() for line in said.splitlines()]
    shown = [line.split() for line in printed.splitlines() if "---" not in line]
    # There may be more rules than when the page was written.
    assert len(shown) > 1
    assert [line for line in shown if line not in answered] == []
    after = hashlib.sha256(shipped_warehouse.file.read_bytes()).hexdigest()
    assert after == before


def test_published_target_cannot_be_written(
    layer: SemanticLayer, shipped_warehouse: Build
) -> None:
    with pytest.raises(AssertionError, match="read-only mode"):
        run(
            ["dbt", "run", "--select", "dim_allocation_rules"],
            layer.project,
            shipped_warehouse.file,
        )
