-- grain: sample_id, scope, figure, category, allocation_rule, estimator, task_omission
-- why: the task figures with and without the largest task, what a release publishes of
--      everybody, and the sums of patterns that claims speak of: what a specification
--      chooses from
with

claims as (

    select * from {{ ref('claims') }}

),

uncertainty as (

    select * from {{ ref('int_uncertainty') }}
    where geo_level = 'global'

),

task_figures as (

    select
        figures.*,
        'none' as task_omission,
        uncertainty.uncertainty_low_pct,
        uncertainty.uncertainty_high_pct
    from {{ ref('int_scope_figures') }} as figures
    left join uncertainty
        using (sample_id, allocation_rule, scope, figure, estimator, category)
    where figures.label_kind <> 'residual' and figures.status <> 'not_published'
    union all by name
    select
        *,
        'largest' as task_omission
    from {{ ref('int_scope_figures_without_task') }}
    where task_rank = 1 and label_kind <> 'residual'

),

facet_labels as (

    select * from {{ ref('facet_labels') }}
    where label_kind <> 'residual'

),

figure_facets as (

    -- a figure has several estimators, of one facet
    select distinct
        figure,
        facet
    from {{ ref('estimators') }}

),

-- What a release publishes of everybody.
published_facets as (

    select
        samples.sample_id,
        'not_applicable' as allocation_rule,
        'all_with_pseudo' as scope,
        figure_facets.figure,
        case facet_shares.share_base
            when 'named_labels' then 'published_facet_named'
            else 'published_facet'
        end as estimator,
        facet_shares.category,
        facet_labels.label_kind,
        facet_shares.share_pct,
        facet_shares.bound_low_pct,
        facet_shares.bound_high_pct,
        facet_shares.interval_low_pct as uncertainty_low_pct,
        facet_shares.interval_high_pct as uncertainty_high_pct,
        'visible' as status,
        'none' as task_omission
    from {{ ref('fct_facet_shares') }} as facet_shares
    inner join {{ ref('int_samples') }} as samples
        using (release_id, platform, window_start_date)
    inner join figure_facets using (facet)
    inner join facet_labels
        on
            facet_shares.facet = facet_labels.facet
            and facet_shares.category = facet_labels.label
    where
        facet_shares.geo_level = 'global'
        and (figure_facets.figure <> 'success' or facet_shares.category = 'yes')

),

labelled as (

    select * from task_figures
    union all by name
    select * from published_facets

),

-- The sums that claims speak of, by their parts.
parts as (

    select
        category,
        unnest(string_split(category, ' + ')) as part
    from (
        select category from claims
        union
        select comparison_category from claims
    ) as categories
    where category like '% + %'

),

sums_asked as (

    select
        category,
        count(*) as part_count
    from parts
    group by category

),

-- A hidden conversation is of one label: a sum can't exceed what the other labels
-- leave, however high each of its parts may be.
sums as (

    select
        labelled.sample_id,
        labelled.allocation_rule,
        labelled.scope,
        labelled.figure,
        labelled.estimator,
        labelled.task_omission,
        sums_asked.category,
        any_value(
            labelled.status
            order by labelled.share_pct nulls first, labelled.status
        ) as status,
        {{ exact_sum('labelled.share_pct', 'filter (where parts.part is not null)') }}
            as share_pct,
        count(labelled.share_pct) filter (where parts.part is not null)
        = sums_asked.part_count as is_whole,
        {{ exact_sum(
            'labelled.bound_low_pct', 'filter (where parts.part is not null)'
        ) }} as bound_low_pct,
        {{ exact_sum(
            'labelled.bound_high_pct', 'filter (where parts.part is not null)'
        ) }} as bound_high_pct,
        100 - coalesce(
            {{ exact_sum(
                'labelled.bound_low_pct', 'filter (where parts.part is null)'
            ) }},
            0
        ) as rest_pct,
        count(labelled.bound_high_pct) filter (where parts.part is not null)
        = sums_asked.part_count as is_bounded,
        {{ exact_sum(
            'labelled.uncertainty_low_pct', 'filter (where parts.part is not null)'
        ) }} as uncertainty_low_pct,
        {{ exact_sum(
            'labelled.uncertainty_high_pct', 'filter (where parts.part is not null)'
        ) }} as uncertainty_high_pct,
        count(labelled.uncertainty_low_pct) filter (where parts.part is not null)
        = sums_asked.part_count as has_uncertainty
    from labelled
    cross join sums_asked
    left join parts
        on labelled.category = parts.part and sums_asked.category = parts.category
    group by
        labelled.sample_id, labelled.allocation_rule, labelled.scope,
        labelled.figure, labelled.estimator, labelled.task_omission,
        sums_asked.category, sums_asked.part_count
    having count(parts.part) = sums_asked.part_count

),

final as (

    select
        sample_id,
        scope,
        figure,
        category,
        allocation_rule,
        estimator,
        task_omission,
        false as is_sum,
        share_pct,
        bound_low_pct,
        bound_high_pct,
        uncertainty_low_pct,
        uncertainty_high_pct,
        status,
        missing_facet
    from labelled
    where label_kind = 'named'
    union all by name
    select
        sample_id,
        scope,
        figure,
        category,
        allocation_rule,
        estimator,
        task_omission,
        true as is_sum,
        case when is_whole then share_pct end as share_pct,
        case when is_bounded then bound_low_pct end as bound_low_pct,
        case when is_bounded then least(bound_high_pct, rest_pct) end
            as bound_high_pct,
        case when has_uncertainty then uncertainty_low_pct end as uncertainty_low_pct,
        case
            when has_uncertainty
                then
                    case
                        when uncertainty_high_pct > 100 then 100
                        else uncertainty_high_pct
                    end
        end as uncertainty_high_pct,
        status
    from sums

)

select * from final
