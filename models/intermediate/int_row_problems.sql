{{ config(materialized='view') }}
-- grain: relative_path, row_number
-- why: what the checks of each family say of a row, in one shape; a further family is
--      one more branch
{%- set columns %}
    sample_id, relative_path, row_number, check_name, column_name, observed, expected,
    is_usable
{%- endset %}
select {{ columns }}
from {{ ref('stg_aei__row_problems') }}
union all
select {{ columns }}
from {{ ref('stg_aei__flat_problems') }}
union all
select {{ columns }}
from {{ ref('stg_aei__monthly_problems') }}
