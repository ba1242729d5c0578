"""Files as people have them: pointers, links that dangle, other folders, other forms.

Where files lie is judged by the build script, before dbt begins; what lies at the paths
of the manifest by the file model, alone. No case here needs a whole build.
"""

from __future__ import annotations

import gzip
import os
import re
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import duckdb
import pytest
from conftest import (
    WITHOUT_TESTS,
    DataFolder,
    build_here,
    dbt_environment,
    failures,
    query,
    run_dbt,
    shipped_row,
)
from dbt.contracts.graph.manifest import Manifest
from mutations.ways import HTML, POINTER
from warehouse import building, folder
from warehouse.errors import BuildError
from warehouse.reading import differing_copies

CHAT, API = shipped_row("claude_ai"), shipped_row("1p_api")
CHAT_PATH, API_PATH = CHAT["relative_path"], API["relative_path"]
TASKS = shipped_row("", "onet_task_statements")
COUNTRIES = shipped_row("", "iso_country_codes")
JANUARY = "release_2026_01_15/data/intermediate/"
SEPTEMBER = "release_2025_09_15/data/intermediate/"
REAL_API = f"{JANUARY}aei_raw_1p_api_2025-11-13_to_2025-11-20.csv"
JUNE = "release_2026_06_26/data/aei_claude_ai_2026-06-26.csv"
LONG = "geo_id,geography,date_start,date_end,platform_and_product,facet,level,variable"
LONG += ",cluster_name,value\n"
STAGING = "dbt began"


class Said(NamedTuple):
    """What the build script said of a data folder, and whether dbt began."""

    out: str
    err: str

    @property
    def dbt_began(self) -> bool:
        return STAGING in self.err

    def lines(self, name: str) -> list[str]:
        """The lines that name a file or folder."""
        return [x for x in (self.out + self.err).splitlines() if name in x]


@pytest.fixture
def ask(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Callable[[Path], Said]:
    """Runs the build script on a data folder up to where dbt would begin."""

    class NoDbt:
        def __init__(self, *_: object) -> None:
            raise BuildError(STAGING)

    monkeypatch.setattr(building, "Dbt", NoDbt)

    def run(data_dir: Path) -> Said:
        with dbt_environment(tmp_path / "run"):
            build_here(tmp_path / "run", "--data-dir", str(data_dir))
        return Said(*capsys.readouterr())

    return run


def put(root: Path, path: str, content: str | bytes = LONG) -> Path:
    """Write a file below the folder."""
    place = root / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content.encode() if isinstance(content, str) else content)
    return place


# The folder that was meant ------------------------------------------------------------


@pytest.mark.parametrize(
    "named",
    ["..", "../../..", "release_2026_01_15", JANUARY],
    ids=["one too high", "three too high", "one too low", "three too low"],
)
@pytest.mark.parametrize("form", ["", ".gz"], ids=["plain", "compressed"])
def test_folder_too_high_or_too_low_names_the_one_that_was_meant(
    named: str, form: str, tmp_path: Path, ask: Callable[[Path], Said]
) -> None:
    root = tmp_path / "a" / "b c" / "data"
    put(root, REAL_API + form, gzip.compress(LONG.encode()) if form else LONG)
    said = ask(root / named)
    assert not said.dbt_began
    (line,) = (x for x in said.err.splitlines() if "folder meant" in x)
    assert f"AEI_DATA_DIR='{root}' make warehouse" in line


@pytest.mark.parametrize("name", ["", f"{REAL_API}.part"], ids=["empty", "unfinished"])
def test_folder_without_a_release_says_how_to_get_one(
    name: str, tmp_path: Path, ask: Callable[[Path], Said]
) -> None:
    root = tmp_path / "data"
    root.mkdir()
    if name:
        put(root, name)
    said = ask(root)
    assert not said.dbt_began
    assert "make fetch RELEASE=" in said.err
    assert "[no_release_files]" in said.err
    # The releases that would do, each once, and not all of their files.
    named = re.findall(r"release_20\w+", said.err.partition("expected")[0])
    assert len(named) == len(set(named)) > 5
    assert len(said.lines(".part")) == (1 if name else 0)
    assert ("folder is empty" in said.err) == (not name)


def test_all_files_in_one_folder_are_told_where_they_belong(
    tmp_path: Path, ask: Callable[[Path], Said]
) -> None:
    for path in (REAL_API, JUNE, f"{SEPTEMBER}iso_country_codes.csv"):
        put(tmp_path / "data", Path(path).name)
    said = ask(tmp_path / "data")
    assert not said.dbt_began
    for path in (REAL_API, JUNE, f"{SEPTEMBER}iso_country_codes.csv"):
        (line,) = said.lines(f" {Path(path).name} ")
        assert path in line


@pytest.mark.parametrize(
    ("name", "release"),
    [
        ("onet_task_statements.csv", "2026_01_15"),
        ("iso_country_codes.csv", "2026_06_26"),
        ("working_age_pop_2024_country.csv", "2026_06_26"),
    ],
)
def test_list_that_is_absent_is_named_with_the_release_that_brings_it(
    name: str, release: str, tmp_path: Path, ask: Callable[[Path], Said]
) -> None:
    needs = release == "2026_06_26"
    put(tmp_path / "data", JUNE)
    # Of the monthly release no task is read by its statement.
    assert len(ask(tmp_path / "data").lines(name)) == needs
    put(tmp_path / "data", REAL_API)
    (line,) = ask(tmp_path / "data").lines(name)
    assert SEPTEMBER in line
    assert f"make fetch RELEASE={release}" in line
    put(tmp_path / "data", SEPTEMBER + name)
    assert ask(tmp_path / "data").lines(name) == []


# What lies beside the files of the manifest -------------------------------------------


def zipped(name: str) -> Callable[[Path], None]:
    def write(place: Path) -> None:
        with zipfile.ZipFile(place, "w") as archive:
            archive.writestr(name, LONG)

    return write


def holding(content: str | bytes) -> Callable[[Path], None]:
    return lambda place: put(place.parent, place.name, content) and None


WRONG_CARD = f"{SEPTEMBER}{Path(REAL_API).name}"
UNLISTED = "release_2025_03_27/automation_vs_augmentation_v2.csv"
ENRICHED = "release_2025_09_15/data/output/aei_enriched_claude_ai_2025-08-04.csv"


@pytest.mark.parametrize(
    ("path", "write", "named"),
    [
        (WRONG_CARD, holding(LONG), REAL_API),
        (f"{WRONG_CARD}.gz", holding(b""), REAL_API),
        (f"{REAL_API}.zip", zipped("a/" + Path(REAL_API).name), "unpack"),
        (ENRICHED, holding("geo_id,geo_name\n"), "raw file"),
        (REAL_API.replace(".csv", ".parquet"), holding(b"PAR1"), "published CSV"),
        ("default/train/0000.parquet", holding(b"PAR1"), "published CSV"),
        (f"{CHAT_PATH}.gz", holding(b""), "plain file beside it"),
        ("release_2099_01_01/data/aei_x.csv", holding(LONG), "layout B_long"),
        (UNLISTED, holding("interaction_type,pct\n"), "layout A_patterns"),
        ("release_2099_01_01/new.csv", holding("a,b\n"), "(a, b)"),
        ("release_2099_01_01/data/aei_x.csv", holding("a;b\n"), "CONTRIBUTING.md"),
        (f"{REAL_API}.part", holding(LONG), "make fetch RELEASE="),
    ],
)
def test_file_that_is_not_read_is_named_with_what_to_do(
    path: str,
    write: Callable[[Path], None],
    named: str,
    tmp_path: Path,
    ask: Callable[[Path], Said],
) -> None:
    data = DataFolder(tmp_path / "data")
    place = data.root / path
    place.parent.mkdir(parents=True, exist_ok=True)
    write(place)
    said = ask(data.root)
    assert said.dbt_began
    (line,) = said.lines(path)
    assert named in line.split(path, 1)[1]


def test_files_that_are_no_data_of_the_index_are_not_spoken_of(
    tmp_path: Path, ask: Callable[[Path], Said]
) -> None:
    data = DataFolder(tmp_path / "data")
    for path in (
        "README.md",
        "release_2025_09_15/data/input/sc-est2024-agesex-civ.csv",
        "release_2025_02_10/wage_data.csv",
        "release_2025_03_27/task_pct_v1.csv",
        ".cache/huggingface/download/aei_raw_x.csv",
    ):
        put(data.root, path, "task_name,pct\n" if "task_pct" in path else "a,b\n")
    with zipfile.ZipFile(data.root / "photos.zip", "w") as archive:
        archive.writestr("a.png", "")
    said = ask(data.root)
    assert said.dbt_began
    assert said.lines("release_") == said.lines(".zip") == []


# Files that can't be opened or unpacked -----------------------------------------------


def dangling(place: Path) -> None:
    place.unlink(missing_ok=True)
    place.symlink_to("../../blobs/0123")


def folder_of_that_name(place: Path) -> None:
    place.unlink()
    place.mkdir()


def compressed(change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    """The file compressed, its text or its bytes changed."""

    def write(place: Path) -> None:
        packed = place.with_name(f"{place.name}.gz")
        packed.write_bytes(change(place.read_bytes()))
        place.unlink()

    return write


def with_a_hole(place: Path) -> None:
    """What a disk leaves that wrote a part: from the ninth line on zeros for bytes, a
    line end among them, so that two rows become one."""
    text = place.read_bytes()
    start = sum(map(len, text.splitlines(keepends=True)[:8])) + 20
    place.write_bytes(text[:start] + bytes(100) + text[start + 100 :])


@pytest.mark.parametrize("row", [CHAT, TASKS], ids=["raw", "reference"])
@pytest.mark.parametrize(
    ("damage", "seen"),
    [
        (dangling, "../../blobs/0123"),
        (folder_of_that_name, "directory"),
        (compressed(lambda text: gzip.compress(text)[:-3000]), "ended"),
        (compressed(lambda text: text), "gzip"),
        (compressed(lambda _: gzip.compress(HTML.encode())), "<!DOCTYPE html>"),
        (compressed(lambda text: gzip.compress(text + b'"open\n')), "quotation mark"),
        (with_a_hole, "zero in line 9;"),
    ],
    ids=[
        *("dangling link", "folder", "compressed and cut off", "only named .gz"),
        *("compressed web page", "compressed with an open quotation mark", "hole"),
    ],
)
def test_file_that_can_not_be_opened_is_damaged_not_absent(
    row: dict[str, str],
    damage: Callable[[Path], None],
    seen: str,
    tmp_path: Path,
    ask: Callable[[Path], Said],
) -> None:
    data = DataFolder(tmp_path / "data")
    damage(data.root / row["relative_path"])
    said = ask(data.root)
    assert not said.dbt_began
    (line,) = said.lines(row["relative_path"])
    assert seen in line
    assert "make fetch" in line


def test_folder_that_may_not_be_read_is_not_absent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = DataFolder(tmp_path / "data")
    monkeypatch.setattr(os, "lstat", mock.Mock(side_effect=PermissionError))
    assert folder.place_of(data.root, API_PATH) == data.raw("1p_api")


def test_dangling_link_says_which_size_the_file_should_have(
    tmp_path: Path, ask: Callable[[Path], Said]
) -> None:
    data = DataFolder(tmp_path / "data")
    dangling(data.raw("1p_api"))
    (line,) = ask(data.root).lines(API_PATH)
    assert f"{int(API['byte_count']):,} bytes" in line


# What lies at the paths of the manifest: the file model alone -------------------------


# Builds the file model, and more, on a data folder; what went wrong, line by line.
FileModel = Callable[..., list[str]]


@pytest.fixture
def file_model(
    tmp_path: Path, seeded_file: Path, project_manifest: Manifest
) -> FileModel:
    def built(root: Path, *more: str) -> list[str]:
        shutil.copy(seeded_file, tmp_path / "work.duckdb")
        models = ["+stg_aei__release_files", *more, "--exclude-resource-type", "seed"]
        arguments = ["build", "--select", *models, *WITHOUT_TESTS]
        result = run_dbt(arguments, tmp_path, root, manifest=project_manifest)
        return "\n".join(failures(result)).splitlines()

    return built


def test_stand_ins_are_refused_in_one_line_a_file_with_size_and_remedy(
    tmp_path: Path, file_model: FileModel
) -> None:
    data = DataFolder(tmp_path / "data")
    put(data.root, CHAT_PATH, POINTER)
    put(data.root, API_PATH, HTML.replace("<html>", '<html lang="en>'))
    put(data.root, TASKS["relative_path"], POINTER)
    # A list that no layout knows: nothing but its bytes tell.
    put(data.root, f"{SEPTEMBER}soc_structure.csv", POINTER)
    put(data.root, COUNTRIES["relative_path"], "alpha,beta\nNA,Namibia\n")
    said = file_model(data.root)
    for row in (CHAT, API, TASKS):
        (line,) = (x for x in said if row["relative_path"] in x)
        assert f"{int(row['byte_count']):,} bytes" in line
        assert "make fetch RELEASE=" in line
    (line,) = (x for x in said if "soc_structure.csv" in x)
    assert "78,834 bytes" in line
    (line,) = (x for x in said if COUNTRIES["relative_path"] in x)
    assert "iso_alpha_2, iso_alpha_3, country_name" in line


def test_file_model_without_a_release_names_each_release_once(
    tmp_path: Path, file_model: FileModel
) -> None:
    (tmp_path / "data").mkdir()
    said = " ".join(file_model(tmp_path / "data"))
    assert "make fetch RELEASE=" in said
    named = re.findall(r"release_\d\w+(?=[, ;])", said)
    assert len(named) == len(set(named)) > 5


def test_cache_of_links_and_compressed_files_are_read(
    tmp_path: Path, file_model: FileModel
) -> None:
    """The layout of a download tool's cache: links into a folder of blobs, under a name
    with brackets, spaces and letters that are not ASCII, below `value=1`."""
    plain = DataFolder(tmp_path / "plain", ("1p_api",)).root
    root = tmp_path / "value=1" / "Données [1] {ü}*" / "x" / "snapshots" / "0a1b"
    blobs = root.parents[1] / "blobs"
    blobs.mkdir(parents=True)
    for number, file in enumerate(p for p in plain.rglob("*") if p.is_file()):
        link = root / file.relative_to(plain)
        link.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, blobs / str(number))
        link.symlink_to(os.path.relpath(blobs / str(number), link.parent))
    # The raw file compressed, its reference files plain.
    raw = root / API_PATH
    put(raw.parent, f"{raw.name}.gz", gzip.compress(raw.read_bytes()))
    raw.unlink()

    models = ("+stg_aei__facet_values", "+stg_reference__task_holders")
    assert file_model(root, *models) == []
    work_file = tmp_path / "work.duckdb"
    assert query(
        work_file,
        "select relative_path, file_status from staging.stg_aei__release_files "
        "where is_loaded and release_id = 'simulated_2026_01' "
        "and file_role in ('raw', 'onet_task_statements') order by 2",
    ) == [(API_PATH, "unverified_copy"), (TASKS["relative_path"], "verified")]
    ((rows,),) = query(work_file, "select count(*) from staging.stg_aei__facet_values")
    assert rows == (plain / API_PATH).read_bytes().count(b"\n") - 1
    assert query(work_file, "from staging.stg_reference__task_holders limit 1")


def test_letter_at_the_border_of_what_is_read_of_a_header_is_no_damage(
    tmp_path: Path, file_model: FileModel
) -> None:
    """The first 2,000 bytes end within a letter of two bytes."""
    data = DataFolder(tmp_path / "data", ("1p_api",))
    lines = data.raw("1p_api").read_text().splitlines(keepends=True)
    head = "".join(lines[:2])
    padded = lines[2][:-1] + "é" * 2000 + "\n"
    if len((head + padded).encode()[:2000].decode(errors="ignore").encode()) == 2000:
        padded = "x" + padded
    assert len((head + padded).encode()[:2000].decode(errors="ignore").encode()) < 2000
    data.raw("1p_api").write_text(head + padded + "".join(lines[3:]))
    assert file_model(data.root) == []


# Copies that are not the official file ------------------------------------------------


def test_copy_of_another_edition_says_what_differs(
    tmp_path: Path, file_model: FileModel
) -> None:
    data = DataFolder(tmp_path / "data")
    kept = [
        line
        for line in data.raw("1p_api").read_text().splitlines(keepends=True)
        if ",use_case," not in line
    ]
    data.raw("1p_api").write_text("".join(kept))
    models = ("+int_facet_values",)
    assert file_model(data.root, *models) == []
    work_file = tmp_path / "work.duckdb"

    (line,) = differing_copies(work_file, most_facets=99)
    assert line.startswith(f"unverified_copy: {API_PATH}")
    assert f"{len(kept) - 1:,} rows where the official file has " in line
    assert f"{int(API['row_count']):,}, " in line
    assert f"{len(''.join(kept).encode()):,} bytes" in line
    assert f"{int(API['byte_count']):,}" in line
    # The simulated release has no numeric facets either.
    lacking = line.partition("without the facets ")[2].split(", ")
    assert "use_case" in lacking
    assert not {"collaboration", "task_success", "onet_task"} & set(lacking)

    with duckdb.connect(str(work_file)) as con:
        con.execute(
            "update staging.stg_aei__release_files set file_status = 'superseded' "
            f"where relative_path = '{API_PATH}'"
        )
    (line,) = differing_copies(work_file)
    assert line.startswith(f"superseded: {API_PATH}: an earlier edition")
