-- why: probabilities are read back from the very tables that the draw uses
-- grain: one row per block of a task set and task of that block
create or replace table block_task as
select
    slot_key // {slots} // 3 as set_no,
    slot_key // {slots} % 3 as block_no,
    task_no,
    sum(parts) / ({slots}::bigint * {alias_parts}) as probability
from (
    select
        slot_key,
        unnest([below, otherwise]) as task_no,
        unnest([threshold::bigint, {alias_parts} - threshold::bigint]) as parts
    from task_alias
)
where parts > 0
group by all;

-- grain: one row per country and block
create or replace table country_block as
with country_probability as (

    select
        country_no,
        sum(parts) / ({country_slots}::bigint * {alias_parts}) as country_probability
    from (
        select
            unnest([below, otherwise]) as country_no,
            unnest([threshold::bigint, {alias_parts} - threshold::bigint]) as parts
        from country_alias
    )
    group by country_no

)

select
    geo_id,
    country_probability,
    unnest([0, 1, 2]) as block_no,
    unnest([
        {answer_parts} - coordinated_stop,
        education_stop,
        coordinated_stop - education_stop
    ]) / {answer_parts} as block_probability
from country
inner join country_probability using (country_no);

-- grain: one row per task, kind of traffic, categorical facet and category
create or replace table answer_share as
with coded as (

    select
        task_no,
        is_coordinated,
        regexp_extract(stop_name, '^(.*)_([0-9]+)$', ['facet', 'code']) as place,
        stop_parts::bigint as stop_parts
    from (
        unpivot (select * exclude (account_groups, {locations}) from answer)
        on columns(* exclude (task_no, is_coordinated))
        into name stop_name value stop_parts
    )

),

closed as (

    select
        task_no,
        is_coordinated,
        place.facet,
        place.code::integer as code,
        stop_parts
    from coded
    union all
    select
        task_no,
        is_coordinated,
        place.facet,
        max(place.code::integer) + 1,
        {answer_parts}
    from coded
    group by all

)

select
    task_no,
    is_coordinated,
    facet,
    label as category,
    (
        stop_parts - lag(stop_parts, 1, 0) over (
            partition by task_no, is_coordinated, facet
            order by code
        )
    ) / {answer_parts} as share
from closed
inner join category using (facet, code);

insert into task_parameter
select
    release_id,
    '{platform}',
    label,
    block_no = 2,
    block_task.probability * block.probability
from block_task
inner join run using (set_no)
inner join (
    select
        block_no,
        sum(country_probability * block_probability) as probability
    from country_block
    group by block_no
) as block using (block_no)
inner join task_label using (task_no)
where block.probability > 0;

insert into answer_parameter
select
    '{platform}',
    label,
    is_coordinated,
    facet,
    category,
    share
from answer_share
inner join task_label using (task_no)
where not exists (
    select 1 from answer_parameter as known where known.platform = '{platform}'
);

-- the records of the API carry no country
insert into country_parameter
with block_answer as (

    select
        set_no,
        block_no,
        facet,
        category,
        sum(probability * share) as share
    from block_task
    inner join answer_share
        on
            block_task.task_no = answer_share.task_no
            and (block_no = 2) = is_coordinated
    group by all

)

select * from (
    select
        release_id,
        geo_id,
        facet,
        category,
        sum(block_probability * share) as value
    from country_block
    inner join block_answer using (block_no)
    inner join run using (set_no)
    group by all
    union all
    select
        release_id,
        geo_id,
        'usage',
        'share_of_sample',
        any_value(country_probability)
    from country_block
    cross join run
    group by all
    union all
    select
        release_id,
        geo_id,
        'onet_task',
        'education',
        block_probability
    from country_block
    cross join run
    where block_no = 1
)
where '{platform}' = 'claude_ai'
