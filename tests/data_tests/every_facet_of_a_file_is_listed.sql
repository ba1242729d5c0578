{{ config(severity='warn') }}
-- A facet that the seed facet_sets does not know would be counted as never published.
select
    release_id,
    platform,
    facet,
    geo_level,
    'add the facet to seeds/reference/facet_sets.csv' as sentence
from {{ ref('fct_cell_coverage') }}
where status = 'in_copy_not_listed'
