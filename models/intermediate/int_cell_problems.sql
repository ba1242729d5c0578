-- grain: relative_path, row_number, check_name
-- why: cells that contradict each other or the base that the release states; every
--      cell of a group that does not add up is a row
with

facet_cells as (

    select * from {{ ref('int_facet_cells') }}
    where relative_path is not null

),

facet_values as (

    select * from {{ ref('int_facet_values') }}
    -- a layout that states its rounding needs no look at its numbers
    where measure = 'pct' and half_unit_pct is null

),

-- How finely a file prints its percentages: half a unit of the last printed decimal is
-- the most that an honest percentage can be off.
printed_precisions as (

    select
        relative_path,
        0.5 * pow(
            10,
            -max(
                case
                    -- 1e-05 is printed in full precision
                    when value_text like '%e%' then 16
                    else length(split_part(value_text, '.', 2))
                end
            )
        ) as half_unit_pct
    from facet_values
    group by relative_path

),

grouped as (

    select
        facet_cells.*,
        -- Per-million counts may be rounded: half a unit in each.
        case when facet_cells.count_basis = 'per_million' then 0.5 else 0 end
            as rounding_count,
        sum(facet_cells.conversation_count) over cell_group as group_count,
        count(*) over cell_group as group_cell_count,
        sum(facet_cells.published_pct) over cell_group as group_pct,
        1e-6 + sum(coalesce(facet_cells.half_unit_pct, 0)) over cell_group
            as group_half_unit_pct,
        100 * facet_cells.conversation_count / nullif(facet_cells.stated_base_count, 0)
            as expected_pct
    from facet_cells
    window cell_group as (
        partition by
            facet_cells.sample_id, facet_cells.geo_level, facet_cells.geo_id,
            facet_cells.facet, facet_cells.level,
            case
                when facet_cells.attribute_facet is not null
                    then facet_cells.base_cluster_name
            end
    )

),

-- Shares of tasks lie in one file, their patterns in another.
flat_shares as (

    select
        sample_id,
        relative_path as shares_path,
        is_loaded as has_shares
    from {{ ref('stg_aei__release_files') }}
    where layout = 'A_task_shares' and copy_status = 'current'

),

judged as (

    select
        grouped.*,
        flat_shares.shares_path,
        flat_shares.has_shares,
        case
            -- A row that is set aside is named already; its count is in the sums.
            when not grouped.is_usable or grouped.facet_kind = 'request' then null
            when grouped.count_basis = 'percent_only'
                then
                    case
                        when grouped.facet_kind = 'task' and grouped.amount is null
                            then 'totalless_tasks'
                        -- Labels may be unpublished, tasks of a flat file are all.
                        when
                            (grouped.has_closed_labels or grouped.facet_kind = 'task')
                            and grouped.group_pct - 100 > grouped.group_half_unit_pct
                            then 'incomplete_facets'
                        when
                            grouped.facet = 'onet_task'
                            and 100 - grouped.group_pct > grouped.group_half_unit_pct
                            then 'incomplete_facets'
                    end
            when grouped.has_other_measure and grouped.published_pct is null then null
            when grouped.conversation_count is null or grouped.published_pct is null
                then 'unpaired_cells'
            when
                grouped.facet_kind = 'task'
                and grouped.attribute_facet is not null
                and grouped.stated_base_count is null
                then 'totalless_tasks'
            when
                grouped.facet_kind = 'task'
                and grouped.attribute_facet is not null
                and abs(grouped.group_count - grouped.stated_base_count)
                > grouped.rounding_count * (grouped.group_cell_count + 1)
                then 'unpartitioned_tasks'
            when
                -- What a region's total is of could be seen in no real file.
                (grouped.facet_kind <> 'geography_total' or grouped.facet = 'country')
                and abs(grouped.published_pct - grouped.expected_pct)
                > {{ var('pct_tolerance') }}
                + printed_precisions.half_unit_pct
                + 100.0 * grouped.rounding_count
                * (
                    1
                    + grouped.conversation_count / nullif(grouped.stated_base_count, 0)
                )
                / nullif(grouped.stated_base_count - grouped.rounding_count, 0)
                then 'contradicted_percentages'
            -- What a re-based release leaves unpublished is a remainder; whole
            -- conversations partition the sample.
            when
                grouped.geo_level = 'global'
                and grouped.attribute_facet is null
                and (
                    grouped.group_count - grouped.stated_base_count
                    > grouped.rounding_count * grouped.group_cell_count
                    or (
                        grouped.count_basis = 'conversations'
                        and grouped.group_count < grouped.stated_base_count
                    )
                )
                then 'incomplete_facets'
            -- Of a place or region, whatever its percentage says.
            when
                grouped.conversation_count - grouped.stated_base_count
                > 2 * grouped.rounding_count
                then 'contradicted_percentages'
        end as check_name
    from grouped
    -- A file without a percentage has no precision.
    left join printed_precisions using (relative_path)
    left join flat_shares using (sample_id)

),

final as (

    select
        sample_id,
        relative_path,
        row_number,
        check_name,
        case
            when check_name = 'unpaired_cells' then 'variable'
            when check_name = 'totalless_tasks' then 'cluster_name'
            else 'value'
        end as column_name,
        case check_name
            when 'unpaired_cells'
                then
                    case
                        when conversation_count is null then 'a pct without its count'
                        else 'a count without its pct'
                    end
                    || ' in ' || facet || ' of "' || left(cluster_name, 80) || '"'
            when 'totalless_tasks'
                then
                    case
                        when not has_shares
                            then 'patterns of tasks without the file of their shares'
                        else
                            'cells of "' || left(base_cluster_name, 60) || '" in '
                            || facet || ' without a total of the task'
                    end
            when 'contradicted_percentages'
                then
                    facet || ' of "' || left(cluster_name, 60) || '" in ' || geo_id
                    || ': pct ' || published_pct || ' beside count '
                    || conversation_count
            when 'unpartitioned_tasks'
                then
                    facet || ' of "' || left(base_cluster_name, 60) || '" sums to '
                    || group_count
            else
                facet || ' sums to '
                || case
                    when count_basis = 'percent_only' then group_pct || ' percent'
                    else cast(group_count as varchar)
                end
        end as observed,
        case
            when check_name = 'contradicted_percentages'
                then
                    'pct = ' || expected_pct || ' = count / ' || stated_base_count
                    || case
                        when attribute_facet is not null then ', the count of the task'
                        when facet = 'country' or geo_level = 'global'
                            then ', the sample of the manifest'
                        else ', the total of the place'
                    end
            when check_name = 'unpartitioned_tasks'
                then stated_base_count || ', the onet_task_count of the task'
            when check_name = 'incomplete_facets' and count_basis = 'percent_only'
                then '100 percent'
            when check_name = 'totalless_tasks' and not has_shares
                then 'the file ' || shares_path
            when check_name = 'totalless_tasks'
                then 'a row of the task in ' || shares_path
            when check_name = 'incomplete_facets'
                then stated_base_count || ', the sample of the manifest'
        end as expected
    from judged
    where check_name is not null
    -- A row of a flat file is several cells, and one problem.
    qualify row_number() over (
        partition by relative_path, row_number, check_name order by cluster_name
    ) = 1

)

select * from final
