"""Where: what can be said of countries, one definition of education at a time."""

from __future__ import annotations

from markupsafe import Markup

from report.charts import Chart
from report.kit import draw
from report.parts import (
    Choice,
    Figure,
    Row,
    Section,
    Slice,
    count,
    listed,
    sentence,
)
from report.questions import where_beside, where_over_windows
from report.reading import Warehouse

SHOWN_COUNTRIES = 30
# Complete: every country that publishes a use case publishes all that it has.
DEFAULT = "coursework"
# The one definition that is summed over a country's tasks, and the caveat on that.
VISIBLE_TASKS = "soc25_visible"
THIN_LISTS = "country_coverage"

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

    select education.*, definition_title, definition_note, sort_order, range_kind,
        above_count, below_count, above_geo_ids, named_share_pct, left_out_pct,
        case geo_level when 'global' then 'All places'
            else education.geo_name end as title,
        concat_ws(
            ', ',
            case when education.is_anomalous then 'anomalous traffic' end,
            case when education.is_below_threshold then 'under 200 conversations' end,
            case status when 'none_visible' then 'no task visible'
                when 'suppressed' then 'folded into the rest'
                when 'not_published' then 'not published'
                when 'contradicted' then 'the file contradicts itself here' end
        ) as flags,
        row_number() over (
            partition by release_id, platform, window_start_date, definition, geo_level
            order by usage_pct desc nulls last, geo_id
        ) as size_rank
    from marts.fct_country_education as education
    inner join marts.dim_education_definitions using (definition)
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
    order by sort_order, geo_level <> 'global', share_pct desc nulls last,
        bound_high_pct desc nulls last, geo_id
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


def answer(warehouse: Warehouse) -> Section:
    """Countries under each definition and sample, over windows, and what agrees."""
    section = Section(
        "where",
        "Where: what can be said of countries?",
        Markup(
            "Country figures describe people who already use Claude.ai, not adoption. "
            "Education has several definitions here, and they do not rank "
            "countries alike. Two countries have an order only where their ranges do "
            "not touch."
        ),
        answer=Markup("Country figures are not in this copy."),
    )
    rows = warehouse.rows(COUNTRIES)
    groups: dict[tuple[str, Slice], list[Row]] = {}
    for each, own in warehouse.by_slice(rows).items():
        for row in own:
            groups.setdefault((row["definition"], each), []).append(row)
    agreement = warehouse.rows(where_beside.AGREEMENT)
    agreed = warehouse.by_slice(agreement)
    shown = {key: own for key, own in groups.items() if _has_countries(own)}
    for (definition, each), own in shown.items():
        figure = _ranking(warehouse, definition, each, own)
        figure.notes += where_beside.agreed(definition, agreed.get(each, []))
        section.figures.append(figure)
    section.figures += where_over_windows.figures(warehouse, shown)
    # The default first; the rest in the order of the definitions.
    order = {row["definition"]: row["sort_order"] for row in rows} | {DEFAULT: 0}
    section.figures.sort(key=lambda figure: order[figure.choice.definition])
    for figure in section.figures:
        figure.caveats = [
            row
            for row in figure.caveats
            if row["assumption_id"] != THIN_LISTS
            or figure.choice.definition == VISIBLE_TASKS
        ]
    section.absent = _absent(warehouse, groups, shown)
    section.figures += where_beside.attributes(warehouse)
    section.tables = [
        *where_beside.agreement(agreement),
        *where_beside.usage(warehouse),
    ]
    return section


def _has_countries(rows: list[Row]) -> bool:
    """True where the sample publishes the definition for any country."""
    return any(
        row["geo_level"] == "country" and row["share_pct"] is not None for row in rows
    )


def _ranking(
    warehouse: Warehouse, definition: str, each: Slice, rows: list[Row]
) -> Figure:
    """All countries by share, below the figure of all places from the same source."""
    title = rows[0]["definition_title"]
    countries = [row for row in rows if row["geo_level"] == "country"]
    whole = next((r for r in rows if r["geo_level"] == "global"), None)
    reference = whole["share_pct"] if whole else None
    unflagged = [row for row in countries if not row["flags"]]
    firm = max(rows, key=lambda row: row["above_count"] or 0)
    published = [row for row in countries if row["share_pct"] is not None]
    text = "{0.where}, {1} of {2} countries publish a figure: {3}."
    parts = [sentence(text, each, len(published), len(countries), title)]
    if reference is not None:
        parts.append(sentence("All places, same source: {:%}.", reference))
    if firm["above_count"]:
        text = (
            "{title} ({share_pct:%}) lies wholly above {above_count:n} of the {0} "
            "other countries without a flag."
        )
        if firm["range_kind"] == "rounding":
            text = (
                "The highest is {title} ({share_pct:%}); without counts nobody knows "
                "how much of the order is chance."
            )
        parts.append(sentence(text, len(unflagged) - 1, of=firm))
    else:
        parts.append(Markup("No two countries are apart: there is no order."))
    notes = [
        sentence("{}: {}.", title, rows[0]["definition_note"]),
        sentence(
            "With a star: flagged, and in no comparison ({} of {} countries).",
            len(countries) - len(unflagged),
            len(countries),
        ),
    ]
    if reference is None:
        notes.append(Markup("The figure of all places is not in this copy."))
    if firm["range_kind"]:
        notes.append(Markup(PAIRS[firm["range_kind"]]))
    columns = "geo_name geo_id flags status above_count below_count above_geo_ids"
    if any(row["left_out_pct"] for row in countries):
        columns += " named_share_pct left_out_pct"
    bases = [row["base_conversation_count"] for row in countries]
    counted = [base for base in bases if base is not None]
    figure = draw(
        warehouse,
        f"countries-{definition}-{each.slug}".replace("_", "-"),
        f"{title} by country: {each.label}",
        Markup(" ").join(parts),
        "fct_country_education",
        Chart(
            "geo_id",
            {row["geo_id"]: row["title"] + " *" * bool(row["flags"]) for row in rows},
            f"{title}, share of the place's conversations",
            reference=reference,
        ),
        rows,
        columns,
        notes=notes,
        base=f"{each.label}: each country's own conversations, "
        + (
            f"from {count(min(counted))} to {count(max(counted))} {each.unit}"
            if counted
            else "whose number the release does not publish"
        ),
        touched=("is_anomalous", "is_below_threshold"),
    )
    figure.choice = Choice(definition, title, each.slug, each.label)
    # What the search of the page reads: a place per row of the chart, and which to
    # show before anybody searches.
    figure.panels[0]["usermeta"] = {
        "places": [
            {
                "id": row["geo_id"],
                "code": row["country_code_alpha3"] or "",
                "title": row["title"],
                "first": row["geo_level"] == "global"
                or row["size_rank"] <= SHOWN_COUNTRIES,
            }
            for row in rows
        ]
    }
    return figure


def _absent(
    warehouse: Warehouse,
    groups: dict[tuple[str, Slice], list[Row]],
    shown: dict[tuple[str, Slice], list[Row]],
) -> list[Markup]:
    """A sentence per sample on the definitions that it lacks, and why."""
    texts, without = [], []
    for each in warehouse.slices:
        own = {key[0]: rows for key, rows in groups.items() if key[1] == each}
        countries = [
            row
            for rows in own.values()
            for row in rows
            if row["geo_level"] == "country"
        ]
        if not countries:
            without.append(each.label)
            continue
        lacking = [name for name in own if (name, each) not in shown]
        if lacking:
            titles = listed(own[name][0]["definition_title"] for name in lacking)
            text = "{}: no country figures in this copy for {}."
            texts.append(sentence(text, each.label, titles))
    if without:
        texts.append(sentence("No countries: {}.", Markup("; ").join(without)))
    return texts
