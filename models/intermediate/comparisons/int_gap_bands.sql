{{ config(materialized='view') }}
-- grain: sample_id, allocation_rule, scope, other_sample_id, other_allocation_rule,
--        other_scope, figure, estimator, category
-- why: the band of a gap, whichever of its sides one begins with
with

gap_bands as (

    select
        pairs.*,
        gaps.* exclude (pair_number)
    from {{ ref('int_decomposition_uncertainty') }} as gaps
    inner join {{ ref('int_comparison_pairs') }} as pairs using (pair_number)

),

final as (

    select
        figure,
        estimator,
        category,
        sample_id,
        allocation_rule,
        scope,
        baseline_sample_id as other_sample_id,
        baseline_allocation_rule as other_allocation_rule,
        baseline_scope as other_scope,
        gap_uncertainty_low as uncertainty_low,
        gap_uncertainty_high as uncertainty_high
    from gap_bands
    union all by name
    select
        figure,
        estimator,
        category,
        baseline_sample_id as sample_id,
        baseline_allocation_rule as allocation_rule,
        baseline_scope as scope,
        sample_id as other_sample_id,
        allocation_rule as other_allocation_rule,
        scope as other_scope,
        -gap_uncertainty_high as uncertainty_low,
        -gap_uncertainty_low as uncertainty_high
    from gap_bands

)

select * from final
