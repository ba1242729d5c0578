-- Every interval and bound beside what it should hold, in percent. Intervals don't know
-- the allocation rule: one is enough for them. Bounds have no width where nothing is
-- suppressed, and a share no Wilson interval where something is.
-- grain: batch, release_id, interval_kind, target, mart, figure, estimator, scope,
--        category, place
create or replace table judged as
with shown_kind as (

    select
        *,
        starts_with(figure, 'share_') as is_share,
        interval_kind = 'bounds' as is_bound
    from shown

)

select
    target.batch,
    interval_kind,
    mart,
    figure,
    case
        when is_share then allocation_rule || ', ' || estimator
        when is_bound then allocation_rule
        else estimator
    end as estimator,
    case
        when mart = 'fct_occupation_group_shares' then 'every_occupation_group'
        when is_share and scope <> 'education' then 'every_subsector'
        when allocation_rule <> 'any_holder' and not is_share then 'every_scope'
        else scope
    end as scope,
    target.target,
    release_id,
    if(is_bound and not is_share, scope || ', ' || category, category) as category,
    if(is_bound, null, effective_task_count) as effective_task_count,
    low_pct,
    high_pct,
    target.target_pct,
    if(target.target = 'superpopulation', share_pct - realised.target_pct, null)
        as shift_points
from shown_kind
inner join target using (
    release_id, figure, geo_id, allocation_rule, scope, estimator, category
)
left join (
    from task_figure_target where target = 'realised_all_tasks'
) as realised using (release_id, figure, allocation_rule, scope, estimator, category)
where
    target.target_pct is not null
    and case
        when is_bound
            then
                -- not every figure has bounds; one without an interval is counted
                low_pct is not null
                and target.batch = 'published'
                and (
                    target.target in ('realised_published_tasks', 'realised_share')
                    or (
                        target.target = 'realised_all_tasks'
                        and allocation_rule = 'any_holder'
                    )
                )
        when allocation_rule <> 'any_holder' then false
        when interval_kind = 'wilson_95'
            then
                target.target = 'model_parameter'
                and (target.batch = 'unsuppressed' or not is_share)
        else target.target = 'superpopulation'
    end
