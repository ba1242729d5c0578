"""Build the warehouse in a work file and publish it when everything has passed.

`make warehouse` calls this. One process stages the raw files with dbt, asks the
expectations of the raw release, builds and tests the marts, asks the expectations of
the marts, and writes the docs and pages, all on a fresh work file; only then is a copy
put in place of the published file by one rename, so that a reader with the file open
never sees a half-made warehouse.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import fcntl
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from validation.results import Run
    from validation.run import Result

PROJECT = Path(__file__).resolve().parent.parent
MANIFEST = PROJECT / "seeds" / "reference" / "release_manifest.csv"
WORK_FILE = PROJECT / "target" / "work.duckdb"
PUBLISHED_FILE = PROJECT / "warehouse" / "ai_in_education.duckdb"
SIMULATED_DATA = PROJECT / "seeds" / "aei"
REFUSAL = "The input was refused"


class BuildError(Exception):
    """A build that did not publish; the text is for the person who started it."""


@dataclass
class Progress:
    """Counts finished dbt nodes and shows them: one line that moves on a terminal,
    a line for each tenth part elsewhere."""

    total: int = 0
    done: int = 0
    shown: int = 0
    started: float = field(default_factory=time.monotonic)

    def on_event(self, event: object) -> None:
        """Take one event of dbt's event stream."""
        name = event.info.name  # type: ignore[attr-defined]
        if name == "LogStartLine":
            self.total = max(self.total, event.data.total)  # type: ignore[attr-defined]
        elif name == "NodeFinished":
            self.done += 1
            self._show(event.data.node_info.node_name)  # type: ignore[attr-defined]

    def _show(self, node: str) -> None:
        total = max(self.total, self.done)
        seconds = time.monotonic() - self.started
        line = f"  {self.done}/{total} {seconds:4.0f} s"
        if sys.stdout.isatty():
            end = "\n" if self.done == total else ""
            print(f"\r\033[K{line}  {node[:60]}", end=end, flush=True)
        elif self.done * 10 // total > self.shown:
            self.shown = self.done * 10 // total
            print(line, flush=True)


def unlisted_raw_files(data_dir: Path, manifest: Path = MANIFEST) -> list[str]:
    """Raw-looking files of the data folder that no manifest row names."""
    with manifest.open(encoding="utf-8", newline="") as handle:
        listed = {row["relative_path"] for row in csv.DictReader(handle)}
    found = (
        path.relative_to(data_dir).as_posix()
        for path in sorted(data_dir.glob("release_*/**/aei_raw_*"))
        if path.is_file()
    )
    return [path for path in found if path not in listed]


@contextlib.contextmanager
def only_build(*places: Path) -> Iterator[None]:
    """Hold the lock of each place, a file of its own or a folder that exists.

    Raises BuildError when another build holds one of them.
    """
    with contextlib.ExitStack() as held:
        for place in dict.fromkeys(place.resolve() for place in places):
            if place.is_dir():
                handle = os.open(place, os.O_RDONLY)
                held.callback(os.close, handle)
            else:
                place.parent.mkdir(parents=True, exist_ok=True)
                handle = held.enter_context(place.open("w")).fileno()
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise BuildError(
                    "Another build of this project is running, with the same work "
                    f"file or folder ({_shown(place)}); wait until it has ended."
                ) from None
        yield


def failure_text(results: object, work_file: Path) -> str:
    """What went wrong in a dbt run, one paragraph for each failed node, unique ones."""
    paragraphs: list[str] = []
    for result in results or []:  # type: ignore[attr-defined]
        if result.status not in ("error", "fail", "runtime error"):
            continue
        message = str(result.message or "").strip()
        if REFUSAL in message:
            message = message[message.index(REFUSAL) :].split("\n\n")[0]
            message = "\n".join(
                line
                for line in message.splitlines()
                if not line.lstrip().startswith("> ") and line.strip()
            )
            paragraphs.append(message)
        else:
            node = result.node
            where = getattr(node, "original_file_path", "")
            lines = [f"{node.name} ({where}): {message}"]
            lines += rows_of_test(node, work_file)
            paragraphs.append("\n".join(lines))
    return "\n".join(dict.fromkeys(paragraphs)) or "dbt failed; see logs/dbt.log."


def rows_of_test(node: Any, warehouse: Path) -> list[str]:
    """The first rows that a data test found, indented; nothing for other nodes."""
    sql = getattr(node, "compiled_code", None)
    if str(node.resource_type) != "test" or not sql:
        return []
    from failing_rows import failing_rows

    return failing_rows(warehouse, sql)


# What dbt builds in each step. Tests that touch a mart run with the marts, those of
# staging alone before anything rests on it; together they are every node of the project
# (tests/pytest/test_build_warehouse.py).
STAGING = (
    *("--select", "path:seeds", "path:models/staging"),
    *("--indirect-selection", "cautious"),
)
MARTS = (
    *("--select", "path:models/intermediate", "path:models/marts"),
    *("--exclude", "fct_expectation_results+"),
)
EXPECTATION_RESULTS = ("--select", "fct_expectation_results+")


class Dbt:
    """dbt in this process, on one work file: parsed once, for many commands."""

    def __init__(
        self, work_file: Path, data_dir: Path | None, manifest: Any = None
    ) -> None:
        """Parse the project, unless its manifest is given; raises BuildError."""
        os.environ["AEI_WORK_FILE"] = str(work_file)
        os.environ["DBT_SEND_ANONYMOUS_USAGE_STATS"] = "false"
        if data_dir is None:
            os.environ.pop("AEI_DATA_DIR", None)
        else:
            os.environ["AEI_DATA_DIR"] = str(data_dir)
        self.results: list[Any] = []
        self._manifest = manifest
        self._manifest = manifest or self._invoke("parse").result

    def build(self, *selection: str) -> None:
        """Run ``dbt build`` on a selection and add its results to ``results``.

        Raises BuildError with the message of each failed node.
        """
        built = self._invoke("build", *selection)
        self.results += list(built.result)

    def write_docs(self, folder: Path) -> Path:
        """Write the lineage docs into ``folder``/docs; raises BuildError."""
        import write_docs

        self._invoke("docs", "generate")
        try:
            write_docs.write(target_folder(), folder / "docs")
        except write_docs.DocsError as error:
            raise BuildError(str(error)) from error
        return folder / "docs"

    def _invoke(self, *command: str) -> Any:
        # Imported here: dbt takes a second to import, and --help should not.
        from dbt.adapters.duckdb.connections import DuckDBConnectionManager
        from dbt.cli.main import dbtRunner

        shown = [Progress().on_event] if command[0] == "build" else []
        runner = dbtRunner(manifest=self._manifest, callbacks=shown)
        where = ["--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT)]
        try:
            done = runner.invoke(["--quiet", "--log-level", "none", *command, *where])
        finally:
            # Else the file can't be opened by anybody else in this process.
            DuckDBConnectionManager.close_all_connections()
        if not done.success:
            if done.exception is not None:
                raise BuildError(str(done.exception))
            work_file = Path(os.environ["AEI_WORK_FILE"])
            raise BuildError(failure_text(done.result, work_file))
        return done


def ask_expectations(work_file: Path, boundary: str) -> list[Result]:
    """Ask the expectations of one boundary on the work file; returns the answers.

    Raises BuildError when one can't be evaluated; a failure is only an answer.
    """
    # Great Expectations takes seconds to import.
    from validation.run import ValidationError, run_checks

    try:
        return run_checks(work_file, boundary)
    except ValidationError as error:
        raise BuildError(str(error)) from error


def stop_on_critical(
    work_file: Path, answers: Sequence[Result], run: Run, page_folder: Path
) -> None:
    """Raise BuildError when a critical expectation failed, after writing its page."""
    from validation.page import write_page
    from validation.run import failure_lines, worst_failure

    if worst_failure(answers) != "critical":
        return
    page = write_page(work_file, answers, run, page_folder, was_published=False)
    raise BuildError(
        f"{REFUSAL}: an assumption that the figures rest on does not hold; nothing was "
        "published.\n"
        + "\n".join(failure_lines(answers, "critical"))
        + f"\nAll answers: {_shown(page)} (opens without network)."
    )


def publish(
    work_file: Path, published_file: Path, outputs: Sequence[Path] = ()
) -> None:
    """Put the warehouse and what was made from it in place of what was there.

    The file is copied beside the published one, then renamed over it; the outputs lie
    on the same file system already and follow by renames of their own.
    """
    published_file.parent.mkdir(parents=True, exist_ok=True)
    check_output(published_file)
    new_file = published_file.with_name(f".{published_file.name}.new")
    try:
        with work_file.open("rb") as source, new_file.open("wb") as target:
            shutil.copyfileobj(source, target, length=1 << 20)
            target.flush()
            os.fsync(target.fileno())
        # A write-ahead log that somebody left beside the old file is not of the new
        # one: DuckDB would refuse to open the two together.
        published_file.with_name(published_file.name + ".wal").unlink(missing_ok=True)
        os.replace(new_file, published_file)
    except OSError as error:
        size = work_file.stat().st_size / 1e6
        raise OSError(
            error.errno,
            f"{error.strerror or error} (copying {_shown(work_file)}, {size:,.0f} MB, "
            f"to {_shown(published_file)})",
        ) from error
    finally:
        new_file.unlink(missing_ok=True)
    for output in outputs:
        replace(output, published_file.parent / output.name)


def replace(new: Path, place: Path) -> None:
    """Rename a file or folder into a place, over what is there."""
    # A folder can't be renamed over another that holds files. What a build that was
    # killed here has left behind goes too.
    old = place.with_name(f".{place.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if place.is_dir() and not place.is_symlink():
        place.rename(old)
    os.replace(new, place)
    shutil.rmtree(old, ignore_errors=True)


def check_output(published_file: Path) -> None:
    """Raise BuildError when the published file can't be replaced, and say why."""
    import duckdb

    if published_file.is_dir():
        raise BuildError(
            f"The output {published_file} is a folder; expected the name of a file."
        )
    try:
        with tempfile.TemporaryFile(dir=published_file.parent):
            pass
    except OSError as error:
        raise BuildError(
            f"Nothing can be written into the folder {published_file.parent}: "
            f"{error.strerror}. Make it writable, or name another place with --output."
        ) from error
    try:
        if published_file.exists():
            duckdb.connect(str(published_file), read_only=True).close()
    except duckdb.Error as error:
        # Any other trouble is of a file that is about to be replaced.
        if "Could not set lock" in str(error):
            raise BuildError(
                f"Another program has the published warehouse {published_file} open "
                "for writing, and would lose what it writes. Close it, or open the "
                f"file read-only there, and build again.\n{error}"
            ) from error


@contextlib.contextmanager
def temporary_folder(work_file: Path) -> Iterator[None]:
    """Temporary files of this process lie in a folder beside the work file meanwhile,
    so that what a killed build leaves behind goes with the next one."""
    folder = work_file.with_name(work_file.name + ".scratch")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    before, tempfile.tempdir = tempfile.tempdir, str(folder)
    try:
        yield
    finally:
        tempfile.tempdir = before
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def output_folder(published_file: Path) -> Iterator[Path]:
    """A fresh folder beside the published file, gone afterwards: what is made here is
    renamed into place when everything is made."""
    folder = published_file.with_name(f".{published_file.name}.outputs")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def write_outputs(work_file: Path, folder: Path) -> list[Path]:
    """Everything that is made from the finished marts, in ``folder``."""
    import export_marts
    import write_report
    from exports.marts import ExportError
    from report.parts import ReportError
    from validation import page

    try:
        return [
            path
            for writer in (page, write_report, export_marts)
            for path in writer.write(work_file, folder)
        ]
    except (ExportError, ReportError) as error:
        raise BuildError(str(error)) from error


def remove_work_file(work_file: Path) -> None:
    """Start from nothing: no table of an earlier build can stay behind."""
    work_file.parent.mkdir(parents=True, exist_ok=True)
    work_file.unlink(missing_ok=True)
    work_file.with_name(work_file.name + ".wal").unlink(missing_ok=True)
    # What DuckDB moves there when the memory is full.
    shutil.rmtree(work_file.with_name(work_file.name + ".tmp"), ignore_errors=True)


def summary(published_file: Path, results: list[object], data_dir: Path | None) -> str:
    """The closing text: the file, headline shares with bases, what was checked."""
    import duckdb

    with duckdb.connect(str(published_file), read_only=True) as con:
        shares = con.execute(
            """
            select shares.release_id, shares.platform, shares.is_simulated,
                shares.task_count, shares.conversation_count,
                shares.base_conversation_count, shares.share_pct,
                shares.bound_low_pct, shares.bound_high_pct,
                releases.file_status, releases.count_basis
            from marts.fct_education_shares as shares
            inner join marts.dim_releases as releases using (release_id, platform)
            where shares.geo_level = 'global' and shares.scope = 'education'
                and shares.allocation_rule = 'any_holder'
                and shares.share_base = 'all_conversations'
            order by shares.release_id, shares.platform desc
            """
        ).fetchall()
        reconciled = con.execute(
            """
            select status, count(*) from marts.fct_published_reconciliation
            group by status order by count(*) desc, status
            """
        ).fetchall()
        absent = con.execute(
            """
            select string_agg(release_id || ' ' || platform, ', ' order by all)
            from marts.dim_releases where not is_loaded and not is_simulated
            """
        ).fetchone()[0]

        asked = con.execute(
            """
            select
                count(*) filter (is_success),
                count(*) filter (not is_success),
                count(*) filter (is_success is null)
            from marts.fct_expectation_results where is_latest_run
            """
        ).fetchall()[0]

    def passed(resource_type: str) -> int:
        return sum(
            str(result.node.resource_type) == resource_type  # type: ignore[attr-defined]
            and result.status in ("success", "pass")  # type: ignore[attr-defined]
            for result in results
        )

    warnings = [
        line
        for result in results
        if result.status == "warn"  # type: ignore[attr-defined]
        for line in (
            f"  {result.node.name}: {result.message}",  # type: ignore[attr-defined]
            *rows_of_test(result.node, published_file),  # type: ignore[attr-defined]
        )
    ]

    lines = ["", "Warehouse published: " + _shown(published_file), ""]
    if any(row[2] for row in shares):
        lines += [
            "SIMULATED DATA: these figures describe nobody. They show the shape of the",
            "warehouse; load the real files for figures (below).",
            "",
        ]
    lines.append("Education share (rule any_holder, base all conversations):")
    for row in shares:
        unit = "records" if row[1] == "1p_api" else "conversations"
        if row[10] == "per_million":
            unit = f"{unit} per million"
        lines.append(
            f"  {row[0]} {row[1]}: {row[6]:.2f}% = {row[4]:,.0f} of {row[5]:,.0f} "
            f"{unit}, {row[3]} tasks; with the unseen {row[7]:.1f} to {row[8]:.1f}% "
            f"[file: {row[9]}]"
        )
    figures = ", ".join(f"{count} {status}" for status, count in reconciled)
    lines += [
        f"Published figures against the marts: {figures}.",
        f"Checked: {passed('model')} models built, {passed('test')} data tests and "
        f"{passed('unit_test')} unit tests passed.",
        f"Expectations: {asked[0]} held, {asked[1]} failed as warnings, {asked[2]} had "
        f"nothing to judge; see {_shown(published_file.parent / 'validation.html')}",
    ]
    if warnings:
        lines += ["Warnings, published with the marts:", *warnings]
    if absent:
        lines.append(f"Not in the data folder: {absent}.")
    lines += [
        "",
        "Report page:  "
        + _shown(published_file.parent / "report.html")
        + " (opens without network; beside it Parquet, CSV and a workbook)",
        "Lineage docs: "
        + _shown(published_file.parent / "docs" / "index.html")
        + " (opens without network)",
        "Look inside:  .venv/bin/python -c \"import duckdb; duckdb.connect('"
        + _shown(published_file)
        + "', read_only=True).sql('from marts.fct_education_shares').show()\"",
    ]
    if data_dir is None:
        lines += [
            "Real data:    make fetch RELEASE=2026_01_15, then "
            "AEI_DATA_DIR=data/aei make warehouse",
        ]
    return "\n".join(lines)


def target_folder() -> Path:
    """Where dbt writes what it compiles and the artifacts of the docs."""
    return PROJECT / os.environ.get("DBT_TARGET_PATH", "target")


def make_folder(folder: Path) -> None:
    """Make a folder where there is none; raises BuildError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BuildError(
            f"The folder {folder} can't be made: {error.strerror}. Make it, or name "
            "another place with --output or DBT_TARGET_PATH."
        ) from error


def _shown(path: Path) -> str:
    """The path as a person in the current folder would type it."""
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)


def data_folder(argument: str | None) -> Path | None:
    """The data folder, absolute; None for the project's own simulated release.

    Raises BuildError when it is not a folder.
    """
    if not argument:
        return None
    folder = Path(argument).expanduser().resolve()
    if not folder.is_dir():
        raise BuildError(
            f"AEI_DATA_DIR is {argument}, which is not a folder. Expected a folder "
            "laid out as the public dataset (release_2026_01_15/data/intermediate/). "
            "Fetch one with make fetch RELEASE=2026_01_15, or unset AEI_DATA_DIR to "
            "build on the project's simulated release."
        )
    return folder


def build(
    data_dir: Path | None,
    published_file: Path = PUBLISHED_FILE,
    work_file: Path = WORK_FILE,
    with_docs: bool = True,
) -> str:
    """Build, test and publish; returns the summary.

    Raises BuildError, and then nothing was published.
    """
    target = target_folder()
    for folder in (published_file.parent, target):
        make_folder(folder)
    with (
        only_build(
            work_file.with_name(work_file.name + ".lock"), published_file.parent, target
        ),
        temporary_folder(work_file),
    ):
        check_output(published_file)
        say(f"Data: {data_dir or _shown(SIMULATED_DATA) + ' (simulated)'}")
        for path in unlisted_raw_files(data_dir or SIMULATED_DATA):
            say(f"  left alone, not in {MANIFEST.name}: {path}")
        remove_work_file(work_file)
        say("Staging the raw files ...")
        dbt = Dbt(work_file, data_dir)
        dbt.build(*STAGING)

        say("Asking the expectations of the raw release ...")
        from validation import results

        run = results.Run.now()
        answers = ask_expectations(work_file, "raw")
        stop_on_critical(work_file, answers, run, work_file.parent)

        say("Building and testing the marts ...")
        dbt.build(*MARTS)

        say("Asking the expectations of the marts ...")
        answers += ask_expectations(work_file, "marts")
        stop_on_critical(work_file, answers, run, work_file.parent)
        left_behind = results.carry_over(work_file, published_file)
        if left_behind:
            say(f"  {left_behind}")
        results.keep(work_file, run, answers)
        dbt.build(*EXPECTATION_RESULTS)

        say("Writing pages and exports ...")
        with output_folder(published_file) as folder:
            outputs = write_outputs(work_file, folder)
            if with_docs:
                say("Writing the lineage docs ...")
                outputs.append(dbt.write_docs(folder))
            say("Publishing ...")
            publish(work_file, published_file, outputs)
    return summary(published_file, dbt.results, data_dir)


def identity(file: Path) -> tuple[int, int] | None:
    """What tells a file from one that is renamed over it; None when it is absent."""
    if not file.exists():
        return None
    status = file.stat()
    return status.st_ino, status.st_mtime_ns


def say(text: str) -> None:
    """Tell the person who waits what begins now."""
    print(text, flush=True)


FULL_DISK = re.compile(r"No space left on device|Disk quota exceeded|File too large")


def with_advice(text: str, *places: Path) -> str:
    """The text of an error; of a full disk with what is free and what to do."""
    if not FULL_DISK.search(text):
        return text
    free = ", ".join(
        f"{shutil.disk_usage(place).free / 1e6:,.0f} MB in {_shown(place)}"
        for place in dict.fromkeys(places)
        if place.is_dir()
    )
    return (
        f"The disk is full: {text}\nFree now: {free}. A build needs about ten times "
        "the size of the raw files for its work file and as much again for the "
        "published one; free some space, or name another place with --work-file, "
        "--output or DBT_TARGET_PATH, and build again."
    )


def main(arguments: list[str] | None = None) -> int:
    """Command line; exit status 0 published, 1 not published, 2 wrong usage."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--data-dir",
        default=os.environ.get("AEI_DATA_DIR"),
        help="folder laid out as the public dataset (default: AEI_DATA_DIR)",
    )
    parser.add_argument("--output", type=Path, default=PUBLISHED_FILE)
    parser.add_argument("--work-file", type=Path, default=WORK_FILE)
    parser.add_argument("--no-docs", action="store_true", help="skip the lineage docs")
    options = parser.parse_args(arguments)
    output = options.output.resolve()
    before = identity(output)
    import duckdb

    try:
        text = build(
            data_folder(options.data_dir),
            output,
            options.work_file.resolve(),
            not options.no_docs,
        )
    except (BuildError, OSError, duckdb.Error) as error:
        if identity(output) != before:
            kept = (
                f"The new warehouse was published all the same: {_shown(output)}. What "
                "is to lie beside it may be of the build before; build again."
            )
        elif before:
            kept = f"The published warehouse is as it was: {_shown(output)}"
        else:
            kept = "There is no published warehouse yet."
        text = with_advice(
            str(error),
            options.work_file.resolve().parent,
            output.parent,
            target_folder(),
        )
        print(f"\nThe build stopped.\n{text}\n\n{kept}", file=sys.stderr)
        return 1
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
