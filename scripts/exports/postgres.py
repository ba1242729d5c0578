"""The marts in PostgreSQL over ADBC, replaced in one transaction.

The new tables are filled in a schema of their own and change places with the old ones
at the end of the transaction: who reads sees the old marts or the new ones, and a copy
that fails leaves the old ones. Types, comments, NOT NULL, keys and what roles were
granted on the tables come along.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import adbc_driver_manager
import duckdb
from adbc_driver_postgresql import dbapi
from warehouse.reading import connect, literal

from exports.marts import ExportError, Mart, read_marts

SCHEMA = "ai_in_education"
BATCH_ROW_COUNT = 50_000
TYPES = {
    "VARCHAR": "text",
    "BIGINT": "bigint",
    "INTEGER": "integer",
    "DOUBLE": "double precision",
    "BOOLEAN": "boolean",
    "DATE": "date",
    "TIMESTAMP": "timestamp",
}
UNIQUE = "unique nulls not distinct"
# Any number; two copies into one database wait for each other.
LOCK = 2026_01_15
VIEWS = """
    select distinct dependents.oid::regclass::text as view_name
    from pg_depend
    inner join pg_rewrite on pg_depend.objid = pg_rewrite.oid
    inner join pg_class as dependents on pg_rewrite.ev_class = dependents.oid
    inner join pg_class as tables on pg_depend.refobjid = tables.oid
    inner join pg_namespace on tables.relnamespace = pg_namespace.oid
    where pg_namespace.nspname = $1 and dependents.oid <> tables.oid
    order by view_name
"""
GRANTS = """
    select table_name, grantee, privilege_type
    from information_schema.role_table_grants
    where table_schema = $1 and grantor = current_user and grantee <> current_user
"""


def name(*parts: str) -> str:
    """An identifier of PostgreSQL, quoted; of several parts, from the schema on."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in parts)


def names(columns: Sequence[str]) -> str:
    """A list of identifiers."""
    return ", ".join(map(name, columns))


def publish(warehouse: Path, url: str, schema: str = SCHEMA) -> list[Mart]:
    """Replace the marts in ``schema`` of the database at ``url``; returns them.

    Raises ExportError, and then the database is as it was.
    """
    with connect(warehouse) as source:
        marts = read_marts(source)
        try:
            # Closing without a commit takes everything back.
            with dbapi.connect(url) as target, target.cursor() as cursor:
                copy(source, cursor, marts, schema)
                target.commit()
        except adbc_driver_manager.Error as error:
            raise ExportError(
                f"PostgreSQL at {without_password(url)} did not take the marts: "
                f"{str(error).strip()}\nExpected a server that can be reached until "
                "the end, and a role that may create schemas in the database (GRANT "
                "CREATE ON DATABASE ... TO ...) and owns the schema if there is one. "
                "Nothing was changed there."
            ) from error
    return marts


def copy(
    source: duckdb.DuckDBPyConnection,
    cursor: dbapi.Cursor,
    marts: Sequence[Mart],
    schema: str,
) -> None:
    """Fill the new tables and let them change places with the old ones."""
    # No name that anybody has: it lives within the transaction.
    new_schema = f"new_{secrets.token_hex(16)}"
    cursor.execute(f"select pg_advisory_xact_lock({LOCK})")
    cursor.fetchall()
    views = [row[0] for row in asked(cursor, VIEWS, schema)]
    if views:
        raise ExportError(
            f"Views rest on the tables of the schema {schema}: {', '.join(views)}. "
            "Replacing the tables would drop them; drop them first and make them again "
            "afterwards, or copy into another schema (SCHEMA=...)."
        )
    grants = asked(cursor, GRANTS, schema)
    cursor.execute(f"create schema if not exists {name(schema)}")
    cursor.execute(f"create schema {name(new_schema)}")
    for mart in marts:
        for statement in definition(mart, new_schema):
            cursor.execute(statement)
        reader = source.sql(mart.ordered).to_arrow_reader(BATCH_ROW_COUNT)
        cursor.adbc_ingest(mart.name, reader, mode="append", db_schema_name=new_schema)
    # A foreign key needs the key of its parent.
    keys = [own_key(mart, new_schema) for mart in marts]
    for statement in keys + foreign_keys(marts, new_schema):
        cursor.execute(statement)
    for mart in marts:
        # Foreign keys between the old marts go with them.
        cursor.execute(f"drop table if exists {name(schema, mart.name)} cascade")
        cursor.execute(
            f"alter table {name(new_schema, mart.name)} set schema {name(schema)}"
        )
    ours = {mart.name for mart in marts}
    for table, grantee, privilege in grants:
        if table in ours:
            to = "public" if grantee == "PUBLIC" else name(grantee)
            cursor.execute(f"grant {privilege} on {name(schema, table)} to {to}")
    cursor.execute(f"drop schema {name(new_schema)}")


def asked(cursor: dbapi.Cursor, sql: str, schema: str) -> list[tuple[Any, ...]]:
    """The rows of a query about a schema."""
    cursor.execute(sql, (schema,))
    return cursor.fetchall()


def definition(mart: Mart, schema: str) -> list[str]:
    """The statements that make an empty table with its comments."""
    table = name(schema, mart.name)
    columns = ", ".join(
        f"{name(column.name)} {TYPES[column.data_type]}"
        + ("" if column.is_nullable else " not null")
        for column in mart.columns
    )
    return [
        f"create table {table} ({columns})",
        f"comment on table {table} is {literal(mart.description)}",
        *(
            f"comment on column {table}.{name(column.name)} "
            f"is {literal(column.description)}"
            for column in mart.columns
        ),
    ]


def own_key(mart: Mart, schema: str) -> str:
    """The statement that adds the mart's key, its grain.

    A grain with a column that may be NULL is a unique key, not a primary one.
    """
    nullable = {column.name for column in mart.columns if column.is_nullable}
    kind = "primary key" if nullable.isdisjoint(mart.grain) else UNIQUE
    return f"alter table {name(schema, mart.name)} add {kind} ({names(mart.grain)})"


def foreign_keys(marts: Sequence[Mart], schema: str) -> list[str]:
    """The statements that add the joins of the marts to their parents."""
    return [
        f"alter table {name(schema, mart.name)} add foreign key ({names(key)}) "
        f"references {name(schema, parent)} ({names(key)}) "
        "deferrable initially deferred"
        for mart in marts
        for parent, key in mart.parents
    ]


def without_password(url: str) -> str:
    """The URL as it may be printed."""
    return re.sub(r"(://[^:/@]*):[^@]*@", r"\1:***@", url)
