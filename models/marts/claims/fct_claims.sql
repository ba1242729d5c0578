-- grain: claim_id
-- why: what the reports say, sentence by sentence: in how many defensible
--      specifications it holds, what it hangs on, and whether the data can tell
with

specifications as (

    select * from {{ ref('int_claim_specifications') }}

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
        gaps.missing,
        gaps.missing_facet,
        case
            when not preferred.is_computable then 'not_computable'
            when preferred.bounds_answer = 'open' then 'not_identified'
            when counted.holds_count = counted.specification_count then 'holds'
            when counted.holds_count = 0 then 'fails'
            else 'depends'
        end as claim_status
    from preferred
    inner join counted using (claim_id)
    inner join {{ ref('int_claim_wording') }} as wording using (claim_id)
    left join {{ ref('int_claim_gaps') }} as gaps using (claim_id)

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
    inner join {{ ref('claims') }} as claims using (claim_id)

)

select * from final
