"""Where: what can be said of countries, one definition of education at a time."""

from __future__ import annotations

from markupsafe import Markup

from report.charts import Chart
from report.kit import draw
from report.parts import Question, Row, Sample, sentence
from report.reading import Warehouse

# Places and flags are those of the mart itself; which pairs are apart too.
COUNTRIES = """
    with higher as (
        select release_id, platform, window_start_date, definition,
            higher_geo_id as geo_id, any_value(range_kind) as range_kind,
            count(*) as above_count,
            string_agg(lower_geo_id, ' ' order by lower_geo_id) as above_geo_ids
        from marts.fct_country_comparisons
        group by all
    ),

    lower as (
        select release_id, platform, window_start_date, definition,
            lower_geo_id as geo_id, count(*) as below_count
        from marts.fct_country_comparisons
        group by all
    ),

    named as (
        select release_id, platform, window_start_date, geo_level, geo_id,
            category as definition, share_pct as named_share_pct, left_out_pct
        from marts.fct_facet_shares
        where facet = 'use_case' and share_base = 'named_labels'
    )

    select education.*, definition_title, definition_note, range_kind,
        above_count, below_count, above_geo_ids, named_share_pct, left_out_pct,
        usage_pct, per_capita_index,
        concat_ws(
            ', ',
            case when education.is_anomalous then 'anomalous traffic' end,
            case when education.is_below_threshold then 'under 200 conversations' end,
            case status when 'none_visible' then 'no task visible'
                when 'suppressed' then 'folded into the rest'
                when 'not_published' then 'not published'
                when 'contradicted' then 'the file contradicts itself here' end
        ) as flags,
        case when geo_level = 'global' then 'All places'
            when flags = '' then education.geo_name
            else education.geo_name || ' *' end as row,
        geo_level = 'global' or 30 >= row_number() over (
            partition by release_id, platform, window_start_date, definition, geo_level
            order by usage_pct desc nulls last, geo_id
        ) as is_large,
        case geo_level when 'global' then '' else education.geo_name end as place
    from marts.fct_country_education as education
    inner join marts.dim_education_definitions as definitions using (definition)
    inner join marts.fct_place_usage as usage
        using (release_id, platform, window_start_date, geo_level, geo_id)
    left join higher
        using (release_id, platform, window_start_date, definition, geo_id)
    left join lower
        using (release_id, platform, window_start_date, definition, geo_id)
    left join named
        using (release_id, platform, window_start_date, geo_level, geo_id, definition)
    where geo_level in ('country', 'global')
        and not education.is_residual and not is_unpublished_remainder
    qualify max(case when geo_level = 'country' then share_pct end) over (
        partition by release_id, platform, window_start_date, definition
    ) is not null
    order by definition <> 'coursework', definitions.sort_order,
        geo_level <> 'global', share_pct desc nulls last,
        bound_high_pct desc nulls last, geo_id
"""
# One place: every definition that it has, by window.
WINDOWS = """
    select education.*, definition_title as panel, education.geo_name as place
    from marts.fct_country_education as education
    inner join marts.dim_education_definitions as definitions using (definition)
    inner join marts.fct_place_usage as usage
        using (release_id, platform, window_start_date, geo_level, geo_id)
    where geo_level = 'country'
        and not education.is_residual and not is_unpublished_remainder
    qualify count(share_pct) over (partition by platform, geo_id, definition) > 0
    order by max(usage_pct) over (partition by geo_id) desc nulls last, geo_id,
        window_start_date, definition <> 'coursework', definitions.sort_order
"""
ATTRIBUTES = """
    select attributes.*, label_title as row,
        case attributes.facet when 'use_case' then 'Use cases'
            when 'task_success' then 'Success' else 'Patterns' end as panel,
        case geo_level when 'global' then 'All places'
            else attributes.geo_name end as place
    from marts.fct_country_attributes as attributes
    inner join marts.dim_facet_labels as labels on label = category
        and attributes.facet = labels.facet and label_kind = 'named'
    inner join marts.fct_place_usage
        using (release_id, platform, window_start_date, geo_level, geo_id)
    where geo_level in ('country', 'global') and scope = 'all_with_pseudo'
        and not attributes.is_residual and geo_id <> 'unpublished'
    qualify bool_or(geo_level = 'country') over (
        partition by release_id, platform, window_start_date
    )
    order by panel desc, geo_level <> 'global', usage_pct desc nulls last, geo_id,
        labels.sort_order
"""
AGREEMENT = """
    select agreement.*,
        coalesce(a.definition_title, definition_a) || ' / '
            || coalesce(b.definition_title, definition_b) as row
    from marts.fct_definition_agreement as agreement
    left join marts.dim_education_definitions as a on a.definition = definition_a
    left join marts.dim_education_definitions as b on b.definition = definition_b
    order by definition_a, definition_b
"""
CHANCE = (
    "Many pairs at 95% each hold some that are apart by chance: read one with care."
)
PAIRS = {
    "suppression_and_sampling": "A range here holds what is folded or unseen, and the "
    "sampling error of both ends. " + CHANCE,
    "suppression": "Counts per million give no sampling error: a range here holds what "
    "is folded or unseen alone, and a complete figure has no order.",
    "rounding": "The release publishes no counts: a range here holds rounding alone, "
    "and what the table lists as wholly above is so but for sampling error.",
}
ABSENT = "this copy has no such figures of countries"
BASE = "each place's own conversations"


def answer(warehouse: Warehouse) -> Question:
    """Countries under each definition and sample, over windows, and what agrees."""
    notes = warehouse.words(
        "dim_education_definitions", "definition_title, definition_note"
    )
    return Question(
        "where",
        "Where: what can be said of countries?",
        Markup(
            "Country figures describe people who already use Claude.ai, not adoption. "
            "Education has several definitions here, and they do not rank "
            "countries alike. Two countries have an order only where their ranges do "
            "not touch."
        ),
        [
            draw(
                warehouse,
                "countries",
                "Education by country",
                "fct_country_education",
                COUNTRIES,
                Chart("Share of the place's conversations"),
                _ranking,
                absent=ABSENT,
                picks={"definition_title": "Definition of education"},
                is_read_by_pick=True,
                base=BASE,
                notes=[
                    Markup(
                        "With a star: flagged, and in no comparison. Shown first: the "
                        "thirty countries with the most use."
                    ),
                    *(sentence("<b>{}</b>: {}.", *each) for each in notes.items()),
                ],
            ),
            draw(
                warehouse,
                "country-windows",
                "One country, window by window",
                "fct_country_education",
                WINDOWS,
                Chart("Share of the place's conversations"),
                lambda sample, rows: sentence(
                    "{0.platform_title}: two windows are two measurements, and the "
                    "difference between them is no trend.",
                    sample,
                ),
                absent=ABSENT,
                of="platform",
                picks={"place": "Country"},
                base=BASE,
            ),
            draw(
                warehouse,
                "country-attributes",
                "Use cases and patterns of one country, of all its use",
                "fct_country_attributes",
                ATTRIBUTES,
                Chart("Share of the place's conversations"),
                lambda sample, rows: sentence(
                    "{0.where}, {1} places publish them; where one folds a label away, "
                    "the band shows what it can be.",
                    sample,
                    len({row["place"] for row in rows}),
                ),
                absent=ABSENT,
                picks={"place": "Country"},
                base=BASE,
            ),
            draw(
                warehouse,
                "definition-agreement",
                "Do the definitions rank countries alike?",
                "fct_definition_agreement",
                AGREEMENT,
                Chart("Spearman's rank correlation", "rank_correlation", ""),
                _agreed,
                absent=ABSENT,
                base="the countries that have both definitions",
            ),
        ],
    )


def _ranking(sample: Sample, rows: list[Row]) -> Markup:
    countries = [row for row in rows if row["geo_level"] == "country"]
    published = [row for row in countries if row["share_pct"] is not None]
    firm = max(rows, key=lambda row: row["above_count"] or 0)
    parts = [
        sentence(
            "{0.where}, {1} of {2} countries publish a figure ({3}).",
            sample,
            len(published),
            len(countries),
            rows[0]["definition_title"].lower(),
        )
    ]
    parts += [
        sentence("All places: {share_pct:%}.", of=row)
        for row in rows
        if row["geo_level"] == "global"
    ]
    if not firm["above_count"]:
        parts.append(Markup("No two countries are apart: there is no order."))
    else:
        text = (
            "{geo_name} ({share_pct:%}) lies wholly above {above_count:n} others. {}"
            if firm["range_kind"] != "rounding"
            else "The highest is {geo_name} ({share_pct:%}). {}"
        )
        parts.append(sentence(text, PAIRS[firm["range_kind"]], of=firm))
    return Markup(" ").join(parts)


def _agreed(sample: Sample, rows: list[Row]) -> Markup:
    pairs = [row for row in rows if row["rank_correlation"] is not None]
    if not pairs:
        return sentence("{0.where}, no two definitions can be compared.", sample)
    return sentence(
        "{0.where}, least alike over {country_count:n} countries: {row}, rank "
        "correlation {rank_correlation:2}; furthest apart: "
        "{most_disagreeing_countries}.",
        sample,
        of=min(pairs, key=lambda row: row["rank_correlation"]),
    )
