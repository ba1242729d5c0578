-- The baseline non_education is what education leaves of the named tasks.
with

scope_totals as (

    select
        release_id,
        platform,
        allocation_rule,
        scope,
        sum(conversation_count) as conversation_count
    from {{ ref('int_scope_tasks') }}
    where scope in ('education', 'non_education', 'all_named')
    group by release_id, platform, allocation_rule, scope

)

select
    release_id,
    platform,
    allocation_rule,
    sum(conversation_count) filter (where scope <> 'all_named') as parts_count,
    sum(conversation_count) filter (where scope = 'all_named') as all_named_count,
    'education and non_education should sum to all_named' as sentence
from scope_totals
group by release_id, platform, allocation_rule
having
    abs(
        coalesce(sum(conversation_count) filter (where scope <> 'all_named'), 0)
        - coalesce(sum(conversation_count) filter (where scope = 'all_named'), 0)
    ) > 1e-6
