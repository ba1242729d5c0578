-- grain: relative_path, row_number
-- why: what is wrong with, or unknown about, a row of the flat files, under the first
--      check that it fails; what the checks mean is the seed input_checks
with

tasks as (

    select distinct
        taxonomy_version,
        task_key
    from {{ ref('stg_reference__task_holders') }}

),

described as (

    select
        flat_values.*,
        count(*) over same_key as key_row_count,
        min(flat_values.row_number) over same_key as first_row_number,
        flat_values.base_facet = 'onet_task' as is_task,
        flat_values.base_facet = 'onet_task'
        and tasks.task_key is null
        and flat_values.base_cluster_name <> 'none' as is_unknown_task,
        flat_values.taxonomy_version in (
            select listed.taxonomy_version from tasks as listed
        ) as has_task_list,
        flat_values.base_facet = 'collaboration'
        and facet_labels.label is null as is_unknown_label,
        sum(flat_values.value) over (
            partition by flat_values.relative_path, flat_values.row_number
        ) as row_pct
    from {{ ref('stg_aei__flat_values') }} as flat_values
    left join tasks
        on
            flat_values.taxonomy_version = tasks.taxonomy_version
            and flat_values.base_cluster_name = tasks.task_key
    left join {{ ref('facet_labels') }} as facet_labels
        on
            flat_values.facet = facet_labels.facet
            and flat_values.cluster_name = facet_labels.label
    window same_key as (
        partition by flat_values.relative_path, flat_values.cluster_name
    )

),

checked as (

    select
        *,
        case
            when value is null then 'untyped_numbers'
            when value < 0 or value > 100.0001 then 'impossible_numbers'
            when base_cluster_name = '' then 'unnamed_cells'
            when attribute_facet is not null and abs(row_pct - 100) > 1e-6
                then 'unpartitioned_tasks'
            when is_unknown_task and not has_task_list then 'missing_task_list'
            when is_unknown_task then 'unknown_tasks'
            when is_unknown_label then 'unknown_labels'
            -- last: of an official file the first of such rows is used
            when key_row_count > 1 then 'duplicate_keys'
        end as check_name
    from described

),

final as (

    select
        sample_id,
        relative_path,
        row_number,
        check_name,
        case
            when check_name in ('untyped_numbers', 'impossible_numbers')
                then
                    case category
                        when 'not_classified' then 'filtered'
                        else coalesce(replace(category, ' ', '_'), 'pct')
                    end
            when is_task then 'task_name'
            else 'interaction_type'
        end as column_name,
        case
            when check_name in ('untyped_numbers', 'impossible_numbers')
                then
                    '"' || value_text || '" for "' || left(base_cluster_name, 80)
                    || '"'
            when check_name = 'duplicate_keys'
                then
                    '"' || left(base_cluster_name, 80) || '" in ' || key_row_count
                    || ' rows, first in row ' || first_row_number
            when check_name = 'unpartitioned_tasks'
                then
                    'ratios of "' || left(base_cluster_name, 80) || '" that sum to '
                    || row_pct / 100
            else '"' || left(base_cluster_name, 120) || '"'
        end as observed,
        case
            when check_name = 'unpartitioned_tasks' then 'ratios that sum to 1'
            when check_name = 'impossible_numbers' and attribute_facet is not null
                then 'a ratio from 0 to 1'
        end as expected,
        check_name = 'duplicate_keys' and row_number = first_row_number as is_usable
    from checked
    where check_name is not null
    qualify row_number() over (
        partition by relative_path, row_number
        order by check_name in ('untyped_numbers', 'impossible_numbers') desc, category
    ) = 1

)

select * from final
