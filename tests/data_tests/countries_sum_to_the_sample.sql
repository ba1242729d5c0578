-- Country totals, with those of no country, are the sample cut by country.
with

countries as (

    select
        release_id,
        platform,
        sum(conversation_count) as country_count,
        count(*) as geography_count
    from {{ ref('fct_facet_shares') }}
    where facet = 'country'
    group by release_id, platform

)

select
    countries.*,
    releases.sample_count,
    'the countries should sum to the sample' as sentence
from countries
inner join {{ ref('dim_releases') }} as releases
    on
        countries.release_id = releases.release_id
        and countries.platform = releases.platform
where
    abs(countries.country_count - releases.sample_count)
    -- per-million counts may be rounded, each by half a unit
    > case
        when releases.count_basis = 'per_million' then countries.geography_count / 2.0
        else 0
    end
