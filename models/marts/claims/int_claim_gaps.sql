{{ config(materialized='view') }}
-- grain: claim_id
-- why: what the loaded files lack of what a claim rests on, in words
with

preferred as (

    select * from {{ ref('int_claim_specifications') }}
    where is_preferred

),

-- The facets that a figure is read from, as the releases name them.
facets as (

    select
        figure,
        any_value(facet) as facet
    from {{ ref('estimators') }}
    group by figure

),

facet_titles (figure, facet_title) as (

    values
    ('pattern', 'interaction patterns'),
    ('success', 'answers on success'),
    ('use_case', 'use cases')

),

missing_sides as (

    select
        preferred.claim_id,
        claim_samples.window_label
        || case claim_samples.platform
            when 'claude_ai' then ', Claude.ai' else ', API'
        end as sample_title,
        case
            when facets.facet is null then 'onet_task'
            when preferred.estimator like 'published_facet%' then facets.facet
            else 'onet_task::' || facets.facet
        end as facet,
        case
            when claims.geo_id <> 'GLOBAL' then 'tasks by country'
            when facets.facet is null then 'tasks'
            when preferred.estimator like 'published_facet%'
                then facet_titles.facet_title || ' of everybody'
            else facet_titles.facet_title || ' by task'
        end as facet_title,
        preferred.is_computable,
        case claim_samples.side
            when 'own' then preferred.own_status else preferred.other_status
        end as status
    from preferred
    inner join {{ ref('claims') }} as claims using (claim_id)
    inner join {{ ref('int_claim_samples') }} as claim_samples using (claim_id)
    left join facets on preferred.ranked_figure = facets.figure
    left join facet_titles on preferred.ranked_figure = facet_titles.figure
    where claim_samples.side = 'own' or preferred.is_comparison

),

missing_samples as (

    -- Of two scopes of one sample, that which has something says more.
    select
        claim_id,
        sample_title,
        any_value(facet) as facet,
        case
        max(
            list_position(['not_loaded', 'not_in_copy', 'partial_copy'], status)
        )
            when 1 then sample_title || ': not loaded'
            when 2 then sample_title || ': this copy has no ' || any_value(facet_title)
            when 3
                then
                    sample_title || ': this copy lacks a part of '
                    || any_value(facet_title)
                    || case
                        when bool_and(is_computable) then ' that can''t'
                        else ' that could'
                    end || ' change the answer'
            else
                sample_title || ': nothing to compare with'
                || case
                    when bool_or(status = 'same_sample')
                        then ', the simulated data hold no other release'
                    else ''
                end
        end as sentence
    from missing_sides
    where status <> 'visible'
    group by claim_id, sample_title

),

final as (

    select
        claim_id,
        any_value(facet) as missing_facet,
        string_agg(sentence, '; ' order by sample_title) as missing
    from missing_samples
    group by claim_id

)

select * from final
