"""The bundle that Superset imports, made of the files in ``export`` and a warehouse.

The files hold what is ours: charts, filters, metrics, layout. Everything else is said
once, elsewhere, and filled in here: the columns of a dataset, their types and all
descriptions are those of the warehouse file, and the query of a chart follows from its
settings as Superset's page makes it.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import duckdb
import yaml

EXPORT = Path(__file__).resolve().parent / "export"
ROOT = "ai_in_education"
TABLE = "table"
Config = dict[str, Any]


class BundleError(Exception):
    """The files don't fit the warehouse; the text is for the person who made them."""


def read_export(folder: Path = EXPORT) -> dict[str, Config]:
    """The files of the export by their path inside the bundle."""
    return {
        path.relative_to(folder).as_posix(): yaml.safe_load(path.read_text("utf-8"))
        for path in sorted(folder.rglob("*.yaml"))
    }


# What the warehouse says --------------------------------------------------------------


def address(warehouse: Path) -> str:
    """The SQLAlchemy address of a warehouse file."""
    return f"duckdb:///{warehouse.resolve()}"


def described(dataset: Config, con: duckdb.DuckDBPyConnection) -> Config:
    """A dataset with the description and the columns of its table.

    Columns of the file's own, computed by an expression, stand behind those of the
    table. Raises BundleError when there is no such table.
    """
    schema, table = dataset["schema"], dataset["table_name"]
    found = con.execute(
        "select comment from duckdb_tables() where schema_name = ? and table_name = ?",
        [schema, table],
    ).fetchone()
    if found is None:
        raise BundleError(
            f"The warehouse has no table {schema}.{table}, which a dataset of the "
            "dashboard needs. Build it again with make warehouse."
        )
    columns = con.execute(
        "select column_name, data_type, comment from duckdb_columns() "
        "where schema_name = ? and table_name = ? order by column_index",
        [schema, table],
    ).fetchall()
    of_table = [
        {
            "column_name": name,
            "type": data_type,
            "description": comment,
            "is_dttm": data_type == "DATE" or data_type.startswith("TIMESTAMP"),
            "groupby": True,
            "filterable": True,
            "is_active": True,
        }
        for name, data_type, comment in columns
    ]
    return dataset | {
        "description": found[0],
        "columns": of_table + dataset.get("columns", []),
    }


# The query of a chart -----------------------------------------------------------------


def filters_of(params: Config) -> list[Config]:
    """The filters of a chart's settings as its query has them."""
    return [
        {"col": each["subject"], "op": each["operator"], "val": each["comparator"]}
        for each in params["adhoc_filters"]
    ]


def query_of(params: Config) -> Config:
    """The query of a chart: rows of a table as they are, or bars by categories.

    Bars come back pivoted: one row per category of the axis, one column per series.
    Raises BundleError on a kind of chart that the dashboard does not use.
    """
    kind = params["viz_type"]
    query: Config = {
        "filters": filters_of(params),
        "extras": {"having": "", "where": ""},
        "row_limit": params["row_limit"],
        "annotation_layers": [],
    }
    if kind == TABLE and params.get("query_mode") == "raw":
        return query | {
            "columns": params["all_columns"],
            "orderby": [json.loads(each) for each in params["order_by_cols"]],
            "post_processing": [],
        }
    if kind != "echarts_timeseries_bar":
        raise BundleError(
            f"A chart is of the kind {kind}; expected {TABLE} in raw mode or "
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


def with_query(chart: Config) -> Config:
    """A chart with the query that Superset saves beside its settings, as JSON text.

    The dataset's number is Superset's: it is filled in on import.
    """
    context = {
        "datasource": {"id": 0, "type": "table"},
        "force": False,
        "queries": [query_of(chart["params"])],
        "form_data": chart["params"],
        "result_format": "json",
        "result_type": "full",
    }
    return chart | {"query_context": json.dumps(context)}


def used_names(params: Config) -> set[str]:
    """Every column and metric that a chart's settings name."""
    query = query_of(params)
    columns = {each for each in query["columns"] if isinstance(each, str)}
    ordered = {name for name, _ in query["orderby"]}
    filtered = {each["col"] for each in query["filters"]}
    own = {params["x_axis"]} if "x_axis" in params else set()
    return columns | ordered | filtered | own | set(query.get("metrics", []))


def check_names(configs: dict[str, Config]) -> None:
    """Raise BundleError when a chart names what its dataset does not have.

    Superset imports such a chart without a word.
    """
    datasets = {
        config["uuid"]: config
        for path, config in configs.items()
        if path.startswith("datasets/")
    }
    for path, chart in configs.items():
        if not path.startswith("charts/"):
            continue
        dataset = datasets[chart["dataset_uuid"]]
        known = {each["column_name"] for each in dataset["columns"]}
        known |= {each["metric_name"] for each in dataset["metrics"]}
        missing = sorted(used_names(chart["params"]) - known)
        if missing:
            raise BundleError(
                f"{path} names {', '.join(missing)}; expected columns or metrics of "
                f"{dataset['table_name']}. Mend the chart, or the mart."
            )


# The bundle ---------------------------------------------------------------------------


def configs(warehouse: Path, folder: Path = EXPORT) -> dict[str, Config]:
    """The files of the bundle by path, filled from a warehouse. Raises BundleError."""
    filled = read_export(folder)
    with duckdb.connect(str(warehouse), read_only=True) as con:
        for path, config in filled.items():
            if path.startswith("databases/"):
                filled[path] = config | {"sqlalchemy_uri": address(warehouse)}
            elif path.startswith("datasets/"):
                filled[path] = described(config, con)
    check_names(filled)
    return {
        path: with_query(config) if path.startswith("charts/") else config
        for path, config in filled.items()
    }


def write_bundle(warehouse: Path, file: Path, kind: str = "Dashboard") -> None:
    """Write the zip that Superset imports.

    A bundle of the kind ``Dashboard`` is what a person imports: what exists already
    under the same ids stays as it is, but for the dashboard. ``assets`` replaces all.
    """
    filled = configs(warehouse)
    filled["metadata.yaml"] = filled["metadata.yaml"] | {"type": kind}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as bundle:
        for path, config in filled.items():
            text = yaml.safe_dump(config, sort_keys=False, allow_unicode=True)
            # A fixed date, so that the same files make the same bytes.
            bundle.writestr(zipfile.ZipInfo(f"{ROOT}/{path}"), text)
