-- grain: comparison, release_id, platform, window_start_date, allocation_rule, scope,
--        figure, estimator, category
-- why: education against its baselines, subsectors against each other, a release
--      against the one before: how much of a gap is composition
with

decompositions as (

    select * from {{ ref('int_decompositions') }}
    where comparison_kind in ('scope', 'release')

),

samples as (

    select * from {{ ref('int_samples') }}

),

final as (

    select
        split.comparison,
        split.comparison_kind,
        split.unit_kind,
        samples.release_id,
        samples.platform,
        samples.window_start_date,
        split.allocation_rule,
        split.scope,
        baseline_samples.release_id as baseline_release_id,
        baseline_samples.window_start_date as baseline_window_start_date,
        split.baseline_scope,
        split.figure,
        split.estimator,
        split.category,
        split.share_pct,
        split.baseline_share_pct,
        split.shared_pct,
        split.baseline_shared_pct,
        split.at_baseline_weights_pct,
        split.baseline_at_weights_pct,
        split.gap_pct_points,
        split.oaxaca_blinder_composition_at_baseline_rates,
        split.oaxaca_blinder_within_at_own_weights,
        split.oaxaca_blinder_composition_at_own_rates,
        split.oaxaca_blinder_within_at_baseline_weights,
        split.kitagawa_composition,
        split.kitagawa_within,
        split.own_tasks_only,
        split.baseline_tasks_only,
        split.task_count,
        split.baseline_task_count,
        split.shared_unit_count,
        split.shared_task_count,
        split.baseline_shared_task_count,
        split.shared_conversations_pct,
        split.baseline_shared_conversations_pct,
        {{ decomposition_ranges() }},
        split.status,
        split.missing_facet,
        comparisons.caveat,
        samples.is_simulated
    from decompositions as split
    inner join {{ ref('comparisons') }} as comparisons using (comparison)
    left join {{ ref('int_decomposition_uncertainty') }} as uncertainty
        using (pair_number, figure, estimator, category)
    inner join samples using (sample_id)
    inner join samples as baseline_samples
        on split.baseline_sample_id = baseline_samples.sample_id

)

select * from final
