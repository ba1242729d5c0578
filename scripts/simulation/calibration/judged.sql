-- Every range beside what it should hold, in percent. Intervals don't know the
-- allocation rule: one is enough for them, and one platform for all but the bands.
-- Bounds and bands have no use where nothing is suppressed, and a share no Wilson
-- interval where something is.
-- grain: batch, platform, release_id, interval_kind, target, mart, figure,
--        allocation_rule, estimator, scope, category, place
create or replace table judged as
with compared as (

    select
        shown.* exclude (allocation_rule, geo_id),
        starts_with(shown.figure, 'share_') as is_share,
        target.* exclude (release_id, platform, figure, scope, estimator, category),
        -- a scope that no rule changes stands with those of the usual rule
        coalesce(shown.allocation_rule, 'not_applicable') as shown_rule
    from shown
    inner join target
        on
            shown.release_id = target.release_id
            and shown.platform = target.platform
            and shown.figure = target.figure
            and shown.geo_id = target.geo_id
            and coalesce(nullif(shown.allocation_rule, 'not_applicable'), 'any_holder')
            = target.allocation_rule
            and shown.scope = target.scope
            and shown.estimator = target.estimator
            and shown.category = target.category
    where
        target.target_pct is not null
        and case interval_kind
            when 'uncertainty'
                then
                    batch = 'published'
                    and shown.estimator = 'all_conversations'
                    and target.target
                    = if(shown.geo_id = 'GLOBAL', 'superpopulation', 'model_parameter')
            when 'bounds'
                then
                    -- not every figure has bounds; one without an interval is counted
                    low_pct is not null
                    and batch = 'published'
                    and shown.platform = 'claude_ai'
                    and (
                        target.target in ('realised_published_tasks', 'realised_share')
                        or (
                            target.target = 'realised_all_tasks'
                            and target.allocation_rule = 'any_holder'
                        )
                    )
            when 'wilson_95'
                then
                    target.target = 'model_parameter'
                    and target.allocation_rule = 'any_holder'
                    and shown.platform = 'claude_ai'
                    and (batch = 'unsuppressed' or not is_share)
            else
                target.target = 'superpopulation'
                and target.allocation_rule = 'any_holder'
                and (
                    shown.platform = 'claude_ai'
                    or mart = 'fct_platform_decomposition'
                )
        end

),

-- A rank is one among the groups that are listed.
ranked as (

    select
        *,
        rank() over (
            partition by platform, release_id, shown_rule order by target_pct desc
        ) as true_rank
    from compared
    where interval_kind = 'uncertainty' and mart = 'fct_occupation_group_shares'

),

ranges as (

    select * from compared
    union all by name
    select
        * exclude (true_rank) replace (
            'rank_global' as figure,
            rank_low as low_pct,
            rank_high as high_pct,
            true_rank as target_pct
        )
    from ranked

)

select
    ranges.batch,
    ranges.platform,
    interval_kind,
    mart,
    figure,
    shown_rule as allocation_rule,
    estimator,
    case
        when interval_kind = 'uncertainty' then replace(scope, 'soc_', '')
        when mart = 'fct_occupation_group_shares' then 'every_occupation_group'
        when is_share and scope <> 'education' then 'every_subsector'
        when
            interval_kind = 'task_bootstrap_t_95'
            and not regexp_matches(scope, '^(education|(education_)?(all|non)_.*)$')
            then 'every_subsector'
        when allocation_rule <> 'any_holder' and not is_share then 'every_scope'
        else scope
    end as scope,
    ranges.target,
    release_id,
    if(is_share, null, category) as category,
    if(interval_kind = 'bounds', null, effective_task_count) as effective_task_count,
    low_pct,
    high_pct,
    ranges.target_pct,
    if(interval_kind = 'shown', share_pct - realised.target_pct, null) as shift_points
from ranges
left join (
    from task_figure_target where target = 'realised_all_tasks'
) as realised using (
    release_id, platform, figure, allocation_rule, scope, estimator, category
)
