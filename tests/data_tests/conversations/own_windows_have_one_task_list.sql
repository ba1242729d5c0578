-- A figure rests on one task list.
select
    release_id,
    platform,
    window_start_date,
    taxonomy_version_count,
    'tasks of several lists in one window: deliver them under two versions of the '
    || 'classifier, or of one list' as sentence
from {{ ref('int_conversation_windows') }}
where taxonomy_version_count > 1
