-- A figure rests on the labels of one classifier.
select
    release_id,
    platform,
    window_start_date,
    classifier_count,
    'labels of several classifiers under one version in a window: deliver each '
    || 'classifier under a classifier_version of its own' as sentence
from {{ ref('int_conversation_windows') }}
where classifier_count > 1
