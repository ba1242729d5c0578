"""Simulate, build, and compare every interval and bound with its target.

Two batches of releases, each release with a task list of its own drawn from a
superpopulation:

``published``     the Index's own rules: cells under the floor are folded away
``unsuppressed``  every cell is published and every conversation has a task, so that
                  what an interval misses there is not the work of suppression

Targets (analysis guide, section 5): for Wilson the model's parameter for that release;
for the intervals that treat tasks as sampled the value in the superpopulation; for
bounds the share that the release's own conversations give when nothing is hidden.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb
from scipy import stats

from simulation.model import NOT_CLASSIFIED, Model
from simulation.plan import parse_plan
from simulation.project import INPUT_CHECKS, SimulatedProject, prepare_project, run_dbt
from simulation.publish import Rules
from simulation.releases import release_runs, simulate_releases
from simulation.task_lists import superpopulation

SQL_FOLDER = Path(__file__).resolve().parent

# Copies of each hand-written task in the superpopulation: a release draws 304 of 9,120,
# few enough that drawing without replacement does not narrow the spread (by 2%).
COPIES = 30
TASKS_PER_RELEASE = 304
# Without a floor every task of every country has a row; the ten largest are enough.
UNSUPPRESSED_COUNTRIES = 10
SIMULTANEOUS_ALPHA = 0.001
NOMINAL = 0.95
MEMORY_LIMIT = "6GB"
PLATFORM = "claude_ai"
FACETS = (
    "use_case,global/collaboration,global/task_success,country,country/onet_task,"
    "onet_task::collaboration,onet_task::use_case,onet_task::task_success"
)
KEPT_TABLES = {
    "release_row": f"where platform = '{PLATFORM}'",
    "truth_cell": f"where platform = '{PLATFORM}'",
    "task_parameter": f"where platform = '{PLATFORM}'",
    "answer_parameter": f"where platform = '{PLATFORM}'",
    "country_parameter": "",
}
# Intervals do not know the allocation rule: one is enough for them, and two for bounds.
VARIABLES = {
    "only_allocation_rules": ["any_holder", "equal_split"],
    "interval_allocation_rules": ["any_holder"],
}
# Which of the two intervals a mart shows is a matter of effective tasks; with either
# threshold it shows one of them everywhere.
THRESHOLD = "bootstrap_minimum_effective_task_count"
KINDS_OF_ALL = {"task_bootstrap_95": 0, "task_jackknife_t_95": 10**9}

INTERVAL = ("interval_low_pct", "interval_high_pct")
BOUND = ("bound_low_pct", "bound_high_pct")


@dataclass(frozen=True)
class Figure:
    """A mart's figures of one kind: how to read them; the fields are SQL.

    ``kinds``: the columns of the low and the high end, by kind of interval.
    """

    mart: str
    figure: str
    estimator: str
    category: str
    kinds: dict[str, tuple[str, str]]
    where: str = "true"
    scope: str = "scope"
    geo_id: str = "'GLOBAL'"
    # a scope that no rule changes stands with those of the usual rule
    allocation_rule: str = (
        "if(allocation_rule = 'not_applicable', 'any_holder', allocation_rule)"
    )
    share: str = "share_pct"
    effective: str = "null"

    def select(self, kind: str) -> str:
        """Its intervals (or bounds) in the one form, with the ends as ``kind``."""
        low, high = self.kinds[kind]
        # Not every estimator has bounds; one without an interval is counted.
        is_shown = f"{low} is not null" if self.effective != "null" else "true"
        return (
            f"select '{kind}' as interval_kind, '{self.mart}' as mart, release_id, "
            f"{self.figure} as figure, {self.geo_id} as geo_id, "
            f"{self.allocation_rule} as allocation_rule, {self.scope} as scope, "
            f"{self.estimator} as estimator, {self.category} as category, "
            f"{self.share} as share_pct, {self.effective} as effective_task_count, "
            f"{low} as low_pct, {high} as high_pct from built.marts.{self.mart} "
            f"where {self.where} and {is_shown if kind == 'bounds' else 'true'}"
        )


TASK_KINDS = {"shown": INTERVAL, "bounds": BOUND}
SHARE_KINDS = {"wilson_95": INTERVAL, "bounds": BOUND}
TASK_FIGURES = (
    Figure(
        "fct_interaction_patterns",
        "'pattern'",
        "estimator",
        "pattern",
        TASK_KINDS,
        where="pattern <> 'not_classified'",
        effective="effective_task_count",
    ),
    Figure(
        "fct_task_success",
        "'success'",
        "estimator",
        "'yes'",
        TASK_KINDS,
        share="success_pct",
        effective="effective_task_count",
    ),
    Figure(
        "fct_use_case_shares",
        "'use_case'",
        "estimator",
        "use_case",
        TASK_KINDS,
        where="use_case <> 'not_classified'",
        effective="effective_task_count",
    ),
)
OTHER_FIGURES = (
    Figure(
        "fct_education_shares",
        "'share_' || geo_level",
        "share_base",
        "scope",
        SHARE_KINDS,
        geo_id="geo_id",
    ),
    Figure(
        "fct_occupation_group_shares",
        "'share_global'",
        "share_base",
        "'soc_' || soc_major_group",
        SHARE_KINDS,
        scope="'soc_' || soc_major_group",
    ),
    Figure(
        "fct_facet_shares",
        "facet || '_' || geo_level",
        "share_base",
        "category",
        {"wilson_95": INTERVAL},
        where="status = 'observed' and category <> 'not_classified'",
        scope="geo_level",
        geo_id="geo_id",
        allocation_rule="'any_holder'",
    ),
    Figure(
        "fct_education_tasks",
        "'success_of_a_task'",
        "'yes of yes and no'",
        "task_key",
        {"wilson_95": INTERVAL},
        scope="'education'",
        allocation_rule="'any_holder'",
        share="null",
    ),
)
FIGURES = (*TASK_FIGURES, *OTHER_FIGURES)


@dataclass(frozen=True)
class Batch:
    """Releases that share a model and rules. ``conversations``, ``tasks``: of each."""

    name: str
    model: Model
    rules: Rules
    releases: int
    conversations: int
    tasks: int


def batches(
    model: Model,
    releases: int,
    conversations: int,
    copies: int = COPIES,
    tasks_per_release: int = TASKS_PER_RELEASE,
) -> tuple[Batch, Batch]:
    """The two batches over a superpopulation of the model's tasks."""
    tasks = superpopulation(model, copies)
    rules = Rules.of(model)
    named = sum(t.size[PLATFORM] for t in tasks.tasks) / 1e6
    countries = tuple(c for c in tasks.countries if c.geo_id != NOT_CLASSIFIED)
    complete = replace(
        tasks,
        parameters={**tasks.parameters, f"none_share_{PLATFORM}": 1 - named},
        countries=countries[:UNSUPPRESSED_COUNTRIES],
        regions=(),
    )
    bare = replace(rules, floor=1, account_floor=1)
    size = (releases, conversations, tasks_per_release)
    return (
        Batch("published", tasks, rules, *size),
        Batch("unsuppressed", complete, bare, *size),
    )


def simulate(
    con: duckdb.DuckDBPyConnection, wanted: Sequence[Batch], seed: int
) -> None:
    """Simulate the batches on Claude.ai, with the targets in the table ``target``.

    Leaves ``kept_<table>`` with a column batch; ``release_row``, ``release_size`` and
    ``release_statement`` then hold the releases of all batches.
    """
    plan = parse_plan(FACETS)
    for number, batch in enumerate(wanted):
        runs = release_runs(
            batch.model,
            batch.releases,
            {PLATFORM: batch.conversations, "1p_api": 0},
            seed + number,
            batch.tasks,
            batch.name,
        )
        simulate_releases(con, batch.model, runs, plan, batch.rules)
        for table, where in (KEPT_TABLES | {"release_size": ""}).items():
            make = "insert into" if number else "create or replace table"
            word = "" if number else "as"
            con.execute(
                f"{make} kept_{table} {word} "
                f"select '{batch.name}' as batch, * from {table} {where}"
            )
    for table in ("release_row", "release_size"):
        con.execute(
            f"create or replace table {table} as "
            f"select * exclude (batch) from kept_{table}"
        )
    _run_file(con, "targets.sql")


def build(
    con: duckdb.DuckDBPyConnection,
    folder: Path,
    replicates: int,
    kinds_of_all: Mapping[str, int] = KINDS_OF_ALL,
) -> SimulatedProject:
    """Build the marts on the simulated batches, and read what they show.

    ``kinds_of_all``: kinds of interval to measure also where a mart does not show
    them, each with the threshold that shows it everywhere.
    """
    made = prepare_project(con, folder)
    names = [f"+{name}" for name in dict.fromkeys(f.mart for f in FIGURES)]
    used = VARIABLES | {"bootstrap_replicate_count": replicates}
    built = run_dbt(made, names, [INPUT_CHECKS], used, MEMORY_LIMIT)
    read_figures(con, built)
    anew = ("int_scope_intervals", *(f.mart for f in TASK_FIGURES))
    for kind, threshold in kinds_of_all.items():
        run_dbt(made, anew, (), used | {THRESHOLD: threshold}, MEMORY_LIMIT)
        with attached(con, built):
            for figure in TASK_FIGURES:
                query = replace(figure, kinds={kind: INTERVAL}).select(kind)
                con.execute(f"insert into shown {query}")
    return made


def read_figures(
    con: duckdb.DuckDBPyConnection, built: Path, figures: Sequence[Figure] = FIGURES
) -> None:
    """Read the intervals and bounds of the built marts into the table ``shown``."""
    queries = (figure.select(kind) for figure in figures for kind in figure.kinds)
    with attached(con, built):
        con.execute(f"create or replace table shown as {' union all '.join(queries)}")


@contextmanager
def attached(con: duckdb.DuckDBPyConnection, file: Path) -> Iterator[None]:
    """Within it, the built warehouse is the catalog ``built`` of the connection."""
    path = str(file).replace("'", "''")
    con.execute(f"attach '{path}' as built (read_only)")
    try:
        yield
    finally:
        con.execute("detach built")


def judge(con: duckdb.DuckDBPyConnection) -> list[dict[str, object]]:
    """Compare ``shown`` with ``target``; returns the rows of the calibration's seed.

    Also leaves the table ``judged``: one row per interval or bound and truth.
    """
    functions = (wilson_pct, binomial_pct)
    for function in functions:
        con.create_function(function.__name__, function)
    result = _run_file(con, "summary.sql", simultaneous_alpha=SIMULTANEOUS_ALPHA)
    names = [column[0] for column in result.description]
    rows = [dict(zip(names, row, strict=True)) for row in result.fetchall()]
    for function in functions:
        con.remove_function(function.__name__)
    return rows


def wilson_pct(share: float, trials: float, side: int) -> float:
    """An end of the Wilson interval of a share (0 to 1), in percent; -1 is the low."""
    z = stats.norm.ppf(0.975)
    spread = math.sqrt(share * (1 - share) / trials + (z / trials) ** 2 / 4)
    middle = share + z * z / (2 * trials)
    return 100 * (middle + side * z * spread) / (1 + z * z / trials)


def binomial_pct(probability: float, trials: int) -> float:
    """The quantile of the hits of a 95% interval, in percent of the trials."""
    return float(100 * stats.binom.ppf(probability, trials, NOMINAL) / trials)


def _run_file(
    con: duckdb.DuckDBPyConnection, name: str, **values: object
) -> duckdb.DuckDBPyConnection:
    text = (SQL_FOLDER / name).read_text(encoding="utf-8").format(**values)
    for statement in text.split(";\n"):
        result = con.execute(statement)
    return result


def suppressed_text(built: Path) -> str:
    """How much of the pattern cells the published batch hides, by scope, in words."""
    with duckdb.connect(str(built), read_only=True) as con:
        rows = con.execute(
            "select scope, avg(suppressed_pct) from marts.fct_interaction_patterns "
            "where starts_with(release_id, 'published_') "
            "and allocation_rule <> 'equal_split' "
            "and estimator = 'all_conversations' and pattern = 'directive' "
            "and scope in ('education', 'all_named', 'k12') group by scope "
            "order by 2 desc"
        ).fetchall()
    parts = ", ".join(f"{pct:.1f}% of `{scope}`" for scope, pct in rows)
    return f"{parts} in pattern cells"
