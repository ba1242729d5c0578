-- The bounds of every node must hold what the release publishes for all conversations:
-- its collaboration facet, or, where the copy lacks that, the figure a report prints.
with

bounds as (

    select
        release_id,
        platform,
        window_start_date,
        pattern,
        bound_low_pct,
        bound_high_pct
    from {{ ref('fct_interaction_patterns') }}
    where
        scope = 'all_with_pseudo'
        and estimator = 'all_conversations'
        and bound_low_pct is not null
        and task_count is not null

),

published as (

    select
        release_id,
        platform,
        window_start_date,
        category as pattern,
        share_pct,
        0 as rounding_pct
    from {{ ref('fct_facet_shares') }}
    where
        facet = 'collaboration'
        and geo_level = 'global'
        and share_base = 'all_conversations'
    union all
    select
        release_id,
        platform,
        -- a figure of a report is of a release with one window
        cast(null as date) as window_start_date,
        category as pattern,
        published_value as share_pct,
        0.5 * pow(10, -decimals) as rounding_pct
    from {{ ref('published_numbers') }}
    where metric = 'pattern_share' and published_scope = 'all'

),

-- What an official file contradicts is published as a finding, with the marts.
contradicted as (

    select
        release_id,
        platform
    from {{ ref('int_input_findings') }}
    where problem_kind = 'damage'
    group by release_id, platform

)

select
    bounds.*,
    published.share_pct,
    'the bounds of all_with_pseudo should hold the published share' as sentence
from bounds
inner join published
    on
        bounds.release_id = published.release_id
        and bounds.platform = published.platform
        and bounds.pattern = published.pattern
        and bounds.window_start_date
        = coalesce(published.window_start_date, bounds.window_start_date)
left join contradicted
    on
        bounds.release_id = contradicted.release_id
        and bounds.platform = contradicted.platform
where
    contradicted.release_id is null
    and (
        published.share_pct < bounds.bound_low_pct - published.rounding_pct - 1e-9
        or published.share_pct > bounds.bound_high_pct + published.rounding_pct + 1e-9
    )
