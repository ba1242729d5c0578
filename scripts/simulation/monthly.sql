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
        sum(n)::bigint as base
    from place_task
    inner join monthly_node using (task_no, style)
    where category_name <> 'overall'
    group by all

),

measured as (

    select
        * exclude ({counted}),
        unnest([{metrics}], recursive := true)
    from wide_cell
    union all by name
    select
        *,
        'pct' as metric_id,
        100 * base::hugeint as numerator,
        sum(base) over (
            partition by run_no, place_kind, place_no, category_name, hierarchy_level
        ) as denominator
    from share
    union all by name
    select
        own.* exclude ({counted}),
        own.n as base,
        unnest(['usage_pct', 'usage_per_capita_index']) as metric_id,
        unnest([100 * own.n::hugeint, own.n::hugeint * parent_people]) as numerator,
        unnest([parent.n::hugeint, parent.n::hugeint * people]) as denominator
    from wide_cell as own
    inner join monthly_place as place using (place_kind, place_no)
    inner join wide_cell as parent
        on
            own.run_no = parent.run_no
            and own.category_name = parent.category_name
            and place.parent_kind = parent.place_kind
            and place.parent_no = parent.place_no
    where own.category_name = 'overall'

)

select * from measured
where denominator > 0;

-- grain: as monthly_cell, in the columns of the layout; the API publishes no usage
create or replace table monthly_row as
select
    date_start,
    date_end,
    geo_id,
    geo_level,
    category_name,
    hierarchy_level,
    metric_id,
    ((200 * numerator + denominator) // (2 * denominator))::double / 100 as rounded,
    numerator::double / denominator::double as value,
    node_name,
    node_external_id,
    base as conversations,
    whole >= floor and base >= {cell_floor} and {shown} as is_published
from monthly_cell
inner join month using (run_no)
inner join monthly_place using (place_kind, place_no)
inner join (
    select
        run_no,
        place_kind,
        place_no,
        n as whole
    from wide_cell
    where category_name = 'overall'
) using (run_no, place_kind, place_no)
where people > 0 or metric_id not like 'usage%'
