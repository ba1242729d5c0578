-- grain: release_id, platform, geo_level, geo_id, allocation_rule, scope, share_base,
--        use_case
-- why: what people say the conversation is for (coursework, work, personal), by
--      scope from the tasks, and for a whole geography from its own facet, which is
--      complete
with

scope_tasks as (

    select * from {{ ref('int_scope_tasks') }}

),

use_case_cells as (

    select * from {{ ref('int_task_cells') }}
    where facet = 'use_case' and geo_level = 'global'

),

facet_cells as (

    select * from {{ ref('int_facet_cells') }}
    where facet = 'use_case' and geo_level <> 'global'

),

labels as (

    select * from {{ ref('facet_labels') }}
    where facet = 'use_case'

),

intervals as (

    select * from {{ ref('int_scope_intervals') }}
    where figure = 'use_case'

),

releases as (

    select * from {{ ref('dim_releases') }}

),

allocation_rules as (

    select * from {{ ref('allocation_rules') }}

),

baseline as (

    select * from {{ ref('scopes') }}
    where includes_pseudo_tasks

),

task_use_cases as (

    select
        use_case_cells.release_id,
        use_case_cells.platform,
        use_case_cells.task_id,
        sum(use_case_cells.conversation_count) filter (
            where labels.label_kind = 'named'
        ) as named_count,
        sum(use_case_cells.conversation_count) filter (
            where labels.label_kind <> 'residual'
        ) as published_count,
        bool_or(use_case_cells.status = 'not_in_copy') as is_not_in_copy
    from use_case_cells
    inner join labels on use_case_cells.category = labels.label
    group by
        use_case_cells.release_id, use_case_cells.platform, use_case_cells.task_id

),

scope_totals as (

    select
        scope_tasks.release_id,
        scope_tasks.platform,
        scope_tasks.allocation_rule,
        scope_tasks.scope,
        any_value(scope_tasks.is_simulated) as is_simulated,
        count(*) as task_count,
        count(*) filter (where task_use_cases.named_count > 0)
            as task_with_use_case_count,
        bool_or(task_use_cases.is_not_in_copy) as has_task_not_in_copy,
        sum(scope_tasks.conversation_count) as conversation_count,
        sum(scope_tasks.conversation_count) filter (
            where task_use_cases.named_count > 0
        ) as with_use_case_conversation_count,
        sum(scope_tasks.weight * task_use_cases.named_count) as named_count,
        sum(
            scope_tasks.conversation_count
            - scope_tasks.weight * coalesce(task_use_cases.published_count, 0)
        ) as unpublished_count
    from scope_tasks
    inner join task_use_cases
        on
            scope_tasks.release_id = task_use_cases.release_id
            and scope_tasks.platform = task_use_cases.platform
            and scope_tasks.task_id = task_use_cases.task_id
    group by
        scope_tasks.release_id, scope_tasks.platform, scope_tasks.allocation_rule,
        scope_tasks.scope

),

scope_use_cases as (

    select
        scope_tasks.release_id,
        scope_tasks.platform,
        scope_tasks.allocation_rule,
        scope_tasks.scope,
        use_case_cells.category as use_case,
        labels.label_kind,
        -- Nothing where no task of the scope publishes the use case.
        sum(scope_tasks.weight * use_case_cells.conversation_count)
            as conversation_count,
        sum(scope_tasks.weight * use_case_cells.minimum_conversation_count)
            as minimum_count,
        sum(scope_tasks.weight * use_case_cells.maximum_conversation_count)
            as maximum_count,
        sum(
            scope_tasks.conversation_count
            * use_case_cells.conversation_count
            / nullif(task_use_cases.named_count, 0)
        ) as weighted_task_share
    from scope_tasks
    inner join use_case_cells
        on
            scope_tasks.release_id = use_case_cells.release_id
            and scope_tasks.platform = use_case_cells.platform
            and scope_tasks.task_id = use_case_cells.task_id
    inner join labels on use_case_cells.category = labels.label
    inner join task_use_cases
        on
            use_case_cells.release_id = task_use_cases.release_id
            and use_case_cells.platform = task_use_cases.platform
            and use_case_cells.task_id = task_use_cases.task_id
    group by
        scope_tasks.release_id, scope_tasks.platform, scope_tasks.allocation_rule,
        scope_tasks.scope, use_case_cells.category, labels.label_kind

),

scopes_joined as (

    select
        scope_use_cases.*,
        scope_totals.task_count,
        scope_totals.task_with_use_case_count,
        scope_totals.conversation_count as scope_conversation_count,
        scope_totals.with_use_case_conversation_count,
        scope_totals.named_count,
        scope_totals.unpublished_count,
        scope_totals.has_task_not_in_copy,
        scope_totals.is_simulated
    from scope_use_cases
    inner join scope_totals
        on
            scope_use_cases.release_id = scope_totals.release_id
            and scope_use_cases.platform = scope_totals.platform
            and scope_use_cases.allocation_rule = scope_totals.allocation_rule
            and scope_use_cases.scope = scope_totals.scope

),

geographies as (

    select
        facet_cells.release_id,
        facet_cells.platform,
        facet_cells.geo_level,
        facet_cells.geo_id,
        facet_cells.cluster_name as use_case,
        labels.label_kind,
        facet_cells.conversation_count,
        sum(facet_cells.conversation_count) over geography as scope_conversation_count,
        sum(facet_cells.conversation_count) filter (where labels.label_kind = 'named')
            over geography as named_count,
        -- With a named use case folded away, the named ones are not all of their kind.
        count(*) filter (where labels.label_kind = 'named') over geography
        < (
            select count(*) from labels as named
            where named.label_kind = 'named'
        ) as has_folded_use_case,
        facet_cells.is_simulated
    from facet_cells
    inner join labels on facet_cells.cluster_name = labels.label
    window geography as (
        partition by
            facet_cells.release_id, facet_cells.platform,
            facet_cells.geo_level, facet_cells.geo_id
    )

),

estimates as (

    select
        release_id,
        platform,
        'global' as geo_level,
        'GLOBAL' as geo_id,
        allocation_rule,
        scope,
        'with_residual' as share_base,
        use_case,
        'onet_task::use_case' as source_facet,
        task_count,
        task_with_use_case_count,
        -- The residual is what no cell publishes: all of a task without cells too.
        case
            when label_kind = 'residual' then unpublished_count else conversation_count
        end as conversation_count,
        scope_conversation_count as base_conversation_count,
        100
        * case
            when label_kind = 'residual' then unpublished_count else conversation_count
        end
        / nullif(scope_conversation_count, 0) as share_pct,
        100 * case when label_kind <> 'residual' then minimum_count end
        / nullif(scope_conversation_count, 0) as bound_low_pct,
        100 * case when label_kind <> 'residual' then maximum_count end
        / nullif(scope_conversation_count, 0) as bound_high_pct,
        case when has_task_not_in_copy then 'partial_copy' else 'visible' end as status,
        is_simulated
    from scopes_joined
    union all by name
    select
        release_id,
        platform,
        'global' as geo_level,
        'GLOBAL' as geo_id,
        allocation_rule,
        scope,
        'without_residual' as share_base,
        use_case,
        'onet_task::use_case' as source_facet,
        task_count,
        task_with_use_case_count,
        conversation_count,
        named_count as base_conversation_count,
        100 * conversation_count / nullif(named_count, 0) as share_pct,
        case when has_task_not_in_copy then 'partial_copy' else 'visible' end as status,
        is_simulated
    from scopes_joined
    where label_kind = 'named'
    union all by name
    select
        release_id,
        platform,
        'global' as geo_level,
        'GLOBAL' as geo_id,
        allocation_rule,
        scope,
        'task_renormalised' as share_base,
        use_case,
        'onet_task::use_case' as source_facet,
        task_count,
        task_with_use_case_count,
        with_use_case_conversation_count as conversation_count,
        with_use_case_conversation_count as base_conversation_count,
        100 * weighted_task_share
        / nullif(with_use_case_conversation_count, 0) as share_pct,
        case when has_task_not_in_copy then 'partial_copy' else 'visible' end as status,
        is_simulated
    from scopes_joined
    where label_kind = 'named'
    union all by name
    select
        geographies.release_id,
        geographies.platform,
        geographies.geo_level,
        geographies.geo_id,
        allocation_rules.allocation_rule,
        baseline.scope,
        'with_residual' as share_base,
        geographies.use_case,
        'use_case' as source_facet,
        geographies.conversation_count,
        geographies.scope_conversation_count as base_conversation_count,
        100 * geographies.conversation_count
        / nullif(geographies.scope_conversation_count, 0) as share_pct,
        case when geographies.label_kind = 'residual' then 'residual' end
            as wilson_missing_reason,
        'visible' as status,
        geographies.is_simulated
    from geographies
    cross join allocation_rules
    cross join baseline
    union all by name
    select
        geographies.release_id,
        geographies.platform,
        geographies.geo_level,
        geographies.geo_id,
        allocation_rules.allocation_rule,
        baseline.scope,
        'without_residual' as share_base,
        geographies.use_case,
        'use_case' as source_facet,
        geographies.conversation_count,
        geographies.named_count as base_conversation_count,
        100 * geographies.conversation_count / nullif(geographies.named_count, 0)
            as share_pct,
        case when geographies.has_folded_use_case then 'suppressed_cells' end
            as wilson_missing_reason,
        'visible' as status,
        geographies.is_simulated
    from geographies
    cross join allocation_rules
    cross join baseline
    where geographies.label_kind = 'named'

),

reasoned as (

    select
        estimates.*,
        intervals.effective_task_count,
        intervals.interval_low_pct as task_interval_low_pct,
        intervals.interval_high_pct as task_interval_high_pct,
        intervals.interval_kind as task_interval_kind,
        -- A scope's figure rests on tasks; a geography's own facet is a plain count.
        case
            when estimates.source_facet = 'onet_task::use_case'
                then {{ task_interval_reason(
                    'estimates.share_pct',
                    "estimates.status = 'partial_copy'",
                    "estimates.use_case in ('none', 'not_classified')"
                ) }}
            when releases.count_basis <> 'conversations' then 'per_million_counts'
            else estimates.wilson_missing_reason
        end as interval_missing_reason
    from estimates
    inner join releases
        on
            estimates.release_id = releases.release_id
            and estimates.platform = releases.platform
    left join intervals
        on
            estimates.release_id = intervals.release_id
            and estimates.platform = intervals.platform
            and estimates.allocation_rule = intervals.allocation_rule
            and estimates.scope = intervals.scope
            and estimates.share_base = intervals.estimator
            and estimates.use_case = intervals.category
            and estimates.source_facet = 'onet_task::use_case'

),

final as (

    select
        release_id,
        platform,
        geo_level,
        geo_id,
        allocation_rule,
        scope,
        share_base,
        use_case,
        source_facet,
        task_count,
        task_with_use_case_count,
        effective_task_count,
        conversation_count,
        base_conversation_count,
        share_pct,
        case
            when interval_missing_reason is not null then null
            when source_facet = 'use_case'
                then {{ wilson_pct(
                    'conversation_count', 'base_conversation_count', -1
                ) }}
            else task_interval_low_pct
        end as interval_low_pct,
        case
            when interval_missing_reason is not null then null
            when source_facet = 'use_case'
                then {{ wilson_pct(
                    'conversation_count', 'base_conversation_count', 1
                ) }}
            else task_interval_high_pct
        end as interval_high_pct,
        case
            when interval_missing_reason is not null then null
            when source_facet = 'use_case' then 'wilson_95'
            else task_interval_kind
        end as interval_kind,
        interval_missing_reason,
        bound_low_pct,
        bound_high_pct,
        status,
        is_simulated
    from reasoned

)

select * from final
