-- grain: soc_major_group
-- why: the titles of the SOC major groups that the marts name by code
select
    soc_major_group,
    group_title
from {{ ref('soc_major_groups') }}
