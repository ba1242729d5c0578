"""Where: what can be said of countries."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from markupsafe import Markup

from report.charts import Chart
from report.kit import BOUND_UNSEEN, INTERVAL_WEEK, absence, draw, per_slice
from report.parts import Figure, Row, Section, Slice, count, counted, sentence, share
from report.warehouse import RULE, Warehouse

SHOWN_COUNTRIES = 30


@dataclass(frozen=True)
class Kind:
    """A figure of countries; what ranks them is their bound or their interval."""

    key: str
    title: str
    mart: str
    facet: str
    figures: str  # a query of the mart
    range: str  # bound or interval
    range_words: str
    touched: tuple[str, ...] = ("is_anomalous", "is_below_threshold")


KINDS = (
    Kind(
        "coursework",
        "Coursework",
        "fct_facet_shares",
        "use_case",
        """
        select *
        from marts.fct_facet_shares
        where facet = 'use_case' and category = 'coursework'
            and share_base = 'all_conversations'
        """,
        "interval",
        "95% intervals",
        ("is_anomalous", "is_below_threshold", "category"),
    ),
    Kind(
        "education",
        "Education tasks",
        "fct_education_shares",
        "onet_task",
        f"""
        select *
        from marts.fct_education_shares
        where scope = 'education' and allocation_rule = '{RULE}'
            and share_base = 'all_conversations'
        """,
        "bound",
        "bounds",
    ),
)
# A pair is separated when the range of one ends before that of the other begins. Only
# countries of one slice are compared, and none that is flagged.
COUNTRIES = """
    with figures as ({figures}),

    ranges as (
        select figures.*, geographies.geo_name,
            {range}_low_pct as range_low_pct, {range}_high_pct as range_high_pct,
            {range}_low_pct is not null and status <> 'contradicted'
                and not is_below_threshold and not figures.is_anomalous as is_ranked
        from figures
        inner join marts.dim_geographies as geographies using (geo_level, geo_id)
        where geo_level = 'country' and not geographies.is_unclassified
            and geo_id <> 'unpublished'
    ),

    pairs as (
        select one.release_id, one.platform, one.geo_id,
            count(*) filter (other.range_high_pct < one.range_low_pct) as above_count,
            count(*) filter (other.range_low_pct > one.range_high_pct) as below_count,
            count(*) as compared_count,
            string_agg(other.geo_id, ' ' order by other.geo_id)
                filter (other.range_high_pct < one.range_low_pct) as above_geo_ids
        from ranges as one
        inner join ranges as other
            on one.release_id = other.release_id
            and one.platform = other.platform
            and one.geo_id <> other.geo_id
        where one.is_ranked and other.is_ranked
        group by one.release_id, one.platform, one.geo_id
    )

    select ranges.*, above_count, below_count, compared_count, above_geo_ids,
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
    from ranges
    left join pairs using (release_id, platform, geo_id)
    window slice as (partition by release_id, platform)
    order by base_conversation_count desc, geo_id
"""


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
        sql = COUNTRIES.format(figures=kind.figures, range=kind.range)
        rows = warehouse.rows(sql)
        section.absent += absence(warehouse, kind.facet, rows, "country")
        section.figures += per_slice(warehouse, rows, partial(_figure, warehouse, kind))
    if any(each.platform == "1p_api" for each in warehouse.slices):
        section.absent.append(Markup("The API has no geography."))
    return section


def _figure(warehouse: Warehouse, kind: Kind, each: Slice, rows: list[Row]) -> Figure:
    """Countries with their ranges; the table says which pairs are separated."""
    firm = max(rows, key=lambda row: row["above_count"] or 0)
    if not firm["above_count"]:
        reading = sentence(
            "{}, the {} separate none of the {} pairs of countries: no ranking.",
            each.where,
            kind.range_words,
            counted(firm["pair_count"]),
        )
    else:
        reading = sentence(
            "{}, the {} separate {} of {} pairs of countries; {} ({}) lies wholly "
            "above {} of the {} others that can be ranked.",
            each.where,
            kind.range_words,
            counted(firm["separated_count"]),
            counted(firm["pair_count"]),
            firm["geo_name"] or firm["geo_id"],
            share(firm["share_pct"]),
            counted(firm["above_count"]),
            counted(firm["compared_count"]),
        )
    shown = [row for row in rows if row["size_rank"] <= SHOWN_COUNTRIES]
    shown.sort(key=lambda row: (row["share_pct"] is None, -(row["share_pct"] or 0)))
    notes = [
        sentence(
            "The chart shows the {} of {} countries with the most conversations, the "
            "table all. With a star: not ranked ({} countries: anomalous traffic, "
            "too small, or no share).",
            len(shown),
            len(rows),
            len(rows) - firm["ranked_count"],
        )
    ]
    if kind.range == "interval":
        notes.append(
            Markup(
                "So many pairs at 95% each will hold some that are apart by chance: "
                "read a single pair with care."
            )
        )
    bases = [row["base_conversation_count"] or 0 for row in rows]
    return draw(
        warehouse,
        f"countries-{kind.key}-{each.slug}",
        f"{kind.title} by country: {each.label}",
        reading,
        kind.mart,
        Chart(
            "geo_id",
            {
                row["geo_id"]: (row["geo_name"] or row["geo_id"])
                + ("" if row["is_ranked"] else " *")
                for row in shown
            },
            f"{kind.title}, share of the country's conversations",
        ),
        rows,
        (
            "geo_name",
            "geo_id",
            "above_count",
            "below_count",
            "compared_count",
            "above_geo_ids",
            "flags",
        ),
        caption=f"{kind.title} by country, {each.label}: which pairs are separated",
        bound=BOUND_UNSEEN if kind.range == "bound" else "",
        interval=INTERVAL_WEEK if kind.range == "interval" else "",
        notes=notes,
        base=f"{each.label}: each country's own conversations, from "
        f"{count(min(bases))} to {count(max(bases))} {each.unit}",
        touched=kind.touched,
    )
