"""Superset on this machine: started, asked, and stopped again.

Superset lives in an environment of its own (.venv-superset); this file needs none of
its packages. What Superset and DuckDB's driver print goes to superset.log in the home
folder, also what DuckDB prints when it ends.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from warehouse.errors import WarehouseError
from warehouse.paths import PROJECT

from superset_files.bundle import write_bundle

ENVIRONMENT = PROJECT / ".venv-superset"
CONFIG = Path(__file__).resolve().parent / "superset_config.py"
HOST = "127.0.0.1"
USER = "admin"
PREPARE_SECONDS = 900
START_SECONDS = 120
STOP_SECONDS = 20
ASK_SECONDS = 60
LOG_LINES = 30
# Superset takes seconds to import, and does so once.
COMMANDS = """
import json, sys
from superset.cli.main import superset
for command in json.loads(sys.argv[1]):
    try:
        superset(command)
    except SystemExit as ended:
        if ended.code:
            raise
"""


def direct() -> requests.Session:
    """A session without proxy and .netrc, for an address on this machine."""
    session = requests.Session()
    session.trust_env = False
    return session


class SupersetError(WarehouseError):
    """Superset did not do what it should; the text is for the person who asked."""


@dataclass(frozen=True)
class Home:
    """The folder that holds Superset's database, log and secrets."""

    folder: Path

    @property
    def log(self) -> Path:
        """What Superset said."""
        return self.folder / "superset.log"

    @property
    def secrets(self) -> dict[str, str]:
        """The key of the sessions and the password of the administrator.

        Made at random on first use and kept, readable by their owner only.
        """
        file = self.folder / "secrets.json"
        if not file.is_file():
            self.folder.mkdir(parents=True, exist_ok=True)
            made = {
                "key": secrets.token_urlsafe(42),
                "password": secrets.token_urlsafe(12),
            }
            with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT, 0o600), "w") as out:
                json.dump(made, out)
        return json.loads(file.read_text("utf-8"))

    @property
    def environment(self) -> dict[str, str]:
        """The variables of every process of Superset."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("SUPERSET_", "FLASK_", "PYTHONPATH"))
        }
        return kept | {
            "SUPERSET_HOME": str(self.folder),
            "SUPERSET_CONFIG_PATH": str(CONFIG),
            "SUPERSET_SECRET_KEY": self.secrets["key"],
            "FLASK_APP": "superset.app:create_app",
        }

    def fail(self, what: str) -> SupersetError:
        """An error with the last lines of the log."""
        lines = []
        if self.log.is_file():
            lines = self.log.read_text("utf-8", errors="replace").splitlines()
        tail = "\n".join(lines[-LOG_LINES:])
        return SupersetError(f"{what} The log is {self.log}; its last lines:\n{tail}")

    def run(self, *commands: Sequence[str], seconds: int = PREPARE_SECONDS) -> None:
        """Run commands of Superset, one after another in one process; raises
        SupersetError when one fails."""
        python = ENVIRONMENT / "bin" / "python"
        name = f"superset {', '.join(' '.join(each[:2]) for each in commands)}"
        with self.log.open("ab") as log:
            try:
                ended = subprocess.run(
                    [python, "-c", COMMANDS, json.dumps(commands)],
                    cwd=self.folder,
                    env=self.environment,
                    stdout=log,
                    stderr=log,
                    stdin=subprocess.DEVNULL,
                    timeout=seconds,
                )
            except subprocess.TimeoutExpired as error:
                raise self.fail(
                    f"{name} did not end within {seconds} seconds."
                ) from error
        if ended.returncode != 0:
            raise self.fail(f"{name} ended with status {ended.returncode}.")

    def prepare(self) -> None:
        """Make or migrate Superset's database, its roles and the administrator."""
        is_new = not (self.folder / "superset.db").is_file()
        admin = [
            *("fab", "create-admin", "--username", USER),
            *("--firstname", "Admin", "--lastname", "Admin"),
            *("--email", "admin@example.invalid"),
            *("--password", self.secrets["password"]),
        ]
        self.run(["db", "upgrade"], *([admin, ["init"]] if is_new else []))


@contextlib.contextmanager
def running(home: Home, port: int) -> Iterator[str]:
    """Superset's address while it runs; stopped on any way out.

    Raises SupersetError when it does not answer within two minutes.
    """
    command = [
        *(str(ENVIRONMENT / "bin" / "gunicorn"), "--bind", f"{HOST}:{port}"),
        *("--workers", "1", "--worker-class", "gthread", "--threads", "8"),
        *("--timeout", "120", "--graceful-timeout", "5", "superset.app:create_app()"),
    ]
    # Should this process be killed, the kernel stops the server (Linux).
    if sys.platform == "linux" and shutil.which("setpriv"):
        command = ["setpriv", "--pdeathsig", "TERM", *command]
    with home.log.open("ab") as log:
        process = subprocess.Popen(
            command,
            cwd=home.folder,
            env=home.environment,
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    try:
        root = f"http://{HOST}:{port}"
        wait_until_healthy(home, process, root)
        yield root
    finally:
        process.terminate()
        try:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(STOP_SECONDS)
        finally:
            # Itself, if it did not hear, and workers that outlived it: its own group.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def wait_until_healthy(home: Home, process: subprocess.Popen[bytes], root: str) -> None:
    """Return when Superset answers; raises SupersetError when it ends or is late."""
    session, until = direct(), time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        if process.poll() is not None:
            raise home.fail(f"Superset ended with status {process.returncode}.")
        with contextlib.suppress(requests.RequestException):
            if session.get(f"{root}/health", timeout=5).text == "OK":
                return
        time.sleep(0.5)
    raise home.fail(f"Superset did not answer within {START_SECONDS} seconds.")


class Api:
    """Superset's REST API as its administrator."""

    def __init__(self, root: str, password: str) -> None:
        self.root = root
        self.session = direct()
        login = {
            "username": USER,
            "password": password,
            "provider": "db",
            "refresh": False,
        }
        token = self.post("security/login", json=login)["access_token"]
        self.session.headers["Authorization"] = f"Bearer {token}"
        self.session.headers["X-CSRFToken"] = self.get("security/csrf_token/")["result"]
        self.session.headers["Referer"] = root

    def ask(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        """The answer to one request; raises SupersetError with what Superset says."""
        answer = self.session.request(
            method, f"{self.root}/api/v1/{path}", timeout=ASK_SECONDS, **options
        )
        if not answer.ok:
            raise SupersetError(
                f"{method} {path} answered {answer.status_code}: {answer.text[:2000]}"
            )
        return answer.json()

    get = functools.partialmethod(ask, "GET")
    post = functools.partialmethod(ask, "POST")

    def replace_assets(self, bundle: Path) -> None:
        """Import a bundle of the kind assets: its files replace what is there."""
        with bundle.open("rb") as file:
            zipped = (bundle.name, file, "application/zip")
            self.post("assets/import/", files={"bundle": zipped})


def serve(warehouse: Path, port: int) -> None:
    """Run Superset with the dashboard until the process is stopped.

    Raises SupersetError when Superset is not installed or does not start, BundleError
    when the warehouse lacks what the dashboard needs.
    """
    if not (ENVIRONMENT / "bin" / "superset").is_file():
        raise SupersetError(
            f"There is no Superset in {ENVIRONMENT}; install it with make "
            ".venv-superset (about 1 GB)."
        )
    home = Home(warehouse.parent / "superset")
    password = home.secrets["password"]
    print("Superset makes its database and starts: about a minute ...", flush=True)
    home.prepare()
    with running(home, port) as root:
        with tempfile.TemporaryDirectory() as folder:
            bundle = Path(folder) / "assets.zip"
            write_bundle(warehouse, bundle, kind="assets")
            Api(root, password).replace_assets(bundle)
        print(
            f"Dashboard: {root}/superset/dashboard/ai-in-education/\n"
            f"User {USER}, password {password} (this machine only; Control and C "
            "stops it)",
            flush=True,
        )
        threading.Event().wait()
