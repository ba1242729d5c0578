-- As for patterns: the bounds of every node must hold the release's own base facet.
with

bounds as (

    select
        release_id,
        platform,
        window_start_date,
        'task_success' as facet,
        'yes' as category,
        bound_low_pct,
        bound_high_pct
    from {{ ref('fct_task_success') }}
    where
        scope = 'all_with_pseudo'
        and estimator = 'all_conversations'
        and task_count is not null
    union all
    select
        release_id,
        platform,
        window_start_date,
        'use_case' as facet,
        use_case as category,
        bound_low_pct,
        bound_high_pct
    from {{ ref('fct_use_case_shares') }}
    where
        scope = 'all_with_pseudo'
        and bound_low_pct is not null
        and task_count is not null

),

published as (

    select * from {{ ref('fct_facet_shares') }}
    where geo_level = 'global' and share_base = 'all_conversations'

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
        and bounds.window_start_date = published.window_start_date
        and bounds.facet = published.facet
        and bounds.category = published.category
left join contradicted
    on
        bounds.release_id = contradicted.release_id
        and bounds.platform = contradicted.platform
where
    contradicted.release_id is null
    and (
        published.share_pct < bounds.bound_low_pct - 1e-9
        or published.share_pct > bounds.bound_high_pct + 1e-9
    )
