{{ config(
    pre_hook=["{{ forget_rejected_rows('onet_task_statements') }}"],
    post_hook=[
        "{{ stop_on_rejected_rows('onet_task_statements') }}",
        "{{ stop_on_malformed_list('onet_task_statements') }}"
    ]
) }}
-- depends_on: {{ ref('input_checks') }}
with

source as (

    select * from {{ source('reference', 'onet_task_statements') }}

),

renamed as (

    -- Releases of one taxonomy may each ship its list.
    select distinct
        release_files.taxonomy_version,
        -- The published cluster_name of a task is its statement in lower case.
        lower(trim(source.task)) as task_key,
        source."O*NET-SOC Code" as onet_soc_code,
        source."Task ID" as onet_task_id,
        trim(source.task) as task_statement,
        source.title as occupation_title,
        release_files.is_simulated
    from source
    inner join {{ ref('stg_aei__release_files') }} as release_files
        on source.source_file_path = release_files.file_path and release_files.is_loaded

)

select * from renamed
