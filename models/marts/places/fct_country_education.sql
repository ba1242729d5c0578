-- grain: release_id, platform, window_start_date, geo_level, geo_id, definition
-- why: education in a place, one row for each definition that the release allows, so
--      that no definition stands in for another; the global row of each stands beside
--      its countries
{%- set place = 'release_id, platform, window_start_date, geo_level, geo_id' %}
{%- set figures %}
        share_pct, bound_low_pct, bound_high_pct, interval_low_pct, interval_high_pct,
        interval_kind, interval_missing_reason, conversation_count,
        base_conversation_count, status
{%- endset %}
with

topics as (

    select * from {{ ref('education_topics') }}

),

facet_shares as (

    select * from {{ ref('fct_facet_shares') }}
    where share_base = 'all_conversations'

),

printed as (

    select
        release_id,
        platform,
        geo_level,
        geo_id,
        published_value as report_share_pct
    from {{ ref('published_numbers') }}
    where
        source = 'AlignED Report 3'
        and metric = 'education_share'
        and geo_level = 'country'

),

shares as (

    select
        {{ place }},
        case allocation_rule
            when 'published' then 'soc25_published' else 'soc25_visible'
        end as definition,
        {{ figures }}
    from {{ ref('fct_education_shares') }}
    where
        scope = 'education'
        and share_base = 'all_conversations'
        and allocation_rule in ('any_holder', 'published')
        and status not in ('not_published', 'not_in_copy')
    union all
    select
        {{ place }},
        'coursework' as definition,
        {{ figures }}
    from facet_shares
    where facet = 'use_case' and category = 'coursework'
    union all
    select
        {{ place }},
        'education_topic' as definition,
        {{ figures }}
    from facet_shares
    inner join topics using (release_id, level, category_title)
    where facet_shares.facet = 'request'

),

in_copy as (

    select distinct
        release_id,
        platform,
        window_start_date,
        geo_level,
        definition
    from shares

),

asked as (

    select
        places.*,
        definitions.definition
    from {{ ref('fct_place_usage') }} as places
    inner join {{ ref('int_samples') }} as releases
        using (release_id, platform, window_start_date)
    inner join {{ ref('facet_sets') }} as facet_sets
        on
            releases.facet_set = facet_sets.facet_set
            and places.platform = facet_sets.platform
            and places.geo_level = facet_sets.geo_level
    inner join {{ ref('education_definitions') }} as definitions
        on facet_sets.facet = definitions.facet
    where
        definitions.definition <> 'education_topic'
        or places.release_id in (select topics.release_id from topics)

),

final as (

    select
        asked.release_id,
        asked.platform,
        asked.window_start_date,
        asked.geo_level,
        asked.geo_id,
        asked.country_code_alpha3,
        asked.geo_name,
        asked.definition,
        shares.share_pct,
        shares.bound_low_pct,
        shares.bound_high_pct,
        shares.interval_low_pct,
        shares.interval_high_pct,
        shares.interval_kind,
        coalesce(
            shares.interval_missing_reason,
            case
                when in_copy.definition is null then 'not_in_copy'
                when shares.status is null then 'not_published'
            end
        ) as interval_missing_reason,
        shares.conversation_count,
        shares.base_conversation_count,
        coalesce(
            shares.status,
            case
                when in_copy.definition is null then 'not_in_copy' else 'not_published'
            end
        ) as status,
        case when asked.definition = 'soc25_visible' then printed.report_share_pct end
            as report_share_pct,
        asked.is_below_threshold,
        asked.is_anomalous,
        asked.is_residual,
        asked.geo_id = 'unpublished' as is_unpublished_remainder,
        asked.is_simulated
    from asked
    left join shares
        using (release_id, platform, window_start_date, geo_level, geo_id, definition)
    left join in_copy
        using (release_id, platform, window_start_date, geo_level, definition)
    left join printed using (release_id, platform, geo_level, geo_id)

)

select * from final
