-- grain: figure, estimator
-- why: the definitions behind a key of the marts, as rows beside them
select
    figure,
    estimator,
    estimator_title,
    definition,
    facet,
    is_preferred,
    sort_order
from {{ ref('estimators') }}
