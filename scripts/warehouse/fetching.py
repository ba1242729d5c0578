"""Which files of the dataset a release needs, and that they are the right ones.

The dataset host's own client downloads: retries, progress, mirrors (HF_ENDPOINT) and
timeouts (HF_HUB_DOWNLOAD_TIMEOUT, seconds) are its part. A file gets its final name
only once its size and sha256 agree with the manifest; until then it is a ``.part`` file
beside it, from which the next run goes on.
"""

from __future__ import annotations

import csv
import hashlib
import io
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from warehouse.errors import WarehouseError

DATASET = "Anthropic/EconomicIndex"
ABSENT = "not there"


class FetchError(WarehouseError):
    """The text says what file, what was observed and expected, and what to do."""

    exit_status = 1


class UnknownReleaseError(FetchError):
    """The release asked for cannot be fetched; the text lists those that can."""

    exit_status = 2


class NoFileError(FetchError):
    """The host can't be reached, or nothing be written: it is so of each file."""


@dataclass(frozen=True)
class ReleaseFile:
    """A file to fetch: `byte_count` in bytes, `sha256` empty where it is not known,
    `revision` the commit of the dataset that holds it, `earlier` the sha256 of editions
    that the dataset has replaced."""

    path: str
    byte_count: int
    sha256: str
    revision: str
    licence: str
    citation: str
    earlier: tuple[str, ...] = ()


def read_manifest(path: Path) -> list[dict[str, str]]:
    """Return the manifest's rows, all values as text."""
    with path.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def files_of(rows: Sequence[dict[str, str]], release_id: str) -> list[dict[str, str]]:
    """The rows of what an official release is read with: its current raw files, then
    the reference files of its taxonomy version, or of none (geography)."""
    real = [
        row
        for row in rows
        if row["copy_status"] == "current" and row["is_simulated"] == "false"
    ]
    raw = [r for r in real if (r["release_id"], r["file_role"]) == (release_id, "raw")]
    versions = {row["taxonomy_version"] for row in raw} | {""}
    return raw + [
        row
        for row in real
        if row["file_role"] != "raw" and row["taxonomy_version"] in versions
    ]


def select_files(
    rows: Sequence[dict[str, str]], release_ids: Iterable[str]
) -> list[ReleaseFile]:
    """Return the releases' files, each once.

    UnknownReleaseError: not listed, or simulated. FetchError: no revision is named.
    """
    real = [
        row
        for row in rows
        if row["copy_status"] == "current" and row["is_simulated"] == "false"
    ]
    known = {row["release_id"] for row in real if row["file_role"] == "raw"}
    chosen: dict[str, ReleaseFile] = {}
    for wanted in release_ids:
        if wanted not in known:
            own = {row["is_simulated"] for row in rows if row["release_id"] == wanted}
            why = "has no current raw file" if own else "is not in the manifest"
            why = "is simulated, not published" if "true" in own else why
            text = f"observed that it {why}, expected one of {', '.join(sorted(known))}"
            raise UnknownReleaseError(f"release {wanted}: {text}. Choose one of these")
        needed = files_of(rows, wanted)
        for row in needed:
            revision = revision_of(row) or revision_of(needed[0])
            if not revision:
                text = "observed no revision of the dataset, expected 40 hex digits"
                raise FetchError(f"{row['relative_path']}: {text}. Mend the manifest")
            values = row["sha256"], revision, row["licence"], row["citation"]
            path = row["relative_path"]
            earlier = tuple(
                other["sha256"]
                for other in rows
                if (other["relative_path"], other["copy_status"])
                == (path, "superseded")
            )
            size = int(row["byte_count"])
            chosen[path] = ReleaseFile(path, size, *values, earlier)
    return list(chosen.values())


def revision_of(row: dict[str, str]) -> str:
    """The dataset's revision that a row names, in its column or its citation; or ""."""
    cited = re.search(r"\(revision ([0-9a-f]{40})\)", row["citation"])
    return row.get("dataset_revision") or (cited[1] if cited else "")


def find_problem(path: Path, file: ReleaseFile) -> str | None:
    """Say how the file at `path` differs from the manifest; None if it does not."""
    with path.open("rb") as handle:
        head = handle.read(512)
        handle.seek(0)
        size, sha256 = path.stat().st_size, hashlib.file_digest(handle, "sha256")
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        return f"observed an HTML page ({head[:40]!r}), expected a data file"
    if head.startswith(b"version https://git-lfs"):
        return (
            "observed a pointer of Git LFS, expected the data that it points to, "
            f"{file.byte_count:,} bytes"
        )
    if sha256.hexdigest() in file.earlier:
        return (
            f"observed an earlier edition of {size:,} bytes, which the dataset has "
            f"replaced, expected {file.byte_count:,} bytes"
        )
    if size != file.byte_count:
        return f"observed {size:,} bytes, expected {file.byte_count:,} bytes"
    if file.sha256 not in ("", sha256.hexdigest()):
        return f"observed sha256 {sha256.hexdigest()}, expected {file.sha256}"
    return None


def fetch(file: ReleaseFile, data_dir: Path, dry_run: bool = False) -> str:
    """Make sure that the file is there; return a line that says what was done.

    FetchError: it could not be had, checked or written (NoFileError: and so no other);
    what was there is as it was.
    """
    target = data_dir / file.path
    check = "sha256" if file.sha256 else "size_only: its sha256 is not known"
    try:
        problem = find_problem(target, file) if target.exists() else ABSENT
        done = "already there"
        if problem and dry_run:
            done = f"would download {file.byte_count:,} bytes ({problem})"
        elif problem:
            target.parent.mkdir(parents=True, exist_ok=True)
            download(file, target)
            was = "" if problem == ABSENT else f", in its place before: {problem}"
            return f"downloaded [{check}] {file.path}{was}"
    except OSError as error:
        text = f"{file.path}: observed {error}, expected a file that can be written"
        raise NoFileError(f"{text}. Check the disk and AEI_DATA_DIR") from None
    return f"{done} [{check}] {file.path}"


def download(file: ReleaseFile, target: Path) -> None:
    """Put the checked file at `target`; raises FetchError."""
    part = target.with_name(f"{target.name}.part")
    if not file.sha256:
        # An old beginning with a new end would pass the check of the size.
        part.unlink(missing_ok=True)
    is_resumed = part.exists()
    problem = receive(file, part) or find_problem(part, file)
    if problem and is_resumed:
        part.unlink()
        problem = receive(file, part) or find_problem(part, file)
    if problem:
        part.unlink()
        raise FetchError(
            f"{file.path}: {problem}. Check the network (proxy, login page), "
            "HF_ENDPOINT and the manifest's row; then run again"
        )
    os.replace(part, target)


class CappedFile(io.BufferedRandom):
    """A file to go on with; EOFError once it is longer than it should be."""

    def __init__(self, path: Path, byte_count: int) -> None:
        path.touch()
        super().__init__(io.FileIO(path, "r+"))
        self.byte_count = byte_count
        self.seek(0, io.SEEK_END)

    def write(self, data: bytes) -> int:  # type: ignore[override]
        """Write all of it first: what came instead of the file can be named then."""
        written = super().write(data)
        if self.tell() > self.byte_count:
            raise EOFError
        return written


def receive(file: ReleaseFile, part: Path) -> str | None:
    """Add what is missing to `part`; return what the host answered instead, or None.

    FetchError: the connection broke; the bytes that came stay in `part`.
    """
    # Imported here: the client takes most of a second, and --help should not.
    import httpx2
    from huggingface_hub import constants, errors, hf_hub_url
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import logging

    logging.set_verbosity_error()
    mirror = os.environ.get("HF_ENDPOINT", constants.ENDPOINT).rstrip("/")
    names = {"repo_type": "dataset", "revision": file.revision, "endpoint": mirror}
    url = hf_hub_url(DATASET, file.path, **names)
    try:
        with CappedFile(part, file.byte_count) as handle:
            have = handle.tell()
            if have < file.byte_count:
                http_get(
                    url,
                    handle,
                    resume_size=have,
                    headers={"Accept-Encoding": "identity"},
                    displayed_filename=file.path,
                )
    except EOFError:
        return None  # its size says so
    except errors.HfHubHTTPError as error:
        return f"observed HTTP status {error.response.status_code} from {url}"
    except (
        httpx2.ConnectError,
        httpx2.ConnectTimeout,
        httpx2.ProxyError,
        errors.OfflineModeIsEnabled,
    ) as error:
        if not part.stat().st_size:
            part.unlink()
        raise NoFileError(
            f"No network: {mirror} can't be reached ({error}). Check the network and "
            "the proxy, or name a mirror of the dataset host in HF_ENDPOINT; then run "
            "again"
        ) from None
    except httpx2.HTTPError as error:
        raise FetchError(
            f"{file.path}: observed a broken connection ({type(error).__name__}) after "
            f"{part.stat().st_size:,} of {file.byte_count:,} bytes. Run again to go on"
        ) from None
    return None
