-- grain: one row per run, place, facet, level and published cluster, as count and pct
-- why: the privacy rules live here and nowhere else; cells that they fold stay in the
--      totals as not_classified, so published cells partition what they are cells of
with cluster as (

    select
        run_no,
        place_kind,
        place_no,
        node.base as facet,
        level,
        label,
        sum(n)::bigint as n,
        bit_or(accounts) as accounts
    from cell
    inner join node using (task_no, style)
    where facet_no = 0
    group by all
    union all
    select
        run_no,
        place_kind,
        place_no,
        facet,
        0 as level,
        label,
        sum(n)::bigint as n,
        bit_or(accounts) as accounts
    from cell
    inner join category using (facet_no, code)
    group by all

),

judged as (

    select
        *,
        label <> 'not_classified'
        and bit_count(accounts) >= {account_floor}
        and n >= if(facet = 'request' and place_kind = 0, {request_floor}, {floor})
            as is_named
    from cluster

),

-- a request cluster is shown in a place only if it is shown in the world
folded as (

    select
        * exclude (label),
        if(
            is_named and (
                facet <> 'request'
                or bool_or(is_named and place_kind = 0)
                    over (partition by run_no, facet, level, label)
            ),
            label,
            'not_classified'
        ) as label
    from judged

),

folded_count as (

    select
        run_no,
        place_kind,
        place_no,
        facet,
        level,
        label,
        sum(n)::bigint as n
    from folded
    group by all

),

-- a place shows a facet only if one named cell of it survives
base_row as (

    select
        *,
        sum(n) over place_facet as total
    from folded_count
    window place_facet as (partition by run_no, place_kind, place_no, facet, level)
    qualify place_kind = 0 or bool_or(label <> 'not_classified') over place_facet

),

named_node as (

    select
        run_no,
        facet as base,
        level,
        label as node_label,
        n as total
    from base_row
    where
        place_kind = 0
        and facet in ('onet_task', 'request')
        and label <> 'not_classified'

),

node_answer as (

    select
        run_no,
        node.base,
        level,
        node.label as node_label,
        category.facet as answer,
        category.label,
        sum(n)::bigint as n
    from cell
    inner join node using (task_no, style)
    inner join category using (facet_no, code)
    where place_kind = 0
    group by all

),

intersection_row as (

    select
        run_no,
        base,
        level,
        answer,
        node_label,
        if(n >= {floor}, label, 'not_classified') as label,
        sum(n)::bigint as n,
        any_value(total) as total
    from node_answer
    inner join named_node using (run_no, base, level, node_label)
    group by all

),

place_total as (

    select
        run_no,
        place_kind,
        geography,
        parent,
        if(
            sum(n) >= {floor} and bit_count(bit_or(accounts)) >= {account_floor},
            geo_id,
            residual
        ) as geo_id,
        sum(n)::bigint as n
    from cell
    inner join place using (place_kind, place_no)
    where facet_no = 0 and place_kind > 0
    group by run_no, place_kind, geography, parent, place.geo_id, residual

),

usage_row as (

    select
        run_no,
        place_kind,
        geography,
        parent,
        geo_id,
        sum(n)::bigint as n,
        sum(sum(n)) over (partition by run_no, place_kind, parent) as total
    from place_total
    group by run_no, place_kind, geography, parent, geo_id

),

every_row as (

    select
        run_no,
        geography,
        geo_id,
        facet,
        level,
        facet as variable,
        label as cluster_name,
        label,
        n,
        total
    from base_row
    inner join place using (place_kind, place_no)
    where is_classified
    union all
    select
        run_no,
        'global',
        'GLOBAL',
        base || '::' || answer,
        level,
        base || '_' || answer,
        node_label || '::' || label,
        label,
        n,
        total
    from intersection_row
    union all
    -- the regions of a country that is folded away are not shown
    select
        run_no,
        geography,
        geo_id,
        geography,
        0,
        'usage',
        '',
        '',
        n,
        total
    from usage_row
    where
        place_kind = 1
        or (run_no, parent) in (select (run_no, geo_id) from usage_row where place_kind = 1)

),

published_row as (

    select *
    from every_row
    semi join published using (geography, facet)
    where {keep_residual} or label <> 'not_classified'

)

select
    run_no,
    geo_id,
    geography,
    facet,
    level,
    unnest([variable || '_count', variable || '_pct']) as variable,
    cluster_name,
    unnest([n::double, (n / total) * 100]) as value
from published_row
