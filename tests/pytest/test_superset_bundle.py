"""The bundle of the Superset dashboard and the way its server is started, without
Superset itself: see test_superset.py for that."""

from __future__ import annotations

import copy
import re
import shutil
import socket
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest
import requests
import superset
import yaml
from conftest import PROJECT, Build, wait_until
from superset_files import bundle, server
from superset_files.bundle import BundleError
from superset_files.server import Home, SupersetError

# What sets the definition of a figure apart, wherever a mart has the column.
DEFINITION = {
    *("allocation_rule", "scope", "share_base", "estimator", "geo_level", "definition")
}
FILES = bundle.read_files()
CHARTS = FILES["charts"]["charts"]
DATASETS = FILES["datasets"]


@pytest.fixture(scope="module")
def configs(shipped_warehouse: Build) -> dict[str, dict[str, Any]]:
    """The files of the bundle, filled from the shipped warehouse."""
    return bundle.configs(FILES, shipped_warehouse.file)


# What the bundle says -----------------------------------------------------------------


def test_datasets_are_the_marts_that_the_exposure_names() -> None:
    exposures = yaml.safe_load(
        (PROJECT / "models" / "marts" / "_education__exposures.yml").read_text("utf-8")
    )["exposures"]
    (promised,) = (each for each in exposures if each["name"] == "superset_dashboard")
    assert {f"ref('{mart}')" for mart in DATASETS} == set(promised["depends_on"])
    assert {chart["mart"] for chart in CHARTS.values()} == set(DATASETS)


@pytest.mark.parametrize("mart", DATASETS)
def test_dataset_is_the_mart_and_its_definition_one(
    mart: str, configs: dict[str, dict[str, Any]], shipped_warehouse: Build
) -> None:
    dataset = configs[f"datasets/ai_in_education/{mart}.yaml"]
    assert dataset["description"].startswith("One row per ")
    ours = DATASETS[mart]
    said = [
        (each["column_name"], each["type"], each["description"])
        for each in dataset["columns"]
        if each["column_name"] not in ours["columns"]
    ]
    assert said == shipped_warehouse.query(
        "select column_name, data_type, comment from duckdb_columns() "
        f"where schema_name = 'marts' and table_name = '{mart}' order by column_index"
    )
    assert all(description for _, _, description in said)
    names = {name for name, _, _ in said}
    if ours["definition"]:
        assert DEFINITION & names <= set(ours["definition"]) <= names


@pytest.mark.parametrize("name", CHARTS)
def test_chart_filters_the_definition_of_its_mart(
    name: str, configs: dict[str, dict[str, Any]], shipped_warehouse: Build
) -> None:
    params = configs[f"charts/{name}.yaml"]["params"]
    assert {each["operator"] for each in params["adhoc_filters"]} <= {"=="}
    filtered = {each["subject"]: each["comparator"] for each in params["adhoc_filters"]}
    mart = CHARTS[name]["mart"]
    assert filtered == DATASETS[mart]["definition"]
    # No bar is a sum or an average: one row each.
    if params.get("metrics") != ["one_share_pct"]:
        assert params.get("metrics", ["figure_count"]) == ["figure_count"]
        return
    where = " and ".join(f"{column} = '{filtered[column]}'" for column in filtered)
    keys = ", ".join([params["x_axis"], *params["groupby"]])
    rows = shipped_warehouse.query(
        f"select count(*) from marts.{mart} where {where} group by {keys}"
    )
    assert set(rows) == {(1,)}


def test_share_of_two_rows_is_no_figure(shipped_warehouse: Build) -> None:
    metric = FILES["metrics"]["one_share_pct"]["expression"]
    key = (
        "release_id, platform, window_start_date, allocation_rule, scope, share_base, "
        "geo_level, geo_id"
    )
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


def test_bundle_has_the_shape_that_superset_imports(
    shipped_warehouse: Build, tmp_path: Path
) -> None:
    file = tmp_path / "bundle.zip"
    bundle.write_bundle(shipped_warehouse.file, file)
    with zipfile.ZipFile(file) as opened:
        read = {
            name.removeprefix("ai_in_education/"): yaml.safe_load(opened.read(name))
            for name in opened.namelist()
        }
    charts = {path: each for path, each in read.items() if path.startswith("charts/")}
    assert set(read) - set(charts) == {
        "metadata.yaml",
        "databases/ai_in_education.yaml",
        "dashboards/ai_in_education.yaml",
        *(f"datasets/ai_in_education/{mart}.yaml" for mart in DATASETS),
    }
    assert read["metadata.yaml"]["type"] == "Dashboard"
    database = read["databases/ai_in_education.yaml"]
    assert database["sqlalchemy_uri"] == f"duckdb:///{shipped_warehouse.file}"
    assert database["extra"]["engine_params"]["connect_args"]["read_only"] is True
    assert database["allow_dml"] is False
    # Every chart stands on the page once, in the rows that hang below its root.
    position = read["dashboards/ai_in_education.yaml"]["position"]

    def below(name: str) -> list[str]:
        children = position[name].get("children", [])
        return children + [each for child in children for each in below(child)]

    shown = [position[name]["meta"] for name in below("ROOT_ID") if "CHART" in name]
    assert sorted((each["uuid"], each["sliceName"]) for each in shown) == sorted(
        (each["uuid"], each["slice_name"]) for each in charts.values()
    )


# What is refused ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("chart", "where"),
    [
        ("patterns_table", "columns"),
        ("patterns_table", "order"),
        ("patterns_table", "definition"),
        ("patterns", "x_axis"),
        ("patterns", "groupby"),
        ("patterns", "metrics"),
    ],
)
def test_chart_of_a_missing_column_is_refused(
    chart: str, where: str, shipped_warehouse: Build
) -> None:
    damaged = copy.deepcopy(FILES)
    ours = damaged["charts"]["charts"][chart]
    absent: Any = "no_such_column" if where == "x_axis" else ["no_such_column"]
    if where == "definition":
        damaged["datasets"][ours["mart"]][where] = {"no_such_column": "any_holder"}
    elif where in ours:
        ours[where] = absent
    else:
        ours["settings"] |= {where: absent}
    with pytest.raises(BundleError, match="patterns.*yaml names no_such_column; exp"):
        bundle.configs(damaged, shipped_warehouse.file)


def test_kind_of_chart_without_a_query_is_refused() -> None:
    damaged = copy.deepcopy(FILES)
    damaged["charts"]["kinds"]["bars"]["viz_type"] = "pie"
    with pytest.raises(BundleError, match="of the kind pie; expected table"):
        bundle.chart(damaged, "patterns")


def test_missing_mart_says_what_builds_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "empty.duckdb"
    duckdb.connect(str(file)).close()
    assert superset.main(["bundle", "--warehouse", str(file)]) == 1
    assert "no table marts.fct_" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["empty.duckdb"]


def test_missing_superset_says_what_installs_it(
    shipped_warehouse: Build,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(server, "ENVIRONMENT", tmp_path)
    warehouse = str(shipped_warehouse.file)
    assert superset.main(["serve", "--warehouse", warehouse]) == 1
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


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home folder with its secrets, which are made once."""
    home = Home(tmp_path / "home")
    assert home.secrets == home.secrets
    return home


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as listening:
        listening.bind((server.HOST, 0))
        return listening.getsockname()[1]


def running_ones(home: Home) -> list[str]:
    """The processes noted in the log that are there and not just to be buried."""
    noted = re.findall(r"(?:child|self) (\d+)", home.log.read_text())
    stats = (Path(f"/proc/{each}/stat") for each in noted)
    return [
        stat.parent.name
        for stat in stats
        if stat.is_file() and stat.read_text().rsplit(")", 1)[1].split()[0] != "Z"
    ]


def test_server_that_ends_shows_its_log(
    programs: Callable[[str, str], None], home: Home
) -> None:
    programs("gunicorn", "echo what went wrong >&2; exit 3")
    with (
        pytest.raises(SupersetError, match=r"(?s)status 3.*what went wrong"),
        server.running(home, free_port()),
    ):
        pass


@pytest.mark.skipif(not Path("/proc/self/stat").is_file(), reason="needs Linux's /proc")
def test_server_that_does_not_answer_is_stopped_with_its_children(
    programs: Callable[[str, str], None], home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Unheard:
        """Nobody answers, and not before the server has begun."""

        def get(self, *_: Any, **__: Any) -> None:
            wait_until(lambda: len(running_ones(home)) == 2)
            raise requests.ConnectionError

    monkeypatch.setattr(server, "direct", Unheard)
    monkeypatch.setattr(server, "START_SECONDS", 1)
    monkeypatch.setattr(server, "STOP_SECONDS", 1)
    # It hears no request to end, and has a child as gunicorn has workers.
    programs("gunicorn", "trap '' TERM; sleep 600 & echo child $!; echo self $$; wait")
    with (
        pytest.raises(SupersetError, match="did not answer within 1 seconds"),
        server.running(home, free_port()),
    ):
        pass
    assert len(re.findall("child|self", home.log.read_text())) == 2
    # A signal that nobody can refuse takes a moment to arrive all the same.
    wait_until(lambda: running_ones(home) == [])


def test_command_that_fails_or_hangs_is_named(
    programs: Callable[[str, str], None], home: Home
) -> None:
    programs("python", "echo no such table; exit 1")
    with pytest.raises(SupersetError, match=r"(?s)superset db upgrade.*no such table"):
        home.prepare()
    programs("python", "exec sleep 600")
    with pytest.raises(SupersetError, match="init did not end within 1 seconds"):
        home.run(["init"], seconds=1)


def test_secrets_are_random_and_for_their_owner_only(
    home: Home, tmp_path: Path
) -> None:
    assert set(home.secrets) == {"key", "password"}
    assert set(home.secrets.values()).isdisjoint(Home(tmp_path).secrets.values())
    assert (home.folder / "secrets.json").stat().st_mode & 0o077 == 0


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
    programs: Callable[[str, str], None], home: Home
) -> None:
    programs("gunicorn", "echo self $$; exec sleep 600")
    starter = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys; from pathlib import Path; from superset_files import server\n"
            "server.ENVIRONMENT = Path(sys.argv[1])\n"
            "with server.running(server.Home(Path(sys.argv[2])), 9): pass",
            *(str(server.ENVIRONMENT), str(home.folder)),
        ],
        cwd=PROJECT / "scripts",
    )
    wait_until(lambda: home.log.is_file() and len(running_ones(home)) == 1)
    starter.kill()
    starter.wait()
    wait_until(lambda: running_ones(home) == [])
