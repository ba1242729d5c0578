{{ config(materialized='view') }}
-- grain: relative_path, window_start_date
-- why: the samples of a raw file: a monthly file holds one a calendar month, any other
--      is (a part of) one; those of own conversations are samples already
with

release_files as (

    select * from {{ ref('stg_aei__release_files') }}
    where file_role = 'raw' and copy_status = 'current'

),

windowed as (

    select
        * exclude (window_start_date, window_end_date),
        schema_family = 'C_monthly' as is_monthly,
        window_end_date as file_end_date,
        unnest(
            case
                when schema_family = 'C_monthly'
                    then generate_series(
                        window_start_date, window_end_date, interval 1 month
                    )
                else [window_start_date]
            end
        )::date as window_start_date
    from release_files

),

final as (

    select
        release_id || ' ' || platform || ' ' || window_start_date as sample_id,
        release_id,
        platform,
        relative_path,
        facet_set,
        taxonomy_version,
        count_basis,
        window_start_date,
        case when is_monthly then last_day(window_start_date) else file_end_date end
            as window_end_date,
        sample_count,
        is_loaded,
        is_simulated,
        false as is_own_data
    from windowed
    {% if has_own_conversations() %}
        union all by name
        select
            * exclude (
                file_role, copy_status, schema_family, product_label, licence,
                citation, sample_source, file_status
            )
        from {{ ref('stg_conversations__samples') }}
    {% endif %}

)

select * from final -- noqa: AM04
