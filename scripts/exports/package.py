"""The Data Package (Frictionless) of the Parquet files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
from warehouse.published import sha256_of
from warehouse.reading import records

from exports.marts import ExportError, Mart

TYPES = {
    "VARCHAR": "string",
    "BIGINT": "integer",
    "INTEGER": "integer",
    "DOUBLE": "number",
    "BOOLEAN": "boolean",
    "DATE": "date",
    "TIMESTAMP": "datetime",
}
LOADED_FILES = """
    select citation as title, relative_path as path, release_id, platform, licence,
        observed_sha256 as sha256, file_status
    from marts.dim_release_files where is_loaded order by all
"""
ASSUMPTIONS = """
    select assumption_id, statement, consequence, status
    from marts.dim_sampling_assumptions order by all
"""
# The build; one row.
MADE = "select * from marts.dim_build"
TITLE = "AI in education: marts on the Anthropic Economic Index"
ADVICE = (
    "Shares of AI use in education with their numerators and bases. Never sum or "
    "average shares; add counts and divide anew."
)
SIMULATED = "SIMULATED DATA: these rows describe nobody."


def labels(con: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """What each file that leaves the house says of itself, by name, as text."""
    made = build_of(con)
    sources = records(con, LOADED_FILES)
    releases = dict.fromkeys(
        each["release_id"] for each in sources if each["platform"] != "all"
    )
    cited = dict.fromkeys(f"{each['title']} {each['licence']}." for each in sources)
    return {
        "title": TITLE,
        "data": SIMULATED if made["is_simulated"] else "Published data, recomputed.",
        "releases": ", ".join(releases),
        "citation": " ".join(cited),
        "advice": ADVICE,
        "version": made["project_version"],
        "code": made["code_commit"] or f"no commit, sha256 {made['code_sha256']}",
        "build": made["build_id"],
        "built_at": f"{made['built_at']:%Y-%m-%dT%H:%M:%SZ}",
    }


def build_of(con: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """The row of dim_build; raises ExportError where plain dbt made the file."""
    rows = records(con, MADE)
    if not rows:
        raise ExportError(
            "The warehouse does not say what it was built of (marts.dim_build is "
            "empty): dbt commands made it. Publish one with make warehouse."
        )
    return rows[0]


def metadata_of_csv(mart: Mart, said: dict[str, str]) -> dict[str, Any]:
    """The companion of a CSV file, as CSV on the Web has it."""
    return {
        "@context": "http://www.w3.org/ns/csvw",
        "url": f"{mart.name}.csv",
        "null": "",
        "dc:description": mart.description,
        "notes": [said],
        "tableSchema": {
            "primaryKey": mart.grain,
            "columns": [
                {
                    "name": column.name,
                    "datatype": TYPES[column.data_type],
                    "dc:description": column.description,
                }
                for column in mart.columns
            ],
        },
    }


def data_package(
    con: duckdb.DuckDBPyConnection, marts: Sequence[Mart], folder: Path
) -> dict[str, Any]:
    """The descriptor of the Parquet files in ``folder``.

    Beside the standard's properties: ``is_simulated``, ``assumptions`` (the register)
    and ``caveats`` of resources and fields, which name assumptions.
    """
    made, said = build_of(con), labels(con)
    sources = records(con, LOADED_FILES)
    licences = {
        "MIT": "MIT License (code, simulated data and documentation)",
        **{
            each: f"{each} (data: see sources)"
            for each in sorted({source["licence"] for source in sources})
        },
    }
    return {
        "$schema": "https://datapackage.org/profiles/2.0/datapackage.json",
        "name": "ai-in-education",
        "title": said["title"],
        "description": f"{said['data']} {said['advice']}",
        "version": said["version"],
        "created": said["built_at"],
        "code": said["code"],
        "is_simulated": made["is_simulated"],
        "licenses": [{"name": name, "title": text} for name, text in licences.items()],
        "sources": sources,
        "assumptions": records(con, ASSUMPTIONS),
        "resources": [resource(mart, folder) for mart in marts],
    }


def resource(mart: Mart, folder: Path) -> dict[str, Any]:
    """The descriptor of one file."""
    path = folder / f"{mart.name}.parquet"
    return {
        "name": mart.name,
        "path": path.name,
        "format": "parquet",
        "mediatype": "application/vnd.apache.parquet",
        "description": mart.description,
        "bytes": path.stat().st_size,
        "hash": f"sha256:{sha256_of(path)}",
        "row_count": mart.row_count,
        "caveats": mart.caveats,
        "schema": {
            "fields": [
                {
                    "name": column.name,
                    "type": TYPES[column.data_type],
                    "description": column.description,
                    "constraints": {"required": not column.is_nullable},
                    "caveats": column.caveats,
                }
                for column in mart.columns
            ],
            "primaryKey": mart.grain,
            "foreignKeys": [
                {"fields": key, "reference": {"resource": parent, "fields": key}}
                for parent, key in mart.parents
            ],
        },
    }
