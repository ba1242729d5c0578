-- grain: release_id, platform, window_start_date, figure, category, scope,
--        allocation_rule, estimator, baseline, residual_treatment, task_omission
-- why: a figure of education under every set of choices that somebody could defend,
--      beside what it is compared with under the same choices
with

figures as (

    select * from {{ ref('int_specification_figures') }}
    where not is_sum

),

shares as (

    select * from {{ ref('int_specification_values') }}
    where figure = 'scope_share' and geo_id = 'GLOBAL'

),

scopes as (

    select * from {{ ref('scopes') }}

),

choices as (

    select * from {{ ref('specification_choices') }}

),

baselines as (

    -- A baseline stays whole when the scope is without its largest task.
    select
        figures.*,
        scopes.depends_on_rule
    from figures
    inner join scopes using (scope)
    where scopes.scope_kind = 'baseline' and figures.task_omission = 'none'

),

paired as (

    select
        figures.sample_id,
        figures.figure,
        figures.category,
        figures.scope,
        figures.allocation_rule,
        figures.estimator,
        baselines.scope as baseline,
        figures.task_omission,
        figures.share_pct as value,
        figures.bound_low_pct as value_when_low,
        figures.bound_high_pct as value_when_high,
        baselines.share_pct as baseline_value,
        baselines.bound_low_pct as baseline_value_when_low,
        baselines.bound_high_pct as baseline_value_when_high,
        case
            when figures.status = 'visible' then baselines.status
            else figures.status
        end as status,
        coalesce(figures.missing_facet, baselines.missing_facet) as missing_facet
    from figures
    inner join baselines
        on
            figures.sample_id = baselines.sample_id
            and figures.figure = baselines.figure
            and figures.estimator = baselines.estimator
            and figures.category = baselines.category
            and case
                when baselines.depends_on_rule then figures.allocation_rule
                else 'not_applicable'
            end = baselines.allocation_rule
    inner join scopes on figures.scope = scopes.scope
    where scopes.scope_kind <> 'baseline'
    union all by name
    -- A share of the use is compared with nothing: its base is the whole.
    select
        shares.*,
        'none' as baseline
    from shares
    inner join scopes using (scope)

),

treated as (

    select
        samples.release_id,
        samples.platform,
        samples.window_start_date,
        paired.figure,
        paired.category,
        paired.scope,
        paired.allocation_rule,
        paired.estimator,
        paired.baseline,
        treatments.choice as residual_treatment,
        paired.task_omission,
        case treatments.choice
            when 'published' then paired.value
            when 'low' then paired.value_when_low
            when 'high' then paired.value_when_high
        end as value,
        -- Counted low is the scope at its lowest beside a baseline at its highest: the
        -- ends of what the hidden conversations leave open of the difference.
        case treatments.choice
            when 'published' then paired.baseline_value
            when 'low' then paired.baseline_value_when_high
            when 'high' then paired.baseline_value_when_low
        end as baseline_value,
        paired.status,
        paired.missing_facet,
        samples.is_simulated
    from paired
    inner join {{ ref('int_samples') }} as samples using (sample_id)
    inner join choices as estimators
        on
            estimators.dimension = 'estimator'
            and paired.figure = estimators.figure
            and paired.estimator = estimators.choice
    inner join choices as treatments
        on
            treatments.dimension = 'residual_treatment'
            and (
                estimators.has_residual_treatments or treatments.choice = 'published'
            )

),

final as (

    select
        release_id,
        platform,
        window_start_date,
        figure,
        category,
        scope,
        allocation_rule,
        estimator,
        baseline,
        residual_treatment,
        task_omission,
        value,
        baseline_value,
        value - baseline_value as difference,
        status,
        missing_facet,
        is_simulated
    from treated

)

select * from final
