"""Put a new warehouse in place of the old one by a rename, and nobody in the way."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb

from warehouse.errors import BuildError
from warehouse.paths import shown
from warehouse.published import sha256_of, sidecar

MAGIC = b"DUCK"  # at the ninth byte of a DuckDB file


@contextlib.contextmanager
def only_build(*places: Path) -> Iterator[None]:
    """Hold the lock of each place, a file of its own or a folder that exists.

    Raises BuildError when another build holds one of them, or nothing can be written.
    """
    with contextlib.ExitStack() as held:
        for place in dict.fromkeys(place.resolve() for place in places):
            if place.is_dir():
                handle = os.open(place, os.O_RDONLY)
                held.callback(os.close, handle)
            else:
                try:
                    place.parent.mkdir(parents=True, exist_ok=True)
                    handle = held.enter_context(place.open("w")).fileno()
                except OSError as error:
                    raise BuildError(
                        f"Nothing can be written into {shown(place.parent)}: "
                        f"{error.strerror}. Name other places with --work-file, "
                        "--output, DBT_TARGET_PATH and DBT_LOG_PATH (docs/set-up.md)."
                    ) from error
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise BuildError(
                    "Another build of this project is running, with the same work "
                    f"file or folder ({shown(place)}); wait until it has ended."
                ) from None
        yield


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
        # Between the renames there is none: that of the old file is not of the new one.
        beside = sidecar(published_file)
        beside.unlink(missing_ok=True)
        sha256 = sha256_of(new_file)
        os.replace(new_file, published_file)
        new_file.write_text(f"{sha256}  {published_file.name}\n", "utf-8")
        os.replace(new_file, beside)
    except OSError as error:
        size = work_file.stat().st_size / 1e6
        raise OSError(
            error.errno,
            f"{error.strerror or error} (copying {shown(work_file)}, {size:,.0f} MB, "
            f"to {shown(published_file)})",
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


def check_work_file(work_file: Path, published_file: Path) -> None:
    """Raise BuildError when the work file, which is written anew, is of another use."""
    if work_file == published_file or sidecar(work_file).exists():
        what = "a published warehouse"
    elif work_file.is_file():
        with work_file.open("rb") as handle:
            if handle.read(12)[8:] in (b"", MAGIC):
                return
        what = "no DuckDB file"
    else:
        return
    raise BuildError(
        f"The work file {work_file} is {what}, and a build begins by writing its work "
        "file anew. Name another with --work-file or AEI_WORK_FILE."
    )


@contextlib.contextmanager
def own_folder(folder: Path) -> Iterator[Path]:
    """A fresh folder, gone afterwards; what a killed build left there goes before."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def for_the_owner_only() -> Iterator[None]:
    """Within it, files that are made can be read by nobody else: also logs and swapped
    rows of DuckDB beside the private file, and what Spark is given."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


@contextlib.contextmanager
def temporary_folder(work_file: Path) -> Iterator[None]:
    """Temporary files of this process, and of those that it starts, lie in a folder
    beside the work file meanwhile."""
    with own_folder(work_file.with_name(work_file.name + ".scratch")) as folder:
        before = tempfile.tempdir, os.environ.get("TMPDIR")
        tempfile.tempdir = os.environ["TMPDIR"] = str(folder)
        try:
            yield
        finally:
            tempfile.tempdir = before[0]
            os.environ.pop("TMPDIR")
            if before[1] is not None:
                os.environ["TMPDIR"] = before[1]


def remove_work_file(work_file: Path) -> None:
    """Start from nothing: no table of an earlier build can stay behind."""
    work_file.parent.mkdir(parents=True, exist_ok=True)
    work_file.unlink(missing_ok=True)
    work_file.with_name(work_file.name + ".wal").unlink(missing_ok=True)
    # What DuckDB moves there when the memory is full.
    shutil.rmtree(work_file.with_name(work_file.name + ".tmp"), ignore_errors=True)


def make_folder(folder: Path) -> None:
    """Make a folder where there is none; raises BuildError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BuildError(
            f"The folder {folder} can't be made: {error.strerror}. Make it, or name "
            "another place with --output or DBT_TARGET_PATH."
        ) from error


def identity(file: Path) -> tuple[int, int] | None:
    """What tells a file from one that is renamed over it; None when it is absent."""
    if not file.exists():
        return None
    status = file.stat()
    return status.st_ino, status.st_mtime_ns
