-- The figures of the built marts in one form, a row for each kind of range: intervals
-- of single cells (wilson_95) or over tasks (shown), bounds, and bands (uncertainty).
-- grain: interval_kind, mart, release_id, platform, figure, geo_id, allocation_rule, scope,
--        estimator, category
create or replace table shown as
with figures as (

    select
        'fct_interaction_patterns' as mart,
        'pattern' as figure,
        'shown' as kind,
        pattern as category,
        *
    from built.marts.fct_interaction_patterns
    union all by name
    select
        'fct_task_success' as mart,
        'success' as figure,
        'shown' as kind,
        'yes' as category,
        success_pct as share_pct,
        *
    from built.marts.fct_task_success
    union all by name
    select
        'fct_use_case_shares' as mart,
        'use_case' as figure,
        'shown' as kind,
        use_case as category,
        *
    from built.marts.fct_use_case_shares
    union all by name
    select
        'fct_education_shares' as mart,
        'share_' || geo_level as figure,
        share_base as estimator,
        scope as category,
        *
    from built.marts.fct_education_shares
    union all by name
    select
        'fct_occupation_group_shares' as mart,
        'share_global' as figure,
        share_base as estimator,
        'soc_' || soc_major_group as scope,
        'soc_' || soc_major_group as category,
        *
    from built.marts.fct_occupation_group_shares
    union all by name
    select
        'fct_facet_shares' as mart,
        facet || '_' || geo_level as figure,
        share_base as estimator,
        geo_level as scope,
        *
    from built.marts.fct_facet_shares
    where status = 'observed'
    union all by name
    select
        'fct_education_tasks' as mart,
        'success_of_a_task' as figure,
        'yes of yes and no' as estimator,
        'education' as scope,
        task_key as category,
        *
    from built.marts.fct_education_tasks

)

select
    unnest([coalesce(kind, 'wilson_95'), 'bounds', 'uncertainty']) as interval_kind,
    mart,
    release_id,
    platform,
    figure,
    coalesce(geo_id, 'GLOBAL') as geo_id,
    allocation_rule,
    scope,
    estimator,
    category,
    share_pct,
    effective_task_count,
    unnest([interval_low_pct, bound_low_pct, uncertainty_low_pct]) as low_pct,
    unnest([interval_high_pct, bound_high_pct, uncertainty_high_pct]) as high_pct,
    rank_low,
    rank_high
from figures
where category <> 'not_classified'
