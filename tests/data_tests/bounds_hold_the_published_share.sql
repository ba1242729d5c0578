-- The bounds of every node must hold what the release publishes for all conversations:
-- the base facet of the figure, or the share of a pattern that a report prints.
with

published as (

    select
        release_id,
        platform,
        window_start_date,
        facet,
        category,
        share_pct,
        0 as rounding_pct
    from {{ ref('fct_facet_shares') }}
    where geo_level = 'global' and share_base = 'all_conversations'
    union all
    select
        release_id,
        platform,
        -- a figure of a report is of a release with one window
        cast(null as date) as window_start_date,
        'collaboration' as facet,
        category,
        published_value as share_pct,
        0.5 * pow(10, -decimals) as rounding_pct
    from {{ ref('published_numbers') }}
    where metric = 'pattern_share' and published_scope = 'all'

),

figure_facets as (

    -- a figure has several estimators, of one facet
    select distinct
        figure,
        facet
    from {{ ref('estimators') }}

)

select
    samples.release_id,
    samples.platform,
    samples.window_start_date,
    figures.figure,
    figures.category,
    figures.bound_low_pct,
    figures.bound_high_pct,
    published.share_pct,
    'the bounds of all_with_pseudo should hold the published share' as sentence
from {{ ref('int_scope_figures') }} as figures
inner join {{ ref('int_samples') }} as samples using (sample_id)
inner join figure_facets using (figure)
inner join published
    on
        samples.release_id = published.release_id
        and samples.platform = published.platform
        and samples.window_start_date
        = coalesce(published.window_start_date, samples.window_start_date)
        and figure_facets.facet = published.facet
        and figures.category = published.category
where
    figures.scope = 'all_with_pseudo'
    and figures.estimator = 'all_conversations'
    and (
        published.share_pct < figures.bound_low_pct - published.rounding_pct - 1e-9
        or published.share_pct > figures.bound_high_pct + published.rounding_pct + 1e-9
    )
    -- What an official file contradicts is published as a finding, with the marts.
    and not exists (
        select 1 from {{ ref('int_input_findings') }} as findings
        where
            findings.problem_kind = 'damage'
            and findings.release_id = samples.release_id
            and findings.platform = samples.platform
    )
