-- grain: soc_major_group
-- why: the titles of the SOC major groups that the marts name by code
with

soc_major_groups as (

    select * from {{ ref('soc_major_groups') }}

),

final as (

    select
        soc_major_group,
        group_title
    from soc_major_groups

)

select * from final
