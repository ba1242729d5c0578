"""One release into files, as ``scripts/simulate.py`` asks for it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from warehouse.paths import PROJECT

from simulation.draw import Run
from simulation.files import update_manifest, write_releases
from simulation.model import load_model
from simulation.plan import parse_plan
from simulation.releases import open_database, simulate_releases
from simulation.task_lists import scaled, with_regions
from simulation.truth import write_truth

FULL_SIZE = {
    "tasks": 4_100,
    "regions": 2_700,
    "facets": "all",
    "release_id": "simulated_full_size",
}


@dataclass(frozen=True)
class Request:
    """What to simulate, and where to write it; the defaults are the shipped sample.

    ``conversations`` and ``api_records``: how many. ``tasks`` and ``regions``: how many
    in place of the seeds' (None: those). The fields from ``output_dir`` on decide
    nothing about the content.
    """

    seed: int = 20260105
    conversations: int = 998_400
    api_records: int = 971_300
    tasks: int | None = None
    regions: int | None = None
    facets: str = "sample"
    release_id: str = "simulated_2026_01"
    truth: bool = False
    full_size: bool = False
    output_dir: Path | None = None
    manifest: Path | None = None
    conversations_parquet: Path | None = None
    threads: int | None = None
    memory_limit: str = "3GB"
    temp_dir: Path | None = None

    @property
    def is_sample(self) -> bool:
        """Whether the content is that of the shipped sample."""
        names = ("output_dir", "manifest", "conversations_parquet")
        names += ("threads", "memory_limit", "temp_dir")
        return self == replace(Request(), **{n: getattr(self, n) for n in names})

    def filled(self) -> Request:
        """The same, with what full size stands for where nothing else is asked."""
        asked = {n: v for n, v in vars(self).items() if v != getattr(Request, n)}
        return replace(self, **FULL_SIZE | asked) if self.full_size else self


def write_release(request: Request) -> list[dict[str, str]]:
    """Simulate the release and write its files; returns their manifest rows.

    Raises ValueError for a request that can't be met or that would write another
    release into the project.
    """
    if min(request.conversations, request.api_records) < 1:
        raise ValueError(
            "observed: no conversations or no records; expected: at least 1 of each; "
            "do: raise --conversations or --api-records"
        )
    output = request.output_dir
    if output is None:
        if not request.is_sample:
            raise ValueError(
                "observed: other options than the shipped sample's, and no place to "
                "write to; expected: --output-dir, so that seeds/aei stays as it is; "
                "do: name a folder"
            )
        output = PROJECT / "seeds" / "aei"
    wanted = request.filled()
    plan = parse_plan(wanted.facets)
    model = load_model(PROJECT / "seeds" / "simulation")
    if wanted.tasks is not None:
        model = scaled(model, wanted.tasks)
    if wanted.regions is not None:
        model = with_regions(model, wanted.regions)
    sizes = {"claude_ai": wanted.conversations, "1p_api": wanted.api_records}
    run = Run(0, wanted.release_id, wanted.seed, sizes)
    with open_database(
        memory_limit=wanted.memory_limit,
        threads=wanted.threads,
        temp_directory=wanted.temp_dir,
    ) as con:
        simulate_releases(
            con,
            model,
            [run],
            plan,
            conversations=wanted.conversations_parquet,
            with_truth=wanted.truth,
        )
        rows = write_releases(con, output)
        if wanted.truth:
            write_truth(con, output / f"release_{wanted.release_id}" / "truth")
    if wanted.manifest is not None:
        update_manifest(wanted.manifest, rows)
    return rows
