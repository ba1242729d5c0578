-- grain: allocation_rule
-- why: the definitions behind a key of the marts, as rows beside them
with

allocation_rules as (

    select * from {{ ref('allocation_rules') }}

),

final as (

    select
        allocation_rule,
        rule_title,
        definition,
        source
    from allocation_rules

)

select * from final
