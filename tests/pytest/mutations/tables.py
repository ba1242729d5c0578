"""Mutants of built tables, for guards of what we make ourselves.

Constraints and generic data tests get theirs from the manifest: a new one of a known
kind has its mutant without a line of code, one of an unknown kind raises NoMutant.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
from dbt.contracts.graph.manifest import Manifest


class NoMutant(Exception):
    """A guard of a kind that nobody has written a mutant for."""


@dataclass(frozen=True)
class TableMutant:
    """Statements that make a built table wrong, and what a message has to say of it."""

    mutation: str
    statements: tuple[str, ...]
    says: tuple[str, ...]


def text_of(value: object) -> str:
    """A value as SQL."""
    if value is None:
        return "null"
    if isinstance(value, bool | int | float):
        return str(value)
    return "'" + str(value).replace("'", "''") + "'"


def relation_of(node: Any) -> str:
    """The table of a model or seed."""
    return f"{node.schema}.{node.alias}"


def records(con: duckdb.DuckDBPyConnection, sql: str) -> list[dict[str, Any]]:
    """The rows of a query, by column name."""
    result = con.execute(sql)
    names = [column[0] for column in result.description]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def shown(row: dict[str, Any]) -> tuple[str, ...]:
    """A row's filled columns as messages write them."""
    return tuple(f"{name} {value}" for name, value in row.items() if value is not None)


# Generic data tests -------------------------------------------------------------------


def named(manifest: Manifest, reference: str) -> Any:
    """The node of ``ref('name')``."""
    (name,) = re.findall(r"ref\('(\w+)'\)", reference)
    (node,) = (
        node
        for node in manifest.nodes.values()
        if node.name == name and str(node.resource_type) in ("model", "seed")
    )
    return node


def writable(con: duckdb.DuckDBPyConnection, table: str) -> tuple[str, ...]:
    """Statements that make a table of a view, so that rows can be added to it."""
    schema, name = table.split(".")
    views = con.execute(
        "select view_name from duckdb_views() where schema_name = ? and view_name = ?",
        [schema, name],
    ).fetchall()
    if not views:
        return ()
    return (
        f"create temp table copied as from {table}",
        f"drop view {table}",
        f"create table {table} as from copied",
    )


def repeated_row(
    con: duckdb.DuckDBPyConnection, manifest: Manifest, node: Any, model: Any
) -> TableMutant:
    """A row of the table twice."""
    table, grain = relation_of(model), model.config.meta["grain"]
    keys = ", ".join(grain)
    order = f"order by {keys}"
    found = records(con, f"select {keys} from {table} {order} limit 1")
    if not found:
        # A table that is empty in a clean build: two rows of nothing.
        add = f"insert into {table} ({grain[0]}) values (null), (null)"
        says = f"{model.name} should have one row per"
        statements = (*writable(con, table), add)
        return TableMutant("two rows without a key", statements, (says,))
    add = f"insert into {table} select * from {table} {order} limit 1"
    return TableMutant(
        "its first row twice",
        (*writable(con, table), add),
        (f"{model.name} should have one row per {keys}", *shown(found[0])),
    )


def lost_parent(
    con: duckdb.DuckDBPyConnection, manifest: Manifest, node: Any, model: Any
) -> TableMutant:
    """A key of the table gone from the parent."""
    arguments = node.test_metadata.kwargs
    parent = named(manifest, arguments["to"])
    keys = arguments["columns"]
    filled = " and ".join(f"{key} is not null" for key in keys)
    found = records(
        con,
        f"select {', '.join(keys)} from {relation_of(model)} where {filled} "
        "order by all limit 1",
    )
    if not found:
        raise NoMutant(f"{node.name}: {model.name} is empty in a clean build")
    where = " and ".join(f"{key} = {text_of(found[0][key])}" for key in keys)
    table = relation_of(parent)
    return TableMutant(
        f"a key of it deleted from {parent.name}",
        (*writable(con, table), f"delete from {table} where {where}"),
        (f"{model.name} has keys that {parent.name} lacks", *shown(found[0])),
    )


def null_value(
    con: duckdb.DuckDBPyConnection, manifest: Manifest, node: Any, model: Any
) -> TableMutant:
    """A row of the table with NULL in the column."""
    column, table = node.test_metadata.kwargs["column_name"], relation_of(model)
    add = (
        f"insert into {table} select * replace (null as {column}) from {table} limit 1"
    )
    return TableMutant(f"a row without {column}", (*writable(con, table), add), ())


def repeated_value(
    con: duckdb.DuckDBPyConnection, manifest: Manifest, node: Any, model: Any
) -> TableMutant:
    """A row of the table twice, for a test of one column."""
    column, table = node.test_metadata.kwargs["column_name"], relation_of(model)
    add = f"insert into {table} from {table} where {column} is not null limit 1"
    return TableMutant(f"{column} twice", (*writable(con, table), add), ())


def unknown_value(
    con: duckdb.DuckDBPyConnection, manifest: Manifest, node: Any, model: Any
) -> TableMutant:
    """A row of the table with a value that is in no list and no parent."""
    column, table = node.test_metadata.kwargs["column_name"], relation_of(model)
    add = (
        f"insert into {table} select * replace ('no such value' as {column}) "
        f"from {table} limit 1"
    )
    statements = (*writable(con, table), add)
    return TableMutant(f"{column} 'no such value'", statements, ("no such value",))


GENERIC_TESTS: dict[
    str, Callable[[duckdb.DuckDBPyConnection, Manifest, Any, Any], TableMutant]
] = {
    "is_unique_on_grain": repeated_row,
    "has_parent": lost_parent,
    "not_null": null_value,
    "unique": repeated_value,
    "accepted_values": unknown_value,
    "relationships": unknown_value,
}


def generic_tests(manifest: Manifest) -> list[Any]:
    """The data tests that come from YAML, by name."""
    tests = (node for node in manifest.nodes.values() if is_test(node))
    return sorted(
        (node for node in tests if getattr(node, "test_metadata", None)),
        key=lambda node: node.name,
    )


def singular_tests(manifest: Manifest) -> list[Any]:
    """The data tests that are a file of SQL, by name."""
    tests = (node for node in manifest.nodes.values() if is_test(node))
    return sorted(
        (node for node in tests if not getattr(node, "test_metadata", None)),
        key=lambda node: node.name,
    )


def is_test(node: Any) -> bool:
    """Whether a node is a data test."""
    return str(node.resource_type) == "test"


def mutant_of(
    con: duckdb.DuckDBPyConnection, manifest: Manifest, node: Any
) -> TableMutant:
    """The mutant of a generic test; raises NoMutant for an unknown kind."""
    kind = node.test_metadata.name
    if kind not in GENERIC_TESTS:
        raise NoMutant(
            f"{node.name}: the kind {kind} has no mutant; write one for it in "
            "tests/pytest/mutations/tables.py"
        )
    model = manifest.nodes[node.attached_node]
    return GENERIC_TESTS[kind](con, manifest, node, model)


# Constraints --------------------------------------------------------------------------


@dataclass(frozen=True)
class Constraint:
    """A constraint in the contract of a mart."""

    mart: str
    table: str
    kind: str
    column: str | None = None
    expression: str = ""

    @property
    def sql(self) -> str:
        """The constraint as it stands in a CREATE TABLE."""
        if self.kind == "not_null":
            return "not null"
        return f"check ({self.expression})"


def constraints(manifest: Manifest) -> list[Constraint]:
    """Every constraint of every model."""

    def of(node: Any) -> Iterator[Constraint]:
        owners = [(None, node.constraints)]
        owners += [(name, column.constraints) for name, column in node.columns.items()]
        for column, own in owners:
            for constraint in own:
                kind = str(getattr(constraint.type, "value", constraint.type))
                text = constraint.expression or ""
                yield Constraint(node.name, relation_of(node), kind, column, text)

    models = (n for n in manifest.nodes.values() if str(n.resource_type) == "model")
    found = [constraint for node in models for constraint in of(node)]
    return sorted(found, key=lambda c: (c.mart, c.kind, c.column or "", c.expression))


@dataclass(frozen=True)
class Violation:
    """A row of a mart changed so that a constraint does not hold: what, and its SQL."""

    mutation: str
    sql: str


def violation(con: duckdb.DuckDBPyConnection, constraint: Constraint) -> Violation:
    """The first change of a row that breaks the constraint.

    Values just outside a limit come first, then values beside those of the other
    columns, then what is in no list, then NULL. Raises NoMutant.
    """
    table = constraint.table
    if constraint.kind == "not_null":
        changed = f"select * replace (null as {constraint.column}) from {table} limit 1"
        return Violation(f"{constraint.column} = null", changed)
    if constraint.kind != "check":
        raise NoMutant(f"{constraint}: the kind {constraint.kind} has no mutant")
    types = dict(
        con.execute(
            "select column_name, data_type from duckdb_columns() "
            "where schema_name || '.' || table_name = ?",
            [table],
        ).fetchall()
    )
    words = re.findall(r"[a-z_]+", re.sub(r"'[^']*'", "", constraint.expression))
    columns = [name for name in types if name in words]
    changes = [
        {column: value}
        for column in columns
        for value in outside(
            constraint.expression,
            types[column],
            [name for name in columns if name != column],
        )
    ]
    # Where the column is NULL in every row of a clean mart, two have to change.
    changes += [
        {one: "1", other: "0"} for one in columns for other in columns if one != other
    ]
    for change in changes:
        replaced = ", ".join(
            f"(({value})::{types[column]}) as {column}"
            for column, value in change.items()
        )
        changed = (
            f"select * from (select * replace ({replaced}) from {table}) "
            f"where not ({constraint.expression}) limit 1"
        )
        try:
            if con.execute(changed).fetchall():
                return Violation(
                    " and ".join(f"{name} = {value}" for name, value in change.items()),
                    changed,
                )
        except (duckdb.ConversionException, duckdb.BinderException):
            continue
    raise NoMutant(f"{constraint}: no change of one or two columns breaks it")


def outside(expression: str, data_type: str, others: Sequence[str]) -> Iterator[str]:
    """Values, as SQL, that may lie outside what an expression allows."""
    if data_type == "VARCHAR":
        yield "'no such value'"
    elif data_type == "BOOLEAN":
        yield from ("true", "false")
    else:
        for number in re.findall(r"(?<![a-z_\d.])\d+(?:\.\d+)?", expression):
            yield from (f"{number} + 0.001", f"{number} - 0.001")
            yield from (f"{number} + 1", f"{number} - 1")
        for other in others:
            yield from (f"{other} + 1", f"{other} - 1")
        yield "0"
    yield "null"


# What no raw file can bring about -----------------------------------------------------

GLOBAL_EDUCATION = (
    "release_id = (select max(release_id) from marts.fct_education_shares) "
    "and platform = 'claude_ai' and geo_level = 'global' "
    "and share_base = 'all_conversations'"
)

EXPECTATIONS: dict[str, TableMutant] = {
    "releases_share_one_task_list": TableMutant(
        "A release coded with another task list beside one that is not",
        (
            "update staging.stg_aei__release_files set is_simulated = false "
            "where is_loaded",
            "update staging.stg_aei__release_files set taxonomy_version = 'onet_30_2' "
            "where is_loaded and platform = '1p_api'",
        ),
        ("onet_30_2",),
    ),
    "shares_are_their_counts": TableMutant(
        "A share one point higher than its numerator over its base",
        (
            "update marts.fct_facet_shares set share_pct = share_pct + 1 "
            "where platform = 'claude_ai' and geo_level = 'global' "
            "and facet = 'use_case' and category = 'work'",
        ),
        ("mart fct_facet_shares, share_pct ",),
    ),
    "shares_lie_in_their_range": TableMutant(
        "A share above its upper bound",
        (
            "update marts.fct_education_shares set bound_low_pct = share_pct - 2, "
            "bound_high_pct = share_pct - 1 "
            f"where {GLOBAL_EDUCATION} and scope = 'education' "
            "and allocation_rule = 'any_holder'",
        ),
        ("mart fct_education_shares, share_pct ",),
    ),
    "per_million_counts_carry_no_sampling_interval": TableMutant(
        "Intervals of whole conversations in a release of per-million counts",
        (
            "update marts.dim_releases set count_basis = 'per_million' "
            "where platform = '1p_api' and is_loaded",
        ),
        ("mart fct_facet_shares, interval_count ",),
    ),
    "registered_anomalies_are_flagged": TableMutant(
        "The flag of a registered anomaly lost",
        (
            "update marts.fct_education_shares set is_anomalous = false "
            "where geo_id = 'SC'",
        ),
        ("geo_level country, geo_id SC",),
    ),
    "excluded_metrics_stay_out": TableMutant(
        "A column of time in a mart",
        (
            "alter table marts.fct_education_tasks "
            + "add column human_only_time_mean double",
        ),
        ("mart fct_education_tasks, column_or_facet human_only_time_mean",),
    ),
    "contradicted_figures_are_explained": TableMutant(
        "A contradicted figure without a finding",
        (
            "update marts.fct_published_reconciliation set status = 'contradicted' "
            "where number_id = (select min(number_id) "
            "from reference.published_numbers where finding is null)",
        ),
        ("number_id ",),
    ),
    "simulated_releases_are_marked": TableMutant(
        "A simulated release marked as real",
        (
            "update marts.dim_releases set is_simulated = false "
            "where starts_with(release_id, 'simulated') and platform = 'claude_ai'",
        ),
        ("platform claude_ai, is_simulated False",),
    ),
    "measured_bounds_hold_their_truth": TableMutant(
        "A measured bound that missed a truth",
        (
            "update marts.fct_interval_calibration set inside_pct = 99.5 "
            "where rowid = (select min(rowid) from marts.fct_interval_calibration "
            "where interval_kind = 'bounds' and verdict <> 'not_promised')",
        ),
        ("inside_pct 99.5",),
    ),
}

DATA_TESTS: dict[str, TableMutant] = {
    "allocation_weights_give_each_task_once": TableMutant(
        "Half of the weight of a task lost",
        (
            "update marts.bridge_task_allocations set weight = weight / 2 "
            "where allocation_rule = 'lowest_code' "
            "and task_id = (select min(task_id) from marts.bridge_task_allocations)",
        ),
        ("allocation_rule lowest_code, weight_sum 0.5",),
    ),
    "allocation_rules_are_nested": TableMutant(
        "More education under the narrowest rule than under the widest",
        (
            "update marts.fct_education_shares "
            "set conversation_count = 2 * conversation_count "
            f"where {GLOBAL_EDUCATION} and scope = 'education' "
            "and allocation_rule = 'exclusive'",
        ),
        ("platform claude_ai, geo_level global", "scope education"),
    ),
    "education_and_the_rest_are_all_named": TableMutant(
        "A task lost from the baseline of all other tasks",
        (
            "delete from intermediate.int_scope_tasks "
            "where scope = 'non_education' and allocation_rule = 'any_holder' "
            "and task_id = (select min(task_id) from intermediate.int_scope_tasks "
            "where scope = 'non_education')",
        ),
        ("allocation_rule any_holder, parts_count ",),
    ),
    "subsectors_add_up_to_education": TableMutant(
        "A subsector with one conversation more",
        (
            "update marts.fct_education_shares "
            "set conversation_count = conversation_count + 1 "
            f"where {GLOBAL_EDUCATION} and allocation_rule = 'any_holder' "
            "and scope = (select min(scope) from marts.fct_education_shares "
            "where scope <> 'education')",
        ),
        ("geo_id GLOBAL, allocation_rule any_holder",),
    ),
}
