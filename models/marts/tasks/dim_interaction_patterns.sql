-- grain: pattern
-- why: the definitions behind a key of the marts, as rows beside them
with

interaction_patterns as (

    select * from {{ ref('interaction_patterns') }}

),

final as (

    select
        pattern,
        pattern_title,
        meaning,
        mode,
        is_named_pattern,
        sort_order,
        source
    from interaction_patterns

)

select * from final
