"""The project as it was parsed before, and the build script that is spared to do so."""

from __future__ import annotations

import functools
import sys
from pathlib import Path

from dbt.contracts.graph.manifest import Manifest
from dbt.parser.manifest import extended_mashumuro_decoder


def read_parsed(folder: Path) -> Manifest:
    """The project from the folder of dbt's that it was parsed into."""
    parsed = (folder / "target" / "partial_parse.msgpack").read_bytes()
    manifest = Manifest.from_msgpack(parsed, decoder=extended_mashumuro_decoder)
    manifest.build_flat_graph()
    manifest.build_parent_and_child_maps()
    return manifest


if __name__ == "__main__":
    sys.path.insert(0, "scripts")
    import build
    from warehouse import building

    manifest = read_parsed(Path(sys.argv.pop(1)))
    building.Dbt = functools.partial(building.Dbt, manifest=manifest)  # type: ignore
    sys.exit(build.main())
