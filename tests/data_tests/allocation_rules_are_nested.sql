-- For education, everywhere: exclusive <= lowest_code, equal_split <= any_holder.
with

shares as (

    select
        release_id,
        platform,
        window_start_date,
        geo_level,
        geo_id,
        share_base,
        scope,
        max(conversation_count) filter (where allocation_rule = 'any_holder')
            as any_holder_count,
        max(conversation_count) filter (where allocation_rule = 'equal_split')
            as equal_split_count,
        max(conversation_count) filter (where allocation_rule = 'lowest_code')
            as lowest_code_count,
        max(conversation_count) filter (where allocation_rule = 'exclusive')
            as exclusive_count
    from {{ ref('fct_education_shares') }}
    where scope = 'education'
    group by all

)

select
    *,
    'exclusive <= lowest_code and equal_split <= any_holder' as sentence
from shares
where
    coalesce(exclusive_count, 0) > coalesce(lowest_code_count, 0) + 1e-6
    or coalesce(exclusive_count, 0) > coalesce(equal_split_count, 0) + 1e-6
    or coalesce(lowest_code_count, 0) > coalesce(any_holder_count, 0) + 1e-6
    or coalesce(equal_split_count, 0) > coalesce(any_holder_count, 0) + 1e-6
