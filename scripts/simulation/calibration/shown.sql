-- The figures of the built marts in one form, a row for each kind of range: intervals
-- of single cells (wilson_95) or over tasks (shown), bounds, and bands (uncertainty); of
-- gaps the band, and of gaps and their parts the interval over tasks
-- (task_bootstrap_t_95).
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
where category <> 'not_classified';

insert into shown by name
with gaps as (

    select
        'fct_platform_decomposition' as mart,
        '1p_api' as platform,
        *
    from built.marts.fct_platform_decomposition
    union all by name
    select
        * replace (comparison as scope),
        'fct_scope_decomposition' as mart
    from built.marts.fct_scope_decomposition
    where comparison_kind = 'scope'

)

select
    unnest(['uncertainty'] || repeat(['task_bootstrap_t_95'], 3)) as interval_kind,
    mart,
    release_id,
    platform,
    figure || unnest(['_gap', '_gap', '_composition', '_within']) as figure,
    'GLOBAL' as geo_id,
    allocation_rule,
    scope,
    estimator,
    category,
    effective_task_count,
    unnest([
        gap_uncertainty_low,
        gap_interval_low,
        composition_interval_low,
        within_interval_low
    ]) as low_pct,
    unnest([
        gap_uncertainty_high,
        gap_interval_high,
        composition_interval_high,
        within_interval_high
    ]) as high_pct
from gaps
where estimator = 'all_conversations'
