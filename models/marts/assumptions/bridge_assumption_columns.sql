-- grain: assumption_id, mart, column_name
-- why: which caveats a figure carries, for pages and tools that show them beside it
select
    assumption_id,
    mart,
    column_name
from {{ ref('sampling_assumption_columns') }}
