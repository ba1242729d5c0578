-- What each interval and bound should hold, from the simulator's own tables only: no
-- model of the warehouse is read here, so a broken model can't move its target.
-- Statements are parted by a semicolon at the end of a line.

-- grain: allocation_rule, scope, task
create or replace table task_weight as
with holder as (

    select distinct
        lower(trim("Task")) as task,
        "O*NET-SOC Code" as code
    from release_statement

),

task_code as (

    select
        task,
        count(*) as code_count,
        count(*) filter (where code like '25-%') as education_code_count,
        count(*) filter (where code like '15-%') as computing_code_count,
        left(min(code) filter (where code like '25-%'), 4) as lowest_education_prefix
    from holder
    group by task

),

subsector as (

    select * from (
        values
        ('25-1', 'postsecondary'),
        ('25-2', 'k12'),
        ('25-3', 'other_teachers'),
        ('25-4', 'library'),
        ('25-9', 'education_support')
    ) as listed (prefix, scope)

)

select
    'any_holder' as allocation_rule,
    'education' as scope,
    task,
    1.0::double as weight
from task_code
where education_code_count > 0
union all
select
    'any_holder',
    subsector.scope,
    task_code.task,
    1.0
from task_code
inner join subsector on task_code.lowest_education_prefix = subsector.prefix
union all
select distinct
    'any_holder',
    'soc_' || left(code, 2),
    task,
    1.0
from holder
union all
select
    'any_holder',
    'non_education',
    task,
    1.0
from task_code
where education_code_count = 0
union all
select
    'any_holder',
    'non_education_non_computing',
    task,
    1.0
from task_code
where education_code_count = 0 and computing_code_count = 0
union all
select
    rule.allocation_rule,
    'all_named',
    task_code.task,
    1.0
from task_code
cross join (values ('any_holder'), ('equal_split')) as rule (allocation_rule)
union all
select
    rule.allocation_rule,
    'all_with_pseudo',
    node.task,
    1.0
from (
    select task from task_code
    union all
    values ('none'), ('not_classified')
) as node (task)
cross join (values ('any_holder'), ('equal_split')) as rule (allocation_rule)
union all
select
    'equal_split',
    'education',
    task,
    education_code_count / code_count
from task_code
where education_code_count > 0
union all
select
    'equal_split',
    subsector.scope,
    holder.task,
    count(*) / any_value(task_code.code_count)
from holder
inner join task_code on holder.task = task_code.task
inner join subsector on left(holder.code, 4) = subsector.prefix
group by subsector.scope, holder.task;

-- grain: figure, estimator as the marts name it, the simulator's facet and its measure
create or replace table estimator_measure as
select * from (
    values
    ('pattern', 'task_renormalised', 'collaboration', 'task_renormalised'),
    ('pattern', 'pooled', 'collaboration', 'pooled'),
    ('pattern', 'all_conversations', 'collaboration', 'all_conversations'),
    ('success', 'published_yes', 'task_success', 'all_conversations'),
    ('success', 'yes_over_answered', 'task_success', 'task_renormalised'),
    ('use_case', 'with_residual', 'use_case', 'all_conversations'),
    ('use_case', 'without_residual', 'use_case', 'pooled'),
    ('use_case', 'task_renormalised', 'use_case', 'task_renormalised')
) as listed (figure, estimator, facet, measure);

-- Of each task: its mass (probability, or conversations) and the mass of each answer.
-- grain: batch, release_id, task, facet, category
create or replace table task_answer as
select
    cell.batch,
    cell.release_id,
    cell.task,
    cell.facet,
    cell.category,
    cell.conversations::double as mass,
    sum(cell.conversations::double) over task_facet as task_mass,
    sum(cell.conversations::double) filter (
        where cell.category not in ('none', 'not_classified')
    ) over task_facet as answered_mass
from kept_truth_cell as cell
where cell.geography = 'global' and cell.facet <> 'onet_task'
window task_facet as (
    partition by cell.batch, cell.release_id, cell.task, cell.facet
)
union all
select
    task.batch,
    task.release_id,
    task.task,
    answer.facet,
    answer.category,
    task.probability * answer.share as mass,
    task.probability,
    sum(task.probability * answer.share) filter (
        where answer.category not in ('none', 'not_classified')
    ) over (partition by task.batch, task.task, answer.facet)
from kept_task_parameter as task
inner join kept_answer_parameter as answer
    on
        task.batch = answer.batch
        and task.task = answer.task
        and not answer.is_coordinated
where
    task.release_id = 'superpopulation'
    and answer.facet in ('collaboration', 'task_success', 'use_case');

-- The value of every task figure without suppression: in the superpopulation (release
-- id superpopulation), and as realised by the conversations of a release; over all
-- tasks of the scope, and over those that the release publishes.
-- grain: batch, release_id, task_set, allocation_rule, scope, figure, estimator, category
create or replace table task_figure_target as
with published_task as (

    select
        batch,
        release_id,
        cluster_name as task
    from kept_release_row
    where
        geography = 'global' and facet = 'onet_task' and variable = 'onet_task_count'

),

-- The published residual node holds the unpublished tasks too, so with both
-- pseudo-tasks the published tasks are all.
task_set as (

    select
        task_answer.*,
        task_weight.allocation_rule,
        task_weight.scope,
        task_weight.weight,
        published_task.task is not null
        or task_weight.scope = 'all_with_pseudo' as is_published
    from task_answer
    inner join task_weight on task_answer.task = task_weight.task
    left join published_task
        on
            task_answer.batch = published_task.batch
            and task_answer.release_id = published_task.release_id
            and task_answer.task = published_task.task
    where not starts_with(task_weight.scope, 'soc_')

),

doubled as (

    select
        *,
        'all_tasks' as task_set
    from task_set
    union all
    select
        *,
        'published_tasks'
    from task_set
    where is_published and release_id <> 'superpopulation'

),

-- Every task has a row for each answer that some conversation of it gave, so the
-- denominators come from the tasks, each once.
task_once as (

    select
        batch,
        release_id,
        task_set,
        allocation_rule,
        scope,
        facet,
        task,
        any_value(weight * task_mass) as task_mass,
        any_value(weight * answered_mass) as answered_mass
    from doubled
    group by all

),

base as (

    select
        batch,
        release_id,
        task_set,
        allocation_rule,
        scope,
        facet,
        sum(task_mass) as task_mass,
        sum(answered_mass) as answered_mass,
        sum(task_mass) filter (where answered_mass > 0) as answering_task_mass
    from task_once
    group by all

),

category as (

    select distinct
        facet,
        category
    from task_answer
    where category <> 'not_classified'

),

part as (

    select
        batch,
        release_id,
        task_set,
        allocation_rule,
        scope,
        facet,
        category,
        sum(weight * mass) as mass,
        sum(weight * task_mass * mass / answered_mass) as renormalised_mass
    from doubled
    group by all

)

select
    base.batch,
    base.release_id,
    base.task_set,
    base.allocation_rule,
    base.scope,
    estimator_measure.figure,
    estimator_measure.estimator,
    category.category,
    100 * case estimator_measure.measure
        when 'all_conversations' then coalesce(part.mass, 0) / base.task_mass
        when 'pooled' then coalesce(part.mass, 0) / nullif(base.answered_mass, 0)
        else
            coalesce(part.renormalised_mass, 0)
            / nullif(base.answering_task_mass, 0)
    end as target_pct
from base
inner join category on base.facet = category.facet
inner join estimator_measure on base.facet = estimator_measure.facet
left join part
    on
        base.batch = part.batch
        and base.release_id = part.release_id
        and base.task_set = part.task_set
        and base.allocation_rule = part.allocation_rule
        and base.scope = part.scope
        and base.facet = part.facet
        and category.category = part.category
where estimator_measure.measure = 'all_conversations' or category.category <> 'none';

-- The chance that a conversation of a place is of a task, and what it came to.
-- grain: batch, release_id, geo_level, geo_id, task
create or replace table place_task as
with education_task as (

    select task from task_weight
    where allocation_rule = 'any_holder' and scope = 'education'

),

world as (

    select
        task.batch,
        task.release_id,
        task.task,
        sum(task.probability) as probability,
        any_value(education_task.task is not null) as is_education
    from kept_task_parameter as task
    left join education_task on task.task = education_task.task
    where task.release_id <> 'superpopulation'
    group by task.batch, task.release_id, task.task

),

-- Within education, and outside it, countries use tasks alike.
country as (

    select
        country.batch,
        country.release_id,
        country.geo_id,
        world.task,
        world.probability
        / sum(world.probability) over (
            partition by
                country.batch, country.release_id, country.geo_id, world.is_education
        )
        * case when world.is_education then country.value else 1 - country.value end
            as probability
    from kept_country_parameter as country
    inner join world
        on
            country.batch = world.batch
            and country.release_id = world.release_id
    where country.facet = 'onet_task' and country.category = 'education'

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
    from country

)

select
    placed.*,
    coalesce(cell.conversations, 0) as conversations
from placed
left join kept_truth_cell as cell
    on
        placed.batch = cell.batch
        and placed.release_id = cell.release_id
        and placed.geo_level = cell.geography
        and placed.geo_id = cell.geo_id
        and placed.task = cell.task
        and cell.facet = 'onet_task';

-- Shares of a scope in a place: the model's parameter and the realised share.
-- grain: batch, release_id, geo_level, geo_id, allocation_rule, scope, share_base
create or replace table scope_share_target as
with base as (

    select
        batch,
        release_id,
        geo_level,
        geo_id,
        unnest(['all_conversations', 'named_tasks']) as share_base,
        unnest([
            sum(probability),
            sum(probability) filter (where task not in ('none', 'not_classified'))
        ]) as probability,
        unnest([
            sum(conversations),
            sum(conversations) filter (where task not in ('none', 'not_classified'))
        ]) as conversations
    from place_task
    group by batch, release_id, geo_level, geo_id

),

part as (

    select
        place_task.batch,
        place_task.release_id,
        place_task.geo_level,
        place_task.geo_id,
        task_weight.allocation_rule,
        task_weight.scope,
        sum(task_weight.weight * place_task.probability) as probability,
        sum(task_weight.weight * place_task.conversations) as conversations
    from place_task
    inner join task_weight on place_task.task = task_weight.task
    where
        place_task.geo_level = 'global'
        or not starts_with(task_weight.scope, 'soc_')
    group by all

)

select
    part.batch,
    part.release_id,
    part.geo_level,
    part.geo_id,
    part.allocation_rule,
    part.scope,
    base.share_base,
    100 * part.probability / base.probability as parameter_pct,
    100 * part.conversations / nullif(base.conversations, 0) as realised_pct
from part
inner join base
    on
        part.batch = base.batch
        and part.release_id = base.release_id
        and part.geo_level = base.geo_level
        and part.geo_id = base.geo_id;

-- The parameters of the base facets.
-- grain: batch, release_id, geo_level, geo_id, facet, category
create or replace table facet_target as
select
    batch,
    release_id,
    'global' as geo_level,
    'GLOBAL' as geo_id,
    facet,
    category,
    100 * value as parameter_pct
from kept_scope_parameter
where
    scope = 'all_with_pseudo'
    and estimator = 'all_conversations'
    and facet in ('collaboration', 'task_success', 'use_case')
    and release_id <> 'superpopulation'
union all
select
    batch,
    release_id,
    'country',
    geo_id,
    facet,
    category,
    100 * value
from kept_country_parameter
where facet in ('collaboration', 'task_success', 'use_case')
union all
select
    batch,
    release_id,
    'country',
    geo_id,
    'country',
    'all',
    100 * value
from kept_country_parameter
where facet = 'usage'
union all
select
    batch,
    release_id,
    geo_level,
    geo_id,
    'onet_task',
    task,
    100 * probability
from place_task;
