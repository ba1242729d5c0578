"""The lineage docs: what they hold, and what of this machine they do not."""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlglot
import write_docs
from conftest import PROJECT, Build
from dbt.contracts.graph.manifest import Manifest
from lineage_docs import entity_relationships, offline
from lineage_docs.column_lineage import put_in_order
from lineage_docs.offline import DocsError, replace_in, with_policy, without_paths

PAGES = ("index.html", "lineage.html", "erd.html")


@pytest.fixture(scope="module")
def docs(
    shipped_warehouse: Build, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """The docs of the shipped warehouse, written from the target of its build."""
    folder = tmp_path_factory.mktemp("docs")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("AEI_DATA_DIR", raising=False)
        write_docs.write(shipped_warehouse.folder / "target", folder)
    yield folder


@pytest.fixture(scope="module")
def lineage(docs: Path) -> dict[str, Any]:
    """The data inside the lineage page."""
    page = (docs / "lineage.html").read_text(encoding="utf-8")
    data = re.search(r'colibriData = JSON\.parse\(atob\("([^"]+)"\)\)', page)
    assert data is not None
    found: dict[str, Any] = json.loads(base64.b64decode(data[1]))
    return found


@pytest.fixture(scope="module")
def entities(
    project_manifest: Manifest, tmp_path_factory: pytest.TempPathFactory
) -> entity_relationships.Entities:
    """The marts and their relations, from the parsed project."""
    folder = tmp_path_factory.mktemp("manifest")
    project_manifest.writable_manifest().write(str(folder / "manifest.json"))
    return entity_relationships.read(folder)


# The pages ----------------------------------------------------------------------------


def test_folder_holds_the_three_pages(docs: Path) -> None:
    assert sorted(path.name for path in docs.iterdir()) == sorted(PAGES)


@pytest.mark.parametrize("name", PAGES)
def test_page_forbids_every_request(name: str, docs: Path) -> None:
    page = (docs / name).read_text(encoding="utf-8")
    head = page[: page.index("<head>") + 1000]
    assert offline.POLICY in head
    assert "default-src 'none'" in offline.POLICY
    assert "connect-src 'none'" in offline.POLICY


def test_pages_name_no_folder_of_this_machine(
    docs: Path, lineage: dict[str, Any], shipped_warehouse: Build
) -> None:
    texts = {name: (docs / name).read_text(encoding="utf-8") for name in PAGES}
    texts["lineage data"] = json.dumps(lineage)
    folders = {str(PROJECT), str(shipped_warehouse.folder), str(Path.home()), "/tmp/"}
    found = {
        (name, folder)
        for name, text in texts.items()
        for folder in folders
        if folder in text
    }
    assert found == set()
    # The raw files are still named, from the project's root.
    assert "'seeds/aei/' || manifest.relative_path" in texts["index.html"]


def test_every_model_is_in_the_docs_and_in_the_lineage(
    docs: Path, lineage: dict[str, Any], project_manifest: Manifest
) -> None:
    page = (docs / "index.html").read_text(encoding="utf-8")
    models = {
        key
        for key, node in project_manifest.nodes.items()
        if node.resource_type == "model"
    }
    assert {key for key in models if f'"{key}"' not in page} == set()
    assert models - set(lineage["nodes"]) == set()


def test_lineage_page_has_its_telemetry_off(docs: Path) -> None:
    page = (docs / "lineage.html").read_text(encoding="utf-8")
    assert "<script>window.colibriTelemetry = false;</script>" in page


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
    assert json.loads(without_paths(text, write_docs.paths_of_this_machine())) == [
        "AEI_DATA_DIR/a.csv",
        "AEI_DATA_DIR/a.csv",
    ]


def test_missing_artifact_says_what_writes_it(tmp_path: Path) -> None:
    with pytest.raises(DocsError, match="manifest.json is not in .* make docs"):
        write_docs.write(tmp_path, tmp_path / "docs")


def test_missing_warehouse_says_what_builds_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = dict(os.environ)
    assert write_docs.main(["--warehouse", str(tmp_path / "none.duckdb")]) == 1
    assert "run make warehouse" in capsys.readouterr().err
    assert dict(os.environ) == before


# Column lineage -----------------------------------------------------------------------


def parents_of(lineage: dict[str, Any], model: str, column: str) -> set[str]:
    """The columns that a column of a model is made of, as table.column."""
    return {
        f"{edge['source'].rsplit('.', 1)[-1]}.{edge['sourceColumn']}"
        for edge in lineage["lineage"]["edges"]
        if edge["target"].endswith(f".{model}") and edge.get("targetColumn") == column
    }


def test_every_column_could_be_followed(
    shipped_warehouse: Build, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_docs.write(shipped_warehouse.folder / "target", tmp_path)
    assert "no column lineage" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("model", "column", "parents"),
    [
        ("fct_task_cells", "task_id", {"int_task_cells.task_id"}),
        (
            "fct_published_reconciliation",
            "published_value",
            {"published_numbers.published_value"},
        ),
        # Both sides of a union whose parts name their columns in another order.
        (
            "fct_use_case_shares",
            "geo_id",
            {"int_facet_cells.geo_id"},
        ),
        (
            "int_mart_figures",
            "top_k",
            {"fct_task_concentration.top_k"},
        ),
        (
            "int_mart_figures",
            "geo_id",
            {"fct_education_shares.geo_id", "fct_use_case_shares.geo_id"}
            | {"fct_facet_shares.geo_id"},
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
    constants = {"estimator", "share_base", "source_facet", "top_k", "is_simulated"}
    counts = {"task_count", "holder_code_count", "affected_column_count"}
    assert {
        name for name in without if name.split(".")[1] not in constants | counts
    } == (set())


def test_union_by_name_is_put_in_order() -> None:
    query = sqlglot.parse_one(
        "select a, b from t union all by name select c, a from u", dialect="duckdb"
    )
    assert put_in_order(query)
    assert query.sql(dialect="duckdb") == (
        "SELECT a, b, NULL AS c FROM t UNION ALL SELECT a, NULL AS b, c FROM u"
    )
    assert not put_in_order(query)


# Entity relationships -----------------------------------------------------------------


def test_every_key_test_of_the_marts_is_a_relation(
    entities: entity_relationships.Entities, project_manifest: Manifest
) -> None:
    marts = {
        key
        for key, node in project_manifest.nodes.items()
        if node.resource_type == "model" and node.schema == "marts"
    }
    tested = {
        (
            node.attached_node.rsplit(".", 1)[-1],
            tuple(node.test_metadata.kwargs["columns"]),
        )
        for node in project_manifest.nodes.values()
        if getattr(node, "test_metadata", None) is not None
        and node.test_metadata.name == "has_parent"
        and set(node.depends_on.nodes) <= marts
    }
    assert len(tested) >= 30
    assert {(child, tuple(columns)) for child, _, columns in entities.joins()} == tested


def test_relations_go_from_the_rows_to_the_one(
    entities: entity_relationships.Entities,
) -> None:
    assert ("fct_task_cells", "dim_geographies", ["geo_level", "geo_id"]) in (
        entities.joins()
    )
    for child, parent, columns in entities.joins():
        (table,) = (each for each in entities.tables if each.name == parent)
        key = {column.name for column in table.columns if column.is_primary_key}
        assert set(columns) == key, f"{child} joins {parent} on another key"


def test_diagram_of_the_docs_is_up_to_date(
    entities: entity_relationships.Entities,
) -> None:
    assert write_docs.DIAGRAM.read_text(encoding="utf-8") == (
        entity_relationships.markdown(entities)
    ), "run make docs, and commit docs/entity-relationships.md"


def test_diagram_page_shows_every_mart_and_relation(
    entities: entity_relationships.Entities, docs: Path
) -> None:
    page = (docs / "erd.html").read_text(encoding="utf-8")
    assert page.count("<rect ") == len(entities.tables)
    assert page.count("<path ") == len(entities.relations)
    assert [
        each.name for each in entities.tables if f">{each.name}</text>" not in page
    ] == []


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


def test_every_mart_is_behind_an_exposure(project_manifest: Manifest) -> None:
    marts = {
        key
        for key, node in project_manifest.nodes.items()
        if node.resource_type == "model" and node.schema == "marts"
    }
    exposed = {
        parent
        for exposure in project_manifest.exposures.values()
        for parent in exposure.depends_on.nodes
    }
    assert marts - exposed == set()
