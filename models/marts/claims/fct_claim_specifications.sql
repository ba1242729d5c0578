-- grain: claim_id, specification_id
-- why: each claim under every set of choices that somebody could defend, also those
--      that the loaded files leave without an answer: what the counts, the flips and
--      the specification curve are made of
select
    claim_id,
    specification_id,
    release_id,
    platform,
    window_start_date,
    allocation_rule,
    estimator,
    baseline,
    residual_treatment,
    task_omission,
    is_preferred,
    value,
    comparison_value,
    case when is_comparison then number end as difference,
    holds,
    case
        when is_computable or status <> 'visible' then status
        else 'none_visible'
    end as status,
    is_simulated
from {{ ref('int_claim_specifications') }}
