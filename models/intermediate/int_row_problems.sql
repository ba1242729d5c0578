{{ config(materialized='view') }}
-- grain: relative_path, row_number
-- why: what the checks of each family say of a row, in one shape; a further family is
--      one more branch
select * from {{ ref('stg_aei__row_problems') }}
union all by name
select * from {{ ref('stg_aei__flat_problems') }}
union all by name
select * from {{ ref('stg_aei__monthly_problems') }}
