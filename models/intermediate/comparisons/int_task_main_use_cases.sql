-- grain: sample_id, task_id
-- why: two scopes of one sample share tasks only where they overlap, and a shared task
--      has one rate in both: what they have in common is kinds of tasks, by the use
--      case of most of a task's conversations
select
    sample_id,
    task_id,
    -- Of equal use cases the first in the alphabet.
    min_by(category, (-numerator, category)) as main_use_case
from {{ ref('int_task_ratios') }}
where
    figure = 'use_case'
    and estimator = 'all_conversations'
    and label_kind = 'named'
    and numerator > 0
group by sample_id, task_id
