-- grain: mart
-- why: two builds of the same files and code agree here; an edited file does not
select
    mart,
    row_count,
    content_hash
from {{ source('validation', 'build_marts') }}
