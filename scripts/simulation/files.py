"""Raw files, statements, country codes, and the manifest's rows for them."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import duckdb

from simulation.model import NOT_CLASSIFIED, PLATFORM_LABELS, Model

DATE_START, DATE_END = "2026-01-05", "2026-01-12"
TAXONOMY = "simulated_1"
CLASSIFIER = "simulated_classifier_1"
LICENCE = "MIT (made by this project)"
CITATION = (
    "Simulated by this project's scripts/simulate_release.py: "
    "it is made up and describes nobody"
)
CONVERSATION_FACETS = ("collaboration", "use_case", "task_success")

RAW_COLUMNS = (
    "geo_id",
    "geography",
    "date_start",
    "date_end",
    "platform_and_product",
    "facet",
    "level",
    "variable",
    "cluster_name",
    "value",
)
STATEMENT_COLUMNS = (
    "O*NET-SOC Code",
    "Title",
    "Task ID",
    "Task",
    "Task Type",
    "Incumbents Responding",
    "Date",
    "Domain Source",
    "soc_major_group",
)
COUNTRY_COLUMNS = ("iso_alpha_2", "iso_alpha_3", "country_name")
MANIFEST_COLUMNS = (
    "release_id",
    "platform",
    "file_role",
    "relative_path",
    "byte_count",
    "sha256",
    "copy_status",
    "window_start_date",
    "window_end_date",
    "count_basis",
    "product_label",
    "taxonomy_version",
    "facet_set",
    "schema_family",
    "is_simulated",
    "licence",
    "citation",
)


def raw_name(platform: str) -> str:
    """File name of a platform's raw file."""
    return f"aei_raw_simulated_{platform}_{DATE_START}_to_{DATE_END}.csv"


def write_csv(
    path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]
) -> None:
    """Write a CSV file: UTF-8, LF line ends, quotes only where needed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def raw_rows(
    con: duckdb.DuckDBPyConnection, platform: str, batch: int = 50_000
) -> Iterator[tuple]:
    """The rows of ``published_row`` in the raw layout and in a fixed order.

    World first, then by geography, place, facet, level, cluster and variable; texts
    in the order of their bytes. A cluster's count stands before its percentage.
    """
    cursor = con.execute(
        "select geo_id, geography, ?, ?, ?, facet, level, variable, cluster_name, "
        "value from published_row order by geography = 'global' desc, geography, "
        "geo_id, facet, level, cluster_name, variable",
        [DATE_START, DATE_END, PLATFORM_LABELS[platform]],
    )
    while rows := cursor.fetchmany(batch):
        yield from rows


def statement_rows(model: Model) -> list[list[object]]:
    """One row per task and holder, in the columns of the O*NET statement file.

    Task ids are made up: 10 x task number + place of the code, plus 90,000.
    """
    rows: list[list[object]] = []
    for task in model.tasks:
        for place, code in enumerate(sorted(task.holder_codes)):
            rows.append(
                [
                    code,
                    model.titles[code],
                    90_000 + task.task_no * 10 + place,
                    task.text,
                    "Core" if place == 0 else "Supplemental",
                    "",
                    "01/2026",
                    "Simulated",
                    code[:2],
                ]
            )
    return sorted(rows, key=lambda r: (str(r[0]), int(str(r[2]))))


def country_code_rows(model: Model) -> list[list[object]]:
    """alpha-2, alpha-3 and name of every simulated country, by alpha-2."""
    return sorted(
        [c.geo_id, c.alpha_3, c.name]
        for c in model.countries
        if c.geo_id != NOT_CLASSIFIED
    )


def manifest_row(
    folder: Path, path: Path, release_id: str, role: str, platform: str = ""
) -> dict[str, str]:
    """The manifest's row of one written file, with its byte count and sha256."""
    content = path.read_bytes()
    is_raw = role == "raw"
    values = (
        release_id,
        platform,
        role,
        path.relative_to(folder).as_posix(),
        str(len(content)),
        hashlib.sha256(content).hexdigest(),
        "current",
        DATE_START if is_raw else "",
        DATE_END if is_raw else "",
        "conversations" if is_raw else "",
        PLATFORM_LABELS[platform] if is_raw else "",
        TAXONOMY if role in ("raw", "onet_task_statements") else "",
        "B_2026_01" if is_raw else "",
        "B_long" if is_raw else "",
        "true",
        LICENCE,
        CITATION,
    )
    return dict(zip(MANIFEST_COLUMNS, values, strict=True))


def update_manifest(path: Path, rows: Sequence[dict[str, str]]) -> None:
    """Put ``rows`` in place of the manifest's rows of the same releases.

    Other lines stay byte for byte. Raises ValueError if the manifest's columns are
    not the expected ones.
    """
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    header = tuple(next(csv.reader(lines[:1])))
    if header != MANIFEST_COLUMNS:
        raise ValueError(
            f"observed: manifest columns {header}; expected: {MANIFEST_COLUMNS}; "
            "do: bring files.MANIFEST_COLUMNS up to date"
        )
    releases = {r["release_id"] for r in rows}
    kept = [x for x in lines if next(csv.reader([x]))[0] not in releases]
    with path.open("w", newline="", encoding="utf-8") as handle:
        handle.write("".join(kept))
        csv.DictWriter(handle, MANIFEST_COLUMNS, lineterminator="\n").writerows(rows)
