"""The Data Package (Frictionless) of the Parquet files."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb

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


def data_package(
    con: duckdb.DuckDBPyConnection, marts: Sequence[Mart], folder: Path
) -> dict[str, Any]:
    """The descriptor of the Parquet files in ``folder``.

    Beside the standard's properties: ``is_simulated``, ``assumptions`` (the register)
    and ``caveats`` of resources and fields, which name assumptions.
    """
    is_simulated, created = con.execute(
        """
        select
            (select bool_or(is_simulated) from marts.dim_releases where is_loaded),
            (
                select max(run_at) from marts.fct_expectation_results
                where is_latest_run
            )
        """
    ).fetchall()[0]
    return {
        "$schema": "https://datapackage.org/profiles/2.0/datapackage.json",
        "name": "ai-in-education",
        "title": "AI in education: marts on the Anthropic Economic Index",
        "description": (
            ("SIMULATED DATA, describes nobody. " if is_simulated else "")
            + "Shares of AI use in education with their numerators and bases. Never "
            "sum or average shares; add counts and divide anew."
        ),
        "created": f"{created:%Y-%m-%dT%H:%M:%SZ}" if created else None,
        "is_simulated": is_simulated,
        "licenses": [
            {
                "name": "MIT",
                "title": "MIT License (code, simulated data and documentation)",
            },
            *(
                {"name": licence, "title": f"{licence} (data: see sources)"}
                for (licence,) in rows(
                    con,
                    "select distinct licence from marts.dim_release_files "
                    "where is_loaded order by all",
                )
            ),
        ],
        "sources": [
            {
                "title": citation,
                "path": path,
                "release_id": release_id,
                "platform": platform,
                "licence": licence,
                "sha256": sha256,
                "file_status": status,
            }
            for citation, path, release_id, platform, licence, sha256, status in rows(
                con,
                "select citation, relative_path, release_id, platform, licence, "
                "observed_sha256, file_status from marts.dim_release_files "
                "where is_loaded order by all",
            )
        ],
        "assumptions": [
            {
                "assumption_id": assumption_id,
                "statement": statement,
                "consequence": consequence,
                "status": status,
            }
            for assumption_id, statement, consequence, status in rows(
                con,
                "select assumption_id, statement, consequence, status "
                "from marts.dim_sampling_assumptions order by all",
            )
        ],
        "resources": [resource(mart, folder) for mart in marts],
    }


def rows(con: duckdb.DuckDBPyConnection, sql: str) -> list[tuple[Any, ...]]:
    """The rows of a query."""
    return con.execute(sql).fetchall()


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
        "caveats": list(mart.caveats),
        "schema": {
            "fields": [
                {
                    "name": column.name,
                    "type": TYPES[column.data_type],
                    "description": column.description,
                    "constraints": {"required": not column.is_nullable},
                    "caveats": list(column.caveats),
                }
                for column in mart.columns
            ],
            "primaryKey": list(mart.grain),
            "foreignKeys": [
                {
                    "fields": list(columns),
                    "reference": {"resource": parent, "fields": list(columns)},
                }
                for parent, columns in mart.parents
            ],
        },
    }
