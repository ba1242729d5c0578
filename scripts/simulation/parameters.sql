-- why: probabilities are read back from the very tables that the draw uses
create or replace macro alias_parts(alias_table) as table
select
    * exclude (threshold, below, otherwise),
    unnest([below, otherwise]) as id,
    unnest([threshold::bigint, {alias_parts} - threshold::bigint]) as parts
from query_table(alias_table);

-- grain: one row per block of a task set and task of that block
create or replace table block_task as
select
    slot_key // {slots} // 3 as set_no,
    slot_key // {slots} % 3 as block_no,
    id as task_no,
    sum(parts) / ({slots}::bigint * {alias_parts}) as probability
from alias_parts('task_alias')
where parts > 0
group by all;

-- grain: one row per country and block
create or replace table country_block as
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
inner join (
    select
        id as country_no,
        sum(parts) / ({country_slots}::bigint * {alias_parts}) as country_probability
    from alias_parts('country_alias')
    group by all
) using (country_no);

-- Stops are cumulative; the last category ends where all parts do.
-- grain: one row per task, kind of traffic, categorical facet and category
create or replace table answer_share as
with stops as (

    select
        task_no,
        is_coordinated,
        regexp_extract(stop_name, '^(.*)_[0-9]+$', 1) as facet,
        regexp_extract(stop_name, '[0-9]+$')::integer as code,
        stop_parts::bigint as stop_parts
    from (
        unpivot (select * exclude (account_groups, {locations}) from answer)
        on columns(* exclude (task_no, is_coordinated))
        into name stop_name value stop_parts
    )

)

select
    task_no,
    is_coordinated,
    facet,
    label as category,
    (
        coalesce(stop_parts, {answer_parts})
        - lag(coalesce(stop_parts, {answer_parts}), 1, 0) over (
            partition by task_no, is_coordinated, facet
            order by code
        )
    ) / {answer_parts} as share
from answer
cross join category
left join stops using (task_no, is_coordinated, facet, code);

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
    select distinct
        release_id,
        geo_id,
        'usage',
        'share_of_sample',
        country_probability
    from country_block
    cross join run
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
