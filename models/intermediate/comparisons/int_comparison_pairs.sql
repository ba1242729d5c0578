-- grain: pair_number
-- why: which two sides are compared: a row of the seed comparisons for each pair of
--      samples, rule and scope that has both; a side is a sample, a rule and a scope
with

sides as (

    select
        sample_id,
        allocation_rule,
        scope,
        count(task_count) > 0 as has_figures
    from {{ ref('int_scope_figures') }}
    where status <> 'not_published'
    group by sample_id, allocation_rule, scope

),

sampled as (

    select
        sample_id,
        bool_or(has_figures) as has_figures
    from sides
    group by sample_id

),

-- A sample without task figures is nobody's sample before.
dated as (

    select
        samples.sample_id,
        samples.release_id,
        samples.platform,
        samples.window_start_date,
        lag(case when sampled.has_figures then samples.sample_id end ignore nulls)
            over (
                partition by samples.platform
                order by samples.window_start_date, samples.release_id
            ) as previous_sample_id
    from {{ ref('int_samples') }} as samples
    inner join sampled using (sample_id)

),

sample_pairs as (

    select
        'scope' as comparison_kind,
        platform,
        platform as baseline_platform,
        sample_id,
        sample_id as baseline_sample_id
    from dated
    union all
    select
        'release' as comparison_kind,
        platform,
        platform as baseline_platform,
        sample_id,
        previous_sample_id as baseline_sample_id
    from dated
    where previous_sample_id is not null
    union all
    select
        'platform' as comparison_kind,
        dated.platform,
        others.platform as baseline_platform,
        dated.sample_id,
        others.sample_id as baseline_sample_id
    from dated
    inner join dated as others using (release_id, window_start_date)

),

final as (

    select
        row_number() over (
            order by
                comparisons.sort_order, sample_pairs.sample_id, sides.allocation_rule,
                sides.scope
        ) as pair_number,
        comparisons.comparison,
        comparisons.comparison_kind,
        comparisons.unit_kind,
        sample_pairs.sample_id,
        sample_pairs.baseline_sample_id,
        sides.allocation_rule,
        baseline_sides.allocation_rule as baseline_allocation_rule,
        sides.scope,
        baseline_sides.scope as baseline_scope
    from {{ ref('comparisons') }} as comparisons
    inner join sample_pairs
        on
            comparisons.comparison_kind = sample_pairs.comparison_kind
            and coalesce(comparisons.platform = sample_pairs.platform, true)
            and coalesce(
                comparisons.baseline_platform = sample_pairs.baseline_platform, true
            )
    inner join sides
        on
            sample_pairs.sample_id = sides.sample_id
            and coalesce(comparisons.scope = sides.scope, true)
    inner join {{ ref('scopes') }} as scopes on sides.scope = scopes.scope
    inner join sides as baseline_sides
        on
            sample_pairs.baseline_sample_id = baseline_sides.sample_id
            and coalesce(comparisons.baseline_scope, sides.scope) = baseline_sides.scope
            and (
                sides.allocation_rule = baseline_sides.allocation_rule
                or comparisons.baseline_scope is not null
                and baseline_sides.allocation_rule = 'not_applicable'
            )
    -- Which tasks both platforms publish is said of one release.
    where
        comparisons.comparison_kind <> 'release'
        or not scopes.is_both_platforms_only

)

select * from final
