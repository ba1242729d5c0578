"""Nothing that a build leaves for others says more of own conversations than the cells
that it publishes, and these pin no small one.

The first build is of conversations with small cells. The second is of others in the
same windows: days have come, accounts have gone, labels have changed, and each small
cell has grown over the floor. Who holds everything public of both may not see that.
"""

from __future__ import annotations

import os
import re
import shutil
import zipfile
from collections.abc import Callable
from datetime import date
from functools import cache, partial
from pathlib import Path
from typing import ClassVar

import build as build_script
import duckdb
import polars as pl
import pytest
from conftest import PROJECT, Build, query
from dbt.contracts.graph.manifest import Manifest
from disclosure import CELL, COUNT, Attack, Key, World, load_model
from own_conversations import (
    LABELS,
    OLDER,
    RESIDUAL,
    ROWS,
    SMALL_TASK,
    ParsedDbt,
    conversations,
    own_environment,
    private_cells,
    small_cells,
)
from public_artefacts import moved, pieces, printed
from validation import results
from warehouse import building, recording

RELEASE, MARCH = "our_school_v1", date(2026, 3, 1)
FLOOR = load_model().Floor()
SMALL: list[Key] = [
    ("global", "GLOBAL", "onet_task", SMALL_TASK.lower(), None),
    ("country", "FR", "country", "", None),
    ("country", "AT", "country", "", None),
]


kept = cache(pieces)  # of a folder that nothing changes


def others() -> pl.DataFrame:
    """What the school delivers in the end."""
    rows = ROWS.head(3000)
    again = pl.col("conversation_id").is_in(rows["conversation_id"][5:45].to_list())
    return pl.concat(
        [
            rows[5:].with_columns(
                use_case=pl.when(again).then(pl.lit("work")).otherwise("use_case")
            ),
            rows.head(30).with_columns(
                conversation_id="late-" + pl.col("conversation_id")
            ),
            small_cells(more=60),
            # A window that is too small to be shown.
            conversations(4, seed=11, first=date(2026, 5, 2), days=1),
        ]
    )


class Watched(ParsedDbt):
    """dbt that keeps what others may do with files that are made while it builds."""

    modes: ClassVar[list[int]] = []

    def build(self, *selection: str) -> None:
        made = Path(os.environ["AEI_WORK_FILE"]).with_name("made")
        made.touch()
        self.modes.append(made.stat().st_mode & 0o077)
        made.unlink()
        super().build(*selection)


def small(folder: Path) -> pl.DataFrame:
    """The private cells of March that are under a floor."""
    cells = private_cells(folder / "work.duckdb").filter(
        pl.col("release_id") == RELEASE, pl.col("window_start_date") == MARCH
    )
    return cells.filter(
        (pl.col(COUNT) < FLOOR.conversations)
        | (pl.col("account_count") < FLOOR.accounts)
    )


def is_cell(key: Key) -> pl.Expr:
    """Which cell is that of a key."""
    return pl.all_horizontal(
        pl.col(name).eq_missing(pl.lit(value))
        for name, value in zip(CELL, key, strict=True)
    )


def keys(cells: pl.DataFrame) -> set[Key]:
    """What tells cells apart."""
    return set(cells.select(CELL).iter_rows())


def test_no_public_piece_tells_two_sets_of_conversations_apart(
    own: Build,
    own_manifest: Manifest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(building, "Dbt", partial(Watched, manifest=own_manifest))
    # Another build has another name, and says what the first one saw.
    ((name, at, *code),) = own.query(
        "select build_id, built_at, project_version, code_commit, code_sha256, "
        "lock_sha256, duckdb_version from marts.dim_build"
    )
    monkeypatch.setattr(results.Run, "now", lambda: results.Run(name, at))
    monkeypatch.setattr(results, "carry_over", lambda *_: None)
    monkeypatch.setattr(recording, "code", lambda: tuple(code))
    later = tmp_path / "later"
    shutil.copytree(own.folder, later, ignore=shutil.ignore_patterns("target", "logs"))
    (later / OLDER).touch()
    file = later / "conversations" / "march.csv"
    drawn = pl.read_csv(file).filter(pl.col("source_id") != "our_school")
    pl.concat([others(), drawn], how="diagonal_relaxed").write_csv(file)
    place = ["--output", str(later / "published.duckdb")]
    place += ["--work-file", str(later / "work.duckdb")]
    capsys.readouterr()
    with own_environment(later, file.parent):
        del os.environ["DBT_EXCLUDE_RESOURCE_TYPES"]
        assert build_script.main(place) == 0
    said = capsys.readouterr().out

    # They are others: of the small cells, those that were planted are small no more.
    before, after = keys(small(own.folder)), keys(small(later))
    assert set(SMALL) <= before - after
    assert len(before - after) > 20
    # Nobody sees it.
    assert moved(kept(own.folder), pieces(later)) == []
    assert printed(own.stdout, own.folder) == printed(said, later)
    assert query(later / "published.duckdb", "from marts.fct_figure_changes") == []
    work, published = (later / f"{file}.duckdb" for file in ("work", "published"))
    assert work.read_bytes() == published.read_bytes()
    # Nor may others read what lies beside the private file meanwhile.
    assert Watched.modes[0] == 0
    assert published.stat().st_mode == file.stat().st_mode
    assert "from 2026-05-01: not shown" in said


# Of each kind of piece one that tells of a small cell ---------------------------------


def written(old: str, new: str) -> Callable[[Path], None]:
    """Another text in a file."""

    def write(path: Path) -> None:
        text = path.read_text("utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), "utf-8")

    return write


def run(sql: str) -> Callable[[Path], None]:
    """A statement on a DuckDB file."""

    def execute(path: Path) -> None:
        with duckdb.connect(str(path)) as con:
            con.execute(sql)

    return execute


def in_workbook(path: Path) -> None:
    """The sheets, of which one has another number."""
    with zipfile.ZipFile(path) as book:
        parts = {name: book.read(name) for name in book.namelist()}
    parts["xl/worksheets/sheet9.xml"] += b"<!-- 3 -->"
    with zipfile.ZipFile(path, "w") as book:
        for name, part in parts.items():
            book.writestr(name, part)


def in_parquet(path: Path) -> None:
    """The same rows, with a word more about them."""
    rows = duckdb.sql(f"from '{path}'").arrow()
    with duckdb.connect() as con:
        con.register("rows", rows)
        con.execute(
            f"copy rows to '{path}' (format parquet, kv_metadata {{read: '3'}})"
        )


COUNTED = "update {} set row_count = row_count + 1 where release_id = 'our_school_v1'"
LEAKS: dict[str, tuple[str, Callable[[Path], None]]] = {
    "a private table": (
        "published.duckdb",
        run("create table staging.rows as select 3"),
    ),
    "the rows that were read": (
        "published.duckdb",
        run(COUNTED.format("marts.dim_release_files")),
    ),
    "the same inside": (
        "published.duckdb",
        run(COUNTED.format("intermediate.int_release_files")),
    ),
    "what moved": (
        "published.duckdb",
        run(
            "insert into marts.fct_figure_changes values ('fct_place_usage', "
            "'geo_id FR', 'count', 'value_changed', 'other_data', '2', '62')"
        ),
    ),
    "an answer of a check": (
        "published.duckdb",
        run("update marts.fct_expectation_results set observed = '3 unexpected'"),
    ),
    "a comment": (
        "published.duckdb",
        run("comment on table marts.dim_releases is 'of 3 conversations'"),
    ),
    "a view": ("published.duckdb", run("create view marts.v as select 3 as folded")),
    "a Parquet file": ("parquet/dim_releases.parquet", in_parquet),
    "a CSV file": ("csv/fct_cell_coverage.csv", written("our_school_v1", "3,")),
    "its companion": ("csv/dim_build.csv-metadata.json", written("{", '{"read": 3,')),
    "how it was built": ("csv/dim_build.csv", written("1.0.0", "1.0.3")),
    "the Data Package": ("parquet/datapackage.json", written("{", '{"read": 3,')),
    "the workbook": ("ai_in_education.xlsx", in_workbook),
    "the report": ("report.html", written("</body>", "folded: 3</body>")),
    "the page of checks": ("validation.html", written("</body>", "3 rows</body>")),
    "statistics of a table": (
        "docs/index.html",
        written('"value":false', '"value":3'),
    ),
    "the page of columns": ("docs/lineage.html", written("</body>", "3 rows</body>")),
    "what dbt keeps": ("target/catalog.json", written('"value": false', '"value": 3')),
    "a statement": (
        "target/compiled/ai_in_education/models/marts/releases/dim_releases.sql",
        written("select", "select 3 as folded,"),
    ),
    "a line of the log": ("logs/dbt.log", written("[RUN]", "[RUN of 3 rows]")),
    "a file that is not known": ("private.json", lambda path: path.touch()),
}


@pytest.mark.parametrize("leak", LEAKS)
def test_piece_that_tells_is_seen(leak: str, own: Build, tmp_path: Path) -> None:
    place, tell = LEAKS[leak]
    if not (own.folder / place).exists():
        (tmp_path / place).touch()
        with pytest.raises(AssertionError, match="nothing says how"):
            pieces(tmp_path)
        return
    (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(own.folder / place, tmp_path / place)
    before = {at: of for at, of in kept(own.folder).items() if at.split()[0] == place}
    assert before
    tell(tmp_path / place)
    assert moved(before, pieces(tmp_path))


def test_line_that_tells_is_seen() -> None:
    silent = "  own conversations: 1 of 1 files new or changed, 0 gone; nothing to read"
    own = "  own conversations: a_v1, chat, from 2026-03-01: not shown. It is "
    folder = Path("build")
    assert printed(f"{silent}\n{own}small.", folder) == []
    assert printed(f"{silent} (3)\n{own}3.", folder) == [f"{silent} (3)", f"{own}3."]


def test_only_a_build_opens_the_private_file() -> None:
    """What is made of a published file later can't tell more than that file."""
    scripts = PROJECT / "scripts"
    names = re.compile("private_state|private_file|PRIVATE_FILE")
    found = {
        str(path.relative_to(scripts))
        for path in scripts.rglob("*.py")
        if names.search(path.read_text("utf-8")) and path.parent.name != "conversations"
    }
    # The build, what Spark is given, failing rows of a test, and who won't serve it.
    assert found == {
        *("warehouse/building.py", "spark/running.py", "warehouse/reading.py"),
        "explore.py",
    }


# What the cells of these builds leave open --------------------------------------------


def attack_on(own: Build, as_people: bool) -> Attack:
    """An attack that knows what the build has published of March."""
    country, region = pl.col("country"), pl.col("region")
    march = ROWS.filter(pl.col("started_on").dt.month() == MARCH.month).select(
        pl.col("task_text").str.to_lowercase().fill_null(RESIDUAL).alias("onet_task"),
        *LABELS,
        pl.coalesce(region, country + "-" + RESIDUAL, pl.lit("")).alias("region"),
    )
    labels = {k: [name for name in own if name] for k, own in LABELS.items()}
    attack = Attack(World(march, labels, as_people))
    cells = pl.DataFrame(
        own.query(
            f"select {', '.join([*CELL, COUNT])} "
            "from intermediate.int_conversation_cells_protected "
            f"where release_id = '{RELEASE}' and window_start_date = '{MARCH}'"
        ),
        schema=[*CELL, COUNT],
        orient="row",
        infer_schema_length=None,
    )
    attack.read(cells, "")
    return attack


@pytest.mark.parametrize("as_people", [False, True], ids=["tables", "people"])
def test_small_cells_of_a_build_are_not_pinned(as_people: bool, own: Build) -> None:
    cells = small(own.folder)
    planted = pl.concat([cells.filter(is_cell(key)) for key in SMALL])
    assert len(planted) == len(SMALL)
    attack = attack_on(own, as_people)
    assert attack.pinned(planted if as_people else cells, FLOOR) == {}
    # A total of a folded place, beside them, is seen.
    attack.learn({("", at): w for at, w in attack.world.cell(SMALL[1]).items()}, 2)
    assert set(attack.pinned(planted, FLOOR)) == {SMALL[1]}
