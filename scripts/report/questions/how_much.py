"""How much of the use is education, by which definition."""

from __future__ import annotations

from functools import partial

from markupsafe import Markup

from report.charts import Chart
from report.kit import BASES, BOUND_UNSEEN, draw, only, per_slice
from report.parts import Figure, Row, Section, Slice, counted, sentence, share
from report.warehouse import RULE, Warehouse

SHARES = """
    select shares.*,
        min(share_pct) over definitions as lowest_share_pct,
        max(share_pct) over definitions as highest_share_pct
    from marts.fct_education_shares as shares
    where geo_level = 'global' and scope = 'education'
    window definitions as (partition by release_id, platform)
    order by all
"""
RULES = """
    select {}
    from marts.dim_allocation_rules
    where allocation_rule <> 'not_applicable'
    order by sort_order
"""
GROUPS = """
    select shares.*, groups.group_title,
        count(shares.share_pct) over groups_of_slice as visible_count,
        (
            select count(*)
            from marts.fct_occupation_group_shares as other
            where other.release_id = shares.release_id
                and other.platform = shares.platform
                and other.allocation_rule = shares.allocation_rule
                and other.share_base = shares.share_base
                and other.soc_major_group <> shares.soc_major_group
                and other.share_pct is not null
                and other.bound_low_pct <= shares.bound_high_pct
                and other.bound_high_pct >= shares.bound_low_pct
        ) as overlap_count
    from marts.fct_occupation_group_shares as shares
    left join marts.dim_occupation_groups as groups using (soc_major_group)
    where shares.allocation_rule = ? and shares.share_base = 'all_conversations'
    window groups_of_slice as (partition by shares.release_id, shares.platform)
    order by shares.share_rank nulls last, shares.soc_major_group
"""


def answer(warehouse: Warehouse) -> Section:
    """The education share under each rule and base, and the rank among the groups."""
    rows = warehouse.rows(SHARES)
    main = next(iter(warehouse.by_slice(rows)), warehouse.slices[0])
    wide = only(
        rows,
        release_id=main.release_id,
        platform=main.platform,
        allocation_rule=RULE,
        share_base="all_conversations",
    )
    if wide["share_pct"] is None:
        reading = sentence("{}, no education task is visible.", main.where)
    else:
        reading = sentence(
            "{}, {} of {} {} ({}) carry an education task under the widest rule; "
            "if all unseen ones did too, it would be {}. "
            "Over the four rules and two bases the visible share runs from {} to {}.",
            main.where,
            counted(wide["conversation_count"]),
            counted(wide["base_conversation_count"]),
            main.unit,
            share(wide["share_pct"]),
            share(wide["bound_high_pct"]),
            share(wide["lowest_share_pct"]),
            share(wide["highest_share_pct"]),
        )
    section = Section(
        "how-much",
        "How much of the use is education, by which definition?",
        sentence(
            "Education is a definition, not a constant. A classifier gave each "
            "conversation a task of the O*NET list; a task counts as education when "
            "its occupations lie in SOC group 25. Four rules say which tasks those "
            "are, two bases say of what the share is taken. {}",
            warehouse.glossary(RULES.format("rule_title, definition")),
        ),
        answer=reading,
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
                warehouse.titles(RULES.format("allocation_rule, rule_title")),
                "Share of the base that is education",
                "share_base",
                BASES,
            ),
            rows,
            (
                "allocation_rule",
                "share_base",
                "task_count",
                "unseen_conversation_count",
            ),
            caption="Education share by release, platform, rule and base",
            bound=BOUND_UNSEEN,
        )
        section.figures.append(figure)
    groups = warehouse.rows(GROUPS, RULE)
    section.figures += per_slice(warehouse, groups, partial(_groups, warehouse))
    return section


def _groups(warehouse: Warehouse, each: Slice, rows: list[Row]) -> Figure:
    """All occupation groups of one slice, so that a rank has its others beside it."""
    education = only(rows, soc_major_group="25")
    if education["share_pct"] is None:
        reading = sentence("{}, education is not among the visible groups.", each.where)
    else:
        reading = sentence(
            "{}, education (group 25) stands at place {} of {} visible groups with {}; "
            "its range overlaps with that of {} other {}.",
            each.where,
            counted(education["share_rank"]),
            education["visible_count"],
            share(education["share_pct"]),
            education["overlap_count"],
            "group" if education["overlap_count"] == 1 else "groups",
        )
    return draw(
        warehouse,
        f"occupation-groups-{each.slug}",
        f"Education among the occupation groups: {each.label}",
        reading,
        "fct_occupation_group_shares",
        Chart(
            "soc_major_group",
            {
                row["soc_major_group"]: f"{row['soc_major_group']} "
                f"{row['group_title'] or 'Group without a title'}"
                for row in rows
                if row["share_pct"] is not None
            },
            f"Share of all conversations, rule {RULE}",
        ),
        rows,
        ("share_rank", "soc_major_group", "group_title", "task_count"),
        caption=f"Occupation groups, {each.label}",
        bound=BOUND_UNSEEN,
        notes=[
            Markup(
                "Under this rule groups overlap: a task of several groups counts in "
                "each, and the shares sum to more than 100%. A rank is only as firm as "
                "the gaps between the bands."
            )
        ],
    )
