-- grain: release_id, platform, window_start_date, allocation_rule, scope, estimator,
--        use_case
-- why: what people say the conversation is for (coursework, work, personal), by scope
--      from the tasks; places have it complete in fct_facet_shares
with

{{ task_figure_ctes('use_case') }},

final as (

    select
        samples.release_id,
        samples.platform,
        samples.window_start_date,
        figures.allocation_rule,
        figures.scope,
        figures.estimator,
        figures.category as use_case,
        figures.task_count,
        figures.task_with_named_count as task_with_use_case_count,
        figures.effective_task_count,
        {{ if_counted(
            "case when estimators.numerator_kind = 'cell' then figures.numerator "
            ~ "else figures.base end"
        ) }} as conversation_count,
        {{ if_counted('figures.base') }} as base_conversation_count,
        figures.share_pct,
        {{ task_interval_columns() }},
        figures.bound_low_pct,
        figures.bound_high_pct,
        {{ uncertainty_columns('figures') }},
        figures.status,
        figures.missing_facet,
        samples.is_simulated
    {{ task_figure_joins() }}

)

select * from final
