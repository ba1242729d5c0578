-- grain: one row per run, place or base cluster, and measured facet
-- why: only whole numbers leave the database; means and roots are taken outside, where
--      their last digit is the same on any machine
with named_node as (

    select
        run_no,
        facet as base,
        level,
        cluster_name as label
    from count_row
    where
        geography = 'global'
        and facet in ('onet_task', 'request')
        and variable = facet || '_count'
        and cluster_name <> 'not_classified'

),

shown_place as (

    select
        cell.run_no,
        cell.place_kind,
        cell.place_no
    from cell
    where cell.facet_no = 0
    group by all
    having
        sum(cell.n) >= {floor}
        and bit_count(bit_or(cell.accounts)) >= {account_floor}

),

place_value as (

    select
        cell.run_no,
        place.geography,
        place.geo_id,
        measure.facet,
        0 as level,
        '' as cluster_name,
        measure.parts,
        sum(cell.n)::bigint as n
    from cell
    inner join measure
        on cell.facet_no = measure.facet_no and cell.code = measure.code
    inner join place
        on cell.place_kind = place.place_kind and cell.place_no = place.place_no
    semi join shown_place
        on
            cell.run_no = shown_place.run_no
            and cell.place_kind = shown_place.place_kind
            and cell.place_no = shown_place.place_no
    where place.is_classified
    group by all

),

node_value as (

    select
        cell.run_no,
        'global' as geography,
        'GLOBAL' as geo_id,
        node.base || '::' || measure.facet as facet,
        node.level,
        node.label as cluster_name,
        measure.parts,
        sum(cell.n)::bigint as n
    from cell
    inner join measure
        on cell.facet_no = measure.facet_no and cell.code = measure.code
    inner join node on cell.task_no = node.task_no and cell.style = node.style
    semi join named_node
        on
            cell.run_no = named_node.run_no
            and node.base = named_node.base
            and node.level = named_node.level
            and node.label = named_node.label
    where cell.place_kind = 0
    group by all

),

value as (

    select every_value.*
    from (
        select * from place_value
        union all
        select * from node_value
    ) as every_value
    semi join published
        on
            every_value.geography = published.geography
            and every_value.facet = published.facet

),

ranked as (

    select
        *,
        sum(n) over same_cluster as total,
        sum(n) over (same_cluster order by parts) as up_to
    from value
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
