{{ config(
    database='private_state',
    schema='private',
    materialized='incremental' if target.type == 'duckdb' else 'table',
    incremental_strategy='microbatch',
    event_time='started_on',
    begin='2022-11-30',
    batch_size=env_var('AEI_BATCH_SIZE', 'month'),
    pre_hook=[
        "{{ threads_by_size('byte_count', 'private_state.incoming.files') }}",
        store_as_is(true)
    ],
    post_hook=store_as_is(false)
) }}
-- grain: label_key, conversation_key
-- why: own conversations, a batch of days at a time: which labels each has
{{ stop_outside_changes() }}
with

incoming as (

    select * from {{ source('conversations', 'conversations') }}

),

final as (

    select
        started_on,
        label_key,
        conversation_key,
        account_group
    from incoming

)

select * from final
