-- grain: one row per block of a task set and task of that block
-- why: probabilities are read back from the very tables that the draw uses
create or replace table block_task as
select
    set_no,
    block_no,
    task_no,
    sum(parts) / ({slots}::bigint * {alias_parts}) as probability
from (
    select
        slot_key // {slots} // 3 as set_no,
        slot_key // {slots} % 3 as block_no,
        below as task_no,
        threshold::bigint as parts
    from task_alias
    union all
    select
        slot_key // {slots} // 3,
        slot_key // {slots} % 3,
        otherwise,
        {alias_parts} - threshold::bigint
    from task_alias
)
where parts > 0
group by set_no, block_no, task_no;

-- grain: one row per country and block
create or replace table country_block as
with country_part as (

    select
        below as country_no,
        threshold::bigint as parts
    from country_alias
    union all
    select
        otherwise,
        {alias_parts} - threshold::bigint
    from country_alias

),

country_probability as (

    select
        country_no,
        sum(parts) / ({country_slots}::bigint * {alias_parts}) as probability
    from country_part
    group by country_no

)

select
    country.geo_id,
    block.block_no,
    country_probability.probability as country_probability,
    case block.block_no
        when 1 then country.education_stop
        when 2 then country.coordinated_stop - country.education_stop
        else {answer_parts} - country.coordinated_stop
    end / {answer_parts} as block_probability
from country
inner join country_probability
    on country.country_no = country_probability.country_no
cross join range(3) as block (block_no);

-- grain: one row per task, kind of traffic, categorical facet and category
create or replace table answer_share as
with stop as (

    unpivot (select * exclude (account_groups, {locations}) from answer)
    on columns(* exclude (task_no, is_coordinated))
    into name stop_name value stop_parts

),

coded as (

    select
        task_no,
        is_coordinated,
        regexp_extract(stop_name, '^(.*)_([0-9]+)$', 1) as facet,
        regexp_extract(stop_name, '^(.*)_([0-9]+)$', 2)::integer as code,
        stop_parts::bigint as stop_parts
    from stop

),

closed as (

    select * from coded
    union all
    select
        task_no,
        is_coordinated,
        facet,
        max(code) + 1,
        {answer_parts}
    from coded
    group by task_no, is_coordinated, facet

)

select
    closed.task_no,
    closed.is_coordinated,
    closed.facet,
    category.label as category,
    (
        closed.stop_parts - lag(closed.stop_parts, 1, 0) over (
            partition by closed.task_no, closed.is_coordinated, closed.facet
            order by closed.code
        )
    ) / {answer_parts} as share
from closed
inner join category
    on closed.facet = category.facet and closed.code = category.code;

-- grain: one row per release, task and kind of traffic
create or replace table task_probability as
select
    run.release_id,
    block_task.task_no,
    block_task.block_no = 2 as is_coordinated,
    block_task.probability * block.probability as probability
from block_task
inner join run on block_task.set_no = run.set_no
inner join (
    select
        block_no,
        sum(country_probability * block_probability) as probability
    from country_block
    group by block_no
) as block on block_task.block_no = block.block_no
where block.probability > 0;

insert into task_parameter
select
    task_probability.release_id,
    '{platform}',
    node.label,
    task_probability.is_coordinated,
    task_probability.probability
from task_probability
inner join node
    on
        task_probability.task_no = node.task_no
        and node.base = 'onet_task'
        and node.style = 0;

insert into answer_parameter
select
    '{platform}',
    node.label,
    answer_share.is_coordinated,
    answer_share.facet,
    answer_share.category,
    answer_share.share
from answer_share
inner join node
    on
        answer_share.task_no = node.task_no
        and node.base = 'onet_task'
        and node.style = 0
where not exists (
    select 1 from answer_parameter as known where known.platform = '{platform}'
);

insert into country_parameter
with block_answer as (

    select
        block_task.set_no,
        block_task.block_no,
        answer_share.facet,
        answer_share.category,
        sum(block_task.probability * answer_share.share) as share
    from block_task
    inner join answer_share
        on
            block_task.task_no = answer_share.task_no
            and (block_task.block_no = 2) = answer_share.is_coordinated
    group by all

)

select
    run.release_id,
    country_block.geo_id,
    block_answer.facet,
    block_answer.category,
    sum(country_block.block_probability * block_answer.share) as value
from country_block
inner join block_answer on country_block.block_no = block_answer.block_no
inner join run on block_answer.set_no = run.set_no
where '{platform}' = 'claude_ai'
group by all
union all
select
    run.release_id,
    country_block.geo_id,
    'usage',
    'share_of_sample',
    any_value(country_block.country_probability)
from country_block
cross join run
where '{platform}' = 'claude_ai'
group by all
union all
select
    run.release_id,
    country_block.geo_id,
    'onet_task',
    'education',
    country_block.block_probability
from country_block
cross join run
where '{platform}' = 'claude_ai' and country_block.block_no = 1;

insert into scope_parameter
with task_answer as (

    -- a task's own shares, over both kinds of traffic
    select
        task_probability.release_id,
        task_probability.task_no,
        answer_share.facet,
        answer_share.category,
        sum(task_probability.probability) as probability,
        sum(task_probability.probability * answer_share.share) as joint
    from task_probability
    inner join answer_share
        on
            task_probability.task_no = answer_share.task_no
            and task_probability.is_coordinated = answer_share.is_coordinated
    group by all

),

answered as (

    select
        release_id,
        task_no,
        facet,
        sum(joint) as answered_joint
    from task_answer
    where category not in ('none', 'not_classified')
    group by all

),

summed as (

    select
        task_answer.release_id,
        task_scope.scope,
        task_answer.facet,
        task_answer.category,
        sum(task_answer.joint) as joint,
        sum(task_answer.probability) as probability,
        sum(answered.answered_joint) as answered_joint,
        sum(
            task_answer.probability * task_answer.joint / answered.answered_joint
        ) as renormalised
    from task_answer
    inner join answered
        on
            task_answer.release_id = answered.release_id
            and task_answer.task_no = answered.task_no
            and task_answer.facet = answered.facet
    inner join task_scope on task_answer.task_no = task_scope.task_no
    group by all

)

select
    release_id,
    '{platform}',
    scope,
    'all_conversations' as estimator,
    facet,
    category,
    joint / probability as value
from summed
union all
select
    release_id,
    '{platform}',
    scope,
    'pooled',
    facet,
    category,
    joint / answered_joint
from summed
where category not in ('none', 'not_classified')
union all
select
    release_id,
    '{platform}',
    scope,
    'task_renormalised',
    facet,
    category,
    renormalised / probability
from summed
where category not in ('none', 'not_classified')
union all
select
    task_probability.release_id,
    '{platform}',
    task_scope.scope,
    'all_conversations',
    'onet_task',
    'share_of_sample',
    sum(task_probability.probability)
from task_probability
inner join task_scope on task_probability.task_no = task_scope.task_no
group by all
