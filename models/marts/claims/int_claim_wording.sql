{{ config(materialized='view') }}
-- grain: claim_id
-- why: the preferred choices of a claim in words, and the smallest sets of choices that
--      turn its answer
with

specifications as (

    select * from {{ ref('int_claim_specifications') }}

),

preferred as (

    select * from specifications
    where is_preferred

),

dimensions (dimension, dimension_order, dimension_title) as (

    values
    ('allocation_rule', 1, 'which tasks count'),
    ('estimator', 2, 'how shares are taken'),
    ('baseline', 3, 'what it is compared with'),
    ('residual_treatment', 4, 'how hidden conversations are counted'),
    ('task_omission', 5, 'one large task')

),

-- The choices of a specification, one row each.
chosen as (

    select
        claim_id,
        specification_id,
        ranked_figure,
        baseline,
        unnest([
            'allocation_rule', 'estimator', 'baseline', 'residual_treatment',
            'task_omission'
        ]) as dimension,
        unnest([
            allocation_rule, estimator, baseline, residual_treatment,
            task_omission
        ]) as choice
    from specifications

),

phrased as (

    select
        chosen.*,
        -- Each side and each part of a ranking stands without its own largest task.
        choices.phrase
        || case
            when chosen.choice <> 'largest' or chosen.baseline <> 'none' then ''
            when claims.comparison_kind = 'rank' then ' of each part'
            when claims.comparison_kind <> 'level' then ' on each side'
            else ''
        end as phrase,
        choices.reason,
        dimensions.dimension_title,
        dimensions.dimension_order,
        choices.preference
    from chosen
    inner join {{ ref('specification_choices') }} as choices
        on
            chosen.dimension = choices.dimension
            and chosen.choice = choices.choice
            and coalesce(chosen.ranked_figure = choices.figure, true)
    inner join dimensions on chosen.dimension = dimensions.dimension
    inner join {{ ref('claims') }} as claims using (claim_id)

),

preferred_phrases as (

    select
        phrased.claim_id,
        string_agg(phrased.phrase, '; ' order by phrased.dimension_order)
            as preferred_specification,
        string_agg(
            phrased.phrase || ' because ' || phrased.reason, '; '
            order by phrased.dimension_order
        ) filter (where phrased.reason is not null) as preferred_reason
    from phrased
    inner join preferred using (claim_id, specification_id)
    group by phrased.claim_id

),

-- By itself, else every two choices of a claim are compared first.
preferred_choices as materialized (

    select
        claim_id,
        chosen.dimension,
        chosen.choice,
        preferred.holds
    from chosen
    inner join preferred using (claim_id, specification_id)

),

-- Where a specification answers otherwise than the preferred one, what differs.
flips as (

    select
        phrased.claim_id,
        phrased.specification_id,
        count(*) as choice_count,
        string_agg(phrased.phrase, ' and ' order by phrased.dimension_order) as phrase,
        list(phrased.dimension_title order by phrased.dimension_order) as titles,
        list(
            100 * phrased.dimension_order + phrased.preference
            order by phrased.dimension_order
        ) as flip_order
    from phrased
    inner join specifications using (claim_id, specification_id)
    inner join preferred_choices using (claim_id, dimension)
    where
        specifications.holds <> preferred_choices.holds
        and phrased.choice <> preferred_choices.choice
    group by phrased.claim_id, phrased.specification_id

),

smallest_flips as (

    select * from flips
    qualify
        choice_count = min(choice_count) over (partition by claim_id)

),

flip_phrases as (

    select
        claim_id,
        list_slice(list(phrase order by flip_order), 1, 3) as phrases,
        list_sort(list_distinct(flatten(list(titles)))) as titles
    from smallest_flips
    group by claim_id

),

final as (

    select
        preferred_phrases.claim_id,
        preferred_phrases.preferred_specification,
        preferred_phrases.preferred_reason,
        array_to_string(flip_phrases.phrases, '; or when ') as flip_phrase,
        array_to_string(flip_phrases.titles, ', ') as flip_titles
    from preferred_phrases
    left join flip_phrases using (claim_id)

)

select * from final
