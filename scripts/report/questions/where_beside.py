"""What stands beside the countries' figures: use, patterns, how definitions agree."""

from __future__ import annotations

from markupsafe import Markup

from report.charts import Chart
from report.kit import draw, table
from report.parts import Figure, Row, Table, sentence
from report.reading import Warehouse

USAGE = """
    select *
    from marts.fct_place_usage
    where geo_level = 'country' and not is_residual and geo_id <> 'unpublished'
    order by usage_pct desc nulls last, geo_id
"""
ATTRIBUTES = """
    select attributes.*, label_title, usage_pct,
        case geo_level when 'global' then 'All places'
            else attributes.geo_name end as title
    from marts.fct_country_attributes as attributes
    inner join marts.dim_facet_labels on label = category
        and attributes.facet = dim_facet_labels.facet and label_kind = 'named'
    inner join marts.fct_place_usage
        using (release_id, platform, window_start_date, geo_level, geo_id)
    where geo_level in ('country', 'global') and scope = 'all_with_pseudo'
        and not attributes.is_residual and geo_id <> 'unpublished'
    order by geo_level <> 'global', usage_pct desc nulls last, geo_id, sort_order
"""
AGREEMENT = """
    select agreement.*,
        coalesce(a.definition_title, definition_a) as title_a,
        coalesce(b.definition_title, definition_b) as title_b
    from marts.fct_definition_agreement as agreement
    left join marts.dim_education_definitions as a on a.definition = definition_a
    left join marts.dim_education_definitions as b on b.definition = definition_b
    order by definition_a, definition_b
"""
FACETS = {"use_case": "Use cases", "collaboration": "Patterns"}
SMALL_MULTIPLES = 12


def attributes(warehouse: Warehouse) -> list[Figure]:
    """Use cases and patterns of the countries with the most use, a panel per label."""
    rows = warehouse.rows(ATTRIBUTES)
    drawn = []
    for facet, title in FACETS.items():
        each, own = warehouse.newest(row for row in rows if row["facet"] == facet)
        if not own:
            continue
        by_use = dict.fromkeys(
            row["geo_id"] for row in own if row["geo_level"] == "country"
        )
        countries = set(list(by_use)[:SMALL_MULTIPLES])
        own = [
            row
            for row in own
            if row["geo_level"] == "global" or row["geo_id"] in countries
        ]
        panels: dict[str, list[Row]] = {}
        for row in own:
            panels.setdefault(row["label_title"], []).append(row)
        folded = {row["geo_id"] for row in own if row["folded_label_count"]}
        text = "{0.where}, each of the {2} countries with the most use publishes all."
        if folded & countries:
            text = (
                "{0.where}, {1} of the {2} countries with the most use fold a label "
                "away: there the band shows what it can be."
            )
        drawn.append(
            draw(
                warehouse,
                f"countries-{facet}-{each.slug}".replace("_", "-"),
                f"{title} by country: {each.label}",
                sentence(text, each, len(folded & countries), len(countries)),
                "fct_country_attributes",
                Chart(
                    "geo_id",
                    {row["geo_id"]: row["title"] for row in own},
                    "Share of the place's conversations",
                ),
                own,
                "geo_name geo_id category status",
                panels=panels,
                base=""
                if own[0]["base_conversation_count"]
                else "each place's own "
                "conversations, whose number the release does not publish",
                notes=[Markup("All other countries are in the mart.")],
            )
        )
    return drawn


def agreed(definition: str, rows: list[Row]) -> list[Markup]:
    """How far the other definitions of the sample rank its countries as this one."""
    text = (
        "{0} and {1} rank {country_count:n} countries that have both with a rank "
        "correlation of {rank_correlation:2}; furthest apart (with both ranks): "
        "{most_disagreeing_countries}."
    )
    return [
        sentence(text, row["title_a"], row["title_b"], of=row)
        for row in rows
        if definition in (row["definition_a"], row["definition_b"])
        and row["rank_correlation"] is not None
    ]


def agreement(rows: list[Row]) -> list[Table]:
    """How far two definitions rank countries alike, per sample."""
    columns = "window_start_date definition_a definition_b country_count "
    columns += "rank_correlation mean_difference_pct most_disagreeing_countries"
    caption = "Do the definitions rank countries alike? Spearman's rank correlation"
    mart = "fct_definition_agreement"
    return [table(caption, rows, columns, has_slice=True, mart=mart)] if rows else []


def usage(warehouse: Warehouse) -> list[Table]:
    """Share of use beside use per person of working age, the newest sample."""
    each, rows = warehouse.newest(warehouse.rows(USAGE))
    if not rows:
        return []
    columns = "geo_name geo_id usage_pct per_capita_index published_per_capita_index "
    columns += "working_age_population_count"
    caption = f"Share of use is not use per person: {each.label}"
    return [table(caption, rows, columns, mart="fct_place_usage")]
