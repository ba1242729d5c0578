-- grain: scope
-- why: the definitions behind a key of the marts, as rows beside them
with

scopes as (

    select * from {{ ref('scopes') }}

),

final as (

    select
        scope,
        scope_title,
        scope_kind,
        soc_major_group,
        education_subsector,
        includes_pseudo_tasks,
        is_both_platforms_only,
        scope_note
    from scopes

)

select * from final
