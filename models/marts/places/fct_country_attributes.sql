-- grain: release_id, platform, window_start_date, geo_level, geo_id, scope, facet,
--        category
-- why: patterns and use cases of a place, of everybody and (where a release publishes
--      it) of SOC major group 25, with the range of what is folded or rounded
with

estimators as (

    select distinct
        figure,
        facet
    from {{ ref('estimators') }}

),

attributes as (

    select
        *,
        'all_with_pseudo' as scope
    from {{ ref('fct_facet_shares') }}
    where
        share_base = 'all_conversations'
        and facet in (select estimators.facet from estimators)
    union all by name
    select
        figures.* replace ('observed' as status),
        samples.release_id,
        samples.platform,
        samples.window_start_date,
        estimators.facet,
        'percent_only' as interval_missing_reason
    from {{ ref('int_published_figures') }} as figures
    inner join {{ ref('int_samples') }} as samples using (sample_id)
    inner join estimators using (figure)
    where figures.scope = 'education'

),

final as (

    select
        attributes.release_id,
        attributes.platform,
        attributes.window_start_date,
        attributes.geo_level,
        attributes.geo_id,
        places.country_code_alpha3,
        places.geo_name,
        attributes.scope,
        attributes.facet,
        attributes.category,
        attributes.conversation_count,
        attributes.base_conversation_count,
        attributes.share_pct,
        attributes.bound_low_pct,
        attributes.bound_high_pct,
        attributes.interval_low_pct,
        attributes.interval_high_pct,
        attributes.interval_kind,
        attributes.interval_missing_reason,
        attributes.status,
        -- How many named labels the place folds away: 0 where it publishes all.
        count(*) filter (where attributes.status = 'suppressed') over (
            partition by
                attributes.release_id, attributes.platform,
                attributes.window_start_date, attributes.geo_level, attributes.geo_id,
                attributes.scope, attributes.facet
        ) as folded_label_count,
        places.is_below_threshold,
        places.is_anomalous,
        places.is_residual,
        places.is_simulated
    from attributes
    inner join {{ ref('fct_place_usage') }} as places
        using (release_id, platform, window_start_date, geo_level, geo_id)

)

select * from final
