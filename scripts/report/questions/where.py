"""Where: what can be said of countries."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

from markupsafe import Markup

from report.charts import Chart
from report.kit import absence, draw, per_slice
from report.parts import Figure, Row, Section, Slice, count, sentence
from report.reading import RULE, Warehouse

SHOWN_COUNTRIES = 30


class Kind(NamedTuple):
    """A figure of countries: its rows, and what ranks them, bound or interval."""

    key: str
    title: str
    mart: str
    facet: str
    where: str
    range: str
    ranges: str


KINDS = (
    Kind(
        key="coursework",
        title="Coursework",
        mart="fct_facet_shares",
        facet="use_case",
        where="facet = 'use_case' and category = 'coursework'",
        range="interval",
        ranges="95% intervals",
    ),
    Kind(
        key="education",
        title="Education tasks",
        mart="fct_education_shares",
        facet="onet_task",
        where=f"scope = 'education' and allocation_rule = '{RULE}'",
        range="bound",
        ranges="bounds",
    ),
)
# A pair is separated when the range of one ends before that of the other begins. Only
# countries of one slice are compared, and none that is flagged.
COUNTRIES = """
    with figures as (
        select figures.*, geo_name, coalesce(geo_name, geo_id) as title,
            {range}_low_pct as range_low_pct, {range}_high_pct as range_high_pct,
            {range}_low_pct is not null and status <> 'contradicted'
                and not is_below_threshold and not figures.is_anomalous as is_ranked
        from marts.{mart} as figures
        inner join marts.dim_geographies as geographies using (geo_level, geo_id)
        where geo_level = 'country' and {where} and share_base = 'all_conversations'
            and not is_unclassified and geo_id <> 'unpublished'
    ),

    pairs as (
        select one.release_id, one.platform, one.geo_id,
            count(*) filter (other.range_high_pct < one.range_low_pct) as above_count,
            count(*) filter (other.range_low_pct > one.range_high_pct) as below_count,
            count(*) as compared_count,
            string_agg(other.geo_id, ' ' order by other.geo_id)
                filter (other.range_high_pct < one.range_low_pct) as above_geo_ids
        from figures as one
        inner join figures as other
            on one.release_id = other.release_id and one.platform = other.platform
            and one.geo_id <> other.geo_id
        where one.is_ranked and other.is_ranked
        group by one.release_id, one.platform, one.geo_id
    )

    select figures.*, above_count, below_count, compared_count, above_geo_ids,
        concat_ws(
            ', ',
            case when is_anomalous then 'anomalous traffic' end,
            case when is_below_threshold then 'too small to rank' end,
            case status when 'none_visible' then 'no task visible'
                when 'contradicted' then 'the file contradicts itself here' end
        ) as flags,
        sum(above_count) over slice as separated_count,
        count(compared_count) over slice as ranked_count,
        ranked_count * (ranked_count - 1) // 2 as pair_count,
        row_number() over (
            slice order by base_conversation_count desc nulls last, geo_id
        ) as size_rank
    from figures
    left join pairs using (release_id, platform, geo_id)
    window slice as (partition by release_id, platform)
    order by size_rank
"""
CHANCE = Markup(
    "So many pairs at 95% each will hold some that are apart by chance: read a single "
    "pair with care."
)


def answer(warehouse: Warehouse) -> Section:
    """Countries with ranges, and what can be ranked."""
    section = Section(
        "where",
        "Where: what can be said of countries?",
        Markup(
            "Country figures describe people who already use Claude.ai, not adoption. "
            "A country's task list is thin, so its education share is a range. Two "
            "countries are ranked only where their ranges do not touch; a list from "
            "first to last is not in the data."
        ),
        answer=Markup("Country figures are not in this copy."),
    )
    for kind in KINDS:
        rows = warehouse.rows(COUNTRIES.format(**kind._asdict()))
        section.absent += absence(warehouse, kind.facet, rows, "country")
        section.figures += per_slice(warehouse, rows, partial(_figure, warehouse, kind))
    if any(each.platform == "1p_api" for each in warehouse.slices):
        section.absent.append(Markup("The API has no geography."))
    return section


def _figure(warehouse: Warehouse, kind: Kind, each: Slice, rows: list[Row]) -> Figure:
    """Countries with their ranges; the table says which pairs are separated."""
    firm = max(rows, key=lambda row: row["above_count"] or 0)
    apart = (
        "{0.where}, the {1} separate {separated_count:n} of {pair_count:n} pairs of "
        "countries; {title} ({share_pct:%}) lies wholly above {above_count:n} of the "
        "{compared_count:n} others that can be ranked."
    )
    none = (
        "{0.where}, the {1} separate none of the {pair_count:n} pairs of countries: no "
        "ranking."
    )
    shown = [row for row in rows if row["size_rank"] <= SHOWN_COUNTRIES]
    shown.sort(key=lambda row: (row["share_pct"] is None, -(row["share_pct"] or 0)))
    note = sentence(
        "The chart shows the {} of {} countries with the most conversations, the table "
        "all. With a star: not ranked ({} countries: anomalous traffic, too small, or "
        "no share).",
        len(shown),
        len(rows),
        len(rows) - firm["ranked_count"],
    )
    bases = [row["base_conversation_count"] or 0 for row in rows]
    return draw(
        warehouse,
        f"countries-{kind.key}-{each.slug}",
        f"{kind.title} by country: {each.label}",
        sentence(apart if firm["above_count"] else none, each, kind.ranges, of=firm),
        kind.mart,
        Chart(
            "geo_id",
            {
                row["geo_id"]: row["title"] + ("" if row["is_ranked"] else " *")
                for row in shown
            },
            f"{kind.title}, share of the country's conversations",
        ),
        rows,
        "geo_name geo_id above_count below_count compared_count above_geo_ids flags",
        notes=[note, CHANCE] if kind.range == "interval" else [note],
        base=f"{each.label}: each country's own conversations, from "
        f"{count(min(bases))} to {count(max(bases))} {each.unit}",
        touched=("is_anomalous", "is_below_threshold", "category"),
    )
