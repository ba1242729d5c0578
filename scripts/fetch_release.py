"""Download the files of an Economic Index release, as the release manifest lists them.

A file gets its final name only once its size and sha256 agree with the manifest.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import os
import re
import shlex
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import requests
from tqdm import tqdm

# Source: https://huggingface.co/datasets/Anthropic/EconomicIndex, at the revision that
# the manifest's citations name: a branch could move away from the manifest's sizes.
REVISION = "2ea58ff75e4247d26810c37f10c179edc2466cac"
DATASET_URL = "https://huggingface.co/datasets/Anthropic/EconomicIndex"
BASE_URL = f"{DATASET_URL}/resolve/{REVISION}"
PROJECT_ROOT = Path(__file__).resolve().parents[1]
MANIFEST = PROJECT_ROOT / "seeds" / "reference" / "release_manifest.csv"
ROW_KEYS = {"release_id", "file_role", "taxonomy_version"}
ROW_FLAGS = {"copy_status", "is_simulated"}
ROW_VALUES = {"relative_path", "byte_count", "sha256", "licence", "citation"}
CHUNK_BYTES = 64 * 1024
BACKOFF_SECONDS = 0.5  # doubled with each failure of a file, at most 8 s


class FetchError(Exception):
    """The text says what file, what was observed and expected, and what to do."""

    exit_status = 1


class UnknownReleaseError(FetchError):
    """The release asked for cannot be fetched; the text lists those that can."""

    exit_status = 2


class RetryError(requests.RequestException):
    """A failure that may pass: a busy server, a truncated body."""


@dataclass(frozen=True)
class ReleaseFile:
    """A file to fetch: `byte_count` in bytes, `sha256` empty where it is not known."""

    path: str
    byte_count: int
    sha256: str
    licence: str
    citation: str


def read_manifest(path: Path) -> list[dict[str, str]]:
    """Return the manifest's rows, all values as text. FetchError if unreadable."""
    try:
        with path.open(encoding="utf-8", newline="") as handle:
            reader = csv.DictReader(handle, restval="")
            rows, names = list(reader), set(reader.fieldnames or ())
    except (OSError, UnicodeDecodeError) as error:
        text = f"observed {error}, expected a readable CSV. Check --manifest"
        raise FetchError(f"{path}: {text}") from None
    if missing := sorted((ROW_KEYS | ROW_FLAGS | ROW_VALUES) - names):
        text = f"observed no column {', '.join(missing)}, expected all of the seed's"
        raise FetchError(f"{path}: {text}. Check --manifest")
    return rows


def parse_row(row: dict[str, str]) -> ReleaseFile:
    """Turn a manifest row into a file. FetchError if path, size or sha256 is no use."""
    path, size, sha256 = row["relative_path"], row["byte_count"], row["sha256"].lower()
    inside = not re.search(r"^$|^/|\\|(^|/)\.\.(/|$)", path)
    numbers = f"{size} {sha256}"
    if not (inside and re.fullmatch("[1-9][0-9]* ([0-9a-f]{64})?", numbers)):
        raise FetchError(
            f"{path!r}: observed byte_count {size!r}, sha256 {sha256!r}; expected a "
            "path inside the data folder, a number above 0, and 64 hex digits or "
            "nothing. Correct that row of the manifest"
        )
    return ReleaseFile(path, int(size), sha256, row["licence"], row["citation"])


def select_files(
    rows: Sequence[dict[str, str]], release_ids: Iterable[str]
) -> list[ReleaseFile]:
    """Return the releases' files, each once: current raw files, then reference files.

    Reference files have the release's taxonomy version, or none (geography).
    UnknownReleaseError: not listed, or simulated. FetchError: a row is not usable.
    """
    current = [r for r in rows if r["copy_status"] == "current"]
    real = [r for r in current if r["is_simulated"].lower() == "false"]
    known = {r["release_id"] for r in real if r["file_role"] == "raw"}
    chosen: dict[str, ReleaseFile] = {}
    for wanted in release_ids:
        if wanted not in known:
            own = {r["is_simulated"].lower() for r in rows if r["release_id"] == wanted}
            why = "has no current raw file" if own else "is not in the manifest"
            why = "is simulated, not published" if own - {"false"} else why
            text = f"observed that it {why}, expected one of {', '.join(sorted(known))}"
            raise UnknownReleaseError(f"release {wanted}: {text}. Choose one of these")
        raw = [r for r in real if (r["release_id"], r["file_role"]) == (wanted, "raw")]
        versions = {r["taxonomy_version"] for r in raw} | {""}
        shared = [r for r in real if r["taxonomy_version"] in versions]
        for row in raw + [r for r in shared if r["file_role"] != "raw"]:
            file = parse_row(row)
            if chosen.setdefault(file.path, file) != file:
                text = "observed current rows that differ, expected one row"
                raise FetchError(f"{file.path}: {text}. Correct the manifest")
    return list(chosen.values())


def find_html(head: bytes) -> str | None:
    """Say so if a file's first bytes look like an HTML page, else None."""
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:40]
    if not start.startswith(b"<"):
        return None
    return f"observed what looks like an HTML page ({start!r}), expected a data file"


def find_problem(path: Path, file: ReleaseFile) -> str | None:
    """Say how the file at `path` differs from the manifest; None if it does not."""
    with path.open("rb") as handle:
        if problem := find_html(handle.read(512)):
            return problem
        handle.seek(0)
        size, sha256 = path.stat().st_size, hashlib.file_digest(handle, "sha256")
    if size != file.byte_count:
        return f"observed {size:,} bytes, expected {file.byte_count:,} bytes"
    if file.sha256 not in ("", sha256.hexdigest()):
        return f"observed sha256 {sha256.hexdigest()}, expected {file.sha256}"
    return None


def resumable_bytes(part: Path, file: ReleaseFile) -> int:
    """Return how many bytes of a partial download may be kept.

    0 without a sha256: an old beginning with a new end would pass the size check.
    """
    return part.stat().st_size if file.sha256 and part.exists() else 0


@dataclass(frozen=True)
class Fetcher:
    """How and where to fetch; `timeout` in seconds, `retries` after a first attempt."""

    data_dir: Path
    base_url: str
    timeout: float
    retries: int
    quiet: bool = False
    dry_run: bool = False

    def say(self, text: str) -> None:
        """Print a note on stderr, unless quiet."""
        if not self.quiet:
            print(text, file=sys.stderr)

    def refuse(self, file: ReleaseFile, problem: str) -> FetchError:
        """Return the error for an answer that is not the manifest's file."""
        action = "Check --base-url, the network (proxy, login page), the manifest's row"
        return FetchError(f"{file.path}: {problem}. {action}; then run again")

    def receive(self, file: ReleaseFile, part: Path) -> int:
        """Add what is missing to `part`; return the byte it was written from.

        RequestException: may pass, try again. FetchError: the server has no such file.
        """
        have = resumable_bytes(part, file)
        headers = {"Accept-Encoding": "identity"}
        headers |= {"Range": f"bytes={have}-"} if have else {}
        url = f"{self.base_url}/{quote(file.path)}"
        with requests.get(url, headers=headers, stream=True, timeout=self.timeout) as r:
            status, sent = r.status_code, r.headers.get("Content-Range", "")
            resumed = have > 0 and status == 206 and sent.startswith(f"bytes {have}-")
            if have and status in (206, 416) and not resumed:
                part.unlink()  # the server cannot continue this one: from the start
                return self.receive(file, part)
            if status in (408, 429) or status >= 500:
                raise RetryError(f"HTTP status {status} from {url}")
            if status != 200 and not resumed:
                problem = f"observed HTTP status {status} from {url}, expected 200"
                raise self.refuse(file, problem)
            start = have if resumed else 0
            body = r.iter_content(CHUNK_BYTES)
            chunk = next(body, b"")
            if start == 0 and (problem := find_html(chunk)):
                raise self.refuse(file, problem)  # before a good .part is overwritten
            bar = {"desc": part.stem, "unit": "B", "unit_scale": True, "initial": start}
            with (
                part.open("ab" if start else "wb") as out,
                tqdm(total=file.byte_count, disable=self.quiet, **bar) as progress,
            ):
                while chunk and out.tell() <= file.byte_count:
                    out.write(chunk)
                    progress.update(len(chunk))
                    chunk = next(body, b"")
                end = out.tell()
            length = r.headers.get("Content-Length", "")
        promised = start + int(length) if length.isdigit() else file.byte_count
        if end < min(promised, file.byte_count):
            raise RetryError(f"a body that ended at {end:,} bytes")
        return start

    def download(self, file: ReleaseFile, target: Path) -> None:
        """Put the checked file at `target`; FetchError leaves `target` as it was."""
        part = target.with_name(f"{target.name}.part")
        failures, restarted = 0, False
        while True:
            start = resumable_bytes(part, file)
            try:
                if start < file.byte_count:
                    start = self.receive(file, part)
            except requests.RequestException as error:
                reason = f"a broken connection ({type(error).__name__})"
                if isinstance(error, RetryError):
                    reason = str(error)
                elif "timed out" in str(error):
                    reason = f"no data for {self.timeout:g} s"
                failures += 1
                if failures > self.retries:
                    problem = f"observed {reason} in the last of {failures} attempts"
                    expected = f"expected {file.byte_count:,} bytes"
                    raise self.refuse(file, f"{problem}, {expected}") from None
                self.say(f"{file.path}: observed {reason}; trying again")
                time.sleep(min(BACKOFF_SECONDS * 2 ** (failures - 1), 8))
                continue
            problem = find_problem(part, file)
            if problem is None:
                os.replace(part, target)
                return
            part.unlink()
            if start == 0 or restarted:
                raise self.refuse(file, problem)
            restarted = True
            self.say(f"{file.path}: resumed, but {problem}; once more from the start")

    def fetch(self, file: ReleaseFile) -> str:
        """Make sure that the file is there; return a line that says what was done.

        FetchError: the file could not be had, checked or written.
        """
        target = self.data_dir / file.path
        check = "sha256" if file.sha256 else "size_only: its sha256 is not known"
        try:
            problem = find_problem(target, file) if target.exists() else "not there"
            done = "already there"
            if problem and self.dry_run:
                done = f"would download {file.byte_count:,} bytes ({problem})"
            elif problem:
                self.say(f"{file.path}: {problem}; downloading")
                target.parent.mkdir(parents=True, exist_ok=True)
                self.download(file, target)
                done = "downloaded"
        except OSError as error:
            text = f"{file.path}: observed {error}, expected a file that can be written"
            raise FetchError(f"{text}. Check the disk and --data-dir") from None
        return f"{done} [{check}] {file.path}"


def summary(files: Sequence[ReleaseFile], data_dir: Path) -> str:
    """Return the closing text: the folder, licences and citations, the next command."""
    sources = dict.fromkeys(f"  {file.licence}: {file.citation}" for file in files)
    next_step = f"Next: AEI_DATA_DIR={shlex.quote(str(data_dir))} make warehouse"
    head = [f"Files are in {data_dir}", "Licences and citations:"]
    return "\n".join([*head, *sources, next_step])


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return 0 (all there), 1 (not all), 2 (usage), 130 (stopped)."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("release", nargs="+", help="release ids of the manifest, such as 2026_01_15")
    add("--data-dir", help="where to put the files (default: AEI_DATA_DIR or data/aei)")
    add("--base-url", default=BASE_URL, help="where to get them (default: %(default)s)")
    add("--manifest", type=Path, default=MANIFEST, help="default: the project's seed")
    add("--timeout", type=float, default=30, help="seconds without data (default: 30)")
    add("--retries", type=int, default=4, help="more attempts per file (default: 4)")
    add("--quiet", action="store_true", help="no progress on stderr, no summary")
    add("--dry-run", action="store_true", help="say what would be done; fetch nothing")
    args = parser.parse_args(argv)
    if not 0 < args.timeout <= 3600 or args.retries < 0:
        parser.error("expected a --timeout from 0 to 3600 and --retries of 0 or more")
    if not args.base_url.startswith(("http://", "https://")):
        parser.error("expected a --base-url that begins with http:// or https://")
    data_dir = args.data_dir or os.environ.get("AEI_DATA_DIR")
    data_dir = Path(data_dir or PROJECT_ROOT / "data" / "aei").expanduser().resolve()
    source = (args.base_url.rstrip("/"), args.timeout, args.retries)
    fetcher = Fetcher(data_dir, *source, args.quiet, args.dry_run)
    failed = 0
    try:
        files = select_files(read_manifest(args.manifest), args.release)
        for file in files:
            try:
                print(fetcher.fetch(file), flush=True)
            except FetchError as error:
                failed += 1
                print(f"error: {error}", file=sys.stderr)
    except FetchError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt:
        print("stopped; run again to go on from the .part file", file=sys.stderr)
        return 130
    if failed:
        print(f"error: {failed} of {len(files)} files failed", file=sys.stderr)
        return 1
    if not (args.quiet or args.dry_run):
        print(summary(files, data_dir))
    return 0


if __name__ == "__main__":
    sys.exit(main())
