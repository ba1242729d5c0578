-- grain: one row per run, place or base cluster, and measured facet
-- why: only whole numbers leave the database; means and roots are taken outside, where
--      their last digit is the same on any machine
with shown_place as (

    select
        run_no,
        place_kind,
        place_no
    from cell
    where facet_no = 0
    group by all
    having sum(n) >= {floor} and bit_count(bit_or(accounts)) >= {account_floor}

),

value as (

    select
        run_no,
        geography,
        geo_id,
        facet,
        0 as level,
        '' as cluster_name,
        parts,
        sum(n)::bigint as n
    from cell
    inner join measure using (facet_no, code)
    inner join place using (place_kind, place_no)
    semi join shown_place using (run_no, place_kind, place_no)
    where is_classified
    group by all
    union all
    select
        run_no,
        'global',
        'GLOBAL',
        base || '::' || measure.facet,
        level,
        label,
        parts,
        sum(n)::bigint
    from cell
    inner join measure using (facet_no, code)
    inner join node using (task_no, style)
    where
        place_kind = 0
        and (run_no, base, level, label) in (
            select (run_no, facet, level, cluster_name)
            from count_row
            where
                geography = 'global'
                and variable = facet || '_count'
                and cluster_name <> 'not_classified'
        )
    group by all

),

ranked as (

    select
        *,
        sum(n) over same_cluster as total,
        sum(n) over (same_cluster order by parts) as up_to
    from value
    semi join published using (geography, facet)
    window
        same_cluster as (
            partition by run_no, geography, geo_id, facet, level, cluster_name
        )

)

select
    run_no,
    geo_id,
    geography,
    facet,
    level,
    cluster_name,
    sum(n)::bigint as n,
    sum(n * parts) as parts_sum,
    sum(n::hugeint * parts * parts) as square_sum,
    min(parts) filter (where up_to >= (total + 1) // 2) as lower_median,
    min(parts) filter (where up_to >= total // 2 + 1) as upper_median,
    list({{parts: parts, n: n}} order by parts)
        filter (where geography = 'global' and cluster_name = '') as bins
from ranked
group by all
