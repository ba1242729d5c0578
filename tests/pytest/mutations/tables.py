"""Mutants of built tables, for guards of what we make ourselves.

Constraints and generic data tests get theirs from the manifest: a new one of a known
kind has its mutant without a line of code, one of an unknown kind raises NoMutant.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
from conftest import SHIPPED_RELEASE
from dbt.contracts.graph.manifest import Manifest


class NoMutant(Exception):
    """A guard of a kind that nobody has written a mutant for."""


@dataclass(frozen=True)
class TableMutant:
    """Statements that make built tables wrong, and what a guard has to say of it."""

    mutation: str
    statements: tuple[str, ...]
    says: tuple[str, ...]


def relation_of(node: Any) -> str:
    """The table of a model or seed."""
    return f"{node.schema}.{node.alias}"


def replace_views(con: duckdb.DuckDBPyConnection) -> None:
    """Make a table of each view, so that rows can be added to it."""
    views = con.execute(
        "select schema_name || '.' || view_name from duckdb_views() where not internal"
    ).fetchall()
    for (view,) in views:
        con.execute(f"create or replace temp table copied as from {view}")
        con.execute(f"drop view {view}")
        con.execute(f"create table {view} as from copied")


def shown_rows(con: duckdb.DuckDBPyConnection, sql: str) -> list[str]:
    """The first rows of a query, each as its filled columns: name value, ..."""
    result = con.execute(f"from ({sql}\n) order by all limit 1000")
    names = [column[0] for column in result.description]
    return [
        ", ".join(
            f"{name} {value}"
            for name, value in zip(names, row, strict=True)
            if value is not None
        )
        for row in result.fetchall()
    ]


# Data tests ---------------------------------------------------------------------------


def data_tests(manifest: Manifest, is_generic: bool) -> list[Any]:
    """The data tests that come from YAML, or those that are a file of SQL, by name."""
    tests = (
        node
        for node in manifest.nodes.values()
        # Those of own conversations are off without such conversations.
        if str(node.resource_type) == "test" and node.config.enabled
    )
    found = (n for n in tests if bool(getattr(n, "test_metadata", None)) == is_generic)
    return sorted(found, key=lambda node: node.name)


def generated_mutants(
    con: duckdb.DuckDBPyConnection, manifest: Manifest, node: Any
) -> dict[str, str]:
    """The statements that break a generic data test, by what it has to say of each;
    raises NoMutant."""
    kind, arguments = node.test_metadata.name, node.test_metadata.kwargs
    if kind != "keeps_its_keys":
        raise NoMutant(
            f"{node.name}: the kind {kind} has no mutant; write one for it in "
            "tests/pytest/mutations/tables.py"
        )
    models = {
        other.name: other
        for other in manifest.nodes.values()
        if str(other.resource_type) == "model"
    }
    child = manifest.nodes[node.attached_node]
    table, grain = relation_of(child), child.config.meta["grain"]
    twice = f"insert into {table} from {table} limit 1"
    if not con.execute(f"from {table} limit 1").fetchall():
        # Without the constraints of a contract, which are tested elsewhere.
        bare = f"create or replace table {table} as from {table}"
        twice = f"{bare}; insert into {table} ({grain[0]}) values (null), (null)"
    mutants = {f"{child.name} should have one row per {', '.join(grain)}": twice}
    for parent in arguments.get("parents", []):
        keys = [
            key for key in models[parent].config.meta["grain"] if key in child.columns
        ]
        row = ", ".join(keys)
        filled = " and ".join(f"{key} is not null" for key in keys)
        key = f"select {row} from {table} where {filled} order by all limit 1"
        mutants[f"{child.name} has keys that {parent} lacks"] = (
            f"delete from {relation_of(models[parent])} where ({row}) in ({key})"
        )
    return mutants


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


def types_of(con: duckdb.DuckDBPyConnection, table: str) -> dict[str, str]:
    """The columns of a table, in its order, with their types."""
    columns = con.execute(f"describe {table}").fetchall()
    return {name: data_type for name, data_type, *_ in columns}


def table_with_only(con: duckdb.DuckDBPyConnection, constraint: Constraint) -> str:
    """An empty table like the mart, with this constraint and no other; its name."""
    parts = [
        f"{name} {data_type}"
        + (f" {constraint.sql}" if name == constraint.column else "")
        for name, data_type in types_of(con, constraint.table).items()
    ]
    parts += [] if constraint.column else [constraint.sql]
    con.execute(f"create or replace temp table {constraint.mart} ({', '.join(parts)})")
    return f"temp.{constraint.mart}"


def violation(con: duckdb.DuckDBPyConnection, constraint: Constraint) -> str:
    """The SQL of a row of the mart that breaks the constraint.

    Values just outside a limit come first, then values beside those of the other
    columns, then what is in no list, then NULL. Raises NoMutant.
    """
    table, types = constraint.table, types_of(con, constraint.table)
    if not con.execute(f"from {table} limit 1").fetchall():
        nothing = ", ".join(f"null::{kind} as {name}" for name, kind in types.items())
        table = f"(select {nothing})"
    if constraint.kind == "not_null":
        return f"select * replace (null as {constraint.column}) from {table} limit 1"
    if constraint.kind != "check":
        raise NoMutant(f"{constraint}: the kind {constraint.kind} has no mutant")
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
                return changed
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
    f"release_id = '{SHIPPED_RELEASE}' "
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
    "reference_files_are_the_official_ones": TableMutant(
        "A list of tasks and holders that the manifest does not know",
        (
            "update staging.stg_aei__release_files set file_status = 'unverified_copy' "
            "where is_loaded and file_role = 'onet_task_statements'",
        ),
        ("onet_task_statements.csv",),
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
    "percentages_carry_no_counts": TableMutant(
        "A count beside a share that the release prints",
        (
            "update marts.fct_education_shares set conversation_count = 5 "
            "where allocation_rule = 'published' and share_pct is not null",
        ),
        ("mart fct_education_shares, share_pct ", "conversation_count 5"),
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
        "Half of the weight of a task lost, and a rule that gives nothing",
        (
            "update marts.bridge_task_allocations set weight = weight / 2 "
            "where allocation_rule = 'lowest_code' "
            "and task_id = (select min(task_id) from marts.bridge_task_allocations)",
            "delete from marts.bridge_task_allocations "
            "where allocation_rule = 'exclusive'",
        ),
        (
            "allocation_rule lowest_code, weight_sum 0.5",
            "allocation_rule exclusive, weight_sum 0",
        ),
    ),
    "allocation_rules_are_nested": TableMutant(
        "More education under the narrowest rule than under the widest",
        (
            "update marts.fct_education_shares "
            "set conversation_count = 2 * conversation_count "
            f"where {GLOBAL_EDUCATION} and scope = 'education' "
            "and allocation_rule = 'exclusive'",
        ),
        ("geo_level global, geo_id GLOBAL", "scope education"),
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
    "use_cases_by_group_are_those_of_all_nodes": TableMutant(
        "Coursework outside SOC 25 that is counted inside as well",
        (
            "update marts.fct_education_by_use_case "
            "set conversation_count = conversation_count + 1 "
            "where task_group = 'education' and use_case = 'coursework' "
            "and platform = 'claude_ai' and allocation_rule = 'exclusive'",
        ),
        ("allocation_rule exclusive, use_case coursework",),
    ),
    "omitting_a_task_moves_a_share_both_ways": TableMutant(
        "A range over the largest tasks only, which all pull one way",
        (
            "update intermediate.int_scope_figures_without_task "
            "set any_omission_low_pct = any_omission_high_pct "
            "where scope = 'education' and task_rank = 1 "
            "and allocation_rule = 'exclusive' and category = 'learning' "
            "and estimator = 'pooled'",
        ),
        ("scope education, figure pattern, estimator pooled, category learning",),
    ),
    "platform_gaps_are_those_of_the_published_patterns": TableMutant(
        "A gap whose two sides changed places",
        (
            "update marts.fct_platform_decomposition set "
            "gap_pct_points = -gap_pct_points, kitagawa_within = -kitagawa_within, "
            "kitagawa_composition = -kitagawa_composition, "
            "claude_ai_tasks_only = -claude_ai_tasks_only, "
            "api_tasks_only = -api_tasks_only, "
            "oaxaca_blinder_composition_at_claude_ai_rates = null, "
            "oaxaca_blinder_composition_at_api_rates = null, "
            "gap_bound_low = null, gap_bound_high = null, "
            "bound_missing_reason = 'estimator' "
            "where scope = 'education' and allocation_rule = 'exclusive' "
            "and category = 'directive' and estimator = 'all_conversations'",
        ),
        ("scope education, estimator all_conversations, category directive",),
    ),
    "intervals_belong_to_their_shares": TableMutant(
        "An interval that lies above its share",
        (
            "update intermediate.int_scope_intervals set interval_low_pct = 101 "
            "where rowid = (select min(rowid) from intermediate.int_scope_intervals)",
        ),
        ("interval_low_pct 101.0",),
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
