-- grain: window_start_date, label_key
-- why: the one pass over the conversations: those with all labels in common, counted;
--      their labels stand once, in int_conversation_labels
with

labelled as (

    select
        label_key,
        {{ own_window_start('started_on') }} as window_start_date,
        -- Mergeable where distinct accounts are not: 64 groups of accounts, a bit each.
        cast(1 as ubigint) << cast(account_group as integer) as account_group
    from {{ ref('stg_conversations__labelled') }}
    {% if is_incremental() %}
        where {{ in_changed_windows('started_on') }}
    {% endif %}

),

counted as (

    select
        window_start_date,
        label_key,
        count(*) as conversation_count,
        count(account_group) as account_row_count,
        bit_or(account_group) as account_groups
    from labelled
    group by window_start_date, label_key

)

select * from counted
