"""How much of the use is education, by which definition."""

from __future__ import annotations

from markupsafe import Markup

from report.charts import Chart
from report.kit import draw, glossary, only
from report.parts import Question, Row, Sample, sentence
from report.reading import RULE, Warehouse

SHARES = """
    select shares.*, rule_title as row,
        case share_base when 'named_tasks' then 'Of those with a named task'
            else 'Of all conversations' end as series,
        min(share_pct) over one_sample as lowest_pct,
        max(share_pct) over one_sample as highest_pct
    from marts.fct_education_shares as shares
    inner join marts.dim_allocation_rules using (allocation_rule)
    where geo_level = 'global' and scope = 'education'
        and allocation_rule <> 'not_applicable'
    window one_sample as (partition by release_id, platform, window_start_date)
    order by sort_order, share_base
"""
GROUPS = f"""
    with shares as (
        select *, count(*) over (
                partition by release_id, platform, window_start_date
            ) as visible_count
        from marts.fct_occupation_group_shares
        where allocation_rule in ('{RULE}', 'published')
            and share_base = 'all_conversations' and share_pct is not null
    )

    select shares.*,
        coalesce(group_title, 'Group ' || shares.soc_major_group) as row
    from shares
    left join marts.dim_occupation_groups as groups using (soc_major_group)
    order by share_rank, soc_major_group
"""


def answer(warehouse: Warehouse) -> Question:
    """The education share under each rule and base, and the rank among the groups."""
    rules = warehouse.words(
        "dim_allocation_rules",
        "rule_title, definition",
        "allocation_rule <> 'not_applicable'",
    )
    return Question(
        "how-much",
        "How much of the use is education, by which definition?",
        sentence(
            "Education is a definition, not a constant. A classifier gave each "
            "conversation a task of the US list of occupations (O*NET); a task counts "
            "as education when its occupations are educational ones (SOC group 25). "
            "Rules say which tasks those are, two bases of what the share is. {}",
            glossary(rules),
        ),
        [
            draw(
                warehouse,
                "education-share",
                "Education share, by rule and base",
                "fct_education_shares",
                SHARES,
                Chart("Share of the base that is education"),
                _share,
                facet="onet_task",
            ),
            draw(
                warehouse,
                "occupation-groups",
                "Education among the occupation groups",
                "fct_occupation_group_shares",
                GROUPS,
                Chart("Share of all conversations"),
                _rank,
                facet="onet_task",
                notes=[
                    Markup(
                        "A task of several groups counts in each, and the shares sum "
                        "to more than 100%. A rank is only as firm as the gaps between "
                        "the bands."
                    )
                ],
            ),
        ],
    )


def _share(sample: Sample, rows: list[Row]) -> Markup:
    wide = only(rows, allocation_rule=RULE, share_base="all_conversations")
    known = [row for row in rows if row["share_pct"] is not None]
    if not known:
        return sentence("{0.where}, education is not visible.", sample)
    if wide["share_pct"] is None:
        return sentence(
            "{0.where}, the release itself gives {share_pct:%} to education.",
            sample,
            of=known[0],
        )
    counts = "{conversation_count:n} of {base_conversation_count:n} {0.unit}"
    share = "{share_pct:%} of {0.unit}"
    return sentence(
        "{0.where}, "
        + (share if wide["conversation_count"] is None else f"{counts} ({share[:13]})")
        + " carry an education task under the widest rule"
        + (
            "; if all unseen ones did too, it would be {bound_high_pct:%}"
            if wide["bound_high_pct"] is not None
            else ""
        )
        + ". Over rules and bases the visible share runs from {lowest_pct:%} to "
        "{highest_pct:%}.",
        sample,
        of=wide,
    )


def _rank(sample: Sample, rows: list[Row]) -> Markup:
    education = only(rows, soc_major_group="25")
    if education["share_pct"] is None:
        return sentence("{0.where}, education is not visible.", sample)
    text = "{0.where}, education is at place {share_rank:n} of {visible_count} visible "
    text += "groups with {share_pct:%}"
    if education["rank_low"] is not None:
        text += ", between places {rank_low:n} and {rank_high:n} by its uncertainty"
    return sentence(text + ".", sample, of=education)
