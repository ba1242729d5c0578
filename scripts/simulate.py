"""Simulate a release whose truth is known, in the layout of a family.

Alone and with ``--family C`` it writes a shipped sample again, byte for byte:

    python scripts/simulate.py --manifest seeds/reference/release_manifest.csv

Nothing in the result depends on the machine, the number of threads or the memory.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Sequence
from pathlib import Path

from simulation.files import MANIFEST_COLUMNS
from simulation.request import DEFAULTS, Request, write_release

NUMBERS = {
    "--seed": "decides every draw",
    "--conversations": "of Claude.ai; family C: in each of its two months",
    "--api-records": "of the 1P API, likewise",
    "--tasks": "size of the task list (default: the 304 of the seed)",
    "--regions": "about so many in place of the listed ones",
    "--threads": "of DuckDB (default: all cores)",
}
TEXTS = {
    "--release-id": "default: the id of the family's sample",
    "--facets": "all, sample, or (family B) facets parted by commas: use_case, "
    "onet_task::use_case, country/use_case, ... (default: sample)",
}
PATHS = {
    "--output-dir": "needed for all but the shipped sample",
    "--manifest": "whose rows of the release to replace",
    "--conversations-parquet": "folder for the conversations, one row each",
}
SWITCHES = {
    "--truth": "unsuppressed counts and parameters as Parquet in <release>/truth",
    "--full-size": "about as many rows and bytes as the official files",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Simulate, write, and print the manifest's rows; returns the exit status."""
    command = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        argument_default=argparse.SUPPRESS,
    )
    command.add_argument(
        "--family", choices=DEFAULTS, help="A flat, B long (default), C monthly"
    )
    for kind, options in ((int, NUMBERS), (str, TEXTS), (Path, PATHS)):
        for name, words in options.items():
            command.add_argument(name, type=kind, help=words)
    for name, words in SWITCHES.items():
        command.add_argument(name, action="store_true", help=words)
    try:
        rows = write_release(Request(**vars(command.parse_args(arguments))))
    except (ValueError, FileNotFoundError) as error:
        command.error(str(error))
    writer = csv.DictWriter(sys.stdout, MANIFEST_COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
