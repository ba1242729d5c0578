-- grain: release_id, platform, allocation_rule, scope, figure, estimator, category
-- why: the interval that stands beside a task figure: the bootstrap where the
--      figure rests on enough effective tasks, the jackknife t interval where it
--      does not
with

bootstrap as (

    select * from {{ ref('int_scope_bootstrap') }}

),

jackknife as (

    select * from {{ ref('int_scope_jackknife') }}

),

final as (

    select
        bootstrap.release_id,
        bootstrap.platform,
        bootstrap.allocation_rule,
        bootstrap.scope,
        bootstrap.figure,
        bootstrap.estimator,
        bootstrap.category,
        bootstrap.effective_task_count,
        case
            when
                bootstrap.effective_task_count
                >= {{ var('bootstrap_minimum_effective_task_count') }}
                then bootstrap.interval_low_pct
            else jackknife.interval_low_pct
        end as interval_low_pct,
        case
            when
                bootstrap.effective_task_count
                >= {{ var('bootstrap_minimum_effective_task_count') }}
                then bootstrap.interval_high_pct
            else jackknife.interval_high_pct
        end as interval_high_pct,
        case
            when
                bootstrap.effective_task_count
                >= {{ var('bootstrap_minimum_effective_task_count') }}
                then 'task_bootstrap_95'
            when jackknife.interval_low_pct is not null then 'task_jackknife_t_95'
        end as interval_kind
    from bootstrap
    left join jackknife
        on
            bootstrap.release_id = jackknife.release_id
            and bootstrap.platform = jackknife.platform
            and bootstrap.allocation_rule = jackknife.allocation_rule
            and bootstrap.scope = jackknife.scope
            and bootstrap.figure = jackknife.figure
            and bootstrap.estimator = jackknife.estimator
            and bootstrap.category = jackknife.category

)

select * from final
