-- The baseline non_education is what education leaves of the named tasks.
with

scope_totals as (

    select
        sample_id,
        allocation_rule,
        scope,
        sum(conversation_count) as conversation_count
    from {{ ref('int_scope_tasks') }}
    where scope in ('education', 'non_education', 'all_named')
    group by sample_id, allocation_rule, scope

)

select
    parts.sample_id,
    parts.allocation_rule,
    sum(parts.conversation_count) as parts_count,
    any_value(whole.conversation_count) as all_named_count,
    'education and non_education should sum to all_named' as sentence
from scope_totals as parts
inner join scope_totals as whole
    on parts.sample_id = whole.sample_id and whole.scope = 'all_named'
where parts.scope <> 'all_named'
group by parts.sample_id, parts.allocation_rule
having abs(sum(parts.conversation_count) - any_value(whole.conversation_count)) > 1e-6
