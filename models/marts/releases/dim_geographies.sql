-- grain: geo_level, geo_id
-- why: a code can mean a country and a state; names, population and known anomalies
with

samples as (

    select * from {{ ref('int_samples') }}

),

geographies as (

    select
        geography_totals.geo_level,
        geography_totals.geo_id,
        bool_or(geography_totals.is_residual) as is_unclassified,
        bool_and(samples.is_simulated) as is_simulated
    from {{ ref('int_geography_totals') }} as geography_totals
    inner join samples using (sample_id)
    group by geography_totals.geo_level, geography_totals.geo_id

),

flags as (

    select
        geographies.geo_level,
        geographies.geo_id,
        string_agg(anomalies.release_id, ', ' order by anomalies.release_id)
            as anomalous_release_ids,
        string_agg(anomalies.reason, '; ' order by anomalies.release_id)
            as anomaly_reason,
        string_agg(anomalies.source, '; ' order by anomalies.release_id)
            as anomaly_source
    from geographies
    inner join {{ ref('anomalous_geographies') }} as anomalies
        on
            geographies.geo_level = anomalies.geo_level
            and geographies.geo_id = anomalies.geo_id
            and anomalies.release_id in (
                select samples.release_id from samples
            )
    group by geographies.geo_level, geographies.geo_id

),

final as (

    select
        geographies.geo_level,
        geographies.geo_id,
        case
            when geographies.geo_level = 'global' then 'All geographies'
            when geographies.geo_id = 'NONE' then 'No geography stated'
            when geographies.geo_id = 'unpublished' then 'In no published country'
            when geographies.geo_id = 'not_classified' then 'Not classified'
            when geographies.geo_id like '%-not_classified'
                then
                    'Not classified, ' || split_part(geographies.geo_id, '-', 1)
            when geographies.geo_level = 'country'
                then coalesce(countries.country_name, geographies.geo_id)
            else geographies.geo_id
        end as geo_name,
        case
            when geographies.geo_level = 'country' then countries.country_alpha_3_code
        end
            as country_alpha_3_code,
        case
            when
                geographies.geo_level = 'country' and countries.country_code is not null
                then geographies.geo_id
            when geographies.geo_level = 'region' and geographies.geo_id like '__-%'
                then substr(geographies.geo_id, 1, 2)
            -- The first release has the states of one country, by their postal codes.
            when geographies.geo_level = 'region' and length(geographies.geo_id) = 2
                then 'US'
        end as country_code,
        case when geographies.geo_level = 'country' then countries.population_year end
            as population_year,
        case
            when geographies.geo_level = 'country'
                then countries.working_age_population_count
        end as working_age_population_count,
        flags.geo_id is not null as is_anomalous,
        flags.anomalous_release_ids,
        flags.anomaly_reason,
        flags.anomaly_source,
        geographies.is_unclassified,
        geographies.is_simulated
    from geographies
    left join {{ ref('int_countries') }} as countries
        on geographies.geo_id = countries.country_code
    left join flags using (geo_level, geo_id)

)

select * from final
