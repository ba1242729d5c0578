-- What each interval and bound should hold, from the simulator's own tables and the
-- prefixes of the subsectors: no model of the warehouse is read here, so a broken model
-- can't move its target.

create or replace macro is_named(label) as label not in ('none', 'not_classified');
create or replace macro is_measured(facet) as
    facet in ('collaboration', 'task_success', 'use_case');

-- grain: allocation_rule, scope, task
create or replace table task_weight as
with coded as (

    select distinct
        lower(trim("Task")) as task,
        "O*NET-SOC Code" as code,
        left(code, 2) as soc_group,
        education_subsector
    from release_statement
    left join read_csv('{subsectors}', all_varchar = true)
        on left("O*NET-SOC Code", 4) = soc_code_prefix

),

weighted as (

    select
        task,
        'any_holder' as allocation_rule,
        1.0 as weight,
        unnest(
            ['soc_' || soc_group]
            || if(
                code = min(code) filter (where soc_group = '25') over of_task,
                ['education', education_subsector],
                []
            )
        ) as scope
    from coded
    window of_task as (partition by task)
    union all by name
    select
        task,
        'equal_split' as allocation_rule,
        1 / count(*) over (partition by task) as weight,
        unnest(
            ['soc_' || soc_group]
            || if(
                soc_group = '25',
                ['education', education_subsector],
                ['non_education']
                || if(soc_group = '15', [], ['non_education_non_computing'])
            )
        ) as scope
    from coded
    union all by name
    select
        task,
        'any_holder' as allocation_rule,
        1.0 as weight,
        unnest(
            ['all_with_pseudo', 'all_named']
            || if(is_non_education, ['non_education'], [])
            || if(is_non_computing, ['non_education_non_computing'], [])
        ) as scope
    from (
        select
            task,
            bool_and(soc_group <> '25') as is_non_education,
            bool_and(soc_group not in ('15', '25')) as is_non_computing
        from coded
        group by task
    )
    union all by name
    select
        unnest(['none', 'not_classified']) as task,
        'any_holder' as allocation_rule,
        1.0 as weight,
        'all_with_pseudo' as scope

)

select
    allocation_rule,
    scope,
    task,
    -- two codes of a task in one group are one holder
    least(sum(weight), 1)::double as weight
from weighted
group by all;

-- Of each task: its mass (probability, or conversations) and the mass of each answer; of
-- an answer that nobody gave it is nothing, not an unknown.
-- grain: batch, platform, release_id, task, facet, category
create or replace table task_answer as
with answer as (

    select
        * exclude (geography, geo_id, conversations),
        conversations as mass
    from kept_truth_cell
    where geography = 'global' and is_measured(facet)
    union all by name
    select
        * exclude (is_coordinated, probability, share),
        probability * share as mass
    from kept_task_parameter
    inner join (
        from kept_answer_parameter where not is_coordinated and is_measured(facet)
    ) using (batch, platform, task)
    where release_id = 'superpopulation'

)

select
    *,
    sum(mass) over task_facet as task_mass,
    nullif(sum(mass) filter (where is_named(category)) over task_facet, 0)
        as answered_mass
from (
    select
        * exclude (mass),
        sum(mass) as mass
    from (
        from answer
        union all by name
        select distinct answer.* replace (label as category, 0 as mass)
        from answer
        inner join category using (facet)
    )
    group by all
)
window task_facet as (partition by batch, platform, release_id, task, facet);

-- The value of every task figure without suppression: in the superpopulation, and as
-- realised by the conversations of a release, over all tasks of the scope and over
-- those that the release publishes. A measure is a numerator; the denominator is its
-- sum over the categories.
-- grain: batch, platform, release_id, target, allocation_rule, scope, figure, estimator,
--        category
create or replace table task_figure_target as
with estimator_measure (figure, estimator, facet, measure) as (

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

),

-- The published residual node holds the unpublished tasks too, so with both
-- pseudo-tasks the published tasks are all.
measured as (

    select
        * exclude (
            task, facet, mass, task_mass, answered_mass, weight, measure, is_published
        ),
        unnest(
            case
                when release_id = 'superpopulation' then ['superpopulation']
                when is_published is null and scope <> 'all_with_pseudo'
                    then ['realised_all_tasks']
                else ['realised_all_tasks', 'realised_published_tasks']
            end
        ) as target,
        weight * mass * if(measure = 'renormalised', task_mass / answered_mass, 1)
            as numerator
    from task_answer
    inner join task_weight using (task)
    inner join estimator_measure using (facet)
    left join (
        select
            batch,
            platform,
            release_id,
            cluster_name as task,
            true as is_published
        from kept_release_row
        where geography = 'global' and variable = 'onet_task_count'
    ) using (batch, platform, release_id, task)
    where not starts_with(scope, 'soc_') and (measure = 'all' or is_named(category))

)

select
    * exclude (numerator),
    100 * numerator / nullif(sum(numerator) over (
        partition by
            batch, platform, release_id, target, allocation_rule, scope, figure,
            estimator
    ), 0) as target_pct
from (
    select
        * exclude (numerator),
        sum(numerator) as numerator
    from measured
    group by all
);

-- The chance that a conversation of a place is of a task, and what it came to. Within
-- education, and outside it, countries use tasks alike.
-- grain: batch, platform, release_id, geo_level, geo_id, task
create or replace table place_task as
with world as (

    select
        * exclude (is_coordinated, probability),
        sum(probability) as probability,
        task in (select task from task_weight where scope = 'education') as is_education
    from kept_task_parameter
    group by all

),

placed as (

    select
        * exclude (is_education),
        'global' as geo_level,
        'GLOBAL' as geo_id
    from world
    union all by name
    select
        * exclude (facet, category, value, is_education, probability),
        'country' as geo_level,
        probability
        / sum(probability) over (partition by batch, release_id, geo_id, is_education)
        * if(is_education, value, 1 - value) as probability
    from kept_country_parameter
    inner join world using (batch, platform, release_id)
    where facet = 'onet_task' and category = 'education'

)

select
    placed.*,
    coalesce(conversations, 0) as conversations
from placed
left join (
    select * exclude (geography, facet, category), geography as geo_level
    from kept_truth_cell
    where facet = 'onet_task'
) as cell using (batch, platform, release_id, geo_level, geo_id, task);

-- Every target in one form; the labels are those of the marts. What is of the
-- superpopulation is so for every release.
-- grain: batch, platform, release_id, target, figure, geo_id, allocation_rule, scope, estimator,
--        category
create or replace table every_target (
    batch varchar,
    platform varchar,
    release_id varchar default 'superpopulation',
    target varchar,
    figure varchar,
    geo_id varchar default 'GLOBAL',
    allocation_rule varchar default 'any_holder',
    scope varchar,
    estimator varchar,
    category varchar,
    target_pct double
);

create or replace view target as
select every_target.* replace (release_batch.release_id as release_id)
from every_target
inner join (
    select distinct
        batch,
        platform,
        release_id
    from kept_release_row
) as release_batch
    on
        every_target.batch = release_batch.batch
        and every_target.platform = release_batch.platform
        and every_target.release_id in (release_batch.release_id, 'superpopulation');

insert into every_target by name from task_figure_target;

-- shares of a scope in a place; a base is the scope of all its tasks
insert into every_target by name
with scope_mass as (

    unpivot (
        select
            place_task.* exclude (task, probability, conversations),
            allocation_rule,
            scope,
            sum(weight * probability) as model_parameter,
            sum(weight * conversations) as realised_share
        from place_task
        inner join task_weight using (task)
        where geo_level = 'global' or not starts_with(scope, 'soc_')
        group by all
    )
    on model_parameter, realised_share into name target value mass

),

base (base_scope, estimator) as (
    values ('all_with_pseudo', 'all_conversations'), ('all_named', 'named_tasks')
)

select
    part.* exclude (geo_level, mass) replace (
        if(release_id = 'superpopulation', release_id, part.target) as target
    ),
    'share_' || geo_level as figure,
    part.scope as category,
    estimator,
    100 * part.mass / nullif(whole.mass, 0) as target_pct
from scope_mass as part
inner join scope_mass as whole
    using (batch, platform, release_id, geo_level, geo_id, target)
inner join base on whole.scope = base_scope;

-- The two sides of a gap, and what they are compared by.
-- grain: compared, scope, platform
create or replace table side_pair as
with platform_label as (select distinct platform from kept_release_row)

select distinct
    'task' as unit_kind,
    scope as compared,
    scope,
    scope as other_scope,
    '1p_api' as platform,
    'claude_ai' as other_platform
from task_weight
where not starts_with(scope, 'soc_')
union all by name
select
    unit_kind,
    comparison as compared,
    scope,
    baseline_scope as other_scope,
    platform_label.platform,
    platform_label.platform as other_platform
from read_csv('{comparisons}', all_varchar = true)
cross join platform_label
where comparison_kind = 'scope';

-- The gap between two sides in the superpopulation, by either rule.
insert into every_target by name
with side as (
    from task_figure_target
    where target = 'superpopulation' and estimator = 'all_conversations'
)

select
    new.* replace (
        compared as scope,
        new.figure || '_gap' as figure,
        new.target_pct - old.target_pct as target_pct
    )
from side_pair
inner join side as new using (scope, platform)
inner join side as old
    on
        new.batch = old.batch
        and other_platform = old.platform
        and other_scope = old.scope
        -- what no rule changes is the baseline under each
        and old.allocation_rule
        = if(starts_with(other_scope, 'all_'), 'any_holder', new.allocation_rule)
        and new.figure = old.figure
        and new.category = old.category;

-- Its split there (Kitagawa): between platforms by task, between scopes by the use case
-- of most of a task. Both sides have every unit.
insert into every_target by name
with united as (

    select
        *,
        unnest(['task', 'main_use_case']) as unit_kind,
        unnest([task, main_use_case]) as unit
    from (
        select
            *,
            -- of equal ones the first in the alphabet, as the mart has it
            min_by(category, (-mass, category))
                filter (where facet = 'use_case' and is_named(category))
                over (partition by batch, platform, task) as main_use_case
        from task_answer
        where release_id = 'superpopulation'
    )

),

units as (

    select
        *,
        sum(top) over (
            partition by batch, platform, scope, facet, unit_kind, unit
        ) as base
    from (
        select
            batch,
            platform,
            scope,
            facet,
            category,
            unit_kind,
            unit,
            sum(weight * mass) as top
        from united
        inner join task_weight using (task)
        where
            allocation_rule = 'any_holder'
            and not starts_with(scope, 'soc_')
            and scope <> 'all_with_pseudo'
        group by all
    )

),

means as (

    select
        batch,
        platform,
        compared as scope,
        facet,
        category,
        sum(new.top) / sum(new.base) as new,
        sum(old.top) / sum(old.base) as old,
        sum(old.base * new.top / new.base) / sum(old.base) as new_at_old,
        sum(new.base * old.top / old.base) / sum(new.base) as old_at_new
    from side_pair
    inner join units as new using (unit_kind, scope, platform)
    inner join (
        select * rename (platform as other_platform, scope as other_scope) from units
    ) as old
        using (
            batch, other_platform, other_scope, unit_kind, unit, facet, category
        )
    group by all

)

select
    batch,
    platform,
    'superpopulation' as target,
    case facet
        when 'collaboration' then 'pattern' when 'task_success' then 'success'
        else facet
    end || unnest(['_composition', '_within']) as figure,
    scope,
    'all_conversations' as estimator,
    category,
    100 * unnest([
        (old_at_new - old + new - new_at_old) / 2,
        (new - old_at_new + new_at_old - old) / 2
    ]) as target_pct
from means;

-- base facets of the world and of countries
insert into every_target by name
with facet_share as (

    select
        * exclude (is_coordinated, task, probability, share),
        'global' as scope,
        'GLOBAL' as geo_id,
        sum(probability * share) as value
    from kept_task_parameter
    inner join kept_answer_parameter using (batch, platform, task, is_coordinated)
    where release_id <> 'superpopulation' and is_measured(facet)
    group by all
    union all by name
    select
        * replace (
            if(facet = 'usage', 'country', facet) as facet,
            if(facet = 'usage', 'all', category) as category
        ),
        'country' as scope
    from kept_country_parameter
    where facet = 'usage' or is_measured(facet)
    union all by name
    select
        * exclude (conversations)
            rename (geo_level as scope, task as category, probability as value),
        'onet_task' as facet
    from place_task
    where release_id <> 'superpopulation'

),

based as (

    select
        * exclude (facet),
        facet || '_' || scope as figure,
        sum(value) filter (where is_named(category)) over (
            partition by batch, platform, release_id, geo_id, facet
        ) as named
    from facet_share

)

select
    * exclude (value, named),
    'model_parameter' as target,
    unnest(['all_conversations', 'named_labels']) as estimator,
    100 * value / unnest([1, named]) as target_pct
from based;

-- success of single tasks
insert into every_target by name
select
    batch,
    platform,
    'model_parameter' as target,
    'success_of_a_task' as figure,
    'education' as scope,
    'yes of yes and no' as estimator,
    task as category,
    100 * mass / answered_mass as target_pct
from task_answer
where release_id = 'superpopulation' and facet = 'task_success' and category = 'yes'
