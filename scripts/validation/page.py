"""The validation page: one HTML file that opens without network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import jinja2
from warehouse.reading import connect, records

from validation.results import HISTORY, Result, Run

NAME = "validation.html"
TEMPLATES = Path(__file__).resolve().parent / "templates"
# Worst first; what failed comes before what nothing can check.
OUTCOMES = {
    "critical": "failed, stops the build",
    "warning": "failed, published with a warning",
    "open": "nothing to judge in this copy",
    "held": "held",
    "not_checkable": "can't be checked with this data",
}
# The assumptions in their own order, each with what it affects and its listed guards.
REGISTER = """
    select register.*, register.assumption_name as name,
        (
            select list(
                mart || if(column_name = '*', '', '.' || column_name)
                order by mart, column_name
            )
            from reference.sampling_assumption_columns as affected
            where affected.assumption_id = register.assumption_id
        ) as affected,
        (
            select list(
                [replace(guard_kind, '_', ' '), guard_name]
                order by guard_kind, guard_name
            )
            from reference.sampling_assumption_guards as guards
            where guards.assumption_id = register.assumption_id
        ) as guards
    from reference.sampling_assumptions as register
    order by register.rowid
"""


def outcome_of(result: Result) -> str:
    """The answer as a key of OUTCOMES."""
    if result.is_success is None:
        return "open"
    return "held" if result.is_success else result.severity


def outcome_of_all(status: str, results: Sequence[Result]) -> str:
    """The worst failure, else held where anything was judged (see OUTCOMES)."""
    if status == "not_checkable":
        return status
    found = set(map(outcome_of, results))
    # Without answers it is held by loader checks and dbt tests, or would not be here.
    order = ("critical", "warning", "held", "open")
    return next((outcome for outcome in order if outcome in found), "held")


def counts_of(results: Sequence[Result]) -> Counter[str]:
    """How many checks, by outcome: each once, of however many releases it was asked."""
    checks = {result.expectation_id for result in results}
    return Counter(
        outcome_of_all("", [r for r in results if r.expectation_id == check])
        for check in checks
    )


def write(warehouse: Path, folder: Path) -> list[Path]:
    """Write the page of the latest run that the warehouse holds into ``folder``."""
    latest = f"select * exclude (is_latest_run) from {HISTORY} where is_latest_run"
    with connect(warehouse) as con:
        rows = records(con, f"{latest} order by all")
    runs = [Run(row.pop("run_id"), row.pop("run_at")) for row in rows]
    results = [Result(**row) for row in rows]
    run = runs[0] if runs else None
    return [write_page(warehouse, results, run, folder, was_published=True)]


def write_page(
    warehouse: Path,
    results: Sequence[Result],
    run: Run | None,
    folder: Path,
    was_published: bool,
) -> Path:
    """Write the page of these answers; the register comes from the warehouse file."""
    order = list(OUTCOMES).index
    with connect(warehouse) as con:
        register = records(con, REGISTER)
    for assumption in register:
        own = [r for r in results if r.assumption_id == assumption["assumption_id"]]
        assumption["results"] = sorted(own, key=lambda each: order(outcome_of(each)))
        assumption["outcome"] = outcome_of_all(assumption["status"], own)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    page = environment.get_template("validation.html.j2").render(
        assumptions=sorted(register, key=lambda each: order(each["outcome"])),
        counts=counts_of(results),
        outcomes=OUTCOMES,
        outcome_of=outcome_of,
        run=run,
        slices=sorted({(r.release_id, r.platform) for r in results} - {("all", "all")}),
        is_simulated=any(r.release_id.startswith("simulated") for r in results),
        was_published=was_published,
    )
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / NAME
    path.write_text(page, encoding="utf-8")
    return path
