-- grain: relative_path, row_number
-- why: what is wrong with, or unknown about, a row of the monthly layout, under the
--      first check that it fails; what the checks mean is the seed input_checks
with

monthly_values as (

    select * from {{ ref('stg_aei__monthly_values') }}

),

windows as (

    select
        relative_path,
        window_start_date,
        window_end_date
    from {{ ref('stg_aei__release_files') }}
    where layout = 'C_monthly' and is_loaded

),

-- Dates and places are few: each is judged once, not once a row.
months as (

    select
        months.relative_path,
        months.date_start,
        months.date_end,
        coalesce(
            -- 2026-4-1 would be another key of the same month
            regexp_full_match(months.date_start, '[0-9]{4}-[0-9]{2}-[0-9]{2}')
            and try_cast(months.date_start as date) >= windows.window_start_date
            and try_cast(months.date_end as date) <= windows.window_end_date + 1
            and day(try_cast(months.date_start as date)) = 1
            -- a day far off has no next month
            and months.date_end = cast(
                try(last_day(try_cast(months.date_start as date)) + 1) as varchar
            ),
            false
        ) as is_in_window,
        windows.window_start_date || ' to ' || windows.window_end_date as window_text
    from (
        select distinct
            relative_path,
            date_start,
            date_end
        from monthly_values
    ) as months
    inner join windows on months.relative_path = windows.relative_path

),

places as (

    select distinct
        places.geography,
        places.geo_id
    from (
        select distinct
            geography,
            geo_id
        from monthly_values
    ) as places
    inner join {{ ref('geography_levels') }} as geography_levels
        on places.geography = geography_levels.geography
    where
        regexp_full_match(places.geo_id, geography_levels.geo_id_pattern)
        and {{ is_of_listed_country('places.geography', 'places.geo_id') }}

),

-- Keys that stand in several rows are few: first by their hash, which is quicker.
hashed as (

    select
        *,
        coalesce(cast(level as varchar), level_text) as level_key,
        hash(
            relative_path, date_start, geography, published_geo_id, category_name,
            level_key, metric_id, node_external_id
        ) as key_hash
    from monthly_values

),

suspected as (

    select key_hash from hashed
    group by key_hash
    having count(*) > 1

),

repeated as (

    select
        hashed.relative_path,
        hashed.date_start,
        hashed.geography,
        hashed.published_geo_id,
        hashed.category_name,
        hashed.level_key,
        hashed.metric_id,
        hashed.node_external_id,
        count(*) as key_row_count,
        min(hashed.row_number) as first_row_number
    from hashed
    semi join suspected using (key_hash)
    group by all
    having count(*) > 1

),

checked as (

    select
        monthly_values.sample_id,
        monthly_values.relative_path,
        monthly_values.row_number,
        monthly_values.date_start,
        monthly_values.date_end,
        monthly_values.geography,
        monthly_values.published_geo_id,
        monthly_values.category_name,
        monthly_values.level_text,
        monthly_values.level,
        monthly_values.metric_id,
        monthly_values.node_name,
        monthly_values.node_external_id,
        monthly_values.value_text,
        months.window_text,
        repeated.key_row_count,
        repeated.first_row_number,
        case
            when not months.is_in_window then 'misdated_rows'
            when
                monthly_values.geography = 'country'
                and (
                    select count(*) from {{ ref('stg_reference__countries') }}
                ) = 0
                then 'missing_country_list'
            when
                places.geo_id is null
                -- names of levels that only other layouts have
                or monthly_values.geo_level = 'unknown'
                -- DE beside DEU would be the same country twice
                or (
                    monthly_values.geography = 'country'
                    and length(monthly_values.published_geo_id) <> 3
                )
                then 'unknown_geographies'
            when monthly_values.level is null or monthly_values.value is null
                then 'untyped_numbers'
            when
                monthly_values.category_name
                not in ('overall', 'onet', 'request', 'soc_occupation')
                then 'unknown_facets'
            when monthly_values.level > coalesce(facets.highest_level, 0)
                then 'unknown_levels'
            when
                monthly_values.node_external_id = ''
                -- a second id of everything would be a second value of one cell
                or (
                    monthly_values.category_name = 'overall'
                    and monthly_values.node_external_id <> '-'
                )
                then 'unnamed_cells'
            when not monthly_values.is_known_metric then 'unknown_variables'
            when
                monthly_values.value < 0
                or (monthly_values.measure = 'pct' and monthly_values.value > 100.0001)
                then 'impossible_numbers'
            -- last: of an official file the first of such rows is used
            when repeated.key_row_count is not null then 'duplicate_keys'
        end as check_name
    from monthly_values
    inner join months using (relative_path, date_start, date_end)
    left join places using (geography, geo_id)
    left join {{ ref('facets') }} as facets
        on monthly_values.category_name = facets.facet
    left join repeated
        on
            monthly_values.relative_path = repeated.relative_path
            and monthly_values.date_start = repeated.date_start
            and monthly_values.geography = repeated.geography
            and monthly_values.published_geo_id = repeated.published_geo_id
            and monthly_values.category_name = repeated.category_name
            and coalesce(
                cast(monthly_values.level as varchar), monthly_values.level_text
            ) = repeated.level_key
            and monthly_values.metric_id = repeated.metric_id
            and monthly_values.node_external_id = repeated.node_external_id

),

final as (

    select
        sample_id,
        relative_path,
        row_number,
        check_name,
        case check_name
            when 'misdated_rows' then 'date_start, date_end'
            when 'unknown_geographies' then 'geo_id'
            when 'missing_country_list' then 'geo_id'
            when 'untyped_numbers'
                then case when level is null then 'hierarchy_level' else 'value' end
            when 'duplicate_keys' then 'the columns before value and node_external_id'
            when 'unknown_facets' then 'category_name'
            when 'unknown_levels' then 'hierarchy_level'
            when 'unnamed_cells' then 'node_external_id'
            when 'unknown_variables' then 'metric_id'
            else 'value'
        end as column_name,
        case
            when check_name = 'misdated_rows' then date_start || ' to ' || date_end
            when check_name in ('unknown_geographies', 'missing_country_list')
                then '"' || geography || '" with geo_id "' || published_geo_id || '"'
            when level is null or check_name = 'unknown_levels'
                then '"' || level_text || '" in ' || category_name
            when check_name in ('untyped_numbers', 'impossible_numbers')
                then '"' || value_text || '" for ' || metric_id
            when check_name = 'duplicate_keys'
                then
                    'the same key in ' || key_row_count || ' rows, first in row '
                    || first_row_number || ', for ' || metric_id || ' of "'
                    || left(node_name, 80) || '"'
            when check_name = 'unknown_variables' then '"' || metric_id || '"'
            else '"' || category_name || '" with node "' || left(node_name, 80) || '"'
        end as observed,
        case
            when check_name = 'misdated_rows'
                then 'calendar months from ' || window_text || ' (release manifest)'
        end as expected,
        check_name = 'duplicate_keys' and row_number = first_row_number as is_usable
    from checked
    where check_name is not null

)

select * from final
