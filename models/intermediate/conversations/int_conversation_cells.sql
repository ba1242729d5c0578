-- grain: release_id, platform, window_start_date, geo_level, geo_id, facet,
--        base_cluster_name, category
-- why: own conversations counted as the Index counts its own: complete, unfolded and
--      private; every conversation is in each facet of a place once
{%- set labels = ['collaboration', 'use_case', 'task_success'] %}
{%- set sample = 'release_id, source_id, platform, window_start_date' %}
{%- set places = {
    'global': "'GLOBAL'", 'country': 'country', 'region': 'region'
} %}
{#- What is counted comes of these, which are much shorter. -#}
{%- set shorter = {
    'tasks_of_labels': ['onet_task'] + labels,
    'tasks_of_places': ['country', 'region', 'onet_task'],
    'labels_of_places': ['country', 'region'] + labels,
} %}
{%- set totals = {'country': 'country', 'region': 'country-state'} %}
with

grouped as (

    select *
    from {{ ref('int_conversation_groups') }}
    inner join {{ ref('int_conversation_labels') }} using (label_key)
    {% if is_incremental() %}
        where {{ in_changed_windows('window_start_date') }}
    {% endif %}

),

windows as (

    select * from {{ ref('int_conversation_windows') }}

),

-- Countries of which regions are known.
divided as (

    select
        release_id,
        platform,
        window_start_date,
        country
    from grouped
    where region is not null
    group by release_id, platform, window_start_date, country

),

-- A column that a source never fills is no facet of it; a label that is missing in a
-- column that it does fill is not classified.
named as materialized (

    select
        grouped.release_id,
        grouped.source_id,
        grouped.platform,
        grouped.window_start_date,
        grouped.conversation_count,
        -- A conversation that names no account is of none: fewer than there are.
        case when windows.has_accounts then coalesce(grouped.account_groups, 0) end
            as account_groups,
        coalesce(grouped.onet_task, 'not_classified') as onet_task,
        {%- for label in labels %}
        case
            when windows.has_{{ label }}
                then coalesce(grouped.{{ label }}, 'not_classified')
        end as {{ label }},
        {%- endfor %}
        case
            when windows.has_countries
                then coalesce(grouped.country, 'not_classified')
        end as country,
        coalesce(grouped.region, divided.country || '-not_classified') as region
    from grouped
    inner join windows
        on
            grouped.release_id = windows.release_id
            and grouped.platform = windows.platform
            and grouped.window_start_date = windows.window_start_date
    left join divided
        on
            grouped.release_id = divided.release_id
            and grouped.platform = divided.platform
            and grouped.window_start_date = divided.window_start_date
            and grouped.country = divided.country

),

{%- for name, columns in shorter.items() %}

{{ name }} as materialized (

    select
        {{ sample }},
        {{ columns | join(', ') }},
        sum(conversation_count) as conversation_count,
        bit_or(account_groups) as account_groups
    from named
    group by {{ sample }}, {{ columns | join(', ') }}

),
{%- endfor %}

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
        {{ geo_id }} as geo_id,
        '{{ facet }}' as facet,
        {{ base }} as base_cluster_name,
        cast({{ category }} as varchar) as category,
        cast(sum(conversation_count) as bigint) as conversation_count,
        -- at least: each group has one
        cast(bit_count(bit_or(account_groups)) as bigint) as account_count
    from
        {% if category != 'null' -%} tasks_of_labels
        {%- elif base == 'onet_task' -%} tasks_of_places
        {%- else -%} labels_of_places
        {%- endif %}
    -- not of a column that is never filled
    where
        {{ geo_id }} is not null
        and {{ base }} is not null
        {%- if category != 'null' %}
        and {{ category }} is not null
        {%- endif %}
    group by
        {{ sample }}, geo_id, base_cluster_name, category
    {%- if not (is_last_level and loop.last) %}
    union all
    {%- endif %}
    {%- endfor %}
    {%- endfor %}

)

select * from counted
