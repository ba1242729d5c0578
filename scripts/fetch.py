"""Download the files of a release, as the release manifest lists them."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from warehouse.fetching import (
    FetchError,
    NoFileError,
    ReleaseFile,
    fetch,
    read_manifest,
    select_files,
)
from warehouse.paths import FETCHED_DATA, MANIFEST


def summary(files: Sequence[ReleaseFile], data_dir: Path) -> str:
    """Return the closing text: the folder, licences and citations, the next command."""
    sources = dict.fromkeys(f"  {file.licence}: {file.citation}" for file in files)
    next_step = f"Next: AEI_DATA_DIR={shlex.quote(str(data_dir))} make warehouse"
    head = [f"Files are in {data_dir}", "Licences and citations:"]
    return "\n".join([*head, *sources, next_step])


def release_id(text: str) -> str:
    """A release as people write it: a date with dashes, the name of its folder."""
    return text.removeprefix("release_").rstrip("/").replace("-", "_")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return 0 (all there), 1 (not all), 2 (usage), 130 (stopped)."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add(
        "release",
        nargs="+",
        type=release_id,
        help="release ids of the manifest, such as 2026_01_15",
    )
    add("--data-dir", help="where to put the files (default: AEI_DATA_DIR or data/aei)")
    add("--dry-run", action="store_true", help="say what would be done; fetch nothing")
    args = parser.parse_args(argv)
    data_dir = args.data_dir or os.environ.get("AEI_DATA_DIR") or FETCHED_DATA
    data_dir = Path(data_dir).expanduser().resolve()
    again = f"make fetch RELEASE={shlex.quote(' '.join(args.release))}"
    failed = 0
    try:
        files = select_files(read_manifest(MANIFEST), args.release)
        for file in files:
            try:
                print(fetch(file, data_dir, args.dry_run), flush=True)
            except NoFileError:
                raise
            except FetchError as error:
                failed += 1
                print(f"error: {error}", file=sys.stderr)
    except FetchError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt:
        print(f"stopped; {again} goes on from the .part file", file=sys.stderr)
        return 130
    if failed:
        text = f"error: {failed} of {len(files)} files failed; {again} tries them again"
        print(text, file=sys.stderr)
        return 1
    if not args.dry_run:
        print(summary(files, data_dir))
    return 0


if __name__ == "__main__":
    sys.exit(main())
