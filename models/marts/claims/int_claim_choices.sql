{{ config(materialized='view') }}
-- grain: claim_id, specification_id
-- why: what a claim leaves open to choose, as rows: the possible specifications,
--      whatever the loaded files can answer
with

claims as (

    select
        *,
        comparison_kind not in ('level', 'rank') as is_comparison,
        -- A rank rests on the same choices as what is ranked.
        replace(figure, '_rank', '') as ranked_figure,
        coalesce(threshold_value, case unit when 'ratio' then 1 else 0 end)
            as threshold
    from {{ ref('claims') }}

),

choices as (

    select * from {{ ref('specification_choices') }}

),

-- What may be chosen, of what a claim leaves open.
final as (

    select
        claims.* exclude (estimator),
        rules.choice as allocation_rule,
        estimators.choice as estimator,
        baselines.choice as baseline,
        treatments.choice as residual_treatment,
        omissions.choice as task_omission,
        concat_ws(
            ' / ',
            rules.choice, estimators.choice, baselines.choice, treatments.choice,
            omissions.choice
        ) as specification_id,
        coalesce(baselines.choice, claims.comparison_scope, claims.scope)
            as other_scope,
        estimators.preference as estimator_preference,
        rules.preference = min(rules.preference) over claim
        and coalesce(baselines.preference = min(baselines.preference) over claim, true)
        and treatments.preference = min(treatments.preference) over claim
        and omissions.preference = min(omissions.preference) over claim
            as is_otherwise_preferred
    from claims
    left join {{ ref('scopes') }} as scopes using (scope)
    inner join choices as rules
        on
            rules.dimension = 'allocation_rule'
            -- A group of occupations is no row of scopes and depends on the rule.
            and coalesce(scopes.depends_on_rule, true)
            = (rules.choice <> 'not_applicable')
    inner join choices as estimators
        on
            estimators.dimension = 'estimator'
            and claims.ranked_figure = estimators.figure
            and coalesce(claims.estimator = estimators.choice, true)
            and coalesce(claims.scope = estimators.only_scope, true)
    left join choices as baselines
        on
            baselines.dimension = 'baseline'
            and claims.comparison_scope = 'baseline'
    inner join choices as treatments
        on
            treatments.dimension = 'residual_treatment'
            and (
                estimators.has_residual_treatments
                or treatments.choice = 'published'
            )
    inner join choices as omissions
        on
            omissions.dimension = 'task_omission'
            and (estimators.allows_task_omission or omissions.choice = 'none')
    window claim as (partition by claims.claim_id)

)

select * from final -- noqa: AM04
