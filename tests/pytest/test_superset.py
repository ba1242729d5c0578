"""Apache Superset with the shipped dashboard: every value against the warehouse.

Superset answers 201 to a chart without its columns: what counts are the values.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb
import pytest
from conftest import PROJECT, Build, wait_until
from playwright.sync_api import Browser, Page, Response
from superset_files import bundle, server
from superset_files.server import Api, Home, SupersetError
from test_superset_bundle import free_port
from warehouse import publishing

pytestmark = [
    pytest.mark.superset,
    pytest.mark.skipif(
        not (server.ENVIRONMENT / "bin" / "superset").is_file(),
        reason="Superset is not installed: make .venv-superset (about 1 GB)",
    ),
]

FILES = bundle.read_files()
DATASETS = FILES["datasets"]
CHARTS = {
    each["slice_name"]: each
    for each in (bundle.chart(FILES, name) for name in FILES["charts"]["charts"])
}
MART_OF = {each["title"]: each["mart"] for each in FILES["charts"]["charts"].values()}
SCREENSHOT = PROJECT / "target" / "screenshots" / "superset.png"
DASHBOARD = "/superset/dashboard/ai-in-education/"
ALL = "(page_size:100)"

Rows = list[dict[str, Any]]
# Keys of a row, or of a bar, with its value.
Values = dict[tuple[Any, ...], Any]


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

    def context(self, number: int) -> str:
        """The query of a chart as Superset saved it, JSON text."""
        return self.api.get(f"chart/{number}")["result"]["query_context"]

    def data(self, context: str) -> Rows:
        """What the query of a chart, as JSON text, gives."""
        (result,) = self.api.post("chart/data", json=json.loads(context))["result"]
        return result["data"]


@pytest.fixture(scope="module")
def served(
    shipped_warehouse: Build, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """Superset on a free port, on the shipped warehouse, with nothing in it yet."""
    warehouse = replace(shipped_warehouse, folder=tmp_path_factory.mktemp("superset"))
    shutil.copy(shipped_warehouse.file, warehouse.file)
    # Where `make superset` has it, so that a test can run that too.
    home = Home(warehouse.folder / "superset")
    password = home.secrets["password"]
    home.prepare()
    with server.running(home, free_port()) as root:
        yield Served(Api(root, password), root, home, warehouse)


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
            "database_name": FILES["database"]["database_name"],
            "sqlalchemy_uri": bundle.address(served.warehouse.file),
            "extra": json.dumps(extra),
            "uuid": FILES["database"]["uuid"],
        },
    )["id"]


@pytest.fixture(scope="module")
def datasets(served: Served, database: int) -> dict[str, int]:
    """A dataset per mart: through the API, but for those that the dashboard brings."""
    return {
        mart: served.api.post(
            "dataset/",
            json={"database": database, "schema": "marts", "table_name": mart},
        )["id"]
        for mart in marts(served.warehouse)
        if mart not in DATASETS
    }


@pytest.fixture(scope="module")
def imported(
    served: Served, datasets: dict[str, int], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, int]:
    """The charts of the dashboard by name, imported as a person imports the file."""
    assert served.charts() == {}
    file = tmp_path_factory.mktemp("bundle") / "dashboard.zip"
    bundle.write_bundle(served.warehouse.file, file)
    with file.open("rb") as opened:
        served.api.post(
            "dashboard/import/",
            files={"formData": (file.name, opened, "application/zip")},
            data={"overwrite": "true"},
        )
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


def test_every_mart_is_a_dataset_with_its_descriptions_and_rows(
    served: Served, datasets: dict[str, int], imported: dict[str, int]
) -> None:
    listed = served.api.get("dataset/", params={"q": ALL})["result"]
    numbers = {each["table_name"]: each["id"] for each in listed}
    assert len(listed) == len(numbers)
    assert sorted(numbers) == marts(served.warehouse)
    count = {"expressionType": "SQL", "sqlExpression": "count(*)", "label": "rows"}
    query = {"columns": [], "metrics": [count], "row_limit": 1}
    for mart, number in numbers.items():
        own = DATASETS.get(mart, {"columns": []})["columns"]
        columns = served.api.get(f"dataset/{number}")["result"]["columns"]
        described = {
            each["column_name"]: each["description"]
            for each in columns
            if each["column_name"] not in own
        }
        assert described == dict(
            served.warehouse.query(
                "select column_name, comment from duckdb_columns() "
                f"where schema_name = 'marts' and table_name = '{mart}'"
            )
        ), mart
        context = {"datasource": {"id": number, "type": "table"}, "queries": [query]}
        ((rows,),) = served.warehouse.query(f"select count(*) from marts.{mart}")
        assert served.data(json.dumps(context)) == [{"rows": rows}], mart


def test_values_of_a_dataset_are_those_of_the_mart(
    served: Served, datasets: dict[str, int]
) -> None:
    # Superset gives a day in milliseconds since 1970.
    expected = served.warehouse.records(
        "select * replace (epoch_ms(window_start_date)::double as window_start_date) "
        "from marts.fct_task_success"
    )
    key = (
        "release_id",
        "platform",
        "window_start_date",
        "allocation_rule",
        "scope",
        "estimator",
    )
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


def cells(rows: Rows) -> Values:
    """The values of a table by number of the row and column."""
    return {
        (number, name): value
        for number, row in enumerate(rows)
        for name, value in row.items()
    }


def expected_values(name: str, warehouse: Build) -> Values:
    """What a chart must show, by SQL on the file.

    Nothing is aggregated but the count of printed figures: a bar is one row, and a
    second row under the same key is an error.
    """
    params, mart = CHARTS[name]["params"], MART_OF[name]
    where = " and ".join(
        f"{column} = '{value}'"
        for column, value in DATASETS[mart]["definition"].items()
    )
    source = f"from marts.{mart} where {where or 'true'}"
    if params["viz_type"] == "table":
        own = {name: FILES["columns"][name] for name in DATASETS[mart]["columns"]}
        selected = ", ".join(
            f"{own[name]['expression']} as {name}" if name in own else name
            for name in params["all_columns"]
        )
        order = ", ".join(
            column if ascending else f"{column} desc"
            for column, ascending in map(json.loads, params["order_by_cols"])
        )
        rows = warehouse.records(f"select {selected} {source} order by {order}")
        assert rows, f"no rows to compare: {source}"
        return cells(rows)
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


def differences(name: str, rows: Rows, warehouse: Build) -> list[str]:
    """What came back for a chart and is not in the warehouse, one sentence each.

    A bar that is not there is NULL.
    """
    params, expected = CHARTS[name]["params"], expected_values(name, warehouse)
    shown = cells(rows)
    if params["viz_type"] != "table":
        axis = params["x_axis"]
        shown = {
            (row[axis], series): value
            for row in rows
            for series, value in row.items()
            if series != axis
        }
    return [
        f"{key}: shown {shown.get(key)}, in the warehouse {expected.get(key)}"
        for key in sorted(expected.keys() | shown.keys(), key=str)
        if shown.get(key) != expected.get(key)
    ]


@pytest.mark.parametrize("name", CHARTS)
def test_chart_shows_what_the_mart_says(
    name: str, served: Served, imported: dict[str, int]
) -> None:
    assert sorted(imported) == sorted(CHARTS)
    rows = served.data(served.context(imported[name]))
    assert differences(name, rows, served.warehouse) == []
    # The same by the address that answers with a saved chart's data.
    (result,) = served.api.get(f"chart/{imported[name]}/data/")["result"]
    assert differences(name, result["data"], served.warehouse) == []


def test_chart_of_a_missing_column_is_an_error(
    served: Served, imported: dict[str, int]
) -> None:
    context = served.context(imported["Patterns with bounds"])
    with pytest.raises(SupersetError, match="no_such_column"):
        served.data(context.replace('"share_pct"', '"no_such_column"'))


@pytest.mark.parametrize("name", [*MART_OF][1:7])
def test_chart_of_another_definition_is_seen(
    name: str, served: Served, imported: dict[str, int]
) -> None:
    context = served.context(imported[name])
    other = context.replace('"any_holder"', '"equal_split"')
    assert other != context
    assert differences(name, served.data(other), served.warehouse) != []


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
    until = time.monotonic() + 240
    # Each chart and each filter asks once.
    wanted = len(CHARTS) + len(FILES["page"]["filters"])
    while len(answers) < wanted and time.monotonic() < until:
        page.wait_for_timeout(500)
    page.wait_for_timeout(3000)
    SCREENSHOT.parent.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOT, full_page=True)
    return Seen(answers, finished, page.inner_text("body"))


def test_page_of_the_dashboard_shows_the_values(
    served: Served, imported: dict[str, int], browser: Browser
) -> None:
    # High enough that every chart is in sight: others are not drawn.
    page = browser.new_page(viewport={"width": 1500, "height": 3400})
    page.set_default_timeout(120_000)
    seen = open_dashboard(page, served)
    names = {number: name for name, number in imported.items()}
    asked: dict[str, tuple[dict[str, Any], Rows]] = {}
    for answer in seen.answers:
        request = answer.request.post_data_json
        if number := request["form_data"].get("slice_id"):
            data = answer.json()["result"][0]["data"]
            asked[names[number]] = request["queries"][0], data
    assert sorted(asked) == sorted(CHARTS)
    for name, (query, rows) in asked.items():
        assert differences(name, rows, served.warehouse) == [], name
        # The page asks what the bundle saved: nothing is left out or put in.
        saved = bundle.query_of(CHARTS[name]["params"])
        assert {key: query.get(key) for key in saved} == saved, name
    foreign = [
        url
        for url in seen.finished
        if not url.startswith((served.root, "data:", "blob:"))
    ]
    assert foreign == []
    for text in ("Simulated rows describe nobody", "licence CC-BY", *CHARTS):
        assert text in seen.text
    assert "simulated: describes nobody" in seen.text
    for text in ("Unexpected error", "Data error", "No results were returned"):
        assert text not in seen.text


# A new build meanwhile ----------------------------------------------------------------


def test_charts_that_are_open_show_a_new_build_on_refresh(
    served: Served, imported: dict[str, int], tmp_path: Path
) -> None:
    """Two charts are asked again and again while a build is published: nobody waits
    until all connections are closed, which a pool would keep."""
    charts = "Education share with numerator, base and bounds", "Patterns with bounds"
    contexts = [served.context(imported[chart]) for chart in charts]
    new, old = tmp_path / "new.duckdb", tmp_path / "old.duckdb"
    for file in (new, old):
        shutil.copy(served.warehouse.file, file)
    with duckdb.connect(str(new)) as con:
        for chart in charts:
            con.execute(f"update marts.{MART_OF[chart]} set share_pct = share_pct / 2")
    before = [served.data(context) for context in contexts]
    seen: list[list[Rows]] = [[], []]
    is_over = threading.Event()

    def refresh(place: int) -> None:
        while not is_over.is_set():
            seen[place].append(served.data(contexts[place]))

    readers = [threading.Thread(target=refresh, args=(place,)) for place in (0, 1)]
    try:
        for reader in readers:
            reader.start()
        publishing.publish(new, served.warehouse.file)
        wait_until(
            lambda: all(
                rows and rows[-1] != old_rows
                for rows, old_rows in zip(seen, before, strict=True)
            )
        )
    finally:
        is_over.set()
        for reader in readers:
            reader.join()
        publishing.publish(old, served.warehouse.file)
    assert [served.data(context) for context in contexts] == before


# As `make superset` runs it -----------------------------------------------------------


@contextlib.contextmanager
def command(warehouse: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    """The command behind make superset while it runs; killed if it does not end."""
    process = subprocess.Popen(
        [
            *(sys.executable, PROJECT / "scripts" / "superset.py", "serve"),
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
    for chart in CHARTS:
        rows = served.data(served.context(imported[chart]))
        assert differences(chart, rows, served.warehouse) == []
