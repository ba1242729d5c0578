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


{#- The days whose conversations differ from those of the last build, as a condition on
    the windows that they lie in. -#}
{% macro in_changed_windows(window_start) -%}
    {{ window_start }} between (
        select {{ own_window_start('first_day') }}
        from {{ source('conversations', 'changes') }}
    ) and (select last_day from {{ source('conversations', 'changes') }})
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
