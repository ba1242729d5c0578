{{ config(
    pre_hook=[
        "{{ forget_rejected_rows('A_task_shares') }}",
        "{{ forget_rejected_rows('A_task_patterns') }}",
        "{{ forget_rejected_rows('A_patterns') }}"
    ],
    post_hook=[
        "{{ stop_on_rejected_rows('A_task_shares') }}",
        "{{ stop_on_rejected_rows('A_task_patterns') }}",
        "{{ stop_on_rejected_rows('A_patterns') }}"
    ]
) }}
-- grain: relative_path, row_number, category
-- why: the three flat files of a family-A release under the names of the long layout:
--      shares of tasks, patterns of a task (ratios, in percent here), global patterns
-- depends_on: {{ ref('input_checks') }}
{%- set task_patterns = var('layouts')['A_task_patterns'][1:] %}
{%- set task_labels = [] %}
{%- for pattern in task_patterns %}
{%- do task_labels.append(
    'not_classified' if pattern == 'filtered' else pattern.replace('_', ' ')
) %}
{%- endfor %}
with

{{ numbered_rows('flat_task_shares', 'A_task_shares', name='task_shares') }},

{{ numbered_rows('flat_task_patterns', 'A_task_patterns', name='task_patterns') }},

{{ numbered_rows('flat_patterns', 'A_patterns', name='patterns') }},

unioned as (

    select
        * exclude (task_name, pct),
        'onet_task' as base_facet,
        cast(null as varchar) as attribute_facet,
        task_name as base_cluster_name,
        cast(null as varchar) as category,
        pct as value_text,
        1 as unit_pct
    from task_shares
    union all by name
    select
        * exclude (task_name, {{ task_patterns | join(', ') }}),
        'onet_task' as base_facet,
        'collaboration' as attribute_facet,
        task_name as base_cluster_name,
        unnest({{ task_labels }}) as category,
        unnest([{{ task_patterns | join(', ') }}]) as value_text,
        100 as unit_pct
    from task_patterns
    union all by name
    select
        * exclude (interaction_type, pct),
        'collaboration' as base_facet,
        interaction_type as base_cluster_name,
        pct as value_text,
        1 as unit_pct
    from patterns

),

final as (

    select
        sample_id,
        release_id,
        platform,
        taxonomy_version,
        count_basis,
        relative_path,
        row_number,
        'global' as geography,
        'global' as geo_level,
        'GLOBAL' as geo_id,
        base_facet || coalesce('::' || attribute_facet, '') as facet,
        base_facet,
        attribute_facet,
        0 as level,
        base_cluster_name || coalesce('::' || category, '') as cluster_name,
        base_cluster_name,
        category,
        'pct' as measure,
        value_text,
        unit_pct * {{ plain_number('value_text') }} as value
    from unioned

)

select * from final
