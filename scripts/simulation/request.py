"""One release into files, as ``scripts/simulate.py`` asks for it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb
from warehouse.paths import PROJECT

from simulation.draw import Run
from simulation.files import update_manifest, write_releases
from simulation.flat import FLAT_PLAN, write_flat
from simulation.model import Model, load_model
from simulation.monthly import monthly_runs, write_monthly
from simulation.plan import parse_plan
from simulation.publish import Rules
from simulation.releases import open_database, simulate_releases
from simulation.task_lists import scaled, with_regions
from simulation.truth import write_truth

# What stands for None in a request, by family, and at full size.
FAMILY_FIELDS = ("release_id", "conversations", "api_records")
DEFAULTS = {
    "A": ("simulated_2025_02", 998_400, 0),
    "B": ("simulated_2026_01", 998_400, 971_300),
    "C": ("simulated_2026_06", 300_000, 100_000),
}
FULL_SIZE = {
    "release_id": "simulated_full_size",
    "facets": "all",
    "tasks": 4_100,
    "regions": 2_700,
}
FULL_MONTHS = {"conversations": 3_200_000, "api_records": 840_000}


@dataclass(frozen=True)
class Request:
    """What to simulate, and where to write it; the defaults are the shipped sample.

    ``family``: the layout, A (flat), B (long) or C (monthly). ``conversations`` and
    ``api_records``: how many; of family C, in each month. ``tasks`` and ``regions``:
    how many in place of the seeds'. None: what the family's sample has. The fields
    from ``output_dir`` on decide nothing about the content.
    """

    family: str = "B"
    seed: int = 20260105
    conversations: int | None = None
    api_records: int | None = None
    tasks: int | None = None
    regions: int | None = None
    facets: str | None = None
    release_id: str | None = None
    truth: bool = False
    full_size: bool = False
    output_dir: Path | None = None
    manifest: Path | None = None
    conversations_parquet: Path | None = None
    threads: int | None = None

    @property
    def is_sample(self) -> bool:
        """Whether the content is that of a shipped sample."""
        names = ("output_dir", "manifest", "conversations_parquet", "threads")
        own = {n: getattr(self, n) for n in names}
        return self in (Request(**own), Request(family="C", **own))

    def filled(self) -> Request:
        """The same, with what the family's sample or full size has for None."""
        values: dict[str, Any] = {"facets": "sample"}
        values |= zip(FAMILY_FIELDS, DEFAULTS[self.family], strict=True)
        if self.full_size:
            values |= FULL_SIZE | (FULL_MONTHS if self.family == "C" else {})
        asked = {n: v for n, v in vars(self).items() if v is not None}
        return replace(self, **values | asked)


def write_release(request: Request) -> list[dict[str, str]]:
    """Simulate the release and write its files; returns their manifest rows.

    Raises ValueError for a request that can't be met or that would write another
    release into the project.
    """
    numbers = (request.conversations, request.api_records)
    if any(n is not None and n < 1 for n in numbers):
        raise ValueError(
            "observed: no conversations or no records; expected: at least 1 of each; "
            "do: raise --conversations or --api-records"
        )
    output = request.output_dir
    if output is None:
        if not request.is_sample:
            raise ValueError(
                "observed: other options than a shipped sample's, and no place to "
                "write to; expected: --output-dir, so that seeds/aei stays as it is; "
                "do: name a folder"
            )
        output = PROJECT / "seeds" / "aei"
    wanted = request.filled()
    model = load_model(PROJECT / "seeds" / "simulation")
    if wanted.tasks is not None:
        model = scaled(model, wanted.tasks)
    if wanted.regions is not None:
        model = with_regions(model, wanted.regions)
    with open_database(threads=wanted.threads) as con:
        rows = _write(con, model, wanted, output)
    if wanted.manifest is not None:
        update_manifest(wanted.manifest, rows)
    return rows


def _write(
    con: duckdb.DuckDBPyConnection, model: Model, wanted: Request, output: Path
) -> list[dict[str, str]]:
    """Simulate what is wanted of the model; a filled request has no None in it."""
    release_id, facets = str(wanted.release_id), str(wanted.facets)
    sizes = {"claude_ai": wanted.conversations or 0, "1p_api": wanted.api_records or 0}
    if wanted.family == "C":
        if wanted.conversations_parquet is not None:
            raise ValueError(
                "observed: --conversations-parquet with family C; expected: A or B; "
                "do: ask for the conversations of family B, which are those of the "
                "first month"
            )
        runs = monthly_runs(release_id, wanted.seed, sizes)
        return write_monthly(con, model, runs, output, facets, wanted.truth)
    is_flat = wanted.family == "A"
    simulate_releases(
        con,
        model,
        [Run(0, release_id, wanted.seed, sizes)],
        FLAT_PLAN if is_flat else parse_plan(facets),
        conversations=wanted.conversations_parquet,
        with_truth=wanted.truth or is_flat,
    )
    if wanted.truth:
        write_truth(con, output / f"release_{release_id}" / "truth")
    if is_flat:
        return write_flat(con, output, release_id, Rules.of(model).floor)
    return write_releases(con, output)
