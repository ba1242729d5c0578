-- grain: claim_id, specification_id
-- why: each claim under every set of choices that somebody could defend, also those
--      that the loaded files leave without an answer: what the counts, the flips and
--      the specification curve are made of
with

figures as (

    select * from {{ ref('int_specification_values') }}

),

claim_samples as (

    select * from {{ ref('int_claim_samples') }}

),

-- Both sides as published, and at the ends of what is hidden.
looked_up as (

    select
        possible.*,
        own_samples.release_id as sample_release_id,
        own_samples.window_start_date,
        own_samples.window_label,
        own_samples.is_simulated,
        own.value as own_value,
        own.value_when_low as own_low,
        own.value_when_high as own_high,
        own.uncertainty_low as own_uncertain_low,
        own.uncertainty_high as own_uncertain_high,
        other.value as other_value,
        other.value_when_low as other_low,
        other.value_when_high as other_high,
        other.uncertainty_low as other_uncertain_low,
        other.uncertainty_high as other_uncertain_high,
        differences.uncertainty_low as difference_low,
        differences.uncertainty_high as difference_high,
        coalesce(
            own.status,
            case
                when own_samples.sample_id is null then 'not_loaded'
                else 'not_in_copy'
            end
        ) as own_status,
        case
            when not possible.is_comparison then 'visible'
            else
                coalesce(
                    other.status,
                    case
                        when other_samples.sample_id is null then 'not_loaded'
                        when
                            possible.comparison_kind = 'release'
                            and own_samples.sample_id = other_samples.sample_id
                            then 'same_sample'
                        else 'not_in_copy'
                    end
                )
        end as other_status
    from {{ ref('int_claim_choices') }} as possible
    left join {{ ref('scopes') }} as other_scopes
        on possible.other_scope = other_scopes.scope
    inner join claim_samples as own_samples
        on possible.claim_id = own_samples.claim_id and own_samples.side = 'own'
    inner join claim_samples as other_samples
        on possible.claim_id = other_samples.claim_id and other_samples.side = 'other'
    left join figures as own
        on
            own_samples.sample_id = own.sample_id
            and possible.geo_id = own.geo_id
            and possible.scope = own.scope
            and possible.figure = own.figure
            and possible.category = own.category
            and possible.allocation_rule = own.allocation_rule
            and possible.estimator = own.estimator
            and possible.task_omission = own.task_omission
    left join figures as other
        on
            possible.is_comparison
            and other_samples.sample_id = other.sample_id
            -- A sample can't be compared with itself over time.
            and (
                possible.comparison_kind <> 'release'
                or own_samples.sample_id <> other_samples.sample_id
            )
            and coalesce(possible.comparison_geo_id, possible.geo_id) = other.geo_id
            and possible.other_scope = other.scope
            and possible.figure = other.figure
            and coalesce(possible.comparison_category, possible.category)
            = other.category
            and case
                when coalesce(other_scopes.depends_on_rule, true)
                    then possible.allocation_rule
                else 'not_applicable'
            end = other.allocation_rule
            and possible.estimator = other.estimator
            -- A baseline stays whole when the scope is without its largest task.
            and case
                when possible.baseline is null then possible.task_omission
                else 'none'
            end = other.task_omission
    left join {{ ref('int_gap_bands') }} as differences
        on
            own.sample_id = differences.sample_id
            and own.allocation_rule = differences.allocation_rule
            and own.scope = differences.scope
            and other.sample_id = differences.other_sample_id
            and other.allocation_rule = differences.other_allocation_rule
            and other.scope = differences.other_scope
            and own.figure = differences.figure
            and own.estimator = differences.estimator
            and own.category = differences.category
            and other.category = differences.category
            and possible.task_omission = 'none'
            and possible.unit <> 'ratio'

),

measured as (

    select
        *,
        case residual_treatment
            when 'published' then own_value
            when 'low' then own_low
            when 'high' then own_high
        end as value,
        case residual_treatment
            when 'published' then other_value
            when 'low' then other_high
            when 'high' then other_low
        end as comparison_value,
        {{ claim_measure('value', 'comparison_value') }} as number,
        {{ claim_measure('own_low', 'other_high') }} as number_when_low,
        {{ claim_measure('own_high', 'other_low') }} as number_when_high,
        -- A gap of two sides that are compared has a band of its own; of others the
        -- ends of one side less those of the other are wider than need be.
        coalesce(
            difference_low,
            {{ claim_measure('own_uncertain_low', 'other_uncertain_high') }}
        ) as uncertain_low,
        coalesce(
            difference_high,
            {{ claim_measure('own_uncertain_high', 'other_uncertain_low') }}
        ) as uncertain_high
    from looked_up

),

ranged as (

    select
        *,
        least(number_when_low, number_when_high) as number_low,
        greatest(number_when_low, number_when_high) as number_high
    from measured

),

-- The ranges of the otherwise preferred choices, of the most preferred estimator that
-- has one.
bounded as (

    select
        *,
        first_value(
            case when is_otherwise_preferred then number_low end ignore nulls
        ) over claim as bound_low,
        first_value(
            case when is_otherwise_preferred then number_high end ignore nulls
        ) over claim as bound_high,
        first_value(
            case when is_otherwise_preferred then uncertain_low end ignore nulls
        ) over claim as uncertainty_low,
        first_value(
            case when is_otherwise_preferred then uncertain_high end ignore nulls
        ) over claim as uncertainty_high
    from ranged
    window claim as (
        partition by claim_id
        order by estimator_preference
        rows between unbounded preceding and unbounded following
    )

),

-- A copy that lacks tasks is good enough where what it lacks can't change the answer.
answered as (

    select
        *,
        {{ claim_answer('bound_low', 'bound_high') }} as bounds_answer,
        number is not null
        and (
            (own_status = 'visible' and other_status = 'visible')
            or coalesce(bounds_answer <> 'open', false)
        ) as is_computable
    from bounded

),

final as (

    select
        claim_id,
        specification_id,
        sample_release_id as release_id,
        platform,
        window_start_date,
        window_label,
        ranked_figure,
        is_comparison,
        case when comparison_kind = 'scope' then other_scope end as comparison_scope,
        allocation_rule,
        estimator,
        coalesce(baseline, 'none') as baseline,
        residual_treatment,
        task_omission,
        is_otherwise_preferred
        and row_number() over (
            partition by claim_id
            order by
                is_otherwise_preferred desc, is_computable desc,
                estimator_preference asc
        ) = 1 as is_preferred,
        case when is_computable then value end as value,
        case when is_computable then comparison_value end as comparison_value,
        case when is_computable then number end as number,
        case when is_computable then bound_low end as bound_low,
        case when is_computable then bound_high end as bound_high,
        bounds_answer,
        case when is_computable then uncertainty_low end as uncertainty_low,
        case when is_computable then uncertainty_high end as uncertainty_high,
        {{ claim_answer('uncertainty_low', 'uncertainty_high') }}
            as uncertainty_answer,
        own_status,
        other_status,
        case when own_status = 'visible' then other_status else own_status end
            as status,
        is_computable,
        case when is_computable then {{ claim_holds('number') }} end as holds,
        is_simulated
    from answered

)

select * from final
