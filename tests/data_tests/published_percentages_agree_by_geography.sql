{{ config(severity='warn') }}
-- The loader stops on percentages that contradict their counts where the layout is
-- known from real files; for other cells a difference is shown, not fatal.
select
    release_id,
    platform,
    geo_level,
    geo_id,
    facet,
    level,
    category,
    share_pct,
    published_pct,
    'count / base should be the published percentage' as sentence
from {{ ref('fct_facet_shares') }}
where abs(share_pct - published_pct) > 0.01
