-- grain: claim_id, side
-- why: a claim is about a sample; where only made-up releases are loaded it is asked of
--      the newest of the same family and platform, so that every page and test has one
with

claims as (

    select * from {{ ref('claims') }}

),

releases as (

    select * from {{ ref('dim_releases') }}

),

sides as (

    select
        claim_id,
        'own' as side,
        release_id,
        platform
    from claims
    union all
    select
        claim_id,
        'other' as side,
        coalesce(comparison_release_id, release_id) as release_id,
        coalesce(comparison_platform, platform) as platform
    from claims

),

-- A claim about a release that the manifest does not name is still a row.
named as (

    select
        sides.claim_id,
        sides.side,
        sides.release_id,
        sides.platform,
        releases.window_start_date,
        coalesce(releases.window_label, sides.release_id) as window_label,
        releases.schema_family,
        coalesce(releases.is_simulated, false) as is_simulated
    from sides
    left join releases using (release_id, platform)
    qualify row_number() over (
        partition by sides.claim_id, sides.side
        order by
            releases.is_loaded desc nulls last,
            releases.window_start_date desc nulls last
    ) = 1

),

stand_ins as (

    select * from releases
    where
        is_loaded
        and is_simulated
        and not exists (
            select 1 from releases as loaded
            where
                loaded.is_loaded
                and not loaded.is_simulated
                -- Own conversations are no release that a claim could be about.
                and not loaded.is_own_data
        )
    qualify row_number() over (
        partition by platform, schema_family
        order by window_start_date desc, release_id desc
    ) = 1

),

final as (

    select
        named.claim_id,
        named.side,
        samples.sample_id,
        coalesce(stand_ins.release_id, named.release_id) as release_id,
        named.platform,
        coalesce(stand_ins.window_start_date, named.window_start_date)
            as window_start_date,
        coalesce(stand_ins.window_label, named.window_label) as window_label,
        coalesce(stand_ins.is_simulated, named.is_simulated) as is_simulated
    from named
    left join stand_ins using (platform, schema_family)
    left join {{ ref('int_samples') }} as samples
        on
            coalesce(stand_ins.release_id, named.release_id) = samples.release_id
            and named.platform = samples.platform
            and coalesce(stand_ins.window_start_date, named.window_start_date)
            = samples.window_start_date

)

select * from final
