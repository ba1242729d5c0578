-- grain: one row per run, place, facet, level and published cluster
-- why: the privacy rules live here and nowhere else; cells that they fold stay in the
--      totals as not_classified, so published cells partition what they are cells of
with node_count as (

    select
        cell.run_no,
        cell.place_kind,
        cell.place_no,
        node.base as facet,
        node.level,
        node.label,
        sum(cell.n)::bigint as n,
        bit_or(cell.accounts) as accounts
    from cell
    inner join node on cell.task_no = node.task_no and cell.style = node.style
    where cell.facet_no = 0
    group by all

),

answer_count as (

    select
        cell.run_no,
        cell.place_kind,
        cell.place_no,
        category.facet,
        0 as level,
        category.label,
        sum(cell.n)::bigint as n,
        bit_or(cell.accounts) as accounts
    from cell
    inner join category
        on cell.facet_no = category.facet_no and cell.code = category.code
    group by all

),

judged as (

    select
        base.*,
        base.label <> 'not_classified'
        and bit_count(base.accounts) >= {account_floor}
        and base.n >= case
            when base.facet = 'request' and base.place_kind = 0 then {request_floor}
            else {floor}
        end as is_named
    from (
        select * from node_count
        union all
        select * from answer_count
    ) as base

),

-- a request cluster is shown in a place only if it is shown in the world
world_request as (

    select
        run_no,
        level,
        label
    from judged
    where place_kind = 0 and facet = 'request' and is_named

),

folded as (

    select
        judged.run_no,
        judged.place_kind,
        judged.place_no,
        judged.facet,
        judged.level,
        case
            when
                judged.is_named
                and (
                    judged.facet <> 'request'
                    or judged.place_kind = 0
                    or world_request.label is not null
                )
                then judged.label
            else 'not_classified'
        end as label,
        sum(judged.n)::bigint as n
    from judged
    left join world_request
        on
            judged.run_no = world_request.run_no
            and judged.level = world_request.level
            and judged.label = world_request.label
            and judged.facet = 'request'
    group by all

),

-- a place shows a facet only if one named cell of it survives
folded_total as (

    select
        run_no,
        place_kind,
        place_no,
        facet,
        level,
        sum(n)::bigint as total
    from folded
    group by all
    having place_kind = 0 or bool_or(label <> 'not_classified')

),

base_row as (

    select
        folded.run_no,
        place.geography,
        place.geo_id,
        folded.facet,
        folded.level,
        folded.facet as variable,
        folded.label as cluster_name,
        folded.label,
        folded.n,
        folded_total.total
    from folded
    inner join folded_total
        on
            folded.run_no = folded_total.run_no
            and folded.place_kind = folded_total.place_kind
            and folded.place_no = folded_total.place_no
            and folded.facet = folded_total.facet
            and folded.level = folded_total.level
    inner join place
        on
            folded.place_kind = place.place_kind
            and folded.place_no = place.place_no
    where place.is_classified

),

named_node as (

    select
        run_no,
        facet as base,
        level,
        label,
        n
    from folded
    where
        place_kind = 0
        and facet in ('onet_task', 'request')
        and label <> 'not_classified'

),

node_answer as (

    select
        cell.run_no,
        node.base,
        node.level,
        node.label as node_label,
        category.facet as answer,
        category.label,
        sum(cell.n)::bigint as n
    from cell
    inner join node on cell.task_no = node.task_no and cell.style = node.style
    inner join category
        on cell.facet_no = category.facet_no and cell.code = category.code
    where cell.place_kind = 0
    group by all

),

intersection_row as (

    select
        node_answer.run_no,
        node_answer.base,
        node_answer.level,
        node_answer.answer,
        node_answer.node_label,
        case
            when node_answer.n >= {floor} then node_answer.label
            else 'not_classified'
        end as label,
        sum(node_answer.n)::bigint as n,
        any_value(named_node.n) as total
    from node_answer
    inner join named_node
        on
            node_answer.run_no = named_node.run_no
            and node_answer.base = named_node.base
            and node_answer.level = named_node.level
            and node_answer.node_label = named_node.label
    group by all

),

place_total as (

    select
        cell.run_no,
        cell.place_kind,
        place.parent,
        case
            when
                sum(cell.n) >= {floor}
                and bit_count(bit_or(cell.accounts)) >= {account_floor}
                then place.geo_id
            else place.residual
        end as geo_id,
        sum(cell.n)::bigint as n
    from cell
    inner join place
        on cell.place_kind = place.place_kind and cell.place_no = place.place_no
    where cell.facet_no = 0 and cell.place_kind > 0
    group by
        cell.run_no, cell.place_kind, place.parent, place.geo_id, place.residual

),

usage_row as (

    select
        run_no,
        place_kind,
        parent,
        geo_id,
        sum(n)::bigint as n,
        sum(sum(n)) over (partition by run_no, place_kind, parent)::bigint as total
    from place_total
    group by run_no, place_kind, parent, geo_id

),

-- the regions of a country that is folded away are not shown
usage_shown as (

    select usage_row.*
    from usage_row
    left join usage_row as country
        on
            usage_row.place_kind = 2
            and country.place_kind = 1
            and usage_row.run_no = country.run_no
            and usage_row.parent = country.geo_id
    where usage_row.place_kind = 1 or country.geo_id is not null

),

every_row as (

    select
        run_no,
        geography,
        geo_id,
        facet,
        level,
        variable,
        cluster_name,
        label,
        n,
        total
    from base_row
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
    select
        run_no,
        case when place_kind = 1 then 'country' else 'country-state' end,
        geo_id,
        case when place_kind = 1 then 'country' else 'country-state' end,
        0,
        'usage',
        '',
        '',
        n,
        total
    from usage_shown

),

published_row as (

    select every_row.*
    from every_row
    semi join published
        on
            every_row.geography = published.geography
            and every_row.facet = published.facet
    where {keep_residual} or every_row.label <> 'not_classified'

)

select
    run_no,
    geo_id,
    geography,
    facet,
    level,
    variable || '_count' as variable,
    cluster_name,
    n::double as value
from published_row
union all
select
    run_no,
    geo_id,
    geography,
    facet,
    level,
    variable || '_pct',
    cluster_name,
    (n / total) * 100
from published_row
