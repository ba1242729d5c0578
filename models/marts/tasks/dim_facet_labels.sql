-- grain: facet, label
-- why: the labels of the facets with closed lists, with titles and order for every
--      page
select
    facet,
    label,
    label_title,
    label_kind,
    sort_order
from {{ ref('facet_labels') }}
