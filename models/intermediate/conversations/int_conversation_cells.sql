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
{%- set places = ['', ', country', ', country, region'] %}
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
named as (

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

-- Each cell has its own set of grouped columns; those that it lacks are NULL in it.
counted as (

    select
        {{ sample }},
        country,
        region,
        onet_task,
        {{ labels | join(', ') }},
        grouping(country) as of_all_countries,
        grouping(region) as of_all_regions,
        grouping(onet_task) as of_all_tasks,
        {%- for label in labels %}
        grouping({{ label }}) as of_all_{{ label }},
        {%- endfor %}
        count(*) as conversation_count,
        case when bool_and(has_accounts) then count(distinct account_key) end
            as account_count
    from named
    group by grouping sets ( -- noqa: PRS
        {%- for place in places %}
        ({{ sample }}{{ place }}, onet_task),
        {%- for label in labels %}
        ({{ sample }}{{ place }}, {{ label }}),
        {%- endfor %}
        {%- endfor %}
        {%- for label in labels %}
        ({{ sample }}, onet_task, {{ label }}),
        {%- endfor %}
        ({{ sample }}, country),
        ({{ sample }}, country, region)
    )

),

shaped as (

    select
        {{ sample }},
        case
            when of_all_regions = 0 then 'region'
            when of_all_countries = 0 then 'country'
            else 'global'
        end as geo_level,
        case
            when of_all_regions = 0 then region
            when of_all_countries = 0 then country
            else 'GLOBAL'
        end as geo_id,
        case
            when of_all_tasks = 0 then 'onet_task'
            {%- for label in labels %}
            when of_all_{{ label }} = 0 then '{{ label }}'
            {%- endfor %}
            when of_all_regions = 0 then 'country-state'
            else 'country'
        end as base_facet,
        {#- an intersection is of a task #}
        case
            {%- for label in labels %}
            when of_all_tasks = 0 and of_all_{{ label }} = 0 then '{{ label }}'
            {%- endfor %}
        end as attribute_facet,
        case
            when of_all_tasks = 0 then onet_task
            {%- for label in labels %}
            when of_all_{{ label }} = 0 then {{ label }}
            {%- endfor %}
            else ''
        end as base_cluster_name,
        coalesce({{ labels | join(', ') }}) as label,
        conversation_count,
        account_count
    from counted

),

final as (

    select
        {{ sample }},
        geo_level,
        geo_id,
        base_facet || coalesce('::' || attribute_facet, '') as facet,
        base_cluster_name,
        case when attribute_facet is not null then label end as category,
        conversation_count,
        account_count
    from shaped
    -- columns that are never filled
    where
        geo_id is not null
        and base_cluster_name is not null
        and (attribute_facet is null or label is not null)

)

select * from final
