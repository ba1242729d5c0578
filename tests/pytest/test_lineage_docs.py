"""The lineage docs: what they hold, and what of this machine they do not."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

import docs as docs_command
import pytest
import sqlglot
from conftest import PROJECT, Build
from dbt.contracts.graph.manifest import Manifest
from lineage import column_lineage, keys, pages
from lineage.column_lineage import put_in_order
from lineage.offline import POLICY, DocsError, replace_in, with_policy, without_paths

PAGES = ("index.html", "lineage.html")


@pytest.fixture(scope="module")
def docs(shipped_warehouse: Build) -> dict[str, str]:
    """The pages that the build wrote, by name."""
    folder = shipped_warehouse.file.parent / "docs"
    return {path.name: path.read_text("utf-8") for path in folder.iterdir()}


@pytest.fixture(scope="module")
def lineage(docs: dict[str, str]) -> dict[str, Any]:
    """The data inside the lineage page."""
    data = re.search(
        r'colibriData = JSON\.parse\(atob\("([^"]+)"\)\)', docs["lineage.html"]
    )
    assert data is not None
    found: dict[str, Any] = json.loads(base64.b64decode(data[1]))
    return found


@pytest.fixture(scope="module")
def marts(project_manifest: Manifest) -> set[str]:
    """The marts, by dbt's id."""
    return {
        key
        for key, node in project_manifest.nodes.items()
        if node.resource_type == "model" and node.schema == "marts"
    }


@pytest.fixture(scope="module")
def nodes(project_manifest: Manifest) -> dict[str, Any]:
    """The nodes of the parsed project, as in manifest.json."""
    # The whole manifest asks for the flags of a dbt command, which this process may not
    # have run.
    return {name: node.to_dict() for name, node in project_manifest.nodes.items()}


# The pages ----------------------------------------------------------------------------


def test_pages_forbid_every_request_and_telemetry_is_off(docs: dict[str, str]) -> None:
    assert sorted(docs) == sorted(PAGES)
    assert "default-src 'none'" in POLICY
    assert "connect-src 'none'" in POLICY
    for page in docs.values():
        assert POLICY in page[: page.index("<head>") + 1000]
    assert "<script>window.colibriTelemetry = false;</script>" in docs["lineage.html"]


def test_pages_name_no_folder_of_this_machine(
    docs: dict[str, str], lineage: dict[str, Any], shipped_warehouse: Build
) -> None:
    text = "".join([*docs.values(), json.dumps(lineage)])
    for folder in (PROJECT, shipped_warehouse.folder, Path.home(), "/tmp/"):
        assert str(folder) not in text
    # The raw files are still named, from the project's root.
    assert "'seeds/aei/' || manifest.relative_path" in docs["index.html"]


def test_every_model_is_in_the_docs_and_in_the_lineage(
    docs: dict[str, str], lineage: dict[str, Any], project_manifest: Manifest
) -> None:
    models = {
        key
        for key, node in project_manifest.nodes.items()
        if node.resource_type == "model"
    }
    assert {key for key in models if f'"{key}"' not in docs["index.html"]} == set()
    assert models - set(lineage["nodes"]) == set()


def test_column_that_an_inner_model_does_not_list_has_the_words_of_its_name(
    docs: dict[str, str], project_manifest: Manifest
) -> None:
    words = project_manifest.docs["doc.ai_in_education.sample_id"].block_contents
    assert docs["index.html"].count(json.dumps(words)[1:-1]) > 20


def test_changed_page_of_a_tool_is_an_error() -> None:
    assert replace_in("a b a", "a page", {"a": "c"}) == "c b c"
    with pytest.raises(DocsError, match="'x', which the docs replace"):
        replace_in("a b a", "a page", {"x": "c"})
    with pytest.raises(DocsError, match="no <head>"):
        with_policy("<html></html>", "a page")


def test_folders_of_this_machine_are_replaced_the_longest_first() -> None:
    text = json.dumps({"a": "/p/data/aei/x.csv", "b": "/p/models/y.sql", "c": "/p"})
    paths = {Path("/p"): "", Path("/p/data/aei"): "AEI_DATA_DIR"}
    assert json.loads(without_paths(text, paths)) == {
        "a": "AEI_DATA_DIR/x.csv",
        "b": "models/y.sql",
        "c": "",
    }


def test_data_folder_is_replaced_by_its_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "there")
    monkeypatch.setenv("AEI_DATA_DIR", str(tmp_path / "link"))
    text = json.dumps([f"{tmp_path}/link/a.csv", f"{tmp_path}/there/a.csv"])
    assert json.loads(without_paths(text, pages.paths_of_this_machine())) == [
        "AEI_DATA_DIR/a.csv",
        "AEI_DATA_DIR/a.csv",
    ]


def test_missing_artifact_says_what_writes_it(tmp_path: Path) -> None:
    with pytest.raises(DocsError, match="manifest.json is not in .* make docs"):
        pages.write(tmp_path, tmp_path / "docs")


# Column lineage -----------------------------------------------------------------------


def parents_of(lineage: dict[str, Any], model: str, column: str) -> set[str]:
    """The columns that a column of a model is made of, as table.column."""
    return {
        f"{edge['source'].rsplit('.', 1)[-1]}.{edge['sourceColumn']}"
        for edge in lineage["lineage"]["edges"]
        if edge["target"].endswith(f".{model}") and edge.get("targetColumn") == column
    }


def test_every_column_is_followed_and_others_would_be_named(
    shipped_warehouse: Build,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert "no column lineage" not in shipped_warehouse.stderr
    monkeypatch.setattr(column_lineage, "put_in_order", lambda query: False)
    pages.write(shipped_warehouse.folder / "target", tmp_path)
    assert "no column lineage: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("model", "column", "parents"),
    [
        ("fct_task_cells", "task_id", {"int_task_cells.task_id"}),
        (
            "fct_published_reconciliation",
            "published_value",
            {"published_numbers.published_value"},
        ),
        (
            "fct_use_case_shares",
            "share_pct",
            {"int_scope_figures.share_pct", "int_published_figures.share_pct"},
        ),
        # Both sides of a union whose parts name their columns in another order.
        ("int_mart_figures", "top_k", {"fct_task_concentration.top_k"}),
        (
            "int_mart_figures",
            "geo_id",
            {"fct_education_shares.geo_id", "fct_facet_shares.geo_id"},
        ),
    ],
)
def test_column_is_made_of(
    model: str, column: str, parents: set[str], lineage: dict[str, Any]
) -> None:
    assert parents_of(lineage, model, column) == parents


def test_mart_columns_without_parents_are_constants_and_row_counts(
    lineage: dict[str, Any],
) -> None:
    without = {
        f"{key.rsplit('.', 1)[-1]}.{column}"
        for key, node in lineage["nodes"].items()
        if node.get("schema") == "marts"
        for column in node["columns"]
        if not parents_of(lineage, key.rsplit(".", 1)[-1], column)
    }
    constants = {"share_base", "top_k", "is_simulated"}
    # what dbt says of itself
    constants |= {"dbt_version", "dbt_invocation_id"}
    counts = {
        "task_count",
        "holder_code_count",
        "affected_column_count",
        "country_count",
        "status",
    }
    assert {name.split(".")[1] for name in without} <= constants | counts


def test_union_by_name_is_put_in_order() -> None:
    query = sqlglot.parse_one(
        "select a, b from t union all by name select c, a from u", dialect="duckdb"
    )
    assert put_in_order(query)
    assert query.sql(dialect="duckdb") == (
        "SELECT a, b, NULL AS c FROM t UNION ALL SELECT a, NULL AS b, c FROM u"
    )
    assert not put_in_order(query)


# The keys of the marts ---------------------------------------------------------------


def test_every_key_test_of_the_marts_is_a_join(
    nodes: dict[str, Any], marts: set[str]
) -> None:
    joins = re.findall(r'"(\w+)" \}o--\|\| "(\w+)" : "([^"]+)"', keys.diagram(nodes))
    assert ("fct_task_cells", "dim_geographies", "geo_level, geo_id") in joins
    assert len(joins) >= 30
    tested = {
        (node["attached_node"].rsplit(".", 1)[-1], parent)
        for node in nodes.values()
        for parent in (node.get("test_metadata") or {"kwargs": {}})["kwargs"].get(
            "parents", []
        )
    }
    others = tested - {(child, parent) for child, parent, _ in joins}
    # The key of dim_estimators has the figure too: joining would add rows.
    assert {parent for _, parent in others} <= {"dim_estimators"}
    for child, parent, columns in joins:
        key = nodes[f"model.ai_in_education.{parent}"]["config"]["meta"]["grain"]
        assert set(columns.split(", ")) == set(key), f"{child} joins {parent}"
        on = columns.replace(", ", "`, `")
        row = rf"\| \[{child}\]\(#!/model/.*`{parent}` on `{on}`"
        assert re.search(row, keys.section(nodes)), f"{child} joins {parent}"


def test_overview_says_the_keys_of_every_mart(
    docs: dict[str, str], marts: set[str]
) -> None:
    assert [key for key in marts if f"(#!/model/{key})" not in docs["index.html"]] == []


def test_diagram_of_the_docs_is_up_to_date(nodes: dict[str, Any]) -> None:
    assert docs_command.DIAGRAM.read_text(encoding="utf-8") == keys.page(nodes), (
        "run make docs, and commit docs/entity-relationships.md"
    )


# Exposures ----------------------------------------------------------------------------


def test_every_exposure_says_questions_caveats_and_owner(
    project_manifest: Manifest,
) -> None:
    exposures = {each.name: each for each in project_manifest.exposures.values()}
    assert {"report_page", "workbook", "superset_dashboard"} <= set(exposures)
    for name, exposure in exposures.items():
        assert exposure.owner.name == "maintainers", name
        assert len(exposure.description) > 150, name
        assert all(
            project_manifest.nodes[parent].schema == "marts"
            for parent in exposure.depends_on.nodes
        ), name


def test_every_mart_is_behind_an_exposure(
    project_manifest: Manifest, marts: set[str]
) -> None:
    exposed = {
        parent
        for exposure in project_manifest.exposures.values()
        for parent in exposure.depends_on.nodes
    }
    assert marts - exposed == set()
