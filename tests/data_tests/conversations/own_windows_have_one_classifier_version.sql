{{ config(severity='warn') }}
-- Two versions stand beside each other as two releases, and no figure mixes them; who
-- reads a series should know that one ends where another begins.
select
    source_id,
    platform,
    window_start_date,
    string_agg(
        coalesce(classifier_version, 'none'), ', ' order by classifier_version
    ) as classifier_versions,
    'each version is a release of its own' as sentence
from {{ ref('int_conversation_windows') }}
group by source_id, platform, window_start_date
having count(*) > 1
