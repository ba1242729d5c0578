{{ config(materialized='view') }}
-- grain: country_code
-- why: names and population of a country from two files that a copy may lack
select
    countries.country_code,
    countries.country_alpha_3_code,
    countries.country_name,
    populations.population_year,
    populations.working_age_population_count
from {{ ref('stg_reference__countries') }} as countries
left join {{ ref('stg_reference__populations') }} as populations using (country_code)
