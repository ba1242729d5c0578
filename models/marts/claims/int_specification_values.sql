-- grain: sample_id, geo_id, scope, figure, category, allocation_rule, estimator,
--        task_omission
-- why: every figure that a claim may rest on in one long shape, with its value when
--      what is hidden is counted low and high: looked up, never computed on a second
--      path
with

samples as (

    select * from {{ ref('int_samples') }}

),

claims as (

    select * from {{ ref('claims') }}

),

shares as (

    select
        *,
        share_base as estimator
    from {{ ref('fct_education_shares') }}
    where
        geo_level = 'global'
        or (
            geo_level = 'country'
            and (
                geo_id in (select claims.geo_id from claims)
                or geo_id in (select claims.comparison_geo_id from claims)
            )
        )
    union all by name
    select
        *,
        share_base as estimator,
        'GLOBAL' as geo_id,
        soc_major_group as scope,
        case when share_pct is null then 'none_visible' else 'visible' end as status
    from {{ ref('fct_occupation_group_shares') }}

),

levels as (

    select
        *,
        'GLOBAL' as geo_id,
        share_pct as value
    from {{ ref('int_specification_figures') }}
    union all by name
    select
        shares.*,
        samples.sample_id,
        'scope_share' as figure,
        'all' as category,
        'none' as task_omission,
        shares.share_pct as value
    from shares
    inner join samples using (release_id, platform, window_start_date)
    union all by name
    select
        samples.sample_id,
        'GLOBAL' as geo_id,
        concentrations.allocation_rule,
        concentrations.scope,
        'top_task_share' as figure,
        cast(concentrations.top_k as varchar) as category,
        concentrations.share_base as estimator,
        'none' as task_omission,
        concentrations.share_pct as value,
        concentrations.status
    from {{ ref('fct_task_concentration') }} as concentrations
    inner join samples using (release_id, platform, window_start_date)

),

-- Whoever is ranked has peers: the other groups, or the other parts of education.
peers as (

    select
        levels.*,
        coalesce(scopes.scope_kind, 'major_group') as peer_kind
    from levels
    left join {{ ref('scopes') }} as scopes using (scope)
    -- A group of occupations is no row of scopes.
    where coalesce(scopes.scope_kind, 'subsector') = 'subsector'

),

-- Low is the rank when the share is at its lowest and each peer at its highest: the
-- worst that is possible.
ranks as (

    select
        own.sample_id,
        own.geo_id,
        own.scope,
        own.figure || '_rank' as figure,
        own.category,
        own.allocation_rule,
        own.estimator,
        own.task_omission,
        -- What the copy lacks of a peer it lacks of the rank.
        coalesce(
            any_value(peers.status)
            filter (where peers.status in ('partial_copy', 'not_in_copy')),
            any_value(own.status)
        ) as status,
        {{ rank_among_peers('own.value', 'peers.value > own.value') }} as value,
        {{ rank_among_peers(
            'own.bound_low_pct', 'peers.bound_high_pct > own.bound_low_pct'
        ) }} as value_when_low,
        {{ rank_among_peers(
            'own.bound_low_pct', 'peers.bound_low_pct > own.bound_high_pct'
        ) }} as value_when_high,
        -- The best and the worst rank that the bands leave; a peer without one is open.
        {{ rank_among_peers(
            'own.uncertainty_low_pct',
            'peers.uncertainty_low_pct > own.uncertainty_high_pct'
        ) }} as uncertainty_low,
        {{ rank_among_peers(
            'own.uncertainty_low_pct',
            'coalesce(peers.uncertainty_high_pct > own.uncertainty_low_pct, '
            ~ 'peers.scope is not null)'
        ) }} as uncertainty_high
    from peers as own
    left join peers
        on
            own.sample_id = peers.sample_id
            and own.geo_id = peers.geo_id
            and own.peer_kind = peers.peer_kind
            and own.figure = peers.figure
            and own.category = peers.category
            and own.allocation_rule = peers.allocation_rule
            and own.estimator = peers.estimator
            and own.task_omission = peers.task_omission
            and own.scope <> peers.scope
    group by
        own.sample_id, own.geo_id, own.scope, own.figure, own.category,
        own.allocation_rule, own.estimator, own.task_omission

),

final as (

    select
        sample_id,
        geo_id,
        scope,
        figure,
        category,
        allocation_rule,
        estimator,
        task_omission,
        value,
        bound_low_pct as value_when_low,
        bound_high_pct as value_when_high,
        uncertainty_low_pct as uncertainty_low,
        uncertainty_high_pct as uncertainty_high,
        status
    from levels
    union all by name
    select * from ranks

)

select * from final
