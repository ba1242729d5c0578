-- A release is named after its source and the version of its classifier, and two pairs
-- of them can give one name.
select
    release_id,
    platform,
    window_start_date,
    source_count,
    'conversations of several sources in one release: two pairs of source_id and '
    || 'classifier_version give one name; name one of them otherwise' as sentence
from {{ ref('int_conversation_windows') }}
where source_count > 1
