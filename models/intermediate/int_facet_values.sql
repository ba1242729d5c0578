{{ config(materialized='view') }}
-- grain: relative_path, row_number, category
-- why: the one door behind staging: each family of files as typed rows in one shape,
--      with what the checks say of a row; a further family is one more branch
{%- set columns = [
    'sample_id', 'geo_level', 'geo_id', 'facet', 'base_facet', 'attribute_facet',
    'level', 'cluster_name', 'base_cluster_name', 'category', 'measure', 'value',
    'value_text', 'relative_path', 'row_number'
] %}
with

family_values as (

    select {{ columns | join(', ') }}
    from {{ ref('stg_aei__facet_values') }}
    union all by name
    select
        {{ columns | reject('equalto', 'value') | join(', ') }},
        -- The flat layout has no room for an absent cell of a task: it prints 0.0.
        case when attribute_facet is null or value > 0 then value end as value
    from {{ ref('stg_aei__flat_values') }}
    union all by name
    select
        {{ columns | reject('in', ['facet', 'cluster_name']) | join(', ') }},
        -- Made here: two million such texts need not lie in a table.
        base_facet || coalesce('::' || attribute_facet, '') as facet,
        base_cluster_name || coalesce('::' || category, '') as cluster_name,
        node_name,
        half_unit_pct
    from {{ ref('stg_aei__monthly_values') }}
    {% if has_own_conversations() %}
        union all by name
        select {{ columns | join(', ') }}
        from {{ ref('stg_conversations__values') }}
    {% endif %}

),

final as (

    select
        family_values.*,
        row_problems.check_name,
        row_problems.check_name is null or row_problems.is_usable as is_usable
    from family_values
    left join {{ ref('int_row_problems') }} as row_problems
        using (relative_path, row_number)

)

select * from final
