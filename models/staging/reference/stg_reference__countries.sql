{{ config(
    pre_hook=["{{ forget_rejected_rows('iso_country_codes') }}"],
    post_hook=[
        "{{ stop_on_rejected_rows('iso_country_codes') }}",
        "{{ stop_on_malformed_list('iso_country_codes') }}"
    ]
) }}
-- depends_on: {{ ref('input_checks') }}
-- depends_on: {{ ref('stg_aei__release_files') }}
with

source as (

    select * from {{ source('reference', 'iso_country_codes') }}

),

renamed as (

    select
        iso_alpha_2 as country_code,
        any_value(iso_alpha_3) as country_alpha_3_code,
        any_value(country_name) as country_name
    from source
    -- A build that mixes real and simulated files has two lists.
    group by iso_alpha_2

)

select * from renamed
