"""From raw files and own conversations to marts on Spark, and back to DuckDB.

DuckDB reads the files, which Spark's CSV reader would mangle, and writes them as
Parquet once; dbt builds and tests every model on Spark, into Parquet; dbt on DuckDB
then takes each model from there, under its own contract, tests and comments.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
from warehouse.errors import BuildError
from warehouse.paths import PROJECT, shown
from warehouse.reading import attach
from warehouse.runner import Dbt

PYTHON = PROJECT / ".venv-spark" / "bin" / "python"
# What DuckDB makes for Spark: seeds, which files there are, and lists that it checked.
GIVEN = (
    "--select",
    "path:seeds",
    "stg_aei__release_files",
    "path:models/staging/reference",
)
# What Spark does not build: what it is given, and what is said of a build at its end.
LEFT_OUT = (
    "resource_type:seed",
    "resource_type:unit_test",
    "stg_aei__release_files",
    "fct_expectation_results+",
    "path:models/marts/builds",
)
IN_PYTHON = "def model(dbt, session):\n    return session.sql({sql!r})\n"


def build(dbt: Dbt, work_file: Path) -> None:
    """Build every model on Spark and have ``dbt`` take them from there: of own
    conversations their cells, not them. Raises BuildError."""
    folder = work_file.parent
    dbt.build(*GIVEN)
    give(dbt, work_file, folder / "given")
    run(folder)
    take_from(folder / "spark-warehouse")


def give(dbt: Dbt, work_file: Path, folder: Path) -> None:
    """Write what Spark reads into a folder, by table; raises BuildError."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    private = os.environ.get("AEI_PRIVATE_FILE")
    statements = dbt.compiled(f"{{{{ give_to_spark('{folder}') }}}}").split(";\n")
    with duckdb.connect(str(work_file)) as con:
        if private:
            attach(con, Path(private), "private_state")
        for statement in filter(str.strip, statements):
            con.execute(statement)
        rejected = (
            con.sql(f"select count(*) from {name}").fetchall()[0][0]
            for (name,) in con.sql(
                "select table_name from duckdb_tables() "
                "where table_name like '%_rejected_rows'"
            ).fetchall()
        )
        if any(rejected):
            raise BuildError(
                "Lines of the raw files can't be split into their columns; make "
                "warehouse names them."
            )


def run(folder: Path) -> None:
    """Build and test on Spark what lies in ``folder``/given; raises BuildError."""
    if not PYTHON.is_file():
        raise BuildError("Spark is not installed: make .venv-spark (about 1 GB).")
    marts = folder / "spark-warehouse"
    shutil.rmtree(marts, ignore_errors=True)
    settings = {
        "AEI_SPARK_INPUT": str(folder / "given"),
        "AEI_SPARK_OUTPUT": str(marts),
        "DBT_TARGET_PATH": str(folder / "target"),
        "DBT_LOG_PATH": str(folder / "logs"),
        "SPARK_LOCAL_IP": "127.0.0.1",
    }
    command = [
        *(str(PYTHON), str(PROJECT / "scripts" / "spark" / "adapter.py")),
        *("build", "--target", "spark", "--exclude", *LEFT_OUT),
        *("--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT)),
    ]
    with (folder / "spark.log").open("w") as log:
        done = subprocess.run(
            command, env=os.environ | settings, cwd=folder, stdout=log, stderr=log
        )
    if done.returncode:
        raise BuildError(
            f"Spark stopped. What it said is in {shown(folder / 'spark.log')}."
        )


def built(folder: Path) -> Iterator[tuple[str, str, str]]:
    """The tables of a Spark warehouse: schema, name, and its Parquet files."""
    for table in sorted(folder.glob("*.db/*")):
        yield table.parent.stem, table.name, str(table / "*.parquet")


def take_from(folder: Path) -> None:
    """From now on dbt in this process reads each model that Spark has built."""
    from dbt.compilation import Compiler

    os.environ["AEI_SPARK_TAKEN"] = "1"
    tables = {(schema, name): files for schema, name, files in built(folder)}
    compiled = Compiler._compile_code

    def compile_code(self: Compiler, node: Any, manifest: Any, *extra: Any) -> Any:
        node = compiled(self, node, manifest, *extra)
        files = tables.get((node.schema, getattr(node, "alias", "")))
        if files and str(node.resource_type) == "model":
            sql = f"select * from read_parquet('{files}')"
            node.compiled_code = (
                sql
                if node.language == "sql"
                else node.compiled_code.replace(
                    node.raw_code, IN_PYTHON.format(sql=sql)
                )
            )
        return node

    Compiler._compile_code = compile_code
