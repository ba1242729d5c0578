"""The expectations as a project of Great Expectations, for whoever has only that.

It needs great_expectations and duckdb-engine, and no file of ours: the dialect comes
along as a plugin, which Great Expectations imports with the stores of the project.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import great_expectations as gx
import yaml
from expectations import CHECKS

from validation import dialect
from validation.run import BOUNDARIES, datasource, questions

PLUGIN = "duckdb_buffered"
ABOUT = """# Expectations on the marts of AI in education

Suites, validation definitions and the checkpoints `raw` and `marts`, as the build asks
them. With `pip install great_expectations==1.24.1 duckdb-engine "sqlalchemy<2.1"`, from
any folder:

    import great_expectations as gx
    context = gx.get_context(mode="file", project_root_dir="the folder of this file")
    print(context.checkpoints.get("marts").run().success)

The file that is judged stands in `gx/great_expectations.yml` (`connection_string`),
relative to the folder of this page. Data Docs are in `gx/uncommitted/data_docs` after
`context.build_data_docs()`; they load their style from other hosts. The page of the
same answers that opens offline is `validation.html`, beside the published warehouse.
"""


def export_project(warehouse: Path, folder: Path) -> Path:
    """Write suites, validation definitions and one checkpoint for each boundary.

    The project in ``folder``/gx reads ``warehouse``, by its place relative to
    ``folder``. A project that is there is replaced.
    """
    project = folder / "gx"
    shutil.rmtree(project, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    context = gx.get_context(mode="file", project_root_dir=str(folder))
    with datasource(context, warehouse) as (source, connection):
        for boundary in BOUNDARIES:
            definitions = [
                question.definition(context, source)
                for question in questions(connection, boundary, CHECKS)
                if question.has_something_to_judge
            ]
            context.checkpoints.add_or_update(
                gx.Checkpoint(name=boundary, validation_definitions=definitions)
            )
    shutil.copy(dialect.__file__, project / "plugins" / f"{PLUGIN}.py")
    settings = project / "great_expectations.yml"
    config = yaml.safe_load(settings.read_text("utf-8"))
    place = os.path.relpath(warehouse, folder.resolve())
    (stored,) = config["fluent_datasources"].values()
    stored["connection_string"] = f"{dialect.DRIVER}:///{place}"
    for store in config["stores"].values():
        store["store_backend"] |= {"module_name": PLUGIN}
    settings.write_text(yaml.safe_dump(config, sort_keys=False), "utf-8")
    (folder / "README.md").write_text(ABOUT, "utf-8")
    return project
