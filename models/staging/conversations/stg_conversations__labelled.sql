{{ config(
    database='private_state',
    schema='private',
    materialized='incremental' if target.type == 'duckdb' else 'table',
    incremental_strategy='microbatch',
    event_time='started_on',
    begin='2022-11-30',
    batch_size=env_var('AEI_BATCH_SIZE', 'month')
) }}
-- grain: release_id, platform, conversation_key
-- why: the labels of own conversations, a batch of days at a time; two versions of a
--      classifier are two releases, so that no figure mixes them
{{ stop_outside_changes() }}
with

incoming as (

    select * from {{ source('conversations', 'conversations') }}

),

-- A conversation that was labelled again by the same version counts as labelled last.
latest as (

    select * from incoming
    qualify row_number() over (
        partition by source_id, platform, classifier_version, conversation_key
        order by classified_at desc nulls last
    ) = 1

),

final as (

    select
        source_id || coalesce('_' || classifier_version, '') as release_id,
        source_id,
        platform,
        started_on,
        conversation_key,
        account_key,
        country,
        region,
        task_label,
        taxonomy_version,
        collaboration,
        use_case,
        task_success,
        classifier,
        classifier_version
    from latest

)

select * from final
