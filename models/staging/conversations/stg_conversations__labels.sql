{{ config(database='private_state', schema='private', materialized='view') }}
-- grain: label_key
-- why: the sets of labels that own conversations have; two versions of a classifier are
--      two releases, so that no figure mixes them
with

labels as (

    select * from {{ source('conversations', 'labels') }}

),

final as (

    select
        label_key,
        source_id || coalesce('_' || classifier_version, '') as release_id,
        source_id,
        platform,
        country,
        region,
        task_label,
        taxonomy_version,
        collaboration,
        use_case,
        task_success,
        classifier,
        classifier_version
    from labels

)

select * from final
