"""Measure how often the marts' intervals and bounds hold a truth that is known.

`make calibrate` calls this: it writes a seed and a page of the docs. What is simulated
and compared with what: ``simulation.calibration.run``.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from simulation.calibration.page import broken_text, write_page
from simulation.calibration.run import batches, build, judge, simulate, suppressed
from simulation.model import load_model
from simulation.releases import open_database
from warehouse.paths import PROJECT


def main(arguments: list[str] | None = None) -> int:
    """Command line; exit status 0 if every bound holds, 1 if one does not."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--releases", type=int, default=200, help="per batch")
    add("--conversations", type=int, default=100_000, help="of each release")
    add("--seed", type=int, default=1)
    add("--replicates", type=int, default=1000, help="of the bootstrap")
    add(
        "--output",
        type=Path,
        default=PROJECT / "seeds" / "reference" / "interval_calibration.csv",
    )
    add("--doc", type=Path, default=PROJECT / "docs" / "interval-calibration.md")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as own:
        folder = Path(own)
        con = open_database(str(folder / "simulated.duckdb"))
        model = load_model(PROJECT / "seeds" / "simulation")
        print(f"simulating 2 x {options.releases} releases", flush=True)
        wanted = batches(model, options.releases, options.conversations)
        simulate(con, wanted, options.seed)
        print("building the marts", flush=True)
        built = build(con, folder, options.replicates)
        summary = judge(con)
        hidden = suppressed(built)
    for path in (options.output, options.doc):
        path.parent.mkdir(parents=True, exist_ok=True)
    summary.write_csv(options.output)
    rows = summary.to_dicts()
    sizes = {"superpopulation": len(wanted[0].model.tasks), "tasks": wanted[0].tasks}
    write_page(options.doc, rows, vars(options) | sizes | {"suppressed": hidden})
    print(f"{len(rows)} rows: {options.output}, {options.doc}")
    broken = broken_text(rows)
    print(broken, end="", file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
