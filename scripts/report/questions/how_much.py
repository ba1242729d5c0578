"""How much of the use is education, by which definition."""

from __future__ import annotations

from functools import partial

from markupsafe import Markup

from report.charts import Chart
from report.kit import BASES, draw, glossary, only, per_slice
from report.parts import Figure, Row, Section, Slice, sentence
from report.reading import RULE, Warehouse

SHARES = """
    select *,
        min(share_pct) over one_sample as lowest_share_pct,
        max(share_pct) over one_sample as highest_share_pct
    from marts.fct_education_shares
    where geo_level = 'global' and scope = 'education'
    window one_sample as (partition by release_id, platform, window_start_date)
    order by all
"""
GROUPS = f"""
    with shares as (
        select *, count(share_pct) over (
                partition by release_id, platform, window_start_date
            ) as visible_count
        from marts.fct_occupation_group_shares
        where allocation_rule = '{RULE}' and share_base = 'all_conversations'
    )

    select shares.*, groups.group_title,
        shares.soc_major_group || ' ' || coalesce(group_title, 'Group without a title')
            as label,
        (
            select count(*)
            from shares as other
            where other.release_id = shares.release_id
                and other.platform = shares.platform
                and other.window_start_date = shares.window_start_date
                and other.soc_major_group <> shares.soc_major_group
                and other.share_pct is not null
                and other.bound_low_pct <= shares.bound_high_pct
                and other.bound_high_pct >= shares.bound_low_pct
        ) as overlap_count
    from shares
    left join marts.dim_occupation_groups as groups using (soc_major_group)
    order by shares.share_rank nulls last, shares.soc_major_group
"""


def answer(warehouse: Warehouse) -> Section:
    """The education share under each rule and base, and the rank among the groups."""
    rows = warehouse.rows(SHARES)
    main, own = warehouse.newest(
        row for row in rows if row["conversation_count"] is not None
    )
    wide = only(own, allocation_rule=RULE, share_base="all_conversations")
    reading = sentence("{0.where}, no education task is visible.", main)
    if wide["share_pct"] is not None:
        reading = sentence(
            "{0.where}, {conversation_count:n} of {base_conversation_count:n} {0.unit} "
            "({share_pct:%}) carry an education task under the widest rule; if all "
            "unseen ones did too, it would be {bound_high_pct:%}. Over the four rules "
            "and two bases the visible share runs from {lowest_share_pct:%} to "
            "{highest_share_pct:%}.",
            main,
            of=wide,
        )
    has_rule = "allocation_rule <> 'not_applicable'"
    section = Section(
        "how-much",
        "How much of the use is education, by which definition?",
        sentence(
            "Education is a definition, not a constant. A classifier gave each "
            "conversation a task of the O*NET list; a task counts as education when "
            "its occupations lie in SOC group 25. Four rules say which tasks those "
            "are, two bases say of what the share is taken. {}",
            glossary(
                warehouse.words(
                    "dim_allocation_rules", "rule_title, definition", has_rule
                )
            ),
        ),
        answer=reading,
    )
    rules = warehouse.words(
        "dim_allocation_rules", "allocation_rule, rule_title", has_rule
    )
    if rows:
        figure = draw(
            warehouse,
            "education-share",
            "Education share under four rules and two bases",
            reading,
            "fct_education_shares",
            Chart(
                "allocation_rule",
                rules,
                "Share of the base that is education",
                "share_base",
                BASES,
            ),
            rows,
            "allocation_rule share_base task_count unseen_conversation_count",
        )
        section.figures.append(figure)
    groups = warehouse.rows(GROUPS)
    section.figures += per_slice(warehouse, groups, partial(_groups, warehouse))
    return section


def _groups(warehouse: Warehouse, each: Slice, rows: list[Row]) -> Figure:
    """All occupation groups of one slice, so that a rank has its others beside it."""
    education = only(rows, soc_major_group="25")
    reading = sentence("{0.where}, education is not among the visible groups.", each)
    if education["share_pct"] is not None:
        reading = sentence(
            "{0.where}, education (group 25) stands at place {share_rank:n} of "
            "{visible_count} visible groups with {share_pct:%}; its range overlaps "
            "with that of {overlap_count} other {groups}.",
            each,
            of=education,
            groups="group" if education["overlap_count"] == 1 else "groups",
        )
    shown = [row for row in rows if row["share_pct"] is not None]
    return draw(
        warehouse,
        f"occupation-groups-{each.slug}",
        f"Education among the occupation groups: {each.label}",
        reading,
        "fct_occupation_group_shares",
        Chart(
            "soc_major_group",
            {row["soc_major_group"]: row["label"] for row in shown},
            f"Share of all conversations, rule {RULE}",
        ),
        rows,
        "share_rank soc_major_group group_title task_count",
        notes=[
            Markup(
                "Under this rule groups overlap: a task of several groups counts in "
                "each, and the shares sum to more than 100%. A rank is only as firm as "
                "the gaps between the bands."
            )
        ],
    )
