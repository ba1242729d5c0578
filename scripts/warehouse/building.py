"""The build: one process stages the raw files with dbt, builds and tests the marts
while another asks the expectations of the raw release, asks the expectations of the
marts, and has pages, exports and docs written, all on a fresh work file; only then is a
copy put in place of the published file by one rename, so that a reader with the file
open never sees a half-made warehouse.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from conversations import incoming as conversations
from validation import results
from validation.page import write_page

from warehouse import workers
from warehouse.errors import BuildError
from warehouse.folder import examine
from warehouse.paths import (
    PUBLISHED_FILE,
    SIMULATED_DATA,
    WORK_FILE,
    shown,
    target_folder,
)
from warehouse.publishing import (
    check_output,
    check_work_file,
    for_the_owner_only,
    make_folder,
    only_build,
    own_folder,
    publish,
    remove_work_file,
    temporary_folder,
)
from warehouse.reading import differing_copies
from warehouse.recording import record
from warehouse.runner import REFUSAL, Dbt
from warehouse.summary import summary

# What dbt builds in each step (selectors.yml); together they are every node of the
# project but the unit tests (tests/pytest/test_build.py).
STAGING = ("--selector", "gate")
# dbt takes no --exclude beside a selector.
STAGING_AS_KEPT = ("--selector", "gate_as_kept")
MARTS = ("--selector", "marts")
EXPECTATION_RESULTS = ("--selector", "expectation_results")
# Who writes what beside the published file: modules with ``write(source, folder)``,
# which returns the paths it wrote. The source is the work file; of the docs it is the
# folder of dbt's artifacts.
PAGES = ("report.page", "validation.page")
EXPORTS = "exports.files"
DOCS_WRITER = "lineage.pages"


def build(
    data_dir: Path | None,
    published_file: Path = PUBLISHED_FILE,
    work_file: Path = WORK_FILE,
    with_docs: bool = True,
    on_spark: bool = False,
) -> str:
    """Build, test and publish; returns the summary.

    on_spark: the models are built by Spark (docs/scale.md), and taken from there.

    Raises WarehouseError, and then nothing was published.
    """
    for folder in (published_file.parent, target_folder()):
        make_folder(folder)
    lock = work_file.with_name(work_file.name + ".lock")
    with (
        only_build(lock, published_file.parent, target_folder()),
        temporary_folder(work_file),
        workers.at_hand(),
    ):
        check_output(published_file)
        check_work_file(work_file, published_file)
        say(f"Data: {data_dir or shown(SIMULATED_DATA) + ' (simulated)'}")
        for note in examine(data_dir or SIMULATED_DATA):
            say(f"  {note}")
        for note in conversations.remove_older(work_file):
            say(f"  own conversations: {note}")
        if on_spark:
            # It counts all conversations anew, and needs them all.
            conversations.private_file(work_file).unlink(missing_ok=True)
        with for_the_owner_only():
            own = conversations.prepare(work_file, data_dir or SIMULATED_DATA)
        if own:
            say(f"  own conversations: {own.note}")
        # What it shows of them stays as it is (int_conversation_cells_protected).
        os.environ["AEI_WAREHOUSE_FILE"] = str(published_file.resolve())
        remove_work_file(work_file)
        workers.warm("validation.run")
        workers.aside("report.page", "script")  # is kept for the page
        say("Staging the raw files ...")
        dbt = Dbt(work_file, data_dir)
        staging = (*STAGING, *own.days) if own and own.days else STAGING
        if own and (on_spark or not own.days):
            staging = STAGING_AS_KEPT
        with for_the_owner_only() if own else contextlib.nullcontext():
            if on_spark:
                from spark import running

                say("Building and testing every model on Spark ...")
                running.build(dbt, work_file)
            dbt.build(*staging)
            conversations.keep(own)
        for note in conversations.not_shown(work_file, own.private_file) if own else []:
            say(f"  own conversations: {note}")
        for note in differing_copies(work_file):
            say(f"  {note}")

        say("Asking the expectations of the raw release meanwhile ...")
        run = results.Run.now()
        with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(1) as thread:
            # Of a copy: dbt has the work file to itself.
            staged = Path(shutil.copy(work_file, folder))
            asked = thread.submit(ask_expectations, staged, "raw")
            say("Building and testing the marts ...")
            try:
                dbt.build(*MARTS)
            finally:
                # What they contradict comes first: marts can fail of it.
                answers = asked.result()
                stop_on_critical(work_file, answers, run, work_file.parent)

        say("Asking the expectations of the marts ...")
        answers += ask_expectations(work_file, "marts")
        stop_on_critical(work_file, answers, run, work_file.parent)
        left_behind = results.carry_over(work_file, published_file)
        if left_behind:
            say(f"  {left_behind}")
        results.keep(work_file, run, answers)
        record(work_file, published_file, run.run_id, run.run_at, dbt.grains())
        dbt.build(*EXPECTATION_RESULTS)

        say("Writing pages, exports and docs ...")
        name = f".{published_file.name}.outputs"
        with own_folder(published_file.with_name(name)) as folder:
            outputs = write_outputs(work_file, folder, dbt, with_docs)
            say("Publishing ...")
            publish(work_file, published_file, outputs)
    return summary(published_file, dbt.results, data_dir)


def say(text: str) -> None:
    """Tell the person who waits what begins now."""
    print(text, flush=True)


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


def ask_expectations(work_file: Path, boundary: str) -> list[results.Result]:
    """Ask the expectations of one boundary on the work file; returns the answers.

    Raises ValidationError when one can't be evaluated; a failure is only an answer.
    """
    # In the process that has imported Great Expectations meanwhile.
    return workers.beside("validation.run", "ask", work_file, boundary).result()


def stop_on_critical(
    work_file: Path,
    answers: Sequence[results.Result],
    run: results.Run,
    page_folder: Path,
) -> None:
    """Raise BuildError when a critical expectation failed, after writing its page."""
    if results.worst_failure(answers) != "critical":
        return
    page = write_page(work_file, answers, run, page_folder, was_published=False)
    raise BuildError(
        f"{REFUSAL}: an assumption that the figures rest on does not hold; nothing was "
        "published.\n"
        + "\n".join(results.failure_lines(answers, "critical"))
        + f"\nAll answers: {shown(page)} (opens without network)."
    )


def write_outputs(
    work_file: Path, folder: Path, dbt: Dbt, with_docs: bool
) -> list[Path]:
    """Everything that is made from the finished marts, in ``folder``.

    The writers only read, and work side by side. Raises the error of the first of them
    that fails.
    """
    waiting = [workers.beside(module, "write", work_file, folder) for module in PAGES]
    dbt.write_manifest()  # which says to the exports what the marts are
    waiting.append(workers.beside(EXPORTS, "write", work_file, folder))
    if with_docs:
        docs = folder / "docs"
        waiting.append(workers.beside(DOCS_WRITER, "write", dbt.generate_docs(), docs))
    written = {path for writer in waiting for path in writer.result()}
    return sorted({folder / path.relative_to(folder).parts[0] for path in written})
