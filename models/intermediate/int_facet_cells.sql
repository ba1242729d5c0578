-- grain: sample_id, geo_level, geo_id, facet, level, cluster_name
-- why: count and percentage of a published cell side by side, pivoted once, with the
--      base that the release gives the percentage, and the amount that sums are made
--      of: conversations, or percent of the sample where only percentages are
--      published; what published countries or labels leave open is a cell too
with

facet_values as (

    select * from {{ ref('int_facet_values') }}
    where value is not null

),

facets as (

    select * from {{ ref('facets') }}
    where is_in_marts

),

pivoted as (

    select
        facet_values.sample_id,
        facet_values.geo_level,
        facet_values.geo_id,
        facet_values.facet,
        any_value(facet_values.base_facet) as base_facet,
        any_value(facet_values.attribute_facet) as attribute_facet,
        facet_values.level,
        facet_values.cluster_name,
        any_value(facet_values.base_cluster_name) as base_cluster_name,
        any_value(facet_values.category) as category,
        any_value(base_facets.facet_kind) as facet_kind,
        any_value(
            coalesce(attribute_facets.has_closed_labels, base_facets.has_closed_labels)
        ) as has_closed_labels,
        any_value(facet_values.node_name) as node_name,
        max(facet_values.value) filter (where facet_values.measure = 'count')
            as conversation_count,
        max(facet_values.value) filter (where facet_values.measure = 'pct')
            as published_pct,
        max(facet_values.value)
        filter (where facet_values.measure = 'per_capita_index') as per_capita_index,
        any_value(facet_values.half_unit_pct) as half_unit_pct,
        any_value(facet_values.relative_path) as relative_path,
        min(facet_values.row_number) as row_number,
        -- A statistic that we don't know leaves the cell itself as it is.
        coalesce(
            bool_and(facet_values.is_usable)
            filter (where facet_values.measure in ('count', 'pct')),
            false
        ) as is_usable,
        any_value(facet_values.check_name)
        filter (where facet_values.measure in ('count', 'pct')) as row_check_name,
        bool_or(facet_values.measure not in ('count', 'pct')) as has_other_measure
    from facet_values
    inner join facets as base_facets on facet_values.base_facet = base_facets.facet
    left join facets as attribute_facets
        on facet_values.attribute_facet = attribute_facets.facet
    where
        facet_values.attribute_facet is null
        or (
            attribute_facets.facet_kind = 'category'
            and base_facets.facet_kind in ('task', 'occupation')
        )
    group by
        facet_values.sample_id, facet_values.geo_level, facet_values.geo_id,
        facet_values.facet, facet_values.level, facet_values.cluster_name

),

-- A percentage is of what the release says: an intersection's of its task, a region's
-- of its country, a country's and a global facet's of the sample, never of the rows
-- that happen to be published.
totals as (

    select
        sample_id,
        geo_level,
        geo_id,
        max(conversation_count) as conversation_count,
        max(conversation_count) filter (where facet = 'country') as country_count
    from pivoted
    where facet_kind = 'geography_total'
    group by sample_id, geo_level, geo_id

),

task_totals as (

    select
        sample_id,
        geo_level,
        geo_id,
        facet,
        level,
        base_cluster_name,
        conversation_count,
        published_pct
    from pivoted
    where facet_kind = 'task' and attribute_facet is null

),

based as (

    select
        pivoted.*,
        case
            when pivoted.attribute_facet is not null
                then task_totals.conversation_count
            when pivoted.facet = 'country' or pivoted.geo_level = 'global'
                then samples.sample_count
            when pivoted.facet_kind = 'geography_total' then countries.country_count
            else totals.conversation_count
        end as stated_base_count,
        case
            when samples.count_basis <> 'percent_only' then pivoted.conversation_count
            -- a pattern of a task in percent of the task, so of the sample
            when pivoted.facet_kind = 'task' and pivoted.attribute_facet is not null
                then pivoted.published_pct / 100 * task_totals.published_pct
            when pivoted.facet_kind in ('task', 'geography_total')
                then pivoted.published_pct
        end as amount,
        samples.count_basis
    from pivoted
    inner join {{ ref('int_samples') }} as samples using (sample_id)
    left join totals using (sample_id, geo_level, geo_id)
    left join totals as countries
        on
            pivoted.facet_kind = 'geography_total'
            and pivoted.sample_id = countries.sample_id
            and countries.geo_level = 'country'
            and countries.geo_id = case
                when pivoted.facet = 'state_us' then 'US'
                -- Regions of no country lie in none.
                when pivoted.geo_id like '%-%' then split_part(pivoted.geo_id, '-', 1)
            end
    left join task_totals
        on
            pivoted.attribute_facet is not null
            and pivoted.sample_id = task_totals.sample_id
            and pivoted.geo_level = task_totals.geo_level
            and pivoted.geo_id = task_totals.geo_id
            and pivoted.base_facet = task_totals.facet
            and pivoted.level = task_totals.level
            and pivoted.base_cluster_name = task_totals.base_cluster_name

),

-- Whole conversations leave nothing open; rounded numbers may each hide half a unit.
unpublished_countries as (

    select
        sample_id,
        'country' as geo_level,
        'unpublished' as geo_id,
        'country' as facet,
        'country' as base_facet,
        0 as level,
        '' as cluster_name,
        '' as base_cluster_name,
        'geography_total' as facet_kind,
        any_value(count_basis) as count_basis,
        any_value(stated_base_count) as stated_base_count,
        any_value(sample_amount)
        - {{ exact_sum('amount', of_unchecked=true) }} as amount,
        any_value(stated_base_count) - sum(conversation_count) as conversation_count,
        case
            when any_value(count_basis) = 'percent_only'
                then 100 - {{ exact_sum('published_pct', of_unchecked=true) }}
        end as published_pct,
        -- a rest of rounded numbers is as vague as all of them
        {{ exact_sum('half_unit_pct') }} as half_unit_pct,
        true as is_usable
    from (
        select
            *,
            case when count_basis = 'percent_only' then 100 else stated_base_count end
                as sample_amount
        from based
        where facet = 'country' and geo_level = 'country'
    ) as countries
    group by sample_id
    having
        any_value(sample_amount) - {{ exact_sum('amount', of_unchecked=true) }}
        > case any_value(count_basis)
            when 'per_million' then count(*) / 2.0
            when 'percent_only'
                then 1e-6 + {{ exact_sum('coalesce(half_unit_pct, 0)') }}
            else 0
        end

),

unpublished_labels as (

    select
        sample_id,
        geo_level,
        geo_id,
        facet,
        base_facet,
        level,
        'unpublished' as cluster_name,
        'unpublished' as base_cluster_name,
        any_value(facet_kind) as facet_kind,
        any_value(count_basis) as count_basis,
        100 - {{ exact_sum('published_pct', of_unchecked=true) }} as published_pct,
        {{ exact_sum('half_unit_pct') }} as half_unit_pct,
        true as is_usable
    from based
    where
        count_basis = 'percent_only'
        and attribute_facet is null
        and has_closed_labels
        and is_usable
    group by sample_id, geo_level, geo_id, facet, base_facet, level
    having
        100 - {{ exact_sum('published_pct', of_unchecked=true) }}
        > 1e-6 + {{ exact_sum('coalesce(half_unit_pct, 0)') }}

),

final as (

    select * from based
    union all by name
    select * from unpublished_countries
    union all by name
    select * from unpublished_labels

)

select * from final
