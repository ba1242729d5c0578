"""One SQL, two engines: what the models say to DuckDB, said to Spark.

sqlglot translates; here stands what it leaves to do, each rule once. Where a rule would
be a guess the model says it portably instead. That both mean the same is shown by
tests/pytest/test_spark.py, which compares every mart.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import sqlglot
from lineage.unions import put_in_order
from sqlglot import exp, transforms
from sqlglot.dialects.spark import Spark
from sqlglot.optimizer.qualify import qualify

# The columns of the relations that a query may read, by schema and name.
Columns = Mapping[str, Mapping[str, Mapping[str, str]]]


class Spark4(Spark):
    """Spark since 4.2, which has QUALIFY."""

    class Generator(Spark.Generator):
        """Writes it."""

        TRANSFORMS = {
            **Spark.Generator.TRANSFORMS,
            exp.Select: transforms.preprocess([transforms.eliminate_distinct_on]),
        }


GREATEST_DOUBLE = "1.7976931348623157E308"
# Spark has no unsigned numbers, and reads them as these.
TYPES = {"ubigint": "decimal(20, 0)"}
# The words of Spark for functions of DuckDB, by their name.
FUNCTIONS = {
    "isfinite": f"({{0}} between -{GREATEST_DOUBLE} and {GREATEST_DOUBLE})",
    "list_position": "array_position({0}, {1})",
    "list_slice": "slice({0}, {1}, {2} - {1} + 1)",
    "product": "case when count({0}) > 0 then aggregate(collect_list({0}), "
    "cast(1 as double), (product, factor) -> product * factor) end",
}


def to_spark(sql: str, columns: Columns, types: Mapping[str, str] | None = None) -> str:
    """A query of DuckDB as one of Spark.

    types: what the columns of the result are to be, as the model's YAML declares them;
    DuckDB and Spark differ in the types of literals, counts and quotients.
    """
    query = sqlglot.parse_one(sql, read="duckdb")
    for table in query.find_all(exp.Table):
        table.set("catalog", None)
    query = qualify(
        query,
        schema=columns,
        dialect="duckdb",
        quote_identifiers=False,
        validate_qualify_columns=False,
    )
    put_in_order(query)
    for name in query.find_all(exp.Identifier):
        name.set("quoted", not exp.SAFE_IDENTIFIER_RE.match(name.name))
    for rule in (
        inline_windows,
        order_in_lists,
        first_values,
        known_rows_only,
        unnest_side_by_side,
        functions,
        floating_literals,
        signed_bits,
        long_ranks,
        plain_ctes,
    ):
        rule(query)
    if types is not None:
        query = typed(query, types)
    return query.sql(dialect=Spark4)


def spark(sql: str, *arguments: exp.Expression) -> exp.Expression:
    """An expression of Spark with arguments in the places {0}, {1} and so on."""
    texts = (argument.sql(dialect=Spark4) for argument in arguments)
    return sqlglot.parse_one(sql.format(*texts), read=Spark4)


def inline_windows(query: exp.Expression) -> None:
    """Named windows where they are used: Spark extends none."""
    for select in query.find_all(exp.Select):
        named = {window.name: window for window in select.args.get("windows") or ()}
        if not named:
            continue
        for window in select.find_all(exp.Window):
            base = named.get(
                window.args["alias"].name if window.args.get("alias") else ""
            )
            if base is None or window is base:
                continue
            window.set("alias", None)
            for part in ("partition_by", "order", "spec"):
                if not window.args.get(part) and base.args.get(part):
                    value = base.args[part]
                    copied = (
                        [each.copy() for each in value]
                        if isinstance(value, list)
                        else value.copy()
                    )
                    window.set(part, copied)
        select.set("windows", None)


def filtered(aggregate: exp.Expression) -> exp.Expression:
    """The aggregate with its FILTER, where it has one."""
    return aggregate.parent if isinstance(aggregate.parent, exp.Filter) else aggregate


def keys_of(order: exp.Order) -> Iterator[str]:
    """Keys that sort in Spark as an ORDER BY of DuckDB does: nulls last, or as said."""
    for key in order.expressions:
        text = key.this.sql(dialect=Spark4)
        yield f"{text} is {'not ' if key.args.get('nulls_first') else ''}null"
        yield f"-({text})" if key.args.get("desc") else text


def order_in_lists(query: exp.Expression) -> None:
    """list(x order by y): Spark's lists have the order in which rows come."""
    for found in list(query.find_all(exp.ArrayAgg)):
        order = found.this
        if not isinstance(order, exp.Order):
            continue
        keys = ", ".join(keys_of(order))
        order.replace(spark(f"struct({keys}, {{0}} as listed)", order.this))
        whole = filtered(found)
        text = (
            f"transform(array_sort({whole.sql(dialect=Spark4)}), each -> each.listed)"
        )
        whole.replace(sqlglot.parse_one(text, read=Spark4))


def first_values(query: exp.Expression) -> None:
    """any_value(x) is the first that is not null, by its order if it has one."""
    for found in list(query.find_all(exp.AnyValue)):
        value = found.this
        is_wrapped = isinstance(found.parent, exp.IgnoreNulls)
        outer = found.parent if is_wrapped else found
        if not isinstance(value, exp.Order):
            arguments = [value, exp.true()]
            outer.replace(exp.Anonymous(this="any_value", expressions=arguments))
            continue
        keys = ", ".join(keys_of(value))
        best = spark(f"min_by({{0}}, struct({keys}))", value.this)
        outer.replace(only_known(best, value.this))


def only_known(aggregate: exp.Expression, value: exp.Expression) -> exp.Expression:
    """The aggregate over rows in which the value is known."""
    known = exp.Not(this=exp.Is(this=exp.paren(value.copy()), expression=exp.null()))
    return exp.Filter(this=aggregate, expression=exp.Where(this=known))


def known_rows_only(query: exp.Expression) -> None:
    """arg_min and arg_max pass over rows without a value."""
    for found in list(query.find_all(exp.ArgMin, exp.ArgMax)):
        if isinstance(found.parent, exp.Filter):
            known = only_known(found, found.this).expression.this
            where = found.parent.expression
            where.set("this", exp.and_(where.this, known))
        elif not found.meta.get("is_done"):
            copied = found.copy()
            copied.meta["is_done"] = True
            found.replace(only_known(copied, found.this))


def unnest_side_by_side(query: exp.Expression) -> None:
    """Lists that are unnested in one select go side by side, not each with each."""
    for select in list(query.find_all(exp.Select)):
        found = [
            each
            for column in select.expressions
            for each in column.find_all(exp.Explode)
        ]
        if any(each.find(exp.AggFunc) for each in found):
            unnest_aggregates(select)
        elif found and select.args.get("from_"):
            unnest_from(select, found)


def unnest_aggregates(select: exp.Select) -> None:
    """A list that the select itself gathers is unnested around it."""
    inner = select.copy()
    lists = []
    for column in inner.expressions:
        if isinstance(column.this, exp.Explode):
            lists.append(column.alias)
            column.this.replace(column.this.this)
    names = inner.named_selects
    outer = exp.select(*names).from_(inner.subquery("gathered"))
    for column in list(outer.expressions):
        if column.name in lists:
            column.replace(exp.alias_(exp.Explode(this=column.copy()), column.name))
    unnest_from(outer, list(outer.find_all(exp.Explode)))
    for name, value in outer.args.items():
        select.set(name, value)
    for name in set(select.args) - set(outer.args):
        select.set(name, None)


def unnest_from(select: exp.Select, found: list[exp.Explode]) -> None:
    """Lists as rows beside those of the select's FROM."""
    names = [f"unnested_{at}" for at in range(len(found))]
    lists = ", ".join(each.this.sql(dialect=Spark4) for each in found)
    view = exp.Lateral(
        this=sqlglot.parse_one(f"inline(arrays_zip({lists}))", read=Spark4),
        view=True,
        alias=exp.TableAlias(
            this=exp.to_identifier("unnested"),
            columns=[exp.to_identifier(name) for name in names],
        ),
    )
    for each, name in zip(found, names, strict=True):
        each.replace(exp.column(name, table="unnested"))
    select.append("laterals", view)


def functions(query: exp.Expression) -> None:
    """What Spark calls otherwise."""
    for found in list(query.find_all(exp.Anonymous)):
        text = FUNCTIONS.get(found.name.lower())
        if text:
            found.replace(spark(text, *found.expressions))
    for found in list(query.find_all(exp.RegexpFullMatch)):
        ends = exp.Literal.string("^(?:"), exp.Literal.string(")\\z")
        whole = exp.Concat(expressions=[ends[0], found.expression, ends[1]])
        found.replace(exp.RegexpLike(this=found.this, expression=whole))
    for found in list(query.find_all(exp.Bracket)):
        part = found.expressions[0]
        if isinstance(part, exp.Slice):
            ends = part.this, part.expression
            found.replace(spark(FUNCTIONS["list_slice"], found.this, *ends))
    # size() of nothing is -1.
    for found in list(query.find_all(exp.ArraySize)):
        found.replace(exp.Anonymous(this="array_size", expressions=[found.this]))
    # What can fail in it is tried by itself.
    for found in list(query.find_all(exp.Try)):
        found.replace(found.this)


def floating_literals(query: exp.Expression) -> None:
    """0.5 is a decimal to both engines, but only Spark divides and adds it as one."""
    for found in list(query.find_all(exp.Literal)):
        if not found.is_string and not found.is_int:
            found.replace(exp.cast(found.copy(), "double"))


def signed_bits(query: exp.Expression) -> None:
    """Spark has no unsigned numbers; 64 bits are 64 bits."""
    for found in query.find_all(exp.DataType):
        if found.this == exp.DataType.Type.UBIGINT:
            found.set("this", exp.DataType.Type.BIGINT)


def long_ranks(query: exp.Expression) -> None:
    """Ranks have 64 bits in DuckDB and 32 in Spark."""
    for found in list(query.find_all(exp.Window)):
        if isinstance(found.this, exp.RowNumber | exp.Rank | exp.DenseRank):
            found.replace(exp.cast(found.copy(), "bigint"))


def plain_ctes(query: exp.Expression) -> None:
    """Whether a step is kept is left to Spark."""
    for found in query.find_all(exp.CTE):
        found.set("materialized", None)


def typed(query: exp.Expression, types: Mapping[str, str]) -> exp.Expression:
    """The query with each column of the type that is declared."""
    names = query.named_selects
    columns = [
        exp.alias_(
            exp.cast(
                exp.column(name), TYPES.get(types[name], types[name]), dialect="duckdb"
            )
            if name in types
            else exp.column(name),
            name,
        )
        for name in names
    ]
    return exp.select(*columns).from_(query.subquery("typed"))
