"""UNION BY NAME as a union by position, which every engine and reader knows."""

from __future__ import annotations

from sqlglot import exp


def selects_of(query: exp.Expression) -> list[exp.Select]:
    """The selects that a set operation puts together, in order."""
    if isinstance(query, exp.SetOperation):
        return selects_of(query.left) + selects_of(query.right)
    return [query.unnest()] if isinstance(query, exp.Subquery) else [query]


def put_in_order(query: exp.Expression) -> bool:
    """Make each UNION BY NAME one by position; says whether there was any.

    Columns that a part lacks are NULL there. The query must be qualified: a star has no
    names.
    """
    found = False
    for union in list(query.find_all(exp.SetOperation)):
        if not union.args.get("by_name") or isinstance(union.parent, exp.SetOperation):
            continue
        found = True
        selects = selects_of(union)
        names = list(
            dict.fromkeys(name for part in selects for name in part.named_selects)
        )
        for part in selects:
            by_name = {column.alias_or_name: column for column in part.selects}
            part.set(
                "expressions",
                [by_name.get(name) or exp.alias_(exp.null(), name) for name in names],
            )
        for operation in (union, *union.find_all(exp.SetOperation)):
            operation.set("by_name", False)
    return found
