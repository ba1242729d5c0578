-- Every interval and bound of the built marts beside what it should hold. The built
-- file is attached as `built`. Percent throughout; effective tasks where there are any.

-- grain: batch, release_id, interval_kind, mart, figure, estimator, scope, category,
--        place
create or replace table judged as
with release_batch as (

    select distinct
        release_id,
        batch
    from kept_release_row

),

mart_figure as (

    select
        release_id,
        allocation_rule,
        scope,
        'fct_interaction_patterns' as mart,
        'pattern' as figure,
        estimator,
        pattern as category,
        effective_task_count,
        share_pct,
        interval_low_pct,
        interval_high_pct,
        bound_low_pct,
        bound_high_pct
    from built.marts.fct_interaction_patterns
    where pattern <> 'not_classified'
    union all
    select
        release_id,
        allocation_rule,
        scope,
        'fct_task_success',
        'success',
        estimator,
        'yes',
        effective_task_count,
        success_pct,
        interval_low_pct,
        interval_high_pct,
        -- The bounds stand beside both estimators; once is enough.
        case when estimator = 'published_yes' then bound_low_pct end,
        case when estimator = 'published_yes' then bound_high_pct end
    from built.marts.fct_task_success
    union all
    select
        release_id,
        allocation_rule,
        scope,
        'fct_use_case_shares',
        'use_case',
        share_base,
        use_case,
        effective_task_count,
        share_pct,
        interval_low_pct,
        interval_high_pct,
        bound_low_pct,
        bound_high_pct
    from built.marts.fct_use_case_shares
    where
        source_facet = 'onet_task::use_case'
        and use_case not in ('none', 'not_classified')

),

-- A task figure beside its two targets: the superpopulation, and what the same
-- conversations give when no cell is suppressed.
figure_target as (

    select
        release_batch.batch,
        mart_figure.*,
        superpopulation.target_pct,
        realised.target_pct as realised_pct,
        published.target_pct as realised_published_pct
    from mart_figure
    inner join release_batch on mart_figure.release_id = release_batch.release_id
    inner join task_figure_target as superpopulation
        on
            release_batch.batch = superpopulation.batch
            and superpopulation.release_id = 'superpopulation'
            and superpopulation.task_set = 'all_tasks'
            and mart_figure.allocation_rule = superpopulation.allocation_rule
            and mart_figure.scope = superpopulation.scope
            and mart_figure.figure = superpopulation.figure
            and mart_figure.estimator = superpopulation.estimator
            and mart_figure.category = superpopulation.category
    left join task_figure_target as realised
        on
            release_batch.batch = realised.batch
            and mart_figure.release_id = realised.release_id
            and realised.task_set = 'all_tasks'
            and mart_figure.allocation_rule = realised.allocation_rule
            and mart_figure.scope = realised.scope
            and mart_figure.figure = realised.figure
            and mart_figure.estimator = realised.estimator
            and mart_figure.category = realised.category
    left join task_figure_target as published
        on
            release_batch.batch = published.batch
            and mart_figure.release_id = published.release_id
            and published.task_set = 'published_tasks'
            and mart_figure.allocation_rule = published.allocation_rule
            and mart_figure.scope = published.scope
            and mart_figure.figure = published.figure
            and mart_figure.estimator = published.estimator
            and mart_figure.category = published.category

),

composition_interval as (

    select
        'shown' as interval_kind,
        release_id,
        allocation_rule,
        scope,
        figure,
        estimator,
        category,
        effective_task_count,
        interval_low_pct,
        interval_high_pct
    from mart_figure
    union all
    select
        'task_bootstrap_95',
        release_id,
        allocation_rule,
        scope,
        figure,
        estimator,
        category,
        effective_task_count,
        interval_low_pct,
        interval_high_pct
    from built.intermediate.int_scope_bootstrap
    union all
    select
        'task_jackknife_t_95',
        release_id,
        allocation_rule,
        scope,
        figure,
        estimator,
        category,
        effective_task_count,
        interval_low_pct,
        interval_high_pct
    from built.intermediate.int_scope_jackknife

),

composition as (

    select
        figure_target.batch,
        kind.interval_kind,
        figure_target.mart,
        figure_target.figure,
        figure_target.estimator,
        figure_target.scope,
        'superpopulation' as target,
        figure_target.release_id,
        'GLOBAL' as geo_id,
        figure_target.category,
        coalesce(interval.effective_task_count, figure_target.effective_task_count)
            as effective_task_count,
        interval.interval_low_pct as low_pct,
        interval.interval_high_pct as high_pct,
        figure_target.target_pct,
        figure_target.share_pct - figure_target.realised_pct as shift_points
    from figure_target
    cross join (
        values ('shown'), ('task_bootstrap_95'), ('task_jackknife_t_95')
    ) as kind (interval_kind)
    left join composition_interval as interval
        on
            figure_target.release_id = interval.release_id
            and figure_target.allocation_rule = interval.allocation_rule
            and figure_target.scope = interval.scope
            and figure_target.figure = interval.figure
            and figure_target.estimator = interval.estimator
            and figure_target.category = interval.category
            and kind.interval_kind = interval.interval_kind
    where figure_target.allocation_rule = 'any_holder'

),

figure_bound as (

    select
        figure_target.batch,
        'bounds' as interval_kind,
        figure_target.mart,
        figure_target.figure,
        figure_target.allocation_rule as estimator,
        case figure_target.allocation_rule
            when 'any_holder' then figure_target.scope
            else 'every_scope'
        end as scope,
        wanted.target,
        figure_target.release_id,
        'GLOBAL' as geo_id,
        figure_target.scope || ', ' || figure_target.category as category,
        null::double as effective_task_count,
        figure_target.bound_low_pct as low_pct,
        figure_target.bound_high_pct as high_pct,
        case wanted.target
            when 'realised_published_tasks' then figure_target.realised_published_pct
            else figure_target.realised_pct
        end as target_pct,
        null::double as shift_points
    from figure_target
    cross join (
        values ('realised_published_tasks'), ('realised_all_tasks')
    ) as wanted (target)
    where
        figure_target.batch = 'published'
        and figure_target.bound_low_pct is not null
        and (
            wanted.target = 'realised_published_tasks'
            or figure_target.allocation_rule = 'any_holder'
        )

),

share_figure as (

    select
        release_id,
        'fct_education_shares' as mart,
        geo_level,
        geo_id,
        allocation_rule,
        scope,
        share_base,
        interval_low_pct,
        interval_high_pct,
        bound_low_pct,
        bound_high_pct
    from built.marts.fct_education_shares
    union all
    select
        release_id,
        'fct_occupation_group_shares',
        'global',
        'GLOBAL',
        allocation_rule,
        'soc_' || soc_major_group,
        share_base,
        interval_low_pct,
        interval_high_pct,
        bound_low_pct,
        bound_high_pct
    from built.marts.fct_occupation_group_shares

),

share_interval as (

    select
        target.batch,
        kind.interval_kind,
        share_figure.mart,
        'share_' || share_figure.geo_level as figure,
        share_figure.allocation_rule || ', ' || share_figure.share_base as estimator,
        case
            when share_figure.mart = 'fct_occupation_group_shares'
                then 'every_occupation_group'
            when share_figure.scope = 'education' then 'education'
            else 'every_subsector'
        end as scope,
        case kind.interval_kind
            when 'bounds' then 'realised_share' else 'model_parameter'
        end as target,
        share_figure.release_id,
        share_figure.geo_id,
        share_figure.scope as category,
        null::double as effective_task_count,
        case kind.interval_kind
            when 'bounds' then share_figure.bound_low_pct
            else share_figure.interval_low_pct
        end as low_pct,
        case kind.interval_kind
            when 'bounds' then share_figure.bound_high_pct
            else share_figure.interval_high_pct
        end as high_pct,
        case kind.interval_kind
            when 'bounds' then target.realised_pct else target.parameter_pct
        end as target_pct,
        null::double as shift_points
    from share_figure
    inner join scope_share_target as target
        on
            share_figure.release_id = target.release_id
            and share_figure.geo_level = target.geo_level
            and share_figure.geo_id = target.geo_id
            and share_figure.allocation_rule = target.allocation_rule
            and share_figure.scope = target.scope
            and share_figure.share_base = target.share_base
    cross join (values ('bounds'), ('wilson_95')) as kind (interval_kind)
    -- A split count is no count of whole conversations: it has bounds only.
    -- Where nothing is suppressed, bounds have no width.
    where
        (kind.interval_kind = 'bounds' and target.batch = 'published')
        or (
            kind.interval_kind = 'wilson_95'
            and target.batch = 'unsuppressed'
            and share_figure.allocation_rule = 'any_holder'
        )

),

facet_interval as (

    select
        target.batch,
        'wilson_95' as interval_kind,
        'fct_facet_shares' as mart,
        shares.facet || '_' || shares.geo_level as figure,
        'share of the place' as estimator,
        shares.geo_level as scope,
        'model_parameter' as target,
        shares.release_id,
        shares.geo_id,
        shares.category,
        null::double as effective_task_count,
        shares.interval_low_pct as low_pct,
        shares.interval_high_pct as high_pct,
        target.parameter_pct as target_pct,
        null::double as shift_points
    from built.marts.fct_facet_shares as shares
    inner join facet_target as target
        on
            shares.release_id = target.release_id
            and shares.geo_level = target.geo_level
            and shares.geo_id = target.geo_id
            and shares.facet = target.facet
            and shares.category = target.category
    where shares.status = 'observed' and shares.category <> 'not_classified'

),

use_case_interval as (

    select
        target.batch,
        'wilson_95' as interval_kind,
        'fct_use_case_shares' as mart,
        'use_case_country' as figure,
        shares.share_base as estimator,
        'country' as scope,
        'model_parameter' as target,
        shares.release_id,
        shares.geo_id,
        shares.use_case as category,
        null::double as effective_task_count,
        shares.interval_low_pct as low_pct,
        shares.interval_high_pct as high_pct,
        target.parameter_pct
        / case shares.share_base
            when 'without_residual' then 1 - coalesce(residual.parameter_pct, 0) / 100
            else 1
        end as target_pct,
        null::double as shift_points
    from built.marts.fct_use_case_shares as shares
    inner join facet_target as target
        on
            shares.release_id = target.release_id
            and shares.geo_id = target.geo_id
            and target.facet = 'use_case'
            and shares.use_case = target.category
    left join facet_target as residual
        on
            target.release_id = residual.release_id
            and target.geo_id = residual.geo_id
            and residual.facet = 'use_case'
            and residual.category = 'not_classified'
    where
        shares.source_facet = 'use_case'
        and shares.allocation_rule = 'any_holder'
        and shares.use_case <> 'not_classified'

),

task_interval as (

    select
        answer.batch,
        'wilson_95' as interval_kind,
        'fct_education_tasks' as mart,
        'success_of_a_task' as figure,
        'yes of yes and no' as estimator,
        'education' as scope,
        'model_parameter' as target,
        tasks.release_id,
        'GLOBAL' as geo_id,
        tasks.task_key as category,
        null::double as effective_task_count,
        tasks.interval_low_pct as low_pct,
        tasks.interval_high_pct as high_pct,
        100 * answer.mass / answer.answered_mass as target_pct,
        null::double as shift_points
    from built.marts.fct_education_tasks as tasks
    inner join release_batch on tasks.release_id = release_batch.release_id
    inner join task_answer as answer
        on
            release_batch.batch = answer.batch
            and answer.release_id = 'superpopulation'
            and tasks.task_key = answer.task
            and answer.facet = 'task_success'
            and answer.category = 'yes'

)

select * from composition
union all
select * from figure_bound
union all
select * from share_interval
union all
select * from facet_interval
union all
select * from use_case_interval
union all
select * from task_interval;
