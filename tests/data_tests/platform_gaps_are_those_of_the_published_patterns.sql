-- A decomposition starts from the shares that the figure's own mart publishes.
select
    gaps.release_id,
    gaps.window_start_date,
    gaps.allocation_rule,
    gaps.scope,
    gaps.estimator,
    gaps.category,
    gaps.gap_pct_points,
    api.share_pct as api_pct,
    chat.share_pct as claude_ai_pct,
    'the gap should be that of the API less Claude.ai in fct_interaction_patterns'
        as sentence
from {{ ref('fct_platform_decomposition') }} as gaps
left join {{ ref('fct_interaction_patterns') }} as api
    on
        gaps.release_id = api.release_id
        and gaps.window_start_date = api.window_start_date
        and gaps.allocation_rule = api.allocation_rule
        and gaps.scope = api.scope
        and gaps.estimator = api.estimator
        and gaps.category = api.pattern
        and api.platform = '1p_api'
left join {{ ref('fct_interaction_patterns') }} as chat
    on
        gaps.release_id = chat.release_id
        and gaps.window_start_date = chat.window_start_date
        and gaps.allocation_rule = chat.allocation_rule
        and gaps.scope = chat.scope
        and gaps.estimator = chat.estimator
        and gaps.category = chat.pattern
        and chat.platform = 'claude_ai'
where
    gaps.figure = 'pattern'
    and gaps.gap_pct_points is not null
    and coalesce(
        abs(gaps.gap_pct_points - (api.share_pct - chat.share_pct)) > 1e-9, true
    )
