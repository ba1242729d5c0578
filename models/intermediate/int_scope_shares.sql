-- grain: sample_id, geo_level, geo_id, allocation_rule, scope, share_base
-- why: how much of the use falls to the tasks of a scope, with the range that unseen
--      conversations leave open: once for education, its subsectors and all major
--      groups; and as the release publishes it itself, with its rounding
with

geography_totals as (

    select * from {{ ref('int_geography_totals') }}
    where task_node_count > 0

),

tasks as (

    select * from {{ ref('int_tasks') }}
    where not is_pseudo_task

),

task_cells as (

    select cells.*
    from {{ ref('int_task_cells') }} as cells
    semi join tasks using (task_id)
    where cells.facet = 'onet_task'

),

scope_weights as (

    select * from {{ ref('int_scope_weights') }}
    where scope_kind in ('education', 'subsector', 'major_group')

),

share_bases as (

    select
        *,
        'all_conversations' as share_base,
        conversation_count as base_conversation_count,
        conversation_count as bound_base_conversation_count
    from geography_totals
    union all
    -- The unseen conversations may be of named tasks: they widen this base too.
    select
        *,
        'named_tasks' as share_base,
        named_task_conversation_count as base_conversation_count,
        named_task_conversation_count + unseen_conversation_count
            as bound_base_conversation_count
    from geography_totals

),

-- A task, what is left of the base without it, and the sum of squares of all tasks.
based_tasks as (

    select
        task_cells.*,
        share_bases.share_base,
        {{ rest_of(
            'task_cells.conversation_count',
            'share_bases.bound_base_conversation_count'
        ) }} as rest_count,
        count(*) over place as base_task_count,
        {{ exact_sum(
            'pow(100 * task_cells.conversation_count / rest_count, 2)', 'over place'
        ) }} as base_squares
    from task_cells
    inner join share_bases using (sample_id, geo_level, geo_id)
    window place as (
        partition by
            task_cells.sample_id, task_cells.geo_level, task_cells.geo_id,
            share_bases.share_base
    )

),

visible as (

    select
        based_tasks.sample_id,
        based_tasks.geo_level,
        based_tasks.geo_id,
        based_tasks.share_base,
        scope_weights.allocation_rule,
        scope_weights.scope,
        scope_weights.scope_kind,
        count(*) as task_count,
        {{ exact_sum('scope_weights.weight * based_tasks.conversation_count') }}
            as conversation_count,
        pow(
            {{ exact_sum('scope_weights.weight * based_tasks.conversation_count') }}, 2
        ) / nullif(
            {{ exact_sum(
                'pow(scope_weights.weight * based_tasks.conversation_count, 2)'
            ) }},
            0
        ) as effective_task_count,
        any_value(based_tasks.base_task_count) as base_task_count,
        any_value(based_tasks.base_squares) as base_squares,
        {{ delete_one_sums(
            'scope_weights.weight * based_tasks.conversation_count',
            'based_tasks.conversation_count',
            'based_tasks.rest_count',
            'of_scope'
        ) }}
    from based_tasks
    inner join scope_weights using (task_id)
    where scope_weights.scope_kind <> 'major_group' or based_tasks.geo_level = 'global'
    group by
        based_tasks.sample_id, based_tasks.geo_level, based_tasks.geo_id,
        based_tasks.share_base, scope_weights.allocation_rule, scope_weights.scope,
        scope_weights.scope_kind

),

scopes as (

    -- each rule and scope once, not once a task
    select distinct
        allocation_rule,
        scope,
        scope_kind
    from scope_weights

),

-- A place without a visible task of a scope has a row too: absent is not zero.
joined as (

    select
        share_bases.sample_id,
        share_bases.geo_level,
        share_bases.geo_id,
        scopes.*,
        share_bases.share_base,
        coalesce(visible.task_count, 0) as task_count,
        visible.effective_task_count,
        visible.conversation_count,
        visible.base_task_count,
        visible.base_squares,
        visible.squares_of_scope,
        visible.products_of_scope,
        share_bases.base_conversation_count,
        share_bases.bound_base_conversation_count,
        share_bases.unseen_conversation_count,
        share_bases.is_residual,
        samples.count_basis,
        allocation_rules.is_fractional,
        -- An official file may count more in a place than it says the place has.
        coalesce(visible.conversation_count, 0)
        > share_bases.base_conversation_count + 1e-6 as is_contradicted
    from share_bases
    cross join scopes
    inner join {{ ref('int_samples') }} as samples using (sample_id)
    inner join {{ ref('allocation_rules') }} as allocation_rules
        on scopes.allocation_rule = allocation_rules.allocation_rule
    left join visible
        on
            share_bases.sample_id = visible.sample_id
            and share_bases.geo_level = visible.geo_level
            and share_bases.geo_id = visible.geo_id
            and share_bases.share_base = visible.share_base
            and scopes.allocation_rule = visible.allocation_rule
            and scopes.scope = visible.scope
    -- The ranking of the groups is of the whole sample.
    where scopes.scope_kind <> 'major_group' or visible.task_count > 0

),

computed as (

    select
        *,
        case
            when not is_contradicted
                then 100 * conversation_count / nullif(base_conversation_count, 0)
        end as share_pct,
        case
            when not is_contradicted and count_basis <> 'percent_only'
                then
                    100 * coalesce(conversation_count, 0)
                    / nullif(bound_base_conversation_count, 0)
        end as bound_low_pct,
        case
            when not is_contradicted and count_basis <> 'percent_only'
                then
                    100 * (coalesce(conversation_count, 0) + unseen_conversation_count)
                    / nullif(bound_base_conversation_count, 0)
        end as bound_high_pct,
        case
            when is_contradicted then 'contradicted'
            when conversation_count is null then 'none_visible'
            else 'visible'
        end as status,
        case
            when is_contradicted then 'contradicted'
            when conversation_count is null then 'none_visible'
            when count_basis = 'percent_only' then 'percent_only'
            when is_residual then 'residual'
            when count_basis <> 'conversations' then 'per_million_counts'
            when unseen_conversation_count > 0 then 'suppressed_cells'
            when is_fractional then 'fractional_allocation'
        end as interval_missing_reason
    from joined

),

final as (

    select
        * exclude (
            bound_base_conversation_count, is_residual, count_basis, is_fractional,
            base_task_count, base_squares, squares_of_scope, products_of_scope
        ),
        {{ delete_one_error(
            'bound_low_pct / 100', 'base_task_count', 'base_squares', 'of_scope'
        ) }} as error_low_pct,
        {{ delete_one_error(
            'bound_high_pct / 100', 'base_task_count', 'base_squares', 'of_scope'
        ) }} as error_high_pct
    from computed
    union all by name
    select * from {{ ref('int_published_shares') }}

)

select * from final -- noqa: AM04
