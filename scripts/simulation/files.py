"""Raw files, statements, country codes, and the manifest's rows for them."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb
from warehouse.folder import columns_of, layouts
from warehouse.paths import MANIFEST
from warehouse.reading import literal

from simulation.model import NOT_CLASSIFIED, PLATFORM_LABELS, Model

DATE_START, DATE_END = "2026-01-05", "2026-01-12"
TAXONOMY = "simulated_1"
CLASSIFIER = "simulated_classifier_1"
LICENCE = "MIT (made by this project)"
CITATION = (
    "Simulated by this project's scripts/simulate.py: "
    "it is made up and describes nobody"
)
# What the manifest says of a raw file, by family.
LONG = {
    "window_start_date": DATE_START,
    "window_end_date": DATE_END,
    "count_basis": "conversations",
    "facet_set": "B_2026_01",
    "schema_family": "B_long",
    "sample_source": "Conversations drawn by the simulator",
}
FLAT = {
    "window_start_date": "2025-02-03",
    "window_end_date": "2025-02-09",
    "count_basis": "percent_only",
    "facet_set": "A_2025_02",
    "sample_source": "Not published",
}
MONTHLY = {
    "window_start_date": "2026-04-01",
    "window_end_date": "2026-05-31",
    "count_basis": "percent_only",
    "facet_set": "C_2026_06",
    "schema_family": "C_monthly",
    "taxonomy_version": "simulated_monthly_1",
    "sample_source": "Not published",
}
CONVERSATION_FACETS = ("collaboration", "use_case", "task_success")

RAW_COLUMNS, STATEMENT_COLUMNS, COUNTRY_COLUMNS = (
    layouts()[name] for name in ("B_long", "onet_task_statements", "iso_country_codes")
)
# The columns that O*NET has beside those that are read.
STATEMENT_COLUMNS += ["Task Type", "Incumbents Responding", "Date", "Domain Source"]
STATEMENT_COLUMNS += ["soc_major_group"]
MANIFEST_COLUMNS = columns_of(MANIFEST.read_bytes().splitlines()[0])


def raw_name(platform: str) -> str:
    """File name of a platform's raw file."""
    return f"aei_raw_simulated_{platform}_{DATE_START}_to_{DATE_END}.csv"


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
    return rows


def country_code_rows(model: Model) -> list[list[object]]:
    """alpha-2, alpha-3 and name of every simulated country."""
    return [
        [c.geo_id, c.alpha_3, c.name]
        for c in model.countries
        if c.geo_id != NOT_CLASSIFIED
    ]


def manifest_row(
    folder: Path,
    path: Path,
    release_id: str,
    role: str,
    platform: str = "",
    layout: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """The manifest's row of one written file, with its byte count and sha256.

    ``layout``: columns that only a raw file has, as ``LONG``.
    """
    content = path.read_bytes()
    row = {
        "release_id": release_id,
        "platform": platform,
        "file_role": role,
        "relative_path": path.relative_to(folder).as_posix(),
        "byte_count": str(len(content)),
        "sha256": hashlib.sha256(content).hexdigest(),
        "row_count": str(content.count(b"\n") - 1),
        "copy_status": "current",
        "is_simulated": "true",
        "licence": LICENCE,
        "citation": CITATION,
    }
    if role in ("raw", "onet_task_statements"):
        row["taxonomy_version"] = TAXONOMY
    if platform:
        row["product_label"] = PLATFORM_LABELS[platform]
    row |= layout or {}
    return {column: row.get(column, "") for column in MANIFEST_COLUMNS}


def write_releases(con: duckdb.DuckDBPyConnection, data: Path) -> list[dict[str, str]]:
    """Write the releases in ``con`` as raw files in the dataset's folder shape.

    Reads the tables that ``releases.simulate_releases`` leaves. Rows stand in a fixed
    order: world first, then by geography, place, facet, level, cluster and variable.
    A release without a row on a platform gets no file for it. Statements and country
    codes are written once, in the folder of the first release. Returns the manifest's
    rows of the written files. Raises ValueError if there is no release.
    """
    sizes = con.execute(
        "select release_id, platform, conversations from release_size "
        "semi join release_row using (release_id, platform) "
        "order by release_id, platform = '1p_api'"
    ).fetchall()
    if not sizes:
        raise ValueError(
            "observed: no row in release_row; expected: simulated releases; "
            "do: run simulate_releases on the connection first"
        )
    place = "release_{}/data/intermediate/{}"
    manifest = []
    for release_id, platform, conversations in sizes:
        path = data / place.format(release_id, raw_name(platform))
        copy_csv(
            con,
            f"select {', '.join(RAW_COLUMNS)} from release_row "
            f"where release_id = '{release_id}' and platform = '{platform}' "
            "order by geography = 'global' desc, geography, geo_id, facet, level, "
            "cluster_name, variable",
            path,
        )
        manifest.append(
            manifest_row(
                data,
                path,
                release_id,
                "raw",
                platform,
                LONG | {"sample_count": str(conversations)},
            )
        )
    first = sizes[0][0]
    for role, query in (
        ("onet_task_statements", STATEMENTS_IN_ORDER),
        ("iso_country_codes", "from release_country order by iso_alpha_2"),
    ):
        path = data / place.format(first, f"{role}.csv")
        copy_csv(con, query, path)
        manifest.append(manifest_row(data, path, first, role))
    return manifest


STATEMENTS_IN_ORDER = (
    'from release_statement order by "O*NET-SOC Code", "Task ID"::integer'
)


def copy_csv(con: duckdb.DuckDBPyConnection, query: str, path: Path) -> None:
    """Write a query's rows as a CSV file in the project's one manner."""
    path.parent.mkdir(parents=True, exist_ok=True)
    options = "format csv, header true, nullstr '<null>'"
    con.execute(f"copy ({query}) to {literal(path)} ({options})")


def write_manifest(
    path: Path, rows: Sequence[dict[str, str]], before: str = "", after: str = ""
) -> None:
    """Write rows between other lines, kept as they are; without any, under a header."""
    with path.open("w", newline="", encoding="utf-8") as handle:
        handle.write(before or ",".join(MANIFEST_COLUMNS) + "\n")
        csv.DictWriter(handle, MANIFEST_COLUMNS, lineterminator="\n").writerows(rows)
        handle.write(after)


def update_manifest(path: Path, rows: Sequence[dict[str, str]]) -> None:
    """Put ``rows`` in place of the manifest's rows of the same releases.

    Other lines stay byte for byte. Raises ValueError if the manifest's columns are
    not the expected ones.
    """
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    header = next(csv.reader(lines[:1]))
    if header != MANIFEST_COLUMNS:
        raise ValueError(
            f"observed: manifest columns {header}; expected: {MANIFEST_COLUMNS}; "
            "do: take the columns of the project's own manifest"
        )
    releases = {r["release_id"] for r in rows}
    is_old = [next(csv.reader([x]))[0] in releases for x in lines]
    place = is_old.index(True) if any(is_old) else len(lines)
    after = [x for x, old in zip(lines, is_old, strict=True) if not old][place:]
    write_manifest(path, rows, "".join(lines[:place]), "".join(after))
