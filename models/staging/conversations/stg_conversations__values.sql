-- grain: relative_path, row_number
-- why: the published cells of own conversations (family D) under the names of the long
--      layout, each as a count and as a percentage of its base
with

cells as (

    select * from {{ ref('int_conversation_cells_protected') }}

),

samples as (

    select * from {{ ref('stg_conversations__samples') }}

),

based as (

    select
        samples.sample_id,
        samples.relative_path,
        cells.geo_level,
        cells.geo_id,
        cells.facet,
        split_part(cells.facet, '::', 1) as base_facet,
        nullif(split_part(cells.facet, '::', 2), '') as attribute_facet,
        cells.base_cluster_name,
        cells.category,
        cast(cells.conversation_count as double) as conversation_count,
        case
            when cells.category is not null
                then max(cells.conversation_count) filter (
                    where cells.facet = 'onet_task'
                ) over (
                    partition by
                        samples.sample_id, cells.geo_level, cells.geo_id,
                        cells.base_cluster_name
                )
            when cells.facet = 'country' or cells.geo_level = 'global'
                then samples.sample_count
            when cells.facet = 'country-state'
                then max(cells.conversation_count) filter (
                    where cells.facet = 'country'
                ) over (
                    partition by samples.sample_id, split_part(cells.geo_id, '-', 1)
                )
            else max(cells.conversation_count) filter (
                where cells.facet in ('country', 'country-state')
            ) over (partition by samples.sample_id, cells.geo_level, cells.geo_id)
        end as base_count
    from cells
    inner join samples
        on
            cells.release_id = samples.release_id
            and cells.platform = samples.platform
            and cells.window_start_date = samples.window_start_date

),

measured as (

    select
        * exclude (conversation_count, base_count),
        unnest(['count', 'pct']) as measure,
        unnest(
            [
                conversation_count,
                100 * conversation_count / nullif(base_count, 0)
            ]
        ) as value
    from based

),

final as (

    select
        *,
        base_cluster_name || coalesce('::' || category, '') as cluster_name,
        0 as level,
        cast(value as varchar) as value_text,
        row_number() over (
            partition by relative_path
            order by geo_level, geo_id, facet, base_cluster_name, category, measure
        ) as row_number
    from measured

)

select * from final
