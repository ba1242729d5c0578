-- grain: pattern
-- why: what a pattern means, beside its label
with

labels as (

    select * from {{ ref('facet_labels') }}
    where facet = 'collaboration'

),

final as (

    select
        labels.label as pattern,
        labels.label_title as pattern_title,
        meanings.meaning,
        meanings.mode,
        labels.label_kind = 'named' as is_named_pattern,
        labels.sort_order,
        meanings.source
    from labels
    inner join {{ ref('interaction_patterns') }} as meanings
        on labels.label = meanings.pattern

)

select * from final
