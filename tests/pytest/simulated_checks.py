"""Named checks of marts that are built on simulated releases, where the truth is known.

A check is SQL that returns one row per violation, with the columns ``release``,
``scope``, ``category``, ``observed``, ``expected``. It runs on the connection that
holds the tables of ``simulate_releases`` for a batch of releases, with those of
``add_expectations``, and with the built warehouse attached as ``built``. What it
expects is computed here a second time, from the truth and the published rows, and never
read from a model.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import duckdb
from conftest import PROJECT  # its import makes scripts importable
from simulation.draw import Run
from simulation.model import PLATFORMS, Model, load_model
from simulation.plan import parse_plan
from simulation.publish import Rules
from simulation.releases import open_database, release_runs, simulate_releases
from simulation.task_lists import scaled, superpopulation

PRIVACY_FLOOR = 15  # data guide, thresholds; stated here apart from the project's vars
ACCOUNT_FLOOR = 5
REQUEST_FLOOR = 500
BATCH_TABLES = (
    "release_row",
    "release_size",
    "release_statement",
    "truth_cell",
    "release_setting",
)


# Releases to simulate -----------------------------------------------------------------


@dataclass(frozen=True)
class Setting:
    """Releases of a batch that share a task list, a plan and the floors.

    ``sizes``: conversations on Claude.ai and records of the API, one pair per release.
    ``tasks``: length of the list. ``is_redrawn``: whether each release draws its list
    anew from a superpopulation. ``floor``: the smallest named cell; 1 suppresses
    nothing, because the floors of accounts and requests fall with it. ``facets``: as
    the simulator's option ``--facets`` reads them.
    """

    seed: int
    sizes: tuple[tuple[int, int], ...]
    tasks: int = 304
    is_redrawn: bool = False
    floor: int = PRIVACY_FLOOR
    facets: str = "sample"

    def rules(self) -> Rules:
        """The floors to publish by."""
        if self.floor == 1:
            return Rules(floor=1, account_floor=1, request_floor=1)
        return Rules(self.floor, ACCOUNT_FLOOR, REQUEST_FLOOR)

    def runs(self, model: Model, prefix: str) -> list[Run]:
        """One run per pair of sizes, named after ``prefix``."""
        tasks = self.tasks if self.is_redrawn else None
        drawn = release_runs(
            model,
            len(self.sizes),
            dict.fromkeys(PLATFORMS, 0),
            self.seed,
            tasks,
            prefix,
        )
        return [
            replace(run, conversations=dict(zip(PLATFORMS, size, strict=True)))
            for run, size in zip(drawn, self.sizes, strict=True)
        ]


def task_model() -> Model:
    """The project's model, with ``::`` in the text of its largest tasks.

    A statement may hold the mark that parts it from a category; the split is at the
    last one.
    """
    model = load_model(PROJECT / "seeds" / "simulation")
    largest = {
        max(
            (t for t in model.tasks if t.is_education is kind),
            key=lambda t: t.size["claude_ai"],
        ).task_no
        for kind in (True, False)
    }
    return model.with_tasks(
        replace(t, text=f"{t.text.rstrip('.')} (scale: 1::5).")
        if t.task_no in largest
        else t
        for t in model.tasks
    )


def simulate_batch(
    model: Model, settings: Sequence[Setting], rules: Rules | None = None
) -> duckdb.DuckDBPyConnection:
    """Simulate the releases of all settings; their tables end up together.

    ``rules`` publishes by other floors than a setting declares, to see a check fail.
    Every third task of the statements is listed twice under one occupation, as in the
    real file. Release ids are ``setting_0_0000`` and so on.
    """
    con = open_database(threads=2)
    for number, setting in enumerate(settings):
        if setting.is_redrawn:
            used = superpopulation(model, 2)
        else:
            used = scaled(model, setting.tasks)
        runs = setting.runs(used, f"setting_{number}")
        plan = parse_plan(setting.facets)
        simulate_releases(con, used, runs, plan, rules or setting.rules())
        con.execute(
            "create or replace table release_setting as "
            f"select distinct release_id, {setting.floor} as floor from release_size"
        )
        for table in BATCH_TABLES:
            if number == 0:
                con.execute(f"create table batch_{table} as select * from {table}")
            else:
                con.execute(f"insert into batch_{table} select * from {table}")
    for table in BATCH_TABLES:
        con.execute(
            f"create or replace table {table} as select distinct * from batch_{table}"
        )
    con.execute(
        "insert into release_statement select * replace "
        '(("Task ID"::integer + 500000)::varchar as "Task ID") '
        "from release_statement where length(Task) % 3 = 0"
    )
    add_expectations(con)
    return con


# What is expected ---------------------------------------------------------------------

# Weights of a task in a scope or group, by the four rules of the analysis guide.
WEIGHTS = """
create or replace table holder as
select distinct lower(trim("Task")) as task, "O*NET-SOC Code" as code
from release_statement;

create or replace table group_weight as
with coded as (
    select
        task,
        code,
        code[1:2] as soc_group,
        case code[1:4]
            when '25-1' then 'postsecondary' when '25-2' then 'k12'
            when '25-3' then 'other_teachers' when '25-4' then 'library'
            when '25-9' then 'education_support' else ''
        end as subsector,
        count(*) over (partition by task) as codes,
        min(code) over (partition by task) as lowest,
        min(code) over (partition by task, code[1:2]) as lowest_of_group,
        max(code[1:2]) over (partition by task) as last_group
    from holder
)
select
    'any_holder' as allocation_rule, task, soc_group, subsector, 1::double as weight
from coded where code = lowest_of_group
union all
select 'equal_split', task, soc_group, subsector, sum(1::double / codes)
from coded group by all
union all
select 'lowest_code', task, soc_group, subsector, 1 from coded where code = lowest
union all
select 'exclusive', task, soc_group, subsector, 1
from coded where code = lowest and lowest[1:2] = last_group;

create or replace table scope_weight as
with rules as (select unnest(
    ['any_holder', 'equal_split', 'lowest_code', 'exclusive']) as allocation_rule),
tasks as (select distinct task from holder),
shut_out as (
    select
        rules.allocation_rule, tasks.task,
        coalesce(sum(weight) filter (where soc_group = '25'), 0) as education,
        coalesce(sum(weight) filter (where soc_group in ('15', '25')), 0) as both_groups
    from rules cross join tasks
    left join group_weight using (allocation_rule, task)
    group by all
)
select allocation_rule, 'education' as scope, task, sum(weight) as weight
from group_weight where soc_group = '25' group by all
union all
select allocation_rule, subsector, task, sum(weight)
from group_weight where soc_group = '25' group by all
union all
select allocation_rule, 'non_education', task, 1 - education
from shut_out where education < 1
union all
select allocation_rule, 'non_education_non_computing', task, 1 - both_groups
from shut_out where both_groups < 1
union all
select allocation_rule, s.scope, task, 1 from rules cross join tasks
cross join (values ('all_named'), ('all_with_pseudo')) as s (scope)
union all
select allocation_rule, 'all_with_pseudo', p.task, 1 from rules
cross join (values ('none'), ('not_classified')) as p (task);
"""

# Published cells, and the truth of what they stand for.
CELLS = """
create or replace table node as
select release_id, platform, cluster_name as task, value as n
from release_row where geography = 'global' and variable = 'onet_task_count';

-- An intersection cell, taken apart by the published tasks, not by a pattern.
create or replace table published_cell as
select
    r.release_id, r.platform, split_part(r.facet, '::', 2) as facet, node.task,
    substr(r.cluster_name, length(node.task) + 3) as category, r.value as n
from release_row as r
inner join node
    on r.release_id = node.release_id and r.platform = node.platform
    and starts_with(r.cluster_name, node.task || '::')
    and not contains(substr(r.cluster_name, length(node.task) + 3), '::')
where
    r.variable in (
        'onet_task_collaboration_count', 'onet_task_use_case_count',
        'onet_task_task_success_count', 'onet_task_multitasking_count',
        'onet_task_human_only_ability_count'
    );

create or replace table shown_facet as
select distinct release_id, platform, facet from published_cell;

-- What is true of a published task; the node not_classified holds the unpublished.
create or replace table truth_task as
select
    t.release_id, t.platform, t.facet,
    coalesce(node.task, 'not_classified') as task, t.category,
    sum(t.conversations)::double as n
from truth_cell as t
left join node using (release_id, platform, task)
where
    t.geography = 'global'
    and t.facet in ('onet_task', 'collaboration', 'use_case', 'task_success')
group by all;

create or replace table scope_task as
select
    t.release_id, t.platform, w.allocation_rule, w.scope, t.task, w.weight, t.n
from truth_task as t
inner join scope_weight as w using (task)
where t.facet = 'onet_task'
union all
select t.release_id, t.platform, w.allocation_rule, 'education_both_platforms', t.task,
    w.weight, t.n
from truth_task as t
inner join scope_weight as w on t.task = w.task and w.scope = 'education'
semi join node as other
    on t.release_id = other.release_id and t.task = other.task
    and t.platform <> other.platform
where t.facet = 'onet_task';

-- Scope by scope: the true conversations of a category, of all its published tasks.
create or replace table truth_scope as
with base as (
    select release_id, platform, allocation_rule, scope, sum(weight * n) as base
    from scope_task group by all
)
select
    base.*, t.facet, t.category, sum(s.weight * t.n) as n
from base
inner join scope_task as s using (release_id, platform, allocation_rule, scope)
inner join truth_task as t using (release_id, platform, task)
semi join shown_facet as f
    on t.release_id = f.release_id and t.platform = f.platform and t.facet = f.facet
group by all;

-- Means over tasks, weighted by the task's conversations, of the published shares.
create or replace table renormalised as
with kept as (
    select c.*, sum(n) over (partition by release_id, platform, facet, task) as total,
        max((category = 'yes')::integer) over (
            partition by release_id, platform, facet, task) as has_yes
    from published_cell as c where category not in ('none', 'not_classified')
),
base as (
    select s.release_id, s.platform, s.allocation_rule, s.scope, k.facet,
        sum(s.weight * s.n) as base
    from scope_task as s
    inner join (
        select distinct release_id, platform, facet, task from kept
        where facet <> 'task_success' or has_yes = 1
    ) as k using (release_id, platform, task)
    group by all
)
select
    base.*, k.category, 100 * sum(s.weight * s.n * k.n / k.total) / any_value(base.base)
        as pct
from base
inner join scope_task as s using (release_id, platform, allocation_rule, scope)
inner join kept as k
    on s.release_id = k.release_id and s.platform = k.platform and s.task = k.task
    and base.facet = k.facet
group by all;

-- Places: their true size, and how much of it is education by rule and scope.
create or replace table place_truth as
select
    release_id, platform,
    case geography when 'country-state' then 'region' else geography end as geo_level,
    geo_id, sum(conversations)::double as n,
    sum(conversations * (task not in ('none', 'not_classified'))::integer) as named
from truth_cell where facet = 'onet_task' group by all;

create or replace table education_truth as
select
    p.release_id, p.platform, p.geo_level, p.geo_id, w.allocation_rule, w.scope,
    p.n as base, p.named, sum(w.weight * t.conversations) as n
from place_truth as p
inner join truth_cell as t
    on p.release_id = t.release_id and p.platform = t.platform and p.geo_id = t.geo_id
    and p.geo_level = case t.geography when 'country-state' then 'region'
        else t.geography end
inner join scope_weight as w on t.task = w.task
where t.facet = 'onet_task' and w.scope in (
    'education', 'postsecondary', 'k12', 'other_teachers', 'library',
    'education_support')
group by all;

create or replace table group_truth as
select p.release_id, p.platform, w.allocation_rule, w.soc_group, p.n as base, p.named,
    sum(w.weight * t.conversations) as n
from place_truth as p
inner join truth_cell as t using (release_id, platform, geo_id)
inner join group_weight as w on t.task = w.task
where p.geo_level = 'global' and t.facet = 'onet_task'
group by all;
"""


def add_expectations(con: duckdb.DuckDBPyConnection) -> None:
    """Create the tables that checks compare with, from truth and published rows."""
    con.execute(WEIGHTS)
    con.execute(CELLS)


def add_file_sizes(con: duckdb.DuckDBPyConnection, data: Path) -> None:
    """Create ``file_size``: rows by raw file, counted by Python's own CSV reader."""
    con.execute(
        "create or replace table file_size "
        "(release_id varchar, relative_path varchar, line_count bigint)"
    )
    for path in sorted(data.glob("release_*/data/intermediate/aei_raw_*.csv")):
        with path.open(newline="", encoding="utf-8") as handle:
            count = sum(1 for _ in csv.reader(handle)) - 1
        name = path.relative_to(data).as_posix()
        release = name.split("/")[0].removeprefix("release_")
        con.execute("insert into file_size values (?, ?, ?)", [release, name, count])


# The checks ---------------------------------------------------------------------------


class Violation(NamedTuple):
    """One row of a failed check; shares are in percent."""

    release: str
    scope: str
    category: str
    observed: str
    expected: str


@dataclass(frozen=True)
class Check:
    """SQL with a name.

    ``needs_marts`` is False where raw rows are enough; ``is_certain`` is False where
    chance alone can break it in a small release.
    """

    name: str
    sql: str
    needs_marts: bool = True
    is_certain: bool = True


IS_OFF = "abs({} - ({})) > 1e-9 * greatest(1, abs({}))"


def is_off(observed: str, expected: str) -> str:
    """SQL: two numbers differ by more than rounding, or one is missing."""
    return f"coalesce({IS_OFF.format(observed, expected, expected)}, true)"


def bounds_check(facet: str, table: str, category: str, condition: str = "") -> str:
    """SQL of "the bounds of a share of a scope hold the true share"."""
    return f"""
    with truth as (
        select * from truth_scope where facet = '{facet}'
        and category <> 'not_classified' {condition}
    ),
    mart as ({table})
    select
        coalesce(truth.release_id || ' ' || truth.platform,
            mart.release_id || ' ' || mart.platform) as release,
        coalesce(truth.allocation_rule || ' ' || truth.scope,
            mart.allocation_rule || ' ' || mart.scope) as scope,
        coalesce(truth.category, mart.category) as category,
        'bounds ' || mart.bound_low_pct || ' to ' || mart.bound_high_pct as observed,
        'truth ' || coalesce(100 * truth.n / truth.base, 0) as expected
    from truth full join mart
        using (release_id, platform, allocation_rule, scope, category)
    where coalesce(
        coalesce(100 * truth.n / truth.base, 0) < mart.bound_low_pct - 1e-9
        or coalesce(100 * truth.n / truth.base, 0) > mart.bound_high_pct + 1e-9,
        true
    )
    """


def truth_check(facet: str, table: str, condition: str = "") -> str:
    """SQL of "a share of a scope is the true one when nothing is suppressed".

    The pseudo-task not_classified stays out of intersections, so its scope stays out.
    """
    return f"""
    with truth as (
        select truth_scope.* from truth_scope
        inner join release_setting using (release_id)
        where facet = '{facet}' and floor = 1 and scope <> 'all_with_pseudo' {condition}
    ),
    mart as (
        select * from ({table}) inner join release_setting using (release_id)
        where floor = 1 and scope <> 'all_with_pseudo'
    )
    select
        coalesce(truth.release_id || ' ' || truth.platform,
            mart.release_id || ' ' || mart.platform) as release,
        coalesce(truth.allocation_rule || ' ' || truth.scope,
            mart.allocation_rule || ' ' || mart.scope) as scope,
        coalesce(truth.category, mart.category) as category,
        mart.pct || ' of ' || mart.base as observed,
        coalesce(100 * truth.n / truth.base, 0) || ' of ' || truth.base as expected
    from truth full join mart
        using (release_id, platform, allocation_rule, scope, category)
    where
        (
            {is_off("mart.pct", "coalesce(100 * truth.n / truth.base, 0)")}
            -- what no task publishes has no share, also where it is truly nothing
            and not (
                mart.pct is null and mart.base is not null and coalesce(truth.n, 0) = 0
            )
        )
        or {is_off("mart.base", "coalesce(truth.base, mart.base)")}
    """


def renormalised_check(facet: str, table: str) -> str:
    """SQL of "a mean over tasks weighs a task by all its conversations"."""
    condition = "and category = 'yes'" if facet == "task_success" else ""
    return f"""
    with expected as (select * from renormalised where facet = '{facet}' {condition}),
    mart as ({table})
    select
        coalesce(expected.release_id || ' ' || expected.platform,
            mart.release_id || ' ' || mart.platform) as release,
        coalesce(expected.allocation_rule || ' ' || expected.scope,
            mart.allocation_rule || ' ' || mart.scope) as scope,
        coalesce(expected.category, mart.category) as category,
        mart.pct::varchar as observed,
        coalesce(expected.pct, 0)::varchar as expected
    from expected full join mart
        using (release_id, platform, allocation_rule, scope, category)
    where {is_off("mart.pct", "coalesce(expected.pct, 0)")}
        -- no task publishes a category: there is no mean
        and coalesce(mart.pct, expected.pct) is not null
    """


MARTS = "built.marts"
PATTERNS = f"""
    select *, pattern as category, share_pct as pct, base_conversation_count as base
    from {MARTS}.fct_interaction_patterns where estimator = '{{}}'
"""
USE_CASES = f"""
    select *, use_case as category, share_pct as pct, base_conversation_count as base
    from {MARTS}.fct_use_case_shares
    where source_facet = 'onet_task::use_case' and share_base = '{{}}'
"""
SUCCESS = f"""
    select *, 'yes' as category, {{}} as pct, scope_conversation_count as base
    from {MARTS}.fct_task_success where estimator = '{{}}'
"""
PLACE = "geo_level || ' ' || geo_id || ' ' || allocation_rule || ' ' || scope"

PARTITION = f"""
with place as (
    select release_id, platform, geo_level, geo_id, n from place_truth
),
base as (
    select release_id, platform,
        case geography when 'country-state' then 'region' else geography end
            as geo_level,
        geo_id, facet, level, sum(value) as n
    from release_row
    where variable = facet || '_count' and facet in ('onet_task', 'request',
        'collaboration', 'use_case', 'task_success', 'multitasking',
        'human_only_ability')
    group by all
),
world as (
    select release_id, platform, sum(value) as n from release_row
    where variable = 'usage_count' and geography = 'country' group by all
)
select release_id || ' ' || platform as release, geo_level || ' ' || geo_id as scope,
    facet || ' level ' || level as category, base.n::varchar as observed,
    place.n::varchar as expected
from base left join place using (release_id, platform, geo_level, geo_id)
where {is_off("base.n", "place.n")}
union all
select release_id || ' ' || platform, 'all countries', 'usage', world.n::varchar,
    conversations::varchar
from world inner join release_size using (release_id, platform)
where {is_off("world.n", "conversations")}
union all
select release_id || ' ' || platform, 'global, every task', 'onet_task',
    sum(coalesce(node.n, 0))::varchar, any_value(conversations)::varchar
from release_size left join node using (release_id, platform)
group by release_id, platform
having sum(coalesce(node.n, 0)) <> any_value(conversations)
union all
select node.release_id || ' ' || node.platform, node.task, f.facet,
    coalesce(sum(c.n), 0)::varchar, any_value(node.n)::varchar
from node inner join shown_facet as f using (release_id, platform)
left join published_cell as c
    on node.release_id = c.release_id and node.platform = c.platform
    and node.task = c.task and f.facet = c.facet
where node.task <> 'not_classified'
group by node.release_id, node.platform, node.task, f.facet
having coalesce(sum(c.n), 0) <> any_value(node.n)
"""

FLOOR = """
with named as (
    select *, split_part(cluster_name, '::', -1) as label from release_row
    where variable like '%_count'
    and not regexp_matches(facet, '(cost|tokens|time|years|autonomy)$')
    and geo_id not like '%not_classified'
)
select release_id || ' ' || platform as release,
    geo_id || ' ' || facet as scope, cluster_name as category,
    value::varchar as observed, 'at least ' || floor as expected
from named inner join release_setting using (release_id)
where label <> 'not_classified' and value < floor
"""

ROUND_TRIP = """
with counted as (
    select release_id, relative_path, count(*) as n
    from built.staging.stg_aei__facet_values group by all
),
written as (
    select release_id, platform, geo_id, geography, date_start, date_end,
        platform_and_product, facet, level, variable, cluster_name, value
    from release_row
),
read as (
    select release_id, platform, geo_id, geography, date_start, date_end,
        platform_and_product, facet, level, variable, cluster_name, value
    from built.staging.stg_aei__facet_values
)
select release_id as release, relative_path as scope, 'rows' as category,
    coalesce(counted.n, 0)::varchar as observed, line_count::varchar as expected
from file_size full join counted using (release_id, relative_path)
where counted.n is distinct from line_count
union all
select release_id || ' ' || platform, geo_id || ' ' || facet || ' ' || variable,
    '"' || cluster_name || '"', 'not in staging', value::varchar
from (select * from written except all select * from read)
union all
select release_id || ' ' || platform, geo_id || ' ' || facet || ' ' || variable,
    '"' || cluster_name || '"', value::varchar, 'not in the file'
from (select * from read except all select * from written)
"""

# A text is taken apart by the published names of its facet's base. Numeric facets have
# no category behind the name, and no mart uses them.
LABELLED = "::(collaboration|use_case|task_success|multitasking|human_only_ability)$"
SPLIT = f"""
with name as (
    select distinct release_id, platform, facet, level, cluster_name from release_row
    where geography = 'global' and facet in ('onet_task', 'request')
)
select v.release_id || ' ' || v.platform as release, v.facet as scope,
    v.cluster_name as category,
    '"' || v.base_cluster_name || '" and "' || v.category || '"' as observed,
    'a published ' || v.base_facet || ' and a category' as expected
from built.staging.stg_aei__facet_values as v
anti join name
    on v.release_id = name.release_id and v.platform = name.platform
    and v.base_facet = name.facet and v.level = name.level
    and v.base_cluster_name = name.cluster_name
where regexp_matches(v.facet, '{LABELLED}')
union all
select v.release_id || ' ' || v.platform, v.facet, v.cluster_name, v.category,
    'the text behind the last ::'
from built.staging.stg_aei__facet_values as v
where regexp_matches(v.facet, '{LABELLED}')
    and v.base_cluster_name || '::' || v.category is distinct from v.cluster_name
"""

WEIGHTS_SUM = f"""
select 'every release' as release, rule.allocation_rule as scope,
    t.task_key as category, coalesce(sum(b.weight), 0)::varchar as observed,
    '1' as expected
from {MARTS}.dim_tasks as t
cross join (values ('equal_split'), ('lowest_code')) as rule (allocation_rule)
left join {MARTS}.bridge_task_allocations as b
    on t.task_id = b.task_id and rule.allocation_rule = b.allocation_rule
where not t.is_pseudo_task
group by rule.allocation_rule, t.task_key
having abs(coalesce(sum(b.weight), 0) - 1) > 1e-9
"""

NESTED = f"""
with rule as (
    select release_id, platform, geo_level, geo_id, share_base, scope,
        coalesce(max(conversation_count) filter (
            where allocation_rule = 'any_holder'), 0) as any_holder,
        coalesce(max(conversation_count) filter (
            where allocation_rule = 'equal_split'), 0) as equal_split,
        coalesce(max(conversation_count) filter (
            where allocation_rule = 'lowest_code'), 0) as lowest_code,
        coalesce(max(conversation_count) filter (
            where allocation_rule = 'exclusive'), 0) as exclusive
    from {MARTS}.fct_education_shares where scope = 'education' group by all
)
select release_id || ' ' || platform as release, geo_level || ' ' || geo_id as scope,
    'education of ' || share_base as category,
    'exclusive ' || exclusive || ', lowest_code ' || lowest_code || ', equal_split '
    || equal_split || ', any_holder ' || any_holder as observed,
    'exclusive <= lowest_code, equal_split <= any_holder' as expected
from rule
where exclusive > least(lowest_code, equal_split) + 1e-6
    or greatest(lowest_code, equal_split) > any_holder + 1e-6
"""

# What a share says it is a share of, against the size of that in the truth.
BASES = f"""
with found as (
    select release_id, platform, geo_level, geo_id, allocation_rule || ' ' || scope
        as scope, base_conversation_count as n, task_count
    from {MARTS}.fct_education_shares where share_base = 'all_conversations'
    union all
    select release_id, platform, 'global', 'GLOBAL', allocation_rule || ' group '
        || soc_major_group, base_conversation_count, task_count
    from {MARTS}.fct_occupation_group_shares where share_base = 'all_conversations'
    union all
    select release_id, platform, 'global', 'GLOBAL', 'sample', sample_count, 0
    from {MARTS}.dim_releases
),
scoped as (
    select release_id, platform, allocation_rule, scope, 'collaboration' as facet,
        base_conversation_count as n
    from {MARTS}.fct_interaction_patterns where estimator = 'all_conversations'
    union all
    select release_id, platform, allocation_rule, scope, 'use_case',
        base_conversation_count
    from {MARTS}.fct_use_case_shares
    where source_facet = 'onet_task::use_case' and share_base = 'with_residual'
    union all
    select release_id, platform, allocation_rule, scope, 'task_success',
        scope_conversation_count
    from {MARTS}.fct_task_success
),
base as (
    select distinct release_id, platform, allocation_rule, scope, base from truth_scope
)
select found.release_id || ' ' || found.platform as release, found.scope,
    found.geo_level || ' ' || found.geo_id as category, found.n::varchar as observed,
    p.n::varchar as expected
from found left join place_truth as p using (release_id, platform, geo_level, geo_id)
where {is_off("found.n", "p.n")}
union all
select distinct scoped.release_id || ' ' || scoped.platform,
    scoped.allocation_rule || ' ' || scoped.scope, scoped.facet, scoped.n::varchar,
    base.base::varchar
from scoped left join base using (release_id, platform, allocation_rule, scope)
where {is_off("scoped.n", "base.base")}
union all
select release_id || ' ' || platform, geo_level || ' ' || geo_id,
    string_agg(distinct scope, ', '), count(*)::varchar, '1 row per key'
from found group by release_id, platform, geo_level, geo_id, scope having count(*) > 1
"""

COUNTS = f"""
with shares as (
    select release_id || ' ' || platform as release,
        {PLACE} as scope, 'share of ' || share_base as category, share_pct,
        base_conversation_count as base, conversation_count as n
    from {MARTS}.fct_education_shares
    union all
    select release_id || ' ' || platform,
        allocation_rule || ' of ' || share_base, soc_major_group, share_pct,
        base_conversation_count, conversation_count
    from {MARTS}.fct_occupation_group_shares
    union all
    select release_id || ' ' || platform,
        allocation_rule || ' ' || scope || ' ' || estimator, pattern, share_pct,
        base_conversation_count, conversation_count
    from {MARTS}.fct_interaction_patterns where estimator <> 'task_renormalised'
    union all
    select release_id || ' ' || platform,
        {PLACE} || ' ' || share_base || ' of ' || source_facet, use_case, share_pct,
        base_conversation_count, conversation_count
    from {MARTS}.fct_use_case_shares where share_base <> 'task_renormalised'
    union all
    select release_id || ' ' || platform,
        allocation_rule || ' ' || scope || ' ' || estimator, 'yes', success_pct,
        base_conversation_count, yes_count
    from {MARTS}.fct_task_success where estimator = 'published_yes'
    union all
    select release_id || ' ' || platform,
        geo_level || ' ' || geo_id || ' ' || facet || ' level ' || level, category,
        share_pct, base_conversation_count, conversation_count
    from {MARTS}.fct_facet_shares
    union all
    select release_id || ' ' || platform,
        allocation_rule || ' ' || scope || ' of ' || share_base, 'top ' || top_k,
        share_pct, base_conversation_count, conversation_count
    from {MARTS}.fct_task_concentration
)
select release, scope, category, share_pct || ' of ' || base as observed,
    n::varchar as expected
from shares
where (share_pct is not null and {is_off("share_pct * base / 100", "n")})
    or share_pct < 0 or share_pct > 100 + 1e-9
"""

EDUCATION_TRUTH = f"""
with mart as (
    select * from {MARTS}.fct_education_shares
    inner join release_setting using (release_id)
    where floor = 1 and share_base = 'all_conversations'
),
wide as (
    select * from {MARTS}.fct_occupation_group_shares
    inner join release_setting using (release_id)
    where floor = 1 and share_base = 'all_conversations'
)
select mart.release_id || ' ' || mart.platform as release,
    mart.geo_level || ' ' || mart.geo_id || ' ' || mart.allocation_rule as scope,
    mart.scope as category, mart.share_pct::varchar as observed,
    coalesce(100 * t.n / t.base, 0)::varchar as expected
from mart left join education_truth as t
    using (release_id, platform, geo_level, geo_id, allocation_rule, scope)
where {is_off("coalesce(mart.share_pct, 0)", "coalesce(100 * t.n / t.base, 0)")}
union all
select coalesce(wide.release_id, t.release_id) || ' '
    || coalesce(wide.platform, t.platform),
    coalesce(wide.allocation_rule, t.allocation_rule),
    coalesce(wide.soc_major_group, t.soc_group), wide.share_pct::varchar,
    (100 * t.n / t.base)::varchar
from (select * from group_truth semi join (from release_setting where floor = 1)
    using (release_id)) as t
full join wide
    on t.release_id = wide.release_id and t.platform = wide.platform
    and t.allocation_rule = wide.allocation_rule and t.soc_group = wide.soc_major_group
where {is_off("wide.share_pct", "100 * t.n / t.base")}
"""

# Where a place has no published task, its range is everything; a share of named tasks
# that are not there has none.
EDUCATION_BOUNDS = f"""
with mart as (
    select release_id, platform, geo_level, geo_id, allocation_rule, share_base,
        scope, bound_low_pct, bound_high_pct
    from {MARTS}.fct_education_shares
),
world as (
    select release_id, platform, 'global', 'GLOBAL', allocation_rule, share_base,
        'group ' || soc_major_group, bound_low_pct, bound_high_pct
    from {MARTS}.fct_occupation_group_shares
),
truth as (
    select release_id, platform, geo_level, geo_id, allocation_rule, scope, n
    from education_truth
    union all
    select release_id, platform, 'global', 'GLOBAL', allocation_rule,
        'group ' || soc_group, n
    from group_truth
),
compared as (
    select m.*, 100 * coalesce(t.n, 0)
        / case share_base when 'named_tasks' then p.named else p.n end as pct
    from (from mart union all from world) as m
    left join truth as t
        using (release_id, platform, geo_level, geo_id, allocation_rule, scope)
    left join place_truth as p using (release_id, platform, geo_level, geo_id)
    where share_base = 'all_conversations' or p.named > 0
)
select release_id || ' ' || platform as release,
    geo_level || ' ' || geo_id || ' ' || allocation_rule || ' of ' || share_base
        as scope,
    scope as category, 'bounds ' || bound_low_pct || ' to ' || bound_high_pct
        as observed,
    'truth ' || pct as expected
from compared
where coalesce(pct < bound_low_pct - 1e-9 or pct > bound_high_pct + 1e-9, true)
"""

WILSON = f"""
with wilson as (
    select release_id || ' ' || platform as release,
        {PLACE} as scope, 'share of ' || share_base as category, share_pct,
        base_conversation_count as n, interval_low_pct, interval_high_pct, interval_kind
    from {MARTS}.fct_education_shares
    union all
    select release_id || ' ' || platform, allocation_rule || ' of ' || share_base,
        soc_major_group, share_pct, base_conversation_count, interval_low_pct,
        interval_high_pct, interval_kind
    from {MARTS}.fct_occupation_group_shares
    union all
    select release_id || ' ' || platform, {PLACE} || ' ' || share_base, use_case,
        share_pct, base_conversation_count, interval_low_pct, interval_high_pct,
        interval_kind
    from {MARTS}.fct_use_case_shares where source_facet = 'use_case'
    union all
    select release_id || ' ' || platform,
        geo_level || ' ' || geo_id || ' ' || facet || ' level ' || level, category,
        share_pct, base_conversation_count, interval_low_pct, interval_high_pct,
        interval_kind
    from {MARTS}.fct_facet_shares
)
select release, scope, category,
    'share ' || share_pct || ' of ' || n || ', interval ' || interval_low_pct || ' to '
    || interval_high_pct as observed,
    '{{expected}}' as expected
from wilson where interval_kind = 'wilson_95' and ({{violated}})
"""

# The ends of a Wilson interval are where the score test is just at its quantile.
SCORE = (
    "abs(n * power((share_pct - {0}) / 100, 2) "
    "- power(1.959963984540054, 2) * {0} / 100 * (1 - {0} / 100)) > 1e-8"
)

TASK_INTERVALS = f"""
with found as (
    select release_id || ' ' || platform as release,
        allocation_rule || ' ' || scope || ' ' || estimator as scope,
        pattern as category, interval_low_pct, interval_high_pct, interval_kind
    from {MARTS}.fct_interaction_patterns
    union all
    select release_id || ' ' || platform,
        allocation_rule || ' ' || scope || ' ' || estimator, 'yes', interval_low_pct,
        interval_high_pct, interval_kind
    from {MARTS}.fct_task_success
    union all
    select release_id || ' ' || platform,
        allocation_rule || ' ' || scope || ' ' || share_base, use_case,
        interval_low_pct, interval_high_pct, interval_kind
    from {MARTS}.fct_use_case_shares where source_facet = 'onet_task::use_case'
)
select release, scope, category,
    interval_kind || ' ' || interval_low_pct || ' to ' || interval_high_pct as observed,
    '0 to 100, low end first' as expected
from found
where interval_kind is not null and coalesce(
    interval_low_pct < 0 or interval_high_pct > 100 + 1e-9
    or interval_low_pct > interval_high_pct,
    true
)
"""

# Two ways to treat tasks as sampled: with many effective tasks behind a share that is
# not near 0 or 100 they must be about as wide.
BOOTSTRAP = """
select b.release_id || ' ' || b.platform as release,
    b.allocation_rule || ' ' || b.scope || ' ' || b.figure || ' ' || b.estimator
        as scope,
    b.category, 'bootstrap ' || b.interval_low_pct || ' to ' || b.interval_high_pct
        as observed,
    'about as wide as the jackknife ' || j.interval_low_pct || ' to '
    || j.interval_high_pct as expected
from built.intermediate.int_scope_bootstrap as b
inner join built.intermediate.int_scope_jackknife as j
    using (release_id, platform, allocation_rule, scope, figure, estimator, category)
where b.effective_task_count >= 30
    and j.interval_low_pct > 5 and j.interval_high_pct < 95 and coalesce(
    (b.interval_high_pct - b.interval_low_pct)
    / (j.interval_high_pct - j.interval_low_pct) not between 0.5 and 2,
    true
)
"""

CHECKS: Mapping[str, Check] = {
    check.name: check
    for check in (
        Check("published cells partition the sample", PARTITION, False),
        Check("no named cell is under the floor", FLOOR, False),
        Check("staging keeps every row", ROUND_TRIP),
        Check("cells keep their task and their category", SPLIT),
        Check("allocation weights sum to one", WEIGHTS_SUM),
        Check("allocation rules are nested", NESTED),
        Check("a base is the size of what it is the base of", BASES),
        Check("share times base is the count", COUNTS),
        Check("education shares equal the truth", EDUCATION_TRUTH),
        Check(
            "patterns equal the truth",
            truth_check("collaboration", PATTERNS.format("all_conversations")),
        ),
        Check(
            "success equals the truth",
            truth_check(
                "task_success",
                SUCCESS.format(
                    "100 * coalesce(yes_count, 0) / scope_conversation_count",
                    "published_yes",
                ),
                "and category = 'yes'",
            ),
        ),
        Check(
            "use cases equal the truth",
            truth_check("use_case", USE_CASES.format("with_residual")),
        ),
        Check("education bounds hold the truth", EDUCATION_BOUNDS),
        Check(
            "pattern bounds hold the truth",
            bounds_check(
                "collaboration",
                PATTERNS.format("all_conversations")
                + " and pattern <> 'not_classified'",
                "pattern",
            ),
        ),
        Check(
            "success bounds hold the truth",
            bounds_check(
                "task_success",
                SUCCESS.format("success_pct", "published_yes"),
                "'yes'",
                "and category = 'yes'",
            ),
        ),
        Check(
            "use case bounds hold the truth",
            bounds_check(
                "use_case",
                USE_CASES.format("with_residual") + " and use_case <> 'not_classified'",
                "use_case",
            ),
        ),
        Check(
            "pattern means weigh tasks by their conversations",
            renormalised_check("collaboration", PATTERNS.format("task_renormalised")),
        ),
        Check(
            "success means weigh tasks by their conversations",
            renormalised_check(
                "task_success", SUCCESS.format("success_pct", "yes_over_answered")
            ),
        ),
        Check(
            "use case means weigh tasks by their conversations",
            renormalised_check("use_case", USE_CASES.format("task_renormalised")),
        ),
        Check(
            "Wilson intervals hold their share and stay inside 0 to 100",
            WILSON.format(
                expected="0 <= low <= share <= high <= 100",
                violated="coalesce(interval_low_pct < -1e-9 "
                "or interval_low_pct > share_pct + 1e-9 "
                "or interval_high_pct < share_pct - 1e-9 "
                "or interval_high_pct > 100 + 1e-9, true)",
            ),
        ),
        Check(
            "Wilson intervals end where the score test does",
            WILSON.format(
                expected="ends at the 95% score test",
                violated=f"coalesce({SCORE.format('interval_low_pct')} "
                f"or {SCORE.format('interval_high_pct')}, true)",
            ),
        ),
        Check("task intervals stay inside 0 to 100", TASK_INTERVALS),
        Check(
            "bootstrap and jackknife agree with many tasks", BOOTSTRAP, is_certain=False
        ),
    )
}


def violations(
    con: duckdb.DuckDBPyConnection, check: Check, limit: int = 5
) -> list[Violation]:
    """The first violations of a check, in a fixed order."""
    rows = con.execute(
        f"select * from ({check.sql}) order by all limit {limit}"
    ).fetchall()
    return [Violation(*(str(v) for v in row)) for row in rows]


def failed_checks(
    con: duckdb.DuckDBPyConnection, checks: Iterable[Check]
) -> dict[str, list[Violation]]:
    """The checks that report a violation, with the first ones."""
    found = ((check.name, violations(con, check)) for check in checks)
    return {name: rows for name, rows in found if rows}


def message(failed: Mapping[str, Sequence[Violation]]) -> str:
    """The failed checks as text: release, scope, category and both values."""
    lines = []
    for name, rows in failed.items():
        lines.append(f"{name}:")
        lines += [
            f"  {r.release}, {r.scope}, {r.category}: observed {r.observed}; "
            f"expected {r.expected}"
            for r in rows
        ]
    return "\n".join(lines)


@contextmanager
def attached(con: duckdb.DuckDBPyConnection, file: Path) -> Iterator[None]:
    """Within it, the built warehouse is the catalog ``built`` of the connection."""
    con.execute(f"attach '{file}' as built (read_only)")
    try:
        yield
    finally:
        con.execute("detach built")
