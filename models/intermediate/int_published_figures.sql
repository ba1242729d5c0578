-- grain: sample_id, geo_level, geo_id, scope, figure, category
-- why: patterns and use cases that a release of percentages publishes itself, of
--      everything and of SOC major group 25: figures without tasks behind them
with

facet_cells as (

    select * from {{ ref('int_facet_cells') }}
    where
        count_basis = 'percent_only' and is_usable and facet_kind <> 'task'

),

cell_problems as (

    select distinct
        relative_path,
        row_number
    from {{ ref('int_cell_problems') }}

),

estimators as (

    select distinct
        figure,
        facet
    from {{ ref('estimators') }}

),

scopes as (

    select * from {{ ref('scopes') }}
    where scope_kind = 'education'

),

labelled as (

    select
        *,
        coalesce(attribute_facet, facet) as label_facet,
        coalesce(category, cluster_name) as label
    from facet_cells

),

final as (

    select
        labelled.sample_id,
        labelled.geo_level,
        labelled.geo_id,
        coalesce(scopes.scope, 'all_with_pseudo') as scope,
        estimators.figure,
        labelled.label as category,
        coalesce(facet_labels.label_kind, 'residual') as label_kind,
        labelled.published_pct as share_pct,
        {{ rounded_bounds('labelled.published_pct', 'labelled.half_unit_pct') }},
        case
            when cell_problems.relative_path is not null then 'contradicted'
            when facet_labels.label is null then 'unpublished'
            else 'published'
        end as status
    from labelled
    inner join estimators on labelled.label_facet = estimators.facet
    left join {{ ref('facet_labels') }} as facet_labels
        on
            labelled.label_facet = facet_labels.facet
            and labelled.label = facet_labels.label
    left join scopes
        on
            labelled.facet_kind = 'occupation'
            and labelled.level = 1
            and labelled.base_cluster_name = scopes.soc_major_group
    left join cell_problems using (relative_path, row_number)
    where labelled.attribute_facet is null or scopes.scope is not null

)

select * from final
