-- grain: release_id, platform, window_start_date, allocation_rule, task_group, use_case
-- why: SOC 25 is not coursework: both axes crossed, with what suppressed cells leave
--      open, and how much of each use case lies outside SOC 25
with

figures as (

    select * from {{ ref('int_scope_figures') }}
    where
        figure = 'use_case'
        and estimator = 'all_conversations'
        and scope in ('education', 'non_education')

),

-- No conversation of the task none is of SOC 25; of not_classified nobody knows.
pseudo_tasks as (

    select
        ratios.*,
        case tasks.task_key when 'none' then 'outside' else 'unseen' end as task_group,
        case when ratios.is_not_in_copy then 'onet_task::use_case' end as missing_facet
    from {{ ref('int_task_ratios') }} as ratios
    inner join {{ ref('int_tasks') }} as tasks using (task_id)
    where
        ratios.figure = 'use_case'
        and ratios.estimator = 'all_conversations'
        and tasks.is_pseudo_task

),

rules as (

    select distinct
        sample_id,
        allocation_rule
    from figures

),

addends as (

    select
        sample_id,
        allocation_rule,
        unnest(case
            when scope = 'education' then ['education']
            when task_count is null then ['outside', 'unseen']
            else ['outside']
        end) as task_group,
        category as use_case,
        label_kind,
        task_count,
        task_not_in_copy_count,
        numerator,
        numerator_low,
        numerator_high,
        base,
        status,
        missing_facet
    from figures
    union all by name
    select
        pseudo_tasks.sample_id,
        rules.allocation_rule,
        pseudo_tasks.task_group,
        pseudo_tasks.category as use_case,
        pseudo_tasks.label_kind,
        1 as task_count,
        cast(pseudo_tasks.is_not_in_copy as integer) as task_not_in_copy_count,
        pseudo_tasks.numerator,
        pseudo_tasks.numerator_low,
        pseudo_tasks.numerator_high,
        pseudo_tasks.base,
        pseudo_tasks.missing_facet
    from pseudo_tasks
    inner join rules using (sample_id)

),

cells as (

    select
        sample_id,
        allocation_rule,
        task_group,
        use_case,
        any_value(label_kind) as label_kind,
        any_value(status) as figure_status,
        any_value(missing_facet) as missing_facet,
        cast(sum(task_count) as bigint) as task_count,
        sum(task_not_in_copy_count) as task_not_in_copy_count,
        -- Nothing where no task of the group publishes the use case: not zero.
        {{ exact_sum('numerator') }} as conversation_count,
        {{ exact_sum('numerator_low') }} as low_count,
        {{ exact_sum('numerator_high') }} as high_count,
        {{ exact_sum('base') }} as group_conversation_count
    from addends
    group by sample_id, allocation_rule, task_group, use_case

),

-- What a use case holds in all groups; the unseen may be of either group.
totals as (

    select
        *,
        {{ exact_sum('conversation_count', 'over use_cases') }}
            as use_case_conversation_count,
        count(*) filter (where conversation_count is null and task_group <> 'unseen')
            over use_cases as unknown_group_count,
        {{ exact_sum('low_count', 'over use_cases') }} - low_count as other_low_count,
        {{ exact_sum('high_count', 'over use_cases') }} - high_count
            as other_high_count,
        coalesce(
            {{ exact_sum(
                'high_count', "filter (where task_group = 'unseen') over use_cases"
            ) }},
            0
        ) as unseen_high_count
    from cells
    window use_cases as (partition by sample_id, allocation_rule, use_case)

),

final as (

    select
        samples.release_id,
        samples.platform,
        samples.window_start_date,
        totals.allocation_rule,
        totals.task_group,
        totals.use_case,
        totals.task_count,
        {{ if_counted('totals.conversation_count') }} as conversation_count,
        {{ if_counted('totals.low_count') }} as bound_low_count,
        {{ if_counted('totals.high_count') }} as bound_high_count,
        {{ if_counted('totals.group_conversation_count') }} as group_conversation_count,
        100 * totals.conversation_count / nullif(totals.group_conversation_count, 0)
            as share_of_group_pct,
        {{ if_counted(
            '100 * totals.low_count / nullif(totals.group_conversation_count, 0)'
        ) }} as share_of_group_bound_low_pct,
        {{ if_counted(
            '100 * totals.high_count / nullif(totals.group_conversation_count, 0)'
        ) }} as share_of_group_bound_high_pct,
        {{ if_counted('totals.use_case_conversation_count') }}
            as use_case_conversation_count,
        case
            when
                totals.task_group <> 'unseen'
                and totals.label_kind <> 'residual'
                and totals.unknown_group_count = 0
                then
                    100 * totals.conversation_count
                    / nullif(totals.use_case_conversation_count, 0)
        end as share_of_use_case_pct,
        case
            when totals.task_group <> 'unseen'
                then
                    {{ if_counted(
                        '100 * totals.low_count '
                        ~ '/ nullif(totals.low_count + totals.other_high_count, 0)'
                    ) }}
        end as share_of_use_case_bound_low_pct,
        case
            when totals.task_group <> 'unseen'
                then
                    {{ if_counted(
                        '100 * (totals.high_count + totals.unseen_high_count) / nullif('
                        ~ 'totals.high_count + totals.unseen_high_count '
                        ~ '+ totals.other_low_count, 0)'
                    ) }}
        end as share_of_use_case_bound_high_pct,
        case
            when totals.task_count is null then totals.figure_status
            when totals.conversation_count is null and totals.task_not_in_copy_count > 0
                then 'not_in_copy'
            when totals.task_not_in_copy_count > 0 then 'partial_copy'
            when totals.conversation_count is null then 'none_visible'
            else 'visible'
        end as status,
        totals.missing_facet,
        samples.is_simulated
    from totals
    inner join {{ ref('int_samples') }} as samples using (sample_id)

)

select * from final
