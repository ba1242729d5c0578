{{ config(materialized='view') }}
-- grain: mart, measure, release_id, platform, geo_level, geo_id, allocation_rule,
--        scope, estimator, share_base, category, top_k, task_key
-- why: the figures of the marts in one long shape, so that a published number is
--      looked up in a mart, never computed on a second path
with

releases as (

    -- A printed number names a release and a platform, not one of several months.
    select * from {{ ref('dim_releases') }}
    qualify count(*) over (partition by release_id, platform) = 1

),

education_tasks as (

    select * from {{ ref('fct_education_tasks') }}

),

-- Keys of a figure have one name in every mart, or get it here.
unioned as (

    select
        *,
        'dim_releases' as mart,
        'sample_count' as measure,
        sample_count as value
    from releases
    union all by name
    select
        *,
        'fct_education_shares' as mart,
        unnest(['conversation_count', 'task_count', 'share_pct']) as measure,
        unnest([conversation_count, cast(task_count as double), share_pct]) as value
    from {{ ref('fct_education_shares') }}
    union all by name
    select
        *,
        'fct_occupation_group_shares' as mart,
        'share_pct' as measure,
        soc_major_group as scope,
        share_pct as value
    from {{ ref('fct_occupation_group_shares') }}
    union all by name
    select
        *,
        'fct_interaction_patterns' as mart,
        'share_pct' as measure,
        pattern as category,
        share_pct as value,
        status in ('partial_copy', 'not_in_copy') as is_partial
    from {{ ref('fct_interaction_patterns') }}
    union all by name
    select
        *,
        'fct_task_success' as mart,
        unnest(['success_pct', 'task_with_success_count']) as measure,
        unnest([success_pct, cast(task_with_success_count as double)]) as value,
        status in ('partial_copy', 'not_in_copy') as is_partial
    from {{ ref('fct_task_success') }}
    union all by name
    select
        *,
        'fct_use_case_shares' as mart,
        'share_pct' as measure,
        use_case as category,
        share_pct as value,
        status in ('partial_copy', 'not_in_copy') as is_partial
    from {{ ref('fct_use_case_shares') }}
    union all by name
    select
        *,
        'fct_task_concentration' as mart,
        unnest(['share_pct', 'task_count']) as measure,
        unnest([share_pct, cast(task_count as double)]) as value
    from {{ ref('fct_task_concentration') }}
    union all by name
    select
        *,
        'fct_education_tasks' as mart,
        unnest(['volume_share_pct', 'success_pct']) as measure,
        'any_holder' as allocation_rule,
        unnest([volume_share_pct, success_pct]) as value,
        unnest([false, success_status = 'not_in_copy']) as is_partial
    from education_tasks
    union all by name
    select
        'fct_education_tasks' as mart,
        'multi_code_task_count' as measure,
        release_id,
        platform,
        'any_holder' as allocation_rule,
        'education' as scope,
        cast(count(*) filter (where education_code_count > 1) as double) as value
    from education_tasks
    group by release_id, platform
    union all by name
    select
        *,
        'fct_facet_shares' as mart,
        'share_pct' as measure,
        facet as scope,
        share_pct as value
    from {{ ref('fct_facet_shares') }}
    where level = 0 and facet not in ('onet_task', 'request')

),

final as (

    select
        unioned.mart,
        unioned.measure,
        unioned.release_id,
        unioned.platform,
        coalesce(unioned.geo_level, 'global') as geo_level,
        coalesce(unioned.geo_id, 'GLOBAL') as geo_id,
        unioned.allocation_rule,
        unioned.scope,
        unioned.estimator,
        unioned.share_base,
        unioned.category,
        unioned.top_k,
        unioned.task_key,
        unioned.value,
        coalesce(unioned.is_partial, false) as is_partial
    from unioned
    inner join releases using (release_id, platform)

)

select * from final
