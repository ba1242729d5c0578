"""The bundle of the Superset dashboard and the way its server is started, without
Superset itself: see test_superset.py for that."""

from __future__ import annotations

import copy
import json
import re
import shutil
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest
import superset_dashboard
import yaml
from conftest import PROJECT, Build, read_rows
from dashboard import bundle, server
from dashboard.bundle import BundleError
from dashboard.server import Home, SupersetError

# What sets the definition of a figure apart, wherever a mart has the column.
DEFINITION = {"allocation_rule", "scope", "share_base", "estimator", "geo_level"}
EXPORT = bundle.read_export()
CHARTS = {path: each for path, each in EXPORT.items() if path.startswith("charts/")}
DATASETS = {
    each["uuid"]: each for path, each in EXPORT.items() if path.startswith("datasets/")
}


@pytest.fixture(scope="module")
def configs(shipped_warehouse: Build) -> dict[str, dict[str, Any]]:
    """The files of the bundle, filled from the shipped warehouse."""
    return bundle.configs(shipped_warehouse.file)


# What the bundle says -----------------------------------------------------------------


def test_datasets_are_the_marts_that_the_exposure_names() -> None:
    exposures = yaml.safe_load(
        (PROJECT / "models" / "marts" / "_education__exposures.yml").read_text("utf-8")
    )["exposures"]
    (promised,) = (each for each in exposures if each["name"] == "superset_dashboard")
    assert {f"ref('{each['table_name']}')" for each in DATASETS.values()} == set(
        promised["depends_on"]
    )
    assert {each["dataset_uuid"] for each in CHARTS.values()} == set(DATASETS)


def test_columns_and_descriptions_are_those_of_the_warehouse(
    configs: dict[str, dict[str, Any]], shipped_warehouse: Build
) -> None:
    for dataset in DATASETS.values():
        table = dataset["table_name"]
        filled = configs[f"datasets/ai_in_education/{table}.yaml"]
        own = {each["column_name"] for each in dataset.get("columns", [])}
        said = [
            (each["column_name"], each["type"], each["description"])
            for each in filled["columns"]
            if each["column_name"] not in own
        ]
        assert said == shipped_warehouse.query(
            "select column_name, data_type, comment from duckdb_columns() "
            f"where schema_name = 'marts' and table_name = '{table}' "
            "order by column_index"
        )
        assert all(description for _, _, description in said)
        assert filled["description"].startswith("One row per ")


@pytest.mark.parametrize("path", CHARTS)
def test_chart_filters_one_definition(path: str, shipped_warehouse: Build) -> None:
    params = CHARTS[path]["params"]
    table = DATASETS[CHARTS[path]["dataset_uuid"]]["table_name"]
    if table == "fct_published_reconciliation":
        # A row is a printed figure; its definition is in the row.
        assert params["adhoc_filters"] == []
        return
    columns = {
        name
        for (name,) in shipped_warehouse.query(
            "select column_name from duckdb_columns() where schema_name = 'marts' "
            f"and table_name = '{table}'"
        )
    }
    filtered = {each["subject"]: each["comparator"] for each in params["adhoc_filters"]}
    assert set(filtered) == DEFINITION & columns
    assert {each["operator"] for each in params["adhoc_filters"]} == {"=="}
    assert filtered["allocation_rule"] in {
        row["allocation_rule"]
        for row in read_rows(PROJECT / "seeds/reference/allocation_rules.csv")
    }


def test_share_of_two_rows_is_no_figure(shipped_warehouse: Build) -> None:
    (metric,) = {
        metric["expression"]
        for dataset in DATASETS.values()
        for metric in dataset["metrics"]
        if metric["metric_name"] == "one_share_pct"
    }
    key = "release_id, platform, allocation_rule, scope, share_base, geo_level, geo_id"
    one = shipped_warehouse.query(
        f"select {metric}, max(share_pct) from marts.fct_education_shares "
        f"group by {key}"
    )
    assert len(one) > 100
    assert all(share == expected for share, expected in one)
    # All rows of a platform: every definition at once.
    assert set(
        shipped_warehouse.query(
            f"select {metric} from marts.fct_education_shares group by platform"
        )
    ) == {(None,)}


def test_no_chart_sums_or_averages() -> None:
    metrics = {
        metric
        for chart in CHARTS.values()
        for metric in chart["params"].get("metrics", [])
    }
    assert metrics == {"one_share_pct", "figure_count"}


def test_dashboard_shows_every_chart_once() -> None:
    (dashboard,) = (each for path, each in EXPORT.items() if "dashboards/" in path)
    shown = [
        (each["meta"]["uuid"], each["meta"]["sliceName"])
        for each in dashboard["position"].values()
        if isinstance(each, dict) and each["type"] == "CHART"
    ]
    assert sorted(shown) == sorted(
        (chart["uuid"], chart["slice_name"]) for chart in CHARTS.values()
    )


def test_bundle_has_the_shape_that_superset_imports(
    shipped_warehouse: Build, tmp_path: Path
) -> None:
    first, second = tmp_path / "first.zip", tmp_path / "second.zip"
    bundle.write_bundle(shipped_warehouse.file, first)
    bundle.write_bundle(shipped_warehouse.file, second)
    assert first.read_bytes() == second.read_bytes()
    with zipfile.ZipFile(first) as opened:
        names = {name.removeprefix("ai_in_education/") for name in opened.namelist()}
        read = {name: yaml.safe_load(opened.read(name)) for name in opened.namelist()}
    assert names == set(EXPORT)
    assert read["ai_in_education/metadata.yaml"]["type"] == "Dashboard"
    database = read["ai_in_education/databases/ai_in_education.yaml"]
    assert database["sqlalchemy_uri"] == f"duckdb:///{shipped_warehouse.file}"
    assert database["extra"]["engine_params"]["connect_args"]["read_only"] is True
    assert database["allow_dml"] is False


# What is refused ----------------------------------------------------------------------


def rename(chart: dict[str, Any], where: str) -> None:
    """Let a chart name a column that no mart has."""
    params = chart["params"]
    if where == "filter":
        params["adhoc_filters"][0]["subject"] = "no_such_column"
    elif where == "order":
        params["order_by_cols"] = [json.dumps(["no_such_column", True])]
    elif where == "axis":
        params["x_axis"] = "no_such_column"
    else:
        params[where][0] = "no_such_column"


@pytest.mark.parametrize(
    ("chart", "where"),
    [
        ("patterns_table", "all_columns"),
        ("patterns_table", "filter"),
        ("patterns_table", "order"),
        ("patterns", "axis"),
        ("patterns", "groupby"),
        ("patterns", "metrics"),
    ],
)
def test_chart_of_a_missing_column_is_refused(
    chart: str, where: str, configs: dict[str, dict[str, Any]]
) -> None:
    bundle.check_names(configs)
    damaged = copy.deepcopy(configs)
    rename(damaged[f"charts/{chart}.yaml"], where)
    with pytest.raises(BundleError, match=f"{chart}.yaml names no_such_column; exp"):
        bundle.check_names(damaged)


def test_kind_of_chart_without_a_query_is_refused() -> None:
    params = CHARTS["charts/patterns.yaml"]["params"] | {"viz_type": "pie"}
    with pytest.raises(BundleError, match="of the kind pie; expected table"):
        bundle.query_of(params)


def test_missing_mart_says_what_builds_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "empty.duckdb"
    duckdb.connect(str(file)).close()
    assert superset_dashboard.main(["bundle", "--warehouse", str(file)]) == 1
    assert "no table marts.fct_" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["empty.duckdb"]


@pytest.mark.parametrize("what", ["bundle", "serve"])
def test_missing_warehouse_says_what_builds_it(
    what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = str(tmp_path / "missing.duckdb")
    assert superset_dashboard.main([what, "--warehouse", missing]) == 1
    assert "make warehouse" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_missing_superset_says_what_installs_it(
    shipped_warehouse: Build,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(server, "ENVIRONMENT", tmp_path)
    warehouse = str(shipped_warehouse.file)
    assert superset_dashboard.main(["serve", "--warehouse", warehouse]) == 1
    assert "make .venv-superset" in capsys.readouterr().err


# A server that does not start ---------------------------------------------------------


@pytest.fixture
def programs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[[str, str], None]:
    """Puts a shell script in the place of one of Superset's programs."""
    folder = tmp_path / "environment"
    (folder / "bin").mkdir(parents=True)
    monkeypatch.setattr(server, "ENVIRONMENT", folder)

    def put(name: str, script: str) -> None:
        program = folder / "bin" / name
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)

    return put


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as listening:
        listening.bind((server.HOST, 0))
        return listening.getsockname()[1]


def home_in(folder: Path) -> Home:
    """A home folder with its secrets."""
    home = Home(folder / "home")
    assert home.secrets == home.secrets
    return home


def test_server_that_ends_shows_its_log(
    programs: Callable[[str, str], None], tmp_path: Path
) -> None:
    programs("gunicorn", "echo what went wrong >&2; exit 3")
    with (
        pytest.raises(SupersetError, match=r"(?s)status 3.*what went wrong"),
        server.running(home_in(tmp_path), free_port()),
    ):
        pass


def is_running(process_id: int) -> bool:
    """Whether a process is there and not just waiting to be buried."""
    try:
        status = Path(f"/proc/{process_id}/stat").read_text()
    except FileNotFoundError:
        return False
    return status.rsplit(")", 1)[1].split()[0] != "Z"


@pytest.mark.skipif(not Path("/proc/self/stat").is_file(), reason="needs Linux's /proc")
def test_server_that_does_not_answer_is_stopped_with_its_children(
    programs: Callable[[str, str], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server, "START_SECONDS", 1)
    monkeypatch.setattr(server, "STOP_SECONDS", 1)
    # It hears no request to end, and has a child as gunicorn has workers.
    programs("gunicorn", "trap '' TERM; sleep 600 & echo child $!; echo self $$; wait")
    home = home_in(tmp_path)
    with (
        pytest.raises(SupersetError, match="did not answer within 1 seconds"),
        server.running(home, free_port()),
    ):
        pass
    noted = re.findall(r"(?:child|self) (\d+)", home.log.read_text())
    assert len(noted) == 2
    # A signal that nobody can refuse takes a moment to arrive all the same.
    until = time.monotonic() + 10
    while any(is_running(int(each)) for each in noted):
        assert time.monotonic() < until, noted
        time.sleep(0.05)


def test_command_that_fails_or_hangs_is_named(
    programs: Callable[[str, str], None], tmp_path: Path
) -> None:
    home = home_in(tmp_path)
    programs("superset", "echo no such table; exit 1")
    with pytest.raises(SupersetError, match=r"(?s)superset db upgrade.*no such table"):
        home.prepare()
    programs("superset", "exec sleep 600")
    with pytest.raises(SupersetError, match="init did not end within 1 seconds"):
        home.run("init", seconds=1)


def test_secrets_are_random_and_for_their_owner_only(tmp_path: Path) -> None:
    first, second = Home(tmp_path / "first"), Home(tmp_path / "second")
    assert first.secrets == first.secrets
    assert set(first.secrets) == {"key", "password"}
    assert set(first.secrets.values()).isdisjoint(second.secrets.values())
    assert (first.folder / "secrets.json").stat().st_mode & 0o077 == 0


def test_settings_name_no_address_outside() -> None:
    settings: dict[str, Any] = {}
    exec(server.CONFIG.read_text("utf-8"), settings)
    policy = settings["TALISMAN_CONFIG"]["content_security_policy"]
    sources = {
        source
        for each in policy.values()
        for source in ([each] if isinstance(each, str) else each)
    }
    assert sources == {
        *("'self'", "'none'", "'unsafe-inline'", "'strict-dynamic'"),
        *("blob:", "data:"),
    }


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="no setpriv here")
def test_server_ends_when_its_starter_is_killed(
    programs: Callable[[str, str], None], tmp_path: Path
) -> None:
    programs("gunicorn", "echo self $$; exec sleep 600")
    home = home_in(tmp_path)
    starter = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys; from pathlib import Path; from dashboard import server\n"
            "server.ENVIRONMENT = Path(sys.argv[1])\n"
            "with server.running(server.Home(Path(sys.argv[2])), 9): pass",
            *(str(server.ENVIRONMENT), str(home.folder)),
        ],
        cwd=PROJECT / "scripts",
    )
    until = time.monotonic() + 30
    while not (home.log.is_file() and "self" in home.log.read_text()):
        assert time.monotonic() < until
        time.sleep(0.1)
    (process,) = re.findall(r"self (\d+)", home.log.read_text())
    assert is_running(int(process))
    starter.kill()
    starter.wait()
    while is_running(int(process)):
        assert time.monotonic() < until
        time.sleep(0.1)
