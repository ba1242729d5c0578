-- grain: release_id, platform, window_start_date, allocation_rule, scope, estimator
-- why: how often the model judged its own answer a success, by three estimators that
--      treat folded cells differently, and the range for all tasks of the scope
with

{{ task_figure_ctes('success') }},

final as (

    select
        samples.release_id,
        samples.platform,
        samples.window_start_date,
        figures.allocation_rule,
        figures.scope,
        figures.estimator,
        figures.task_count,
        figures.task_with_cell_count as task_with_success_count,
        figures.task_not_in_copy_count,
        figures.effective_task_count,
        {{ if_counted('figures.published_count') }} as yes_count,
        {{ if_counted('figures.base') }} as base_conversation_count,
        {{ if_counted('figures.scope_conversation_count') }}
            as scope_conversation_count,
        figures.share_pct as success_pct,
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
