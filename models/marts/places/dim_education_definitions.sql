-- grain: definition
-- why: four readings of "education in a place", as rows beside the figures
select
    definition,
    definition_title,
    definition_note,
    facet,
    sort_order
from {{ ref('education_definitions') }}
