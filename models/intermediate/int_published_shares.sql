-- grain: sample_id, geo_level, geo_id, scope
-- why: SOC major groups as a release publishes them itself: a share with the half unit
--      that its rounding hides; a place without one has a row too
with

facet_cells as (

    select * from {{ ref('int_facet_cells') }}
    where facet = 'soc_occupation' and level = 1 and is_usable

),

facets_of_samples as (

    select
        facet_sets.facet_set,
        facet_sets.geo_level
    from {{ ref('facet_sets') }} as facet_sets
    where facet_sets.facet = 'soc_occupation'
    group by facet_sets.facet_set, facet_sets.geo_level

),

scopes as (

    select
        scope,
        scope_kind,
        soc_major_group
    from {{ ref('scopes') }}
    where scope_kind = 'education'
    union all
    select
        soc_major_group as scope,
        'major_group' as scope_kind,
        soc_major_group
    from {{ ref('soc_major_groups') }}

),

asked as (

    select
        geography_totals.sample_id,
        geography_totals.geo_level,
        geography_totals.geo_id,
        scopes.scope,
        scopes.scope_kind,
        scopes.soc_major_group
    from {{ ref('int_geography_totals') }} as geography_totals
    inner join {{ ref('int_samples') }} as samples
        on geography_totals.sample_id = samples.sample_id
    inner join facets_of_samples
        on
            samples.facet_set = facets_of_samples.facet_set
            and geography_totals.geo_level = facets_of_samples.geo_level
    cross join scopes
    where
        not geography_totals.is_residual
        and (
            scopes.scope_kind = 'education' or geography_totals.geo_level = 'global'
        )

),

in_copy as (

    select distinct
        sample_id,
        geo_level
    from facet_cells

),

final as (

    select
        asked.sample_id,
        asked.geo_level,
        asked.geo_id,
        'published' as allocation_rule,
        asked.scope,
        asked.scope_kind,
        'all_conversations' as share_base,
        facet_cells.published_pct as share_pct,
        {{ rounded_bounds('facet_cells.published_pct', 'facet_cells.half_unit_pct') }},
        false as is_contradicted,
        case
            when facet_cells.sample_id is not null then 'published'
            when in_copy.sample_id is null then 'not_in_copy'
            else 'not_published'
        end as status,
        case
            when facet_cells.sample_id is not null then 'percent_only'
            when in_copy.sample_id is null then 'not_in_copy'
            else 'not_published'
        end as interval_missing_reason
    from asked
    left join facet_cells
        on
            asked.sample_id = facet_cells.sample_id
            and asked.geo_level = facet_cells.geo_level
            and asked.geo_id = facet_cells.geo_id
            and asked.soc_major_group = facet_cells.base_cluster_name
    left join in_copy
        on
            asked.sample_id = in_copy.sample_id
            and asked.geo_level = in_copy.geo_level

)

select * from final
