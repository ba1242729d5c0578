-- grain: sample_id, geo_level, geo_id
-- why: the base of every share of a place, in one place: for the globe the sample
--      that the release states, for others their published total, else the sum of the
--      cells; in percent of the sample where only percentages are published; and the
--      flags that every figure of a place carries
-- depends_on: {{ ref('int_input_problems') }}
with

samples as (

    select * from {{ ref('int_samples') }}

),

facet_cells as (

    select * from {{ ref('int_facet_cells') }}
    where is_usable

),

facet_totals as (

    select
        sample_id,
        geo_level,
        geo_id,
        facet_kind,
        {{ exact_sum('amount') }} as conversation_count
    from facet_cells
    where attribute_facet is null and facet_kind <> 'request'
    group by sample_id, geo_level, geo_id, facet_kind, facet

),

-- A copy may lack the task facet; the categories of any one facet are the sample too.
totals as (

    select
        sample_id,
        geo_level,
        geo_id,
        max(conversation_count) filter (where facet_kind = 'geography_total')
            as usage_count,
        max(conversation_count) filter (where facet_kind = 'task') as node_count,
        max(conversation_count) filter (where facet_kind = 'category')
            as category_count
    from facet_totals
    group by sample_id, geo_level, geo_id

),

nodes as (

    select
        facet_cells.sample_id,
        facet_cells.geo_level,
        facet_cells.geo_id,
        -- Nothing where a small geography publishes pseudo-tasks only.
        coalesce(
            {{ exact_sum(
                'facet_cells.amount', 'filter (where not tasks.is_pseudo_task)'
            ) }},
            0
        ) as named_task_conversation_count,
        {{ exact_sum(
            'facet_cells.amount', "filter (where tasks.task_key <> 'not_classified')"
        ) }} as seen_conversation_count,
        count(*) as task_node_count,
        count(*) filter (where not tasks.is_pseudo_task) as named_task_count
    from facet_cells
    inner join samples using (sample_id)
    inner join {{ ref('int_tasks') }} as tasks
        on
            samples.taxonomy_version = tasks.taxonomy_version
            and facet_cells.cluster_name = tasks.task_key
    where facet_cells.facet = 'onet_task'
    group by facet_cells.sample_id, facet_cells.geo_level, facet_cells.geo_id

),

based as (

    select
        totals.sample_id,
        totals.geo_level,
        totals.geo_id,
        coalesce(
            case
                when totals.geo_level <> 'global' then null
                when samples.count_basis = 'percent_only' then 100
                else samples.sample_count
            end,
            totals.usage_count,
            totals.node_count,
            totals.category_count
        ) as conversation_count
    from totals
    inner join samples using (sample_id)

),

final as (

    select
        based.sample_id,
        based.geo_level,
        based.geo_id,
        based.conversation_count,
        nodes.named_task_conversation_count,
        -- Conversations of no visible task: the node not_classified, and what a copy
        -- lost.
        greatest(
            based.conversation_count - coalesce(nodes.seen_conversation_count, 0), 0
        ) as unseen_conversation_count,
        coalesce(nodes.task_node_count, 0) as task_node_count,
        coalesce(nodes.named_task_count, 0) as named_task_count,
        based.geo_id = 'NONE'
        or based.geo_id = 'unpublished'
        or based.geo_id like '%not_classified' as is_residual,
        -- Anthropic's analysis thresholds, not applied in the files of 2026.
        coalesce(
            {{ if_counted('based.conversation_count') }} < case based.geo_level
                when 'country' then {{ var('country_threshold_conversations') }}
                when 'region' then {{ var('region_threshold_conversations') }}
            end,
            false
        ) as is_below_threshold,
        anomalies.geo_id is not null as is_anomalous
    from based
    inner join samples using (sample_id)
    left join nodes using (sample_id, geo_level, geo_id)
    left join {{ ref('anomalous_geographies') }} as anomalies
        using (release_id, geo_level, geo_id)

)

select * from final
