"""What must hold of any simulated release, and what each broken rule would break.

The marts are built on simulated releases, whose truth is known. Properties: hypothesis
draws the releases, and every check of ``simulated_checks`` must be silent. Mutations:
one rule is broken, in the SQL of a copy of the project or on the publisher's side, and
the checks named for it, and no other, must speak. A mutation rebuilds the models it
names, and no model behind them.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb
import pytest
from conftest import PROJECT  # its import makes scripts importable
from hypothesis import HealthCheck, Phase, given, note
from hypothesis import settings as profile
from hypothesis import strategies as st
from simulated_checks import (
    CHECKS,
    PRIVACY_FLOOR,
    Setting,
    add_file_sizes,
    attached,
    failed_checks,
    message,
    simulate_batch,
    task_model,
)
from simulated_marts import (
    Edit,
    MartsError,
    SimulatedProject,
    prepare_project,
    run_dbt,
    write_releases,
)
from simulation.model import Model
from simulation.publish import Rules

ON_RAW_ROWS = tuple(check for check in CHECKS.values() if not check.needs_marts)


@pytest.fixture(scope="module")
def model() -> Model:
    return task_model()


# Properties ---------------------------------------------------------------------------

PLANS = (
    "sample",
    "all",
    "onet_task::collaboration,onet_task::use_case,onet_task::task_success",
    "global/onet_task::collaboration,country/country,country/use_case",
    "onet_task::task_success,country/onet_task,country-state,country-state/onet_task",
    "onet_task::use_case,global/request,global/use_case,country",
)
FEW_REPLICATES = {"bootstrap_replicate_count": 40}


def sizes() -> st.SearchStrategy[tuple[int, int]]:
    """Conversations on Claude.ai and records of the API, which may have none."""
    some = st.integers(300, 30_000)
    return st.tuples(some, st.one_of(some, some, st.just(0)))


def groups(floors: st.SearchStrategy[int]) -> st.SearchStrategy[Setting]:
    """Two or three releases with the same task list, plan and floor."""
    return st.builds(
        Setting,
        seed=st.integers(1, 9_999),
        sizes=st.lists(sizes(), min_size=2, max_size=3).map(tuple),
        tasks=st.integers(40, 400),
        is_redrawn=st.booleans(),
        floor=floors,
        facets=st.sampled_from(PLANS),
    )


BATCHES = st.tuples(
    groups(st.just(1)),
    groups(st.just(PRIVACY_FLOOR)),
    groups(st.integers(2, PRIVACY_FLOOR)),
)


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all batches, so that dbt reads the project once."""
    return tmp_path_factory.mktemp("properties")


@profile(
    max_examples=3,
    deadline=None,
    derandomize=True,
    database=None,
    phases=(Phase.generate,),
    suppress_health_check=list(HealthCheck),
)
@given(batch=BATCHES)
def test_marts_keep_their_promises_whatever_is_simulated(
    model: Model, workshop: Path, batch: tuple[Setting, ...]
) -> None:
    note(f"batch: {batch}")
    con = simulate_batch(model, batch)
    shutil.rmtree(workshop / "data", ignore_errors=True)
    made = prepare_project(con, workshop)
    add_file_sizes(con, made.data)
    built = run_dbt(made, variables=FEW_REPLICATES)
    with attached(con, built):
        certain = [check for check in CHECKS.values() if check.is_certain]
        failed = failed_checks(con, certain)
    con.close()
    assert not failed, message(failed)


# Mutations ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Batch:
    """The releases that every mutation is tried on, and the marts built on them.

    ``clean``: a copy of the build. A mutation is built into the project's own work
    file, put back first, because dbt reads the whole project anew for another file.
    """

    con: duckdb.DuckDBPyConnection
    made: SimulatedProject
    clean: Path

    def rebuild(self, models: Sequence[str], edits: Sequence[Edit] = ()) -> Path:
        """The clean build with some models built anew, from edited SQL."""
        shutil.copy(self.clean, self.made.work_file)
        return run_dbt(self.made, models, REPLICATES, edits)


SHARED = (
    Setting(1, ((20_000, 9_000),), floor=1),
    Setting(2, ((30_000, 15_000), (6_000, 4_000))),
    Setting(3, ((12_000, 0),), tasks=90, is_redrawn=True),
)
REPLICATES = {"bootstrap_replicate_count": 200}


@pytest.fixture(scope="module")
def shared(model: Model, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Batch]:
    con = simulate_batch(model, SHARED)
    made = prepare_project(con, tmp_path_factory.mktemp("mutations"))
    add_file_sizes(con, made.data)
    clean = made.folder / "clean.duckdb"
    built = run_dbt(made, variables=REPLICATES, with_input_checks=False)
    shutil.copy(built, clean)
    yield Batch(con, made, clean)
    con.close()


@dataclass(frozen=True)
class Mutation:
    """A broken rule: edits of SQL, models to rebuild, checks that must speak."""

    rule: str
    edits: tuple[Edit, ...]
    models: tuple[str, ...]
    fails: tuple[str, ...]


STAGING = "models/staging/aei/stg_aei__facet_values.sql"
CELLS = "models/intermediate/int_task_cells.sql"
ALLOCATIONS = "models/intermediate/int_task_allocations.sql"
TOTALS = "models/intermediate/int_geography_totals.sql"
BOOTSTRAP = "models/intermediate/int_scope_bootstrap.sql"
JACKKNIFE = "models/intermediate/int_scope_jackknife.sql"
EDUCATION = "models/marts/education/fct_education_shares.sql"
PATTERNS = "models/marts/education/fct_interaction_patterns.sql"
SUCCESS = "models/marts/education/fct_task_success.sql"
USE_CASES = "models/marts/education/fct_use_case_shares.sql"
INTERVALS = "macros/intervals.sql"

TASK_MARTS = ("fct_interaction_patterns", "fct_task_success", "fct_use_case_shares")
BOUNDS = (
    "pattern bounds hold the truth",
    "success bounds hold the truth",
    "use case bounds hold the truth",
)
MEANS = (
    "pattern means weigh tasks by their conversations",
    "success means weigh tasks by their conversations",
    "use case means weigh tasks by their conversations",
)
HOLDS_SHARE = "Wilson intervals hold their share and stay inside 0 to 100"
BASE = "a base is the size of what it is the base of"
WITHOUT_RESIDUAL = (
    "(scope_conversation_count "
    "- case when pattern = 'not_classified' then 0 else unpublished_count end)"
)

MUTATIONS = (
    Mutation(
        "a folded cell holds at most 4, not 14",
        (Edit(CELLS, "{{ var('privacy_floor_conversations') }} - 1", "5 - 1"),),
        ("int_task_cells", *TASK_MARTS),
        BOUNDS,
    ),
    Mutation(
        "bounds without the pseudo-task",
        (Edit(CELLS, "then grid.task_conversation_count", "then 0"),),
        ("int_task_cells", *TASK_MARTS),
        BOUNDS,
    ),
    Mutation(
        "the residual is left out of the base",
        (
            Edit(
                PATTERNS,
                "scope_conversation_count as base_conversation_count",
                f"{WITHOUT_RESIDUAL} as base_conversation_count",
            ),
            Edit(
                PATTERNS,
                "end\n        / nullif(scope_conversation_count, 0) as share_pct",
                f"end\n        / nullif({WITHOUT_RESIDUAL}, 0) as share_pct",
            ),
        ),
        ("fct_interaction_patterns",),
        (BASE, "patterns equal the truth"),
    ),
    Mutation(
        "the residual counts as a pattern",
        (
            Edit(
                PATTERNS,
                "filter (where patterns.is_named_pattern)",
                "filter (where patterns.pattern <> 'none')",
            ),
        ),
        ("fct_interaction_patterns",),
        ("pattern means weigh tasks by their conversations",),
    ),
    Mutation(
        "the base of one platform is joined to the other",
        (
            Edit(
                TOTALS,
                "            and geographies.platform = node_totals.platform\n",
                "",
            ),
        ),
        ("int_geography_totals", "dim_releases", "fct_education_shares"),
        (BASE, "education shares equal the truth", "education bounds hold the truth"),
    ),
    Mutation(
        "equal_split counts statements, not distinct codes",
        (
            Edit(
                ALLOCATIONS,
                "count(*) as code_count",
                "(select count(*) from {{ ref('stg_reference__task_holders') }} as s "
                "where s.task_key = holder_codes.task_key "
                "and s.taxonomy_version = holder_codes.taxonomy_version) as code_count",
            ),
        ),
        ("int_task_allocations", "bridge_task_allocations"),
        ("allocation weights sum to one",),
    ),
    Mutation(
        "exclusive takes tasks with holders in several groups",
        (
            Edit(
                ALLOCATIONS,
                "where task_codes.group_count = 1",
                "where task_codes.group_count >= 1",
            ),
        ),
        ("int_task_allocations", "int_scope_weights", "fct_education_shares"),
        (
            "allocation rules are nested",
            "education shares equal the truth",
            "education bounds hold the truth",
        ),
    ),
    Mutation(
        "the bootstrap draws conversations, not tasks",
        (
            # a count drawn anew, conversation by conversation: mean and variance n
            Edit(
                BOOTSTRAP,
                "sum(draws.draw_count * components.{{ column }})",
                "sum(components.{{ column }} + sqrt(12 * components.{{ column }}) * ("
                '{{ hash_unit("draws.task_id || draws.replicate || \'" ~ column '
                '~ "\'") }} - 0.5))',
            ),
            Edit(BOOTSTRAP, "where draws.draw_count > 0", "where true"),
        ),
        ("int_scope_bootstrap",),
        ("bootstrap and jackknife agree with many tasks",),
    ),
    Mutation(
        "Wilson intervals at 90%",
        (Edit(INTERVALS, "set z = var('interval_z')", "set z = 1.6448536269514722"),),
        ("fct_facet_shares",),
        ("Wilson intervals end where the score test does",),
    ),
    Mutation(
        "Wilson intervals with one end twice",
        (Edit(INTERVALS, "+ ({{ side }}) * {{ z }}", "+ abs({{ side }}) * {{ z }}"),),
        ("fct_facet_shares",),
        (HOLDS_SHARE,),
    ),
    Mutation(
        "jackknife intervals on the plain scale",
        (
            Edit(
                JACKKNIFE,
                "100 / (1 + exp(-(logit - half_width)))",
                "100 * share * (1 - half_width * (1 - share))",
            ),
        ),
        ("int_scope_jackknife", "int_scope_intervals", *TASK_MARTS),
        ("task intervals stay inside 0 to 100",),
    ),
    Mutation(
        "means over tasks weighted by published counts",
        (
            Edit(
                PATTERNS,
                "scope_tasks.conversation_count\n"
                "            * pattern_cells.conversation_count",
                "scope_tasks.weight * task_patterns.named_pattern_count\n"
                "            * pattern_cells.conversation_count",
            ),
            Edit(
                SUCCESS,
                "scope_tasks.conversation_count\n            * task_success.yes_count",
                "scope_tasks.weight * task_success.yes_count\n"
                "            * task_success.yes_count",
            ),
            Edit(
                USE_CASES,
                "scope_tasks.conversation_count\n"
                "            * use_case_cells.conversation_count",
                "scope_tasks.weight * task_use_cases.named_count\n"
                "            * use_case_cells.conversation_count",
            ),
        ),
        TASK_MARTS,
        MEANS,
    ),
    Mutation(
        "a text is split at the first ::",
        (Edit(STAGING, "'^((?s).*)::((?s).*)$'", "'^((?s).*?)::((?s).*)$'"),),
        ("stg_aei__facet_values",),
        ("cells keep their task and their category",),
    ),
    Mutation(
        "staging leaves out rows with an empty text",
        (
            Edit(
                STAGING,
                "select * from renamed",
                "select * from renamed where cluster_name <> ''",
            ),
        ),
        ("stg_aei__facet_values",),
        ("staging keeps every row",),
    ),
    Mutation(
        "education bounds without the unseen",
        (
            Edit(
                EDUCATION,
                "+ share_bases.unseen_conversation_count\n        ) /",
                "+ 0\n        ) /",
            ),
        ),
        ("fct_education_shares",),
        ("education bounds hold the truth",),
    ),
    Mutation(
        "success and use cases without the weight of a task",
        (
            Edit(
                SUCCESS,
                "sum(scope_tasks.weight * task_success.yes_count)",
                "sum(task_success.yes_count)",
            ),
            Edit(
                USE_CASES,
                "sum(scope_tasks.weight * use_case_cells.conversation_count)",
                "sum(use_case_cells.conversation_count)",
            ),
        ),
        ("fct_task_success", "fct_use_case_shares"),
        ("success equals the truth", "use cases equal the truth"),
    ),
    Mutation(
        "pooled shares over all conversations, named as over the patterns",
        (
            Edit(
                PATTERNS,
                "100 * pattern_count / nullif(named_pattern_count, 0)",
                "100 * pattern_count / nullif(scope_conversation_count, 0)",
            ),
        ),
        ("fct_interaction_patterns",),
        ("share times base is the count",),
    ),
)


def test_the_shared_releases_pass_every_check(shared: Batch) -> None:
    """The clean build, which every mutation is compared with."""
    with attached(shared.con, shared.clean):
        failed = failed_checks(shared.con, CHECKS.values())
    assert not failed, message(failed)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda m: m.rule)
def test_a_broken_rule_is_seen(shared: Batch, mutation: Mutation) -> None:
    with attached(shared.con, shared.rebuild(mutation.models, mutation.edits)):
        failed = failed_checks(shared.con, CHECKS.values())
    print(message(failed))
    assert set(failed) == set(mutation.fails), message(failed)
    for rows in failed.values():
        assert all(all(row) for row in rows), "a violation names where it is"


def published_by(model: Model, rules: Rules) -> duckdb.DuckDBPyConnection:
    """A release that declares the floor of 15 and is published by other rules."""
    return simulate_batch(model, [Setting(4, ((20_000, 8_000),))], rules)


def test_a_publisher_with_a_floor_of_14_is_seen(model: Model) -> None:
    rules = replace(Setting(4, ()).rules(), floor=PRIVACY_FLOOR - 1)
    failed = failed_checks(published_by(model, rules), ON_RAW_ROWS)
    print(message(failed))
    assert set(failed) == {"no named cell is under the floor"}, message(failed)
    rows = failed["no named cell is under the floor"]
    assert {row.observed for row in rows} == {"14.0"}, message(failed)


def test_a_publisher_that_drops_the_residual_is_seen(
    model: Model, shared: Batch
) -> None:
    """The raw rows no longer partition the sample, and the build refuses the files."""
    rules = replace(Setting(4, ()).rules(), keep_residual=False)
    con = published_by(model, rules)
    failed = failed_checks(con, ON_RAW_ROWS)
    assert set(failed) == {"published cells partition the sample"}, message(failed)
    con.execute("update release_row set release_id = 'setting_1_0000'")
    try:
        write_releases(con, shared.made.data)
        with pytest.raises(MartsError) as refused:
            shared.rebuild(("+stg_aei__input_problems",))
    finally:
        write_releases(shared.con, shared.made.data)
    text = str(refused.value)
    print(text)
    assert text.startswith("stg_aei__input_problems"), text
    assert "Rows are missing" in text, text


def test_every_check_is_seen_failing() -> None:
    """A check that no broken rule makes speak proves nothing."""
    seen = {name for mutation in MUTATIONS for name in mutation.fails}
    seen |= {check.name for check in ON_RAW_ROWS}
    assert seen == set(CHECKS)
    for mutation in MUTATIONS:
        assert all((PROJECT / edit.path).is_file() for edit in mutation.edits)
