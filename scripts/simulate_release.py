"""Simulate a release of the long family whose truth is known.

Without options it writes the shipped sample again, byte for byte:

    python scripts/simulate_release.py --manifest seeds/reference/release_manifest.csv

Nothing in the result depends on the machine, the number of threads or the memory.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Sequence
from pathlib import Path

from simulation.draw import Run
from simulation.files import MANIFEST_COLUMNS, update_manifest
from simulation.model import load_model
from simulation.plan import parse_plan
from simulation.releases import open_database, write_release
from simulation.task_lists import scaled, with_regions
from simulation.truth import write_truth

PROJECT_ROOT = Path(__file__).resolve().parents[1]
SEEDS = PROJECT_ROOT / "seeds" / "simulation"
SAMPLE_ID = "simulated_2026_01"
SAMPLE_SEED = 20260105
SAMPLE_CONVERSATIONS = 998_400
SAMPLE_RECORDS = 971_300
FULL_SIZE_ID = "simulated_full_size"
FULL_SIZE_TASKS = 4_100
FULL_SIZE_REGIONS = 2_700


def parser() -> argparse.ArgumentParser:
    """The command line."""
    out = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = out.add_argument
    add("--seed", type=int, default=SAMPLE_SEED, help="decides every draw")
    add(
        "--conversations",
        type=int,
        default=SAMPLE_CONVERSATIONS,
        help="Claude.ai conversations (default: %(default)s)",
    )
    add(
        "--api-records",
        type=int,
        default=SAMPLE_RECORDS,
        help="records of the 1P API (default: %(default)s)",
    )
    add(
        "--tasks", type=int, help="size of the task list (default: the 304 of the seed)"
    )
    add("--regions", type=int, help="about so many regions in place of the listed ones")
    add(
        "--facets",
        help="all, sample, or facets parted by commas: use_case, "
        "onet_task::use_case, country/use_case, ... (default: sample)",
    )
    add(
        "--truth",
        action="store_true",
        help="write unsuppressed counts and parameters as Parquet to <release>/truth",
    )
    add(
        "--conversations-parquet",
        type=Path,
        metavar="FOLDER",
        help="write the conversations themselves as Parquet, one row each",
    )
    add(
        "--full-size",
        action="store_true",
        help=f"about as many rows and bytes as the official files: {FULL_SIZE_TASKS} "
        f"tasks, {FULL_SIZE_REGIONS} regions, all facets, release {FULL_SIZE_ID}",
    )
    add("--release-id", help=f"default: {SAMPLE_ID}")
    add("--output-dir", type=Path, help="needed for all but the shipped sample")
    add("--manifest", type=Path, help="manifest whose rows of the release to replace")
    add("--threads", type=int, help="threads of DuckDB (default: all cores)")
    add("--memory-limit", default="3GB", help="memory of DuckDB (default: %(default)s)")
    add("--temp-dir", type=Path, help="where DuckDB may spill what does not fit")
    return out


def _is_sample(options: argparse.Namespace) -> bool:
    """Whether the options decide the very content of the shipped sample."""
    decisive = ("seed", "conversations", "api_records", "tasks", "regions", "facets")
    others = ("truth", "full_size", "release_id")
    plain = parser().parse_args([])
    return all(
        getattr(options, name) == getattr(plain, name) for name in decisive + others
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Simulate, write, and print the manifest's rows; returns the exit status."""
    command = parser()
    options = command.parse_args(arguments)
    output = options.output_dir
    if output is None:
        if not _is_sample(options):
            command.error(
                "observed: other options than the shipped sample's, and no place to "
                "write to; expected: --output-dir, so that seeds/aei stays as it is; "
                "do: name a folder"
            )
        output = PROJECT_ROOT / "seeds" / "aei"
    full = options.full_size
    tasks, regions = options.tasks, options.regions
    if full:
        tasks = FULL_SIZE_TASKS if tasks is None else tasks
        regions = FULL_SIZE_REGIONS if regions is None else regions
    release_id = options.release_id or (FULL_SIZE_ID if full else SAMPLE_ID)
    if min(options.conversations, options.api_records) < 1:
        command.error(
            "observed: no conversations or no records; expected: at least 1 of each; "
            "do: raise --conversations or --api-records"
        )
    try:
        plan = parse_plan(options.facets or ("all" if full else "sample"))
        model = load_model(SEEDS)
        if tasks is not None:
            model = scaled(model, tasks)
        if regions is not None:
            model = with_regions(model, regions)
    except (ValueError, FileNotFoundError) as error:
        command.error(str(error))
    run = Run(
        run_no=0,
        release_id=release_id,
        seed=options.seed,
        conversations={
            "claude_ai": options.conversations,
            "1p_api": options.api_records,
        },
    )
    con = open_database(
        memory_limit=options.memory_limit,
        threads=options.threads,
        temp_directory=options.temp_dir,
    )
    rows = write_release(
        con,
        model,
        run,
        plan,
        output,
        conversations=options.conversations_parquet,
        with_truth=options.truth,
    )
    if options.truth:
        write_truth(con, output / f"release_{release_id}" / "truth")
    if options.manifest is not None:
        update_manifest(options.manifest, rows)
    writer = csv.DictWriter(sys.stdout, MANIFEST_COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
