-- grain: relative_path, row_number
-- why: what is wrong with, or unknown about, a row of the long layout, under the first
--      check that it fails; what the checks mean is the seed input_checks
with

release_files as (

    select * from {{ ref('stg_aei__release_files') }}
    where layout = 'B_long' and is_loaded

),

-- Read by itself: a table that is named twice would be copied whole.
places as (

    select
        geography,
        geo_id
    from {{ ref('stg_aei__facet_values') }}
    group by geography, geo_id

),

geography_levels as (

    select * from {{ ref('geography_levels') }}

),

-- A pattern is matched once a place, not once a row.
known_places as (

    select
        places.geography,
        places.geo_id
    from places
    inner join geography_levels using (geography)
    where
        regexp_full_match(places.geo_id, geography_levels.geo_id_pattern)
        and {{ is_of_listed_country('places.geography', 'places.geo_id') }}

),

facets as (

    select * from {{ ref('facets') }}

),

tasks as (

    -- A statement stands under each occupation that holds it.
    select distinct
        taxonomy_version,
        task_key
    from {{ ref('stg_reference__task_holders') }}

),

repeated as (

    select
        relative_path,
        count(*) as key_row_count,
        min(row_number) as first_row_number,
        unnest(list(row_number)) as row_number
    from {{ ref('stg_aei__facet_values') }}
    group by
        relative_path, geo_id, geography, date_start, date_end, platform_and_product,
        -- 0 and 0.0 are one level
        facet, coalesce(cast(level as varchar), level_text), variable, cluster_name
    having count(*) > 1

),

described as (

    select
        facet_values.*,
        repeated.key_row_count,
        repeated.first_row_number,
        release_files.product_label,
        cast(release_files.window_start_date as varchar) as window_start,
        cast(release_files.window_end_date as varchar) as window_end,
        geography_levels.geography is not null as is_known_geography,
        known_places.geography is not null as is_known_place,
        base_facets.facet_kind,
        coalesce(attribute_facets.facet_kind, base_facets.facet_kind) as label_kind,
        coalesce(base_facets.is_in_marts, false)
        and coalesce(attribute_facets.is_in_marts, true) as is_in_marts,
        base_facets.highest_level,
        base_facets.facet is not null
        and (facet_values.attribute_facet is null or attribute_facets.facet is not null)
            as is_known_facet,
        coalesce(attribute_facets.has_closed_labels, base_facets.has_closed_labels)
        and facet_labels.label is null as is_unknown_label,
        base_facets.facet_kind = 'task'
        and tasks.task_key is null
        and facet_values.base_cluster_name not in ('none', 'not_classified')
            as is_unknown_task,
        facet_values.taxonomy_version in (
            select listed.taxonomy_version from tasks as listed
        ) as has_task_list
    from {{ ref('stg_aei__facet_values') }} as facet_values
    inner join release_files using (relative_path)
    left join repeated using (relative_path, row_number)
    left join geography_levels using (geography)
    left join known_places using (geography, geo_id)
    left join facets as base_facets on facet_values.base_facet = base_facets.facet
    left join facets as attribute_facets
        on facet_values.attribute_facet = attribute_facets.facet
    left join {{ ref('facet_labels') }} as facet_labels
        on
            coalesce(facet_values.attribute_facet, facet_values.base_facet)
            = facet_labels.facet
            and coalesce(facet_values.category, facet_values.cluster_name)
            = facet_labels.label
    left join tasks
        on
            facet_values.taxonomy_version = tasks.taxonomy_version
            and facet_values.base_cluster_name = tasks.task_key

),

checked as (

    select
        *,
        case
            when platform_and_product <> product_label then 'mislabelled_rows'
            when date_start <> window_start or date_end <> window_end
                then 'misdated_rows'
            when not is_known_place then 'unknown_geographies'
            when level is null then 'untyped_numbers'
            -- A statistic that no mart uses may be empty (no interval of one record).
            when
                value is null
                and (value_text <> '' or coalesce(label_kind, '') <> 'numeric')
                then 'untyped_numbers'
            when not is_known_facet then 'unknown_facets'
            when level > highest_level then 'unknown_levels'
            when not is_in_marts
                then case when key_row_count > 1 then 'duplicate_keys' end
            when
                case
                    when attribute_facet is not null
                        then
                            coalesce(base_cluster_name, '') = ''
                            or coalesce(category, '') = ''
                    when facet_kind = 'geography_total' then cluster_name <> ''
                    else cluster_name = ''
                end
                then 'unnamed_cells'
            when measure not in ('count', 'pct') and facet_kind <> 'request'
                then 'unknown_variables'
            when measure = 'pct' and (value < 0 or value > 100.0001)
                then 'impossible_numbers'
            when
                measure = 'count'
                and (
                    value < 0
                    or (count_basis = 'conversations' and value <> floor(value))
                )
                then 'impossible_numbers'
            when is_unknown_label then 'unknown_labels'
            when is_unknown_task and not has_task_list then 'missing_task_list'
            when is_unknown_task then 'unknown_tasks'
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
        case check_name
            when 'mislabelled_rows' then 'platform_and_product'
            when 'misdated_rows' then 'date_start, date_end'
            when 'unknown_geographies'
                then case when is_known_geography then 'geo_id' else 'geography' end
            when 'untyped_numbers'
                then case when level is null then 'level' else 'value' end
            when 'duplicate_keys' then 'the nine columns before value'
            when 'unknown_facets' then 'facet'
            when 'unknown_levels' then 'level'
            when 'unknown_variables' then 'variable'
            when 'impossible_numbers' then 'value'
            else 'cluster_name'
        end as column_name,
        case
            when check_name = 'mislabelled_rows' then '"' || platform_and_product || '"'
            when check_name = 'misdated_rows' then date_start || ' to ' || date_end
            when check_name = 'unknown_geographies'
                then '"' || geography || '" with geo_id "' || geo_id || '"'
            when level is null or check_name = 'unknown_levels'
                then '"' || level_text || '" in ' || facet
            when check_name = 'unknown_variables'
                then '"' || variable || '" in facet ' || facet
            when check_name = 'duplicate_keys'
                then
                    'the same key in ' || key_row_count || ' rows, first in row '
                    || first_row_number || ', for ' || variable || ' of "'
                    || left(cluster_name, 80) || '"'
            when check_name in ('untyped_numbers', 'impossible_numbers')
                then '"' || value_text || '" for ' || variable
            else '"' || left(cluster_name, 120) || '" in ' || facet
        end as observed,
        case check_name
            when 'mislabelled_rows' then '"' || product_label || '" (release manifest)'
            when 'misdated_rows'
                then window_start || ' to ' || window_end || ' (release manifest)'
        end as expected,
        -- What can still be used where the file is the official one.
        check_name in ('mislabelled_rows', 'misdated_rows')
        or (check_name = 'duplicate_keys' and row_number = first_row_number)
            as is_usable
    from checked
    where check_name is not null

)

select * from final
