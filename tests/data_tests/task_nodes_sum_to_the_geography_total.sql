{{ config(severity='warn') }}
-- A geography's task nodes, not_classified among them, should be all its conversations.
-- Where they are not, the difference counts as unseen in the bounds of its shares.
with

nodes as (

    select
        release_id,
        platform,
        window_start_date,
        geo_level,
        geo_id,
        sum(conversation_count) as node_count
    from {{ ref('fct_task_cells') }}
    where facet = 'onet_task' and geo_level <> 'global'
    group by all

),

totals as (

    select
        release_id,
        platform,
        window_start_date,
        geo_level,
        geo_id,
        conversation_count
    from {{ ref('fct_facet_shares') }}
    where facet in ('country', 'country-state', 'state_us')

)

select
    nodes.*,
    totals.conversation_count,
    'task nodes should sum to the total of the geography' as sentence
from nodes
inner join totals using (release_id, platform, window_start_date, geo_level, geo_id)
where abs(nodes.node_count - totals.conversation_count) > 1
