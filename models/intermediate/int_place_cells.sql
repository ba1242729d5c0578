-- grain: sample_id, geo_level, geo_id, facet, level, category
-- why: the published cells of base facets and geography totals, with what their label
--      means and what became of them
with

facet_cells as (

    select * from {{ ref('int_facet_cells') }}
    where
        attribute_facet is null
        and is_usable
        and (conversation_count is not null or published_pct is not null)

),

cell_problems as (

    select distinct
        relative_path,
        row_number
    from {{ ref('int_cell_problems') }}

),

final as (

    select
        facet_cells.sample_id,
        facet_cells.geo_level,
        facet_cells.geo_id,
        facet_cells.facet,
        facet_cells.facet_kind,
        facet_cells.level,
        facet_cells.count_basis,
        case
            when facet_cells.facet_kind = 'geography_total' then 'all'
            else facet_cells.cluster_name
        end as category,
        facet_cells.node_name,
        facet_labels.label_kind,
        facet_labels.label_title,
        facet_cells.conversation_count,
        facet_cells.published_pct,
        facet_cells.half_unit_pct,
        coalesce(
            facet_cells.stated_base_count,
            sum(facet_cells.conversation_count) over (
                partition by
                    facet_cells.sample_id, facet_cells.facet,
                    case
                        when facet_cells.facet = 'country-state'
                            then split_part(facet_cells.geo_id, '-', 1)
                    end
            )
        ) as total_base_count,
        facet_cells.row_check_name is not null
        or cell_problems.relative_path is not null as is_contradicted,
        case
            when
                facet_cells.cluster_name = 'unpublished'
                or facet_cells.geo_id = 'unpublished'
                then 'unpublished'
            when facet_cells.cluster_name = 'not_classified' then 'residual'
            else 'observed'
        end as status
    from facet_cells
    left join cell_problems using (relative_path, row_number)
    left join {{ ref('facet_labels') }} as facet_labels
        on
            facet_cells.facet = facet_labels.facet
            and facet_cells.cluster_name = facet_labels.label

)

select * from final
