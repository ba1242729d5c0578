-- grain: release_id, window_start_date, allocation_rule, scope, figure, estimator,
--        category
-- why: the API beside Claude.ai at equal task weights: how much of the gap is that
--      other tasks are brought there, how much that the same tasks go another way
with

decompositions as (

    select * from {{ ref('int_decompositions') }}
    where comparison_kind = 'platform'

),

final as (

    select
        samples.release_id,
        samples.window_start_date,
        split.allocation_rule,
        split.scope,
        split.figure,
        split.estimator,
        split.category,
        split.baseline_share_pct as claude_ai_pct,
        split.share_pct as api_pct,
        split.baseline_shared_pct as claude_ai_shared_pct,
        split.shared_pct as api_shared_pct,
        split.at_baseline_weights_pct as api_at_claude_ai_weights_pct,
        split.baseline_at_weights_pct as claude_ai_at_api_weights_pct,
        split.gap_pct_points,
        split.oaxaca_blinder_composition_at_baseline_rates
            as oaxaca_blinder_composition_at_claude_ai_rates,
        split.oaxaca_blinder_within_at_own_weights
            as oaxaca_blinder_within_at_api_weights,
        split.oaxaca_blinder_composition_at_own_rates
            as oaxaca_blinder_composition_at_api_rates,
        split.oaxaca_blinder_within_at_baseline_weights
            as oaxaca_blinder_within_at_claude_ai_weights,
        split.kitagawa_composition,
        split.kitagawa_within,
        split.baseline_tasks_only as claude_ai_tasks_only,
        split.own_tasks_only as api_tasks_only,
        split.baseline_task_count as claude_ai_task_count,
        split.task_count as api_task_count,
        split.shared_task_count,
        split.baseline_shared_conversations_pct as claude_ai_shared_conversations_pct,
        split.shared_conversations_pct as api_shared_conversations_pct,
        {{ decomposition_ranges() }},
        split.status,
        split.missing_facet,
        comparisons.caveat,
        samples.is_simulated
    from decompositions as split
    inner join {{ ref('comparisons') }} as comparisons using (comparison)
    left join {{ ref('int_decomposition_uncertainty') }} as uncertainty
        using (pair_number, figure, estimator, category)
    inner join {{ ref('int_samples') }} as samples using (sample_id)

)

select * from final
