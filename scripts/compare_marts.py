"""Compare the marts of two published warehouses value by value, for maintainers.

    .venv/bin/python scripts/compare_marts.py OLD NEW [--map FILE]

Rows meet on the grain of the mart (`meta.grain` of this project's YAML). Numbers agree
within 1e-9, relative or absolute; everything else when it is the same. What changed on
purpose is said in a YAML file of SQL on the old file, whose marts stand in `old.marts`:

    marts:          # how the rows of a mart are made of the old file
      fct_a: select * rename (b as c) from old.marts.fct_a where d <> 'e'
    each:           # what is done, after that, to each mart with all these columns
      - columns: [b, d]
        select: "* replace (if(d = 'x', 'y', b) as b)"
        where: d <> 'z'
    skip: [fct_f]   # marts that are not compared
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import duckdb
import yaml
from warehouse.comparing import Files, compared, grains


def main(arguments: list[str] | None = None) -> int:
    """Command line; exit status 0 the same, 1 different, 2 wrong usage."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("--map", type=Path, help="YAML: what changed on purpose")
    options = parser.parse_args(arguments)
    changes = yaml.safe_load(options.map.read_text("utf-8")) if options.map else {}
    known, different = grains(), []
    try:
        files = Files(options.old, options.new, changes)
        for mart in sorted((files.old | files.new) - set(changes.get("skip") or ())):
            lines = ["not compared", "it is only in one of the files"]
            if mart in files.old & files.new:
                now = files.rows(f"from new.marts.{mart}")
                lines = compared(files.before(mart), now, known[mart])
            print(f"{mart}: {lines[0]}", *lines[1:], sep="\n    ")
            different += [mart] if len(lines) > 1 else []
    except duckdb.Error as error:
        print(f"The files can't be compared.\n{error}", file=sys.stderr)
        return 2
    print(f"Different: {', '.join(different) or 'nothing'}")
    return int(bool(different))


if __name__ == "__main__":
    sys.exit(main())
