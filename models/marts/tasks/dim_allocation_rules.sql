-- grain: allocation_rule
-- why: the definitions behind a key of the marts, as rows beside them
select
    allocation_rule,
    rule_title,
    definition,
    allocates_tasks,
    is_fractional,
    sort_order,
    source
from {{ ref('allocation_rules') }}
