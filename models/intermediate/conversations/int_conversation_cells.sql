{{ config(
    database='private_state',
    schema='private',
    materialized='incremental',
    incremental_strategy='append',
    pre_hook=["{{ forget_changed_windows() }}"]
) }}
-- grain: release_id, platform, window_start_date, geo_level, geo_id, facet,
--        base_cluster_name, category
-- why: own conversations counted as the Index counts its own: complete, unfolded and
--      private; every conversation is in each facet of a place once
{%- set labels = ['collaboration', 'use_case', 'task_success'] %}
{%- set sample = 'release_id, source_id, platform, window_start_date' %}
{%- set places = {
    'global': "'GLOBAL'", 'country': 'country', 'region': 'region'
} %}
{%- set totals = {'country': 'country', 'region': 'country-state'} %}
with

labelled as (

    select
        *,
        {{ own_window_start('started_on') }} as window_start_date
    from {{ ref('stg_conversations__labelled') }}

),

windows as (

    select * from {{ ref('int_conversation_windows') }}

),

tasks as (

    select * from {{ ref('int_conversation_tasks') }}

),

-- A column that a source never fills is no facet of it; a label that is missing in a
-- column that it does fill is not classified.
named as materialized (

    select
        labelled.release_id,
        labelled.source_id,
        labelled.platform,
        labelled.window_start_date,
        labelled.account_key,
        windows.has_accounts,
        coalesce(tasks.task_key, 'not_classified') as onet_task,
        {%- for label in labels %}
        case
            when windows.has_{{ label }}
                then coalesce(labelled.{{ label }}, 'not_classified')
        end as {{ label }},
        {%- endfor %}
        case
            when windows.has_countries
                then coalesce(labelled.country, 'not_classified')
        end as country,
        coalesce(
            labelled.region,
            case
                when
                    bool_or(labelled.region is not null) over (
                        partition by
                            labelled.release_id, labelled.platform,
                            labelled.window_start_date, labelled.country
                    )
                    then labelled.country || '-not_classified'
            end
        ) as region
    from labelled
    inner join windows
        on
            labelled.release_id = windows.release_id
            and labelled.platform = windows.platform
            and labelled.window_start_date = windows.window_start_date
    left join tasks
        on
            labelled.task_label is not distinct from tasks.task_label
            and labelled.taxonomy_version is not distinct from tasks.delivered_version
    {% if is_incremental() %}
        where {{ in_changed_windows('labelled.window_start_date') }}
    {% endif %}

),

-- Accounts first: distinct ones are then counted as rows, which is twice as fast.
counted as (
    {%- for geo_level, geo_id in places.items() %}
    {%- set cells = [['onet_task', 'onet_task', 'null']] %}
    {%- for label in labels %}
    {%- do cells.append([label, label, 'null']) %}
    {%- if geo_level == 'global' %}
    {%- do cells.append(['onet_task::' ~ label, 'onet_task', label]) %}
    {%- endif %}
    {%- endfor %}
    {%- if geo_level in totals %}
    {%- do cells.append([totals[geo_level], "''", 'null']) %}
    {%- endif %}
    {%- set is_last_level = loop.last %}
    {%- for facet, base, category in cells %}

    select
        {{ sample }},
        '{{ geo_level }}' as geo_level,
        geo_id,
        '{{ facet }}' as facet,
        base_cluster_name,
        category,
        cast(sum(row_count) as bigint) as conversation_count,
        case when has_accounts then count(account_key) end as account_count
    from (
        select
            {{ sample }},
            {{ geo_id }} as geo_id,
            {{ base }} as base_cluster_name,
            cast({{ category }} as varchar) as category,
            has_accounts,
            account_key,
            count(*) as row_count
        from named
        -- not of a column that is never filled
        where
            {{ geo_id }} is not null
            and {{ base }} is not null
            {%- if category != 'null' %}
            and {{ category }} is not null
            {%- endif %}
        group by all
    ) as accounts
    group by
        {{ sample }}, geo_id, base_cluster_name, category, has_accounts
    {%- if not (is_last_level and loop.last) %}
    union all
    {%- endif %}
    {%- endfor %}
    {%- endfor %}

)

select * from counted
