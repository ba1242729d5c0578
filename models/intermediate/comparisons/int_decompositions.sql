-- grain: pair_number, figure, estimator, category
-- why: the gap between two sides, split into what their weights, their rates and the
--      units that only one of them has account for; the parts sum to the gap
{%- set means = [
    'sums.shared_pct', 'sums.baseline_shared_pct',
    'sums.at_baseline_weights_pct', 'sums.baseline_at_weights_pct'
] %}
with

figures as (

    select * from {{ ref('int_scope_figures') }}
    where label_kind = 'named' and status <> 'not_published'

),

samples as (

    select * from {{ ref('int_samples') }}

),

main_use_cases as (

    select distinct sample_id from {{ ref('int_task_main_use_cases') }}

),

missing_use_cases as (

    select
        sample_id,
        any_value(missing_facet) as missing_facet
    from figures
    where figure = 'use_case' and task_count is null
    group by sample_id

),

both_sides as (

    select
        pairs.*,
        new.figure,
        new.estimator,
        new.category,
        new.share_pct,
        new.bound_low_pct,
        new.bound_high_pct,
        new.scope_conversation_count,
        new.task_count,
        old.share_pct as baseline_share_pct,
        old.bound_low_pct as baseline_bound_low_pct,
        old.bound_high_pct as baseline_bound_high_pct,
        old.scope_conversation_count as baseline_scope_conversation_count,
        old.task_count as baseline_task_count,
        case
            when new.share_pct is null then new.status
            when old.share_pct is null then old.status
            when 'partial_copy' in (new.status, old.status) then 'partial_copy'
            else 'visible'
        end as sides_status,
        coalesce(new.missing_facet, old.missing_facet) as missing_facet,
        new.task_count is not null and old.task_count is not null as has_sums
    from {{ ref('int_comparison_pairs') }} as pairs
    inner join figures as new using (sample_id, allocation_rule, scope)
    inner join figures as old
        on
            pairs.baseline_sample_id = old.sample_id
            and pairs.baseline_allocation_rule = old.allocation_rule
            and pairs.baseline_scope = old.scope
            and new.figure = old.figure
            and new.estimator = old.estimator
            and new.category = old.category

),

-- Nothing is split where a side is not visible: an unknown rate is not zero.
parts as (

    select
        split.pair_number,
        split.comparison,
        split.comparison_kind,
        split.unit_kind,
        split.sample_id,
        split.baseline_sample_id,
        split.allocation_rule,
        split.scope,
        split.baseline_scope,
        split.figure,
        split.estimator,
        split.category,
        split.share_pct,
        split.baseline_share_pct,
        sums.shared_pct,
        sums.baseline_shared_pct,
        sums.at_baseline_weights_pct,
        sums.baseline_at_weights_pct,
        split.share_pct - split.baseline_share_pct as gap_pct_points,
        sums.baseline_at_weights_pct - sums.baseline_shared_pct
            as oaxaca_blinder_composition_at_baseline_rates,
        sums.shared_pct - sums.baseline_at_weights_pct
            as oaxaca_blinder_within_at_own_weights,
        sums.shared_pct - sums.at_baseline_weights_pct
            as oaxaca_blinder_composition_at_own_rates,
        sums.at_baseline_weights_pct - sums.baseline_shared_pct
            as oaxaca_blinder_within_at_baseline_weights,
        {{ kitagawa_composition(*means) }} as kitagawa_composition,
        {{ kitagawa_within(*means) }} as kitagawa_within,
        split.share_pct - sums.shared_pct as own_tasks_only,
        sums.baseline_shared_pct - split.baseline_share_pct as baseline_tasks_only,
        case when split.has_sums then coalesce(sums.shared_unit_count, 0) end
            as shared_unit_count,
        split.task_count,
        split.baseline_task_count,
        case when split.has_sums then coalesce(sums.shared_task_count, 0) end
            as shared_task_count,
        case when split.has_sums then coalesce(sums.baseline_shared_task_count, 0) end
            as baseline_shared_task_count,
        100 * coalesce(sums.shared_conversation_count, 0)
        / nullif(split.scope_conversation_count, 0) as shared_conversations_pct,
        100 * coalesce(sums.baseline_shared_conversation_count, 0)
        / nullif(split.baseline_scope_conversation_count, 0)
            as baseline_shared_conversations_pct,
        split.bound_low_pct - split.baseline_bound_high_pct as gap_bound_low,
        split.bound_high_pct - split.baseline_bound_low_pct as gap_bound_high,
        sums.composition_bound_low,
        sums.composition_bound_high,
        sums.within_bound_low,
        sums.within_bound_high,
        case
            when 'percent_only' in (samples.count_basis, baseline_samples.count_basis)
                then 'percent_only'
            when not split.has_sums then 'not_in_copy'
            when split.bound_low_pct is null then 'estimator'
        end as bound_missing_reason,
        case
            when split.sides_status <> 'visible' then split.sides_status
            when split.unit_kind = 'main_use_case' and main_use_cases.sample_id is null
                then 'no_use_cases'
            when sums.shared_unit_count is null then 'no_shared_tasks'
            else 'visible'
        end as status,
        split.missing_facet,
        missing_use_cases.missing_facet as missing_use_case_facet,
        case
            when split.sides_status <> 'visible' then split.sides_status
            when margins.gap_margin is null then 'too_few_tasks'
        end as interval_missing_reason,
        margins.effective_task_count,
        margins.gap_margin,
        margins.composition_margin,
        margins.within_margin
    from both_sides as split
    inner join samples using (sample_id)
    inner join samples as baseline_samples
        on split.baseline_sample_id = baseline_samples.sample_id
    left join main_use_cases using (sample_id)
    left join missing_use_cases using (sample_id)
    left join {{ ref('int_decomposition_sums') }} as sums
        on
            split.pair_number = sums.pair_number
            and split.figure = sums.figure
            and split.estimator = sums.estimator
            and split.category = sums.category
            and split.sides_status in ('visible', 'partial_copy')
    left join {{ ref('int_decomposition_margins') }} as margins
        on
            split.pair_number = margins.pair_number
            and split.figure = margins.figure
            and split.estimator = margins.estimator
            and split.category = margins.category
            and split.sides_status = 'visible'

),

final as (

    select
        * exclude (
            gap_margin, composition_margin, within_margin, missing_use_case_facet
        )
        replace (
            case
                when status = 'no_use_cases' then missing_use_case_facet
                else missing_facet
            end as missing_facet,
            case when bound_missing_reason is null then composition_bound_low end
                as composition_bound_low,
            case when bound_missing_reason is null then composition_bound_high end
                as composition_bound_high,
            case when bound_missing_reason is null then within_bound_low end
                as within_bound_low,
            case when bound_missing_reason is null then within_bound_high end
                as within_bound_high
        ),
        gap_pct_points - gap_margin as gap_interval_low,
        gap_pct_points + gap_margin as gap_interval_high,
        kitagawa_composition - composition_margin as composition_interval_low,
        kitagawa_composition + composition_margin as composition_interval_high,
        kitagawa_within - within_margin as within_interval_low,
        kitagawa_within + within_margin as within_interval_high,
        case when interval_missing_reason is null then 'task_bootstrap_t_95' end
            as interval_kind
    from parts

)

select * from final
