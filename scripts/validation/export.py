"""Write the expectations as a Great Expectations project of files."""

from __future__ import annotations

from pathlib import Path

import great_expectations as gx
import sqlalchemy as sa
from expectations import CHECKS
from expectations.check import Slice

from validation.dialect import DRIVER
from validation.run import (
    RELEASES,
    batch_name,
    bound_of,
    count_rows,
    has_something_to_judge,
    suite_of,
)


def export_project(warehouse: Path, folder: Path) -> Path:
    """Write suites, validation definitions and one checkpoint for each boundary.

    The project in ``folder``/gx reads ``warehouse``. Its data source needs the dialect
    of ``validation.dialect``; suites and queries can be used with any other.
    """
    folder.mkdir(parents=True, exist_ok=True)
    context = gx.get_context(mode="file", project_root_dir=str(folder))
    context.variables.progress_bars = {"globally": False}
    source = context.data_sources.add_or_update_sql(
        name="warehouse",
        connection_string=f"{DRIVER}:///{warehouse}",
        create_temp_table=False,
        kwargs={"connect_args": {"read_only": True}},
    )
    engine = source.get_engine()
    for boundary, releases in RELEASES.items():
        definitions = []
        with engine.connect() as connection:
            slices = [Slice(*row) for row in connection.execute(sa.text(releases))]
            asked = [
                (check, part, bound_of(connection, check, part))
                for check in CHECKS
                for part in (*slices, Slice(None, None))
                if check.boundary == boundary
                and check.applies_to(part)
                # Great Expectations takes the maximum of nothing for a failure.
                and has_something_to_judge(
                    check, count_rows(connection, check.sql(part))
                )
            ]
        for check, part, bound in asked:
            name = batch_name(check, part)
            asset = source.add_query_asset(name=name, query=check.sql(part))
            suite = context.suites.add_or_update(suite_of(check, bound, part))
            batch = asset.add_batch_definition_whole_table(name)
            definition = gx.ValidationDefinition(name=name, data=batch, suite=suite)
            definitions.append(context.validation_definitions.add_or_update(definition))
        context.checkpoints.add_or_update(
            gx.Checkpoint(name=boundary, validation_definitions=definitions)
        )
    engine.dispose()
    return folder / "gx"
