-- A share is a mean of task rates: without one of the tasks it is lower, without
-- another higher. Where one task alone publishes the category nothing is known without
-- it; pseudo-tasks are not left out, so all_with_pseudo may move one way.
select
    figures.sample_id,
    figures.allocation_rule,
    figures.scope,
    figures.figure,
    figures.estimator,
    figures.category,
    figures.share_pct,
    omitted.any_omission_low_pct,
    omitted.any_omission_high_pct,
    'a share should lie between its lowest and its highest value without a task'
        as sentence
from {{ ref('int_scope_figures') }} as figures
inner join {{ ref('int_scope_figures_without_task') }} as omitted
    using (sample_id, allocation_rule, scope, figure, estimator, category)
where
    figures.scope <> 'all_with_pseudo'
    and figures.task_with_cell_count > 1
    and coalesce(
        figures.share_pct < omitted.any_omission_low_pct - 1e-9
        or figures.share_pct > omitted.any_omission_high_pct + 1e-9,
        true
    )
