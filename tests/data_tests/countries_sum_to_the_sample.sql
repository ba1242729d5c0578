{{ config(severity='warn') }}
-- Published countries, with those of no country, are the sample cut by country. What
-- they leave open is the row `unpublished`; a reader should know when it is there.
select
    release_id,
    platform,
    conversation_count as unpublished_count,
    base_conversation_count as sample_count,
    share_pct as unpublished_pct,
    'the published countries should sum to the sample' as sentence
from {{ ref('fct_facet_shares') }}
where geo_id = 'unpublished'
