-- grain: release_id, platform, window_start_date, allocation_rule, scope, estimator,
--        pattern
-- why: how people work with the model in a scope, by three estimators that treat
--      suppressed cells differently, with the range those cells leave open
with

{{ task_figure_ctes('pattern') }},

final as (

    select
        samples.release_id,
        samples.platform,
        samples.window_start_date,
        figures.allocation_rule,
        figures.scope,
        figures.estimator,
        figures.category as pattern,
        figures.task_count,
        figures.task_with_named_count as task_with_pattern_count,
        figures.task_with_cell_count as task_publishing_pattern_count,
        figures.effective_task_count,
        {{ if_counted(
            "case when estimators.numerator_kind = 'cell' then figures.numerator "
            ~ "else figures.base end"
        ) }} as conversation_count,
        {{ if_counted('figures.base') }} as base_conversation_count,
        {{ if_counted('figures.published_count') }} as published_pattern_count,
        figures.share_pct,
        {{ task_interval_columns() }},
        figures.bound_low_pct,
        figures.bound_high_pct,
        {{ uncertainty_columns('figures') }},
        figures.unpublished_pct as suppressed_pct,
        figures.status,
        figures.missing_facet,
        samples.is_simulated
    {{ task_figure_joins() }}

)

select * from final
