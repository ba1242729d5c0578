"""The validation page: one HTML file that opens without network."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import jinja2

from validation.results import Result, Run

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


@dataclass
class Assumption:
    """An assumption of the register with its guards and the answers of one run."""

    assumption_id: str
    name: str
    statement: str
    consequence: str
    status: str
    source: str
    affected: list[str] = field(default_factory=list)
    guards: list[tuple[str, str]] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)

    @property
    def outcome(self) -> str:
        """The worst failure, else held where anything was judged (see OUTCOMES)."""
        outcomes = {outcome_of(result) for result in self.results}
        if self.status == "not_checkable":
            return "not_checkable"
        for outcome in ("critical", "warning", "held", "open"):
            if outcome in outcomes:
                return outcome
        return "held"  # by loader checks and dbt tests, or nothing would be here


def outcome_of(result: Result) -> str:
    """The answer as a key of OUTCOMES."""
    if result.is_success is None:
        return "open"
    return "held" if result.is_success else result.severity


def write(warehouse: Path, folder: Path) -> list[Path]:
    """Write the page of the latest run that the warehouse holds into ``folder``."""
    with duckdb.connect(str(warehouse), read_only=True) as con:
        rows = con.execute(
            "select * exclude (is_latest_run) from marts.fct_expectation_results "
            "where is_latest_run order by all"
        )
        names = [column[0] for column in rows.description]
        records = [dict(zip(names, row, strict=True)) for row in rows.fetchall()]
    run = Run(records[0]["run_id"], records[0]["run_at"]) if records else None
    results = [
        Result(**{k: v for k, v in record.items() if k not in ("run_id", "run_at")})
        for record in records
    ]
    return [write_page(warehouse, results, run, folder, was_published=True)]


def write_page(
    warehouse: Path,
    results: Sequence[Result],
    run: Run | None,
    folder: Path,
    was_published: bool,
) -> Path:
    """Write the page of these answers; the register comes from the warehouse file."""
    assumptions = read_register(warehouse)
    for result in results:
        assumptions[result.assumption_id].results.append(result)
    ordered = sorted(
        assumptions.values(), key=lambda each: list(OUTCOMES).index(each.outcome)
    )
    for assumption in ordered:
        assumption.results.sort(
            key=lambda result: list(OUTCOMES).index(outcome_of(result))
        )
    counts: dict[str, int] = defaultdict(int)
    for result in results:
        counts[outcome_of(result)] += 1
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["examples"] = examples
    page = environment.get_template("validation.html.j2").render(
        assumptions=ordered,
        counts=counts,
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


def read_register(warehouse: Path) -> dict[str, Assumption]:
    """The register with what it affects and its listed guards, in its own order."""
    with duckdb.connect(str(warehouse), read_only=True) as con:
        assumptions = {
            row[0]: Assumption(*row)
            for row in con.execute(
                "select assumption_id, assumption_name, statement, consequence, "
                "status, source from reference.sampling_assumptions"
            ).fetchall()
        }
        for assumption_id, mart, column in con.execute(
            "select assumption_id, mart, column_name "
            "from reference.sampling_assumption_columns order by all"
        ).fetchall():
            assumptions[assumption_id].affected.append(
                mart if column == "*" else f"{mart}.{column}"
            )
        for assumption_id, kind, name in con.execute(
            "select assumption_id, guard_kind, guard_name "
            "from reference.sampling_assumption_guards order by all"
        ).fetchall():
            assumptions[assumption_id].guards.append((kind.replace("_", " "), name))
    return assumptions


def examples(text: str) -> list[str]:
    """The example rows of a result, one line of ``name: value`` pairs each."""
    rows: list[dict[str, Any]] = json.loads(text)
    return [
        ", ".join(f"{name}: {value}" for name, value in row.items()) for row in rows
    ]
