{#- Whether this build has conversations of an institution's own beside the Index. -#}
{% macro has_own_conversations() -%}
    {{- return(env_var('AEI_CONVERSATIONS', '') != '') -}}
{%- endmacro %}


{#- The window that a day lies in, by its first day, and that window's last day. -#}
{% macro own_window_start(day) -%}
    cast(date_trunc('{{ var("own_window") }}', {{ day }}) as date)
{%- endmacro %}

{% macro own_window_end(first_day) -%}
    {{- "last_day(" ~ first_day ~ ")" if var('own_window') == 'month'
        else first_day ~ " + 6" -}}
{%- endmacro %}


{#- Whether a day lies in a window with conversations that differ from those of the last
    build. -#}
{% macro in_changed_windows(day) -%}
    {{ day }} between (
        select {{ own_window_start('changes.first_day') }}
        from {{ source('conversations', 'changes') }} as changes
    ) and (
        select {{ own_window_end(own_window_start('changes.last_day')) }}
        from {{ source('conversations', 'changes') }} as changes
    )
{%- endmacro %}


{#- Pre-hook: windows with changed days are counted anew, in the transaction that forgets
    them, so that a build that ends half way leaves the counts of the one before. -#}
{% macro forget_changed_windows() -%}
    {%- if is_incremental() -%}
        delete from {{ this }}
        where {{ in_changed_windows('window_start_date') }}
    {%- else -%}
        select 1
    {%- endif -%}
{%- endmacro %}


{#- In each batch: a day that this build has not read would be deleted and not come
    again; whoever runs dbt by hand names the days that are there. -#}
{% macro stop_outside_changes() -%}
    {%- set batch = model.get('batch') -%}
    {%- if execute and batch -%}
        {%- set changes = run_query(
            "select coalesce(bool_and(
                first_day <= '" ~ batch.event_time_start ~ "'::timestamp::date
                and last_day + 1 >= '" ~ batch.event_time_end ~ "'::timestamp::date
            ), false) as is_read, any_value(first_day) as first_day,
            any_value(last_day) + 1 as end_day
            from " ~ source('conversations', 'changes')
        ).rows[0] -%}
        {%- if not changes['is_read'] -%}
            {%- do exceptions.raise_compiler_error(
                'The batch from ' ~ batch.event_time_start ~ ' reads days that this '
                ~ 'build has not brought. Use scripts/build.py, or with dbt alone '
                ~ ('--event-time-start ' ~ changes['first_day'] ~ ' --event-time-end '
                    ~ changes['end_day'] if changes['first_day']
                    else '--exclude stg_conversations__labelled: nothing has changed')
                ~ '.'
            ) -%}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}


{#- Hooks: hashes don't get smaller, and half the time of writing them is to try. -#}
{% macro store_as_is(is_so) -%}
    {{- return(
        "set force_compression = '" ~ ('uncompressed' if is_so else 'auto') ~ "'"
        if target.type == 'duckdb' else ''
    ) -}}
{%- endmacro %}
