-- grain: release_id, platform, facet, geo_level
-- why: what the release publishes, what this copy holds, and how much of the sample
--      its named cells cover; absence is a row here, never a zero elsewhere
with

release_files as (

    select * from {{ ref('int_release_files') }}
    where file_role = 'raw' and copy_status = 'current' and is_loaded

),

in_copy as (

    select * from {{ ref('int_facets_in_copy') }}

),

facet_sets as (

    select * from {{ ref('facet_sets') }}

),

geography_totals as (

    select * from {{ ref('int_geography_totals') }}
    where geo_level = 'global'

),

published as (

    select
        release_files.release_id,
        release_files.platform,
        facet_sets.facet,
        facet_sets.geo_level
    from release_files
    inner join facet_sets
        on
            release_files.facet_set = facet_sets.facet_set
            and release_files.platform = facet_sets.platform

),

expected as (

    select * from published
    -- A facet that is both is one row.
    union
    select
        release_id,
        platform,
        facet,
        geo_level
    from in_copy

),

final as (

    select
        expected.release_id,
        expected.platform,
        expected.facet,
        expected.geo_level,
        coalesce(in_copy.cell_count, 0) as cell_count,
        coalesce(in_copy.geography_count, 0) as geography_count,
        coalesce(in_copy.unit_count, 0) as unit_count,
        in_copy.covered_conversation_count,
        geography_totals.conversation_count as sample_count,
        100 * in_copy.covered_conversation_count
        / nullif(geography_totals.conversation_count, 0) as covered_pct,
        published.facet is not null as is_listed_as_published,
        case
            when in_copy.facet is null then 'not_in_copy'
            when published.facet is null then 'in_copy_not_listed'
            else 'in_copy'
        end as status,
        release_files.is_simulated
    from expected
    inner join release_files
        on
            expected.release_id = release_files.release_id
            and expected.platform = release_files.platform
    left join published
        on
            expected.release_id = published.release_id
            and expected.platform = published.platform
            and expected.facet = published.facet
            and expected.geo_level = published.geo_level
    left join in_copy
        on
            expected.release_id = in_copy.release_id
            and expected.platform = in_copy.platform
            and expected.facet = in_copy.facet
            and expected.geo_level = in_copy.geo_level
    left join geography_totals
        on
            expected.release_id = geography_totals.release_id
            and expected.platform = geography_totals.platform

)

select * from final
