{{ config(severity='warn') }}
-- A source that changes its mix from one window to the next has changed its users, its
-- classifier or its export; the data can't tell which. Asked of published cells.
with

cells as (

    select * from {{ ref('int_conversation_cells_protected') }}
    where geo_level = 'global' and category is null and facet <> 'onet_task'

),

shares as (

    select
        release_id,
        platform,
        window_start_date,
        facet,
        base_cluster_name as label,
        100 * conversation_count / sum(conversation_count) over (
            partition by release_id, platform, window_start_date, facet
        ) as share_pct,
        max(window_start_date) over (partition by release_id, platform)
            as last_window_start_date
    from cells

),

compared as (

    select
        release_id,
        platform,
        facet,
        label,
        any_value(last_window_start_date) as window_start_date,
        max(share_pct) filter (where window_start_date = last_window_start_date)
            as share_pct,
        avg(share_pct) filter (where window_start_date < last_window_start_date)
            as past_mean_pct,
        count(*) filter (where window_start_date < last_window_start_date)
            as past_window_count
    from shares
    group by release_id, platform, facet, label

)

select
    release_id,
    platform,
    window_start_date,
    facet,
    label,
    round(coalesce(share_pct, 0), 1) as share_pct,
    round(past_mean_pct, 1) as past_mean_pct,
    past_window_count,
    'the mix has moved more than {{ var("own_drift_pct_points") }} points from its past'
        as sentence
from compared
where
    past_window_count > 0
    and abs(coalesce(share_pct, 0) - past_mean_pct) > {{ var('own_drift_pct_points') }}
