-- Bounds of suppressed cells rest on the floor: no published named cell is under it.
select
    cells.release_id,
    cells.platform,
    cells.geo_level,
    cells.geo_id,
    cells.task_id,
    cells.facet,
    cells.category,
    cells.conversation_count,
    'a published named cell should hold at least '
    || {{ var('privacy_floor_conversations') }} || ' conversations' as sentence
from {{ ref('fct_task_cells') }} as cells
inner join {{ ref('dim_releases') }} as releases
    on
        cells.release_id = releases.release_id
        and cells.platform = releases.platform
where
    cells.status = 'observed'
    and releases.count_basis = 'conversations'
    and cells.conversation_count < {{ var('privacy_floor_conversations') }}
