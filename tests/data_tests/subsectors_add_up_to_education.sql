-- The five subsectors are education cut in five, under every rule.
select
    release_id,
    platform,
    geo_level,
    geo_id,
    allocation_rule,
    share_base,
    sum(conversation_count) filter (where scope = 'education') as education_count,
    sum(conversation_count) filter (where scope <> 'education') as subsector_count,
    'the five subsectors should sum to education' as sentence
from {{ ref('fct_education_shares') }}
group by
    release_id, platform, window_start_date, geo_level, geo_id, allocation_rule,
    share_base
having
    abs(
        coalesce(sum(conversation_count) filter (where scope = 'education'), 0)
        - coalesce(sum(conversation_count) filter (where scope <> 'education'), 0)
    ) > 1e-6
