-- grain: mart, row_key, column_name
-- why: what moved since the warehouse that was published before, and of which cause
select
    mart,
    row_key,
    column_name,
    change_kind,
    change_reason,
    old_value,
    new_value
from {{ source('validation', 'figure_changes') }}
