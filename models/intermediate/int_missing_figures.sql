-- grain: sample_id, allocation_rule, scope, figure, estimator, category
-- why: a figure whose facet a sample lacks is a row with the reason, never an absence:
--      the release publishes the facet and this copy lacks it, or it publishes none
with

samples as (

    select
        *,
        count(*) over (partition by release_id, window_start_date) as platform_count
    from {{ ref('int_samples') }}
    -- All of them is here: what they lack nobody has.
    where not is_own_data

),

facets as (

    select
        sample_id,
        facet,
        bool_or(is_in_copy) as is_in_copy
    from (
        select
            samples.sample_id,
            facet_sets.facet,
            false as is_in_copy
        from samples
        inner join {{ ref('facet_sets') }} as facet_sets using (facet_set, platform)
        where facet_sets.geo_level = 'global'
        union all
        select
            sample_id,
            facet,
            true as is_in_copy
        from {{ ref('int_facet_cells') }}
        where geo_level = 'global'
    ) as published_or_here
    group by sample_id, facet

),

scopes_with_tasks as (

    -- A scope has many tasks.
    select distinct
        sample_id,
        allocation_rule,
        scope
    from {{ ref('int_scope_tasks') }}

),

-- Figures are sums over tasks; a release of percentages may publish them itself, of
-- everybody and of SOC major group 25, and one without tasks has no others.
asked as (

    select
        samples.sample_id,
        rules.allocation_rule,
        scopes.scope,
        estimators.figure,
        estimators.estimator,
        labels.label as category,
        labels.label_kind,
        tasks.is_in_copy as has_tasks,
        case
            when rules.allocation_rule = 'published'
                then 'soc_occupation::' || estimators.facet
            else coalesce(of_everybody.facet, 'onet_task::' || estimators.facet)
        end as facet
    from samples
    cross join {{ ref('scopes') }} as scopes
    cross join {{ ref('estimators') }} as estimators
    inner join {{ ref('facet_labels') }} as labels
        on
            estimators.facet = labels.facet
            and coalesce(estimators.only_category = labels.label, true)
            and (estimators.base_kind = 'all_tasks' or labels.label_kind = 'named')
    left join facets as tasks
        on samples.sample_id = tasks.sample_id and tasks.facet = 'onet_task'
    left join facets as of_everybody
        on
            samples.sample_id = of_everybody.sample_id
            and estimators.facet = of_everybody.facet
            and estimators.base_kind = 'all_tasks'
            and samples.count_basis = 'percent_only'
            and scopes.includes_pseudo_tasks
    inner join {{ ref('allocation_rules') }} as rules
        on
            case
                when tasks.facet is not null
                    then
                        scopes.depends_on_rule = rules.allocates_tasks
                        and rules.allocation_rule <> 'published'
                when scopes.scope_kind = 'education'
                    then rules.allocation_rule = 'published'
                else
                    scopes.includes_pseudo_tasks
                    and rules.allocation_rule = 'not_applicable'
            end
    where
        (tasks.facet is not null or estimators.base_kind = 'all_tasks')
        and (not scopes.is_both_platforms_only or samples.platform_count > 1)

),

final as (

    select
        asked.sample_id,
        asked.allocation_rule,
        asked.scope,
        asked.figure,
        asked.estimator,
        asked.category,
        asked.label_kind,
        starts_with(asked.facet, 'onet_task') as is_of_tasks,
        case when facets.facet is null then 'not_published' else 'not_in_copy' end
            as status,
        case when facets.is_in_copy then 'onet_task' else facets.facet end
            as missing_facet
    from asked
    left join facets using (sample_id, facet)
    left join scopes_with_tasks using (sample_id, allocation_rule, scope)
    where
        (
            facets.is_in_copy is distinct from true
            or (starts_with(asked.facet, 'onet_task') and not asked.has_tasks)
        )
        -- Where tasks are here, a scope without any has no other figure either.
        and (
            scopes_with_tasks.scope is not null
            or asked.has_tasks is distinct from true
        )

)

select * from final
