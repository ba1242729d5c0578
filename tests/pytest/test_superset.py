"""Apache Superset with the shipped dashboard: every value against the warehouse.

Superset answers 201 to a chart whose columns don't exist, and draws a page around an
error: what counts here are the values that come back. Run by make test-superset.
"""

from __future__ import annotations

import contextlib
import copy
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from conftest import PROJECT, Build
from dashboard import bundle, server
from dashboard.server import Api, Home, SupersetError
from playwright.sync_api import Page, Response, sync_playwright

pytestmark = [
    pytest.mark.superset,
    pytest.mark.skipif(
        not (server.ENVIRONMENT / "bin" / "superset").is_file(),
        reason="Superset is not installed: make .venv-superset (about 1 GB)",
    ),
]

EXPORT = bundle.read_export()
DATABASE = EXPORT["databases/ai_in_education.yaml"]
DATASETS = {
    each["uuid"]: each for path, each in EXPORT.items() if path.startswith("datasets/")
}
CHARTS = {
    each["uuid"]: each for path, each in EXPORT.items() if path.startswith("charts/")
}
NAMES = [chart["slice_name"] for chart in CHARTS.values()]
SCREENSHOT = PROJECT / "target" / "screenshots" / "superset.png"
DASHBOARD = "/superset/dashboard/ai-in-education/"
ALL = "(page_size:100)"
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # No name has an address, not even through a proxy: nothing can leave.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--no-proxy-server",
)

Rows = list[dict[str, Any]]
# Keys of a row, or of a bar, with its value.
Values = dict[tuple[Any, ...], Any]


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as listening:
        listening.bind((server.HOST, 0))
        return listening.getsockname()[1]


@dataclass(frozen=True)
class Served:
    """A Superset that runs, and the warehouse that it reads."""

    api: Api
    root: str
    home: Home
    warehouse: Build

    def charts(self) -> dict[str, int]:
        """The number of every chart by its name."""
        found = self.api.get("chart/", params={"q": ALL})["result"]
        return {chart["slice_name"]: chart["id"] for chart in found}

    def saved(self, number: int) -> dict[str, Any]:
        """A chart as Superset has it."""
        return self.api.get(f"chart/{number}")["result"]

    def data(self, context: str) -> Rows:
        """What the query of a chart, as JSON text, gives."""
        (result,) = self.api.post("chart/data", json=json.loads(context))["result"]
        return result["data"]


@pytest.fixture(scope="module")
def served(shipped_warehouse: Build) -> Iterator[Served]:
    """Superset on a free port, on the shipped warehouse, with nothing in it yet."""
    # Where `make superset` has it, so that a test can run that too.
    home = Home(shipped_warehouse.folder / "superset")
    password = home.secrets["password"]
    home.prepare()
    with server.running(home, free_port()) as root:
        yield Served(Api(root, password), root, home, shipped_warehouse)


# Databases and datasets through the API -----------------------------------------------


def marts(warehouse: Build) -> list[str]:
    """The names of the marts in the file."""
    found = warehouse.query(
        "select table_name from duckdb_tables() where schema_name = 'marts' order by 1"
    )
    return [name for (name,) in found]


@pytest.fixture(scope="module")
def database(served: Served) -> int:
    """The warehouse as a database of Superset, under the id that the export knows."""
    extra = {"engine_params": {"connect_args": {"read_only": True}}}
    return served.api.post(
        "database/",
        json={
            "database_name": DATABASE["database_name"],
            "sqlalchemy_uri": bundle.address(served.warehouse.file),
            "extra": json.dumps(extra),
            "uuid": DATABASE["uuid"],
        },
    )["id"]


@pytest.fixture(scope="module")
def datasets(served: Served, database: int) -> dict[str, int]:
    """A dataset per mart: through the API, but for those that the dashboard brings."""
    brought = {dataset["table_name"] for dataset in DATASETS.values()}
    return {
        mart: served.api.post(
            "dataset/",
            json={"database": database, "schema": "marts", "table_name": mart},
        )["id"]
        for mart in marts(served.warehouse)
        if mart not in brought
    }


@pytest.fixture(scope="module")
def imported(
    served: Served, datasets: dict[str, int], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, int]:
    """The charts of the dashboard by name, imported as a person imports the file."""
    before = served.charts()
    assert before == {}
    file = tmp_path_factory.mktemp("bundle") / "dashboard.zip"
    bundle.write_bundle(served.warehouse.file, file)
    served.api.import_dashboard(file)
    return served.charts()


def test_database_is_read_only(served: Served, database: int) -> None:
    assert served.api.get("database/", params={"q": ALL})["count"] == 1
    with pytest.raises(SupersetError, match="(?i)read-only|not allowed|DML"):
        served.api.post(
            "sqllab/execute/",
            json={
                "database_id": database,
                "schema": "marts",
                "sql": "delete from marts.dim_scopes",
                "runAsync": False,
            },
        )
    assert served.warehouse.query("select count(*) > 0 from marts.dim_scopes") == [
        (True,)
    ]


def test_every_mart_is_a_dataset_with_its_descriptions(
    served: Served, datasets: dict[str, int], imported: dict[str, int]
) -> None:
    listed = served.api.get("dataset/", params={"q": ALL})["result"]
    numbers = {each["table_name"]: each["id"] for each in listed}
    assert len(listed) == len(numbers)
    assert sorted(numbers) == marts(served.warehouse)
    own = {
        (dataset["table_name"], column["column_name"])
        for dataset in DATASETS.values()
        for column in dataset.get("columns", [])
    }
    for mart, number in numbers.items():
        columns = served.api.get(f"dataset/{number}")["result"]["columns"]
        described = {
            each["column_name"]: each["description"]
            for each in columns
            if (mart, each["column_name"]) not in own
        }
        assert described == dict(
            served.warehouse.query(
                "select column_name, comment from duckdb_columns() "
                f"where schema_name = 'marts' and table_name = '{mart}'"
            )
        ), mart


def test_rows_of_datasets_are_those_of_the_marts(
    served: Served, datasets: dict[str, int]
) -> None:
    count = {"expressionType": "SQL", "sqlExpression": "count(*)", "label": "rows"}
    for mart, number in datasets.items():
        query = {"columns": [], "metrics": [count], "row_limit": 1}
        context = {"datasource": {"id": number, "type": "table"}, "queries": [query]}
        assert served.data(json.dumps(context)) == [
            {"rows": rows}
            for (rows,) in served.warehouse.query(f"select count(*) from marts.{mart}")
        ], mart


def test_values_of_a_dataset_are_those_of_the_mart(
    served: Served, datasets: dict[str, int]
) -> None:
    expected = served.warehouse.records("from marts.fct_task_success")
    key = ("release_id", "platform", "allocation_rule", "scope", "estimator")
    query = {"columns": list(expected[0]), "orderby": [], "row_limit": 10_000}
    context = {
        "datasource": {"id": datasets["fct_task_success"], "type": "table"},
        "queries": [query],
    }

    def by_key(rows: Rows) -> dict[tuple[Any, ...], dict[str, Any]]:
        return {tuple(row[name] for name in key): row for row in rows}

    rows = served.data(json.dumps(context))
    assert len(rows) == len(by_key(rows)) == len(expected) > 100
    assert by_key(rows) == by_key(expected)


# Values of charts ---------------------------------------------------------------------


def expected_values(chart: dict[str, Any], warehouse: Build) -> Values:
    """What a chart of the export must show, by SQL on the file.

    Nothing is aggregated but the count of printed figures: a bar is one row, and a
    second row under the same key is an error.
    """
    params = chart["params"]
    dataset = DATASETS[chart["dataset_uuid"]]
    own = {
        column["column_name"]: column["expression"]
        for column in dataset.get("columns", [])
    }
    where = " and ".join(
        f"{each['subject']} = '{each['comparator']}'"
        for each in params["adhoc_filters"]
    )
    source = f"from marts.{dataset['table_name']} where {where or 'true'}"
    if params["viz_type"] == "table":
        names = params["all_columns"]
        selected = ", ".join(f"{own.get(name, name)} as {name}" for name in names)
        order = ", ".join(json.loads(each)[0] for each in params["order_by_cols"])
        rows = warehouse.records(f"select {selected} {source} order by {order}")
        assert rows, f"no rows to compare: {source}"
        return {
            (number, name): value
            for number, row in enumerate(rows)
            for name, value in row.items()
        }
    if params["metrics"] == ["figure_count"]:
        return {
            (category, "figure_count"): count
            for category, count in warehouse.query(
                f"select {params['x_axis']}, count(*) {source} group by 1"
            )
        }
    keys = [params["x_axis"], *params["groupby"]]
    rows = warehouse.records(f"select {', '.join(keys)}, share_pct {source}")
    values = {
        (row[keys[0]], ", ".join(row[name] for name in keys[1:])): row["share_pct"]
        for row in rows
    }
    assert 0 < len(rows) == len(values), f"no rows, or two of one bar: {source}"
    return values


def shown_values(chart: dict[str, Any], rows: Rows) -> Values:
    """The values that came back for a chart: cells of a table, or bars."""
    if chart["params"]["viz_type"] == "table":
        return {
            (number, name): value
            for number, row in enumerate(rows)
            for name, value in row.items()
        }
    axis = chart["params"]["x_axis"]
    return {
        (row[axis], series): value
        for row in rows
        for series, value in row.items()
        if series != axis
    }


def differences(expected: Values, shown: Values) -> list[str]:
    """What does not agree, one sentence each. A bar that is not there is NULL."""
    return [
        f"{key}: shown {shown.get(key)}, in the warehouse {expected.get(key)}"
        for key in sorted(expected.keys() | shown.keys(), key=str)
        if shown.get(key) != expected.get(key)
    ]


def chart_of(name: str) -> dict[str, Any]:
    """The chart of the export that has a name."""
    (chart,) = (chart for chart in CHARTS.values() if chart["slice_name"] == name)
    return chart


@pytest.mark.parametrize("name", NAMES)
def test_chart_shows_what_the_mart_says(
    name: str, served: Served, imported: dict[str, int]
) -> None:
    assert sorted(imported) == sorted(NAMES)
    saved = served.saved(imported[name])
    chart = chart_of(name)
    expected = expected_values(chart, served.warehouse)
    shown = shown_values(chart, served.data(saved["query_context"]))
    assert differences(expected, shown) == []
    # The same by the address that answers with a saved chart's data.
    (result,) = served.api.get(f"chart/{imported[name]}/data/")["result"]
    assert differences(expected, shown_values(chart, result["data"])) == []


def damaged_copy(
    served: Served, number: int, damage: str, replacement: str
) -> dict[str, Any]:
    """A copy of a chart in which a word is another one, as Superset saved it."""
    saved = served.saved(number)
    assert f'"{damage}"' in saved["query_context"]
    context = saved["query_context"].replace(f'"{damage}"', f'"{replacement}"')
    made = served.api.post(
        "chart/",
        json={
            "slice_name": f"{damage} as {replacement}",
            "viz_type": saved["viz_type"],
            "datasource_id": json.loads(context)["datasource"]["id"],
            "datasource_type": "table",
            "params": saved["params"].replace(f'"{damage}"', f'"{replacement}"'),
            "query_context": context,
        },
    )
    try:
        return served.saved(made["id"])
    finally:
        served.api.ask("DELETE", f"chart/{made['id']}")


def test_chart_of_a_missing_column_is_made_but_shows_no_value(
    served: Served, imported: dict[str, int]
) -> None:
    name = "Patterns with bounds"
    copied = damaged_copy(served, imported[name], "share_pct", "no_such_column")
    with pytest.raises(SupersetError, match="no_such_column"):
        served.data(copied["query_context"])


@pytest.mark.parametrize(
    ("name", "damage", "replacement"),
    [
        ("Patterns with bounds", "all_conversations", "pooled"),
        ("Use cases with bounds", "with_residual", "without_residual"),
        (
            "How do people work with the model in education, in percent?",
            "any_holder",
            "equal_split",
        ),
    ],
)
def test_chart_of_another_definition_is_seen(
    name: str,
    damage: str,
    replacement: str,
    served: Served,
    imported: dict[str, int],
) -> None:
    chart = chart_of(name)
    copied = damaged_copy(served, imported[name], damage, replacement)
    shown = shown_values(chart, served.data(copied["query_context"]))
    expected = expected_values(chart, served.warehouse)
    assert differences(expected, shown) != []


def test_bars_of_two_definitions_are_empty(
    served: Served, imported: dict[str, int]
) -> None:
    name = "How do people work with the model in education, in percent?"
    context = json.loads(served.saved(imported[name])["query_context"])
    mixed = copy.deepcopy(context)
    for query in mixed["queries"]:
        query["filters"] = [
            each for each in query["filters"] if each["col"] != "allocation_rule"
        ]
    axis = chart_of(name)["params"]["x_axis"]

    def bars(rows: Rows) -> set[Any]:
        return {row[series] for row in rows for series in row if series != axis}

    assert bars(served.data(json.dumps(mixed))) == {None}
    assert None not in bars(served.data(json.dumps(context))) != set()


# The page -----------------------------------------------------------------------------


@dataclass
class Seen:
    """What a browser asked for and got on the page of the dashboard."""

    answers: list[Response]
    finished: list[str]
    text: str


def sign_in(page: Page, served: Served) -> None:
    """Sign in by the form."""
    page.goto(f"{served.root}/login/")
    page.locator("#username").fill(server.USER)
    page.locator("input[type=password]").fill(served.home.secrets["password"])
    page.get_by_role("button", name=re.compile("sign in", re.IGNORECASE)).click()
    page.wait_for_url(lambda url: "/login" not in url)


def open_dashboard(page: Page, served: Served) -> Seen:
    """The page of the dashboard once every chart has its answer."""
    answers: list[Response] = []
    finished: list[str] = []
    page.on("requestfinished", lambda request: finished.append(request.url))
    page.on(
        "response",
        lambda answer: "/chart/data" in answer.url and answers.append(answer),
    )
    sign_in(page, served)
    page.goto(served.root + DASHBOARD)
    until = time.monotonic() + 90
    # Each chart and each filter asks once.
    filters = EXPORT["dashboards/ai_in_education.yaml"]["metadata"]
    wanted = len(CHARTS) + len(filters["native_filter_configuration"])
    while len(answers) < wanted and time.monotonic() < until:
        page.wait_for_timeout(500)
    page.wait_for_timeout(3000)
    SCREENSHOT.parent.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOT, full_page=True)
    return Seen(answers, finished, page.inner_text("body"))


def test_page_of_the_dashboard_shows_the_values(
    served: Served, imported: dict[str, int]
) -> None:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        reason = "no chromium on this machine: apt-get install chromium"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=list(FLAGS), headless=True
        )
        # High enough that every chart is in sight: others are not drawn.
        page = browser.new_page(viewport={"width": 1500, "height": 2800})
        page.set_default_timeout(60_000)
        seen = open_dashboard(page, served)
        names = {number: name for name, number in imported.items()}
        values = {
            names[slice_id]: answer.json()["result"][0]["data"]
            for answer in seen.answers
            if (slice_id := answer.request.post_data_json["form_data"].get("slice_id"))
        }
        queries = {
            names[slice_id]: answer.request.post_data_json["queries"][0]
            for answer in seen.answers
            if (slice_id := answer.request.post_data_json["form_data"].get("slice_id"))
        }
        browser.close()
    assert sorted(values) == sorted(NAMES)
    for name in NAMES:
        chart = chart_of(name)
        expected = expected_values(chart, served.warehouse)
        assert differences(expected, shown_values(chart, values[name])) == [], name
        # The page asks what the bundle saved: nothing is left out or put in.
        saved = bundle.query_of(chart["params"])
        assert {key: queries[name].get(key) for key in saved} == saved, name
    foreign = [
        url
        for url in seen.finished
        if not url.startswith((served.root, "data:", "blob:"))
    ]
    assert foreign == []
    for text in ("Simulated rows describe nobody", "licence CC-BY", *NAMES):
        assert text in seen.text
    assert "simulated: describes nobody" in seen.text
    for text in ("Unexpected error", "Data error", "No results were returned"):
        assert text not in seen.text


# As `make superset` runs it -----------------------------------------------------------


@contextlib.contextmanager
def command(warehouse: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    """The command behind make superset while it runs; killed if it does not end."""
    process = subprocess.Popen(
        [
            *(sys.executable, PROJECT / "scripts" / "superset_dashboard.py", "serve"),
            *("--warehouse", warehouse, "--port", str(port)),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_command_shows_the_dashboard_and_ends_without_noise(
    served: Served, imported: dict[str, int]
) -> None:
    name = "Patterns with bounds"
    # What somebody did to a shipped chart is undone, and nothing is there twice.
    served.api.ask(
        "PUT", f"chart/{imported[name]}", json={"slice_name": "Something else"}
    )
    port = free_port()
    with command(served.warehouse.file, port) as process:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(3)]
        assert f"http://127.0.0.1:{port}{DASHBOARD}" in said[1], process.stderr.read()
        assert served.home.secrets["password"] in said[2]
        assert served.charts() == imported
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 0
    # What DuckDB and its driver print at their end belongs in the log, not here.
    assert errors == ""
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((server.HOST, port)).close()
    for chart in NAMES:
        saved = served.saved(imported[chart])
        shown = shown_values(chart_of(chart), served.data(saved["query_context"]))
        expected = expected_values(chart_of(chart), served.warehouse)
        assert differences(expected, shown) == []
