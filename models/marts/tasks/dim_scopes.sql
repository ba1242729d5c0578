-- grain: scope
-- why: the definitions behind a key of the marts, as rows beside them
select
    scope,
    scope_title,
    scope_kind,
    soc_major_group,
    education_subsector,
    includes_pseudo_tasks,
    is_both_platforms_only,
    depends_on_rule,
    sort_order,
    scope_note
from {{ ref('scopes') }}
