"""The Data Package (Frictionless) of the Parquet files."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
from warehouse.reading import records

from exports.marts import Mart

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
# When the marts were made, and whether of simulated data; one row.
MADE = """
    select
        (select max(run_at) from marts.fct_expectation_results) as made_at,
        (select bool_or(is_simulated) from marts.dim_releases where is_loaded)
            as is_simulated
"""


def data_package(
    con: duckdb.DuckDBPyConnection, marts: Sequence[Mart], folder: Path
) -> dict[str, Any]:
    """The descriptor of the Parquet files in ``folder``.

    Beside the standard's properties: ``is_simulated``, ``assumptions`` (the register)
    and ``caveats`` of resources and fields, which name assumptions.
    """
    (made,) = records(con, MADE)
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
        "title": "AI in education: marts on the Anthropic Economic Index",
        "description": (
            ("SIMULATED DATA, describes nobody. " if made["is_simulated"] else "")
            + "Shares of AI use in education with their numerators and bases. Never "
            "sum or average shares; add counts and divide anew."
        ),
        "created": made["made_at"] and f"{made['made_at']:%Y-%m-%dT%H:%M:%SZ}",
        "is_simulated": made["is_simulated"],
        "licenses": [{"name": name, "title": text} for name, text in licences.items()],
        "sources": sources,
        "assumptions": records(con, ASSUMPTIONS),
        "resources": [resource(mart, folder) for mart in marts],
    }


def resource(mart: Mart, folder: Path) -> dict[str, Any]:
    """The descriptor of one file."""
    path = folder / f"{mart.name}.parquet"
    with path.open("rb") as handle:
        digest = hashlib.file_digest(handle, "sha256").hexdigest()
    return {
        "name": mart.name,
        "path": path.name,
        "format": "parquet",
        "mediatype": "application/vnd.apache.parquet",
        "description": mart.description,
        "bytes": path.stat().st_size,
        "hash": f"sha256:{digest}",
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
