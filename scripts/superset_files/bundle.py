"""The bundle that Superset imports, made of the files in ``dashboard`` and a warehouse.

The files hold what is ours: charts, filters, metrics, layout, each said once. The rest
is filled in here: the columns of a dataset, their types and all descriptions are those
of the warehouse file; filters, query and place of a chart follow from what the files
say of its mart, its kind and the page.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import duckdb
import yaml
from warehouse.errors import WarehouseError
from warehouse.reading import records

FILES = Path(__file__).resolve().parent / "dashboard"
ROOT = "ai_in_education"
MARTS = "marts"
VERSION = {"version": "1.0.0"}
Config = dict[str, Any]


class BundleError(WarehouseError):
    """The files don't fit the warehouse; the text is for the person who made them."""


def read_files() -> Config:
    """What the files say: database, datasets, metrics, columns, charts, page."""
    read = {
        path.stem: yaml.safe_load(path.read_text("utf-8"))
        for path in FILES.glob("*.yaml")
    }
    return read["marts"] | {"page": read["page"], "charts": read["charts"]}


def address(warehouse: Path) -> str:
    """The SQLAlchemy address of a warehouse file."""
    return f"duckdb:///{warehouse.resolve()}"


# What the warehouse says --------------------------------------------------------------


def dataset(files: Config, mart: str, con: duckdb.DuckDBPyConnection) -> Config:
    """A dataset with the description and the columns of its mart.

    Columns computed by an expression stand behind those of the table. Raises
    BundleError when there is no such table.
    """
    ours = files["datasets"][mart]
    found = con.execute(
        "select comment from duckdb_tables() where schema_name = ? and table_name = ?",
        [MARTS, mart],
    ).fetchone()
    if found is None:
        raise BundleError(
            f"The warehouse has no table {MARTS}.{mart}, which a dataset of the "
            "dashboard needs. Build it again with make warehouse."
        )
    of_table = records(
        con,
        "select column_name, data_type as type, comment as description, "
        "data_type = 'DATE' or data_type like 'TIMESTAMP%' as is_dttm "
        "from duckdb_columns() where schema_name = ? and table_name = ? "
        "order by column_index",
        [MARTS, mart],
    )
    own = [{"column_name": name} | files["columns"][name] for name in ours["columns"]]
    shown = {"groupby": True, "filterable": True, "is_active": True}
    return VERSION | {
        "table_name": mart,
        "schema": MARTS,
        "description": found[0],
        "columns": [column | shown for column in of_table + own],
        "metrics": [
            {"metric_name": name} | files["metrics"][name] for name in ours["metrics"]
        ],
        "uuid": ours["uuid"],
        "database_uuid": files["database"]["uuid"],
    }


# Charts -------------------------------------------------------------------------------


def chart(files: Config, name: str) -> Config:
    """A chart with its settings and the query that Superset saves beside them.

    The dataset's number in the query is Superset's: it is filled in on import.
    """
    ours, charts = files["charts"]["charts"][name], files["charts"]
    mart = files["datasets"][ours["mart"]]
    params = charts["kinds"][ours["kind"]] | ours.get("settings", {})
    params["adhoc_filters"] = [
        {
            "clause": "WHERE",
            "expressionType": "SIMPLE",
            "subject": column,
            "operator": "==",
            "operatorId": "EQUALS",
            "comparator": value,
        }
        for column, value in mart["definition"].items()
    ]
    if ours["kind"] == "table":
        shown = ours["columns"]
        params["all_columns"] = shown
        # -share_pct: the largest first
        params["order_by_cols"] = [
            json.dumps([each.removeprefix("-"), not each.startswith("-")])
            for each in ours["order"]
        ]
        params["column_config"] = {
            column: charts["columns"][column]
            for column in shown
            if column in charts["columns"]
        }
    context = {
        "datasource": {"id": 0, "type": "table"},
        "force": False,
        "queries": [query_of(params)],
        "form_data": params,
        "result_format": "json",
        "result_type": "full",
    }
    return VERSION | {
        "slice_name": ours["title"],
        "description": ours["description"],
        "viz_type": params["viz_type"],
        "params": params,
        "uuid": ours["uuid"],
        "dataset_uuid": mart["uuid"],
        "query_context": json.dumps(context),
    }


def query_of(params: Config) -> Config:
    """The query of a chart: rows of a table as they are, or bars by categories.

    Bars come back pivoted: one row per category of the axis, one column per series.
    Raises BundleError on a kind of chart that the dashboard does not use.
    """
    kind = params["viz_type"]
    query: Config = {
        "filters": [
            {"col": each["subject"], "op": each["operator"], "val": each["comparator"]}
            for each in params["adhoc_filters"]
        ],
        "extras": {"having": "", "where": ""},
        "row_limit": params["row_limit"],
        "annotation_layers": [],
    }
    if kind == "table" and params.get("query_mode") == "raw":
        return query | {
            "columns": params["all_columns"],
            "orderby": [json.loads(each) for each in params["order_by_cols"]],
            "post_processing": [],
        }
    if kind != "echarts_timeseries_bar":
        raise BundleError(
            f"A chart is of the kind {kind}; expected table in raw mode or "
            "echarts_timeseries_bar. Teach query_of the kind."
        )
    axis, series, metrics = params["x_axis"], params["groupby"], params["metrics"]
    column = {
        "columnType": "BASE_AXIS",
        "sqlExpression": axis,
        "label": axis,
        "expressionType": "SQL",
        "isColumnReference": True,
    }
    pivot = {
        "operation": "pivot",
        "options": {
            "index": [axis],
            "columns": series,
            # One row per cell, so that the mean is that row.
            "aggregates": {metric: {"operator": "mean"} for metric in metrics},
            "drop_missing_columns": False,
        },
    }
    # Of one metric, a series is named by its categories alone.
    rename = {
        "operation": "rename",
        "options": {"columns": {metrics[0]: None}, "level": 0, "inplace": True},
    }
    return query | {
        "columns": [column, *series],
        "metrics": metrics,
        "series_columns": series,
        "orderby": [[metrics[0], False]],
        "post_processing": [
            pivot,
            *([rename] if series and len(metrics) == 1 else []),
            {"operation": "flatten"},
        ],
    }


def check_names(path: str, params: Config, dataset: Config) -> None:
    """Raise BundleError when a chart names what its dataset does not have.

    Superset imports such a chart without a word.
    """
    query = query_of(params)
    used = {
        *(
            each if isinstance(each, str) else each["label"]
            for each in query["columns"]
        ),
        *(name for name, _ in query["orderby"]),
        *(each["col"] for each in query["filters"]),
        *query.get("metrics", []),
    }
    known = {each["column_name"] for each in dataset["columns"]}
    known |= {each["metric_name"] for each in dataset["metrics"]}
    if missing := sorted(used - known):
        raise BundleError(
            f"{path} names {', '.join(missing)}; expected columns or metrics of "
            f"{dataset['table_name']}. Mend the files in {FILES.name}, or the mart."
        )


# The page -----------------------------------------------------------------------------


def page(files: Config) -> Config:
    """The dashboard: rows of charts and texts, and the filters above them."""
    ours = files["page"]
    position: Config = {"DASHBOARD_VERSION_KEY": "v2"}

    def put(kind: str, name: str, above: list[str], meta: Config | None = None) -> None:
        position[name] = {"type": kind, "id": name}
        position[name] |= {"parents": above} if above else {}
        position[name] |= {"meta": meta} if meta else {}
        if above:
            position[above[-1]].setdefault("children", []).append(name)

    put("ROOT", "ROOT_ID", [])
    put("GRID", "GRID_ID", ["ROOT_ID"])
    put("HEADER", "HEADER_ID", [], {"text": ours["title"]})
    numbers = iter(range(1, 100))
    for number, row in enumerate(ours["rows"], 1):
        above = ["ROOT_ID", "GRID_ID"]
        put("ROW", f"ROW-{number}", above, {"background": "BACKGROUND_TRANSPARENT"})
        for name, width in row["cells"].items():
            meta: Config = {"width": width, "height": row["height"]}
            if name in ours["texts"]:
                kind, meta["code"] = "MARKDOWN", ours["texts"][name]
            else:
                shown = files["charts"]["charts"][name]
                kind, meta["chartId"] = "CHART", next(numbers)
                meta |= {"uuid": shown["uuid"], "sliceName": shown["title"]}
            put(kind, f"{kind}-{name}", [*above, f"ROW-{number}"], meta)
            position[f"{kind}-{name}"]["children"] = []
    return VERSION | {
        "dashboard_title": ours["title"],
        "description": ours["description"],
        "slug": ours["slug"],
        "published": True,
        "uuid": ours["uuid"],
        "position": position,
        "metadata": ours["settings"]
        | {
            "native_filter_configuration": [
                page_filter(files, name) for name in ours["filters"]
            ]
        },
    }


def page_filter(files: Config, name: str) -> Config:
    """A filter of the dashboard: any values of a column, for some of its rows."""
    ours = files["page"]["filters"][name]
    uuid = files["datasets"][ours["mart"]]["uuid"]
    return files["page"]["filter_settings"] | {
        "id": f"NATIVE_FILTER-{name}",
        "name": ours["name"],
        "description": ours["description"],
        "targets": [{"column": {"name": ours["column"]}, "datasetUuid": uuid}],
        "scope": {
            "rootPath": [f"ROW-{number}" for number in ours["rows"]],
            "excluded": [],
        },
    }


# The bundle ---------------------------------------------------------------------------


def configs(files: Config, warehouse: Path) -> dict[str, Config]:
    """The files of the bundle by path, filled from a warehouse. Raises BundleError."""
    with duckdb.connect(str(warehouse), read_only=True) as con:
        datasets = {mart: dataset(files, mart, con) for mart in files["datasets"]}
    made = {
        f"databases/{ROOT}.yaml": VERSION
        | files["database"]
        | {"sqlalchemy_uri": address(warehouse)},
        f"dashboards/{ROOT}.yaml": page(files),
    }
    made |= {f"datasets/{ROOT}/{mart}.yaml": each for mart, each in datasets.items()}
    for name, ours in files["charts"]["charts"].items():
        path = f"charts/{name}.yaml"
        made[path] = chart(files, name)
        check_names(path, made[path]["params"], datasets[ours["mart"]])
    return made


def write_bundle(warehouse: Path, file: Path, kind: str = "Dashboard") -> None:
    """Write the zip that Superset imports.

    A bundle of the kind ``Dashboard`` is what a person imports: what exists already
    under the same ids stays as it is, but for the dashboard. ``assets`` replaces all.
    """
    filled = configs(read_files(), warehouse)
    metadata = {"type": kind, "timestamp": "2026-01-01T00:00:00+00:00"}
    filled["metadata.yaml"] = VERSION | metadata
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as bundle:
        for path, config in filled.items():
            text = yaml.safe_dump(config, sort_keys=False, allow_unicode=True)
            # A fixed date, so that the same files make the same bytes.
            bundle.writestr(zipfile.ZipInfo(f"{ROOT}/{path}"), text)
