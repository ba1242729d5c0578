{{ config(
    pre_hook=["{{ forget_rejected_rows('working_age_population') }}"],
    post_hook=[
        "{{ stop_on_rejected_rows('working_age_population') }}",
        "{{ stop_on_malformed_list('working_age_population') }}"
    ]
) }}
-- depends_on: {{ ref('input_checks') }}
-- depends_on: {{ ref('stg_aei__release_files') }}
with

source as (

    select * from {{ source('reference', 'working_age_population') }}

),

renamed as (

    -- Releases may each ship the list.
    select distinct
        country_code,
        try_cast(year as integer) as population_year,
        try_cast(working_age_pop as double) as working_age_population_count
    from source

)

select * from renamed
