"""What moved since the warehouse that was published before, by mart and key."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import duckdb

from warehouse.published import contents

TOLERANCE = 1e-9  # of numbers that agree, relative above 1
# What is another than before: the code, and the releases whose files are; "all" for
# files that every figure rests on.
CAUSES = """
    select
        (
            select
                (before.code_sha256, before.lock_sha256)
                is distinct from (now.code_sha256, now.lock_sha256)
            from old.marts.dim_build as before cross join validation.builds as now
        ) as has_other_code,
        (
            select coalesce(list(distinct if(file_role = 'raw', release_id, 'all')), [])
            from (
                (from old_files except from new_files)
                union all (from new_files except from old_files)
            )
        ) as releases
"""
CHANGE = (
    "{{'name': '{}', 'kind': '{}', 'was': cast({} as varchar), "
    "'is_now': cast({} as varchar)}}"
)
NUMBERS = re.compile(r"DOUBLE|FLOAT|DECIMAL.*|(TINY|SMALL|BIG|HUGE)?INT(EGER)?")
# They list what is not loaded too.
LISTS_OF_RELEASES = ("dim_releases", "dim_release_files")
FILES = """
    select file_role, release_id, relative_path, observed_sha256
    from {}marts.dim_release_files where is_loaded
"""


def write_changes(
    con: duckdb.DuckDBPyConnection,
    now: dict[str, tuple[int, str]],
    grains: Mapping[str, Sequence[str]],
) -> None:
    """Fill validation.figure_changes of the open work file from the marts whose content
    is another than in the file that is attached as old."""
    for name, source in (("old_files", "old."), ("new_files", "")):
        con.execute(f"create temp view {name} as {FILES.format(source)}")
    con.execute(f"create temp table causes as {CAUSES}")
    for mart, content in contents(con, "old").items():
        if now.get(mart, content) != content:
            old, new = (
                {name: kind for name, kind, *_ in con.execute(sql).fetchall()}
                for sql in (f"describe old.marts.{mart}", f"describe marts.{mart}")
            )
            if set(grains[mart]) <= set(old):
                sql = _changes(mart, grains[mart], old, new)
                con.execute(f"insert into validation.figure_changes {sql}")


def _changes(
    mart: str, grain: Sequence[str], old: dict[str, str], new: dict[str, str]
) -> str:
    """The query of what moved in a mart, whose columns have these types."""
    is_of_releases = "release_id" in new and mart not in LISTS_OF_RELEASES
    where = "where release_id in (select release_id from both_hold)"
    rows = f"select *, true as is_held from {{}}marts.{mart} {where * is_of_releases}"
    key = ", ".join(
        f"'{name} ' || coalesce(cast(coalesce(now.{name}, before.{name}) as varchar), "
        "'NULL')"
        for name in grain
    )
    same = " and ".join(
        f"before.{name} is not distinct from now.{name}" for name in grain
    )
    values = ", ".join(
        f"if({_differs(name, old[name], new[name])}, "
        + CHANGE.format(name, "value_changed", f"before.{name}", f"now.{name}")
        + ", null)"
        for name in new
        if name in old and name not in grain
    )
    release = "coalesce(now.release_id, before.release_id)"
    return f"""
        with both_hold as (
            select release_id from new_files intersect select release_id from old_files
        ), before as ({rows.format("old.")}), now as ({rows.format("")}), pairs as (
            select
                concat_ws(', ', {key}) as row_key,
                {release if is_of_releases else "null"} as release_id,
                case
                    when before.is_held is null
                        then [{CHANGE.format("*", "row_new", "null", "null")}]
                    when now.is_held is null
                        then [{CHANGE.format("*", "row_gone", "null", "null")}]
                    else [each for each in [{values}] if each is not null]
                end as changes
            from before full join now on {same}
        ), changes as (
            select row_key, release_id, unnest(changes) as change from pairs
        ), reasons as (
            select
                changes.*,
                causes.has_other_code,
                if(
                    release_id is null, len(causes.releases) > 0,
                    list_has_any(causes.releases, ['all', release_id])
                ) as has_other_data
            from changes cross join causes
        )

        select
            '{mart}', row_key, change.name, change.kind,
            case
                when has_other_code and has_other_data then 'other_data_and_code'
                when has_other_data then 'other_data'
                when has_other_code then 'other_code'
                else 'unknown'
            end,
            change.was, change.is_now
        from reasons
    """


def _differs(name: str, old: str, new: str) -> str:
    """Whether a column of a pair of rows differs; numbers agree within a tolerance."""
    if NUMBERS.fullmatch(old) and NUMBERS.fullmatch(new):
        return (
            f"not coalesce(abs(before.{name} - now.{name}) <= {TOLERANCE} * "
            f"greatest(1, abs(now.{name})), "
            f"before.{name} is null and now.{name} is null)"
        )
    texts = (f"cast({side}.{name} as varchar)" for side in ("before", "now"))
    return " is distinct from ".join(texts)
