-- grain: claim_id
-- why: what the reports say, sentence by sentence: in how many defensible
--      specifications it holds, what it hangs on, and whether the data can tell
with

claims as (

    select * from {{ ref('claims') }}

),

specifications as (

    select * from {{ ref('int_claim_specifications') }}

),

claim_samples as (

    select * from {{ ref('int_claim_samples') }}

),

wording as (

    select * from {{ ref('int_claim_wording') }}

),

estimators as (

    select * from {{ ref('estimators') }}

),

preferred as (

    select * from specifications
    where is_preferred

),

counted as (

    select
        claim_id,
        count(specification_id) as possible_specification_count,
        count(holds) as specification_count,
        count(*) filter (where holds) as holds_count
    from specifications
    group by claim_id

),

-- The facets that a figure is read from, as the releases name them.
facets as (

    select
        figure,
        any_value(facet) as facet
    from estimators
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
        case claim_samples.side
            when 'own' then preferred.own_status else preferred.other_status
        end as status
    from preferred
    inner join claims on preferred.claim_id = claims.claim_id
    inner join claim_samples on preferred.claim_id = claim_samples.claim_id
    left join facets on preferred.ranked_figure = facets.figure
    left join facet_titles on preferred.ranked_figure = facet_titles.figure
    where
        not preferred.is_computable
        and (claim_samples.side = 'own' or preferred.is_comparison)

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
                    || any_value(facet_title) || ' that could change the answer'
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

missing as (

    select
        claim_id,
        any_value(facet) as missing_facet,
        string_agg(sentence, '; ' order by sample_title) as missing
    from missing_samples
    group by claim_id

),

judged as (

    select
        preferred.*,
        counted.possible_specification_count,
        counted.specification_count,
        counted.holds_count,
        wording.preferred_specification,
        wording.preferred_reason,
        wording.flip_phrase,
        wording.flip_titles,
        missing.missing,
        missing.missing_facet,
        case
            when not preferred.is_computable then 'not_computable'
            when preferred.bounds_answer = 'open' then 'not_identified'
            when counted.holds_count = counted.specification_count then 'holds'
            when counted.holds_count = 0 then 'fails'
            else 'depends'
        end as claim_status
    from preferred
    inner join counted on preferred.claim_id = counted.claim_id
    inner join wording on preferred.claim_id = wording.claim_id
    left join missing on preferred.claim_id = missing.claim_id

),

final as (

    select
        claims.claim_id,
        claims.claim_number,
        claims.claim_title,
        claims.claim_text,
        claims.source,
        claims.is_headline,
        judged.release_id,
        claims.platform,
        judged.window_start_date,
        judged.window_label,
        claims.figure,
        claims.category,
        claims.scope,
        claims.geo_id,
        claims.comparison_kind,
        judged.comparison_scope,
        claims.comparison_category,
        claims.comparison_platform,
        claims.comparison_release_id,
        claims.comparison_geo_id,
        claims.direction,
        claims.threshold_value,
        claims.tolerance_value,
        claims.unit,
        claims.printed_value,
        claims.printed_comparison_value,
        judged.value,
        judged.comparison_value,
        case when judged.is_comparison then judged.number end as difference,
        judged.bound_low,
        judged.bound_high,
        judged.uncertainty_low,
        judged.uncertainty_high,
        case
            when not judged.is_computable then 'not_computable'
            when judged.uncertainty_low is null or judged.uncertainty_high is null
                then 'no_band'
        end as uncertainty_missing_reason,
        judged.possible_specification_count,
        judged.specification_count,
        judged.holds_count,
        case when judged.holds then 'fails when ' else 'holds when ' end
        || judged.flip_phrase as fails_under,
        case
            when not judged.is_computable or judged.bounds_answer is null
                then 'not_computable'
            when judged.bounds_answer = 'yes' then 'yes'
            else 'no'
        end as survives_bounds,
        case
            when not judged.is_computable or judged.uncertainty_answer is null
                then 'not_computable'
            when judged.uncertainty_answer = 'yes' then 'yes'
            else 'no'
        end as survives_interval,
        judged.claim_status as status,
        judged.flip_titles as depends_on,
        judged.missing,
        judged.missing_facet,
        judged.preferred_specification,
        judged.preferred_reason,
        claims.caveat,
        'select * from marts.fct_claim_specifications where claim_id = '''
        || claims.claim_id || ''' order by is_preferred desc, specification_id'
            as example_query,
        judged.is_simulated
    from judged
    inner join claims on judged.claim_id = claims.claim_id

)

select * from final
