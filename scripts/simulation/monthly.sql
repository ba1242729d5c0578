-- why: a value is numerator / denominator in whole numbers, so that its last decimal is
--      the same on any machine; base is the number of conversations that it rests on
-- grain: one row per month, place and node that has every metric
create or replace table wide_cell as
select
    run_no,
    place_kind,
    place_no,
    category_name,
    hierarchy_level,
    node_external_id,
    node_name,
    {sums}
from place_task
inner join monthly_node using (task_no, style)
where place_kind = 0 or category_name = 'overall' or (place_kind = 1 and is_top)
group by all;

-- grain: one row per month, place, node and metric, before any threshold
create or replace table monthly_cell as
with share as (

    select
        run_no,
        place_kind,
        place_no,
        category_name,
        hierarchy_level,
        node_external_id,
        node_name,
        sum(n)::bigint as n
    from place_task
    inner join monthly_node using (task_no, style)
    where category_name <> 'overall'
    group by all

),

place_usage as (

    select
        own.* exclude (n),
        own.n,
        parent.n as parent_n,
        place.people,
        parent_place.people as parent_people
    from wide_cell as own
    inner join monthly_place as place using (place_kind, place_no)
    inner join wide_cell as parent
        on
            own.run_no = parent.run_no
            and own.category_name = parent.category_name
            and place.parent_kind = parent.place_kind
            and place.parent_no = parent.place_no
    inner join monthly_place as parent_place
        on
            place.parent_kind = parent_place.place_kind
            and place.parent_no = parent_place.place_no
    where own.category_name = 'overall' and place.people > 0

),

measured as (

    select
        run_no,
        place_kind,
        place_no,
        category_name,
        hierarchy_level,
        node_external_id,
        node_name,
        unnest([{metrics}], recursive := true)
    from wide_cell
    union all
    select
        * exclude (n),
        'pct',
        100 * n::hugeint,
        sum(n) over (
            partition by run_no, place_kind, place_no, category_name, hierarchy_level
        ),
        n
    from share
    union all
    select
        run_no,
        place_kind,
        place_no,
        category_name,
        hierarchy_level,
        node_external_id,
        node_name,
        unnest([
            {{
                metric_id: 'usage_pct',
                numerator: 100 * n::hugeint,
                denominator: parent_n::hugeint,
                base: n
            }},
            {{
                metric_id: 'usage_per_capita_index',
                numerator: n::hugeint * parent_people,
                denominator: parent_n::hugeint * people,
                base: n
            }}
        ], recursive := true)
    from place_usage

)

select * from measured
where denominator > 0;

-- grain: as monthly_cell, in the columns of the layout
create or replace table monthly_row as
select
    month.date_start,
    month.date_end,
    place.geo_id,
    place.geo_level,
    cell.category_name,
    cell.hierarchy_level,
    cell.metric_id,
    ((200 * cell.numerator + cell.denominator) // (2 * cell.denominator))::double / 100
        as rounded,
    cell.numerator::double / cell.denominator::double as value,
    cell.node_name,
    cell.node_external_id,
    cell.base as conversations,
    whole.n >= place.floor and cell.base >= {cell_floor} and {shown} as is_published
from monthly_cell as cell
inner join month using (run_no)
inner join monthly_place as place using (place_kind, place_no)
inner join (
    select
        run_no,
        place_kind,
        place_no,
        n
    from wide_cell
    where category_name = 'overall'
) as whole using (run_no, place_kind, place_no)
