-- grain: release_id, platform, window_start_date, geo_level, geo_id
-- why: how much of the use is a place's, and how much that is per person of working
--      age: a share of use and use per person are never one figure
with

geography_totals as (

    select * from {{ ref('int_geography_totals') }}

),

usage_shares as (

    select * from {{ ref('int_place_shares') }}
    where facet_kind = 'geography_total'

),

published_indices as (

    select
        sample_id,
        geo_level,
        geo_id,
        per_capita_index
    from {{ ref('int_facet_cells') }}
    where per_capita_index is not null and is_usable

),

geographies as (

    select * from {{ ref('dim_geographies') }}

),

-- Countries with a known population alone: their shares of use and of people.
per_person as (

    select
        geography_totals.sample_id,
        geography_totals.geo_id,
        geography_totals.conversation_count
        / nullif(
            {{ exact_sum(
                'geography_totals.conversation_count', 'over sample_countries'
            ) }},
            0
        )
        / nullif(
            geographies.working_age_population_count
            / sum(geographies.working_age_population_count) over sample_countries,
            0
        ) as per_capita_index
    from geography_totals
    inner join geographies using (geo_level, geo_id)
    where
        geography_totals.geo_level = 'country'
        and geographies.working_age_population_count is not null
    window sample_countries as (partition by geography_totals.sample_id)

),

final as (

    select
        samples.release_id,
        samples.platform,
        samples.window_start_date,
        geography_totals.geo_level,
        geography_totals.geo_id,
        geographies.country_alpha_3_code as country_code_alpha3,
        geographies.geo_name,
        {{ if_counted('geography_totals.conversation_count') }} as conversation_count,
        usage_shares.base_conversation_count,
        usage_shares.share_pct as usage_pct,
        usage_shares.bound_low_pct,
        usage_shares.bound_high_pct,
        geographies.working_age_population_count,
        geographies.population_year,
        per_person.per_capita_index,
        published_indices.per_capita_index as published_per_capita_index,
        geography_totals.is_below_threshold,
        geography_totals.is_anomalous,
        geography_totals.is_residual,
        samples.is_simulated
    from geography_totals
    inner join {{ ref('int_samples') }} as samples using (sample_id)
    inner join geographies using (geo_level, geo_id)
    left join usage_shares using (sample_id, geo_level, geo_id)
    left join per_person
        on
            geography_totals.sample_id = per_person.sample_id
            and geography_totals.geo_level = 'country'
            and geography_totals.geo_id = per_person.geo_id
    left join published_indices using (sample_id, geo_level, geo_id)

)

select * from final
