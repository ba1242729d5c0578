{{ config(post_hook=["{{ stop_on('select * from ' ~ this) }}"]) }}
with

facet_values as (

    select * from {{ ref('stg_aei__facet_values') }}

),

release_files as (

    select * from {{ ref('stg_aei__release_files') }}

),

task_holders as (

    select * from {{ ref('stg_reference__task_holders') }}

),

geography_levels as (

    select * from {{ ref('geography_levels') }}

),

facets as (

    select * from {{ ref('facets') }}

),

facet_labels as (

    select * from {{ ref('facet_labels') }}

),

-- A file without rows would otherwise look like an absent one.
empty_files as (

    select
        release_files.relative_path as file,
        cast(null as bigint) as row_number,
        cast(null as varchar) as column_name,
        'no row' as observed,
        'at least one row behind the header' as expected,
        'The file is cut off; fetch it again (make fetch).' as advice
    from release_files
    where
        release_files.file_role = 'raw'
        and release_files.is_loaded
        and release_files.relative_path not in (
            select facet_values.relative_path from facet_values
        )

),

-- What each row must say for the file to be the one the manifest describes.
mislabelled_rows as (

    select
        facet_values.relative_path as file,
        facet_values.row_number,
        'platform_and_product' as column_name,
        '"' || facet_values.platform_and_product || '"' as observed,
        '"' || release_files.product_label || '" (release manifest)' as expected,
        'The file holds another platform or product than its name says; fetch it '
        || 'again, or mend the manifest row.'
            as advice
    from facet_values
    inner join release_files
        on facet_values.relative_path = release_files.relative_path
    where
        release_files.is_loaded
        and facet_values.platform_and_product <> release_files.product_label

),

misdated_rows as (

    select
        facet_values.relative_path as file,
        facet_values.row_number,
        'date_start, date_end' as column_name,
        facet_values.date_start || ' to ' || facet_values.date_end as observed,
        release_files.window_start_date || ' to '
        || release_files.window_end_date || ' (release manifest)' as expected,
        'The file holds another window than the manifest says; fetch it again, or'
        || ' mend the manifest row.'
            as advice
    from facet_values
    inner join release_files
        on facet_values.relative_path = release_files.relative_path
    where
        release_files.is_loaded
        and (
            facet_values.date_start <> cast(release_files.window_start_date as varchar)
            or facet_values.date_end <> cast(release_files.window_end_date as varchar)
        )

),

unknown_geographies as (

    select
        facet_values.relative_path as file,
        facet_values.row_number,
        case
            when geography_levels.geography is null then 'geography' else 'geo_id'
        end as column_name,
        '"' || facet_values.geography || '" with geo_id "' || facet_values.geo_id
        || '"' as observed,
        coalesce(
            'a geo_id like ' || geography_levels.geo_id_example,
            'global, country, state_us or country-state'
        ) as expected,
        'A raw file has ISO 3166-1 alpha-2 countries; enriched files (alpha-3) '
        || 'are not read.'
            as advice
    from facet_values
    left join geography_levels on facet_values.geography = geography_levels.geography
    where
        geography_levels.geography is null
        or not regexp_full_match(facet_values.geo_id, geography_levels.geo_id_pattern)

),

untyped_numbers as (

    select
        facet_values.relative_path as file,
        facet_values.row_number,
        'value' as column_name,
        '"' || facet_values.value_text || '" for ' || facet_values.variable as observed,
        'a plain decimal number such as 25.0' as expected,
        'The row is damaged; fetch the file again, or mend the row at its source.'
            as advice
    from facet_values
    left join facets
        on
            coalesce(facet_values.attribute_facet, facet_values.base_facet)
            = facets.facet
    where
        facet_values.value is null
        -- A statistic that no mart uses may be empty (no interval of one record).
        and (
            facet_values.value_text <> ''
            or coalesce(facets.facet_kind, '') <> 'numeric'
        )
    union all
    select
        relative_path as file,
        row_number,
        'level' as column_name,
        '"' || level_text || '"' as observed,
        'a whole number such as 0' as expected,
        'The row is damaged; fetch the file again, or mend the row at its source.'
            as advice
    from facet_values
    where level is null

),

impossible_numbers as (

    select
        facet_values.relative_path as file,
        facet_values.row_number,
        'value' as column_name,
        facet_values.value_text || ' for ' || facet_values.variable as observed,
        case
            when facet_values.measure = 'pct' then 'a percentage from 0 to 100'
            else 'a count of conversations: 0 or more, whole'
        end as expected,
        'The row is damaged, or counts are labelled with the wrong basis in the '
        || 'manifest.'
            as advice
    from facet_values
    inner join facets
        on
            coalesce(facet_values.attribute_facet, facet_values.base_facet)
            = facets.facet
            and facets.is_in_marts
    where
        (
            facet_values.measure = 'pct'
            and (facet_values.value < 0 or facet_values.value > 100.0001)
        )
        or (
            facet_values.measure = 'count'
            and (
                facet_values.value < 0
                or (
                    facet_values.count_basis = 'conversations'
                    and facet_values.value <> floor(facet_values.value)
                )
            )
        )

),

duplicate_keys as (

    select
        relative_path as file,
        min(row_number) as row_number,
        'the nine columns before value' as column_name,
        'the same key in ' || count(*) || ' rows ('
        || string_agg(row_number || ': ' || value_text, ', ' order by row_number)
        || ') for ' || variable || ' of "' || left(any_value(cluster_name), 80)
        || '"' as observed,
        'one row per key' as expected,
        'Two copies were joined, or rows were pasted twice; fetch the file again.'
            as advice
    from facet_values
    group by
        relative_path, geo_id, geography, date_start, date_end, platform_and_product,
        facet, level, variable, cluster_name
    having count(*) > 1

),

-- The cell a row belongs to, with its count and its percentage beside each other.
cells as (

    select
        facet_values.relative_path,
        facet_values.geography,
        facet_values.geo_id,
        facet_values.facet,
        facet_values.level,
        facet_values.attribute_facet,
        facet_values.base_cluster_name,
        facet_values.cluster_name,
        any_value(facet_values.category) as category,
        any_value(facet_values.count_basis) as count_basis,
        any_value(base_facets.facet_kind) as facet_kind,
        any_value(coalesce(facet_values.attribute_facet, facet_values.base_facet))
            as label_facet,
        min(facet_values.row_number) as row_number,
        count(*) filter (
            where facet_values.measure not in ('count', 'pct')
        ) as other_measure_count,
        any_value(facet_values.variable) filter (
            where facet_values.measure not in ('count', 'pct')
        ) as other_variable,
        max(facet_values.value) filter (where facet_values.measure = 'count') as count,
        max(facet_values.value) filter (where facet_values.measure = 'pct') as pct
    from facet_values
    inner join facets as base_facets
        on facet_values.base_facet = base_facets.facet and base_facets.is_in_marts
    left join facets as attribute_facets
        on facet_values.attribute_facet = attribute_facets.facet
    where
        facet_values.attribute_facet is null
        or attribute_facets.facet_kind = 'category'
    group by all

),

unknown_variables as (

    select
        relative_path as file,
        row_number,
        'variable' as column_name,
        '"' || other_variable || '" in facet ' || facet as observed,
        replace(facet, '::', '_') || '_count or ' || replace(facet, '::', '_')
        || '_pct (usage_count, usage_pct for totals of a geography)' as expected,
        'The file has another layout than family B; it can''t be loaded as this '
        || 'release.'
            as advice
    from cells
    where other_measure_count > 0 and facet_kind <> 'request'

),

unpaired_cells as (

    select
        relative_path as file,
        row_number,
        'variable' as column_name,
        'a '
        || case
            when count is null then 'pct without its count' else 'count without its pct'
        end
        || ' in ' || facet || ' of "' || left(cluster_name, 80) || '"' as observed,
        'both in every cell' as expected,
        'A row is missing: the file is cut off or was filtered.' as advice
    from cells
    where
        (count is null or pct is null)
        and other_measure_count = 0
        and facet_kind <> 'request'

),

label_lists as (

    select
        facet,
        string_agg(label, ', ' order by label) as label_list
    from facet_labels
    group by facet

),

unknown_labels as (

    select
        cells.relative_path as file,
        cells.row_number,
        'cluster_name' as column_name,
        'the label "' || coalesce(cells.category, cells.cluster_name) || '" in '
        || cells.facet || case
            when cells.category is not null
                then ' of "' || left(cells.base_cluster_name, 60) || '"'
            else ''
        end as observed,
        'one of the labels of ' || cells.label_facet || ': '
        || label_lists.label_list as expected,
        'Labels have spaces in raw files, not underscores; a new label needs a '
        || 'row in seeds/reference/facet_labels.csv and a decision about its '
        || 'meaning.'
            as advice
    from cells
    inner join facets on cells.label_facet = facets.facet and facets.has_closed_labels
    inner join label_lists on cells.label_facet = label_lists.facet
    left join facet_labels
        on
            cells.label_facet = facet_labels.facet
            and coalesce(cells.category, cells.cluster_name) = facet_labels.label
    where facet_labels.label is null

),

unnamed_cells as (

    select
        relative_path as file,
        row_number,
        'cluster_name' as column_name,
        '"' || left(cluster_name, 80) || '" in ' || facet as observed,
        case
            when attribute_facet is not null then 'base::category, both named'
            when facet_kind = 'geography_total' then 'an empty text'
            else 'a name'
        end as expected,
        'The row is damaged, or the file is an enriched one.' as advice
    from cells
    where
        case
            when attribute_facet is not null
                then coalesce(base_cluster_name, '') = '' or coalesce(category, '') = ''
            when facet_kind = 'geography_total' then cluster_name <> ''
            else cluster_name = ''
        end

),

task_list_sizes as (

    select count(*) as statement_count from task_holders

),

unknown_tasks as (

    select
        cells.relative_path as file,
        cells.row_number,
        'cluster_name' as column_name,
        'the task "' || left(cells.base_cluster_name, 120) || '"' as observed,
        'a statement of the task list ' || coalesce(
            any_value(release_files.taxonomy_version), '?'
        ) || ', in lower case (the manifest''s onet_task_statements file; '
        || case
            when any_value(task_list_sizes.statement_count) = 0
                then 'this copy has none, fetch it with make fetch'
            else 'loaded'
        end || ')' as expected,
        'Without its occupations a task can''t be counted as education or not; '
        || 'check the taxonomy_version of the manifest row.'
            as advice
    from cells
    inner join release_files
        on
            cells.relative_path = release_files.relative_path
            and release_files.is_loaded
    cross join task_list_sizes
    left join task_holders
        on
            cells.base_cluster_name = task_holders.task_key
            and release_files.taxonomy_version = task_holders.taxonomy_version
    where
        cells.facet_kind = 'task'
        and task_holders.task_key is null
        and cells.base_cluster_name not in ('none', 'not_classified')
    group by all

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
    where measure = 'pct'
    group by relative_path

),

-- Percentages are compared with count / base, never copied. The base of an
-- intersection is its task; everything else has its geography as base. Regions and
-- countries are compared by a test of fct_facet_shares that warns.
compared_cells as (

    select
        relative_path,
        row_number,
        facet,
        cluster_name,
        geo_id,
        count,
        pct,
        sum(count) over cell_group as base_count,
        -- Per-million counts may be rounded: half a unit in the count, and half a unit
        -- in each count that the base sums.
        case when count_basis = 'per_million' then 0.5 else 0 end as rounding_count,
        count(*) over cell_group as cell_count
    from cells
    where
        count is not null
        and pct is not null
        and (
            facet = 'country'
            or (geography = 'global' and facet_kind in ('task', 'category'))
        )
    window cell_group as (
        partition by
            relative_path,
            facet,
            level,
            -- the base of countries is all of them; of an intersection, its task
            case when facet_kind <> 'geography_total' then geo_id end,
            case when attribute_facet is not null then base_cluster_name end
    )

),

contradicted_percentages as (

    select
        compared_cells.relative_path as file,
        compared_cells.row_number,
        'value' as column_name,
        compared_cells.facet || ' of "' || left(compared_cells.cluster_name, 60)
        || '" in ' || compared_cells.geo_id || ': pct ' || compared_cells.pct
        || ' beside count ' || compared_cells.count as observed,
        'pct = ' || 100 * compared_cells.count / nullif(compared_cells.base_count, 0)
        || ' = count / ' || compared_cells.base_count
        || ', the sum of the counts in its group' as expected,
        'Rows are missing (a cut-off file, a dropped residual), or count and pct are '
        || 'swapped, scaled or edited.' as advice
    from compared_cells
    inner join printed_precisions
        on compared_cells.relative_path = printed_precisions.relative_path
    where
        compared_cells.base_count is null
        or compared_cells.base_count = 0
        or abs(
            compared_cells.pct - 100 * compared_cells.count / compared_cells.base_count
        )
        > {{ var('pct_tolerance') }}
        + printed_precisions.half_unit_pct
        + 100.0 * compared_cells.rounding_count * (
            1
            + compared_cells.cell_count * compared_cells.count
            / compared_cells.base_count
        ) / compared_cells.base_count

),

-- A task with cells but without its total: the total's rows were lost.
totalless_tasks as (

    select
        intersections.relative_path as file,
        min(intersections.row_number) as row_number,
        'cluster_name' as column_name,
        'cells of "' || left(intersections.base_cluster_name, 60) || '" in '
        || intersections.facet || ' without a total of the task' as observed,
        'rows of the task in the facet onet_task' as expected,
        'Rows are missing: the file is cut off or was filtered.' as advice
    from cells as intersections
    left join cells as totals
        on
            intersections.relative_path = totals.relative_path
            and intersections.geography = totals.geography
            and intersections.geo_id = totals.geo_id
            and intersections.base_cluster_name = totals.cluster_name
            and totals.facet = 'onet_task'
    where
        intersections.facet_kind = 'task'
        and intersections.attribute_facet is not null
        and totals.cluster_name is null
    group by
        intersections.relative_path, intersections.geography, intersections.geo_id,
        intersections.facet, intersections.base_cluster_name

),

-- Single-label facets: the cells of a task are its conversations, each once.
unpartitioned_tasks as (

    select
        intersections.relative_path as file,
        min(intersections.row_number) as row_number,
        'value' as column_name,
        intersections.facet || ' of "' || left(intersections.base_cluster_name, 60)
        || '" sums to ' || sum(intersections.count) as observed,
        any_value(totals.count) || ', the onet_task_count of the task' as expected,
        'A cell is missing or was edited; bounds for suppressed cells would be wrong.'
            as advice
    from cells as intersections
    inner join cells as totals
        on
            intersections.relative_path = totals.relative_path
            and intersections.geography = totals.geography
            and intersections.geo_id = totals.geo_id
            and intersections.base_cluster_name = totals.cluster_name
            and totals.facet = 'onet_task'
    where
        intersections.facet_kind = 'task'
        and intersections.attribute_facet is not null
    group by
        intersections.relative_path, intersections.geography, intersections.geo_id,
        intersections.facet, intersections.base_cluster_name
    having
        abs(sum(intersections.count) - any_value(totals.count))
        > case
            when any_value(intersections.count_basis) = 'per_million'
                then (count(*) + 1) / 2.0
            else 0
        end

),

final as (

    select
        *,
        1 as priority,
        'empty_files' as check_name
    from empty_files
    union all by name
    select
        *,
        1 as priority,
        'mislabelled_rows' as check_name
    from mislabelled_rows
    union all by name
    select
        *,
        1 as priority,
        'misdated_rows' as check_name
    from misdated_rows
    union all by name
    select
        *,
        1 as priority,
        'unknown_geographies' as check_name
    from unknown_geographies
    union all by name
    select
        *,
        1 as priority,
        'untyped_numbers' as check_name
    from untyped_numbers
    union all by name
    select
        *,
        1 as priority,
        'impossible_numbers' as check_name
    from impossible_numbers
    union all by name
    select
        *,
        1 as priority,
        'duplicate_keys' as check_name
    from duplicate_keys
    union all by name
    select
        *,
        2 as priority,
        'unknown_variables' as check_name
    from unknown_variables
    union all by name
    select
        *,
        2 as priority,
        'unpaired_cells' as check_name
    from unpaired_cells
    union all by name
    select
        *,
        1 as priority,
        'unknown_labels' as check_name
    from unknown_labels
    union all by name
    select
        *,
        1 as priority,
        'unnamed_cells' as check_name
    from unnamed_cells
    union all by name
    select
        *,
        1 as priority,
        'unknown_tasks' as check_name
    from unknown_tasks
    union all by name
    select
        *,
        3 as priority,
        'contradicted_percentages' as check_name
    from contradicted_percentages
    union all by name
    select
        *,
        3 as priority,
        'totalless_tasks' as check_name
    from totalless_tasks
    union all by name
    select
        *,
        3 as priority,
        'unpartitioned_tasks' as check_name
    from unpartitioned_tasks

)

select
    file,
    row_number,
    column_name,
    observed,
    expected,
    advice,
    -- What is wrong with a row itself comes before what follows from it elsewhere.
    priority,
    -- Each check has a damaged file of its own: docs/kill-table.md.
    check_name
from final
