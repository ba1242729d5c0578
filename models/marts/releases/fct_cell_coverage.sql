-- grain: release_id, platform, window_start_date, facet, geo_level
-- why: what the release publishes, what this copy holds, and how much of the sample
--      its named cells cover; absence is a row here, never a zero elsewhere
with

samples as (

    select * from {{ ref('int_samples') }}

),

facet_values as (

    -- Only the finest level: coarser ones hold the same conversations again.
    select * from {{ ref('int_facet_values') }}
    qualify level = min(level) over (partition by sample_id, facet, geo_level)

),

geography_totals as (

    select * from {{ ref('int_geography_totals') }}
    where geo_level = 'global'

),

in_copy as (

    select
        sample_id,
        facet,
        geo_level,
        count(distinct geo_id || '::' || cluster_name) as cell_count,
        count(distinct geo_id) as geography_count,
        count(distinct geo_id || '::' || base_cluster_name) as unit_count,
        -- Numeric facets count the records behind a statistic: no partition to sum.
        sum(value) filter (
            where
            measure = 'count'
            and coalesce(nullif(category, ''), nullif(cluster_name, ''), geo_id)
            not in ('not_classified', 'NONE')
            -- what a country has outside its published regions
            and geo_id not like '%-not_classified'
        ) as covered_conversation_count
    from facet_values
    group by sample_id, facet, geo_level

),

published as (

    select
        samples.sample_id,
        facet_sets.facet,
        facet_sets.geo_level
    from samples
    inner join {{ ref('facet_sets') }} as facet_sets using (facet_set, platform)
    union all
    -- own data are all here
    select
        in_copy.sample_id,
        in_copy.facet,
        in_copy.geo_level
    from in_copy
    inner join samples using (sample_id)
    where samples.is_own_data

),

expected as (

    select
        sample_id,
        facet,
        geo_level
    from published
    -- A facet that is both is one row.
    union
    select
        sample_id,
        facet,
        geo_level
    from in_copy

),

final as (

    select
        samples.release_id,
        samples.platform,
        samples.window_start_date,
        expected.facet,
        expected.geo_level,
        coalesce(in_copy.cell_count, 0) as cell_count,
        coalesce(in_copy.geography_count, 0) as geography_count,
        coalesce(in_copy.unit_count, 0) as unit_count,
        in_copy.covered_conversation_count,
        {{ if_counted('geography_totals.conversation_count') }} as sample_count,
        100 * in_copy.covered_conversation_count
        / nullif(geography_totals.conversation_count, 0) as covered_pct,
        published.sample_id is not null as is_listed_as_published,
        case
            when in_copy.sample_id is null then 'not_in_copy'
            when published.sample_id is null then 'in_copy_not_listed'
            else 'in_copy'
        end as status,
        samples.is_simulated
    from expected
    inner join samples using (sample_id)
    left join published using (sample_id, facet, geo_level)
    left join in_copy using (sample_id, facet, geo_level)
    left join geography_totals using (sample_id)

)

select * from final
