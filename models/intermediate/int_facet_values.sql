{{ config(materialized='view') }}
-- grain: relative_path, row_number
-- why: the one door behind staging: each family of files as typed rows in one shape,
--      with what the checks say of a row; a further family is one more branch
with

long_values as (

    select * from {{ ref('stg_aei__facet_values') }}

),

row_problems as (

    select * from {{ ref('stg_aei__row_problems') }}

),

final as (

    select
        long_values.sample_id,
        long_values.geo_level,
        long_values.geo_id,
        long_values.facet,
        long_values.base_facet,
        long_values.attribute_facet,
        long_values.level,
        long_values.cluster_name,
        long_values.base_cluster_name,
        long_values.category,
        long_values.measure,
        long_values.value,
        long_values.value_text,
        long_values.relative_path,
        long_values.row_number,
        row_problems.check_name,
        row_problems.check_name is null or row_problems.is_usable as is_usable
    from long_values
    left join row_problems
        on
            long_values.relative_path = row_problems.relative_path
            and long_values.row_number = row_problems.row_number

)

select * from final
