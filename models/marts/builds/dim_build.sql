-- grain: build_id
-- why: which code, dependencies and files the figures of this warehouse were made of
with

loaded_data as (

    select
        sha256(
            string_agg(
                relative_path || ' ' || observed_sha256, chr(10) order by relative_path
            )
        ) as data_sha256,
        bool_or(is_simulated) as is_simulated
    from {{ ref('dim_release_files') }}
    where is_loaded

),

final as (

    select
        builds.build_id,
        builds.built_at,
        builds.compared_build_id,
        builds.project_version,
        builds.code_commit,
        builds.code_sha256,
        builds.lock_sha256,
        loaded_data.data_sha256,
        '{{ invocation_id }}' as dbt_invocation_id,
        '{{ dbt_version }}' as dbt_version,
        builds.duckdb_version,
        loaded_data.is_simulated
    from {{ source('validation', 'builds') }} as builds
    cross join loaded_data

)

select * from final
