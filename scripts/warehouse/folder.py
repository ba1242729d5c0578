"""What lies in the data folder, seen before anything is read from it.

The checks of dbt judge what lies at the paths of the manifest. Here stands what only a
look at the whole folder can say: links that lead nowhere, files under another folder or
in another form, which folder was meant; and what DuckDB does not show: bytes of value
zero, and of a compressed file its header, and whether it ends.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import os
import shlex
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import yaml

from warehouse.errors import BuildError
from warehouse.fetching import files_of, read_manifest
from warehouse.paths import MANIFEST, PROJECT
from warehouse.runner import REFUSAL

Row = dict[str, str]

# A data folder is no deeper than the cache of a download tool, and holds some hundred
# files; whoever names a home folder should not wait for all of it.
DEEPEST, MOST_FILES = 8, 20_000
MOST_NOTES = 5  # of one kind
PACKED = ".gz"
BLOCK = 1 << 20  # bytes
# What a build can't say without a list, by its role.
WITHOUT = {
    "onet_task_statements": "no task can be counted as education or not",
    "iso_country_codes": "countries have no names, a code that is none is not noticed, "
    "and of monthly files no country is read",
    "working_age_population": "no use per person is computed",
}


def examine(root: Path, manifest: Path = MANIFEST) -> list[str]:
    """Notes on files that are left alone, or read in a way that a reader should know.

    Raises BuildError when a file of the manifest can't be opened or unpacked, or when
    the folder holds no raw file of the manifest: then it says which folder was meant.
    """
    all_rows = read_manifest(manifest)
    rows = [row for row in all_rows if row["copy_status"] == "current"]
    found = files_below(root)
    listed = {row["relative_path"]: row for row in rows}
    there = {path: place for path in listed if (place := place_of(root, path))}
    problems = [
        problem
        for path, place in there.items()
        if (problem := problem_of(place, listed[path], path))
    ]
    if problems:
        raise refusal(problems)
    # What is not read, and what is absent.
    told = {place.relative_to(root).as_posix() for place in there.values()}
    told |= {row["relative_path"] for row in all_rows}
    others = [path for path in found if path not in told]
    absent = [row for row in rows if row["relative_path"] not in there]
    notes = [
        *compressed(there),
        *lists_lacking(rows, there),
        *misplaced(others, absent),
        *other_forms(root, others, rows, absent),
    ]
    if not any(listed[path]["file_role"] == "raw" for path in there):
        raise no_release(root, rows, found, notes)
    return notes


def files_below(root: Path) -> list[str]:
    """The paths of files and links below the folder, without hidden ones."""
    found: list[str] = []
    for folder, names, files in os.walk(root, followlinks=True):
        below = Path(folder).relative_to(root)
        is_deepest = len(below.parts) >= DEEPEST
        names[:] = [] if is_deepest else [n for n in names if not n.startswith(".")]
        found += [(below / n).as_posix() for n in files if not n.startswith(".")]
        if len(found) > MOST_FILES:
            break
    return sorted(found)


def place_of(root: Path, path: str) -> Path | None:
    """Where a file of the manifest lies, plain or compressed; None where it does not.

    A link that leads nowhere lies there too, and what may not be looked at.
    """
    for place in (root / path, root / f"{path}{PACKED}"):
        try:
            os.lstat(place)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError:
            return place
        return place
    return None


# What can't be read -------------------------------------------------------------------


def problem_of(place: Path, row: Row, path: str) -> tuple[str, str, str] | None:
    """Path, check and what was found, for a file that can't be opened or unpacked."""
    wanted = (
        f"the file of {int(row['byte_count']):,} bytes of release {row['release_id']}"
    )
    shown = path if place.suffix != PACKED else path.removesuffix(PACKED) + PACKED
    try:
        judge = problem_of_packed if place.suffix == PACKED else problem_of_plain
        if problem := judge(place, row):
            return (shown, *problem)
    except FileNotFoundError:
        target = os.readlink(place) if place.is_symlink() else "a vanished file"
        what = f"a link to {target}, where nothing lies"
    except (OSError, EOFError, zlib.error) as error:
        what = f"something that can't be read ({error})"
    else:
        return None
    return shown, "refused_files", f"{what}, in place of {wanted}"


def problem_of_plain(place: Path, row: Row) -> tuple[str, str] | None:
    """Check and what was found, for a file that holds bytes of value zero, as a disk or
    a download leaves them that failed: a reader takes them for text. In the header they
    are of another encoding, which the header tells."""
    line = 2
    with place.open("rb") as handle:
        if b"\0" in handle.readline(BLOCK):
            return None
        for block in iter(lambda: handle.read(BLOCK), b""):
            before, nul, _ = block.partition(b"\0")
            line += before.count(b"\n")
            if nul:
                handle.seek(0)
                if hashlib.file_digest(handle, "sha256").hexdigest() == row["sha256"]:
                    return None
                return "rejected_rows", f"bytes of value zero in line {line}"
    return None


def problem_of_packed(place: Path, row: Row) -> tuple[str, str] | None:
    """Check and what was found, for a compressed file; raises what gzip raises."""
    with gzip.open(place) as handle:
        first = handle.readline()
        quotes = first.count(b'"')
        for block in iter(lambda: handle.read(BLOCK), b""):
            quotes += block.count(b'"')
    header = columns_of(first)
    wanted = layouts().get(row["schema_family"] or row["file_role"], [])
    lacking = [
        name
        for name in wanted
        if [has for has in header if has.lower() == name.lower()] != [name]
    ]
    if lacking:
        line = first.decode("utf-8", "replace").strip()[:120]
        return "refused_files", f"the header {line} without {', '.join(lacking)}"
    if quotes % 2:
        mark = "a quotation mark that is opened and not closed before the file ends"
        return "rejected_rows", mark
    return None


def columns_of(line: bytes) -> list[str]:
    """The names of a header line."""
    text = line.decode("utf-8-sig", "replace").strip("\r\n")
    return next(csv.reader([text]), [])


def layouts() -> dict[str, list[str]]:
    """The columns of each layout."""
    project = yaml.safe_load((PROJECT / "dbt_project.yml").read_text("utf-8"))
    return project["vars"]["layouts"]


def refusal(problems: Sequence[tuple[str, str, str]], *hints: str) -> BuildError:
    """The error that says each problem as the checks of dbt would."""
    checks = {
        row["check_name"]: row
        for row in read_manifest(PROJECT / "seeds" / "reference" / "input_checks.csv")
    }
    lines = [
        f"- file {path}: found {observed}; expected {checks[check]['expected']}. "
        f"{checks[check]['advice']} [{check}]"
        for path, check, observed in problems
    ]
    head = f"{REFUSAL}; nothing was published. {len(problems)} problem(s):"
    return BuildError("\n".join([head, *lines, *hints]))


# The wrong folder ---------------------------------------------------------------------


def no_release(
    root: Path, rows: Sequence[Row], found: Sequence[str], notes: Iterable[str]
) -> BuildError:
    """The error of a folder without a raw file of the manifest."""
    raw = [row["relative_path"] for row in rows if row["file_role"] == "raw"]
    real = {
        Path(row["relative_path"]).parts[0]
        for row in rows
        if row["file_role"] == "raw" and row["is_simulated"] == "false"
    }
    hints = [
        f"The folder meant is {place}: AEI_DATA_DIR={shlex.quote(str(place))} "
        "make warehouse"
        for place in folders_meant(root, raw, found)
    ]
    hints = hints or [f"In the folder: {note}" for note in notes]
    empty = [] if found else ["The folder is empty."]
    what = f"no raw file of {', '.join(sorted(real))}"
    problem = (str(root), "no_release_files", what)
    return refusal([problem], *empty, *hints)


def folders_meant(root: Path, raw: Sequence[str], found: Sequence[str]) -> list[Path]:
    """Folders above or below in which raw files of the manifest lie as they should."""
    forms = [form for path in raw for form in (path, f"{path}{PACKED}")]
    above = [p for p in list(root.parents)[:4] if any((p / f).is_file() for f in forms)]
    below = {
        root / path.removesuffix(f"/{form}")
        for path in found
        for form in forms
        if path.endswith(f"/{form}")
    }
    return [*above, *sorted(below)][:MOST_NOTES]


# What is said of the other files ------------------------------------------------------


def compressed(there: dict[str, Path]) -> list[str]:
    """A note for each file that is read compressed."""
    return [
        f"read compressed: {path}{PACKED}. The sha256 of the manifest is of the plain "
        "file; unpack it (gunzip) to have it compared"
        for path, place in there.items()
        if place.suffix == PACKED and not path.endswith(PACKED)
    ]


def lists_lacking(rows: Sequence[Row], there: dict[str, Path]) -> list[str]:
    """A note for each list that is absent and that an official release which is there
    is read with."""
    releases = {
        row["release_id"]
        for row in rows
        if (row["file_role"], row["is_simulated"]) == ("raw", "false")
        and row["relative_path"] in there
    }
    needed = {
        row["relative_path"]: (WITHOUT[row["file_role"]], release)
        for release in sorted(releases)
        for row in files_of(rows, release)
        if row["file_role"] in WITHOUT
    }
    return [
        f"absent: {path}: {cost}; make fetch RELEASE={release} gets it"
        for path, (cost, release) in needed.items()
        if path not in there
    ]


def misplaced(others: Sequence[str], absent: Sequence[Row]) -> list[str]:
    """A note for each absent file of the manifest that lies under another folder."""
    by_name: dict[str, str] = {}
    for row in sorted(absent, key=lambda row: row["is_simulated"]):
        by_name.setdefault(Path(row["relative_path"]).name, row["relative_path"])
    notes = {}
    for path in others:
        name = Path(path).name.removesuffix(PACKED)
        if name in by_name:
            note = f"not read: {path} belongs at {by_name[name]}; move it there"
            notes.setdefault(name, note)
    return list(notes.values())


def other_forms(
    root: Path, others: Sequence[str], rows: Sequence[Row], absent: Sequence[Row]
) -> list[str]:
    """Notes on files that no row of the manifest names and that look like data of the
    Index: a few of each kind."""
    known = {row["relative_path"] for row in rows}
    names = {Path(path).name for path in known}
    folders = {Path(path).parts[0] for path in known}
    misplaced_names = {Path(row["relative_path"]).name for row in absent}
    kinds: dict[str, list[str]] = {}
    for path in others:
        if Path(path).name.removesuffix(PACKED) in misplaced_names:
            continue
        advice = advice_on(root, path, known, names, folders)
        if advice:
            kinds.setdefault(advice, []).append(path)
    notes = []
    for advice, paths in kinds.items():
        more = len(paths) - MOST_NOTES
        shown = paths[:MOST_NOTES] + ([f"{more} more like it"] if more > 0 else [])
        notes += [
            f"left alone, not in {MANIFEST.name}: {path}: {advice}" for path in shown
        ]
    return notes


def advice_on(
    root: Path, path: str, known: set[str], names: set[str], folders: set[str]
) -> str | None:
    """What to do about a file that is not read; None for what is no data of ours."""
    name, suffix = Path(path).name, Path(path).suffix
    is_ours = name.startswith("aei_") or (
        path.startswith("release_") and Path(path).parts[0] not in folders
    )
    if suffix == ".part":
        return (
            "a download that was not finished; make fetch RELEASE=... goes on with it"
        )
    if suffix == ".parquet":
        return (
            "a Parquet conversion; the warehouse reads the published CSV files "
            "(make fetch RELEASE=...)"
        )
    if suffix == ".zip" and holds(root / path, names):
        return (
            "an archive, which is not read; unpack it, plain .csv and .csv.gz are read"
        )
    if suffix == PACKED and path.removesuffix(PACKED) in known:
        return "the plain file beside it is read"
    if name.startswith("aei_enriched"):
        return (
            "an enriched file, which its authors derived from a raw one; the warehouse "
            "reads the raw file (make fetch RELEASE=...)"
        )
    # Of what else lies in a release's folder only files of a layout are spoken of.
    is_beside = path.startswith("release_")
    if not (is_ours or is_beside) or suffix not in (".csv", ".tsv", PACKED):
        return None
    try:
        with (root / path).open("rb") as handle:
            header = columns_of(handle.readline(4000))
    except OSError as error:
        return f"it can't be read ({error.strerror})" if is_ours else None
    for layout, columns in layouts().items():
        if set(columns) <= set(header) and (is_ours or layout[1] == "_"):
            return f"of the layout {layout}; it needs a row there to be read"
    if not is_ours:
        return None
    return (
        f"its columns ({', '.join(header)[:100]}) are of no layout that is known here; "
        "it needs a staging model (CONTRIBUTING.md, a family of files)"
    )


def holds(archive: Path, names: set[str]) -> bool:
    """Whether the archive has a file of one of the names, or is of unknown content."""
    try:
        with zipfile.ZipFile(archive) as opened:
            return any(Path(name).name in names for name in opened.namelist())
    except (OSError, zipfile.BadZipFile):
        return True
