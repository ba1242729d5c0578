-- Tasks that match no list count as not classified; where that is more than a rest, the
-- list is another one or the texts are no tasks, and every share would be too small.
select
    release_id,
    platform,
    window_start_date,
    'more than {{ var("own_unmatched_task_pct") }} percent of the tasks are none of '
    || 'the loaded list: check taxonomy_version, fetch the list (make fetch '
    || 'RELEASE=2025_09_15), or name the tasks in a file (tasks: in mapping.yml); '
    || 'scripts/check_conversations.py lists them' as sentence
from {{ ref('int_conversation_windows') }}
where
    100 * unmatched_task_count
    > {{ var('own_unmatched_task_pct') }} * task_label_count
