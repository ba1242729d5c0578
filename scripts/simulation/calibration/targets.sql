-- What each interval and bound should hold, from the simulator's own tables only: no
-- model of the warehouse is read here, so a broken model can't move its target.
-- Statements are parted by a semicolon at the end of a line.

-- grain: allocation_rule, scope, task
create or replace table task_weight as
with coded as (

    select
        task,
        code,
        left(code, 2) as soc_group,
        subsector.scope as subsector,
        count(*) over (partition by task) as code_count,
        min(code) filter (where code like '25-%') over (partition by task)
            as lowest_education_code
    from (
        select distinct
            lower(trim("Task")) as task,
            "O*NET-SOC Code" as code
        from release_statement
    )
    left join (
        values
        ('25-1', 'postsecondary'),
        ('25-2', 'k12'),
        ('25-3', 'other_teachers'),
        ('25-4', 'library'),
        ('25-9', 'education_support')
    ) as subsector (prefix, scope) on left(code, 4) = prefix

),

node as (

    select
        task,
        true as is_named,
        bool_and(soc_group <> '25') as is_non_education,
        bool_and(soc_group not in ('15', '25')) as is_non_computing
    from coded
    group by task
    union all
    values ('none', false, false, false), ('not_classified', false, false, false)

)

select distinct
    'any_holder' as allocation_rule,
    unnest(
        ['soc_' || soc_group]
        || if(code = lowest_education_code, ['education', subsector], [])
    ) as scope,
    task,
    1.0::double as weight
from coded
union all
select
    'equal_split',
    scope,
    task,
    sum(weight)
from (
    select
        unnest(['education', subsector]) as scope,
        task,
        1 / code_count as weight
    from coded
    where soc_group = '25'
)
group by all
union all
select
    'any_holder',
    unnest(
        ['all_with_pseudo']
        || if(is_named, ['all_named'], [])
        || if(is_non_education, ['non_education'], [])
        || if(is_non_computing, ['non_education_non_computing'], [])
    ),
    task,
    1.0
from node;

-- Of each task: its mass (probability, or conversations) and the mass of each answer.
-- grain: batch, release_id, task, facet, category
create or replace table task_answer as
select
    *,
    sum(mass) over task_facet as task_mass,
    sum(mass) filter (
        where category not in ('none', 'not_classified')
    ) over task_facet as answered_mass
from (
    select
        batch,
        release_id,
        task,
        facet,
        category,
        conversations::double as mass
    from kept_truth_cell
    where geography = 'global' and facet <> 'onet_task'
    union all
    select
        batch,
        release_id,
        task,
        facet,
        category,
        probability * share
    from kept_task_parameter
    inner join kept_answer_parameter using (batch, task)
    where
        release_id = 'superpopulation'
        and not kept_answer_parameter.is_coordinated
        and facet in ('collaboration', 'task_success', 'use_case')
)
window task_facet as (partition by batch, release_id, task, facet);

-- The value of every task figure without suppression: in the superpopulation, and as
-- realised by the conversations of a release, over all tasks of the scope and over
-- those that the release publishes. A measure is a numerator; the denominator is its
-- sum over the categories.
-- grain: batch, release_id, target, allocation_rule, scope, figure, estimator, category
create or replace table task_figure_target as
with estimator_measure as (

    select * from (
        values
        ('pattern', 'task_renormalised', 'collaboration', 'renormalised'),
        ('pattern', 'pooled', 'collaboration', 'answered'),
        ('pattern', 'all_conversations', 'collaboration', 'all'),
        ('success', 'all_conversations', 'task_success', 'all'),
        ('success', 'published_yes', 'task_success', 'all'),
        ('success', 'yes_over_answered', 'task_success', 'renormalised'),
        ('use_case', 'all_conversations', 'use_case', 'all'),
        ('use_case', 'pooled', 'use_case', 'answered'),
        ('use_case', 'task_renormalised', 'use_case', 'renormalised')
    ) as listed (figure, estimator, facet, measure)

),

-- The published residual node holds the unpublished tasks too, so with both
-- pseudo-tasks the published tasks are all.
measured as (

    select
        task_answer.batch,
        task_answer.release_id,
        unnest(
            case
                when task_answer.release_id = 'superpopulation' then ['superpopulation']
                when published.cluster_name is null and scope <> 'all_with_pseudo'
                    then ['realised_all_tasks']
                else ['realised_all_tasks', 'realised_published_tasks']
            end
        ) as target,
        allocation_rule,
        scope,
        estimator_measure.figure,
        estimator_measure.estimator,
        category,
        weight * mass * if(measure = 'renormalised', task_mass / answered_mass, 1)
            as numerator
    from task_answer
    inner join task_weight using (task)
    inner join estimator_measure
        on
            task_answer.facet = estimator_measure.facet
            and (measure = 'all' or category not in ('none', 'not_classified'))
    left join kept_release_row as published
        on
            task_answer.batch = published.batch
            and task_answer.release_id = published.release_id
            and task_answer.task = published.cluster_name
            and published.geography = 'global'
            and published.variable = 'onet_task_count'
    where not starts_with(scope, 'soc_')

),

summed as (

    select
        batch,
        release_id,
        target,
        allocation_rule,
        scope,
        figure,
        estimator,
        category,
        sum(numerator) as numerator
    from measured
    group by all

),

-- what no conversation of the scope was is a share of nothing, not an unknown one
filled as (

    select * from summed
    union all
    select
        batch,
        release_id,
        target,
        allocation_rule,
        scope,
        figure,
        estimator,
        answer.category,
        0
    from (select distinct * exclude (category, numerator) from summed) as figures
    inner join (select distinct figure, estimator, category from summed) as answer
        using (figure, estimator)

)

select
    batch,
    release_id,
    target,
    allocation_rule,
    scope,
    figure,
    estimator,
    category,
    100 * sum(numerator) / nullif(sum(sum(numerator)) over (
        partition by
            batch, release_id, target, allocation_rule, scope, figure, estimator
    ), 0) as target_pct
from filled
group by
    batch, release_id, target, allocation_rule, scope, figure, estimator, category;

-- The chance that a conversation of a place is of a task, and what it came to. Within
-- education, and outside it, countries use tasks alike.
-- grain: batch, release_id, geo_level, geo_id, task
create or replace table place_task as
with world as (

    select
        batch,
        release_id,
        task,
        sum(probability) as probability,
        task in (
            select task from task_weight
            where allocation_rule = 'any_holder' and scope = 'education'
        ) as is_education
    from kept_task_parameter
    where release_id <> 'superpopulation'
    group by all

),

placed as (

    select
        batch,
        release_id,
        'global' as geo_level,
        'GLOBAL' as geo_id,
        task,
        probability
    from world
    union all
    select
        batch,
        release_id,
        'country',
        geo_id,
        task,
        probability
        / sum(probability) over (partition by batch, release_id, geo_id, is_education)
        * if(is_education, value, 1 - value)
    from kept_country_parameter
    inner join world using (batch, release_id)
    where facet = 'onet_task' and category = 'education'

)

select
    placed.*,
    coalesce(conversations, 0) as conversations
from placed
left join kept_truth_cell as cell
    on
        placed.batch = cell.batch
        and placed.release_id = cell.release_id
        and placed.geo_level = cell.geography
        and placed.geo_id = cell.geo_id
        and placed.task = cell.task
        and cell.facet = 'onet_task';

-- Every target in one form; the labels are those of the marts.
-- grain: batch, release_id, target, figure, geo_id, allocation_rule, scope, estimator,
--        category
create or replace table target (
    batch varchar,
    release_id varchar,
    target varchar default 'model_parameter',
    figure varchar,
    geo_id varchar default 'GLOBAL',
    allocation_rule varchar default 'any_holder',
    scope varchar,
    estimator varchar,
    category varchar,
    target_pct double
);

create or replace view release_batch as
select distinct
    batch,
    release_id
from kept_release_row;

-- realised by a release; and of the superpopulation, the same for every release
insert into target by name
select * from task_figure_target
where release_id <> 'superpopulation';

insert into target by name
select
    superpopulation.* exclude (release_id),
    release_batch.release_id
from task_figure_target as superpopulation
inner join release_batch using (batch)
where superpopulation.release_id = 'superpopulation';

-- shares of a scope in a place
insert into target by name
with base as (

    select
        batch,
        release_id,
        geo_id,
        estimator,
        sum(probability) as probability_base,
        sum(conversations) as conversations_base
    from place_task
    cross join (values ('all_conversations'), ('named_tasks')) as listed (estimator)
    where estimator = 'all_conversations' or task not in ('none', 'not_classified')
    group by all

),

part as (

    select
        batch,
        release_id,
        'share_' || geo_level as figure,
        geo_id,
        allocation_rule,
        scope,
        scope as category,
        sum(weight * probability) as probability,
        sum(weight * conversations) as conversations
    from place_task
    inner join task_weight using (task)
    where geo_level = 'global' or not starts_with(scope, 'soc_')
    group by all

)

select
    part.* exclude (probability, conversations),
    estimator,
    unnest(['model_parameter', 'realised_share']) as target,
    unnest([
        100 * probability / probability_base,
        100 * conversations / nullif(conversations_base, 0)
    ]) as target_pct
from part
inner join base using (batch, release_id, geo_id);

-- base facets of the world and of countries
insert into target by name
with facet_share as (

    select
        batch,
        release_id,
        'global' as scope,
        'GLOBAL' as geo_id,
        answer.facet,
        answer.category,
        sum(probability * share) as value
    from kept_task_parameter
    inner join kept_answer_parameter as answer using (batch, task, is_coordinated)
    inner join release_batch using (batch, release_id)
    where answer.facet in ('collaboration', 'task_success', 'use_case')
    group by all
    union all by name
    select
        batch,
        release_id,
        'country' as scope,
        geo_id,
        if(facet = 'usage', 'country', facet) as facet,
        if(facet = 'usage', 'all', category) as category,
        value
    from kept_country_parameter
    where facet in ('collaboration', 'task_success', 'use_case', 'usage')
    union all by name
    select
        batch,
        release_id,
        geo_level as scope,
        geo_id,
        'onet_task' as facet,
        task as category,
        probability as value
    from place_task

),

based as (

    select
        * exclude (facet),
        facet || '_' || scope as figure,
        sum(value) filter (where category not in ('none', 'not_classified')) over (
            partition by batch, release_id, geo_id, facet
        ) as named
    from facet_share

)

select
    * exclude (value, named),
    unnest(['all_conversations', 'named_labels']) as estimator,
    100 * value / unnest([1, named]) as target_pct
from based;

-- success of single tasks
insert into target by name
select
    batch,
    release_batch.release_id,
    'success_of_a_task' as figure,
    'education' as scope,
    'yes of yes and no' as estimator,
    task as category,
    100 * mass / answered_mass as target_pct
from task_answer
inner join release_batch using (batch)
where
    task_answer.release_id = 'superpopulation'
    and facet = 'task_success'
    and category = 'yes'
